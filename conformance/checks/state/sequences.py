"""Calls in another order than forward, backward: what a layer remembers from one to the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from numpy.typing import NDArray

from conformance.checks.check import TRAINABLE, check, first_case, first_with_gradients
from conformance.checks.evidence import Evidence
from conformance.checks.same import (
    noise,
    of_contract,
    same_buffers,
    same_gradients,
    same_input_gradients,
    same_outputs,
)
from conformance.numerics.comparison import compare
from conformance.records.trial import (
    Another,
    Backward,
    Forward,
    GoBack,
    Restore,
    SetMode,
    Step,
    Trial,
    ZeroGrad,
)
from conformance.records.verdict import Finding
from conformance.spec.bound_case import BoundCase


def other_mode(evidence: Evidence) -> str | None:
    """The mode that is not this one, where there are two."""
    others = [mode for mode in evidence.bound.modes() if mode != evidence.mode]
    return others[0] if others else None


def alone(evidence: Evidence, which: int) -> Trial:
    """Forward of the first, second, … input on a new layer, and backward."""
    if which == 0:
        return evidence.programs.single()
    programs = evidence.programs
    return programs.trial(
        f"alone-{which}", Forward(programs.inputs(which)), Backward(programs.cotangent)
    )


@check(
    "last_forward",
    group="state",
    tier="full",
    targets=first_with_gradients,
    requires=TRAINABLE,
)
def last_forward(evidence: Evidence) -> Iterator[Finding]:
    """After two forwards backward belongs to the second.

    What forward leaves for backward (a mask, the places of maxima, the input) is of the last call.
    This goes wrong when a cache is filled only while it is empty, or when several calls are kept
    and the oldest is taken.
    """
    programs = evidence.programs
    trial = programs.trial(
        "last-forward",
        Forward(programs.inputs()),
        Forward(programs.inputs(1)),
        Backward(programs.cotangent),
    )
    wanted = evidence.step(alone(evidence, 1), 1)
    note = "wanted: the gradient of the second of two forwards"
    yield from same_gradients(evidence, evidence.step(trial, 2), wanted, note)


def interruptible(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """The first case with two modes; not in eval where a forward in train moves what eval uses."""
    applies = len(bound.modes()) > 1 and not (mode == "eval" and bound.buffers())
    return first_with_gradients(bound, mode) if applies else ()


@check(
    "other_mode_between",
    group="state",
    tier="full",
    targets=interruptible,
    requires=TRAINABLE,
)
def other_mode_between(evidence: Evidence) -> Iterator[Finding]:
    """A forward in the other mode leaves nothing behind: later results stay the same.

    This is a validation pass in the middle of training. This goes wrong when eval mode has a cache
    of its own that backward prefers, or when a switch of mode is not undone.
    """
    programs, other = evidence.programs, other_mode(evidence)
    assert other is not None
    assert evidence.mode is not None
    trial = programs.trial(
        "other-mode-between",
        Forward(programs.inputs()),
        SetMode(other),
        Forward(programs.inputs(1)),
        SetMode(evidence.mode),
        Forward(programs.inputs()),
        Backward(programs.cotangent),
    )
    note = f"after a forward in {other} mode"
    single = programs.single()
    yield from same_outputs(evidence.step(trial, 4), evidence.step(single, 0), note)
    yield from same_gradients(evidence, evidence.step(trial, 5), evidence.step(single, 1), note)


def switchable(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """The first case, where there are two modes."""
    return first_with_gradients(bound, mode) if len(bound.modes()) > 1 else ()


@check(
    "mode_of_forward",
    group="state",
    tier="strict",
    targets=switchable,
    requires=TRAINABLE,
)
def mode_of_forward(evidence: Evidence) -> Iterator[Finding]:
    """Backward belongs to the mode in which its forward was called, not to the present one.

    This goes wrong when backward looks at `training` itself, instead of at what forward left.
    """
    programs, other = evidence.programs, other_mode(evidence)
    assert other is not None
    trial = programs.trial(
        "mode-of-forward",
        Forward(programs.inputs()),
        SetMode(other),
        Backward(programs.cotangent),
    )
    note = f"after a switch to {other} between forward and backward"
    wanted = evidence.step(programs.single(), 1)
    yield from same_gradients(evidence, evidence.step(trial, 2), wanted, note)


def first_with_modes(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """The first case with two modes, also where the output is random."""
    return ("",) if len(bound.modes()) > 1 and bound.id == bound.spec.cases[0].id else ()


@check(
    "mode_again",
    group="state",
    tier="full",
    targets=first_with_modes,
    requires=("shape",),
)
def mode_again(evidence: Evidence) -> Iterator[Finding]:
    """Switching modes changes no parameter and no buffer, and neither does switching twice.

    This goes wrong when `eval()` prepares something in place (weights scaled by 1 - p, statistics
    folded into the weight) that `train()` takes back once, or not at all.
    """
    programs, other = evidence.programs, other_mode(evidence)
    assert other is not None
    assert evidence.mode is not None
    modes = [other, other, evidence.mode]  # an even number of each would hide a toggle
    trial = programs.trial("mode-again", *map(SetMode, modes), Forward(programs.inputs()))
    for number, mode in enumerate(modes):
        for name in evidence.step(trial, number).mutated:
            yield evidence.contract(name, f"{mode}() changes {name}")
            return
    got = evidence.step(trial, len(modes))
    if not evidence.bound.is_random(evidence.mode):
        wanted = evidence.step(programs.single(), 0)
        yield from same_outputs(
            got, wanted, "after the other mode was set twice, and this one again"
        )


@check(
    "batch_sizes",
    group="state",
    tier="full",
    targets=first_with_gradients,
    requires=TRAINABLE,
)
def batch_sizes(evidence: Evidence) -> Iterator[Finding]:
    """A smaller batch after a larger one, and a larger one after that, give their own results.

    The last batch of an epoch usually is smaller. This goes wrong when a buffer (for a mask, for
    patches, for the gradient) is sized by the first batch and used again.
    """
    programs = evidence.programs
    sizes = [programs, *filter(None, map(programs.resized, (-1, 1)))]
    rounds = [(Forward(size.inputs()), Backward(size.cotangent)) for size in sizes]
    trial = programs.trial("batch-sizes", *[step for round in rounds for step in round])
    for number, (size, steps) in enumerate(zip(sizes, rounds, strict=True)):
        if number == 0:
            continue
        fresh = programs.trial(f"batch-size-{number}", *steps)
        shape = next(iter(size.bound.inputs().values()))
        note = f"input {shape} after {next(iter(sizes[number - 1].bound.inputs().values()))}"
        forward, backward = evidence.step(trial, 2 * number), evidence.step(trial, 2 * number + 1)
        alone = evidence.step(fresh, 1)
        findings = [
            *same_outputs(forward, evidence.step(fresh, 0), note),
            *same_input_gradients(evidence, backward, alone, note),
        ]
        before = evidence.step(trial, 2 * number - 1).parameter_gradients
        for name, share in alone.parameter_gradients.items():
            got = backward.parameter_gradients.get(name)
            if got is not None:
                findings += _added(f"grad_{name}", got, before[name], share, note)
        yield from findings
        if findings:
            return


def _added(
    name: str, got: NDArray[Any], before: NDArray[Any], share: NDArray[Any], note: str
) -> Iterator[Finding]:
    """A finding unless `share` was added; one that overwrites is for `accumulation` to find."""
    allowed = noise(before, share)
    finding = compare(name, got, before + share, allowed, (note,))
    if finding is not None and compare(name, got, share, allowed) is not None:
        yield finding


@check(
    "backward_twice",
    group="state",
    tier="full",
    targets=first_with_gradients,
    requires=TRAINABLE,
)
def backward_twice(evidence: Evidence) -> Iterator[Finding]:
    """A second backward after one forward gives the same input gradient, or raises.

    This goes wrong when backward works in place on what forward left, or empties half of it.
    Raising, as PyTorch does without `retain_graph`, is also accepted.
    """
    programs = evidence.programs
    twice = [Backward(programs.cotangent)] * 2
    trial = programs.trial("backward-twice", Forward(programs.inputs()), *twice)
    first = evidence.step(trial, 1)
    if evidence.refused(trial, 2):
        return
    note = "wanted: the gradient of the first of two equal backwards"
    yield from same_input_gradients(evidence, evidence.step(trial, 2), first, note)


@check(
    "backward_first",
    group="errors",
    tier="strict",
    targets=first_with_gradients,
    requires=TRAINABLE,
)
def backward_first(evidence: Evidence) -> Iterator[Finding]:
    """Backward before any forward raises, unless its answer does not depend on the input.

    Any exception is accepted. This goes wrong when the constructor fills the cache with something
    (zeros, a mask of ones): the gradient is then silently that of an input nobody gave.
    """
    programs = evidence.programs
    trial = programs.trial("backward-first", Backward(programs.cotangent))
    if evidence.refused(trial, 0):
        return
    wanted = evidence.step(programs.single(), 1)
    if any(same_gradients(evidence, evidence.step(trial, 0), wanted, "")):
        yield evidence.contract("", "backward before any forward must raise an error, but returned")


@check("instances", group="state", tier="full", targets=first_with_gradients, requires=TRAINABLE)
def instances(evidence: Evidence) -> Iterator[Finding]:
    """Two layers of one class share nothing: no parameters, gradients, buffers, caches or modes.

    Between forward and backward of one layer another is built, given other parameters, and used.
    This goes wrong when an array or a dictionary is an attribute of the class, or the default value
    of an argument: it exists once, for all layers.
    """
    programs, other = evidence.programs, other_mode(evidence)
    switch: list[Step] = [] if other is None else [SetMode(other)]
    between: list[Step] = [
        Another("new"),
        *switch,
        Restore(programs.other_parameters),
        Forward(programs.inputs(1)),
        Backward(programs.cotangent),
        GoBack(),
    ]
    trial = programs.trial(
        "instances",
        Forward(programs.inputs()),
        *between,
        Backward(programs.cotangent),
        Forward(programs.inputs()),
    )
    single, note = programs.single(), "after another layer of the same class was used"
    forward, backward = evidence.step(single, 0), evidence.step(single, 1)
    got = evidence.step(trial, len(between) + 1)
    yield from same_gradients(evidence, got, backward, note)
    yield from same_buffers(got, backward, note)
    yield from same_outputs(evidence.step(trial, len(between) + 2), forward, note)


def with_parameters(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """The first case, where it has parameters."""
    return first_case(bound, mode) if bound.parameters() else ()


@check("parameters_seen", group="state", tier="full", targets=with_parameters, requires=("shape",))
def parameters_seen(evidence: Evidence) -> Iterator[Finding]:
    """Forward uses the parameters as they are now, also when they were changed after a forward.

    This goes wrong when something derived from them (a transposed or reshaped copy, a norm) is
    computed at the first forward and kept: the layer never learns.
    """
    programs = evidence.programs
    change = Restore(programs.other_parameters), Forward(programs.inputs())
    changed = programs.trial("parameters-changed", *change)
    trial = programs.trial("parameters-seen", Forward(programs.inputs()), *change)
    note = "after the parameters were changed between two forwards"
    yield from same_outputs(evidence.step(trial, 2), evidence.step(changed, 1), note)


@check(
    "parameters_replaced",
    group="state",
    tier="strict",
    targets=with_parameters,
    requires=TRAINABLE,
)
def parameters_replaced(evidence: Evidence) -> Iterator[Finding]:
    """Parameters changed in place between forward and backward do not change the gradient.

    A gradient is taken at the parameters of its forward; mixed with later ones it belongs to no
    function. This goes wrong when backward reads `self.weight` and an optimizer has stepped in
    between, as when two losses share a layer. Most loops never do that, so the check belongs to the
    strict tier, and raising, as PyTorch does, is also accepted.
    """
    programs = evidence.programs
    trial = programs.trial(
        "parameters-replaced",
        Forward(programs.inputs()),
        Restore(programs.other_parameters),
        Backward(programs.cotangent),
    )
    if not evidence.refused(trial, 2):
        wanted = evidence.step(programs.single(), 1)
        note = "after the parameters were changed between forward and backward"
        yield from of_contract(same_gradients(evidence, evidence.step(trial, 2), wanted, note))


def accumulating(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """The first case, where it has parameters whose gradients add up."""
    return with_parameters(bound, mode) if bound.spec.gradients.accumulates else ()


@check("zero_grad_first", group="state", tier="full", targets=accumulating, requires=TRAINABLE)
def zero_grad_first(evidence: Evidence) -> Iterator[Finding]:
    """zero_grad before the first backward does no harm.

    Training loops begin with it. This goes wrong when gradients do not exist before the first
    backward, or when they are zeroed by making them None and then added to.
    """
    programs = evidence.programs
    steps = programs.single().steps[programs.start :]
    trial = programs.trial("zero-grad-first", ZeroGrad(), *steps)
    wanted = evidence.step(programs.single(), 1)
    note = "after zero_grad() before the first forward"
    yield from same_gradients(evidence, evidence.step(trial, 2), wanted, note)


def updating(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """Cases with buffers in the mode that updates them."""
    applies = mode == "train" and "eval" in bound.modes() and not bound.is_random(mode)
    return bound.buffers() if applies else ()


@check("{tensor}_over_steps", group="state", tier="full", targets=updating, requires=("shape",))
def over_steps(evidence: Evidence) -> Iterator[Finding]:
    """A buffer is right after each of four forwards in train mode, with eval in between.

    Evaluation must leave it as it is. This goes wrong when the momentum of a cumulative average is
    miscounted from the third step on, or when evaluation counts as a step.
    """
    programs, name = evidence.programs, evidence.tensor
    train = [Forward(programs.inputs(which)) for which in range(4)]
    aside = SetMode("eval"), Forward(programs.inputs(4)), SetMode("train")
    trial = programs.trial("over-steps", *train[:2], *aside, *train[2:])
    expected = [(0, 0), (1, 1), (3, 1), (5, 2), (6, 3)]
    for number, last in expected:
        note = "after a forward in eval mode" if number == 3 else f"after {last + 1} forwards"
        wanted = evidence.expected(trial, number)[name]
        findings = list(
            evidence.against(name, evidence.step(trial, number).buffers[name], wanted, note)
        )
        yield from findings
        if findings:
            return
