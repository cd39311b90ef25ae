"""What a layer remembers: buffers, modes, accumulated gradients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from conformance.checks.check import check
from conformance.checks.evidence import Evidence
from conformance.numerics.comparison import compare
from conformance.numerics.tolerance import UNIT_ROUNDOFF, Floats, largest
from conformance.records.verdict import Finding
from conformance.spec.bound_case import BoundCase


def existing_buffers(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """The buffers of the case."""
    return bound.buffers()


@check("{tensor}", group="state", tier="full", targets=existing_buffers, requires=("shape",))
def buffers(evidence: Evidence) -> Iterator[Finding]:
    """A buffer (running_mean, running_var) is right after one and after two forwards.

    In a mode that updates nothing the oracle's buffers stay as they were, so changing one is found
    too.
    """
    trial, name = evidence.programs.twice(), evidence.tensor
    for number in (0, 1):
        record = evidence.step(trial, number)
        note = f"after {('one forward', 'two forwards')[number]}"
        expected = evidence.expected(trial, number)
        findings = list(evidence.against(name, record.buffers[name], expected[name], note))
        yield from findings
        if findings:
            return


def switchable(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """Cases that are legal in both modes."""
    return [""] if len(bound.modes()) > 1 else []


@check("modes", group="state", tier="full", targets=switchable, requires=("shape",))
def modes(evidence: Evidence) -> Iterator[Finding]:
    """Outputs stay right when the mode is switched and switched back.

    The sequence is this mode, the other, this one again. Forwards in a random mode are judged by
    the checks of that randomness instead.
    """
    trial = evidence.programs.mode_switches()
    assert evidence.mode is not None
    other = "eval" if evidence.mode == "train" else "train"
    for number, mode in ((0, evidence.mode), (2, other), (4, evidence.mode)):
        record = evidence.step(trial, number)
        if evidence.bound.is_random(mode):
            continue
        expected = evidence.expected(trial, number)
        for name, got in record.outputs.items():
            switches = ("", f"after a switch to {other}", f"after {other} and back")[number // 2]
            yield from evidence.against(name, got, expected[name], *filter(None, [switches]))


def accumulating(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """Cases with parameters, where the spec says that gradients add up."""
    applies = bound.spec.gradients.accumulates and not bound.is_random(mode)
    return [""] if applies and bound.parameters() else []


@check(
    "accumulation", group="state", tier="full", targets=accumulating, requires=("shape", "backward")
)
def accumulation(evidence: Evidence) -> Iterator[Finding]:
    """Parameter gradients add up: the same round twice gives twice the gradient."""
    trial = evidence.programs.accumulated()
    once = evidence.step(trial, 1).parameter_gradients
    twice = evidence.step(trial, 3).parameter_gradients
    for name, first in once.items():
        second = twice.get(name, np.zeros_like(first))
        if np.array_equal(second, first) and first.any():
            yield evidence.contract(
                f"grad_{name}",
                f"grad_{name} after two backwards equals that after one: "
                "backward overwrites it instead of adding to it",
            )
        elif finding := compare(
            f"grad_{name}",
            second,
            2 * first,
            _noise(first),
            ("wanted: twice the gradient of one backward",),
        ):
            yield finding


@check("zeroing", group="state", tier="full", targets=accumulating, requires=("shape", "backward"))
def zeroing(evidence: Evidence) -> Iterator[Finding]:
    """After zero_grad gradients are zero, and the next backward gives what the first gave."""
    trial = evidence.programs.accumulated()
    once = evidence.step(trial, 1).parameter_gradients
    zeroed = evidence.step(trial, 4)
    again = evidence.step(trial, 6).parameter_gradients
    for name, first in once.items():
        left = zeroed.parameter_gradients.get(name)
        if left is not None and left.any():
            yield evidence.contract(f"grad_{name}", f"grad_{name} is not zero after zero_grad()")
        elif name not in again:
            yield evidence.contract(f"grad_{name}", f"grad_{name} is gone after zero_grad()")
        elif finding := compare(
            f"grad_{name}",
            again[name],
            first,
            _noise(first),
            ("wanted: the gradient of the first backward",),
        ):
            yield finding


def _noise(array: Floats) -> float:
    """What repeating the same sums in another order may change."""
    return 64 * UNIT_ROUNDOFF["float64"] * largest(array)


def with_updates(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """Cases with buffers, where the output is not random."""
    return [""] if bound.buffers() and not bound.is_random(mode) else []


@check(
    "buffers_kept", group="state", tier="full", targets=with_updates, requires=("shape", "backward")
)
def buffers_kept(evidence: Evidence) -> Iterator[Finding]:
    """Backward leaves buffers alone: it does not run the forward again."""
    trial = evidence.programs.single()
    before, after = evidence.step(trial, 0).buffers, evidence.step(trial, 1).buffers
    for name, value in before.items():
        if not np.array_equal(value, after[name], equal_nan=True):
            yield evidence.contract(name, f"backward changes {name}")


def first_mode(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """Containers, asked in their first mode only."""
    return [""] if mode == bound.modes()[0] else []


@check("contents", group="state", tier="full", targets=first_mode, kinds=("container",))
def contents(evidence: Evidence) -> Iterator[Finding]:
    """``len``, indexing (from both ends) and ``parameters()`` show the layers in their order."""
    trial = evidence.programs.inspected()
    facts = evidence.step(trial, 0).facts
    layers = len(evidence.bound.parts)
    wanted = {
        "length": str(layers),
        "indexing": "True",
        "parameters": " ".join(evidence.bound.parameters()),
    }
    words = {
        "length": f"len() is {facts['length']}, but should be {layers}",
        "indexing": "indexing does not return the layers that were put in",
        "parameters": f"parameters() gives {facts['parameters'] or 'nothing'}, "
        f"but should give {wanted['parameters'] or 'nothing'}",
    }
    for fact, value in wanted.items():
        if facts[fact] != value:
            yield evidence.contract("", words[fact])
