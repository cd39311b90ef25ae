"""Softmax and its logarithm, along one dimension."""

from __future__ import annotations

import math

from numpy.typing import ArrayLike

from .arrays import Array, Row, divide, float_array, from_rows, gradient_array, log, to_rows
from .module import Module


def largest(row: Row) -> float:
    """Return the maximum of the row (-inf if it is empty)."""
    result = -math.inf
    for value in row:
        if value > result:
            result = value
    return result


def softmax(x: Row) -> Row:
    """Return exp(x[i]) / sum_j exp(x[j]); the maximum is subtracted first, so exp stays <= 1."""
    m = largest(x)
    exponentials = []
    total = 0.0
    for value in x:
        exponentials.append(math.exp(value - m))
        total += exponentials[-1]
    return [divide(e, total) for e in exponentials]


def softmax_backward(dy: Row, y: Row) -> Row:
    """Return dx[i] = y[i] (dy[i] - sum_j dy[j] y[j])."""
    total = 0.0
    for j in range(len(y)):
        total += dy[j] * y[j]
    return [y[i] * (dy[i] - total) for i in range(len(y))]


def log_softmax(x: Row) -> Row:
    """Return x[i] - log sum_j exp(x[j]), again with the maximum subtracted first."""
    m = largest(x)
    total = 0.0
    for value in x:
        total += math.exp(value - m)
    log_total = log(total)  # -inf for an empty row, where math.log would raise
    return [(value - m) - log_total for value in x]


def log_softmax_backward(dy: Row, y: Row) -> Row:
    """Return dx[i] = dy[i] - exp(y[i]) sum_j dy[j]."""
    total = 0.0
    for j in range(len(y)):
        total += dy[j]
    return [dy[i] - math.exp(y[i]) * total for i in range(len(y))]


class _AlongDimension(Module):
    """Applies `row_forward` to every slice of the input along `dim`.

    With `dim=None`, the dimension is PyTorch's implicit one: 0 for inputs of rank 0, 1 and 3,
    else 1.
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def row_forward(self, x: Row) -> Row:
        """Return the output y of one slice x."""
        raise NotImplementedError

    def row_backward(self, dy: Row, y: Row) -> Row:
        """Return the gradient dx of one slice, given its output y."""
        raise NotImplementedError

    def forward(self, input: ArrayLike) -> Array:
        x = float_array(input, "input")
        dim = self._implicit_dim(x) if self.dim is None else self.dim
        rank = max(x.ndim, 1)  # a scalar is treated as a vector of length 1
        if not -rank <= dim < rank:
            raise ValueError(f"dim={dim} does not exist in an input of shape {x.shape}")
        shape = x.shape or (1,)

        y = []
        for row in to_rows(x.reshape(shape), dim):
            y.append(self.row_forward(row))

        self._cache = y, shape, dim, x.shape, x.dtype
        return from_rows(y, shape, dim, x.dtype).reshape(x.shape)

    @staticmethod
    def _implicit_dim(x: Array) -> int:
        return 0 if x.ndim in (0, 1, 3) else 1

    def backward(self, grad_output: ArrayLike) -> Array:
        ys, shape, dim, x_shape, dtype = self._recall()
        dys = to_rows(gradient_array(grad_output, x_shape).reshape(shape), dim)
        dx = []
        for dy, y in zip(dys, ys, strict=True):
            dx.append(self.row_backward(dy, y))
        return from_rows(dx, shape, dim, dtype).reshape(x_shape)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongDimension):
    """Turns every slice along `dim` into probabilities.

        y[i]  = exp(x[i]) / sum_j exp(x[j])
        dx[i] = y[i] (dy[i] - sum_j dy[j] y[j])

    Shapes: x and y of any one shape; i and j run along `dim`.

    Source: Bridle 1990, "Probabilistic interpretation of feedforward classification network
    outputs".
    """

    def row_forward(self, x: Row) -> Row:
        return softmax(x)

    def row_backward(self, dy: Row, y: Row) -> Row:
        return softmax_backward(dy, y)


class LogSoftmax(_AlongDimension):
    """The logarithm of the softmax, computed without ever taking log(0).

        y[i]  = x[i] - log sum_j exp(x[j])
        dx[i] = dy[i] - exp(y[i]) sum_j dy[j]

    Shapes: x and y of any one shape; i and j run along `dim`.

    Source: as Softmax; the subtraction of the maximum is the log-sum-exp trick, Goodfellow, Bengio
    & Courville, Deep Learning (2016), section 4.1.
    """

    def row_forward(self, x: Row) -> Row:
        return log_softmax(x)

    def row_backward(self, dy: Row, y: Row) -> Row:
        return log_softmax_backward(dy, y)
