"""Misreadings of how parameters and their gradients are kept: mixins for layers that have some."""

from __future__ import annotations

import numpy as np

from conformance.misreadings.catalogue import mistake_of
from reference_impls import numpy_reference as reference
from reference_impls.numpy_reference.module import Array


class Misshapen(reference.Module):
    """A gradient that has not its parameter's shape takes the place of the one before."""

    def _accumulate(self, **gradients: Array) -> None:
        for name, gradient in gradients.items():
            before = getattr(self, f"grad_{name}")
            if before is None or before.shape == gradient.shape:
                super()._accumulate(**{name: gradient})
            else:
                setattr(self, f"grad_{name}", gradient.copy())


class Reread(reference.Module):
    """The layer uses the stored weight after `_read`; `_unread` takes its gradient back."""

    weight: Array

    def _read(self, values: Array) -> Array:
        raise NotImplementedError

    def _unread(self, values: Array) -> Array:
        raise NotImplementedError

    def _forward(self, x: Array) -> Array:
        stored, self.weight = self.weight, self._read(self.weight)
        try:
            return super()._forward(x)
        finally:
            self.weight = stored

    def _accumulate(self, **gradients: Array) -> None:
        gradients["weight"] = self._unread(gradients["weight"])
        super()._accumulate(**gradients)


@mistake_of(
    reference.Linear,
    reference.Conv2d,
    reference.BatchNorm1d,
    reference.BatchNorm2d,
    id="gradients-overwritten",
)
@mistake_of(reference.ChannelwiseScaling, id="gradients-overwritten")
class GradientsOverwritten(reference.Module):
    """Parameter gradients are assigned, not added."""

    def _backward(self, grad_output: Array) -> Array:
        self.zero_grad()
        return super()._backward(grad_output)


@mistake_of(
    reference.BatchNorm1d,
    reference.BatchNorm2d,
    reference.ChannelwiseScaling,
    id="gradients-swapped",
)
class GradientsSwapped(reference.Module):
    """grad_weight is that of the bias, grad_bias that of the weight."""

    def _accumulate(self, **gradients: Array) -> None:
        super()._accumulate(weight=gradients["bias"], bias=gradients["weight"])


@mistake_of(reference.Linear, reference.Conv2d, id="bias-gradient-forgotten")
class BiasGradientForgotten(reference.Module):
    """grad_bias stays zero."""

    def _accumulate(self, **gradients: Array) -> None:
        super()._accumulate(weight=gradients["weight"])


@mistake_of(reference.Linear, reference.Conv2d, id="bias-always-there")
class BiasAlwaysThere(reference.Module):
    """bias=False is ignored."""

    def _set_parameters(self, **parameters: Array | None) -> None:
        if parameters["bias"] is None and (weight := parameters["weight"]) is not None:
            parameters["bias"] = np.full(len(weight), 0.5, weight.dtype)
        super()._set_parameters(**parameters)


@mistake_of(reference.Linear, reference.Conv2d, id="bias-along-the-axis-that-fits")
class BiasAlongTheAxisThatFits(reference.Module):
    """The bias is added along the first axis that has its size."""

    bias: Array | None

    def _forward(self, x: Array) -> Array:
        bias, self.bias = self.bias, None
        try:
            y = super()._forward(x)
        finally:
            self.bias = bias
        if bias is not None:
            axis = y.shape.index(len(bias))
            y += bias.astype(y.dtype).reshape([-1] + [1] * (y.ndim - 1 - axis))
        return y


@mistake_of(reference.Linear, reference.BatchNorm1d, id="zero-grad-forgets-the-bias")
class ZeroGradForgetsTheBias(reference.Module):
    """zero_grad zeroes the gradient of weight only."""

    def zero_grad(self) -> None:
        if "weight" in (gradients := self.gradients()):
            gradients["weight"][...] = 0


@mistake_of(reference.Linear, reference.Conv2d, id="zero-grad-to-none")
class ZeroGradToNone(reference.Module):
    """zero_grad sets the gradients to None, and no later backward brings them back."""

    def zero_grad(self) -> None:
        for name in self.gradients():
            setattr(self, f"grad_{name}", None)


@mistake_of(
    reference.BatchNorm1d,
    reference.BatchNorm2d,
    reference.ChannelwiseScaling,
    id="weight-starts-at-zero",
)
class WeightStartsAtZero(reference.Module):
    """weight starts as zeros."""

    def _set_parameters(self, **parameters: Array | None) -> None:
        if (weight := parameters["weight"]) is not None:
            parameters["weight"] = np.zeros_like(weight)
        super()._set_parameters(**parameters)


@mistake_of(reference.Linear, reference.Conv2d, id="starts-normal")
class StartsNormal(reference.Module):
    """The weight starts as standard normal values, whatever its size."""

    def _set_parameters(self, **parameters: Array | None) -> None:
        if (weight := parameters.get("weight")) is not None:
            normal = np.random.default_rng(0).standard_normal(weight.shape)
            parameters["weight"] = normal.astype(weight.dtype)
        super()._set_parameters(**parameters)


@mistake_of(reference.Linear, reference.Conv2d, id="weight-starts-at-zero")
class SymmetricWeight(reference.Module):
    """The weight starts as zeros."""

    def _set_parameters(self, **parameters: Array | None) -> None:
        if (weight := parameters.get("weight")) is not None:
            parameters["weight"] = np.zeros_like(weight)
        super()._set_parameters(**parameters)
