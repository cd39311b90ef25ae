"""Arithmetic without accidents on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from conformance.checks.check import check
from conformance.checks.evidence import Evidence
from conformance.records.verdict import Finding
from conformance.spec.bound_case import BoundCase


def with_elements(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """Cases that are not empty: the mean of nothing is not a number, and may say so."""
    return () if any(0 in shape for shape in bound.inputs().values()) else ("",)


@check(
    "warnings",
    group="errors",
    tier="strict",
    targets=with_elements,
    requires=("shape",),
    dtypes=("float64", "float32"),
)
def warned(evidence: Evidence) -> Iterator[Finding]:
    """Where a result is finite, NumPy must not warn while computing it.

    An overflow in exp, a division by zero or inf - inf whose result is then discarded (the other
    branch of `np.where`, 1 / (1 + exp(1000))) may be harmless here, but becomes NaN after the next
    change. The check `forward` judges infinite and NaN results. Underflow is allowed.
    """
    trial = evidence.programs.single()
    observation = evidence.observe(trial)
    for record in observation.steps[evidence.programs.start :]:
        if all(np.isfinite(array).all() for _, array in record.tensors()):
            for warning in record.warnings:
                yield evidence.contract("", warning)
