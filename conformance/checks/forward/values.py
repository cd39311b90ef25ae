"""Forward values and gradients against the oracle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.checks.check import check, deterministic_case
from conformance.checks.differences.kinks import outside_slopes
from conformance.checks.evidence import Evidence
from conformance.generation.drawing import KINKED
from conformance.numerics.tolerance import Expected
from conformance.records.text import element
from conformance.records.verdict import Finding
from conformance.spec.bound_case import BoundCase

MOST = 48  # elements at a kink that are looked at


def owed_gradients(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """The tensors whose gradient is owed, where the output is not random."""
    return () if bound.is_random(mode) else bound.gradients()


def at_kink(bound: BoundCase) -> bool:
    """Whether the case draws values that may lie on a kink of the layer."""
    return not bound.spec.gradients.smooth and bool(bound.drawn() & KINKED)


@check(
    "forward",
    group="forward",
    tier="core",
    targets=deterministic_case,
    requires=("shape",),
    dtypes=("float64", "float32"),
    generated=True,
    scripted=True,
)
def forward(evidence: Evidence) -> Iterator[Finding]:
    """Every output equals the oracle's, within what rounding explains in this dtype.

    Inputs are values that float32 holds exactly and the expected value is computed in float64, so
    float32 results are judged against the true answer, not against another rounding of it.
    """
    trial = evidence.programs.single()
    record, expected = evidence.step(trial, 0), evidence.expected(trial, 0)
    for name, got in record.outputs.items():
        yield from evidence.against(name, got, expected[name])


@check(
    "grad_{tensor}",
    group="gradients",
    tier="core",
    targets=owed_gradients,
    requires=("shape", "backward"),
    dtypes=("float64", "float32"),
    generated=True,
    scripted=True,
    own_derivative="fd_{tensor}",
)
def gradient(evidence: Evidence) -> Iterator[Finding]:
    """The gradient of an input or parameter equals the oracle's, for a centred random cotangent.

    A cotangent of ones would be blind to errors in softmax and normalisation, whose Jacobians
    annihilate it. At a kink or a tie, where several answers are legitimate, a difference has the
    severity `convention`, provided that the gradient lies between the slopes on either side.
    """
    trial, name = evidence.programs.single(), f"grad_{evidence.tensor}"
    record = evidence.step(trial, 1)
    got = {**record.input_gradients, **record.parameter_gradients}[evidence.tensor]
    expected = evidence.expected(trial, 1)[name]
    for finding in evidence.against(name, got, expected):
        if at_kink(evidence.bound):
            yield _at_kink(evidence, finding, got, expected)
        else:
            yield finding


def _at_kink(
    evidence: Evidence, finding: Finding, got: NDArray[Any], expected: Expected
) -> Finding:
    """A finding where several gradients are legitimate, with what its severity then is."""
    allowed = expected.allowed(evidence.dtype)
    off = np.flatnonzero(~(np.abs(got - expected.value) <= allowed))[:MOST]
    outside = outside_slopes(evidence, got, [int(flat) for flat in off])
    if outside is None:
        note = "several gradients are legitimate here; PyTorch's is wanted"
        return replace(finding, severity="convention", notes=(*finding.notes, note))
    place = element(finding.tensor, tuple(int(i) for i in np.unravel_index(outside, got.shape)))
    note = f"{place} does not even lie between the slopes of your own forward on its two sides"
    return replace(finding, notes=(*finding.notes, note))
