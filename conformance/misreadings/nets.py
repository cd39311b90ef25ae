"""Nets in which one part is misread; the sentence for their authors stands in the specs."""

from __future__ import annotations

from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from conformance.misreadings.activations import MaskedByTheCotangent
from conformance.misreadings.catalogue import mixed, register
from conformance.misreadings.containers import ModeStaysOutside, ZeroGradStaysOutside
from conformance.misreadings.dropout import ActiveInEval, ScaledInEval
from conformance.misreadings.losses import GradientOfTheSum, SoftmaxTwice
from conformance.misreadings.optimizers import (
    DampedMomentum,
    NoBiasCorrection,
    Uphill,
)
from conformance.spec.catalogue import find_spec
from reference_impls import numpy_reference as reference
from reference_impls.numpy_reference.optimizers import Optimizer, Parameters

Array: TypeAlias = npt.NDArray[Any]


class FirstLayersZeroed(reference.Sequential):
    """zero_grad reaches the first layer only."""

    def zero_grad(self) -> None:
        self.layers[0].zero_grad()


class ActivationsSkipped(reference.Sequential):
    """Backward goes through the layers that have parameters only."""

    def backward(self, grad_output: npt.ArrayLike) -> Array:
        gradient = np.asarray(grad_output)
        for layer in reversed(self.layers):
            if layer.parameters():
                gradient = layer.backward(gradient)
        return gradient


class BackwardStopsEarly(reference.Sequential):
    """Backward goes through the last layer only."""

    def backward(self, grad_output: npt.ArrayLike) -> Array:
        return self.layers[-1].backward(grad_output)


class FrozenMomentum(reference.SGD):
    """Forgets the momentum."""

    def __init__(
        self, params: Parameters, lr: float = 1e-3, momentum: float = 0.0, **more: Any
    ) -> None:
        super().__init__(params, lr, 0.0, **more)


class LastLayerOnly(Optimizer):
    """Moves the last two parameters only."""

    def step(self) -> None:
        every = self._sources
        frozen: list[Any] = [(parameter.copy(), g) for parameter, g in self._pairs()]
        self._sources = [*frozen[:-2], *every[-2:]]
        super().step()
        self._sources = every


class WeightsOnly(Optimizer):
    """Leaves biases where they are."""

    def step(self) -> None:
        every = self._sources
        weights: list[Any] = [(p if p.ndim > 1 else p.copy(), g) for p, g in self._pairs()]
        self._sources = weights
        super().step()
        self._sources = every


class LastStepLeftOut(Optimizer):
    """Knows how many steps there will be, and takes one less."""

    def step(self) -> None:
        net = find_spec("IrisMLP").net
        assert net is not None
        if self.steps < net.steps - 1:
            super().step()


class LossGradientNotPassed(reference.CrossEntropyLoss):
    """Backward starts at ones instead of the gradient of the loss."""

    def backward(self, grad_output: npt.ArrayLike = 1.0) -> Array:
        return np.ones_like(super().backward(grad_output))


class MissFromTheTarget(reference.CrossEntropyLoss):
    """Backward is softmax - class index, which broadcasts, instead of softmax - one_hot."""

    def _grad_input(self, grad_log_p: Array, axis: int) -> Array:
        _, _, index, _ = self._linear
        share = -grad_log_p.sum(axis, keepdims=True)
        return (np.exp(self._saved) - index) * share


class PassesEverything(reference.ReLU):
    """Backward passes the gradient, whatever the sign of the input was."""

    def _backward(self, grad_output: Array) -> Array:
        return grad_output.copy()


class StatisticsOfTheBatch(reference.BatchNorm1d):
    """Normalizes with the statistics of its own batch in every mode."""

    def train(self, mode: bool = True) -> Self:
        return super().train(True)


SEQUENTIAL: dict[str, type] = {
    "gradients-never-zeroed": ZeroGradStaysOutside,
    "backward-stops-early": BackwardStopsEarly,
}
for _net in ("IrisMLP", "DigitsMLP", "DigitsCNN"):
    for _id, _wrong in SEQUENTIAL.items():
        register(_net, _id, {"Sequential": _wrong})

register("IrisMLP", "step-uphill", {"SGD": mixed(Uphill, reference.SGD)})
register("IrisMLP", "last-layer-only", {"SGD": mixed(LastLayerOnly, reference.SGD)})
register("IrisMLP", "biases-left-out", {"SGD": mixed(WeightsOnly, reference.SGD)})
register("IrisMLP", "last-step-left-out", {"SGD": mixed(LastStepLeftOut, reference.SGD)})
register("IrisMLP", "first-layer-zeroed", {"Sequential": FirstLayersZeroed})
register("IrisMLP", "activations-skipped", {"Sequential": ActivationsSkipped})
register("IrisMLP", "relu-passes-everything", {"ReLU": PassesEverything})
register("IrisMLP", "relu-of-the-gradient", {"ReLU": MaskedByTheCotangent})
register("IrisMLP", "loss-gradient-not-passed", {"CrossEntropyLoss": LossGradientNotPassed})
register("IrisMLP", "softmax-minus-index", {"CrossEntropyLoss": MissFromTheTarget})
register("IrisMLP", "softmax-twice", {"CrossEntropyLoss": SoftmaxTwice})
register(
    "IrisMLP",
    "gradient-of-the-sum",
    {"CrossEntropyLoss": mixed(GradientOfTheSum, reference.CrossEntropyLoss)},
)

register("DigitsMLP", "no-momentum", {"SGD": FrozenMomentum})
register("DigitsMLP", "damped-momentum", {"SGD": DampedMomentum})
register("DigitsMLP", "eval-stays-outside", {"Sequential": ModeStaysOutside})
register("DigitsMLP", "drops-in-eval", {"Dropout": ActiveInEval})
register("DigitsMLP", "scaled-in-eval", {"Dropout": ScaledInEval})
register("DigitsMLP", "statistics-of-the-batch", {"BatchNorm1d": StatisticsOfTheBatch})

register("DigitsCNN", "no-bias-correction", {"Adam": mixed(NoBiasCorrection, reference.Adam)})
register("DigitsCNN", "last-layer-only", {"Adam": mixed(LastLayerOnly, reference.Adam)})
