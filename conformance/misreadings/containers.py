"""Sequential misread."""

from __future__ import annotations

import copy

import numpy as np
import numpy.typing as npt

from conformance.misreadings.catalogue import misreading
from reference_impls import numpy_reference as reference
from reference_impls.numpy_reference.module import Array


@misreading("Sequential", "forward-again")
class ForwardAgain(reference.Sequential):
    """Backward runs the forward again."""

    def forward(self, x: npt.ArrayLike) -> Array:
        self._x = np.array(x)
        return super().forward(x)

    def backward(self, grad_output: npt.ArrayLike) -> Array:
        super().forward(self._x)
        return super().backward(grad_output)


@misreading("Sequential", "last-layer-left-out")
class LastLayerLeftOut(reference.Sequential):
    """The loops over the layers end one early."""

    def forward(self, x: npt.ArrayLike) -> Array:
        return self[:-1].forward(x)

    def backward(self, grad_output: npt.ArrayLike) -> Array:
        return self[:-1].backward(grad_output)


@misreading("Sequential", "first-layer-left-out-of-backward")
class FirstLayerLeftOutOfBackward(reference.Sequential):
    """The loop of backward ends before it comes to the first layer."""

    def backward(self, grad_output: npt.ArrayLike) -> Array:
        return self[1:].backward(grad_output)


@misreading("Sequential", "mode-stays-outside")
class ModeStaysOutside(reference.Sequential):
    """train() and eval() do not reach the layers inside."""

    def train(self, mode: bool = True) -> ModeStaysOutside:
        self.training = mode
        return self


@misreading("Sequential", "mode-not-nested")
class ModeNotNested(reference.Sequential):
    """train() and eval() set the layers' `training`, which a container inside does not pass on."""

    def train(self, mode: bool = True) -> ModeNotNested:
        for layer in (self, *self.layers):
            layer.training = mode
        return self


@misreading("Sequential", "zero-grad-stays-outside")
class ZeroGradStaysOutside(reference.Sequential):
    """zero_grad() does not reach the layers inside."""

    def zero_grad(self) -> None:
        pass


@misreading("Sequential", "reversed-parameters")
class ReversedParameters(reference.Sequential):
    """parameters() starts at the last layer."""

    def parameters(self) -> dict[str, Array]:
        return dict(reversed(super().parameters().items()))


@misreading("Sequential", "names-collide")
class NamesCollide(reference.Sequential):
    """parameters() goes by the layers' own names, so that one weight hides another."""

    def _named(self, method: str) -> dict[str, Array]:
        own = super()._named(method)
        return own if method != "parameters" else {k.split(".")[-1]: v for k, v in own.items()}


@misreading("Sequential", "nested-parameters-left-out")
class NestedParametersLeftOut(reference.Sequential):
    """parameters() knows only the layers directly inside."""

    def parameters(self) -> dict[str, Array]:
        return {key: value for key, value in super().parameters().items() if key.count(".") == 1}


@misreading("Sequential", "nested-flattened")
class NestedFlattened(reference.Sequential):
    """The layers of a container inside become layers of this one."""

    def append(self, layer: reference.Module) -> NestedFlattened:
        inner = layer.layers if isinstance(layer, reference.Sequential) else [layer]
        for each in inner:
            super().append(each)
        return self


@misreading("Sequential", "layers-copied")
class LayersCopied(reference.Sequential):
    """The container works with copies of the layers that it was given."""

    def append(self, layer: reference.Module) -> LayersCopied:
        super().append(copy.deepcopy(layer))
        return self
