"""Layers made of layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import overload

import numpy as np
import numpy.typing as npt

from .losses import Loss
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


class Net(Module):
    """Joins a module and a loss, for training.

    loss = loss(module(x), target)

    input and target as the module and the loss have them; parameters, gradients and buffers are
    the module's.
    Source: Goodfellow, Bengio & Courville, Deep Learning (2016), section 6.2.
    """

    def __init__(self, module: Module, loss: Loss) -> None:
        self.module = module
        self.loss = loss

    def forward(self, x: npt.ArrayLike, target: npt.ArrayLike) -> Array:
        """Return the loss of the module's output for `x`."""
        return self.loss.forward(self.predict(x), target)

    __call__ = forward

    def predict(self, x: npt.ArrayLike) -> Array:
        """Return the module's output, without a loss."""
        return self.module.forward(x)

    def backward(self, grad_output: npt.ArrayLike = 1.0) -> Array:
        """Add to all parameters' gradients and return the input's, for the last forward."""
        return self.module.backward(self.loss.backward(grad_output))

    def parameters(self) -> dict[str, Array]:
        """Return the module's parameters."""
        return self.module.parameters()

    def gradients(self) -> dict[str, Array]:
        """Return the module's gradients."""
        return self.module.gradients()

    def buffers(self) -> dict[str, Array]:
        """Return the module's buffers."""
        return self.module.buffers()

    def train(self, mode: bool = True) -> Net:
        """Switch the module to training mode (or to evaluation mode)."""
        self.module.train(mode)
        return super().train(mode)

    def __repr__(self) -> str:
        return f"Net({self.module!r}, {self.loss!r})"
