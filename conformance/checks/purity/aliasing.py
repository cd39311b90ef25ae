"""Whose memory an array is: what the caller may do with arrays, and what a layer may not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.checks.check import TRAINABLE, check, first_case, first_with_gradients
from conformance.checks.evidence import Evidence
from conformance.checks.same import of_contract, same_gradients, same_input_gradients, same_outputs
from conformance.records.trial import Backward, Forward, Overwrite, ReadOnly, Step, Trial
from conformance.records.verdict import Finding


def _output_overwritten(evidence: Evidence) -> Trial:
    programs = evidence.programs
    forward, backward = Forward(programs.inputs()), Backward(programs.cotangent)
    return programs.trial("output-overwritten", forward, Overwrite("outputs"), backward)


def _gradient_overwritten(evidence: Evidence) -> Trial:
    programs = evidence.programs
    once = Forward(programs.inputs()), Backward(programs.cotangent)
    return programs.trial("gradient-overwritten", *once, Overwrite("input_gradients"), *once)


def _may_alias(evidence: Evidence) -> bool:
    bound = evidence.bound
    return any(bound.output_rule(name).may_alias for name in bound.spec.outputs)


@check("aliasing", group="purity", tier="full", targets=first_case, requires=TRAINABLE)
def aliasing(evidence: Evidence) -> Iterator[Finding]:
    """Results own their memory: writing into one changes nothing else.

    An output is not a view of the input, of a parameter or of a buffer, and an input gradient not
    one of the cotangent or of a parameter's gradient. Where the spec says `may_alias` (Flatten,
    Identity, Dropout: PyTorch's return views) the output may share memory with the input, and the
    gradient with the cotangent. This goes wrong when a shortcut returns its argument.
    """
    given = {*evidence.bound.spec.inputs, "grad_output"} if _may_alias(evidence) else set[str]()
    trial = _output_overwritten(evidence)
    output = next(iter(evidence.bound.spec.outputs))
    for name in evidence.step(trial, 1).mutated:
        if name not in given:
            yield evidence.contract(output, f"{output} shares memory with {name}")
    if not evidence.bound.gradients():
        return
    for name in evidence.step(_gradient_overwritten(evidence), 2).mutated:
        if name not in given:
            yield evidence.contract(
                "", f"the gradient that backward returns shares memory with {name}"
            )


@check("results_kept", group="purity", tier="full", targets=first_case, requires=TRAINABLE)
def results_kept(evidence: Evidence) -> Iterator[Finding]:
    """What forward and backward returned stays as it is when they are called again.

    A caller may keep outputs, to plot or to average them. This goes wrong when a layer returns a
    buffer of its own that the next call writes into.
    """
    programs = evidence.programs
    steps: list[Step] = [Forward(programs.inputs()), Forward(programs.inputs(1))]
    if evidence.bound.gradients():
        steps.insert(1, Backward(programs.cotangent))
        steps.append(Backward(np.asarray(-programs.cotangent)))
    trial = programs.trial("results-kept", *steps)
    told: set[str] = set()
    for number, step in enumerate(steps):
        for name in evidence.step(trial, number).rewritten:
            if name not in told:
                yield evidence.contract(name, f"{step.do} rewrites {name} that was returned before")
            told.add(name)


@check(
    "read_only", group="purity", tier="full", targets=first_case, requires=(*TRAINABLE, "purity")
)
def read_only(evidence: Evidence) -> Iterator[Finding]:
    """Inputs and cotangents that cannot be written to give the same results.

    Memory-mapped files and broadcast arrays are read-only. This goes wrong when a layer works in
    place on what it was given and puts it back, or asks for a writeable view.
    """
    programs = evidence.programs
    single = programs.single()
    trial = programs.trial("read-only", ReadOnly(), *single.steps[programs.start :])
    note = "for arrays that are read-only"
    yield from same_outputs(evidence.step(trial, 1), evidence.step(single, 0), note)
    if evidence.bound.gradients():
        wanted = evidence.step(single, 1)
        yield from same_gradients(evidence, evidence.step(trial, 2), wanted, note)


@check(
    "input_overwritten",
    group="purity",
    tier="strict",
    targets=first_with_gradients,
    requires=TRAINABLE,
)
def input_overwritten(evidence: Evidence) -> Iterator[Finding]:
    """The gradient is that of the values given to forward, whatever the caller then does to them.

    A data loader that fills one array again and again does this. This goes wrong when forward keeps
    the caller's array (`self.x = x`) instead of a copy. NumPy has no rule against that, so the
    check belongs to the strict tier, and raising, as PyTorch does, is also accepted.
    """
    programs = evidence.programs
    trial = programs.trial(
        "input-overwritten",
        Forward(programs.inputs()),
        Overwrite("inputs"),
        Backward(programs.cotangent),
    )
    if not evidence.refused(trial, 2):
        wanted = evidence.step(programs.single(), 1)
        note = "after the caller had overwritten the input with NaN"
        yield from of_contract(same_gradients(evidence, evidence.step(trial, 2), wanted, note))


@check(
    "output_overwritten",
    group="purity",
    tier="strict",
    targets=first_with_gradients,
    requires=TRAINABLE,
)
def output_overwritten(evidence: Evidence) -> Iterator[Finding]:
    """The gradient does not depend on what the caller does to the output.

    An activation that works in place (`x *= mask`) in the next layer does this. This goes wrong
    when forward keeps the array that it returns, as sigmoid and softmax layers often do. Raising,
    as PyTorch does, is also accepted.
    """
    trial = _output_overwritten(evidence)
    if not evidence.refused(trial, 2):
        wanted = evidence.step(evidence.programs.single(), 1)
        note = "after the caller had overwritten the output with NaN"
        yield from of_contract(same_gradients(evidence, evidence.step(trial, 2), wanted, note))


@check(
    "gradient_overwritten",
    group="purity",
    tier="full",
    targets=first_with_gradients,
    requires=TRAINABLE,
)
def gradient_overwritten(evidence: Evidence) -> Iterator[Finding]:
    """The next forward and backward do not depend on what the caller did to the last gradient.

    Gradients are clipped in place. This goes wrong when backward returns an array that the layer
    goes on to use.
    """
    trial, single = _gradient_overwritten(evidence), evidence.programs.single()
    note = "after the caller had overwritten the last gradient with NaN"
    yield from same_outputs(evidence.step(trial, 3), evidence.step(single, 0), note)
    wanted = evidence.step(single, 1)
    yield from same_input_gradients(evidence, evidence.step(trial, 4), wanted, note)
