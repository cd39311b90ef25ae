"""The functions dialect: a function and its gradient, without any object.

``relu(x)`` with ``grad_relu(x)`` or ``relu_backward(grad_output, x)``; ``mse(y_pred, y_true)`` with
``grad_mse(y_pred, y_true)``; ``softmax_loss(x, y) -> (loss, dx)``; and pairs that hand on what
backward needs: ``affine_forward(x, w, b) -> (out, cache)``, ``affine_backward(dout, cache) -> (dx,
dw, db)``, with ``conv_param``, ``pool_param`` or ``bn_param`` where there are arguments. Parameters
and the sums of their gradients are the suite's own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np

from conformance.candidates.dialect import (
    AnyArray,
    ContainerSubject,
    ContractError,
    Factory,
    NotImplementedHere,
    Subject,
    as_array,
    dtype_of,
    given_arguments,
)
from conformance.candidates.driving.style import in_their_order, is_gradient, scaled
from conformance.candidates.wiring.arguments import Construction, positional
from conformance.candidates.wiring.names import FUNCTIONS, TENSORS, normalised, spellings
from conformance.candidates.wiring.places import Layout, plain
from conformance.records.trial import Trial

# Layers whose gradient is that of each element: a derivative times the gradient of the output.
ELEMENTWISE = frozenset({"ReLU", "LeakyReLU", "ELU", "Softplus", "Sigmoid", "Tanh", "Identity"})

_FORWARD = ("{}", "{}forward", "forward{}", "{}forwardnaive", "{}fwd", "{}function", "{}func")
_BACKWARD = ("{}backward", "backward{}", "grad{}", "{}grad", "d{}", "{}gradient", "{}prime",
             "{}derivative", "derivative{}", "{}backwardnaive", "{}bwd", "{}deriv", "gradient{}",
             "{}dx", "deriv{}")  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """A function, its gradient, and what detection found out about them."""

    name: str
    forward: Callable[..., Any]
    backward: Callable[..., Any] | None
    layouts: Mapping[str, Layout]
    options: str | None
    construction: Construction
    of_output: bool = False


def look_up_functions(
    names: Mapping[str, Any], layer: str
) -> list[tuple[str, Callable[..., Any], str, Callable[..., Any] | None]]:
    """Functions under the spec's names with their gradients: (name, function, name, gradient)."""
    plain_names = {normalised(n): n for n, v in names.items() if isinstance(v, FunctionType)}
    found = []
    for base in spellings(layer, FUNCTIONS):
        forward = next((p for w in _FORWARD if (p := plain_names.get(w.format(base)))), None)
        backward = next((p for w in _BACKWARD if (p := plain_names.get(w.format(base)))), None)
        if forward is not None:
            gradient = None if backward is None else names[backward]
            found.append((forward, names[forward], backward or "", gradient))
    return found


def options_argument(function: Callable[..., Any]) -> str | None:
    """The argument that takes a dictionary of options, as ``conv_param``."""
    taken, _ = positional(function)
    ends = ("param", "params", "config", "options")
    return next((n for n in taken[1:] if normalised(n).endswith(ends)), None)


class FunctionSubject:
    """Drives a pair of functions as a layer."""

    def __init__(self, pair: Pair, trial: Trial) -> None:
        self.pair = pair
        self.trial = trial
        self.keywords = pair.construction.keywords(trial)
        self.state = {n: v.astype(dtype_of(trial)) for n, v in _start(trial).items()}
        self.gradients = {n: np.zeros_like(self.state[n]) for n in trial.parameters}
        self.mode = "train"
        self.options = _options(trial) if pair.options is not None else {}

    def seed(self, seed: int) -> None:
        """Seed the global generators of NumPy and of the standard library."""
        np.random.seed(seed)
        random.seed(seed)

    def handle(self, name: str) -> AnyArray:
        """The parameter's array."""
        return self.get(name)

    def get(self, name: str) -> AnyArray:
        """A parameter or buffer: the suite's own, or where the function put it."""
        if name in self.options and name in self.trial.buffers:
            return np.asarray(self.options[name])
        return self.state[name]

    def set(self, name: str, value: AnyArray) -> None:
        """Replace a parameter or buffer."""
        self.state[name] = value.copy()
        if name in self.trial.parameters:
            self.gradients[name] = np.zeros_like(value)
        elif self.pair.options is not None:
            self.options[name] = value.copy()

    def holds(self, name: str) -> bool:
        """A function holds nothing."""
        raise NotImplementedHere(f"{self.pair.name}() is a function: it holds no parameters")

    def gradient(self, name: str) -> AnyArray:
        """The sum of the gradients that backward returned."""
        return self.gradients[name]

    def forward(self, inputs: Sequence[AnyArray]) -> Sequence[Any]:
        """Call the function with inputs, then parameters, then options."""
        self.inputs = list(inputs)
        self.theirs = {
            name: self.pair.layouts.get(name, plain(self.state[name].ndim)).from_spec(
                self.state[name]
            )
            for name in self.trial.parameters
        }
        arguments = [*in_their_order(self.pair.forward, inputs), *self.theirs.values()]
        if self.pair.options is not None:
            self.options["mode"] = "train" if self.mode == "train" else "test"
            arguments.append(self.options)  # type: ignore[arg-type]
        result = self.pair.forward(*arguments, **self.keywords)
        self.cache: Any = None
        if isinstance(result, tuple) and len(result) == 2 and len(self.trial.outputs) == 1:
            result, self.cache = result
        self.output = result
        return [result]

    def backward(self, cotangent: AnyArray) -> Sequence[Any]:
        """Call the gradient's function with what its arguments are named for."""
        if self.pair.backward is None:
            if self.trial.kind == "loss" and np.shape(self.cache) == self.inputs[0].shape:
                return [scaled(self.cache, cotangent, f"{self.pair.name}()")]
            raise NotImplementedHere(f"{self.pair.name}() has no function for its gradient")
        names, _ = positional(self.pair.backward)
        if self.trial.kind == "loss":
            result = self._of_loss(names, cotangent)
        elif not any(is_gradient(name) for name in names) and len(names) == 1:
            result = self._of_elements(cotangent)
        else:
            result = self.pair.backward(*self._arguments(names, cotangent), **self._shared(names))
        return self._taken(result)

    def _of_loss(self, names: list[str], cotangent: AnyArray) -> Any:
        assert self.pair.backward is not None
        shared = self._shared(names)
        if names and is_gradient(names[0]):
            return self.pair.backward(*self._arguments(names, cotangent), **shared)
        if len(names) == 1 and self.cache is not None:
            result = self.pair.backward(self.cache)
        else:
            result = self.pair.backward(*in_their_order(self.pair.backward, self.inputs), **shared)
        return scaled(result, cotangent, f"{self.pair.name}'s gradient")

    def _of_elements(self, cotangent: AnyArray) -> Any:
        assert self.pair.backward is not None
        if self.trial.layer not in ELEMENTWISE:
            raise NotImplementedHere(f"the gradient of {self.pair.name}() takes no grad_output")
        at = self.output if self.pair.of_output else self.inputs[0]
        shared = self._shared(positional(self.pair.backward)[0])
        return self.pair.backward(at, **shared) * cotangent

    def _arguments(self, names: list[str], cotangent: AnyArray) -> list[Any]:
        """By name where names tell; what is left is the cache, or else the input."""
        arguments: list[Any] = []
        for name in names:
            if name in self.keywords:
                break
            word = normalised(name)
            tensor = next((t for t in self.theirs if word in spellings(t, TENSORS)), None)
            if is_gradient(name):
                arguments.append(cotangent)
            elif "cache" in word or "ctx" in word or "memory" in word:
                arguments.append(self.cache)
            elif tensor is not None:
                arguments.append(self.theirs[tensor])
            elif word in ("y", "out", "output") and self.pair.of_output:
                arguments.append(self.output)
            else:
                arguments.append(self.inputs[0] if self.cache is None else self.cache)
        return arguments

    def _shared(self, names: list[str]) -> dict[str, Any]:
        """The arguments of the function that its gradient takes, too."""
        return {name: value for name, value in self.keywords.items() if name in names}

    def _taken(self, result: Any) -> list[Any]:
        """The input's gradient; those of parameters are added up."""
        values = list(result) if isinstance(result, tuple) else [result]
        wanted = 1 + len(self.trial.parameters)
        if len(values) != wanted:
            raise ContractError(
                f"the gradient of {self.pair.name}() has {len(values)} parts, expected {wanted} "
                f"({', '.join(('input', *self.trial.parameters))})"
            )
        for name, value in zip(self.trial.parameters, values[1:], strict=True):
            array = as_array(value, f"the gradient of {name}", dtype_of(self.trial))
            if array.shape == self.theirs[name].shape and name in self.pair.layouts:
                array = self.pair.layouts[name].to_spec(array)
            if array.shape == self.gradients[name].shape:
                self.gradients[name] = self.gradients[name] + array
            else:
                self.gradients[name] = array
        return values[:1]

    def set_mode(self, mode: str) -> None:
        """Functions with options are told the mode."""
        if mode != "train" and self.pair.options is None:
            raise NotImplementedHere(f"{self.pair.name}() has no {mode} mode")
        self.mode = mode

    def zero_grad(self) -> None:
        """The sums start again."""
        self.gradients = {n: np.zeros_like(v) for n, v in self.gradients.items()}

    def overwritten(self, what: str) -> None:
        """The cache holds the caller's arrays themselves."""

    def __deepcopy__(self, memo: Any) -> FunctionSubject:
        """What would be copied is the suite's own."""
        raise NotImplementedHere("functions have no state of their own to copy")

    def __reduce__(self) -> Any:
        """A function that is defined in a function cannot be pickled, and need not be."""
        raise NotImplementedHere("functions have no state of their own to copy")


def _start(trial: Trial) -> Mapping[str, AnyArray]:
    """What the suite starts with: ones for scales and variances, zeros for the rest."""
    scales = ("weight",) if trial.buffers or trial.layer == "ChannelwiseScaling" else ()
    ones = {
        name for name in (*trial.parameters, *trial.buffers) if name in (*scales, "running_var")
    }
    return {
        name: (np.ones if name in ones else np.zeros)(value.shape)
        for name, value in {**trial.parameters, **trial.buffers}.items()
    }


def _options(trial: Trial) -> dict[str, Any]:
    """The dictionary of options, in the words of the course that made them common."""
    given = given_arguments(trial)

    def same(name: str, value: Any) -> None:
        if given[name] != value and given[name] != (value, value):
            raise NotImplementedHere(f"the options have no word for {name} = {given[name]}")

    if trial.layer == "Conv2d":
        for name in ("dilation", "groups"):
            same(name, 1)
        return {"stride": _one(given["stride"]), "pad": _one(given["padding"])}
    if trial.layer == "MaxPool2d":
        same("padding", 0)
        same("dilation", 1)
        same("ceil_mode", False)
        size = given["kernel_size"]
        height, width = size if isinstance(size, tuple) else (size, size)
        if given["stride"] is None and height != width:
            raise NotImplementedHere("the options have one stride for both axes")
        stride = _one(height if given["stride"] is None else given["stride"])
        return {"pool_height": height, "pool_width": width, "stride": stride}
    if trial.layer.startswith("BatchNorm"):
        same("affine", True)
        same("track_running_stats", True)
        if given["momentum"] is None:
            raise NotImplementedHere("the options have no cumulative average")
        return {"eps": given["eps"], "momentum": 1 - given["momentum"], "mode": "train"}
    return dict(given)


def _one(value: Any) -> int:
    if isinstance(value, tuple) and value[0] == value[-1]:
        return int(value[0])
    if not isinstance(value, int):
        raise NotImplementedHere(f"the options have one number for both axes, not {value!r}")
    return value


class FunctionsDialect:
    """Builds layers of functions."""

    name = "functions"

    def __init__(self, pair: Pair) -> None:
        self.pair = pair

    def recognises(self, factory: Any) -> bool:
        """Detection has done so."""
        return True

    def build(self, factory: Factory, trial: Trial) -> Subject:
        """Nothing is built: the state is the suite's."""
        return FunctionSubject(self.pair, trial)

    def assemble(
        self, factory: Factory, parts: Mapping[str, Subject], trial: Trial
    ) -> ContainerSubject:
        """Functions hold nothing."""
        raise NotImplementedHere("functions cannot be put into a container")
