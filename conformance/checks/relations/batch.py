"""Relations that every layer owes: of samples to each other, and of backward to its argument."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.checks.check import check
from conformance.checks.evidence import Evidence
from conformance.checks.relations.declared import (
    compare_outputs,
    conditioning,
    first_input,
    output_of,
)
from conformance.numerics.comparison import compare
from conformance.numerics.tolerance import UNIT_ROUNDOFF, largest
from conformance.records.trial import Backward, Forward, Restore
from conformance.records.verdict import Finding
from conformance.spec.bound_case import BoundCase

Array = NDArray[Any]


def _first_cases(bound: BoundCase) -> bool:
    """Behaviour, not values: the first two cases of a spec are enough."""
    return bound.case in bound.spec.cases[:2]


def independent_samples(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """Cases with several samples, where the spec says that they do not see each other."""
    declared = bound.spec.gradients.batch_independent
    if isinstance(declared, dict):
        declared = declared.get(mode or "", False)
    shape = next(iter(bound.inputs().values()), ())
    applies = declared and len(bound.spec.inputs) == 1 and not bound.is_random(mode)
    return [""] if applies and _first_cases(bound) and len(shape) > 1 and shape[0] > 1 else []


@check(
    "batch_split",
    group="relations",
    tier="full",
    targets=independent_samples,
    requires=("shape",),
)
def batch_split(evidence: Evidence) -> Iterator[Finding]:
    """Each sample alone gives what it gives among others.

    A sum over the wrong axis, or sample 0 used for all, passes with a batch of one only.
    """
    name, x = first_input(evidence)
    whole = output_of(evidence)
    again = [step for i in range(len(x)) for step in (Restore(), Forward({name: x[i : i + 1]}))]
    trial = evidence.programs.trial("batch_split", *again)
    parts = [next(iter(outputs.values())) for outputs in evidence.outputs(trial, len(x))]
    note = "got: f of the batch, wanted: f of each sample alone"
    wanted = np.concatenate(parts)
    yield from compare_outputs(evidence, whole, wanted, note, conditioning(evidence))


def with_backward(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """The first cases, where a gradient is owed and the output is not random."""
    applies = bound.gradients() and not bound.is_random(mode) and _first_cases(bound)
    return [""] if applies else []


@check(
    "backward_linear",
    group="relations",
    tier="full",
    targets=with_backward,
    requires=("shape", "backward"),
)
def backward_linear(evidence: Evidence) -> Iterator[Finding]:
    """backward(a) + backward(b) = backward(a + b), and backward(0) is zero.

    The gradient is linear in the cotangent for every layer. This finds a loss that ignores its
    cotangent, or a layer that adds a term, without an oracle.
    """
    programs = evidence.programs
    a = programs.cotangent
    b = np.flip(a) if a.ndim else 2 * a
    cotangents = (a, b, np.asarray(a + b), np.zeros_like(a))
    forward = Forward(programs.inputs())
    steps = [step for v in cotangents for step in (Restore(), forward, Backward(v))]
    trial = programs.trial("backward_linear", *steps)
    records = [evidence.step(trial, 3 * i + 2).input_gradients for i in range(len(cotangents))]
    for name in records[0]:
        at_a, at_b, at_sum, at_zero = (record[name] for record in records)
        scale = sum(map(largest, (at_a, at_b, at_sum))) + largest(a) * conditioning(evidence)
        allowed = 64 * UNIT_ROUNDOFF["float64"] * scale
        notes = (
            (at_sum, at_a + at_b, "got: backward(a + b), wanted: backward(a) + backward(b)"),
            (at_zero, np.zeros_like(at_a), "got: backward(0)"),
        )
        for got, wanted, note in notes:
            if finding := compare(f"grad_{name}", got, wanted, allowed, (note,)):
                yield finding
                break
