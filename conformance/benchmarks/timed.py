"""A layer that is ready to be timed: built at the sizes of its spec, with inputs to copy from."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from conformance.candidates.dialect import Subject
from conformance.candidates.implementation import Implementation
from conformance.generation.programs import Programs
from conformance.records.benchmark import Direction
from conformance.sessions.assembly import build
from conformance.spec.bound_case import BoundCase

Array = NDArray[Any]

DTYPE: Literal["float32"] = "float32"


class Timed:
    """One layer of one implementation, in float32, in its first mode.

    Inputs are copied anew for every call, outside of what is timed: a layer that writes into its
    input, or remembers it, gains nothing.
    """

    def __init__(self, implementation: Implementation, bound: BoundCase) -> None:
        self.implementation = implementation
        self.bound = bound
        self.programs = Programs(bound, bound.modes()[0])
        self.trial = replace(self.programs.single(), dtype=DTYPE)

    @cached_property
    def subject(self) -> Subject:
        """The layer, with the trial's parameters."""
        subject = build(self.implementation, self.trial)
        for name, value in {**self.trial.parameters, **self.trial.buffers}.items():
            subject.set(name, value.astype(DTYPE))
        subject.seed(self.trial.seed)
        if self.programs.mode in self.trial.modes:
            subject.set_mode(str(self.programs.mode))
        return subject

    @cached_property
    def _inputs(self) -> list[Array]:
        return [_cast(array) for array in self.programs.inputs().values()]

    @cached_property
    def _cotangent(self) -> Array:
        return self.programs.cotangent.astype(DTYPE)

    def fresh(self, direction: Direction) -> tuple[Any, ...]:
        """What the next call gets; a backward has had its forward."""
        inputs = [array.copy() for array in self._inputs]
        if direction == "forward":
            return (inputs,)
        self.subject.forward(inputs)
        return (self._cotangent.copy(),)

    def call(self, direction: Direction, *given: Any) -> Any:
        """Forward or backward: what is timed."""
        return getattr(self.subject, direction)(*given)


def _cast(array: Array) -> Array:
    return array.astype(DTYPE) if array.dtype.kind == "f" else np.array(array)
