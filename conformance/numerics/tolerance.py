"""How far a correct implementation may be from the expected value (docs/numerics.md).

Every model reduces to one array per tensor: the allowed error in units of the unit roundoff u of
the dtype. So one expected value serves float32 and float64 alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]

UNIT_ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11}

# The smallest number above zero: what rounding may take off a result that is nearly zero.
UNDERFLOW = {"float64": 2.0**-1074, "float32": 2.0**-149, "float16": 2.0**-24}

# Above this many allowances an error is no longer rounding but another formula.
WRONG_RATIO = 1000.0

# The oracle's own error may widen the allowance, but not without limit.
_FLOOR_CAP = 64.0


@dataclass(frozen=True, eq=False)
class Expected:
    """An expected tensor: its float64 value and the error that rounding explains.

    `bound` has the shape of `value` and is in units of u. `float32_error` is the largest error that
    the oracle itself makes in float32; it shows cancellation inside the layer that no perturbation
    of its operands shows (the gradient of BatchNorm over two rows). An `exact` tensor allows no
    error at all.
    """

    value: Floats
    bound: Floats
    float32_error: float = 0.0
    exact: bool = False

    def allowed(self, dtype: str) -> Floats:
        """The allowed absolute error of each element: float64, with the shape of `value`.

        `dtype` is "float64", "float32" or "float16"; KeyError for others.
        """
        if self.exact:
            return np.zeros(self.value.shape)
        u = UNIT_ROUNDOFF[dtype]
        rounding = self.bound * u
        oracles_own = 4 * self.float32_error * u / UNIT_ROUNDOFF["float32"]
        floor = max(u * largest(self.value), min(oracles_own, _FLOOR_CAP * largest(rounding)))
        return np.maximum(rounding, max(floor, 16 * UNDERFLOW[dtype]))


def largest(array: Floats) -> float:
    """The largest finite absolute value of an array of any shape; 0 if there is none."""
    finite = np.abs(array[np.isfinite(array)])
    return float(finite.max()) if finite.size else 0.0


def contraction_bound(magnitude: Floats, terms: int) -> Floats:
    """Bound of a sum of products of n terms, from the same sum over absolute values.

    `magnitude` is that sum, in float64; the result has its shape and is in units of u.

    Deterministic for short sums (n + 2), probabilistic for long ones (8 + 2 sqrt n): a sequential
    float32 sum of 4096 terms stays below 3.75 (Higham & Mary 2019, doi:10.1137/18M1226312).
    """
    bound: Floats = min(terms + 2, 8 + 2 * math.sqrt(terms)) * magnitude
    return bound


def composite_bound(
    value: Floats, probes: Sequence[Floats], relative: float, terms: int, cancelling: float = 0.0
) -> Floats:
    """Bound from a condition probe: how far `value` moves when every operand is perturbed.

    `value` and each of the `probes` (at least one: ValueError) are float64 arrays of one shape. The
    result has that shape and is in units of u.

    `probes` are the results with operands multiplied by 1 + `relative` * delta, delta uniform in
    [-1, 1]. The response is linear, so it is stated per unit of `relative`. A sum of n terms adds
    2 sqrt n to the factor, as in `contraction_bound`. `cancelling` is the size of terms that may
    cancel in the result, which no perturbation shows: the gradient of a saturated softmax is a
    difference of nearly equal cotangents.
    """
    with np.errstate(invalid="ignore"):
        moved = [np.abs(probe - value) / relative for probe in probes]
    response = np.nan_to_num(np.max(moved, axis=0), nan=0.0, posinf=0.0)
    bound: Floats = (16 + 2 * math.sqrt(terms)) * (response + largest(value) + cancelling)
    return bound
