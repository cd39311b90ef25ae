"""Copies of a layer: as good as the original, and independent of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from conformance.checks.check import TRAINABLE, check, first_case
from conformance.checks.evidence import Evidence
from conformance.checks.same import same_buffers, same_gradients, same_outputs
from conformance.records.trial import Another, Backward, Forward, GoBack, Restore, Step
from conformance.records.verdict import Finding


def _copied(evidence: Evidence, how: Literal["deepcopy", "pickle"]) -> Iterator[Finding]:
    """Use a layer; copy it, use the copy, change its parameters; then use the original again."""
    programs = evidence.programs
    use: list[Step] = [Forward(programs.inputs(1))]
    if evidence.bound.gradients():
        use.append(Backward(programs.cotangent))
    change = Restore(programs.other_parameters)
    first = Forward(programs.inputs())
    trial = programs.trial(how, first, Another(how), *use, change, use[0], GoBack(), *use)
    untouched = programs.trial("not-copied", first, *use)
    changed = programs.trial("not-copied-but-changed", first, change, use[0])

    state = {**programs.parameters, **evidence.step(trial, 0).buffers}
    for name, value in evidence.step(trial, 1).outputs.items():
        if not np.array_equal(state[name], value, equal_nan=True):
            yield evidence.contract(name, f"a copy has another {name} than the layer copied")
            return
    calls = range(len(use))
    notes = ("got: from the copy", "got: from the copy, whose parameters were changed")
    records = [(2 + i, untouched, 1 + i, notes[0]) for i in calls]
    records.append((3 + len(use), changed, 2, notes[1]))
    note = "got: from the layer copied, after its copy was used and changed"
    records += [(5 + len(use) + i, untouched, 1 + i, note) for i in calls]
    for number, uncopied, its_number, note in records:
        got, wanted = evidence.step(trial, number), evidence.step(uncopied, its_number)
        findings = [
            *same_outputs(got, wanted, note),
            *same_gradients(evidence, got, wanted, note),
            *same_buffers(got, wanted, note),
        ]
        yield from findings
        if findings:
            return


@check("deepcopy", group="state", tier="full", targets=first_case, requires=TRAINABLE)
def deepcopied(evidence: Evidence) -> Iterator[Finding]:
    """`copy.deepcopy` gives a layer with the same state, independent of the original.

    Ensembles, averages of weights and "the best model so far" are made of copies. This goes wrong
    when state is kept outside the layer (by its id, or on the class), or when parameters are views
    of one another, which copies are not.
    """
    yield from _copied(evidence, "deepcopy")


@check("pickle", group="state", tier="strict", targets=first_case, requires=TRAINABLE)
def pickled(evidence: Evidence) -> Iterator[Finding]:
    """A layer that was pickled and loaded again has the same state, and computes the same.

    This goes wrong when `__getstate__` forgets a buffer, and when a layer holds a lambda, an open
    file or a generator, which cannot be pickled. Where its class was defined (in a notebook, in a
    function) does not matter.
    """
    yield from _copied(evidence, "pickle")
