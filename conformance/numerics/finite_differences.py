"""Directional derivatives from function values, with a tolerance derived from the same values.

A function phi(t) = <v, f(x + t u)> is evaluated at t = ±h and ±h/2. With the central differences
D(h) and D(h/2), whose errors are c h² and c h²/4, Richardson's combination (4 D(h/2) - D(h)) / 3
removes c. The difference |D(h) - D(h/2)| bounds what truncation is left; rounding adds u F / h,
where F sums the magnitudes that were rounded.

The step is a power of two and drawn values lie on a coarser dyadic grid, so x ± h is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.numerics.tolerance import UNIT_ROUNDOFF

Floats = NDArray[Any]

STEP = 2.0**-12
OFFSETS = (STEP, -STEP, STEP / 2, -STEP / 2)
SAFETY = 8.0


@dataclass(frozen=True)
class Derivative:
    """An estimated derivative and how far from the true one it may be."""

    value: float
    tolerance: float


def derivative(values: Floats, magnitude: float) -> Derivative:
    """The derivative from phi at `OFFSETS`.

    `magnitude` is F: the sum of |v_i f_i| and of |x_j g_j|, because inputs that cancel inside f
    (a mean of 1000 under a variance of 1) are rounded at their own size, not at the size of f.
    """
    with np.errstate(invalid="ignore"):  # inf - inf: there is no derivative, and NaN says so
        wide = (values[0] - values[1]) / (2 * STEP)
        narrow = (values[2] - values[3]) / STEP
        truncation = abs(wide - narrow)
        rounding = UNIT_ROUNDOFF["float64"] * magnitude / (STEP / 2)
        return Derivative((4 * narrow - wide) / 3, SAFETY * float(truncation + rounding))
