"""Activations that act on every element by itself."""

from __future__ import annotations

import math

from numpy.typing import ArrayLike

from .arrays import Array, float_array, gradient_array, to_array
from .module import Module


class Elementwise(Module):
    """Applies a scalar function to every element.

        y[i]  = f(x[i])
        dx[i] = dy[i] f'(x[i])

    Shapes: x and y of any one shape. A subclass says what `f` is (`function`), and what
    dy f'(x) is (`chain`), where it may use y = f(x) too.
    """

    def function(self, x: float) -> float:
        """Return f(x)."""
        raise NotImplementedError

    def chain(self, dy: float, x: float, y: float) -> float:
        """Return dy f'(x)."""
        raise NotImplementedError

    def forward(self, input: ArrayLike) -> Array:
        x = float_array(input, "input")
        xs = x.ravel().tolist()
        ys = []
        for value in xs:
            ys.append(self.function(value))
        self._cache = xs, ys, x.shape, x.dtype
        return to_array(ys, x.shape, x.dtype)

    def backward(self, grad_output: ArrayLike) -> Array:
        xs, ys, shape, dtype = self._recall()
        dys = gradient_array(grad_output, shape).ravel().tolist()
        dxs = []
        for dy, x, y in zip(dys, xs, ys, strict=True):
            dxs.append(self.chain(dy, x, y))
        return to_array(dxs, shape, dtype)


class ReLU(Elementwise):
    """Replaces negative elements by zero.

        y  = x if x > 0, else 0
        dx = dy if x > 0, else 0

    The slope at x = 0 is taken as 0. NaN stays NaN.

    Source: Nair & Hinton 2010, "Rectified linear units improve restricted Boltzmann machines".
    """

    def function(self, x: float) -> float:
        return 0.0 if x < 0 else x

    def chain(self, dy: float, x: float, y: float) -> float:
        return 0.0 if x <= 0 else dy


class LeakyReLU(Elementwise):
    """Multiplies negative elements by a small slope.

        y  = x if x > 0, else negative_slope x
        dx = dy if x > 0, else negative_slope dy

    Source: Maas, Hannun & Ng 2013, "Rectifier nonlinearities improve neural network acoustic
    models".
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def function(self, x: float) -> float:
        return x if x > 0 else self.negative_slope * x

    def chain(self, dy: float, x: float, y: float) -> float:
        return dy if x > 0 else self.negative_slope * dy

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class ELU(Elementwise):
    """Bends negative elements exponentially towards -alpha.

        y  = x if x > 0, else alpha (exp(x) - 1)
        dx = dy if x > 0, else dy alpha exp(x)

    Source: Clevert, Unterthiner & Hochreiter 2016, arXiv:1511.07289.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha

    def function(self, x: float) -> float:
        return self.alpha * math.expm1(x) if x < 0 else x

    def chain(self, dy: float, x: float, y: float) -> float:
        return dy if x > 0 else dy * self.alpha * math.exp(x)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class Softplus(Elementwise):
    """A smooth ReLU; beta sets how sharply it bends.

        y  = log(1 + exp(beta x)) / beta
        dx = dy sigmoid(beta x)

    Where beta x > threshold, y = x and dx = dy. The logarithm is computed as
    max(z, 0) + log(1 + exp(-|z|)), which is the same and cannot overflow.

    Source: Dugas et al. 2001, "Incorporating second-order functional knowledge for better option
    pricing".
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        if beta == 0:
            raise ValueError("beta must not be 0: y is divided by it")
        self.beta = beta
        self.threshold = threshold

    def function(self, x: float) -> float:
        z = self.beta * x
        if z > self.threshold:
            return x
        return (max(z, 0.0) + math.log1p(math.exp(-abs(z)))) / self.beta

    def chain(self, dy: float, x: float, y: float) -> float:
        z = self.beta * x
        return dy if z > self.threshold else dy * sigmoid(z)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


def sigmoid(x: float) -> float:
    """Return 1 / (1 + exp(-x)), written so that exp never sees a positive number."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    return math.exp(x) / (1.0 + math.exp(x))


class Sigmoid(Elementwise):
    """Squashes every element into (0, 1).

        y  = 1 / (1 + exp(-x))
        dx = dy y (1 - y)

    Source: Goodfellow, Bengio & Courville, Deep Learning (2016), section 3.10.
    """

    def function(self, x: float) -> float:
        return sigmoid(x)

    def chain(self, dy: float, x: float, y: float) -> float:
        return dy * y * (1.0 - y)


class Tanh(Elementwise):
    """Squashes every element into (-1, 1).

        y  = (exp(x) - exp(-x)) / (exp(x) + exp(-x))
        dx = dy (1 - y^2)

    Source: Goodfellow, Bengio & Courville, Deep Learning (2016), section 6.3.2.
    """

    def function(self, x: float) -> float:
        return math.tanh(x)

    def chain(self, dy: float, x: float, y: float) -> float:
        return dy * (1.0 - y * y)
