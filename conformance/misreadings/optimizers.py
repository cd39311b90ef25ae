"""Misread optimizers; the sentence for their authors stands in the specs."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from conformance.misreadings.catalogue import misreading, mistake_of
from reference_impls import numpy_reference as reference
from reference_impls.numpy_reference.optimizers import Optimizer, State, _average, _memory, _moments

Array: TypeAlias = npt.NDArray[Any]


# --- several optimizers ---------------------------------------------------------------------------


@mistake_of(reference.SGD, id="out-of-place")
class OutOfPlace(Optimizer):
    """The new parameters go into new arrays."""

    def step(self) -> None:
        copies: list[Any] = [(parameter.copy(), gradient) for parameter, gradient in self._pairs()]
        self._sources = copies
        super().step()


@mistake_of(reference.SGD, id="uphill")
class Uphill(Optimizer):
    """The step goes along the gradient."""

    def step(self) -> None:
        self.lr = -self.lr
        super().step()
        self.lr = -self.lr


@mistake_of(reference.SGD, id="gradient-normalised")
class GradientNormalised(Optimizer):
    """Gradients longer than 1 are cut to length 1."""

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        length = float(np.sqrt(np.sum(gradient**2)))
        super()._update(parameter, gradient / max(1.0, length), state)


@mistake_of(reference.SGD, id="decay-written-to-gradient")
class DecayWrittenToGradient(Optimizer):
    """The decay is added to the gradient array itself."""

    def _decayed(self, parameter: Array, gradient: Array) -> Array:
        gradient += self.weight_decay * parameter
        return gradient


@mistake_of(reference.SGD, reference.Adam, id="zero-grad-rebinds")
class ZeroGradRebinds(Optimizer):
    """zero_grad puts new arrays in the place of the gradients."""

    def zero_grad(self) -> None:
        rebound: list[Any] = [(parameter, np.zeros_like(g)) for parameter, g in self._pairs()]
        self._sources = rebound


@mistake_of(reference.SGD, reference.RMSprop, reference.Adagrad, reference.Adam, id="state-zeroed")
class StateZeroed(Optimizer):
    """zero_grad also forgets what the optimizer remembers of its parameters."""

    def zero_grad(self) -> None:
        super().zero_grad()
        for state in self.state:
            for value in state.values():
                value[...] = 0


@mistake_of(reference.Adam, reference.RAdam, id="counter-zeroed")
class CounterZeroed(Optimizer):
    """zero_grad also resets the step counter."""

    def zero_grad(self) -> None:
        super().zero_grad()
        self.steps = 0


@mistake_of(reference.Adam, reference.AdamW, reference.RAdam, id="counter-one-ahead")
class CounterOneAhead(Optimizer):
    """The first step counts as the second."""

    def step(self) -> None:
        self.steps = max(1, self.steps)
        super().step()


@mistake_of(reference.Adam, reference.AdamW, reference.RAdam, id="counter-per-parameter")
class CounterPerParameter(Optimizer):
    """The step counter advances once per parameter."""

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        super()._update(parameter, gradient, state)
        self.steps += 1


@mistake_of(reference.Adam, reference.AdamW, id="no-bias-correction")
class NoBiasCorrection(Optimizer):
    """The averages are not corrected for their start at zero."""

    def step(self) -> None:
        self.steps = 10**9
        super().step()


@mistake_of(
    reference.SGD, reference.RMSprop, reference.Adagrad, reference.Adam, id="state-in-float32"
)
class StateInFloat32(Optimizer):
    """What is remembered of a parameter is rounded to float32."""

    def step(self) -> None:
        super().step()
        for state in self.state:
            for value in state.values():
                value[...] = value.astype(np.float32)


@mistake_of(reference.SGD, reference.Adam, id="state-by-shape")
class StateByShape(Optimizer):
    """Parameters of the same shape share what is remembered of them."""

    def step(self) -> None:
        shapes = [parameter.shape for parameter, _ in self._pairs()]
        self.state = [self.state[shapes.index(shape)] for shape in shapes]
        super().step()


# --- SGD ------------------------------------------------------------------------------------------


@misreading("SGD", "damped-momentum")
class DampedMomentum(reference.SGD):
    """The gradient enters the velocity times (1 - momentum)."""

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        if self.momentum:
            self.dampening = self.momentum
            _memory(state, "velocity", parameter)
        super()._update(parameter, gradient, state)


@misreading("SGD", "velocity-starts-at-zero")
class VelocityStartsAtZero(reference.SGD):
    """The first gradient is dampened, too."""

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        if self.momentum:
            _memory(state, "velocity", parameter)
        super()._update(parameter, gradient, state)


@misreading("SGD", "decay-apart")
class DecayApart(reference.SGD):
    """The decay shrinks the parameter and stays out of the velocity."""

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        parameter *= 1 - self.lr * self.weight_decay
        super()._update(parameter, gradient, state)

    def _decayed(self, parameter: Array, gradient: Array) -> Array:
        return gradient


@misreading("SGD", "decay-without-lr")
class DecayWithoutRate(reference.SGD):
    """The decay shrinks the parameter by weight_decay, whatever the rate."""

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        parameter *= 1 - self.weight_decay
        super()._update(parameter, gradient, state)

    def _decayed(self, parameter: Array, gradient: Array) -> Array:
        return gradient


@misreading("SGD", "nesterov-of-the-old-velocity")
class NesterovOfTheOldVelocity(reference.SGD):
    """The look-ahead uses the velocity from before the gradient entered it."""

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        if not self.nesterov:
            return super()._update(parameter, gradient, state)
        g = self._decayed(parameter, gradient)
        velocity = _memory(state, "velocity", parameter)
        parameter -= self.lr * (g + self.momentum * velocity)
        velocity *= self.momentum
        velocity += g


@misreading("SGD", "nesterov-without-gradient")
class NesterovWithoutGradient(reference.SGD):
    """The look-ahead is a second factor of momentum, without the gradient."""

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        if not self.nesterov:
            return super()._update(parameter, gradient, state)
        velocity = _memory(state, "velocity", parameter)
        velocity *= self.momentum
        velocity += self._decayed(parameter, gradient)
        parameter -= self.lr * self.momentum * velocity


@misreading("SGD", "rate-inside-the-velocity")
class RateInsideTheVelocity(reference.SGD):
    """Gradients enter the velocity times the rate of their own step."""

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        self.rate, self.lr = self.lr, 1.0
        super()._update(parameter, gradient, state)
        self.lr = self.rate

    def _decayed(self, parameter: Array, gradient: Array) -> Array:
        return self.rate * super()._decayed(parameter, gradient)


@misreading("SGD", "parameters-upcast")
class ParametersUpcast(reference.SGD):
    """Objects with .data and .grad get new arrays, of float64."""

    def __init__(self, params: Any, *arguments: Any, **named: Any) -> None:
        self.variables = list(params)
        super().__init__([(v.data, v.grad) for v in self.variables], *arguments, **named)

    def step(self) -> None:
        pairs: list[Any] = [(v.data, v.grad) for v in self.variables]
        self._sources = pairs
        super().step()
        for variable in self.variables:
            variable.data = np.asarray(variable.data, np.float64)


# --- RMSprop --------------------------------------------------------------------------------------


class Scaled(reference.RMSprop):
    """RMSprop in steps that can go wrong one by one."""

    def _square(self, square: Array, gradient: Array) -> Array:
        """What to divide by the root of, from the average of squares so far."""
        _average(square, gradient * gradient, self.alpha)
        return square

    def _root(self, square: Array) -> Array:
        return np.sqrt(square) + self.eps

    def _centre(self, square: Array, mean: Array) -> Array:
        return square - mean * mean

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        g = self._decayed(parameter, gradient)
        square = self._square(_memory(state, "square", parameter), g)
        if self.centered:
            mean = _memory(state, "mean", parameter)
            _average(mean, g, self.alpha)
            square = self._centre(square, mean)
        change = g / self._root(square)
        if self.momentum:
            velocity = _memory(state, "velocity", parameter)
            velocity *= self.momentum
            velocity += change
            change = velocity
        parameter -= self.lr * change


@misreading("RMSprop", "eps-inside-root")
class RMSpropEpsInsideRoot(Scaled):
    """eps stands under the root."""

    def _root(self, square: Array) -> Array:
        return np.sqrt(square + self.eps)


@misreading("RMSprop", "no-root")
class NoRoot(Scaled):
    """The gradient is divided by the mean square itself."""

    def _root(self, square: Array) -> Array:
        return square + self.eps


@misreading("RMSprop", "summed-squares")
class SummedSquares(Scaled):
    """Squares enter the average whole."""

    def _square(self, square: Array, gradient: Array) -> Array:
        square *= self.alpha
        square += gradient * gradient
        return square


@misreading("RMSprop", "alpha-of-the-new")
class AlphaOfTheNew(Scaled):
    """alpha is the share of the new square."""

    def _square(self, square: Array, gradient: Array) -> Array:
        _average(square, gradient * gradient, 1 - self.alpha)
        return square


@misreading("RMSprop", "average-from-before")
class AverageFromBefore(Scaled):
    """The gradient is divided by the average that it has not entered yet."""

    def _square(self, square: Array, gradient: Array) -> Array:
        before = square.copy()
        super()._square(square, gradient)
        return before


@misreading("RMSprop", "starts-at-first-square")
class StartsAtFirstSquare(Scaled):
    """The average starts at the first square."""

    def _square(self, square: Array, gradient: Array) -> Array:
        if self.steps == 1:
            square[...] = gradient * gradient
        return super()._square(square, gradient)


@misreading("RMSprop", "bias-corrected")
class BiasCorrected(Scaled):
    """The average is corrected for its start at zero."""

    def _square(self, square: Array, gradient: Array) -> Array:
        return super()._square(square, gradient) / (1 - self.alpha**self.steps)


@misreading("RMSprop", "mean-not-squared")
class MeanNotSquared(Scaled):
    """The mean is subtracted as it is."""

    def _centre(self, square: Array, mean: Array) -> Array:
        return np.abs(square - mean)


@misreading("RMSprop", "momentum-of-gradients")
class MomentumOfGradients(reference.RMSprop):
    """Momentum gathers gradients, and their sum is scaled."""

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        momentum = self.momentum
        velocity = _memory(state, "gathered", parameter)
        velocity *= momentum
        velocity += self._decayed(parameter, gradient)
        decay, self.weight_decay, self.momentum = self.weight_decay, 0.0, 0.0
        super()._update(parameter, velocity, state)
        self.weight_decay, self.momentum = decay, momentum


# --- Adam, AdamW, RAdam ---------------------------------------------------------------------------


class Moments(reference.Adam):
    """Adam in steps that can go wrong one by one."""

    def _corrected(self, mean: Array, square: Array) -> tuple[Array, Array]:
        unbias_mean, unbias_square = (1 - beta**self.steps for beta in self.betas)
        return mean / unbias_mean, square / unbias_square

    def _root(self, square: Array) -> Array:
        return np.sqrt(square) + self.eps

    def _entering(self, gradient: Array) -> tuple[Array, Array]:
        """What enters the mean and the mean square."""
        return gradient, gradient * gradient

    def _largest(self, square: Array, state: State) -> Array:
        if not self.amsgrad:
            return square
        largest = _memory(state, "largest", square)
        return np.maximum(largest, square, out=largest)

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        mean, square = (_memory(state, name, parameter) for name in ("mean", "square"))
        entering = self._entering(self._decayed(parameter, gradient))
        for average, value, beta in zip((mean, square), entering, self.betas, strict=True):
            _average(average, value, beta)
        mean, square = self._corrected(mean, self._largest(square, state))
        parameter -= self.lr * mean / self._root(square)


@misreading("Adam", "eps-inside-root")
class AdamEpsInsideRoot(Moments):
    """eps stands under the root."""

    def _root(self, square: Array) -> Array:
        return np.sqrt(square + self.eps)


@misreading("Adam", "eps-before-correction")
class EpsBeforeCorrection(Moments):
    """eps is added before the bias correction and corrected with it."""

    def _corrected(self, mean: Array, square: Array) -> tuple[Array, Array]:
        self.unbias_square = 1 - self.betas[1] ** self.steps
        return super()._corrected(mean, square)

    def _root(self, square: Array) -> Array:
        return np.sqrt(square) + self.eps / math.sqrt(self.unbias_square)


@misreading("Adam", "no-root")
class AdamNoRoot(Moments):
    """The mean is divided by the mean square itself."""

    def _root(self, square: Array) -> Array:
        return square + self.eps


@misreading("Adam", "mean-corrected-only")
class MeanCorrectedOnly(Moments):
    """Only the mean is corrected for its start at zero."""

    def _corrected(self, mean: Array, square: Array) -> tuple[Array, Array]:
        return super()._corrected(mean, square)[0], square


@misreading("Adam", "corrected-in-place")
class CorrectedInPlace(Moments):
    """The corrected averages are kept, and corrected again in the next step."""

    def _corrected(self, mean: Array, square: Array) -> tuple[Array, Array]:
        for average, value in zip((mean, square), super()._corrected(mean, square), strict=True):
            average[...] = value
        return mean, square


@misreading("Adam", "correction-with-beta")
class CorrectionWithBeta(Moments):
    """The correction stays that of the first step: 1 - beta instead of 1 - beta^t."""

    def _corrected(self, mean: Array, square: Array) -> tuple[Array, Array]:
        return mean / (1 - self.betas[0]), square / (1 - self.betas[1])


@misreading("Adam", "betas-swapped")
class BetasSwapped(reference.Adam):
    """The first beta is that of the squares."""

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        right = self.betas
        self.betas = right[1], right[0]
        super()._update(parameter, gradient, state)
        self.betas = right


@misreading("Adam", "square-of-the-whole")
class SquareOfTheWhole(Moments):
    """The mean square is one number for all elements of a parameter."""

    def _entering(self, gradient: Array) -> tuple[Array, Array]:
        return gradient, np.full_like(gradient, np.mean(gradient * gradient))


@misreading("Adam", "absolute-for-square")
class AbsoluteForSquare(Moments):
    """Absolute values are averaged in the place of squares."""

    def _entering(self, gradient: Array) -> tuple[Array, Array]:
        return gradient, np.abs(gradient)


@misreading("Adam", "amsgrad-of-the-corrected")
class AmsgradOfTheCorrected(Moments):
    """The largest of the corrected squares is taken."""

    def _largest(self, square: Array, state: State) -> Array:
        self.remembered = state
        return square

    def _corrected(self, mean: Array, square: Array) -> tuple[Array, Array]:
        mean, square = super()._corrected(mean, square)
        return mean, super()._largest(square, self.remembered)


@misreading("Adam", "decay-apart")
class AdamWithDecayApart(reference.AdamW):
    """The decay shrinks the parameter, as AdamW's does."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad)


@misreading("AdamW", "coupled-decay")
class CoupledDecay(reference.Adam):
    """The decay is added to the gradient."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad)


@misreading("AdamW", "decay-without-lr")
class AdamWDecayWithoutRate(reference.AdamW):
    """The parameter shrinks by weight_decay, whatever the rate."""

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        decay, self.weight_decay = self.weight_decay, 0.0
        parameter *= 1 - decay
        super()._update(parameter, gradient, state)
        self.weight_decay = decay


@misreading("AdamW", "decay-after-step")
class DecayAfterStep(reference.AdamW):
    """The parameter shrinks after the step."""

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        decay, self.weight_decay = self.weight_decay, 0.0
        super()._update(parameter, gradient, state)
        parameter *= 1 - self.lr * decay
        self.weight_decay = decay


@misreading("AdamW", "decay-twice")
class DecayTwice(reference.AdamW):
    """The decay shrinks the parameter and joins the gradient."""

    _decayed = reference.Adam._decayed


@misreading("RAdam", "always-rectified")
class AlwaysRectified(reference.RAdam):
    """Takes Adam's step from the beginning."""

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        mean, square = _moments(state, parameter, self._decayed(parameter, gradient), self.betas)
        unbias_mean, unbias_square = (1 - beta**self.steps for beta in self.betas)
        root = np.sqrt(square / unbias_square) + self.eps
        parameter -= self.lr / unbias_mean * mean / root


class Rectified(reference.RAdam):
    """RAdam with its threshold and its factor apart."""

    threshold = 5.0

    def _factor(self, rho: float, limit: float) -> float:
        return math.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        mean, square = _moments(state, parameter, self._decayed(parameter, gradient), self.betas)
        unbias_mean, unbias_square = (1 - beta**self.steps for beta in self.betas)
        change = self.lr / unbias_mean * mean
        limit = 2 / (1 - self.betas[1]) - 1
        rho = limit - 2 * self.steps * (1 - unbias_square) / unbias_square
        if rho > self.threshold:
            change *= self._factor(rho, limit) * unbias_square**0.5 / (np.sqrt(square) + self.eps)
        parameter -= change


@misreading("RAdam", "never-rectified")
class NeverRectified(Rectified):
    """The adaptive rate is never used."""

    threshold = math.inf


@misreading("RAdam", "threshold-4")
class Threshold4(Rectified):
    """The adaptive rate is used as soon as rho exceeds 4."""

    threshold = 4.0


@misreading("RAdam", "factor-without-root")
class FactorWithoutRoot(Rectified):
    """The rectification is not put under a root."""

    def _factor(self, rho: float, limit: float) -> float:
        return super()._factor(rho, limit) ** 2


@misreading("RAdam", "factor-left-out")
class FactorLeftOut(Rectified):
    """The adaptive rate is not rectified once it is used."""

    def _factor(self, rho: float, limit: float) -> float:
        return 1.0


# --- Adagrad --------------------------------------------------------------------------------------


@misreading("Adagrad", "averaged-squares")
class AveragedSquares(reference.Adagrad):
    """The sum of squares is replaced by their mean."""

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        super()._update(parameter, gradient / math.sqrt(self.steps), state)


class Summed(reference.Adagrad):
    """Adagrad in steps that can go wrong one by one."""

    def _total(self, total: Array, gradient: Array) -> Array:
        """What to divide by the root of, from the sum of squares so far."""
        total += gradient * gradient
        return total

    def _root(self, total: Array) -> Array:
        return np.sqrt(total) + self.eps

    def _rate(self) -> float:
        return self.lr / (1 + (self.steps - 1) * self.lr_decay)

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        g = self._decayed(parameter, gradient)
        parameter -= self._rate() * g / self._root(self._total(state["sum"], g))


@misreading("Adagrad", "eps-inside-root")
class AdagradEpsInsideRoot(Summed):
    """eps stands under the root."""

    def _root(self, total: Array) -> Array:
        return np.sqrt(total + self.eps)


@misreading("Adagrad", "no-root")
class AdagradNoRoot(Summed):
    """The gradient is divided by the sum itself."""

    def _root(self, total: Array) -> Array:
        return total + self.eps


@misreading("Adagrad", "sum-from-before")
class SumFromBefore(Summed):
    """The gradient is divided by the sum that it has not entered yet."""

    def _total(self, total: Array, gradient: Array) -> Array:
        before = total.copy()
        super()._total(total, gradient)
        return before


@misreading("Adagrad", "rate-decays-at-once")
class RateDecaysAtOnce(Summed):
    """The rate has decayed in the first step already."""

    def _rate(self) -> float:
        return self.lr / (1 + self.steps * self.lr_decay)


@misreading("Adagrad", "rate-decays-for-good")
class RateDecaysForGood(Summed):
    """Each step divides the rate that the one before had left."""

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        super()._update(parameter, gradient, state)
        if state is self.state[-1]:
            self.lr = self._rate()
