"""Compare an array with its expected values; the result is a finding or None."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.numerics.tolerance import WRONG_RATIO
from conformance.records.verdict import Finding, Severity, Values

Floats = NDArray[Any]
Index = tuple[int, ...]

# Larger arrays are not kept with a finding: a report is not a dump.
KEPT = 1024


def compare(
    tensor: str,
    got: NDArray[Any],
    wanted: NDArray[Any],
    allowed: NDArray[Any] | float,
    notes: tuple[str, ...] = (),
) -> Finding | None:
    """A finding if some element of `got` is further from `wanted` than `allowed`.

    `got` and `wanted` are real arrays of any dtype; they are compared in float64. `allowed` is an
    absolute error, a number or an array that broadcasts to the shape of `wanted` (ValueError if it
    does not). NaN equals NaN and an infinity equals itself; any other combination with one of them
    is an infinite error. Arrays of different shapes give a finding without numbers.
    """
    if got.shape != wanted.shape:
        return Finding(
            tensor, "wrong", f"{tensor} has shape {got.shape}, but should have {wanted.shape}"
        )
    got, wanted = got.astype(np.float64), wanted.astype(np.float64)
    allowed = np.broadcast_to(np.asarray(allowed, dtype=np.float64), wanted.shape)
    error = _distance(got, wanted)
    bad = ~(error <= allowed)  # an allowance of NaN allows nothing
    if not bad.any():
        return None
    ratios = np.full(error.shape, np.inf)
    np.divide(error, allowed, out=ratios, where=allowed > 0)
    ratios = np.where(bad, ratios, 0.0)
    first = _index(int(np.argmax(bad)), bad.shape)
    # The largest error says most to a person; among infinite ones the first.
    worst = _index(int(np.argmax(np.where(bad, error, -1.0))), bad.shape)
    ratio = float(ratios.max())
    return Finding(
        tensor=tensor,
        severity=_severity(ratio),
        index=first,
        got=float(got[first]),
        wanted=float(wanted[first]),
        differing=int(bad.sum()),
        size=int(bad.size),
        worst=float(error[worst]),
        worst_index=worst,
        allowed=float(allowed[worst]),
        ratio=ratio,
        notes=notes,
        values=_kept(got, wanted, allowed),
    )


def _kept(got: Floats, wanted: Floats, allowed: Floats) -> Values | None:
    """The arrays of a finding, if they are small."""
    if got.size > KEPT:
        return None
    flat = (tuple(array.ravel().tolist()) for array in (got, wanted, allowed))
    return Values(got.shape, *flat)


def _severity(ratio: float) -> Severity:
    return "wrong" if ratio > WRONG_RATIO else "inaccurate"


def _distance(got: Floats, wanted: Floats) -> Floats:
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(got - wanted)
    same = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
    return np.where(same, 0.0, np.where(np.isnan(error), np.inf, error))


def _index(flat: int, shape: tuple[int, ...]) -> Index:
    return tuple(int(i) for i in np.unravel_index(flat, shape))
