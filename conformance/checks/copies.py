"""Copies of a layer: as good as the original, and independent of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from conformance.checks.check import check, first_case
from conformance.checks.evidence import Evidence
from conformance.checks.same import noise, same_gradients, same_outputs
from conformance.numerics.comparison import compare
from conformance.records.trial import Another, Backward, Forward, GoBack, Restore, Step
from conformance.records.verdict import Finding


def _copied(evidence: Evidence, how: Literal["deepcopy", "pickle"]) -> Iterator[Finding]:
    """Use a layer, copy it, use the copy and change its parameters, then use the original."""
    programs = evidence.programs
    use: list[Step] = [Forward(programs.inputs(1))]
    if evidence.bound.gradients():
        use.append(Backward(programs.cotangent))
    change = Restore(programs.other_parameters)
    first = Forward(programs.inputs())
    trial = programs.trial(how, first, Another(how), *use, change, GoBack(), *use)
    untouched = programs.trial("not-copied", first, *use)
    state, wanted = evidence.step(trial, 1).outputs, evidence.step(trial, 0).buffers
    for name, value in {**programs.parameters, **wanted}.items():
        if not np.array_equal(state[name], value, equal_nan=True):
            yield evidence.contract(name, f"a copy has another {name} than the layer copied")
            return
    for start, note in ((2, "got: from the copy"), (4 + len(use), "after the copy was changed")):
        for number in range(len(use)):
            got, plain = evidence.step(trial, start + number), evidence.step(untouched, 1 + number)
            findings = [
                *same_outputs(got, plain, note),
                *same_gradients(evidence, got, plain, note),
            ]
            for name, buffer in plain.buffers.items():
                if finding := compare(name, got.buffers[name], buffer, noise(buffer), (note,)):
                    findings.append(finding)
            yield from findings
            if findings:
                return


@check("deepcopy", group="state", tier="full", targets=first_case, requires=("shape",))
def deepcopied(evidence: Evidence) -> Iterator[Finding]:
    """`copy.deepcopy` gives a layer with the same state that then goes its own way.

    Ensembles, averages of weights and "the best model so far" are made of copies. It goes wrong
    where state is kept outside the layer (by its id, or on the class), or where parameters are
    views of one another, which copies are not.
    """
    yield from _copied(evidence, "deepcopy")


@check("pickle", group="state", tier="strict", targets=first_case, requires=("shape",))
def pickled(evidence: Evidence) -> Iterator[Finding]:
    """A layer that was pickled and loaded again has the same state, and computes the same.

    It goes wrong where `__getstate__` forgets a buffer, and where a layer holds a lambda, an open
    file or a generator, which no pickle takes. Where its class was defined (in a notebook, in a
    function) does not matter.
    """
    yield from _copied(evidence, "pickle")
