"""Dropout."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .arrays import Array, float_array, gradient_array, to_array
from .module import Module


class Dropout(Module):
    """Zeroes each element with probability p while training, and scales up the rest.

        y[i]  = x[i] mask[i],   mask[i] = 0 with probability p, else 1 / (1 - p)
        dx[i] = dy[i] mask[i]

    In evaluation mode every mask[i] is 1. Shapes: x and y of any one shape.

    Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from
    overfitting", in the inverted form (scaled while training).
    """

    def __init__(self, p: float = 0.5, *, rng: Any = None) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"p must be between 0 and 1, got {p}")
        self.p = p
        self.rng = np.random.default_rng(rng)

    def forward(self, input: ArrayLike) -> Array:
        x = float_array(input, "input")
        y = []
        mask = []
        for value in x.ravel().tolist():
            mask.append(self._draw() if self.training else 1.0)
            y.append(value * mask[-1])
        self._cache = mask, x.shape, x.dtype
        return to_array(y, x.shape, x.dtype)

    def _draw(self) -> float:
        # random() is in [0, 1): never below p = 0, always below p = 1
        dropped = self.rng.random() < self.p
        return 0.0 if dropped else 1.0 / (1.0 - self.p)

    def backward(self, grad_output: ArrayLike) -> Array:
        mask, shape, dtype = self._recall()
        dx = []
        for dy, m in zip(gradient_array(grad_output, shape).ravel().tolist(), mask, strict=True):
            dx.append(dy * m)
        return to_array(dx, shape, dtype)

    def extra_repr(self) -> str:
        return f"p={self.p}"
