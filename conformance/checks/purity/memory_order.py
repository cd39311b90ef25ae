"""How arrays lie in memory must not matter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from conformance.checks.check import check
from conformance.checks.evidence import Evidence
from conformance.numerics.comparison import compare
from conformance.numerics.tolerance import UNIT_ROUNDOFF, largest
from conformance.records.observation import StepRecord
from conformance.records.trial import Arrange, Backward, Forward, Layout, Trial
from conformance.records.verdict import Finding
from conformance.spec.bound_case import BoundCase

LAYOUTS: tuple[Layout, ...] = ("fortran", "strided", "reversed", "transposed")

WORDS: dict[str, str] = {
    "fortran": "in Fortran order",
    "strided": "every second element of a larger array",
    "reversed": "with negative strides",
    "transposed": "with the first axis moved to the end in memory",
    "broadcast": "one row that is broadcast (stride 0)",
}


def among_the_first(bound: BoundCase) -> bool:
    """Whether it is one of the spec's first two cases, which is enough for behaviour."""
    return bound.id in [case.id for case in bound.spec.cases[:2]]


def layouts(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """Every layout, for inputs with axes; a broadcast cotangent, where the output has rows."""
    inputs, output = bound.inputs().values(), next(iter(bound.outputs().values()))
    if not among_the_first(bound) or bound.is_random(mode) or not any(inputs):
        return
    yield from LAYOUTS
    if bound.gradients() and output and output[0] > 1:
        yield "broadcast"


@check(
    "layout_{tensor}",
    group="purity",
    tier="strict",
    targets=layouts,
    requires=("shape", "backward"),
)
def layout(evidence: Evidence) -> Iterator[Finding]:
    """Inputs and cotangents in any memory layout give what contiguous ones give.

    Callers transpose, slice and broadcast, and get views: Fortran order, gaps between elements,
    negative strides, stride 0 (the gradient of a sum). A layer that reads memory by `ravel("K")`,
    `reshape(order="A")` or `as_strided` with strides of its own takes the wrong elements. The
    candidate is compared with itself: no oracle is involved.
    """
    plain, arranged = _trials(evidence)
    operands = {**evidence.programs.inputs(), **evidence.programs.parameters}
    size = max([largest(evidence.programs.cotangent), *map(largest, operands.values())])
    for wanted_record, got_record in zip(
        _records(evidence, plain), _records(evidence, arranged), strict=True
    ):
        wanted = dict(wanted_record.tensors())
        for name, got in got_record.tensors():
            # The same sums, perhaps in another order.
            allowed = 64 * UNIT_ROUNDOFF["float64"] * (largest(wanted[name]) + size)
            what = "the cotangent is" if evidence.tensor == "broadcast" else "the arrays are"
            note = f"wanted: the same as for contiguous arrays; {what} {WORDS[evidence.tensor]}"
            if finding := compare(name, got, wanted[name], allowed, (note,)):
                yield finding


def _trials(evidence: Evidence) -> tuple[Trial, Trial]:
    """Forward and backward on contiguous arrays, and on equal ones in the layout."""
    programs = evidence.programs
    forward, backward = Forward(programs.inputs()), Backward(programs.cotangent)
    if evidence.tensor == "broadcast":
        rows = np.repeat(programs.cotangent[:1], len(programs.cotangent), axis=0)
        backward, arrange = Backward(rows), Arrange("broadcast")
        return (
            programs.trial("layout/rows", forward, backward),
            programs.trial("layout/broadcast", forward, arrange, backward),
        )
    name = next(name for name in LAYOUTS if name == evidence.tensor)
    arranged = programs.trial(f"layout/{name}", Arrange(name), forward, backward)
    return programs.single(), arranged


def _records(evidence: Evidence, trial: Trial) -> Iterator[StepRecord]:
    """The records of forward and, where gradients are owed, of backward."""
    asked = (Forward, Backward) if evidence.bound.gradients() else (Forward,)
    for number, step in enumerate(trial.steps[evidence.programs.start :]):
        if isinstance(step, asked):
            yield evidence.step(trial, number)
