"""What a constructor leaves behind: the mode, and no array that its arguments exclude."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.checks.check import check
from conformance.checks.evidence import Evidence
from conformance.checks.same import same_outputs
from conformance.records.trial import Forward, LookFor, Restore
from conformance.records.verdict import Finding
from conformance.spec.bound_case import BoundCase


def switchable_in_train(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """Cases that are legal in both modes, asked in train."""
    return [""] if mode == "train" and len(bound.modes()) > 1 else []


@check(
    "first_mode",
    group="state",
    tier="full",
    targets=switchable_in_train,
    requires=("shape",),
)
def first_mode(evidence: Evidence) -> Iterator[Finding]:
    """A new layer is in train mode: it gives what it gives after train().

    Training loops often call train() only to come back from eval(), if at all. Where the output of
    train mode is random, it must not be that of eval mode.
    """
    programs = evidence.programs
    forward = Forward(programs.inputs())
    new = replace(programs.trial("new"), steps=(Restore(), forward))  # no step sets the mode
    by_default = evidence.step(new, 0)
    trained = evidence.step(programs.trial("told", forward), 0)
    evaluated = evidence.step(replace(programs, mode="eval").trial("told", forward), 0)
    for name, got in by_default.outputs.items():
        other = evaluated.outputs[name]
        if _equal(got, other) and not _equal(trained.outputs[name], other):
            yield evidence.contract(
                name,
                "a new layer is in eval mode: it should be in train mode until eval() is called",
            )
            return
    if not evidence.bound.is_random("train"):
        yield from same_outputs(by_default, trained, "wanted: as after train(), in a new layer")


def _equal(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return np.array_equal(one, other, equal_nan=True)


def _excluded(bound: BoundCase) -> dict[str, str]:
    """Parameters and buffers that do not exist in this case, and the condition that fails."""
    table = {**bound.spec.parameters, **bound.spec.buffers}
    return {n: rule.when for n, rule in table.items() if rule.when and not bound.holds(rule.when)}


def with_excluded(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """Cases without some parameter or buffer of the spec, asked in their first mode."""
    return [""] if _excluded(bound) and mode == bound.modes()[0] else []


@check(
    "absent_parameters",
    group="state",
    tier="full",
    targets=with_excluded,
    requires=("shape",),
)
def absent_parameters(evidence: Evidence) -> Iterator[Finding]:
    """Parameters and buffers that the arguments exclude are not there, or None.

    `bias=False`, `affine=False`: a parameter that exists anyway is counted, saved and decayed, and
    may be used. This can be checked in the native dialect and in PyTorch only.
    """
    excluded = _excluded(evidence.bound)
    trial = evidence.programs.trial("excluded", LookFor(tuple(excluded)))
    for name, found in evidence.step(trial, 0).outputs.items():
        yield evidence.contract(
            name,
            f"{name} is an array of shape {found.shape}, but should not be there, or None",
            f"the spec says: {name} exists when {excluded[name]}",
        )
