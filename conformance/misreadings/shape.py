"""Identity and Flatten misread."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from conformance.misreadings.catalogue import misreading
from reference_impls import numpy_reference as reference
from reference_impls.numpy_reference.module import Array


@misreading("Identity", "upcast")
class Upcast(reference.Identity):
    """Everything becomes float64."""

    def forward(self, x: npt.ArrayLike) -> Array:
        return super().forward(x).astype(float)

    def backward(self, grad_output: npt.ArrayLike) -> Array:
        return super().backward(grad_output).astype(float)


@misreading("Identity", "at-least-one-axis")
class AtLeastOneAxis(reference.Identity):
    """A scalar comes out as a vector."""

    def _forward(self, x: Array) -> Array:
        return np.atleast_1d(super()._forward(x))


@misreading("Identity", "derivative-only")
class DerivativeOnly(reference.Identity):
    """Backward returns ones."""

    def _backward(self, grad_output: Array) -> Array:
        return np.ones_like(grad_output)


@misreading("Flatten", "column-major")
class ColumnMajor(reference.Flatten):
    """Elements are joined in Fortran's order."""

    def _forward(self, x: Array) -> Array:
        return x.reshape(super()._forward(x).shape, order="F")

    def _backward(self, grad_output: Array) -> Array:
        return grad_output.reshape(self._saved, order="F")


@misreading("Flatten", "column-major-in-backward")
class ColumnMajorInBackward(reference.Flatten):
    """Backward takes elements apart in Fortran's order."""

    def _backward(self, grad_output: Array) -> Array:
        return grad_output.reshape(self._saved, order="F")


@misreading("Flatten", "order-of-memory")
class OrderOfMemory(reference.Flatten):
    """Elements are joined in the order in which they lie in memory."""

    def forward(self, x: npt.ArrayLike) -> Array:
        y = super().forward(x)
        return np.array(np.reshape(x, y.shape, order="A"))


@misreading("Flatten", "shape-of-the-first-batch")
class ShapeOfTheFirstBatch(reference.Flatten):
    """Backward gives every gradient the shape of the first input."""

    def _forward(self, x: Array) -> Array:
        before = self._saved
        y = super()._forward(x)
        self._saved = before or self._saved
        return y


@misreading("Flatten", "channels-last")
class ChannelsLast(reference.Flatten):
    """Images (N, C, H, W) are joined as (N, H, W, C)."""

    def _forward(self, x: Array) -> Array:
        super()._forward(x)  # for its errors
        return super()._forward(np.moveaxis(x, 1, -1) if x.ndim == 4 else x)

    def _backward(self, grad_output: Array) -> Array:
        grad_input = super()._backward(grad_output)
        return np.moveaxis(grad_input, -1, 1) if grad_input.ndim == 4 else grad_input


@misreading("Flatten", "arguments-ignored")
class ArgumentsIgnored(reference.Flatten):
    """Everything but the first axis is joined."""

    def _forward(self, x: Array) -> Array:
        super()._forward(x)  # for its errors
        return x.reshape(*x.shape[:1], math.prod(x.shape[1:]))


@misreading("Flatten", "batch-joined")
class BatchJoined(reference.Flatten):
    """Everything is joined, the batch with it."""

    def _forward(self, x: Array) -> Array:
        return super()._forward(x).reshape(-1)


@misreading("Flatten", "end-excluded")
class EndExcluded(reference.Flatten):
    """end_dim itself is not joined, as in a slice."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        start, end = self.start_dim % max(x.ndim, 1), self.end_dim % max(x.ndim, 1)
        if start == end:
            return y
        joined = math.prod(x.shape[start:end])
        return x.reshape(*x.shape[:start], joined, *x.shape[end:]).copy()


@misreading("Flatten", "backward-not-reshaped")
class BackwardNotReshaped(reference.Flatten):
    """Backward returns the cotangent in the shape of the output."""

    def _backward(self, grad_output: Array) -> Array:
        return grad_output.copy()


@misreading("Flatten", "scalar-stays")
class ScalarStays(reference.Flatten):
    """A scalar comes out as a scalar."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        return y if x.ndim else y.reshape(())


@misreading("Flatten", "axis-clamped")
class AxisClamped(reference.Flatten):
    """Axes that the input does not have count as its last."""

    def _forward(self, x: Array) -> Array:
        last = max(x.ndim, 1) - 1
        self.start_dim, self.end_dim = min(self.start_dim, last), min(self.end_dim, last)
        return super()._forward(x)


@misreading("Flatten", "start-after-end-accepted")
class StartAfterEndAccepted(reference.Flatten):
    """Where start_dim comes after end_dim, nothing is joined."""

    def _forward(self, x: Array) -> Array:
        try:
            return super()._forward(x)
        except ValueError:
            if max(abs(self.start_dim), abs(self.end_dim)) >= x.ndim:
                raise
            self._saved = x.shape
            return x.copy()
