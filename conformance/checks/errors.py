"""Illegal use must raise, not give a wrong answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from conformance.checks.check import Check
from conformance.checks.evidence import Evidence, Stopped
from conformance.records.trial import Forward
from conformance.records.verdict import Finding
from conformance.spec.binding import constructor_value
from conformance.spec.expressions import format_bindings
from conformance.spec.model import ErrorContract


def error_contract(evidence: Evidence) -> Iterator[Finding]:
    """What the spec calls illegal (a wrong rank or size, no such class, a bad argument) raises.

    Any exception will do, from the constructor or from forward; a result will not, because it can
    only come from a broadcast, from an index that wraps, or from ignoring an argument.
    """
    spec, programs = evidence.bound.spec, evidence.programs
    contract = next(c for c in spec.errors if c.id == evidence.tensor)
    inputs = dict(programs.inputs())
    for name, shape in contract.given.inputs.items():
        drawn = np.ones(evidence.bound.shape(shape), dtype=inputs[name].dtype)
        inputs[name] = drawn - 1 if drawn.dtype.kind == "i" else drawn
    for name, value in contract.given.values.items():
        inputs[name] = np.full_like(inputs[name], evidence.bound.value(value))
    trial = programs.trial(f"error/{contract.id}", Forward(inputs))
    illegal = {
        name: np.array(value, dtype=np.float64)
        if "array" in spec.config[name].kinds
        else constructor_value(spec.config[name], value)
        for name, value in contract.given.config.items()
    }
    if illegal:
        # Parameters keep the shapes of the legal case: the layer must not get that far.
        trial = replace(trial, config={**trial.config, **illegal}, parameters={}, buffers={})
    observation = evidence.observe(trial)
    if observation.trouble is not None and observation.trouble.kind != "raised":
        raise Stopped(observation.trouble)
    if observation.trouble is None:
        outputs = observation.steps[-1].outputs
        shapes = ", ".join(f"{name} of shape {value.shape}" for name, value in outputs.items())
        yield evidence.contract(
            next(iter(outputs)),
            f"{_describe(contract, evidence)} must raise an error, but gave {shapes}",
            f"the spec says: {contract.raises}",
        )


def _describe(contract: ErrorContract, evidence: Evidence) -> str:
    parts = [
        f"{name} of shape {evidence.bound.shape(shape)}"
        for name, shape in contract.given.inputs.items()
    ]
    parts += [
        f"{name} = {evidence.bound.value(value)}" for name, value in contract.given.values.items()
    ]
    if contract.given.config:
        parts.append(format_bindings(contract.given.config))
    return " with ".join(parts)


ERROR_CONTRACT = Check(
    name="error",
    group="errors",
    tier="strict",
    judge=error_contract,
    targets=lambda bound, mode: [contract.id for contract in bound.spec.errors],
    requires=("shape",),
)
