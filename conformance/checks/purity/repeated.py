"""What a call must leave alone, and that it does the same each time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.checks.check import check, deterministic_case
from conformance.checks.evidence import Evidence
from conformance.numerics.comparison import compare
from conformance.numerics.tolerance import UNIT_ROUNDOFF, largest
from conformance.records.verdict import Finding


@check("purity", group="purity", tier="full", requires=("shape",))
def purity(evidence: Evidence) -> Iterator[Finding]:
    """Forward and backward change neither the input nor the cotangent nor the parameters.

    Global settings stay unchanged too: NumPy's error handling, the recursion limit, the working
    directory.
    """
    trial = evidence.programs.single()
    observation = evidence.observe(trial)
    for number, call in enumerate(("forward", "backward")):
        index = evidence.programs.start + number
        if index >= len(observation.steps):
            break  # backward fails on its own account, in its own check
        for name in observation.steps[index].mutated:
            kind = "the parameter " if name in trial.parameters else ""
            yield evidence.contract(name, f"{call} changes {kind}{name} in place")
        for what in observation.steps[index].meddled:
            yield evidence.contract("", f"{call} changes {what}")


@check(
    "repeatability", group="purity", tier="full", targets=deterministic_case, requires=("shape",)
)
def repeatability(evidence: Evidence) -> Iterator[Finding]:
    """Calling forward again on the same input gives the same output."""
    trial = evidence.programs.repeated()
    first, second = evidence.step(trial, 0).outputs, evidence.step(trial, 1).outputs
    for name, wanted in first.items():
        noise = 64 * UNIT_ROUNDOFF["float64"] * largest(wanted)
        finding = compare(
            name,
            second[name],
            wanted,
            noise,
            ("wanted: the output of the first of two equal calls",),
        )
        if finding is not None:
            yield finding


@check("dtype", group="purity", tier="full", requires=("shape",), dtypes=("float64", "float32"))
def dtype(evidence: Evidence) -> Iterator[Finding]:
    """Outputs and gradients have the dtype of the input: no silent up- or downcast."""
    wanted = np.dtype(evidence.dtype)
    trial = evidence.programs.single()
    observation = evidence.observe(trial)
    if not observation.steps[evidence.programs.start :]:
        evidence.step(trial, 0)  # says why
    for record in observation.steps:
        for name, array in record.tensors():
            if name not in evidence.bound.buffers() and array.dtype != wanted:
                yield evidence.contract(
                    name, f"{name} has dtype {array.dtype} for {wanted} input and parameters"
                )
