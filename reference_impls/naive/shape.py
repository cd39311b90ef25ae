"""Layers that change shapes, not values."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from .arrays import Array, gradient_array, to_array
from .module import Module


class Identity(Module):
    """Returns a copy of its input.

        y[i]  = x[i]
        dx[i] = dy[i]

    Shapes: x and y of any one shape.
    """

    def forward(self, input: ArrayLike) -> Array:
        x = np.asarray(input)
        self._cache = x.shape, x.dtype
        return to_array(x, x.shape, x.dtype)

    def backward(self, grad_output: ArrayLike) -> Array:
        shape, dtype = self._recall()
        return to_array(gradient_array(grad_output, shape), shape, dtype)


class Flatten(Module):
    """Joins the dimensions start_dim ... end_dim into one, in row-major order.

        y[n, (c H + h) W + w] = x[n, c, h, w]      (for the default dims and a 4-D input)

    Shapes: x (N, d1, ..., dk), y (N, d1 ... dk) with the default dims. A scalar becomes (1,).
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: ArrayLike) -> Array:
        x = np.asarray(input)
        shape = x.shape or (1,)
        start = self._dimension("start_dim", self.start_dim, shape)
        end = self._dimension("end_dim", self.end_dim, shape)
        if start > end:
            raise ValueError(
                f"start_dim={self.start_dim} comes after end_dim={self.end_dim} "
                f"in an input of shape {x.shape}"
            )
        flat_shape = (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])
        self._cache = x.shape, flat_shape, x.dtype
        return to_array(x, flat_shape, x.dtype)

    def backward(self, grad_output: ArrayLike) -> Array:
        shape, flat_shape, dtype = self._recall()
        return to_array(gradient_array(grad_output, flat_shape), shape, dtype)

    @staticmethod
    def _dimension(name: str, dim: int, shape: tuple[int, ...]) -> int:
        if not -len(shape) <= dim < len(shape):
            raise ValueError(f"{name}={dim} does not exist in an input of shape {shape}")
        return dim % len(shape)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
