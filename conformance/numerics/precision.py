"""Find results that were computed in a narrower dtype than their own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NARROWER = {"float64": "float32", "float32": "float16"}

# A correct result has so many values in common with a narrower dtype by a chance of 2^-39 at most.
ENOUGH = 3


def representable(got: NDArray[Any], dtype: str) -> bool:
    """Whether all values are numbers of the narrower dtype, and enough of them to mean something.

    `got` has any shape; `dtype` is its own, "float64" or "float32" (KeyError for others). Integers
    do not count, because zeros and ones are numbers of every dtype.
    """
    telling = np.unique(got[np.isfinite(got) & (got != np.round(got))])
    with np.errstate(over="ignore"):
        narrowed = telling.astype(NARROWER[dtype]).astype(telling.dtype)
    return telling.size >= ENOUGH and bool((narrowed == telling).all())
