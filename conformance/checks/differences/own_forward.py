"""Backward against finite differences of the candidate's own forward."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.checks.check import check
from conformance.checks.differences.perturbed import PerturbedForwards
from conformance.checks.evidence import Evidence
from conformance.checks.forward.values import at_kink, owed_gradients
from conformance.generation.drawing import EDGED, choose, integers
from conformance.numerics.comparison import compare
from conformance.numerics.sweep import Sweep
from conformance.numerics.tolerance import largest
from conformance.records.text import element
from conformance.records.verdict import Finding, Series
from conformance.spec.bound_case import BoundCase

DIRECTIONS = 8
BUDGET = 512  # groups of coordinates per tensor; of more, a sample is taken
KINKS = 0.05  # the share of coordinates at kinks beyond which nothing is proved

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

    Eight random directions over the whole tensor come first, then every coordinate. Coordinates
    that no output sees together are perturbed at once, where this was observed. No oracle is
    involved: with the `grad_` checks this tells a wrong derivative of the right function from the
    right derivative of a wrong function.
    """
    name = f"grad_{evidence.tensor}"
    with np.errstate(all="ignore"):  # what is not finite is looked for
        sweep = _sweep(evidence)
        if sweep.finite:
            yield from _findings(name, sweep)
            return
    yield Finding(name, "wrong", "your own forward is not finite here: it has no derivative")


def _sweep(evidence: Evidence) -> Sweep:
    programs, tensor = evidence.programs, evidence.tensor
    inputs = programs.inputs()
    arrays = {**inputs, **programs.parameters}
    single = programs.single()
    key = f"{single.key}/{tensor}"
    forward, record = evidence.step(single, 0), evidence.step(single, 1)
    gradients = {**record.input_gradients, **record.parameter_gradients}
    point = arrays[tensor]
    magnitude = float(np.abs(programs.cotangent * next(iter(forward.outputs.values()))).sum())
    magnitude += largest(programs.cotangent)  # outputs near 0 may be differences of numbers near 1
    for other, value in gradients.items():
        if value.shape == arrays[other].shape:  # another check speaks of one that has not
            magnitude += float(np.abs(arrays[other] * value).sum())
    drawn = integers(f"{key}/directions", (DIRECTIONS + 1) * point.size).astype(np.float64)
    drawn = (drawn.reshape(-1, *point.shape) - 2**15) / 2**15
    steps, jitter = drawn[:-1], np.where(drawn[-1] < 0, drawn[-1] - 1, drawn[-1] + 1) / 2
    # Axes of an input may have anything to do with those of the output; one of a parameter hardly
    # has, unless it is as long: output channels, features.
    lengths = programs.cotangent.shape
    return Sweep(
        PerturbedForwards(evidence),
        point,
        gradients[tensor].astype(np.float64),
        programs.cotangent,
        magnitude,
        steps=steps,
        jitter=jitter,
        axes=[a for a, size in enumerate(point.shape) if tensor in inputs or size in lengths],
        sample=lambda count: (
            choose(f"{key}/coordinates", count, BUDGET) if count > BUDGET else np.arange(count)
        ),
    )


def _findings(name: str, sweep: Sweep) -> Iterator[Finding]:
    found, tested = sweep.coordinates, sweep.coordinates.tested
    kinks, count, size = int(found.kinked.sum()), int(tested.sum()), tested.size
    if kinks > KINKS * count:
        yield Finding(
            name,
            "contract",
            f"this case is not fit for finite differences: at {kinks} of {count} elements your "
            "own forward has a kink, so nothing is said about your gradient",
        )
        return
    shape = sweep.point.shape
    notes = ["wanted: central differences of your own forward"]
    notes += [f"{count} of {size} elements were tested"] * (count < size)
    finding = compare(
        name,
        np.where(tested, sweep.gradient, np.nan).reshape(shape),
        found.value.reshape(shape),
        found.tolerance.reshape(shape),
        tuple(notes),
    )
    if finding is not None:
        assert finding.worst_index is not None
        flat = int(np.ravel_multi_index(finding.worst_index, shape)) if shape else 0
        label = f"error of {element(name, finding.worst_index)} by step size"
        yield replace(finding, series=(Series(label, *map(tuple, sweep.curve(flat))),))
        return
    along, claimed = sweep.along, sweep.claimed_along
    for i in np.flatnonzero(sweep.wrong_along)[:1]:
        got, wanted = float(claimed[i]), float(along.value[i])
        yield Finding(
            name,
            "wrong",
            f"{name} along a random direction is {got:.6g}, but your own forward "
            f"changes by {wanted:.6g}",
            got=got,
            wanted=wanted,
            worst=abs(got - wanted),
            allowed=float(along.tolerance[i]),
        )
