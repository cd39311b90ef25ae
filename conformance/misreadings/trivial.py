"""Candidates that do no work at all; each must fail every spec that it is not a solution of.

One that clobbers its input is among the generic mistakes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.misreadings.catalogue import mixed
from conformance.misreadings.mutants import Array, Mutant, Right, is_layer, like
from conformance.spec.model import Spec
from reference_impls import numpy_reference as reference


def trivial_mutants(spec: Spec) -> Iterator[Mutant]:
    """The trivial candidates in the place of the spec's class, with its constructor."""
    if not is_layer(spec):
        return
    for id, (mistake, killed_by) in TRIVIAL.items():
        if (spec.name, id) not in SOLUTIONS:
            classes = {spec.name: mixed(mistake, getattr(reference, spec.name))}
            explains = (mistake.__doc__ or "").partition("\n")[0]
            yield Mutant(spec.name, id, explains, killed_by, classes)


class _Constant(Right):
    """Every element of the output is the same, so all gradients are zero."""

    value: float

    def forward(self, *inputs: Array) -> Array:
        self.input = inputs[0].copy()
        return np.full_like(super().forward(*inputs), self.value)

    def backward(self, grad_output: Array) -> Array:
        return np.zeros_like(self.input)


class Zeros(_Constant):
    """The output is zero, and so are all gradients."""

    value = 0.0


class Ones(_Constant):
    """The output is one, and all gradients are zero."""

    value = 1.0


class Constant(_Constant):
    """The output is 3/8, and all gradients are zero."""

    value = 0.375


class Unchanged(Right):
    """The output is the input, and its gradient that of the output, cut or repeated to fit."""

    def forward(self, *inputs: Array) -> Array:
        self.input = inputs[0].copy()
        right = super().forward(*inputs)
        return self.input if self.input.size == right.size else np.resize(self.input, right.shape)

    def backward(self, grad_output: Array) -> Array:
        return np.resize(grad_output, self.input.shape)


class FirstAnswer(Right):
    """The output and the gradient of the first calls are given for ever."""

    first_output: Array | None = None
    first_gradient: Array | None = None

    def forward(self, *inputs: Array) -> Array:
        output = super().forward(*inputs)
        if self.first_output is None or self.first_output.shape != output.shape:
            self.first_output = output.copy()
        return self.first_output.copy()

    def backward(self, grad_output: Array) -> Array:
        gradient = super().backward(grad_output)
        if self.first_gradient is None or self.first_gradient.shape != gradient.shape:
            self.first_gradient = gradient.copy()
        return self.first_gradient.copy()


class Uninitialised(Right):
    """The output and the gradient are what memory held before (always the same here)."""

    def forward(self, *inputs: Array) -> Array:
        self.input = inputs[0].copy()
        return _garbage(super().forward(*inputs))

    def backward(self, grad_output: Array) -> Array:
        return _garbage(self.input)


def _garbage(shaped: Array) -> Array:
    with np.errstate(over="ignore"):  # 1e300 is no float32
        return like(np.resize([5e-324, 1e300, np.nan, -0.0], shaped.shape), shaped)


class Float16Inside(Right):
    """Everything is computed from float16 numbers."""

    def forward(self, *inputs: Array) -> Array:
        x, *others = inputs
        return like(super().forward(x.astype(np.float16).astype(x.dtype), *others), x)

    def backward(self, grad_output: Array) -> Array:
        return super().backward(like(grad_output.astype(np.float16), grad_output))


VALUES = ("forward", "grad_{tensor}", "dropout_values")

TRIVIAL: dict[str, tuple[type, tuple[str, ...]]] = {
    "zeros": (Zeros, VALUES),
    "ones": (Ones, VALUES),
    "constant": (Constant, VALUES),
    "identity": (Unchanged, ("shape", *VALUES)),
    "first-answer": (FirstAnswer, ("fd_{tensor}", "dropout_rate")),
    "uninitialised": (Uninitialised, VALUES),
    "float16-inside": (Float16Inside, VALUES),
}

# A trivial candidate that is right: no case can tell it from the layer.
SOLUTIONS = {("Identity", "identity")}
