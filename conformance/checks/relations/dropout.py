"""Inverted dropout: what can be said of a random layer without knowing its mask."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.checks.check import check
from conformance.checks.evidence import Evidence
from conformance.checks.relations.declared import declared
from conformance.numerics.comparison import compare
from conformance.numerics.tolerance import UNIT_ROUNDOFF
from conformance.records.trial import Backward, Forward, SetMode, Trial
from conformance.records.verdict import Finding
from conformance.spec.bound_case import BoundCase

DRAWS = 20_000
FALSE_ALARM = 1e-9


def _applies(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """Cases whose spec declares the property `inverted_dropout`, in its modes."""
    return [""] if declared(bound, mode, "inverted_dropout") else []


def _scaled(evidence: Evidence, x: NDArray[Any]) -> NDArray[Any]:
    """The values that kept elements must have."""
    p = float(evidence.bound.bindings["p"])
    return x / (1 - p) if p < 1 else np.zeros_like(x)


@check(
    "dropout_values",
    group="relations",
    tier="core",
    targets=_applies,
    requires=("shape",),
    dtypes=("float64", "float32"),
)
def dropout_values(evidence: Evidence) -> Iterator[Finding]:
    """Every output is 0 or x / (1 - p), before a switch to eval and after the switch back."""
    trial = evidence.programs.mode_switches()
    x = evidence.programs.inputs()["input"]
    kept = _scaled(evidence, x)
    allowed = 4 * UNIT_ROUNDOFF[evidence.dtype] * np.abs(kept)
    for number in (0, 4):
        got = evidence.step(trial, number).outputs["output"].astype(np.float64)
        nearest = np.where(np.abs(got) <= np.abs(got - kept), 0.0, kept)
        note = "wanted: 0 or x / (1 - p)" + (", after eval and back" if number else "")
        if finding := compare("output", got, nearest, allowed, (note,)):
            yield finding
            return


@check(
    "dropout_mask",
    group="gradients",
    tier="core",
    targets=_applies,
    requires=("shape", "backward", "dropout_values"),
    dtypes=("float64", "float32"),
)
def dropout_mask(evidence: Evidence) -> Iterator[Finding]:
    """Backward drops and scales exactly what its forward did, the last one of several.

    The mask is read off the output. Where the input is zero it cannot be seen there, but some
    elements must have been kept: none at all would have a probability below 1e-9.
    """
    x, cotangent = evidence.programs.inputs()["input"], evidence.programs.cotangent
    for words, trial in _forwards(evidence):
        number = len(trial.steps) - evidence.programs.start - 1
        got = evidence.step(trial, number).input_gradients["input"]
        output = evidence.step(trial, number - 1).outputs["output"]
        kept = np.where(x != 0, output != 0, got != 0)
        wanted = np.where(kept, _scaled(evidence, cotangent), 0.0)
        allowed = 4 * UNIT_ROUNDOFF[evidence.dtype] * np.abs(wanted)
        note = f"wanted: the cotangent under the mask that {words}"
        if finding := compare("grad_input", got, wanted, allowed, (note,)):
            yield finding
            return
        hidden, p = x == 0, float(evidence.bound.bindings["p"])
        if p ** int(hidden.sum()) < FALSE_ALARM and not got[hidden].any():
            yield Finding(
                "grad_input",
                "wrong",
                f"grad_input is zero at all {hidden.sum()} places where the input is zero, "
                f"but p is {p:g}: whether an element was dropped cannot be told from its value",
            )
            return


def _forwards(evidence: Evidence) -> Iterator[tuple[str, Trial]]:
    """A forward alone, after another, and after one in eval mode; each with its backward."""
    programs = evidence.programs
    once = Forward(programs.inputs()), Backward(programs.cotangent)
    yield "forward used", programs.single()
    yield "the last of two forwards used", programs.trial("mask/again", once[0], *once)
    if "eval" in evidence.bound.modes():
        evaluation = SetMode("eval"), once[0], SetMode("train")
        trial = programs.trial("mask/eval", *evaluation, *once)
        yield "forward used after one in eval mode", trial


@check(
    "dropout_rate",
    group="relations",
    tier="full",
    targets=_applies,
    requires=("shape", "dropout_values"),
)
def dropout_rate(evidence: Evidence) -> Iterator[Finding]:
    """The share of dropped elements agrees with p, and each is dropped on its own.

    Masks differ from call to call, and along each axis.

    At least 20,000 elements are drawn. By Chernoff's bound a correct layer deviates this far with a
    probability below 1e-9.
    """
    p = float(evidence.bound.bindings["p"])
    x = np.abs(evidence.programs.inputs()["input"]) + 1  # no zeros: every drop can be seen
    calls = -(-DRAWS // x.size)
    trial = evidence.programs.trial("rate", *[Forward({"input": x})] * calls)
    outputs = [o["output"] for o in evidence.outputs(trial, calls)]
    dropped = np.array([output == 0 for output in outputs])
    rate = float(dropped.mean())
    if 2 * math.exp(-dropped.size * _divergence(rate, p)) < FALSE_ALARM:
        yield Finding(
            "output",
            "wrong",
            f"{rate:.4f} of {dropped.size} elements were dropped, but p is {p:g}",
            got=rate,
            wanted=p,
        )
    elif dropped.any() and not dropped.all():
        for axis, size in enumerate(dropped.shape):
            if size > 1 and (dropped == dropped.take([0], axis)).all():
                yield Finding("output", "wrong", _dependence(axis, calls))


def _dependence(axis: int, calls: int) -> str:
    if axis == 0:
        return f"the same mask was used in all of {calls} calls"
    return f"elements along axis {axis - 1} are always dropped together, not each on its own"


def _divergence(observed: float, stated: float) -> float:
    """Kullback-Leibler divergence of two coins, in nats."""
    total = 0.0
    for a, b in ((observed, stated), (1 - observed, 1 - stated)):
        if a > 0:
            total += a * math.log(a / b) if b > 0 else math.inf
    return total
