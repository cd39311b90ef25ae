"""Layers that share memory with their caller, and random numbers with everybody."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from catching import caught, verdicts

from reference_impls import numpy_reference as reference

Array = np.ndarray[Any, Any]


class InPlace(reference.ReLU):
    """Forward works in place and returns its input."""

    def _forward(self, x: Array) -> Array:
        self._saved = x > 0
        x *= self._saved
        return x


class GradientInTheOutput(reference.Softmax):
    """Backward computes in the array that forward returned."""

    def _forward(self, x: Array) -> Array:
        axis = self._axis(x)
        y = reference.softmax(x, axis)
        self._saved = axis, y
        return y

    def _backward(self, grad_output: Array) -> Array:
        axis, y = self._saved
        y *= grad_output - (grad_output * y).sum(axis, keepdims=True)
        return y


class OutputBuffer(reference.Tanh):
    """All outputs of one shape are written into one array."""

    def _forward(self, x: Array) -> Array:
        buffer = getattr(self, "_buffer", None)
        if buffer is None or buffer.shape != x.shape or buffer.dtype != x.dtype:
            self._buffer = np.empty_like(x)
        np.tanh(x, out=self._buffer)
        self._saved = self._buffer.copy()
        return self._buffer


class InPlaceAndBack(reference.Sigmoid):
    """The input is negated in place, and negated again when the exponential is done."""

    def _forward(self, x: Array) -> Array:
        np.negative(x, out=x)
        y = 1 / (1 + np.exp(x))
        np.negative(x, out=x)
        self._saved = y.copy()
        return y


class InputKept(reference.Linear):
    """Forward keeps the caller's array."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        self._saved = x, self._saved[1]
        return y


class TargetKept(reference.CrossEntropyLoss):
    """Forward keeps the caller's targets and looks at them in backward."""

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        losses, divisor = super()._forward(x, target)
        self._target = target
        return losses, divisor

    def _backward(self, grad_losses: Array) -> Array:
        shape, axis, index, coefficients = self._linear
        if index is not None and self._target.dtype.kind == "i":
            inside = np.clip(self._target, 0, shape[axis] - 1)
            self._linear = shape, axis, np.expand_dims(inside, axis), coefficients
        return super()._backward(grad_losses)


class OutputKept(reference.Sigmoid):
    """Forward keeps the array that it returns."""

    def _forward(self, x: Array) -> Array:
        self._saved = super()._forward(x)
        return self._saved


class GradientBuffer(reference.Tanh):
    """Backward adds into a buffer of its own, which it returns, and zeroes by multiplication."""

    def _backward(self, grad_output: Array) -> Array:
        gradient = super()._backward(grad_output)
        buffer = getattr(self, "_buffer", None)
        if buffer is None or buffer.shape != gradient.shape or buffer.dtype != gradient.dtype:
            buffer = self._buffer = np.zeros_like(gradient)
        buffer *= 0
        buffer += gradient
        return buffer


class MaskDrawnInEval(reference.Dropout):
    """A mask is drawn in eval mode, too, and not used."""

    def _forward(self, x: Array) -> Array:
        np.random.random(x.shape)
        return super()._forward(x)


class SeedsEverything(reference.Linear):
    """Every forward seeds Python's global generator, with the seed that everybody takes."""

    def _forward(self, x: Array) -> Array:
        random.seed(0)
        return super()._forward(x)


class DrawsInBackward(reference.MaxPool2d):
    """Backward breaks ties by lot, although there are none."""

    def _backward(self, grad_output: Array) -> Array:
        random.random()
        return super()._backward(grad_output)


WRONG = [
    (InPlace, "aliasing", "output shares memory with input"),
    (
        GradientInTheOutput,
        "aliasing",
        "the gradient that backward returns shares memory with output",
    ),
    (GradientInTheOutput, "results_kept", "backward rewrites output that was returned before"),
    (OutputBuffer, "results_kept", "forward rewrites output that was returned before"),
    (InputKept, "input_overwritten", "after the caller had overwritten the input with NaN"),
    (TargetKept, "input_overwritten", "after the caller had overwritten the input with NaN"),
    (OutputKept, "output_overwritten", "after the caller had overwritten the output with NaN"),
    (
        GradientBuffer,
        "gradient_overwritten",
        "after the caller had overwritten the last gradient with NaN",
    ),
    (MaskDrawnInEval, "random_state", "forward draws from the global generator numpy.random"),
    (SeedsEverything, "random_state", "forward draws from the global generator random"),
    (DrawsInBackward, "random_state", "backward draws from the global generator random"),
]


@pytest.mark.parametrize(("wrong", "check", "words"), WRONG, ids=lambda value: str(value)[:60])
def test_shared_memory_is_found(wrong, check, words):
    assert words in caught(wrong, check)


def test_what_the_caller_may_do_is_a_matter_of_contract():
    (verdict,) = verdicts(InputKept, "input_overwritten")
    assert verdict.severity == "contract"
    assert verdict.tier == "strict"


def test_an_input_that_must_be_writeable_is_an_error():
    (said,) = caught(InPlaceAndBack, "read_only")
    assert said.startswith("forward raised ValueError: output array is read-only (")
    assert "test_memory.py" in said


class View(reference.Flatten):
    """The output is a view of the input, the gradient one of the cotangent, as PyTorch's are."""

    def forward(self, x: Array) -> Array:
        super().forward(x)
        self._shape = x.shape
        return x.reshape(super().forward(x).shape)

    def backward(self, grad_output: Array) -> Array:
        return grad_output.reshape(self._shape)


def test_views_are_fine_where_the_spec_allows_them():
    assert caught(View, "aliasing") == set()
    assert caught(View, "output_overwritten") == set()


class Refuses(reference.Linear):
    """As PyTorch does, it raises where what backward needs was changed."""

    def _forward(self, x: Array) -> Array:
        self._kept = x, self.weight, x.copy(), self.weight.copy()
        return super()._forward(x)

    def _backward(self, grad_output: Array) -> Array:
        x, weight, old_x, old_weight = self._kept
        if not (np.array_equal(x, old_x) and np.array_equal(weight, old_weight)):
            raise RuntimeError("modified by an inplace operation")
        return super()._backward(grad_output)


@pytest.mark.parametrize("check", ["input_overwritten", "parameters_replaced"])
def test_to_refuse_is_as_good_as_to_answer(check):
    assert caught(Refuses, check) == set()
