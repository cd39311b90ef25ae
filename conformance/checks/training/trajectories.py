"""Optimizers, schedulers and whole nets: step by step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from conformance.checks.check import check
from conformance.checks.evidence import Evidence
from conformance.checks.same import noise
from conformance.numerics.comparison import compare
from conformance.numerics.tolerance import UNIT_ROUNDOFF
from conformance.records.trial import Train, Trial
from conformance.records.verdict import Finding, Series
from conformance.spec.bound_case import BoundCase
from conformance.spec.expressions import parse_expression


@check("in_place", group="shape", tier="core", kinds=("optimizer",), generated=True)
def in_place(evidence: Evidence) -> Iterator[Finding]:
    """The optimizer changes the given arrays in place, so the layer sees the new values."""
    trial = evidence.programs.trajectory()
    record = evidence.step(trial, 0)
    for name, start in trial.parameters.items():
        if np.array_equal(record.outputs[name], start):
            yield evidence.contract(name, f"step() left {name}, the array it was given, as it was")


@check(
    "trajectory",
    group="forward",
    tier="core",
    kinds=("optimizer",),
    requires=("in_place",),
    dtypes=("float64", "float32"),
    generated=True,
)
def trajectory(evidence: Evidence) -> Iterator[Finding]:
    """Every parameter is right after every step; the first step that is not is reported.

    Gradients are zeroed between the steps, which must leave momenta and step counters alone.
    """
    trial = evidence.programs.trajectory()
    for number in range(0, len(trial.steps), 2):  # every other step zeroes the gradients
        record, expected = evidence.step(trial, number), evidence.expected(trial, number)
        findings = [
            finding
            for name, got in record.outputs.items()
            for finding in evidence.against(name, got, expected[name])
        ]
        if findings:
            note = f"first after step {number // 2 + 1} of {len(trial.steps) // 2}"
            yield from (replace(finding, notes=(note,)) for finding in findings)
            return


@check("zero_grad", group="state", tier="full", kinds=("optimizer",), requires=("in_place",))
def zero_grad(evidence: Evidence) -> Iterator[Finding]:
    """Gradients are zeroed in place: the arrays that the optimizer was given."""
    trial = evidence.programs.trajectory()
    for name, gradient in evidence.step(trial, 1).parameter_gradients.items():
        if gradient.any():
            yield evidence.contract(f"grad_{name}", f"grad_{name} is not zero after zero_grad()")


@check("gradients_kept", group="purity", tier="full", kinds=("optimizer",), requires=("in_place",))
def gradients_kept(evidence: Evidence) -> Iterator[Finding]:
    """A step reads the gradients and leaves them as they are, and global state, too."""
    record = evidence.step(evidence.programs.trajectory(), 0)
    for name in record.mutated:
        yield evidence.contract(name, f"step() changes {name} in place")
    for what in record.meddled:
        yield evidence.contract("", f"step() changes {what}")


@check(
    "step_dtype",
    group="purity",
    tier="full",
    kinds=("optimizer",),
    requires=("in_place",),
    dtypes=("float32",),
)
def step_dtype(evidence: Evidence) -> Iterator[Finding]:
    """float32 parameters stay float32, where the optimizer puts new arrays in their place.

    An array that is changed in place keeps its dtype. Parameters without axes are left out: what
    NumPy 1 computes from them is float64.
    """
    for name, value in evidence.step(evidence.programs.trajectory(), 0).outputs.items():
        if value.ndim and value.dtype != np.float32:
            yield evidence.contract(name, f"{name} has dtype {value.dtype} after step()")


def with_rate(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """Optimizers with an argument lr that is not zero, asked in their first mode."""
    return [""] if bound.config.get("lr") and mode == bound.modes()[0] else []


SLOWER = 0.25


@check(
    "rate_followed",
    group="state",
    tier="full",
    targets=with_rate,
    kinds=("optimizer",),
    requires=("in_place",),
)
def rate_followed(evidence: Evidence) -> Iterator[Finding]:
    """A learning rate set between two steps applies to the second step.

    Schedulers set it (`optimizer.lr`, in PyTorch `param_groups`). This goes wrong when a
    constructor or the first step uses the rate to compute what later steps use, or when the
    velocity contains it. Optimizers whose rate cannot be set from outside are skipped.
    """
    kept = evidence.programs.rate_changed(None)
    changed = evidence.programs.rate_changed(SLOWER * evidence.bound.config["lr"])
    start, usual = (evidence.step(kept, number).outputs for number in (0, 1))
    for name, got in evidence.step(changed, 2).outputs.items():
        step = usual[name] - start[name]
        if step.any() and np.array_equal(got, usual[name]):
            yield evidence.contract(
                name,
                f"step() moves {name} as if the rate had not been set: it uses an old one",
            )
            continue
        allowed = noise(start[name], usual[name])
        note = f"after the rate was set to {SLOWER:g} times what it was"
        if finding := compare(name, got, np.asarray(start[name] + SLOWER * step), allowed, (note,)):
            yield finding


@check("closed_form", group="forward", tier="core", kinds=("scheduler",))
def closed_form(evidence: Evidence) -> Iterator[Finding]:
    """The optimizer's rate equals the spec's closed form before the first step and after each.

    Rates computed from the previous one accumulate a rounding error at each step.
    """
    scheduler = evidence.bound.spec.scheduler
    assert scheduler is not None
    expression = parse_expression(scheduler.closed_form)
    trial = evidence.programs.schedule()

    def rate(t: int) -> float:
        bindings = {**evidence.bound.bindings, "lr0": scheduler.lr0, "t": t, "pi": math.pi}
        return float(expression(bindings))

    for t in range(scheduler.steps + 1):
        wanted = np.asarray(rate(t))
        size = max(scheduler.lr0, abs(float(wanted)))
        allowed = (16 + 4 * t) * UNIT_ROUNDOFF["float64"] * size
        got = evidence.step(trial, t).outputs["lr"]
        note = f"after {t} steps" if t else "before the first step"
        if finding := compare("lr", got, wanted, allowed, (note,)):
            rates = [float(record.outputs["lr"]) for record in evidence.observe(trial).steps]
            yield replace(finding, series=_curves("lr", rates, map(rate, range(len(rates)))))
            return


@check("get_last_lr", group="state", tier="full", kinds=("scheduler",), requires=("closed_form",))
def get_last_lr(evidence: Evidence) -> Iterator[Finding]:
    """The scheduler reports the rate that the optimizer uses."""
    trial = evidence.programs.schedule()
    for t in range(len(trial.steps)):
        outputs = evidence.step(trial, t).outputs
        if outputs["lr"] != outputs["get_last_lr"]:
            yield evidence.contract(
                "get_last_lr",
                f"get_last_lr() is {outputs['get_last_lr']:g} after {t} steps, "
                f"but the optimizer's lr is {outputs['lr']:g}",
            )
            return


@check("loss_curve", group="forward", tier="core", kinds=("net",))
def loss_curve(evidence: Evidence) -> Iterator[Finding]:
    """The loss of every training step is the oracle's, from the same initial values."""
    trial = evidence.programs.training()
    steps = [i for i, step in enumerate(trial.steps) if isinstance(step, Train)]
    for count, number in enumerate(steps, start=1):
        got = evidence.step(trial, number).outputs["loss"]
        expected = evidence.expected(trial, number)["loss"]
        note = f"first at step {count} of {len(steps)}"
        for finding in evidence.against("loss", got, expected, note):
            yield replace(finding, series=_losses(evidence, trial, steps))
            return


def _losses(evidence: Evidence, trial: Trial, steps: Sequence[int]) -> tuple[Series, ...]:
    """The loss curve as far as the candidate came, beside the one that it should be."""
    records = evidence.observe(trial).steps[evidence.programs.start :]
    got = [float(records[number].outputs["loss"]) for number in steps if number < len(records)]
    wanted = [float(evidence.expected(trial, number)["loss"].value) for number in steps]
    return _curves("loss", got, wanted, first=1)


def _curves(
    name: str, got: Iterable[float], wanted: Iterable[float], first: int = 0
) -> tuple[Series, ...]:
    """What the candidate showed step by step, and what it should have."""
    pairs = ((f"{name}, yours", tuple(got)), (f"{name}, expected", tuple(wanted)))
    return tuple(
        Series(label, tuple(map(float, range(first, first + len(values)))), values)
        for label, values in pairs
    )


@check("trained", group="forward", tier="core", kinds=("net",), requires=("loss_curve",))
def trained(evidence: Evidence) -> Iterator[Finding]:
    """The parameters are the oracle's after the first step and after the last."""
    trial = evidence.programs.training()
    for number, step in enumerate(trial.steps):
        if isinstance(step, Train) and step.show:
            record, expected = evidence.step(trial, number), evidence.expected(trial, number)
            for name in trial.parameters:
                yield from evidence.against(name, record.outputs[name], expected[name])


def with_rows_held_back(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """Nets whose spec demands an accuracy."""
    return [""] if bound.spec.net is not None and bound.spec.net.accuracy is not None else []


@check("accuracy", group="forward", tier="core", kinds=("net",), targets=with_rows_held_back)
def accuracy(evidence: Evidence) -> Iterator[Finding]:
    """The trained net classifies rows that it has not seen."""
    trial, net = evidence.programs.training(), evidence.bound.spec.net
    assert net is not None
    assert net.accuracy is not None
    output = evidence.step(trial, len(trial.steps) - 1).outputs["output"]
    targets = evidence.programs.held_back()
    share = float((output.argmax(axis=1) == targets).mean())
    if share < net.accuracy:
        yield Finding(
            "output",
            "wrong",
            f"{share:.1%} of {len(targets)} rows held back are classified right, "
            f"but should be {net.accuracy:.0%}",
        )
