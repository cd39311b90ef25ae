"""Optimizers: how gradients change parameters, with PyTorch's update formulas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np

from .module import Array, Module

ParameterAndGradient: TypeAlias = tuple[Array, Array]
Parameters: TypeAlias = Module | Iterable[Module | ParameterAndGradient]
State: TypeAlias = dict[str, Array]


class Optimizer:
    """Base of all optimizers.

    `params` is a layer, several layers, or pairs of a parameter and its gradient. A subclass
    implements `_update`, which changes one parameter in place. What it has to remember about that
    parameter it keeps in `state`; `self.steps` counts the steps, the current one included.
    """

    def __init__(self, params: Parameters, lr: float, weight_decay: float = 0.0) -> None:
        self._check(lr=lr, weight_decay=weight_decay)
        self._sources = [params] if isinstance(params, Module) else list(params)
        self.lr = lr
        self.weight_decay = weight_decay
        self.steps = 0
        self.state: list[State] = [{} for _ in self._pairs()]
        if not self.state:
            raise ValueError(f"{type(self).__name__}: params has no parameters")

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        raise NotImplementedError

    def step(self) -> None:
        """Change all parameters by one step along their gradients."""
        self.steps += 1
        for (parameter, gradient), state in zip(self._pairs(), self.state, strict=True):
            self._update(parameter, gradient, state)

    def zero_grad(self) -> None:
        """Set all gradients to zero, in place."""
        for _, gradient in self._pairs():
            gradient[...] = 0

    def _pairs(self) -> Iterator[ParameterAndGradient]:
        # Layers are asked anew each time: somebody may have assigned other arrays to them.
        for source in self._sources:
            if isinstance(source, Module):
                gradients = source.gradients()
                for name, parameter in source.parameters().items():
                    yield parameter, gradients[name]
            else:
                yield source

    def _decayed(self, parameter: Array, gradient: Array) -> Array:
        """Return the gradient with that of the L2 penalty weight_decay · |p|² / 2 added."""
        return gradient + self.weight_decay * parameter if self.weight_decay else gradient

    def _check(self, **settings: float) -> None:
        for name, value in settings.items():
            if not value >= 0:
                raise ValueError(f"{type(self).__name__}: {name}={value} should not be negative")

    def _check_betas(self, betas: tuple[float, float]) -> None:
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"{type(self).__name__}: betas={betas} should be within [0, 1)")


def _memory(state: State, name: str, parameter: Array) -> Array:
    """Return what `state` has under `name`, zeros at first."""
    if name not in state:
        state[name] = np.zeros_like(parameter)
    return state[name]


def _average(average: Array, value: Array, decay: float) -> None:
    """Move an exponential moving average on, in place."""
    average *= decay
    average += (1 - decay) * value


class SGD(Optimizer):
    """Stochastic gradient descent, optionally with (Nesterov) momentum.

    v = momentum · v + (1 - dampening) · g, starting at v = g;  p = p - lr · v
    (Nesterov: p = p - lr · (g + momentum · v))

    Source: https://pytorch.org/docs/stable/generated/torch.optim.SGD.html
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(params, lr, weight_decay)
        self._check(momentum=momentum)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("SGD: nesterov needs a momentum above 0 and no dampening")
        self.momentum = momentum
        self.dampening = dampening
        self.nesterov = nesterov

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        g = self._decayed(parameter, gradient)
        if self.momentum:
            if "velocity" in state:
                velocity = state["velocity"]
                velocity *= self.momentum
                velocity += (1 - self.dampening) * g
            else:
                velocity = state["velocity"] = np.array(g)
            g = g + self.momentum * velocity if self.nesterov else velocity
        parameter -= self.lr * g


class RMSprop(Optimizer):
    """Divides the gradient by a running root mean square of itself.

    v = alpha · v + (1 - alpha) · g²;  p = p - lr · g / (sqrt(v) + eps)
    (centered: v minus the squared running mean of g; momentum: steps add up as in SGD)

    Source: https://pytorch.org/docs/stable/generated/torch.optim.RMSprop.html
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(params, lr, weight_decay)
        self._check(alpha=alpha, eps=eps, momentum=momentum)
        self.alpha = alpha
        self.eps = eps
        self.momentum = momentum
        self.centered = centered

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        g = self._decayed(parameter, gradient)
        variance = _memory(state, "square", parameter)
        _average(variance, g * g, self.alpha)
        if self.centered:
            mean = _memory(state, "mean", parameter)
            _average(mean, g, self.alpha)
            variance = variance - mean * mean
        change = g / (np.sqrt(variance) + self.eps)
        if self.momentum:
            velocity = _memory(state, "velocity", parameter)
            velocity *= self.momentum
            velocity += change
            change = velocity
        parameter -= self.lr * change


class Adagrad(Optimizer):
    """Divides the gradient by the root of the sum of all its squares so far.

    s = s + g², starting at initial_accumulator_value
    p = p - lr / (1 + (t - 1) · lr_decay) · g / (sqrt(s) + eps)

    Source: https://pytorch.org/docs/stable/generated/torch.optim.Adagrad.html
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(params, lr, weight_decay)
        self._check(lr_decay=lr_decay, initial_accumulator_value=initial_accumulator_value, eps=eps)
        self.lr_decay = lr_decay
        self.initial_accumulator_value = initial_accumulator_value
        self.eps = eps
        for (parameter, _), state in zip(self._pairs(), self.state, strict=True):
            state["sum"] = np.full_like(parameter, initial_accumulator_value)

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        g = self._decayed(parameter, gradient)
        total = state["sum"]
        total += g * g
        lr = self.lr / (1 + (self.steps - 1) * self.lr_decay)
        parameter -= lr * g / (np.sqrt(total) + self.eps)


class Adam(Optimizer):
    """Running mean of the gradient over the root of its running mean square, both without bias.

    m = β₁ · m + (1 - β₁) · g;  v = β₂ · v + (1 - β₂) · g²
    p = p - lr · m / (1 - β₁ᵗ) / (sqrt(v / (1 - β₂ᵗ)) + eps)
    (amsgrad: the largest v so far in place of v)

    Source: Kingma & Ba 2014, arXiv:1412.6980
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr, weight_decay)
        self._check(eps=eps)
        self._check_betas(betas)
        self.betas = betas
        self.eps = eps
        self.amsgrad = amsgrad

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        mean, square = _moments(state, parameter, self._decayed(parameter, gradient), self.betas)
        if self.amsgrad:
            largest = _memory(state, "largest", parameter)
            square = np.maximum(largest, square, out=largest)
        unbias_mean, unbias_square = (1 - beta**self.steps for beta in self.betas)
        root = np.sqrt(square) / unbias_square**0.5
        parameter -= self.lr / unbias_mean * mean / (root + self.eps)


class AdamW(Adam):
    """Adam with weight decay that shrinks the parameter itself instead of joining the gradient.

    p = (1 - lr · weight_decay) · p, then Adam's step without weight decay

    Source: Loshchilov & Hutter 2017, arXiv:1711.05101
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad)

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        parameter *= 1 - self.lr * self.weight_decay
        super()._update(parameter, gradient, state)

    def _decayed(self, parameter: Array, gradient: Array) -> Array:
        return gradient


class RAdam(Optimizer):
    """Adam that rectifies the variance of its early steps, and does without it at first.

    ρ∞ = 2 / (1 - β₂) - 1;  ρ = ρ∞ - 2t · β₂ᵗ / (1 - β₂ᵗ);  m, v and the bias correction as in Adam
    p = p - lr · m / (1 - β₁ᵗ) · r · sqrt(1 - β₂ᵗ) / (sqrt(v) + eps)   if ρ > 5, where
    r² = (ρ - 4)(ρ - 2) ρ∞ / ((ρ∞ - 4)(ρ∞ - 2) ρ)
    p = p - lr · m / (1 - β₁ᵗ)                                         otherwise

    Source: Liu et al. 2019, arXiv:1908.03265
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr, weight_decay)
        self._check(eps=eps)
        self._check_betas(betas)
        self.betas = betas
        self.eps = eps

    def _update(self, parameter: Array, gradient: Array, state: State) -> None:
        mean, square = _moments(state, parameter, self._decayed(parameter, gradient), self.betas)
        unbias_mean, unbias_square = (1 - beta**self.steps for beta in self.betas)
        change = self.lr / unbias_mean * mean
        limit = 2 / (1 - self.betas[1]) - 1
        rho = limit - 2 * self.steps * (1 - unbias_square) / unbias_square
        if rho > 5:
            rectified = (rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)
            change *= (rectified * unbias_square) ** 0.5 / (np.sqrt(square) + self.eps)
        parameter -= change


def _moments(
    state: State, parameter: Array, gradient: Array, betas: tuple[float, float]
) -> tuple[Array, Array]:
    """Update and return the running means of the gradient and of its square."""
    mean = _memory(state, "mean", parameter)
    square = _memory(state, "square", parameter)
    _average(mean, gradient, betas[0])
    _average(square, gradient * gradient, betas[1])
    return mean, square
