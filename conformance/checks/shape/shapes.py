"""It runs, and the results have the right shapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from conformance.checks.check import check
from conformance.checks.evidence import Evidence, Stopped
from conformance.records.verdict import Finding
from conformance.spec.bound_case import BoundCase


@check("shape", group="shape", tier="core", generated=True)
def shape(evidence: Evidence) -> Iterator[Finding]:
    """The layer can be built, and its parameters and outputs have the shapes of the spec.

    All checks of outputs and gradients require this one.
    """
    record = evidence.step(evidence.programs.single(), 0)
    for name, wanted in evidence.bound.outputs().items():
        got = record.outputs[name].shape
        if got != wanted:
            rule = evidence.bound.output_rule(name).shape
            yield Finding(
                name,
                "wrong",
                f"{name} has shape {got}, but should have {wanted}",
                notes=(f"the spec says: {rule}",),
            )


def with_gradients(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """Cases in which some gradient is owed."""
    return ("",) if bound.gradients() else ()


@check(
    "backward",
    group="gradients",
    tier="core",
    requires=("shape",),
    generated=True,
    targets=with_gradients,
    per_gradient=True,
)
def backward(evidence: Evidence) -> Iterator[Finding]:
    """Backward runs, and every gradient that the spec owes exists and has the shape of its tensor.

    A gradient that is missing or misshapen blocks the checks of that gradient alone.
    """
    record = evidence.step(evidence.programs.single(), 1)
    shapes = {**evidence.bound.inputs(), **evidence.bound.parameters()}
    for name in evidence.bound.gradients():
        got = record.input_gradients.get(name, record.parameter_gradients.get(name))
        if got is None:
            yield evidence.contract(f"grad_{name}", record.absent[name])
        elif got.shape != shapes[name]:
            yield Finding(
                f"grad_{name}",
                "wrong",
                f"grad_{name} has shape {got.shape}, but should have {shapes[name]}",
            )


def starting_values(bound: BoundCase, mode: str | None) -> list[str]:
    """Parameters and buffers whose initial value the spec states; asked in the first mode only."""
    first = bound.modes()[0]
    existing = [*bound.parameters(), *bound.buffers()]
    stated = any(bound.rule(name).init for name in existing)
    return [""] if mode == first and stated else []


@check("initial", group="state", tier="full", targets=starting_values, requires=("shape",))
def initial(evidence: Evidence) -> Iterator[Finding]:
    """Parameters and buffers start at the values that the spec states (ones, zeros)."""
    observation = evidence.observe(evidence.programs.single())
    if observation.trouble is not None and not observation.steps:
        raise Stopped(observation.trouble)
    for name, value in observation.initial.items():
        stated = evidence.bound.rule(name).init
        if stated is None:
            continue
        wanted = 1.0 if stated == "ones" else 0.0
        if not (value == wanted).all():
            got = float(value[value != wanted].flat[0])
            yield evidence.contract(
                name, f"{name} starts with {got:g}, but should start as {stated}"
            )
