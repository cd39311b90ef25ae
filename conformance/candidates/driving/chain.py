"""Layers in a row, where the implementation has no container of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conformance.candidates.dialect import AnyArray, Subject
from conformance.records.trial import Trial


class Parts:
    """Parameters and gradients of several layers, by names such as ``0.weight``."""

    def __init__(self, parts: Mapping[str, Subject]) -> None:
        self.parts = parts

    def _part(self, name: str) -> tuple[Subject, str]:
        part, _, rest = name.partition(".")
        return self.parts[part], rest

    def seed(self, seed: int) -> None:
        """Seed what each layer draws from."""
        for part in self.parts.values():
            part.seed(seed)

    def handle(self, name: str) -> Any:
        """What an optimizer of the same dialect takes for a parameter."""
        part, rest = self._part(name)
        return part.handle(rest)

    def get(self, name: str) -> AnyArray:
        """A parameter or buffer."""
        part, rest = self._part(name)
        return part.get(rest)

    def set(self, name: str, value: AnyArray) -> None:
        """Replace a parameter or buffer."""
        part, rest = self._part(name)
        part.set(rest, value)

    def holds(self, name: str) -> bool:
        """Whether the layer has such an array."""
        part, rest = self._part(name)
        return part.holds(rest)

    def gradient(self, name: str) -> AnyArray:
        """The gradient of a parameter."""
        part, rest = self._part(name)
        return part.gradient(rest)

    def overwritten(self, what: str) -> None:
        """The layers hold the caller's arrays themselves."""


class Chain(Parts):
    """Calls its layers one after the other, and backward in reverse."""

    def __init__(self, parts: Mapping[str, Subject], trial: Trial) -> None:
        super().__init__(parts)
        self.trial = trial

    def forward(self, inputs: Sequence[AnyArray]) -> Sequence[Any]:
        """Forward through every layer."""
        for part in self.parts.values():
            inputs = part.forward(inputs)
        return inputs

    def backward(self, cotangent: AnyArray) -> Sequence[Any]:
        """Backward through every layer, the last one first."""
        for part in reversed(list(self.parts.values())):
            [cotangent] = part.backward(cotangent)
        return [cotangent]

    def set_mode(self, mode: str) -> None:
        """Switch the layers that have modes."""
        for name, part in self.parts.items():
            if self.trial.parts[name].modes:
                part.set_mode(mode)

    def zero_grad(self) -> None:
        """Zero the gradients of the layers that have parameters."""
        for name, part in self.parts.items():
            if self.trial.part(name).parameters:
                part.zero_grad()
