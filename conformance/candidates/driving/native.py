"""The native dialect: PyTorch's names, NumPy's arrays, an explicit backward.

``layer = Linear(4, 3)``; ``y = layer.forward(x)`` (or ``layer(x)``); ``dx = layer.backward(dy)``.
Parameters are attributes under PyTorch's names, their gradients stand beside them
(``weight`` and ``grad_weight``). docs/implementers-guide.md states it in one page.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import numpy as np

from conformance.candidates.dialect import (
    AnyArray,
    ContractError,
    Factory,
    NotImplementedHere,
    Subject,
    as_tuple,
    dtype_of,
    given_arguments,
)
from conformance.candidates.driving.chain import Parts
from conformance.candidates.driving.native_training import (
    NativeOptimizer,
    NativeScheduler,
    Rate,
    call_method,
    fresh_pairs,
    pairs_over,
)
from conformance.records.trial import Trial

# The spellings under which the gradient of a parameter is looked up, in this order.
GRADIENT_NAMES = ("grad_{}", "{}_grad", "d{}", "d_{}")


class NativeSubject:
    """Drives one layer in the native dialect."""

    def __init__(self, layer: Any, trial: Trial) -> None:
        self.layer = layer
        self.trial = trial
        self.class_name = type(layer).__name__

    def seed(self, seed: int) -> None:
        """Seed the global generators of NumPy and of the standard library."""
        np.random.seed(seed)
        random.seed(seed)

    def handle(self, name: str) -> AnyArray:
        """The parameter's own array."""
        return self.get(name)

    def get(self, name: str) -> AnyArray:
        """The attribute of that name, which must be an array."""
        if not hasattr(self.layer, name):
            raise ContractError(f"{self.class_name} has no attribute {name!r}", name)
        value = getattr(self.layer, name)
        if not isinstance(value, np.ndarray):
            kind = "None" if value is None else f"a {type(value).__name__}"
            raise ContractError(f"{self.class_name}.{name} is {kind}, not a NumPy array", name)
        return value

    def set(self, name: str, value: AnyArray) -> None:
        """Write into the layer's own array, or replace it where the dtype differs."""
        current = self.get(name)
        if current.shape != value.shape:
            raise ContractError(
                f"{self.class_name}.{name} has shape {current.shape}, "
                f"but should have {value.shape}",
                name,
            )
        if current.dtype == value.dtype and current.flags.writeable:
            current[...] = value
            return
        setattr(self.layer, name, value.copy())
        # Gradients follow their parameter's dtype; one that adds in place would keep the old one.
        if name in self.trial.parameters and (place := self._gradient_place(name)) is not None:
            owner, key = place
            if isinstance(owner, dict):
                owner[key] = np.zeros_like(value)
            else:
                setattr(owner, key, np.zeros_like(value))

    def holds(self, name: str) -> bool:
        """Whether the attribute of that name is an array."""
        return isinstance(getattr(self.layer, name, None), np.ndarray)

    def _gradient_place(self, name: str) -> tuple[Any, str] | None:
        """The object (or dictionary) and key that hold a gradient array now, if any does."""
        for pattern in GRADIENT_NAMES:
            key = pattern.format(name)
            if isinstance(getattr(self.layer, key, None), np.ndarray):
                return self.layer, key
        grads = getattr(self.layer, "grads", None)
        if isinstance(grads, dict) and isinstance(grads.get(name), np.ndarray):
            return grads, name
        return None

    def gradient(self, name: str) -> AnyArray:
        """The gradient beside the parameter."""
        place = self._gradient_place(name)
        if place is None:
            spellings = ", ".join(pattern.format(name) for pattern in GRADIENT_NAMES)
            raise ContractError(
                f"{self.class_name} has no gradient of {name} (looked for {spellings}, "
                f"grads[{name!r}])",
                name,
            )
        owner, key = place
        array: AnyArray = owner[key] if isinstance(owner, dict) else getattr(owner, key)
        return array

    def forward(self, inputs: Sequence[AnyArray]) -> Sequence[Any]:
        """``forward(*inputs)``, or the layer itself where it has no such method."""
        call = getattr(self.layer, "forward", None) or self.layer
        if not callable(call):
            raise ContractError(f"{self.class_name} has no method forward and cannot be called")
        return as_tuple(call(*inputs), self.trial.outputs, f"{self.class_name}.forward")

    def backward(self, cotangent: AnyArray) -> Sequence[Any]:
        """``backward(grad_output)``."""
        result = call_method(self.layer, "backward", cotangent)
        names, every = self.trial.differentiable, self.trial.inputs
        if isinstance(result, tuple) and len(result) == len(every) > len(names):
            result = tuple(
                value for name, value in zip(every, result, strict=True) if name in names
            )
        return as_tuple(result, names, f"{self.class_name}.backward")

    def set_mode(self, mode: str) -> None:
        """``train()`` or ``eval()``."""
        call_method(self.layer, mode)

    def zero_grad(self) -> None:
        """``zero_grad()``, which a layer without parameters need not have."""
        if self.trial.parameters or hasattr(self.layer, "zero_grad"):
            call_method(self.layer, "zero_grad")

    def overwritten(self, what: str) -> None:
        """The layer holds the caller's arrays themselves."""


class NativeContainer(Parts):
    """Drives a container; parameters and buffers are those of the layers that it was given."""

    def __init__(self, container: Any, parts: Mapping[str, Subject], trial: Trial) -> None:
        super().__init__(parts)
        self.whole = NativeSubject(container, trial)
        self.trial = trial

    def forward(self, inputs: Sequence[AnyArray]) -> Sequence[Any]:
        """The container's own forward."""
        return self.whole.forward(inputs)

    def backward(self, cotangent: AnyArray) -> Sequence[Any]:
        """The container's own backward."""
        return self.whole.backward(cotangent)

    def set_mode(self, mode: str) -> None:
        """The container's own ``train()`` or ``eval()``."""
        self.whole.set_mode(mode)

    def zero_grad(self) -> None:
        """The container's own ``zero_grad()``."""
        self.whole.zero_grad()

    def facts(self) -> Mapping[str, str]:
        """``len()``, ``[i]`` and the order of ``parameters()``."""
        layers = _layers(self.parts)
        found = [self.whole.layer[i] for i in range(-1, len(layers))]
        wanted = [layers[-1], *layers]
        given = call_method(self.whole.layer, "parameters")
        arrays = list(given.values() if isinstance(given, Mapping) else given)
        named = {name: self.get(name) for name in self.trial.parameters}
        order = [_name_of(array, named) for array in arrays]
        return {
            "length": str(len(self.whole.layer)),
            "indexing": str(all(a is b for a, b in zip(found, wanted, strict=True))),
            "parameters": " ".join(order),
        }


def _layers(parts: Mapping[str, Subject]) -> list[Any]:
    """The candidate's own objects behind some subjects."""
    return [
        part.whole.layer if isinstance(part, NativeContainer) else cast(NativeSubject, part).layer
        for part in parts.values()
    ]


def _name_of(array: Any, named: Mapping[str, AnyArray]) -> str:
    """The parameter that an array is (the same memory), or what it is instead."""
    return next((name for name, own in named.items() if array is own), type(array).__name__)


class NativeDialect:
    """Builds layers with PyTorch's keyword arguments."""

    name = "native"

    def recognises(self, factory: Any) -> bool:
        """Anything that can be called: the native dialect is the last to be asked."""
        return callable(factory)

    def build(self, factory: Factory, trial: Trial) -> Subject:
        """Call the class with keyword arguments, and ``dtype`` and ``rng`` where it takes them."""
        return NativeSubject(factory(**_arguments(factory, trial)), trial)

    def assemble(
        self, factory: Factory, parts: Mapping[str, Subject], trial: Trial
    ) -> NativeContainer:
        """Call the class with the layers."""
        return NativeContainer(factory(*_layers(parts)), parts, trial)

    def build_optimizer(
        self, factory: Factory, trial: Trial, handles: Mapping[str, Any] | None = None
    ) -> NativeOptimizer:
        """Call the class with (parameter, gradient) pairs first."""
        pairs = fresh_pairs(trial) if handles is None else pairs_over(handles)
        return NativeOptimizer(pairs, factory(list(pairs.values()), **_arguments(factory, trial)))

    def build_scheduler(self, factory: Factory, trial: Trial) -> NativeScheduler:
        """Call the class with something that has a rate first."""
        holder = Rate(trial.lr0)
        return NativeScheduler(holder, factory(holder, **_arguments(factory, trial)))


def _arguments(factory: Factory, trial: Trial) -> dict[str, Any]:
    """The keyword arguments that a constructor gets."""
    arguments = dict(given_arguments(trial))
    accepted = _parameters_of(factory)
    if accepted is not None:
        if not any(p.kind is p.VAR_KEYWORD for p in accepted.values()):
            _leave_out_unknown(arguments, accepted, trial)
        if "dtype" in accepted:
            arguments["dtype"] = dtype_of(trial)
        if "rng" in accepted:  # equal seeds must give equal verdicts
            arguments["rng"] = trial.seed
    return arguments


def _leave_out_unknown(
    arguments: dict[str, Any], accepted: Mapping[str, inspect.Parameter], trial: Trial
) -> None:
    """Drop arguments that the constructor does not know, where the case does not need them."""
    unknown = [name for name in arguments if name not in accepted]
    needed = [name for name in unknown if name not in trial.at_default]
    takes = ", ".join(accepted) or "no arguments"
    if required := [name for name in needed if name in trial.required]:
        raise ContractError(
            f"{trial.layer}() has no argument {', '.join(required)} (it takes {takes})"
        )
    if needed:
        raise NotImplementedHere(f"{trial.layer}() has no argument {', '.join(needed)}")
    for name in unknown:
        del arguments[name]


def _parameters_of(factory: Factory) -> Mapping[str, inspect.Parameter] | None:
    """The named parameters of a constructor; None where Python cannot tell."""
    try:
        # It takes as long as building a layer, and classes are asked again for each trial.
        look = _remembered_signature if isinstance(factory, type) else inspect.signature
        return look(factory).parameters
    except (TypeError, ValueError):
        return None


_remembered_signature = lru_cache(inspect.signature)
