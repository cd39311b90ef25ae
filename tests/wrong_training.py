"""Deliberately wrong optimizers, schedulers, containers and nets; each docstring says how."""

from __future__ import annotations

import math

import numpy as np

from reference_impls import numpy_reference as reference


class DampedMomentum(reference.SGD):
    """The gradient enters the velocity times (1 - momentum)."""

    def _update(self, parameter, gradient, state):
        if self.momentum:
            self.dampening = self.momentum
            state.setdefault("velocity", np.zeros_like(parameter))
        super()._update(parameter, gradient, state)


class OutOfPlace(reference.SGD):
    """The new parameters go into new arrays."""

    def step(self):
        self._sources = [(parameter.copy(), gradient) for parameter, gradient in self._pairs()]
        super().step()


class VelocityZeroed(reference.SGD):
    """zero_grad also forgets the velocity."""

    def zero_grad(self):
        super().zero_grad()
        self.state = [{} for _ in self.state]


class RMSpropEpsInsideRoot(reference.RMSprop):
    """eps stands under the root."""

    def _update(self, parameter, gradient, state):
        square = state.setdefault("square", np.zeros_like(parameter))
        square *= self.alpha
        square += (1 - self.alpha) * gradient**2
        parameter -= self.lr * gradient / np.sqrt(square + self.eps)


class NoBiasCorrection(reference.Adam):
    """The averages are not corrected for their start at zero."""

    def step(self):
        self.steps = 10**9
        super().step()


class CounterPerParameter(reference.Adam):
    """The step counter advances once per parameter."""

    def _update(self, parameter, gradient, state):
        super()._update(parameter, gradient, state)
        self.steps += 1


class CoupledDecay(reference.Adam):
    """The decay is added to the gradient."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, **more):
        super().__init__(params, lr, betas, eps, weight_decay, **more)


class AlwaysRectified(reference.RAdam):
    """Takes Adam's step from the beginning."""

    def step(self):
        adam = reference.Adam
        self.amsgrad = False
        self.steps += 1
        for (parameter, gradient), state in zip(self._pairs(), self.state, strict=True):
            adam._update(self, parameter, gradient, state)


class AveragedSquares(reference.Adagrad):
    """The sum of squares is replaced by their mean."""

    def _update(self, parameter, gradient, state):
        super()._update(parameter, gradient / math.sqrt(self.steps), state)


def late(base):
    """The rate after t steps is that of t + 1: the scheduler acts one step too early."""

    class Early(base):
        def _rate(self, t, lr):
            return super()._rate(t + 1, lr)

    return Early


class ForgetsToRestore(reference.ConstantLR):
    """The factor stays for ever."""

    def _rate(self, t, lr):
        return self.lr0 * self.factor


class NeverStops(reference.LinearLR):
    """The line goes on after total_iters."""

    def _rate(self, t, lr):
        slope = (self.end_factor - self.start_factor) / self.total_iters
        return self.lr0 * (self.start_factor + slope * t)


class WholeCosine(reference.CosineAnnealingLR):
    """T_max is taken for the whole period."""

    def _rate(self, t, lr):
        swing = (1 + math.cos(2 * math.pi * t / self.T_max)) / 2
        return self.eta_min + (self.lr0 - self.eta_min) * swing


class Compounded(reference.TimeBasedLR):
    """The current rate is divided, not the first."""

    def _rate(self, t, lr):
        return lr / (1 + self.k * t)


class ShareOfTheFirst(reference.LinearDecayLR):
    """k is taken for a share of the first rate."""

    def _rate(self, t, lr):
        return self.lr0 * (1 - self.k * t)


class Drifting(reference.FixedLR):
    """The rate creeps."""

    def _rate(self, t, lr):
        return self.lr0 * (1 + 1e-9 * t)


class ForwardAgain(reference.Sequential):
    """Backward runs the forward again."""

    def forward(self, input):
        self.input = input.copy()
        return super().forward(input)

    def backward(self, grad_output):
        super().forward(self.input)
        return super().backward(grad_output)


class ModeStaysOutside(reference.Sequential):
    """train() and eval() do not reach the layers inside."""

    def train(self, mode=True):
        self.training = mode
        return self

    def eval(self):
        return self.train(False)


class ReversedParameters(reference.Sequential):
    """parameters() starts at the last layer."""

    def parameters(self):
        return dict(reversed(super().parameters().items()))


class StepUphill(reference.SGD):
    """Adds the gradient instead of subtracting it."""

    def __init__(self, params, lr=1e-3, **more):
        super().__init__(params, lr, **more)
        self.lr = -lr


class FrozenMomentum(reference.SGD):
    """Forgets the momentum."""

    def __init__(self, params, lr=1e-3, momentum=0.0, **more):
        super().__init__(params, lr, 0.0, **more)


def with_one_wrong(name, wrong):
    """All of the reference, with one class replaced: what a net is built from."""
    layers = {key: getattr(reference, key) for key in reference.__all__}
    return {**layers, name: wrong}


# By spec and misreading id.
WRONG: dict[tuple[str, str], type | dict[str, type]] = {
    ("SGD", "damped-momentum"): DampedMomentum,
    ("SGD", "out-of-place"): OutOfPlace,
    ("SGD", "velocity-zeroed"): VelocityZeroed,
    ("RMSprop", "eps-inside-root"): RMSpropEpsInsideRoot,
    ("Adam", "no-bias-correction"): NoBiasCorrection,
    ("Adam", "counter-per-parameter"): CounterPerParameter,
    ("AdamW", "coupled-decay"): CoupledDecay,
    ("RAdam", "always-rectified"): AlwaysRectified,
    ("Adagrad", "averaged-squares"): AveragedSquares,
    ("ConstantLR", "never-restored"): ForgetsToRestore,
    ("ExponentialLR", "one-step-early"): late(reference.ExponentialLR),
    ("LinearLR", "never-stops"): NeverStops,
    ("StepLR", "one-step-early"): late(reference.StepLR),
    ("CosineAnnealingLR", "whole-period"): WholeCosine,
    ("ExpoLR", "one-step-early"): late(reference.ExpoLR),
    ("LinearDecayLR", "share-of-the-first"): ShareOfTheFirst,
    ("TimeBasedLR", "compounded"): Compounded,
    ("FixedLR", "drifting"): Drifting,
    ("Sequential", "forward-again"): with_one_wrong("Sequential", ForwardAgain),
    ("Sequential", "mode-stays-outside"): with_one_wrong("Sequential", ModeStaysOutside),
    ("Sequential", "reversed-parameters"): with_one_wrong("Sequential", ReversedParameters),
    ("IrisMLP", "step-uphill"): with_one_wrong("SGD", StepUphill),
    ("DigitsMLP", "no-momentum"): with_one_wrong("SGD", FrozenMomentum),
    ("DigitsCNN", "no-bias-correction"): with_one_wrong("Adam", NoBiasCorrection),
}
