"""Layers that leave the values as they are."""

from __future__ import annotations

import math

from .module import Array, Module


class Identity(Module):
    """Returns its input.

    y = x

    input and output of any shape and dtype.
    Source: https://pytorch.org/docs/stable/generated/torch.nn.Identity.html
    """

    needs_floats = False

    def _forward(self, x: Array) -> Array:
        return x.copy()

    def _backward(self, grad_output: Array) -> Array:
        return grad_output.copy()


class Flatten(Module):
    """Joins the dimensions from start_dim to end_dim, both included, into one.

    y[n, (c·H + h)·W + w] = x[n, c, h, w] for the default arguments and 4-D input

    input of any shape and dtype, output with the product of the joined sizes in their place.
    Source: https://pytorch.org/docs/stable/generated/torch.nn.Flatten.html
    """

    needs_floats = False

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = start_dim
        self.end_dim = end_dim

    def _forward(self, x: Array) -> Array:
        ndim = max(x.ndim, 1)  # PyTorch lets a single number count as 1-D here
        for name, dim in (("start_dim", self.start_dim), ("end_dim", self.end_dim)):
            if not -ndim <= dim < ndim:
                raise ValueError(f"Flatten: input is {x.ndim}-D, which has no {name}={dim}")
        start, end = self.start_dim % ndim, self.end_dim % ndim
        if start > end:
            raise ValueError(f"Flatten: start_dim={start} comes after end_dim={end}")
        self._saved = x.shape
        joined = math.prod(x.shape[start : end + 1])
        return x.reshape(*x.shape[:start], joined, *x.shape[end + 1 :]).copy()

    def _backward(self, grad_output: Array) -> Array:
        return grad_output.reshape(self._saved).copy()
