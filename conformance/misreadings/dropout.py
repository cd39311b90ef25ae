"""Dropout misread."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from conformance.misreadings.catalogue import misreading
from reference_impls import numpy_reference as reference
from reference_impls.numpy_reference.module import Array


@misreading("Dropout", "mask-redrawn")
class MaskRedrawn(reference.Dropout):
    """Backward draws a new mask."""

    def _backward(self, grad_output: Array) -> Array:
        if self._saved is not None:
            self._saved = self._draw_scale(grad_output)
        return super()._backward(grad_output)


@misreading("Dropout", "mask-ignored-in-backward")
class MaskIgnoredInBackward(reference.Dropout):
    """Backward returns the cotangent."""

    def _backward(self, grad_output: Array) -> Array:
        return grad_output.copy()


@misreading("Dropout", "scale-missing-in-backward")
class ScaleMissingInBackward(reference.Dropout):
    """Backward drops, but does not scale what is kept."""

    def _backward(self, grad_output: Array) -> Array:
        if self._saved is None:
            return grad_output.copy()
        return grad_output * (self._saved != 0)


@misreading("Dropout", "mask-from-the-output")
class MaskFromTheOutput(reference.Dropout):
    """Backward takes for dropped what came out as zero."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        if self._saved is not None:
            self._saved = self._saved * (y != 0)
        return y


@misreading("Dropout", "scaled-by-p")
class ScaledByP(reference.Dropout):
    """Kept elements are divided by p."""

    def _draw_scale(self, x: Array) -> Array:
        keep = super()._draw_scale(x) != 0
        return np.multiply(keep, 1 / self.p if self.p else 1.0, dtype=x.dtype)


@misreading("Dropout", "p-keeps")
class PKeeps(reference.Dropout):
    """p is the probability of keeping an element."""

    def _draw_scale(self, x: Array) -> Array:
        keep = self.rng.random(x.shape) < self.p
        return np.multiply(keep, 1 / self.p if self.p else 0.0, dtype=x.dtype)


@misreading("Dropout", "not-scaled")
class NotScaled(reference.Dropout):
    """Training does not scale, evaluation multiplies by 1 - p."""

    def _forward(self, x: Array) -> Array:
        super()._forward(x)
        keep = 1 - self.p if self._saved is None else super()._draw_scale(x) != 0
        self._saved = np.multiply(keep, np.ones_like(x), dtype=x.dtype)
        return x * self._saved


@misreading("Dropout", "scaled-in-eval")
class ScaledInEval(reference.Dropout):
    """Evaluation multiplies by 1 - p, though training has scaled already."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        return y if self.training else y * (1 - self.p)

    def _backward(self, grad_output: Array) -> Array:
        grad_input = super()._backward(grad_output)
        return grad_input if self._saved is not None else grad_input * (1 - self.p)


@misreading("Dropout", "active-in-eval")
class ActiveInEval(reference.Dropout):
    """Evaluation drops, too."""

    def _forward(self, x: Array) -> Array:
        self._saved = self._draw_scale(x)
        return x * self._saved


@misreading("Dropout", "mask-kept-in-eval")
class MaskKeptInEval(reference.Dropout):
    """A forward in evaluation leaves the mask of the training before, and backward uses it."""

    def _forward(self, x: Array) -> Array:
        before = self._saved
        y = super()._forward(x)
        if self._saved is None and before is not None and before.shape == x.shape:
            self._saved = before
        return y


@misreading("Dropout", "drawn-in-eval")
class DrawnInEval(reference.Dropout):
    """A mask is drawn in evaluation, too, from the global generator, and thrown away."""

    def _forward(self, x: Array) -> Array:
        np.random.random(x.shape)
        return super()._forward(x)


@misreading("Dropout", "off-after-eval")
class OffAfterEval(reference.Dropout):
    """eval() sets p to 0, and nothing sets it back."""

    def train(self, mode: bool = True) -> OffAfterEval:
        self.p = self.p if mode else 0.0
        return super().train(mode)


@misreading("Dropout", "zero-by-zero")
class ZeroByZero(reference.Dropout):
    """The scale is 1 / (1 - p) where p is 1, too."""

    def _draw_scale(self, x: Array) -> Array:
        keep = self.rng.random(x.shape) >= self.p
        return np.divide(keep, 1 - self.p, dtype=x.dtype)


@misreading("Dropout", "mask-drawn-once")
class MaskDrawnOnce(reference.Dropout):
    """The first mask of a shape is used for ever."""

    _masks: dict[tuple[int, ...], Array] | None = None

    def _draw_scale(self, x: Array) -> Array:
        self._masks = {} if self._masks is None else self._masks
        if x.shape not in self._masks:
            self._masks[x.shape] = super()._draw_scale(x)
        return self._masks[x.shape].astype(x.dtype)


@misreading("Dropout", "drawn-from-a-normal-distribution")
class DrawnFromANormalDistribution(reference.Dropout):
    """randn(...) >= p instead of rand(...) >= p."""

    def _draw_scale(self, x: Array) -> Array:
        keep = self.rng.standard_normal(x.shape) >= self.p
        return np.multiply(keep, 1 / (1 - self.p) if self.p < 1 else 0.0, dtype=x.dtype)


@misreading("Dropout", "one-mask-for-the-batch")
class OneMaskForTheBatch(reference.Dropout):
    """All samples of a batch lose the same elements."""

    def _draw_scale(self, x: Array) -> Array:
        return np.broadcast_to(super()._draw_scale(x[:1]), x.shape)


@misreading("Dropout", "whole-channels")
class WholeChannels(reference.Dropout):
    """Images lose whole channels."""

    def _draw_scale(self, x: Array) -> Array:
        if x.ndim < 3:
            return super()._draw_scale(x)
        return np.broadcast_to(super()._draw_scale(x[..., :1, :1]), x.shape)


@misreading("Dropout", "mask-in-float64")
class MaskInFloat64(reference.Dropout):
    """The mask is float64, and so is what it is multiplied by."""

    def forward(self, x: npt.ArrayLike) -> Array:
        y = super().forward(x)
        return y if self._saved is None else y.astype(np.float64)


@misreading("Dropout", "any-probability")
class AnyProbability(reference.Dropout):
    """p is not checked."""

    def __init__(self, p: float = 0.5, *, rng: Any = None) -> None:
        super().__init__(rng=rng)
        self.p = p
