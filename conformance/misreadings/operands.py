"""Generic mistakes with what comes in: its dtype, its place in memory, extreme values."""

from __future__ import annotations

import numpy as np

from conformance.misreadings.generic import Applies, generic, has_samples, rounds
from conformance.misreadings.mutants import Array, Right, cases, is_layer, like
from conformance.spec.model import Spec, Values


def sees(values: Values) -> Applies:
    """Specs with a case whose first input is drawn like that."""

    def applies(spec: Spec) -> bool:
        return is_layer(spec) and any(
            bound.input(next(iter(spec.inputs))).values == values for bound in cases(spec)
        )

    return applies


# --- dtypes ---------------------------------------------------------------------------------------


@generic(
    "integers-cut-off",
    "the output is written into np.zeros_like(x), so an input of integers cuts off its fractions",
    "integer_input",
    applies=lambda spec: rounds(spec) and sees_numbers(spec),
)
class IntegersCutOff(Right):
    """Gives the output the dtype of the input."""

    def forward(self, *inputs: Array) -> Array:
        x, *others = inputs
        if x.dtype.kind == "f":
            return super().forward(x, *others)
        return like(super().forward(x.astype(np.float64), *others), x)


def sees_numbers(spec: Spec) -> bool:
    """Specs whose first input is any numbers, not probabilities."""
    return spec.input(next(iter(spec.inputs))).values not in ("probabilities", "confident")


@generic(
    "float16-widened",
    "the output for float16 is float32: results have the dtype of the input",
    "float16",
)
class Float16Widened(Right):
    """Does not go back to float16."""

    def forward(self, *inputs: Array) -> Array:
        output = super().forward(*inputs)
        return output.astype(np.float32) if output.dtype == np.float16 else output


# --- memory ---------------------------------------------------------------------------------------


@generic(
    "read-in-memory-order",
    "the input is read in the order in which it lies in memory (ravel with order K), so a "
    "transposed view is taken for another array",
    "layout_{tensor}",
)
class ReadInMemoryOrder(Right):
    """Takes every array for a contiguous one."""

    def forward(self, *inputs: Array) -> Array:
        x, *others = inputs
        return super().forward(x.ravel(order="K").reshape(x.shape), *others)


@generic(
    "cotangent-read-in-memory-order",
    "the gradient of the output is read in the order in which it lies in memory",
    "layout_{tensor}",
    applies=has_samples,
)
class CotangentReadInMemoryOrder(Right):
    """Takes every gradient for a contiguous array."""

    def backward(self, grad_output: Array) -> Array:
        return super().backward(grad_output.ravel(order="K").reshape(grad_output.shape))


@generic(
    "input-must-be-writeable",
    "an input that cannot be written to raises an error: nothing needs to be written into it",
    "read_only",
)
class InputMustBeWriteable(Right):
    """Writes into its input what was there."""

    def forward(self, *inputs: Array) -> Array:
        inputs[0][...] = inputs[0].copy()
        return super().forward(*inputs)


@generic(
    "cotangent-broadcast",
    "a gradient of the output that has another shape is broadcast: it must raise an error",
    "cotangent_shape",
    applies=has_samples,
)
class CotangentBroadcast(Right):
    """Makes any gradient fit."""

    shape: tuple[int, ...] = ()

    def forward(self, *inputs: Array) -> Array:
        output = super().forward(*inputs)
        self.shape = output.shape
        return output

    def backward(self, grad_output: Array) -> Array:
        return super().backward(np.resize(grad_output, self.shape))


# --- extreme values -------------------------------------------------------------------------------

SATURATED = ("Sigmoid", "Tanh")  # the same for the largest number as for infinity


@generic(
    "nan-swallowed",
    "NaN in the input is taken for 0: NaN in must be NaN out",
    "forward",
    applies=sees("with-nan"),
)
class NanSwallowed(Right):
    """Cleans its input."""

    def forward(self, *inputs: Array) -> Array:
        x, *others = inputs
        return super().forward(np.where(np.isnan(x), np.zeros_like(x), x), *others)


@generic(
    "infinity-cut",
    "infinities in the input are cut to the largest finite number",
    "forward",
    applies=lambda spec: sees("infinite")(spec) and spec.name not in SATURATED,
)
class InfinityCut(Right):
    """Makes its input finite."""

    def forward(self, *inputs: Array) -> Array:
        x, *others = inputs
        largest = np.finfo(x.dtype).max
        return super().forward(np.clip(x, -largest, largest), *others)


@generic(
    "mask-cut",
    "-inf, which masks a score, is replaced by -30, and its share is not exactly 0",
    "forward",
    applies=sees("masked"),
)
class MaskCut(Right):
    """Masks with a large number."""

    def forward(self, *inputs: Array) -> Array:
        x, *others = inputs
        return super().forward(np.where(np.isneginf(x), like(np.asarray(-30.0), x), x), *others)


@generic(
    "subnormals-flushed",
    "numbers too small for a full mantissa are flushed to 0",
    "forward",
    applies=lambda spec: sees("subnormal")(spec) and not spec.parameters,  # a bias swamps them
)
class SubnormalsFlushed(Right):
    """Computes with the float32 unit's fast mode."""

    def forward(self, *inputs: Array) -> Array:
        x, *others = inputs
        small = np.abs(x) < np.finfo(np.float32).tiny
        return super().forward(np.where(small, np.zeros_like(x), x), *others)


@generic(
    "sign-of-zero-lost",
    "-0.0 becomes 0.0",
    "signed_zero",
    applies=lambda spec: any(entry.relation == "signed_zero" for entry in spec.properties),
)
class SignOfZeroLost(Right):
    """Adds 0.0, which changes nothing but -0.0."""

    def forward(self, *inputs: Array) -> Array:
        return super().forward(*inputs) + like(np.zeros(()), inputs[0])


@generic(
    "warns",
    "NumPy warns of a division by zero on the way to a finite result",
    "warnings",
)
class Warns(Right):
    """Computes a branch that it throws away."""

    def forward(self, *inputs: Array) -> Array:
        x = inputs[0]
        output = super().forward(*inputs)
        with np.errstate(divide="warn"):
            np.divide(np.ones_like(x), np.zeros_like(x))
        return output
