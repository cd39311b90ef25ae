"""Layers whose copies are not copies."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from catching import caught

from reference_impls import numpy_reference as reference

Array = np.ndarray[Any, Any]


class Shallow(reference.Linear):
    """A deep copy shares its arrays with the original."""

    def __deepcopy__(self, memo: Any) -> Any:
        return copy.copy(self)


class BuffersOnTheClass(reference.BatchNorm1d):
    """The running mean is kept in a table on the class, by the layer's id."""

    means: dict[int, Array] = {}  # noqa: RUF012

    @property
    def running_mean(self) -> Array | None:
        return self.means.get(id(self), np.zeros(self.num_features))

    @running_mean.setter
    def running_mean(self, value: Array | None) -> None:
        self.means[id(self)] = value


class StatisticsForgotten(reference.BatchNorm2d):
    """A pickle has the parameters and starts the running variance anew."""

    def __getstate__(self) -> dict[str, Any]:
        state = vars(self).copy()
        if self.running_var is not None:
            state["running_var"] = np.ones_like(self.running_var)
        return state


class HoldsALambda(reference.ReLU):
    """An attribute is a function without a name."""

    def __init__(self) -> None:
        self.function = lambda x: np.maximum(x, 0)


class HoldsAGenerator(reference.Tanh):
    """An attribute is an iterator that cannot be copied."""

    def __init__(self) -> None:
        self.numbers = (number for number in range(3))


class Flat(reference.Linear):
    """The weight is a view of a flat vector, which forward reads."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.flat = self.weight.ravel().copy()
        self.weight = self.flat.reshape(self.weight.shape)

    def _forward(self, x: Array) -> Array:
        kept, self.weight = self.weight, self.flat.reshape(self.weight.shape)
        try:
            return super()._forward(x)
        finally:
            self.weight = kept


@pytest.mark.parametrize(
    ("wrong", "check", "words"),
    [
        (Shallow, "deepcopy", "got: from the layer copied, after its copy was used and changed"),
        (BuffersOnTheClass, "deepcopy", "a copy has another running_mean than the layer copied"),
        (Flat, "deepcopy", "got: from the copy, whose parameters were changed"),
        (StatisticsForgotten, "pickle", "a copy has another running_var than the layer copied"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_bad_copy_is_found(wrong, check, words):
    assert words in caught(wrong, check)


def test_what_cannot_be_pickled_says_so():
    (said,) = caught(HoldsALambda, "pickle")
    assert said.startswith("copying the layer raised ")
    assert "lambda" in said
    assert caught(HoldsALambda, "deepcopy") == set()


def test_what_cannot_be_copied_says_so():
    (said,) = caught(HoldsAGenerator, "deepcopy")
    assert said == "copying the layer raised TypeError: cannot pickle 'generator' object"


def test_a_class_that_was_defined_in_a_function_can_be_pickled():
    class Local(reference.ELU):
        pass

    assert caught(Local, "pickle") == set()
