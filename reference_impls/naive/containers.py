"""Layers made of layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from .arrays import Array, gradient_array, to_array
from .losses import Loss
from .module import Module


class Sequential(Module):
    """Applies its layers one after another, and their backward passes in reverse.

        y  = layers[k-1](... layers[1](layers[0](x)))
        dx = layers[0].backward(layers[1].backward(... layers[k-1].backward(dy)))

    Parameters, gradients and buffers are named by position and name: "0.weight", "2.0.bias".
    A layer may stand in a Sequential only once, because it remembers only its last forward.
    """

    def __init__(self, *layers: Module) -> None:
        super().__init__()
        self.layers: list[Module] = []
        for layer in layers:
            self.append(layer)

    def append(self, layer: Module) -> Sequential:
        """Put a layer at the end."""
        if not isinstance(layer, Module):
            raise TypeError(f"layer must be a Module, got {type(layer).__name__}")
        if any(layer is other for other in self.layers):
            raise ValueError(
                f"{layer!r} is already in this Sequential: build a second {type(layer).__name__}"
            )
        self.layers.append(layer)
        return self

    def add(self, layer: Module) -> Sequential:
        """Put a layer at the end (another name for `append`)."""
        return self.append(layer)

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            return Sequential(*self.layers[index])
        return self.layers[index]

    def forward(self, input: ArrayLike) -> Array:
        x = np.asarray(input)
        y = to_array(x, x.shape, x.dtype)
        for layer in self.layers:
            y = layer.forward(y)
        self._cache = y.shape, y.dtype
        return y

    def backward(self, grad_output: ArrayLike) -> Array:
        shape, dtype = self._recall()
        dx = to_array(gradient_array(grad_output, shape), shape, dtype)
        for layer in reversed(self.layers):
            dx = layer.backward(dx)
        return dx

    def parameters(self) -> dict[str, Array]:
        return {
            f"{position}.{name}": array
            for position, layer in enumerate(self.layers)
            for name, array in layer.parameters().items()
        }

    def gradients(self) -> dict[str, Array]:
        return {
            f"{position}.{name}": array
            for position, layer in enumerate(self.layers)
            for name, array in layer.gradients().items()
        }

    def buffers(self) -> dict[str, Array]:
        return {
            f"{position}.{name}": array
            for position, layer in enumerate(self.layers)
            for name, array in layer.buffers().items()
        }

    def train(self, mode: bool = True) -> Sequential:
        super().train(mode)
        for layer in self.layers:
            layer.train(mode)
        return self

    def __repr__(self) -> str:
        lines = ["Sequential("]
        for position, layer in enumerate(self.layers):
            lines.append(f"  ({position}): " + repr(layer).replace("\n", "\n  "))
        return "\n".join([*lines, ")"]) if self.layers else "Sequential()"


class Net(Module):
    """Joins a module and a loss, for training.

        loss = loss(module(x), target)

    Parameters, gradients and buffers are the module's.
    """

    def __init__(self, module: Module, loss: Loss) -> None:
        super().__init__()
        self.module = module
        self.loss = loss

    def forward(self, input: ArrayLike, target: ArrayLike) -> Array:
        return self.loss.forward(self.predict(input), target)

    __call__ = forward

    def predict(self, input: ArrayLike) -> Array:
        """The module's output, without a loss."""
        return self.module.forward(input)

    def backward(self, grad_output: ArrayLike = 1.0) -> Array:
        return self.module.backward(self.loss.backward(grad_output))

    def parameters(self) -> dict[str, Array]:
        return self.module.parameters()

    def gradients(self) -> dict[str, Array]:
        return self.module.gradients()

    def buffers(self) -> dict[str, Array]:
        return self.module.buffers()

    def train(self, mode: bool = True) -> Net:
        super().train(mode)
        self.module.train(mode)
        return self

    def __repr__(self) -> str:
        return f"Net({self.module!r}, {self.loss!r})"
