"""A wrong version of one spec's class, made by a rule instead of by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from conformance.spec.bound_case import BoundCase, bind
from conformance.spec.model import Spec
from reference_impls import numpy_reference as reference

Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True)
class Mutant:
    """The classes to grade in the place of the reference's, and what must come of it.

    At least one check of `killed_by` must catch it. Names are those of the catalogue of checks, so
    ``fd_{tensor}`` stands for the finite differences of any tensor.
    """

    spec: str
    id: str
    explains: str
    killed_by: tuple[str, ...]
    classes: Mapping[str, type]

    def namespace(self) -> dict[str, Any]:
        """Everything that the reference offers, with the wrong classes in their places."""
        correct = {name: getattr(reference, name) for name in reference.__all__}
        return {**correct, **self.classes}


if TYPE_CHECKING:

    class Right:
        """What the right class offers, which comes after a mixin in the order of resolution."""

        training: bool

        def __init__(self, *arguments: Any, **named: Any) -> None: ...
        def forward(self, *inputs: Array) -> Array: ...
        def backward(self, grad_output: Array) -> Array: ...
        def zero_grad(self) -> None: ...
        def train(self, mode: bool = True) -> Self: ...
        def eval(self) -> Self: ...
        def parameters(self) -> dict[str, Array]: ...
        def gradients(self) -> dict[str, Array]: ...
        def buffers(self) -> dict[str, Array]: ...

else:
    Right = object


def cases(spec: Spec) -> Iterable[BoundCase]:
    """Every named case of a spec."""
    return (bind(spec, case) for case in spec.cases)


def is_layer(spec: Spec) -> bool:
    """Layers, losses and containers: what has a forward and a backward."""
    return spec.kind in ("layer", "loss", "container")


def like(array: Array, other: Array) -> Array:
    """The array in the dtype of another."""
    return np.asarray(array, np.asarray(other).dtype)
