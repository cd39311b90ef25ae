"""Layers that start in the wrong mode, or with arrays that they were told not to have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from catching import caught, verdicts

from reference_impls import numpy_reference as reference


class Evaluating(reference.BatchNorm1d):
    """Starts in eval mode."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.eval()


class NotDropping(reference.Dropout):
    """Drops nothing until train() is called."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.training = False


class Undecided(reference.BatchNorm2d):
    """Before the first train() or eval() it does what neither does."""

    told = False

    def train(self, mode: bool = True) -> Undecided:
        self.told = True
        return super().train(mode)

    def _forward(self, x: Any) -> Any:
        return super()._forward(x) if self.told else super()._forward(x) + 1


class BiasOfZeros(reference.Linear):
    """Without a bias it keeps one of zeros, which it adds: the numbers are right."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias)
        if self.bias is None:
            self.bias, self.grad_bias = np.zeros((2, len(self.weight)))


class StatisticsAllTheSame(reference.BatchNorm2d):
    """Keeps a running mean that it does not use."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats)
        if self.running_mean is None:
            self.running_mean = np.zeros(num_features)

    def _forward(self, x: Any) -> Any:
        kept = self.running_mean
        if self.running_var is None:
            self.running_mean = None
        try:
            return super()._forward(x)
        finally:
            self.running_mean = kept


class WithoutTheName(reference.Linear):
    """Where there is no bias it has no attribute of that name."""

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name == "bias" and value is None and getattr(self, "finished", False):
            raise AttributeError(name)
        return value


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Evaluating, "a new layer is in eval mode: it should be in train mode until eval() is"),
        (NotDropping, "a new layer is in eval mode: it should be in train mode until eval() is"),
        (Undecided, "wanted: as after train(), in a new layer"),
    ],
)
def test_a_wrong_first_mode_is_found(wrong: type, words: str) -> None:
    assert any(said.startswith(words) for said in caught(wrong, "first_mode"))


def test_an_array_that_should_not_be_there_is_found() -> None:
    [verdict] = verdicts(BiasOfZeros, "absent_parameters")
    [finding] = verdict.findings
    assert verdict.case == "no-bias"
    assert finding.message == "bias is an array of shape (5,), but should not be there, or None"
    assert finding.notes == ("the spec says: bias exists when bias",)
    assert any("running_mean" in said for said in caught(StatisticsAllTheSame, "absent_parameters"))


def test_no_attribute_is_as_good_as_none() -> None:
    seen = verdicts(WithoutTheName, "absent_parameters")
    assert {verdict.status for verdict in seen} == {"passed"}
