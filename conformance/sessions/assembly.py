"""Build a layer, or a container with everything inside it."""

from __future__ import annotations

from conformance.candidates.dialect import NotImplementedHere, Subject
from conformance.candidates.implementation import Implementation
from conformance.records.trial import Trial


def build(implementation: Implementation, trial: Trial) -> Subject:
    """The subject of a trial; `NotImplementedHere` if it or a part of it is not there."""
    found = implementation.find(trial)
    if found is None:
        raise NotImplementedHere("not implemented")
    if trial.kind != "container":
        return found.dialect.build(found.factory, trial)
    return found.dialect.assemble(found.factory, build_parts(implementation, trial), trial)


def build_parts(implementation: Implementation, trial: Trial) -> dict[str, Subject]:
    """The layers of a container or net, by position."""
    positions = filter(str.isdigit, trial.parts)
    return {name: build_part(implementation, trial, name) for name in positions}


def build_part(implementation: Implementation, trial: Trial, name: str) -> Subject:
    """One layer of a container or net, or a net's loss."""
    part = trial.part(name)
    try:
        return build(implementation, part)
    except NotImplementedHere as error:
        raise NotImplementedHere(f"it needs {part.layer}: {error}") from None
