"""Correct layers that compute otherwise than the references raise no false alarm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import conformance
from reference_impls import numpy_reference as reference

Array = np.ndarray[Any, Any]


class WhereLeakyReLU(reference.LeakyReLU):
    def _forward(self, x: Array) -> Array:
        self._saved = x > 0
        return np.where(x > 0, x, self.negative_slope * x)

    def _backward(self, grad_output: Array) -> Array:
        return np.where(self._saved, grad_output, self.negative_slope * grad_output)


class ELUByItsOutput(reference.ELU):
    def _forward(self, x: Array) -> Array:
        y = np.where(x > 0, x, self.alpha * (np.exp(np.minimum(x, 0)) - 1))
        self._saved = x > 0, y.copy()
        return y

    def _backward(self, grad_output: Array) -> Array:
        positive, y = self._saved
        return grad_output * np.where(positive, 1, y + self.alpha)


class UnprotectedSoftplus(reference.Softplus):
    """exp overflows, but only where its result is not used."""

    def _forward(self, x: Array) -> Array:
        self._saved = self.beta * x
        return np.where(
            self._saved > self.threshold, x, np.log(1 + np.exp(self._saved)) / self.beta
        )

    def _backward(self, grad_output: Array) -> Array:
        power = np.exp(self._saved)
        return grad_output * np.where(self._saved > self.threshold, 1, power / (1 + power))


class UnprotectedSigmoid(reference.Sigmoid):
    """exp overflows to inf, and 1 / inf is the right answer."""

    def _forward(self, x: Array) -> Array:
        self._saved = 1 / (1 + np.exp(-x))
        return self._saved.copy()


class SigmoidByTanh(reference.Sigmoid):
    def _forward(self, x: Array) -> Array:
        self._saved = (1 + np.tanh(x / 2)) / 2
        return self._saved.copy()


class TanhBySigmoid(reference.Tanh):
    def _forward(self, x: Array) -> Array:
        self._saved = 2 / (1 + np.exp(-2 * x)) - 1
        return self._saved.copy()


class ScoresMinusLogSumExp(reference.LogSoftmax):
    """The logarithm of the sum is rounded at the size of the scores."""

    def _forward(self, x: Array) -> Array:
        axis = self._axis(x)
        top = x.max(axis, keepdims=True, initial=-np.inf)
        y = x - (top + np.log(np.exp(x - top).sum(axis, keepdims=True)))
        self._saved = axis, y.copy()
        return y


class StepByStepBatchNorm2d(reference.BatchNorm2d):
    """The gradient goes through the variance and the mean one after the other."""

    def _backward(self, grad_output: Array) -> Array:
        normalized, scale, count = self._saved
        dy = grad_output.reshape(normalized.shape)
        self._accumulate(
            weight=np.einsum("ncl,ncl->c", dy, normalized), bias=np.einsum("ncl->c", dy)
        )
        dx = dy * scale[:, None]
        if count is not None:
            axes = (0, 2)
            through_variance = normalized * (dx * normalized).sum(axes, keepdims=True) / count
            dx = dx - through_variance
            dx = dx - dx.sum(axes, keepdims=True) / count
        return dx.reshape(grad_output.shape)


RIGHT = [
    WhereLeakyReLU,
    ELUByItsOutput,
    UnprotectedSoftplus,
    UnprotectedSigmoid,
    SigmoidByTanh,
    TanhBySigmoid,
    ScoresMinusLogSumExp,
    StepByStepBatchNorm2d,
]


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("right", RIGHT, ids=lambda cls: cls.__name__)
def test_it_passes_everything(right, seed):
    layer = right.__base__.__name__
    report = conformance.grade(
        {layer: right}, layers=[layer], tier="strict", oracle="recorded", seed=seed
    )
    assert [verdict.id for verdict in report.verdicts if verdict.status != "passed"] == []
