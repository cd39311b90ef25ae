"""At a kink several gradients are legitimate, but not every one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.checks.evidence import Evidence
from conformance.numerics.finite_differences import STEP
from conformance.numerics.tolerance import largest

Array = NDArray[Any]

# What curvature and rounding may do to one-sided slopes, relative to the largest cotangent.
SLACK = 2.0**-6


def outside_slopes(evidence: Evidence, gradient: Array, places: Sequence[int]) -> int | None:
    """The first of these elements at which a gradient lies outside the one-sided slopes.

    Each output may choose any slope between those of its two sides, so an element's gradient lies
    between the sums of the smaller and of the larger ones, each times its cotangent. The slopes are
    those of the candidate's own forward.
    """
    programs, tensor = evidence.programs, evidence.tensor
    base = {**programs.inputs(), **programs.parameters}[tensor]
    variations = [base]
    for flat in places:
        for sign in (1, -1):
            changed = base.copy()
            changed.flat[flat] += sign * STEP
            variations.append(changed)
    trial = programs.varied(f"kinks/{tensor}", tensor, variations)
    shown = [next(iter(o.values())) for o in evidence.outputs(trial, len(variations))]
    outputs = [output.astype(np.float64) for output in shown]
    cotangent = programs.cotangent
    slack = SLACK * largest(cotangent)
    for number, flat in enumerate(places):
        up, down = outputs[1 + 2 * number], outputs[2 + 2 * number]
        sides = [cotangent * (up - outputs[0]) / STEP, cotangent * (outputs[0] - down) / STEP]
        low, high = np.minimum(*sides).sum(), np.maximum(*sides).sum()
        if not low - slack <= gradient.flat[flat] <= high + slack:
            return flat
    return None
