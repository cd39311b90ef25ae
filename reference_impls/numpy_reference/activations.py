"""Activation functions, applied to each element on its own."""

from __future__ import annotations

import numpy as np

from .module import Array, Module

# np.where is slow where signs are mixed, so the pieces below are added or multiplied instead.


def _sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)), expanded so that no exponent is positive and overflows."""
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


def _factor(x: Array, below: float) -> Array:
    """Return 1 where x is positive, and `below` elsewhere."""
    return np.array([below, 1], x.dtype).take(x > 0)


class ReLU(Module):
    """Sets negative values to zero.

    y = max(x, 0), and the derivative at 0 is 0

    input and output of any shape.
    Source: https://pytorch.org/docs/stable/generated/torch.nn.ReLU.html
    """

    def _forward(self, x: Array) -> Array:
        self._saved = ~(x <= 0)  # unlike x > 0, this lets the gradient pass at NaN
        return np.maximum(x, 0)

    def _backward(self, grad_output: Array) -> Array:
        return grad_output * self._saved


class LeakyReLU(Module):
    """Scales negative values by a small slope.

    y = max(x, 0) + negative_slope · min(x, 0)

    input and output of any shape.
    Source: https://pytorch.org/docs/stable/generated/torch.nn.LeakyReLU.html
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def _forward(self, x: Array) -> Array:
        self._saved = _factor(x, self.negative_slope)
        return x * self._saved

    def _backward(self, grad_output: Array) -> Array:
        return grad_output * self._saved


class ELU(Module):
    """Lets negative values decay exponentially towards -alpha.

    y = max(x, 0) + alpha · (exp(min(x, 0)) - 1)

    input and output of any shape.
    Source: Clevert et al. 2015, arXiv:1511.07289
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def _forward(self, x: Array) -> Array:
        self._saved = x.copy()
        return np.maximum(x, 0) + self.alpha * np.expm1(np.minimum(x, 0))

    def _backward(self, grad_output: Array) -> Array:
        x = self._saved
        return grad_output * _factor(x, self.alpha) * np.exp(np.minimum(x, 0))


class Softplus(Module):
    """Smooths the ReLU; is the identity where beta · x exceeds the threshold.

    y = log(1 + exp(beta · x)) / beta

    input and output of any shape.
    Source: https://pytorch.org/docs/stable/generated/torch.nn.Softplus.html
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta = beta
        self.threshold = threshold

    def _forward(self, x: Array) -> Array:
        z = self.beta * x
        self._saved = z
        smooth = np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))  # log(1 + exp(z)), no overflow
        return np.where(z > self.threshold, x, smooth / self.beta)

    def _backward(self, grad_output: Array) -> Array:
        z = self._saved
        return grad_output * np.where(z > self.threshold, 1, _sigmoid(z))


class Sigmoid(Module):
    """Squashes values into (0, 1).

    y = 1 / (1 + exp(-x))

    input and output of any shape.
    Source: https://pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html
    """

    def _forward(self, x: Array) -> Array:
        y = _sigmoid(x)
        self._saved = y.copy()
        return y

    def _backward(self, grad_output: Array) -> Array:
        y = self._saved
        return grad_output * (1 - y) * y


class Tanh(Module):
    """Squashes values into (-1, 1).

    y = tanh(x)

    input and output of any shape.
    Source: https://pytorch.org/docs/stable/generated/torch.nn.Tanh.html
    """

    def _forward(self, x: Array) -> Array:
        y = np.tanh(x)
        self._saved = y.copy()
        return y

    def _backward(self, grad_output: Array) -> Array:
        y = self._saved
        return grad_output * (1 - y * y)
