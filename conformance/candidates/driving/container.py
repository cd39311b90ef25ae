"""Containers in any dialect: ``Sequential(*layers)``, ``Sequential(layers)``, or ``add``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from conformance.candidates.dialect import (
    AnyArray,
    ContractError,
    Factory,
    NotImplementedHere,
    Subject,
    as_tuple,
)
from conformance.candidates.driving.chain import Parts
from conformance.candidates.driving.style import Style
from conformance.candidates.wiring.arguments import parameters_of, positional
from conformance.records.trial import Trial

_ADD = ("add", "append", "add_layer", "add_module")
_INSIDE = ("layers", "modules", "_layers", "children", "_modules")


class AdaptedContainer(Parts):
    """Drives a container; parameters are those of the layers that it was given."""

    def __init__(
        self, layer: Any, parts: Mapping[str, Subject], trial: Trial, style: Style
    ) -> None:
        super().__init__(parts)
        self.layer = layer
        self.trial = trial
        self.style = style
        self.mode: str | None = None
        self.given: list[AnyArray] = []

    def forward(self, inputs: Sequence[AnyArray]) -> Sequence[Any]:
        """The container's own forward."""
        self.given = list(inputs)
        result = self.style.forward(self.layer, inputs, self.mode)
        return as_tuple(result, self.trial.outputs, f"{type(self.layer).__name__}.forward")

    def backward(self, cotangent: AnyArray) -> Sequence[Any]:
        """The container's own backward."""
        result = self.style.backward(self.layer, "container", self.given, cotangent)
        return as_tuple(result, self.trial.differentiable, f"{type(self.layer).__name__}.backward")

    def set_mode(self, mode: str) -> None:
        """The container's own switch; without one only layers without modes can be inside."""
        self.mode = mode
        switch = self.style.mode_switch(self.layer)
        if switch is not None:
            switch(mode)
        elif not self.style.has_flag(self.layer) and mode != "train" and _has_modes(self.trial):
            raise NotImplementedHere(f"{type(self.layer).__name__} has no {mode} mode")

    def zero_grad(self) -> None:
        """The container's own method, or that of each layer inside."""
        method = self.style.method(self.layer, self.style.zero_names)
        if method is not None:
            method()
            return
        for part in self.parts.values():
            part.zero_grad()

    def facts(self) -> Mapping[str, str]:
        """``len()``, ``[i]`` and the order of the parameters that it lists."""
        whole, layers = self.layer, layers_of(self.parts)
        inside = next((v for n in _INSIDE if isinstance(v := getattr(whole, n, None), list)), None)
        length = len(whole) if hasattr(whole, "__len__") else len(inside or [])
        if hasattr(whole, "__getitem__"):
            found = [whole[i] for i in range(-1, len(layers))]
        else:
            found = [(inside or [None] * len(layers))[i] for i in range(-1, len(layers))]
        wanted = [layers[-1], *layers]
        named = {name: self.get(name) for name in self.trial.parameters}
        return {
            "length": str(length),
            "indexing": str(all(a is b for a, b in zip(found, wanted, strict=True))),
            "parameters": " ".join(_name_of(array, named) for array in self._listed()),
        }

    def _listed(self) -> list[AnyArray]:
        for name in ("parameters", "getParameters", "get_parameters", "params"):
            listed = getattr(self.layer, name, None)
            if callable(listed):
                return list(_arrays(listed()))
        raise NotImplementedHere(f"{type(self.layer).__name__} has no method parameters()")


def _has_modes(trial: Trial) -> bool:
    return any(
        _has_modes(part) if part.kind == "container" else bool(part.modes)
        for part in trial.parts.values()
    )


def _arrays(listed: Any) -> Iterator[AnyArray]:
    """Arrays in nested lists, in dictionaries, and in parameter objects."""
    if isinstance(listed, np.ndarray):
        yield listed
    elif isinstance(listed, Mapping):
        yield from _arrays(list(listed.values()))
    elif isinstance(listed, tuple) and len(listed) == 2 and isinstance(listed[0], str):
        yield from _arrays(listed[1])  # named_parameters()
    elif isinstance(listed, list | tuple) or inspect.isgenerator(listed):
        for inner in listed:
            yield from _arrays(inner)
    else:
        for key in ("data", "weights", "value"):
            if isinstance(array := getattr(listed, key, None), np.ndarray):
                yield array
                return


def _name_of(array: AnyArray, named: Mapping[str, AnyArray]) -> str:
    """The parameter that lies in the same memory, or what it is instead."""
    for name, own in named.items():
        if own.size == array.size and np.shares_memory(own, array):
            return name
    return "ndarray"


def layers_of(parts: Mapping[str, Subject]) -> list[Any]:
    """The candidate's own objects behind some subjects."""
    layers = []
    for part in parts.values():
        whole = getattr(part, "whole", part)  # a native container has a subject of its own
        if not hasattr(whole, "layer"):
            raise NotImplementedHere("functions cannot be put into a container")
        layers.append(whole.layer)
    return layers


def build_container(
    factory: Factory, parts: Mapping[str, Subject], trial: Trial, style: Style
) -> AdaptedContainer:
    """Construct a container in the way that its constructor and its methods show."""
    layers = layers_of(parts)
    known = parameters_of(factory) or {}
    _, required = positional(factory)
    if any(p.kind is p.VAR_POSITIONAL for p in known.values()):
        whole = factory(*layers)
    elif required == 1:
        whole = factory(list(layers))
    else:
        whole = factory()
        add = style.method(whole, _ADD)
        if add is None and known:
            whole = factory(list(layers))
        elif add is None:
            raise ContractError(f"{trial.layer} takes no layers and has no method add()")
        else:
            for layer in layers:
                add(layer)
    return AdaptedContainer(whole, parts, trial, style)
