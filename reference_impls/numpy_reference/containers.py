"""Layers made of layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import overload

import numpy as np
import numpy.typing as npt

from .module import Array, Module


class Sequential(Module):
    """Feeds each layer's output to the next layer.

    y = (f_k ∘ … ∘ f_2 ∘ f_1)(x)

    input and output as its first and last layer have them. Parameters, gradients and buffers
    are named by position, as in "0.weight" or, nested, "1.0.weight".
    Source: https://pytorch.org/docs/stable/generated/torch.nn.Sequential.html
    """

    def __init__(self, *layers: Module) -> None:
        self.layers: list[Module] = []
        for layer in layers:
            self.append(layer)

    def append(self, layer: Module) -> Sequential:
        """Add a layer at the end and return the container."""
        if any(layer is other for other in self.layers):
            raise ValueError(f"Sequential: {layer} twice, but a layer remembers one forward only")
        self.layers.append(layer)
        return self

    add = append

    def forward(self, x: npt.ArrayLike) -> Array:
        """Return the last layer's output."""
        y = np.asarray(x)
        for layer in self.layers:
            y = layer.forward(y)
        return y if self.layers else y.copy()

    def backward(self, grad_output: npt.ArrayLike) -> Array:
        """Add to all parameters' gradients and return the input's, for the last forward."""
        gradient = np.asarray(grad_output)
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient)
        return gradient if self.layers else gradient.copy()

    def _named(self, method: str) -> dict[str, Array]:
        return {
            f"{position}.{name}": value
            for position, layer in enumerate(self.layers)
            for name, value in getattr(layer, method)().items()
        }

    def parameters(self) -> dict[str, Array]:
        """Return all layers' parameters."""
        return self._named("parameters")

    def gradients(self) -> dict[str, Array]:
        """Return all layers' gradients."""
        return self._named("gradients")

    def buffers(self) -> dict[str, Array]:
        """Return all layers' buffers."""
        return self._named("buffers")

    def train(self, mode: bool = True) -> Sequential:
        """Switch all layers to training mode (or to evaluation mode)."""
        for layer in self.layers:
            layer.train(mode)
        return super().train(mode)

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module:
        """Return one layer, or a Sequential of the layers in a slice."""
        if isinstance(index, slice):
            return Sequential(*self.layers[index])
        return self.layers[index]

    def __repr__(self) -> str:
        lines = [f"\n({position}): {layer!r}" for position, layer in enumerate(self.layers)]
        return "Sequential(" + "".join(lines).replace("\n", "\n  ") + ("\n)" if lines else ")")
