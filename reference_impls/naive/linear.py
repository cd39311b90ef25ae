"""The fully connected layer."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .arrays import (
    Array,
    accumulate,
    float_array,
    float_dtype,
    from_rows,
    gradient_array,
    integer,
    to_rows,
    zeros,
)
from .module import Module


class Linear(Module):
    """Multiplies every input row by a weight matrix and adds a bias.

        y[n, o]  = bias[o] + sum_i x[n, i] weight[o, i]

        dx[n, i] = sum_o dy[n, o] weight[o, i]
        dweight[o, i] = sum_n dy[n, o] x[n, i]
        dbias[o] = sum_n dy[n, o]

    Shapes: x (..., in_features), y (..., out_features); n counts the rows of all leading
    dimensions together. weight (out_features, in_features), bias (out_features,).

    Source: Goodfellow, Bengio & Courville, Deep Learning (2016), section 6.
    """

    parameter_names: ClassVar[tuple[str, ...]] = ("weight", "bias")

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float64,
        rng: Any = None,
    ) -> None:
        super().__init__()
        self.in_features = integer(in_features, "in_features", minimum=0)
        self.out_features = integer(out_features, "out_features", minimum=0)
        dtype = float_dtype(dtype)
        rng = np.random.default_rng(rng)

        bound = 1.0 / math.sqrt(in_features) if in_features > 0 else 0.0
        shape = (self.out_features, self.in_features)
        self.weight: Array = rng.uniform(-bound, bound, shape).astype(dtype)
        self.grad_weight: Array = np.zeros_like(self.weight)
        self.bias: Array | None = None
        self.grad_bias: Array | None = None
        if bias:
            self.bias = rng.uniform(-bound, bound, self.out_features).astype(dtype)
            self.grad_bias = np.zeros_like(self.bias)

    def forward(self, input: ArrayLike) -> Array:
        x = float_array(input, "input")
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise ValueError(
                f"input must have shape (..., in_features) with in_features={self.in_features}, "
                f"got {x.shape}"
            )
        rows = to_rows(x, axis=-1)
        weight = self._values("weight", self.out_features, self.in_features)
        no_bias = zeros(self.out_features)
        bias = no_bias if self.bias is None else self._values("bias", self.out_features)

        y = zeros(len(rows), self.out_features)
        for n in range(len(rows)):
            for o in range(self.out_features):
                total = bias[o]
                for i in range(self.in_features):
                    total += rows[n][i] * weight[o][i]
                y[n][o] = total

        self._cache = rows, weight, x.shape, x.dtype
        return from_rows(y, (*x.shape[:-1], self.out_features), -1, x.dtype)

    def backward(self, grad_output: ArrayLike) -> Array:
        rows, weight, shape, dtype = self._recall()
        dy = to_rows(gradient_array(grad_output, (*shape[:-1], self.out_features)), axis=-1)

        dx = zeros(len(rows), self.in_features)
        dweight = zeros(self.out_features, self.in_features)
        dbias = zeros(self.out_features)
        for n in range(len(rows)):
            for o in range(self.out_features):
                dbias[o] += dy[n][o]
                for i in range(self.in_features):
                    dx[n][i] += dy[n][o] * weight[o][i]
                    dweight[o][i] += dy[n][o] * rows[n][i]

        accumulate(self.grad_weight, dweight)
        if self.grad_bias is not None:
            accumulate(self.grad_bias, dbias)
        return from_rows(dx, shape, -1, dtype)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )
