"""Backward against finite differences of the candidate's own forward."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.checks.check import check
from conformance.checks.evidence import Evidence
from conformance.checks.values import at_kink, owed_gradients
from conformance.generation.drawing import EDGED, choose, draw
from conformance.numerics.comparison import compare
from conformance.numerics.finite_differences import OFFSETS, Derivative, derivative
from conformance.records.verdict import Finding
from conformance.spec.binding import BoundCase

DIRECTIONS = 8
COORDINATES = 48  # per tensor; larger tensors are sampled, the directions cover the rest

Array = NDArray[Any]


def differentiable_tensors(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """Tensors with an owed gradient, in cases clear of kinks and edges that are not empty."""
    at_edge = bool(bound.drawn() & EDGED) or bound.extreme
    if at_edge or at_kink(bound) or 0 in next(iter(bound.outputs().values())):
        return []
    shapes = {**bound.inputs(), **bound.parameters()}
    return [name for name in owed_gradients(bound, mode) if 0 not in shapes[name]]


@check(
    "fd_{tensor}",
    group="differences",
    tier="core",
    targets=differentiable_tensors,
    requires=("shape", "backward"),
    generated=True,
)
def finite_differences(evidence: Evidence) -> Iterator[Finding]:
    """The gradient that backward returns is the derivative of the candidate's own forward.

    Eight random directions cover the whole tensor, then single coordinates (all, or a sample of 48)
    show where it is wrong. No oracle is involved: with the `grad_` checks this tells a wrong
    derivative of the right function from the right derivative of a wrong function.
    """
    tensor, programs = evidence.tensor, evidence.programs
    record = evidence.step(programs.single(), 1)
    gradient = {**record.input_gradients, **record.parameter_gradients}[tensor].astype(np.float64)
    base = {**programs.inputs(), **programs.parameters}[tensor]
    key = f"{programs.single().key}/{tensor}"
    coordinates = choose(f"{key}/coordinates", base.size, COORDINATES)
    steps = [draw("normal", base.shape, f"{key}/direction/{i}") for i in range(DIRECTIONS)]
    steps += [_unit(base.shape, int(flat)) for flat in coordinates]
    found = _derivatives(evidence, base, steps)
    if not all(math.isfinite(estimate.value) for estimate in found):
        yield Finding(
            f"grad_{tensor}", "wrong", "your own forward is not finite here: it has no derivative"
        )
        return

    wanted, allowed = np.full(base.shape, np.nan), np.zeros(base.shape)
    for flat, estimate in zip(coordinates, found[DIRECTIONS:], strict=True):
        wanted.flat[flat], allowed.flat[flat] = estimate.value, estimate.tolerance
    tested = np.zeros(base.shape, dtype=bool)
    tested.flat[coordinates] = True
    finding = compare(
        f"grad_{tensor}",
        np.where(tested, gradient, np.nan),
        wanted,
        allowed,
        ("wanted: central differences of your own forward",),
    )
    if finding is not None:
        yield finding
        return
    for direction, estimate in zip(steps, found[:DIRECTIONS], strict=False):
        along = float((gradient * direction).sum())
        if not abs(along - estimate.value) <= estimate.tolerance:
            yield Finding(
                f"grad_{tensor}",
                "wrong",
                f"grad_{tensor} along a random direction is {along:.6g}, but your own forward "
                f"changes by {estimate.value:.6g}",
                got=along,
                wanted=estimate.value,
                worst=abs(along - estimate.value),
                allowed=estimate.tolerance,
            )
            return


def _derivatives(evidence: Evidence, base: Array, steps: list[Array]) -> list[Derivative]:
    """The derivative of <cotangent, output> along each step."""
    programs, tensor = evidence.programs, evidence.tensor
    variations = [base + offset * step for step in steps for offset in OFFSETS]
    trial = programs.varied(f"differences/{tensor}", tensor, [base, *variations])
    outputs = evidence.outputs(trial, len(variations) + 1)
    cotangent = programs.cotangent
    name = next(iter(outputs[0]))
    values = [_sum(cotangent * output[name]) for output in outputs]
    record = evidence.step(programs.single(), 1)
    magnitude = float(np.abs(cotangent * outputs[0][name]).sum())
    arrays = {**programs.inputs(), **programs.parameters}
    for other, value in {**record.input_gradients, **record.parameter_gradients}.items():
        if value.shape == arrays[other].shape:  # another check speaks of one that has not
            magnitude += float(np.abs(arrays[other] * value).sum())
    return [
        derivative(np.array(values[1 + 4 * i : 5 + 4 * i]), magnitude) for i in range(len(steps))
    ]


def _sum(terms: Array) -> float:
    """A sum that adds no noise to differences of nearly equal values; nan where it has no value."""
    try:
        return math.fsum(terms.ravel())
    except (OverflowError, ValueError):  # too large, or infinities of both signs
        return math.nan


def _unit(shape: tuple[int, ...], flat: int) -> Array:
    step = np.zeros(shape)
    step.flat[flat] = 1.0
    return step
