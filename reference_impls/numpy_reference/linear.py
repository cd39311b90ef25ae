"""The fully connected layer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .module import Array, Module, Random, uniform


class Linear(Module):
    """Maps the features in the last dimension to new ones, each a weighted sum plus an offset.

    y = x Wᵀ + b

    input (..., in_features), output (..., out_features),
    weight W (out_features, in_features), bias b (out_features).
    Source: https://pytorch.org/docs/stable/generated/torch.nn.Linear.html
    """

    parameter_names = ("weight", "bias")
    weight: Array
    bias: Array | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: npt.DTypeLike = np.float64,
        rng: Random = None,
    ) -> None:
        self.in_features = in_features
        self.out_features = out_features
        rng = np.random.default_rng(rng)
        self._set_parameters(
            weight=uniform(rng, (out_features, in_features), in_features, dtype),
            bias=uniform(rng, (out_features,), in_features, dtype) if bias else None,
        )

    def _forward(self, x: Array) -> Array:
        if x.ndim == 0:
            raise ValueError("Linear: input is 0-D, expected at least 1 dimension")
        if x.shape[-1] != self.in_features:
            raise ValueError(
                f"Linear: input has {x.shape[-1]} features in its last dimension, "
                f"expected in_features={self.in_features}"
            )
        # Copies: neither a later edit of x nor an optimizer step may change the gradient.
        x, weight = x.copy(), self.weight.astype(x.dtype)
        self._saved = x, weight
        y = x @ weight.T
        if self.bias is not None:
            y += self.bias.astype(x.dtype, copy=False)
        return y

    def _backward(self, grad_output: Array) -> Array:
        x, weight = self._saved
        leading = tuple(range(x.ndim - 1))
        self._accumulate(
            weight=np.tensordot(grad_output, x, (leading, leading)),
            bias=grad_output.sum(leading),
        )
        return grad_output @ weight
