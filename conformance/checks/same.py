"""What a step shows is what another step showed: the candidate compared with itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from conformance.checks.evidence import Evidence
from conformance.numerics.comparison import compare
from conformance.numerics.tolerance import UNIT_ROUNDOFF, largest
from conformance.records.observation import StepRecord
from conformance.records.verdict import Finding

Arrays = Mapping[str, NDArray[Any]]


def noise(*arrays: NDArray[Any]) -> float:
    """What doing the same sums again, in another order, may change."""
    return 64 * UNIT_ROUNDOFF["float64"] * sum(map(largest, arrays))


def of_contract(findings: Iterator[Finding]) -> Iterator[Finding]:
    """The same findings, where the numbers are right for who calls in the usual order."""
    return (replace(finding, severity="contract") for finding in findings)


def same_outputs(got: StepRecord, wanted: StepRecord, note: str) -> Iterator[Finding]:
    """Findings where the outputs differ."""
    yield from _same(got.outputs, wanted.outputs, note)


def same_gradients(
    evidence: Evidence, got: StepRecord, wanted: StepRecord, note: str
) -> Iterator[Finding]:
    """Findings where gradients differ, of inputs or of parameters."""
    cotangent = evidence.programs.cotangent
    yield from _same(_gradients(got), _gradients(wanted), note, cotangent)


def same_input_gradients(
    evidence: Evidence, got: StepRecord, wanted: StepRecord, note: str
) -> Iterator[Finding]:
    """Findings where gradients of inputs differ."""
    cotangent = evidence.programs.cotangent
    yield from _same(_named(got.input_gradients), _named(wanted.input_gradients), note, cotangent)


def same_buffers(got: StepRecord, wanted: StepRecord, note: str) -> Iterator[Finding]:
    """Findings where buffers differ."""
    yield from _same(got.buffers, wanted.buffers, note)


def _gradients(record: StepRecord) -> Arrays:
    return _named({**record.input_gradients, **record.parameter_gradients})


def _named(gradients: Arrays) -> Arrays:
    return {f"grad_{name}": gradient for name, gradient in gradients.items()}


def _same(got: Arrays, wanted: Arrays, note: str, *scale: NDArray[Any]) -> Iterator[Finding]:
    for name, array in wanted.items():
        if name not in got:
            yield Finding(name, "contract", f"{name} is gone", notes=(note,))
        elif finding := compare(name, got[name], array, noise(array, *scale), (note,)):
            yield finding
