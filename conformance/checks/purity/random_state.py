"""Random numbers belong to those who need them."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.checks.check import TRAINABLE, check, first_case
from conformance.checks.evidence import Evidence
from conformance.records.trial import Backward, Draw, Forward, Step
from conformance.records.verdict import Finding


@check("random_state", group="purity", tier="full", targets=first_case, requires=TRAINABLE)
def random_state(evidence: Evidence) -> Iterator[Finding]:
    """A call that is not random leaves the global random generators as they were.

    That goes for NumPy's, Python's and PyTorch's, and for Dropout in eval mode, too. This goes
    wrong when a mask is drawn and then not used, or when a layer seeds the generator: every
    experiment around it then changes, or repeats itself.
    """
    programs, seed = evidence.programs, evidence.programs.effective_seed
    calls: list[Step] = [Forward(programs.inputs())]
    if evidence.bound.gradients():
        calls.append(Backward(programs.cotangent))
    # The second and third number drawn: the first would not show a layer that seeds with this seed.
    steps: list[Step] = [Draw(seed), Draw(), Draw(), Draw(seed)]
    for call in calls:
        steps += [call, Draw()]
    trial = programs.trial("random-state", *steps)
    for number, call in enumerate(calls):
        wanted = evidence.step(trial, 1 + number).outputs
        drawn = evidence.step(trial, 5 + 2 * number).outputs
        changed = [name for name, value in drawn.items() if value != wanted[name]]
        for name in changed:
            yield evidence.contract("", f"{call.do} draws from the global generator {name}")
        if changed:
            return
