"""Right answers with an accident on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
from catching import caught, verdicts

from reference_impls import numpy_reference as reference

Array = np.ndarray[Any, Any]


class ExpOverflows(reference.Sigmoid):
    """exp overflows to inf, and 1 / inf is the right answer."""

    def forward(self, x: Array) -> Array:
        self.y = 1 / (1 + np.exp(-x))
        return self.y.copy()

    def backward(self, grad_output: Array) -> Array:
        return grad_output * self.y * (1 - self.y)


class Silenced(ExpOverflows.__base__):
    """The same, but its author knows."""

    def forward(self, x: Array) -> Array:
        with np.errstate(over="ignore"):
            self.y = 1 / (1 + np.exp(-x))
        return self.y.copy()

    backward = ExpOverflows.backward


class MeanOfNothing(reference.Tanh):
    """Backward takes the mean of an empty slice, inside NumPy's own Python code."""

    def backward(self, grad_output: Array) -> Array:
        np.mean(grad_output[:0].ravel())
        return super().backward(grad_output)


def test_an_overflow_is_found_with_its_line():
    (said,) = caught(ExpOverflows, "warnings")
    assert said.startswith("RuntimeWarning: overflow encountered in exp (")
    assert "test_arithmetic.py:" in said
    assert said.endswith(" in forward)")


def test_it_is_found_where_numbers_are_large_and_only_there():
    cases = {v.case for v in verdicts(ExpOverflows, "warnings") if v.status == "failed"}
    assert cases == {"large", "huge"}


def test_who_asks_for_silence_gets_it():
    assert caught(Silenced, "warnings") == set()


def test_the_place_is_the_candidate_s_line_not_numpy_s():
    said = caught(MeanOfNothing, "warnings")
    assert any(words.startswith("RuntimeWarning: Mean of empty slice") for words in said)
    assert all("test_arithmetic.py" in words and "in backward" in words for words in said)


def test_warnings_do_not_reach_the_person_who_grades(recwarn):
    caught(ExpOverflows, "forward")
    assert list(recwarn) == []
