"""Dropout."""

from __future__ import annotations

import numpy as np

from .module import Array, Module, Random


class Dropout(Module):
    """Zeroes each element with probability p in training, and is the identity in evaluation.

    y = x · m / (1 - p) with m ~ Bernoulli(1 - p), so that the expectation of y is x

    input and output of any shape.
    Source: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """

    def __init__(self, p: float = 0.5, *, rng: Random = None) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p={p} is not a probability between 0 and 1")
        self.p = p
        self.rng = np.random.default_rng(rng)

    def _forward(self, x: Array) -> Array:
        self._saved = self._draw_scale(x) if self.training else None
        return x.copy() if self._saved is None else x * self._saved

    def _backward(self, grad_output: Array) -> Array:
        return grad_output.copy() if self._saved is None else grad_output * self._saved

    def _draw_scale(self, x: Array) -> Array:
        keep = self.rng.random(x.shape) >= self.p  # random() < 1, so p = 1 keeps nothing
        scale = 1 / (1 - self.p) if self.p < 1 else 0.0
        return np.multiply(keep, scale, dtype=x.dtype)
