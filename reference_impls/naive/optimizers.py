"""Optimizers: each is a rule that moves one number, applied to every element."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .arrays import Array, divide, float_dtype, sqrt
from .module import Module

Pair = tuple[Array, Array]  # a parameter and its gradient
State = dict[str, float]  # what an optimizer remembers about one element of a parameter


class Optimizer:
    """Updates parameters in place from their gradients.

    `params` is a layer, an iterable of layers, or an iterable of (parameter, gradient) arrays.
    Layers are asked for their arrays at every step, so a replaced array is found.

    A subclass says in `update` how one element w with gradient g moves. Its memory of that
    element is `s`, which begins as `initial_state()`; `self.t` counts the steps from 1.
    """

    def __init__(
        self, params: Module | Iterable[Module] | Iterable[Pair], lr: float, maximize: bool
    ) -> None:
        at_least_zero(lr=lr)
        self.lr = lr
        self.maximize = maximize
        self.t = 0
        self._sources: list[Any] = [params] if isinstance(params, Module) else list(params)
        for parameter, gradient in self.pairs():
            check_pair(parameter, gradient)
        if not self.pairs():
            raise ValueError("params holds no parameters")
        self._states = [
            [self.initial_state() for _ in range(parameter.size)] for parameter, _ in self.pairs()
        ]

    def initial_state(self) -> State:
        """Return what is remembered about an element before the first step."""
        return {}

    def update(self, w: float, g: float, s: State) -> float:
        """Return the new value of an element w with gradient g."""
        raise NotImplementedError

    def pairs(self) -> list[Pair]:
        """Return every parameter with its gradient."""
        result: list[Pair] = []
        for source in self._sources:
            if isinstance(source, Module):
                gradients = source.gradients()
                for name, parameter in source.parameters().items():
                    result.append((parameter, gradients[name]))
            else:
                parameter, gradient = source
                result.append((parameter, gradient))
        return result

    def step(self) -> None:
        """Move every parameter once."""
        self.t += 1
        sign = -1.0 if self.maximize else 1.0
        with np.errstate(all="ignore"):  # too large for the dtype: inf, as in PyTorch
            for (parameter, gradient), states in zip(self.pairs(), self._states, strict=True):
                for index, s in zip(np.ndindex(parameter.shape), states, strict=True):
                    w, g = float(parameter[index]), sign * float(gradient[index])
                    parameter[index] = self.update(w, g, s)

    def zero_grad(self) -> None:
        """Set all gradients to zero, in place."""
        for _, gradient in self.pairs():
            gradient[...] = 0


def check_pair(parameter: Any, gradient: Any) -> None:
    """Raise unless both are float arrays of one shape."""
    for name, array in ("parameter", parameter), ("gradient", gradient):
        if not isinstance(array, np.ndarray):
            raise TypeError(
                f"params must hold layers or pairs of arrays: a {name} is {type(array).__name__}"
            )
        float_dtype(array.dtype, name)
    if parameter.shape != gradient.shape:
        raise ValueError(
            f"a parameter of shape {parameter.shape} has a gradient of shape {gradient.shape}"
        )


def at_least_zero(**arguments: float) -> None:
    """Raise unless all arguments are at least zero."""
    for name, value in arguments.items():
        if not value >= 0:
            raise ValueError(f"{name} must be at least 0, got {value}")


def two_betas(betas: tuple[float, float]) -> tuple[float, float]:
    """Return (beta1, beta2), both of which must be in [0, 1)."""
    beta1, beta2 = betas
    if not (0 <= beta1 < 1 and 0 <= beta2 < 1):
        raise ValueError(f"betas must both be at least 0 and less than 1, got {betas}")
    return beta1, beta2


class SGD(Optimizer):
    """Gradient descent with momentum.

        g = g + weight_decay w
        v = momentum v + (1 - dampening) g       (v = g in the first step)
        w = w - lr v                             (nesterov: w = w - lr (g + momentum v))

    Without momentum, w = w - lr g.

    Source: Sutskever et al. 2013, "On the importance of initialization and momentum in deep
    learning", in PyTorch's form, where lr stands outside v.
    """

    def __init__(
        self,
        params: Module | Iterable[Module] | Iterable[Pair],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        at_least_zero(momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError(
                f"nesterov needs a momentum and no dampening, got momentum={momentum}, "
                f"dampening={dampening}"
            )
        self.momentum = momentum
        self.dampening = dampening
        self.weight_decay = weight_decay
        self.nesterov = nesterov
        super().__init__(params, lr, maximize)

    def initial_state(self) -> State:
        return {"v": 0.0}

    def update(self, w: float, g: float, s: State) -> float:
        g = g + self.weight_decay * w
        if self.momentum == 0:
            return w - self.lr * g
        if self.t == 1:
            s["v"] = g
        else:
            s["v"] = self.momentum * s["v"] + (1.0 - self.dampening) * g
        if self.nesterov:
            return w - self.lr * (g + self.momentum * s["v"])
        return w - self.lr * s["v"]


class RMSprop(Optimizer):
    """Divides the gradient by a running root mean square.

        g = g + weight_decay w
        v = alpha v + (1 - alpha) g^2
        m = alpha m + (1 - alpha) g              (only if centered; else m = 0)
        u = g / (sqrt(v - m^2) + eps)
        b = momentum b + u                       (b = u without momentum)
        w = w - lr b

    Source: Tieleman & Hinton 2012, Lecture 6.5; centered: Graves 2013, arXiv:1308.0850.
    """

    def __init__(
        self,
        params: Module | Iterable[Module] | Iterable[Pair],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        at_least_zero(alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)
        self.alpha = alpha
        self.eps = eps
        self.weight_decay = weight_decay
        self.momentum = momentum
        self.centered = centered
        super().__init__(params, lr, maximize)

    def initial_state(self) -> State:
        return {"v": 0.0, "m": 0.0, "b": 0.0}

    def update(self, w: float, g: float, s: State) -> float:
        g = g + self.weight_decay * w
        s["v"] = self.alpha * s["v"] + (1.0 - self.alpha) * g * g
        if self.centered:
            s["m"] = self.alpha * s["m"] + (1.0 - self.alpha) * g
        u = divide(g, sqrt(s["v"] - s["m"] * s["m"]) + self.eps)
        s["b"] = self.momentum * s["b"] + u
        return w - self.lr * s["b"]


class Adam(Optimizer):
    """Divides a running mean of the gradient by a running root mean square, both bias-corrected.

        g = g + weight_decay w                   (decoupled: w = w - lr weight_decay w instead)
        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g^2            (amsgrad: the largest v so far is used below)
        w = w - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    Source: Kingma & Ba 2015, arXiv:1412.6980; amsgrad: Reddi et al. 2018, arXiv:1904.09237.
    """

    def __init__(
        self,
        params: Module | Iterable[Module] | Iterable[Pair],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        at_least_zero(eps=eps, weight_decay=weight_decay)
        self.beta1, self.beta2 = two_betas(betas)
        self.eps = eps
        self.weight_decay = weight_decay
        self.amsgrad = amsgrad
        self.decoupled_weight_decay = decoupled_weight_decay
        super().__init__(params, lr, maximize)

    def initial_state(self) -> State:
        return {"m": 0.0, "v": 0.0, "largest v": 0.0}

    def update(self, w: float, g: float, s: State) -> float:
        if self.decoupled_weight_decay:
            w = w - self.lr * self.weight_decay * w
        else:
            g = g + self.weight_decay * w
        s["m"] = self.beta1 * s["m"] + (1.0 - self.beta1) * g
        s["v"] = self.beta2 * s["v"] + (1.0 - self.beta2) * g * g
        s["largest v"] = max(s["v"], s["largest v"])
        v = s["largest v"] if self.amsgrad else s["v"]
        m_corrected = s["m"] / (1.0 - self.beta1**self.t)
        v_corrected = v / (1.0 - self.beta2**self.t)
        return w - self.lr * divide(m_corrected, math.sqrt(v_corrected) + self.eps)


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameter directly, past the running means.

        w = w - lr weight_decay w, then Adam's step without weight decay

    Source: Loshchilov & Hutter 2019, arXiv:1711.05101.
    """

    def __init__(
        self,
        params: Module | Iterable[Module] | Iterable[Pair],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
        )


class RAdam(Optimizer):
    """Adam that leaves out the division by sqrt(v) until v is reliable, and then rectifies it.

        g = g + weight_decay w                   (decoupled: w = w - lr weight_decay w instead)
        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g^2
        rho_max = 2 / (1 - beta2) - 1
        rho = rho_max - 2 t beta2^t / (1 - beta2^t)

        if rho <= 5:  w = w - lr m / (1 - beta1^t)
        else:         w = w - lr m / (1 - beta1^t) r sqrt(1 - beta2^t) / (sqrt(v) + eps)
                      r = sqrt((rho - 4) (rho - 2) rho_max / ((rho_max - 4) (rho_max - 2) rho))

    Source: Liu et al. 2020, arXiv:1908.03265.
    """

    def __init__(
        self,
        params: Module | Iterable[Module] | Iterable[Pair],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        at_least_zero(eps=eps, weight_decay=weight_decay)
        self.beta1, self.beta2 = two_betas(betas)
        self.eps = eps
        self.weight_decay = weight_decay
        self.decoupled_weight_decay = decoupled_weight_decay
        super().__init__(params, lr, maximize)

    def initial_state(self) -> State:
        return {"m": 0.0, "v": 0.0}

    def update(self, w: float, g: float, s: State) -> float:
        if self.decoupled_weight_decay:
            w = w - self.lr * self.weight_decay * w
        else:
            g = g + self.weight_decay * w
        s["m"] = self.beta1 * s["m"] + (1.0 - self.beta1) * g
        s["v"] = self.beta2 * s["v"] + (1.0 - self.beta2) * g * g
        m_corrected = s["m"] / (1.0 - self.beta1**self.t)

        v_weight = 1.0 - self.beta2**self.t
        rho_max = 2.0 / (1.0 - self.beta2) - 1.0
        rho = rho_max - 2.0 * self.t * self.beta2**self.t / v_weight
        if rho <= 5.0:
            return w - self.lr * m_corrected
        r = math.sqrt(
            (rho - 4.0) * (rho - 2.0) * rho_max / ((rho_max - 4.0) * (rho_max - 2.0) * rho)
        )
        v_root = divide(math.sqrt(s["v"]) + self.eps, math.sqrt(v_weight))
        return w - self.lr * r * divide(m_corrected, v_root)


class Adagrad(Optimizer):
    """Divides the gradient by the root of the sum of all its squares so far.

        g = g + weight_decay w
        v = v + g^2                              (v begins as initial_accumulator_value)
        w = w - lr / (1 + (t - 1) lr_decay) g / (sqrt(v) + eps)

    Source: Duchi, Hazan & Singer 2011, "Adaptive subgradient methods for online learning and
    stochastic optimization".
    """

    def __init__(
        self,
        params: Module | Iterable[Module] | Iterable[Pair],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        at_least_zero(
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
        self.lr_decay = lr_decay
        self.weight_decay = weight_decay
        self.initial_accumulator_value = initial_accumulator_value
        self.eps = eps
        super().__init__(params, lr, maximize)

    def initial_state(self) -> State:
        return {"v": float(self.initial_accumulator_value)}

    def update(self, w: float, g: float, s: State) -> float:
        g = g + self.weight_decay * w
        s["v"] = s["v"] + g * g
        lr = self.lr / (1.0 + (self.t - 1) * self.lr_decay)
        return w - lr * divide(g, math.sqrt(s["v"]) + self.eps)
