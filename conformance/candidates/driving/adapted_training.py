"""Optimizers and schedulers in any dialect.

An optimizer is a class over parameters, given as pairs, as objects with ``.data`` and ``.grad``, as
two lists or as layers; a class without parameters whose ``update(layer, layer_id)`` (or
``update(params, grads)``) gets them with each call; or a function ``f(variables, gradients, config,
state)``, ``f(w, dw, config)``. Which of them it is shows when one step is tried: the parameter
moves. What an optimizer puts in the place of an array is copied back into the layer's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from conformance.candidates.dialect import (
    AnyArray,
    ContractError,
    Factory,
    NotImplementedHere,
    dtype_of,
    given_arguments,
)
from conformance.candidates.driving.native import NativeDialect
from conformance.candidates.driving.native_training import (
    as_rate,
    fresh_pairs,
    pairs_over,
    reported_rate,
    set_rate,
)
from conformance.candidates.wiring.arguments import positional
from conformance.candidates.wiring.names import ARGUMENTS
from conformance.candidates.wiring.wiring import Wiring
from conformance.records.trial import Trial
from conformance.spec.expressions import parse_expression

_STEP = ("step", "update", "update_params", "apply", "optimize", "update_weights")
# Where each parameter is updated on its own, `step` only counts, or there is only a call.
_STEP_OF_ONE = (
    "update",
    "update_params",
    "apply",
    "optimize",
    "update_weights",
    "__call__",
    "step",
)
_ZERO = ("zero_grad", "zero_grads", "zeroGradParameters", "zero_gradients")


class Parameter:
    """An array with its gradient, under the names that people give the two."""

    def __init__(self, data: AnyArray, grad: AnyArray) -> None:
        self.data: Any = data
        self.grad: Any = grad

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return np.shape(self.data)


def _alias(table: str, key: str) -> property:
    def read(self: Any) -> Any:
        return getattr(self, table) if not key else getattr(self, table)[key]

    def write(self: Any, value: Any) -> None:
        if key:
            getattr(self, table)[key] = value
        else:
            setattr(self, table, value)

    return property(read, write)


for _name in ("weights", "value", "values", "array", "weight"):
    setattr(Parameter, _name, _alias("data", ""))
for _name in ("gradient", "grads", "dw"):
    setattr(Parameter, _name, _alias("grad", ""))


class Layer:
    """A layer for ``update(layer)``: one parameter as its weight, and a bias of nothing."""

    trainable = True

    def __init__(self, data: AnyArray, grad: AnyArray) -> None:
        nothing = np.zeros((1, *np.shape(data)[-1:]), np.result_type(data))
        self.params: dict[str, Any] = {"W": data, "b": nothing}
        self.grads: dict[str, Any] = {"W": grad, "b": np.zeros_like(nothing)}


for _name in ("W", "w", "weight", "weights", "kernel"):
    setattr(Layer, _name, _alias("params", "W"))
for _name in ("b", "bias", "biases"):
    setattr(Layer, _name, _alias("params", "b"))
for _name in ("dW", "dw", "gradW", "grad_W", "grad_w", "grad_weight", "grad_weights", "dweights",
              "dweight", "weight_grad", "weights_grad", "w_grad", "W_grad"):  # fmt: skip
    setattr(Layer, _name, _alias("grads", "W"))
for _name in ("db", "gradb", "grad_b", "grad_bias", "grad_biases", "dbias", "dbiases", "bias_grad",
              "b_grad", "biases_grad"):  # fmt: skip
    setattr(Layer, _name, _alias("grads", "b"))


class ObjectLayer:
    """The same with parameter objects in it."""

    trainable = True

    def __init__(self, data: AnyArray, grad: AnyArray) -> None:
        nothing = np.zeros((1, *np.shape(data)[-1:]), np.result_type(data))
        self.w = self.weight = self.weights = self.W = Parameter(data, grad)
        self.bias = self.b = Parameter(nothing, np.zeros_like(nothing))

    def parameters(self) -> list[Parameter]:
        """Both."""
        return [self.w, self.bias]


class Net:
    """What ``step(net)`` asks for its parameters and gradients."""

    def __init__(self, holders: list[Any]) -> None:
        self.layers = holders

    def params_and_grads(self) -> Iterator[tuple[Any, Any]]:
        """Every parameter with its gradient."""
        for layer in self.layers:
            for key, value in layer.params.items():
                yield value, layer.grads[key]


@dataclass(frozen=True)
class Form:
    """How an optimizer gets its parameters.

    `holder` wraps an array and its gradient; `how` says when the optimizer gets them: all of them
    with its construction, each of them or all of them with each call of its step.
    """

    name: str
    holder: Callable[[AnyArray, AnyArray], Any]
    how: str


FORMS: tuple[Form, ...] = (
    Form("pairs", lambda data, grad: (data, grad), "construction"),
    Form("variables", Parameter, "construction"),
    Form("layers", Layer, "construction"),
    Form("layers of parameter objects", ObjectLayer, "construction"),
    Form("lists of arrays", Parameter, "lists"),
    Form("update(layer, layer_id)", Layer, "each"),
    Form("update(layer, layer_id)", ObjectLayer, "each"),
    Form("update(parameters, gradients)", Parameter, "all"),
    Form("update(parameters, gradients)", Parameter, "dictionaries"),
    Form("step(net)", Layer, "net"),
    Form("update(parameter, gradient)", Parameter, "returned"),
    Form("update(parameter, gradient, name)", Parameter, "named"),
)
FUNCTION = Form("f(variables, gradients, config, state)", Parameter, "nested")
FUNCTION_OF_ONE = Form("f(w, dw, config)", Parameter, "config")


def held_array(holder: Any) -> Any:
    """The array in a holder now."""
    match holder:
        case Layer():
            return holder.params["W"]
        case ObjectLayer():
            return holder.w.data
        case Parameter():
            return holder.data
    return holder[0]


def held_gradient(holder: Any) -> Any:
    """The gradient in a holder now."""
    match holder:
        case Layer():
            return holder.grads["W"]
        case ObjectLayer():
            return holder.w.grad
        case Parameter():
            return holder.grad
    return holder[1]


def _put(holder: Any, array: AnyArray, gradient: AnyArray) -> None:
    match holder:
        case Layer():
            holder.params["W"], holder.grads["W"] = array, gradient
        case ObjectLayer():
            holder.w.data, holder.w.grad = array, gradient
        case Parameter():
            holder.data, holder.grad = array, gradient


class AdaptedOptimizer:
    """Drives an optimizer that gets its parameters in one of the forms.

    `options` are the dictionaries that a function gets its arguments in.
    """

    def __init__(
        self, pairs: Mapping[str, tuple[AnyArray, AnyArray]], form: Form, holders: list[Any]
    ) -> None:
        self.pairs = pairs
        self.form = form
        self.holders = holders
        self.optimizer: Any = None
        self.options: list[Any] = []
        self.call: Callable[[], None] = lambda: None

    def get(self, name: str) -> AnyArray:
        """The array that belongs to the layer, in the dtype of what was put in its place."""
        array = self.pairs[name][0]
        found = held_array(self._holder(name))
        return array.astype(np.result_type(found), copy=False)

    def gradient(self, name: str) -> AnyArray:
        """Its gradient; what the optimizer put in its place counts, None means zeros."""
        found = held_gradient(self._holder(name))
        return found if isinstance(found, np.ndarray) else np.zeros_like(self.pairs[name][1])

    def _holder(self, name: str) -> Any:
        return self.holders[list(self.pairs).index(name)]

    def set_rate(self, rate: float) -> None:
        """The attribute of an optimizer, or the option that a function reads."""
        names = list(words_for("lr"))
        for options in self.options:
            options.update({name: rate for name in names if name in options})
        if not self.options:
            set_rate(self.optimizer, names, rate)

    def update(self, gradients: Mapping[str, AnyArray]) -> None:
        """Write the gradients into their arrays, take the step, bring back what was replaced."""
        for name, value in gradients.items():
            self.pairs[name][1][...] = value
        for (array, gradient), holder in zip(self.pairs.values(), self.holders, strict=True):
            _put(holder, array, gradient)
        self.call()
        for (name, (array, _)), holder in zip(self.pairs.items(), self.holders, strict=True):
            found = held_array(holder)
            if found is not array:
                try:
                    array[...] = found
                except (OverflowError, TypeError, ValueError) as error:
                    raise ContractError(
                        f"what step() makes of {name} is no such array: {error}"
                    ) from None

    def zero_grad(self) -> None:
        """The optimizer's own method; without one the gradients are the suite's to zero."""
        method = next((m for n in _ZERO if callable(m := getattr(self.optimizer, n, None))), None)
        if method is not None and self.form.how == "construction":
            method()
        else:
            for (array, gradient), holder in zip(self.pairs.values(), self.holders, strict=True):
                gradient[...] = 0
                _put(holder, array, gradient)


class Options(dict[str, Any]):
    """A dictionary of options under every name; `read` are the keys that somebody looked for."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        """An option."""
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """An option, or a default."""
        self.read.add(key)
        return super().get(key, default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """An option, or a default that is kept."""
        self.read.add(key)
        return super().setdefault(key, default)


def options_for(trial: Trial) -> Options:
    """A trial's arguments under their own names and all synonyms."""
    given, options = given_arguments(trial), Options()
    for name, value in given.items():
        options[name] = value
        for entry in ARGUMENTS.get(name, ()):
            theirs, text = (entry, name) if isinstance(entry, str) else entry
            options.setdefault(theirs, parse_expression(text)(given))
    options.read.clear()
    return options


def words_for(name: str) -> Iterator[str]:
    """The keys under which an argument is offered."""
    yield name
    for entry in ARGUMENTS.get(name, ()):
        yield entry if isinstance(entry, str) else entry[0]


class AdaptedTraining(NativeDialect):
    """Builds optimizers in the form that was found, and schedulers under their own argument names.

    `reads` are the options that a function looks at.
    """

    def __init__(
        self, wiring: Wiring, form: Form | None = None, reads: frozenset[str] = frozenset()
    ) -> None:
        self.wiring = wiring
        self.form = form
        self.reads = reads
        self.construction = wiring.construction
        self.name = "native" if form is None else form.name

    def build_optimizer(  # type: ignore[override]
        self, factory: Factory, trial: Trial, handles: Mapping[str, Any] | None = None
    ) -> AdaptedOptimizer:
        """Make holders for the parameters and hand them over in the form."""
        assert self.form is not None
        pairs = fresh_pairs(trial) if handles is None else pairs_over(handles)
        holders = [self.form.holder(array, gradient) for array, gradient in pairs.values()]
        subject = AdaptedOptimizer(pairs, self.form, holders)
        if self.form.how in ("nested", "config"):
            self._refuse_unread(trial)
            subject.call = self._function(factory, trial, subject)
            return subject
        keywords = self.construction.keywords(trial)
        if self.form.how == "construction":
            subject.optimizer = factory(holders, **keywords)
        elif self.form.how == "lists":
            arrays = [array for array, _ in pairs.values()]
            subject.optimizer = factory(arrays, [g for _, g in pairs.values()], **keywords)
        else:
            subject.optimizer = factory(**keywords)
        names = _STEP_OF_ONE if self.form.how in ("returned", "named") else _STEP
        step = next((m for n in names if callable(m := getattr(subject.optimizer, n, None))), None)
        if step is None:
            raise ContractError(f"{self.construction.name} has no method step()")
        subject.call = _stepping(step, subject)
        return subject

    def _refuse_unread(self, trial: Trial) -> None:
        needed = [n for n in trial.config if n not in trial.at_default]
        unread = [n for n in needed if not self.reads & set(words_for(n))]
        if unread:
            raise NotImplementedHere(
                f"{self.construction.name}() reads no option {', '.join(unread)}"
            )

    def _function(
        self, function: Callable[..., Any], trial: Trial, subject: AdaptedOptimizer
    ) -> Callable[[], None]:
        options, state = options_for(trial), Options()
        if self.form == FUNCTION:
            subject.options = [options]

            def call() -> None:
                variables = [[h.data] for h in subject.holders]
                gradients = [[h.grad] for h in subject.holders]
                function(variables, gradients, options, state)
                for holder, (array,) in zip(subject.holders, variables, strict=True):
                    holder.data = array

            return call
        subject.options = configs = [options_for(trial) for _ in subject.holders]

        def call_each() -> None:
            for i, holder in enumerate(subject.holders):
                result = function(holder.data, holder.grad, configs[i])
                if isinstance(result, tuple) and len(result) == 2:
                    holder.data, configs[i] = result

        return call_each

    def build_scheduler(self, factory: Factory, trial: Trial) -> AdaptedScheduler:  # type: ignore[override]
        """Call the class with something that has a rate first."""
        holder = NamedRate(trial.lr0)
        return AdaptedScheduler(holder, factory(holder, **self.construction.keywords(trial)))


def _stepping(step: Callable[..., Any], subject: AdaptedOptimizer) -> Callable[[], None]:
    """The call that one step is, in the form."""
    names, _ = positional(step)

    def call() -> None:
        holders = subject.holders
        match subject.form.how:
            case "construction" | "lists":
                step()
            case "each":
                for number, holder in enumerate(holders):
                    step(*((holder, number) if len(names) > 1 else (holder,)))
            case "all":
                step([h.data for h in holders], [h.grad for h in holders])
            case "dictionaries":
                params = {str(i): h.data for i, h in enumerate(holders)}
                step(params, {str(i): h.grad for i, h in enumerate(holders)})
                for i, holder in enumerate(holders):
                    holder.data = params[str(i)]
            case "net":
                step(Net(holders))
            case "returned" | "named":
                named = subject.form.how == "named"
                for number, holder in enumerate(holders):
                    found = step(holder.data, holder.grad, *((str(number),) if named else ()))
                    holder.data = holder.data if found is None else found
                if named and getattr(step, "__name__", "") != "step":
                    _count(subject.optimizer)

    return call


def _count(optimizer: Any) -> None:
    """Where each parameter is updated on its own, ``step()`` says that all of them were."""
    step = getattr(optimizer, "step", None)
    if callable(step) and not positional(step)[0]:
        step()


class NamedRate:
    """Stands for an optimizer before a scheduler: something with a rate, under two names."""

    def __init__(self, lr: float) -> None:
        self.lr = lr

    @property
    def learning_rate(self) -> float:
        """The rate."""
        return self.lr

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.lr = value


class AdaptedScheduler:
    """Drives one scheduler."""

    def __init__(self, holder: NamedRate, scheduler: Any) -> None:
        self.holder = holder
        self.scheduler = scheduler

    def advance(self) -> None:
        """``step()`` or ``update()``."""
        for name in ("step", "update"):
            if callable(method := getattr(self.scheduler, name, None)):
                method()
                return
        raise ContractError(f"{type(self.scheduler).__name__} has no method step()")

    def rate(self) -> float:
        """The optimizer's rate."""
        return as_rate(self.holder.lr, "the optimizer's lr")

    def reported(self) -> float:
        """``get_last_lr()`` or ``get_lr()``; the applied rate where it reports none."""
        for name in ("get_last_lr", "get_lr"):
            if callable(method := getattr(self.scheduler, name, None)):
                return reported_rate(method())
        return self.rate()


def probe_trial(trial: Trial) -> Trial:
    """A trial with parameters to move, whatever it was built from."""
    if trial.parameters:
        return trial
    return replace(trial, parameters={"0": np.ones((3, 4)), "1": np.ones(5)})


def moves(dialect: AdaptedTraining, factory: Factory, trial: Trial) -> bool:
    """Whether one step in the dialect's form moves every parameter, to a number."""
    trial = probe_trial(trial)
    subject = dialect.build_optimizer(factory, trial)
    before = {name: subject.get(name).copy() for name in trial.parameters}
    dtype = dtype_of(trial)
    subject.update({name: np.ones(value.shape, dtype) for name, value in before.items()})
    return all(
        np.isfinite(subject.get(name)).all() and (subject.get(name) != value).all()
        for name, value in before.items()
    )


def read_options(form: Form, function: Callable[..., Any], trial: Trial) -> set[str]:
    """The options that a function looks at in its first two steps."""
    options, state = options_for(trial), Options()
    data, grad = np.ones((3, 4)), np.ones((3, 4))
    for _ in range(2):
        if form == FUNCTION:
            function([[data]], [[grad]], options, state)
        else:
            result = function(data, grad, options)
            data = result[0] if isinstance(result, tuple) else data
    return options.read
