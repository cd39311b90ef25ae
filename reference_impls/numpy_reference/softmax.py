"""Softmax and its logarithm, as functions and as layers."""

from __future__ import annotations

import numpy as np

from .module import Array, Module


def softmax(x: Array, axis: int = -1) -> Array:
    """Return exp(x) / sum(exp(x)) along `axis`.

    The maximum is subtracted first: that changes no quotient, and exp cannot overflow.
    """
    e = np.exp(x - x.max(axis, keepdims=True, initial=-np.inf))
    e /= e.sum(axis, keepdims=True)
    return e


def log_softmax(x: Array, axis: int = -1) -> Array:
    """Return log(softmax(x)) along `axis`, finite even where the softmax underflows to zero."""
    shifted = x - x.max(axis, keepdims=True, initial=-np.inf)
    shifted -= np.log(np.exp(shifted).sum(axis, keepdims=True))
    return shifted


def _dot(a: Array, b: Array, axis: int) -> Array:
    """Return Σ a · b along `axis`, which stays with length 1, without an array of the products."""
    products = np.einsum("...i,...i->...", np.moveaxis(a, axis, -1), np.moveaxis(b, axis, -1))
    return np.expand_dims(products, axis)


class _AlongDim(Module):
    """A layer that works along one dimension; None stands for PyTorch's historical choice."""

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def _axis(self, x: Array) -> int:
        axis = self.dim
        if axis is None:
            axis = 0 if x.ndim in (0, 1, 3) else 1
        if not -x.ndim <= axis < x.ndim:
            raise ValueError(f"{self._name}: input is {x.ndim}-D, which has no dim={axis}")
        return axis


class Softmax(_AlongDim):
    """Turns scores into probabilities that sum to 1 along `dim`.

    y_i = exp(x_i) / Σ_j exp(x_j)

    input and output of any shape.
    Source: https://pytorch.org/docs/stable/generated/torch.nn.Softmax.html
    """

    def _forward(self, x: Array) -> Array:
        axis = self._axis(x)
        y = softmax(x, axis)
        self._saved = axis, y.copy()
        return y

    def _backward(self, grad_output: Array) -> Array:
        axis, y = self._saved
        dx = grad_output - _dot(grad_output, y, axis)
        dx *= y
        return dx


class LogSoftmax(_AlongDim):
    """Turns scores into logarithms of probabilities along `dim`.

    y_i = x_i - log Σ_j exp(x_j)

    input and output of any shape.
    Source: https://pytorch.org/docs/stable/generated/torch.nn.LogSoftmax.html
    """

    def _forward(self, x: Array) -> Array:
        axis = self._axis(x)
        y = log_softmax(x, axis)
        self._saved = axis, y.copy()
        return y

    def _backward(self, grad_output: Array) -> Array:
        axis, y = self._saved
        dx = np.exp(y)
        dx *= grad_output.sum(axis, keepdims=True)
        return np.subtract(grad_output, dx, out=dx)
