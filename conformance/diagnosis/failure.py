"""A numeric failure as the pattern detectors see it: what came and what should have come."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.checks.evidence import Evidence
from conformance.numerics.tolerance import largest
from conformance.records.verdict import Finding, Values

Array = NDArray[Any]


@dataclass(frozen=True)
class Failure:
    """A tensor that is not what it should be; the three arrays have one shape.

    `wanted` is NaN where nothing was compared (coordinates that finite differences left out).
    """

    tensor: str
    got: Array
    wanted: Array
    allowed: Array
    evidence: Evidence

    @classmethod
    def of(cls, finding: Finding, evidence: Evidence) -> Failure | None:
        """The failure behind a finding; None where it has no arrays."""
        if finding.values is None:
            return None
        return cls(finding.tensor, *arrays(finding.values), evidence)

    @cached_property
    def compared(self) -> Array:
        """Where there is something to compare with."""
        return np.isfinite(self.wanted)

    @cached_property
    def slack(self) -> float:
        """What rounding explains anywhere: a factor or a shuffle moves rounding errors with it."""
        return 16 * float(self.allowed.max(initial=0.0))

    @cached_property
    def right(self) -> Array:
        """Where the result is as it should be."""
        return self.close(self.got, self.wanted)

    def close(self, one: Array, other: Array) -> Array:
        """Where two results agree within rounding; also where nothing was compared."""
        with np.errstate(invalid="ignore", over="ignore"):
            near = np.abs(one - other) <= self.slack
        return np.asarray(near | (one == other) | ~self.compared)

    def equals(self, other: Array) -> bool:
        """Whether the result is this other array instead, and not merely as inexact."""
        if other.shape != self.got.shape or not self.slack <= 1e-3 * largest(other):
            return False
        return bool(self.close(self.got, other).all())


def arrays(values: Values) -> tuple[Array, Array, Array]:
    """Got, wanted and allowed in their shape."""
    flat = (values.got, values.wanted, values.allowed)
    got, wanted, allowed = (np.array(v, dtype=np.float64).reshape(values.shape) for v in flat)
    return got, wanted, allowed
