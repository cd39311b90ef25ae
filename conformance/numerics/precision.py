"""Results that have fewer digits than their dtype: computed in a narrower one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.numerics.comparison import compare
from conformance.numerics.tolerance import Expected

NARROWER = {"float64": "float32", "float32": "float16"}

# A correct result has so many values in common with a narrower dtype by a chance of 2^-39 at most.
ENOUGH = 3


def representable(got: NDArray[Any], dtype: str) -> bool:
    """Whether all values are numbers of the narrower dtype, and enough of them to mean something.

    Integers do not count: zeros and ones are numbers of every dtype.
    """
    telling = np.unique(got[np.isfinite(got) & (got != np.round(got))])
    with np.errstate(over="ignore"):
        narrowed = telling.astype(NARROWER[dtype]).astype(telling.dtype)
    return telling.size >= ENOUGH and bool((narrowed == telling).all())


def explanation(got: NDArray[Any], expected: Expected, dtype: str) -> tuple[str, bool]:
    """What a deviation says of the precision inside, and whether rounding is all there is to it.

    The first is empty where it says nothing.
    """
    narrower = NARROWER.get(dtype)
    if narrower is None or compare("", got, expected.value, expected.allowed(narrower)) is not None:
        return "", False
    if representable(got, dtype):
        words = f"every element is a {narrower} number: it is computed in {narrower} inside"
        return words, True
    if narrower == "float32":
        return (
            "accurate to float32 only: something inside is computed in float32, or is off by a "
            "small constant",
            False,
        )
    return "", False
