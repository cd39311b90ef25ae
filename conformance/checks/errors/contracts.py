"""Illegal use must raise, not give a wrong answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from conformance.checks.check import Check, check
from conformance.checks.evidence import Evidence, Stopped
from conformance.records.trial import Backward, Forward
from conformance.records.verdict import Finding
from conformance.spec.bound_case import BoundCase, constructor_value
from conformance.spec.expressions import format_bindings
from conformance.spec.model import ErrorContract


def error_contract(evidence: Evidence) -> Iterator[Finding]:
    """What the spec calls illegal (a wrong rank or size, a bad argument) raises, and says what.

    A result will not do, because it can only come from a broadcast, from an index that wraps, or
    from ignoring an argument. Any exception will, from the constructor or from forward, whose first
    line names the argument or input, its value or its shape: NumPy's own messages mostly do,
    "division by zero" does not.
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
        trial = replace(
            trial,
            config={**trial.config, **illegal},
            # A constructor without the argument cannot be given an illegal one: not implemented.
            at_default=tuple(name for name in trial.at_default if name not in illegal),
            parameters={},
            buffers={},
        )
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
    elif not _telling(observation.trouble.message, contract, evidence):
        yield evidence.contract(
            "",
            f"{_describe(contract, evidence)} raises an error that does not say what is wrong: "
            f"{observation.trouble}",
            f"the spec says: {contract.raises}",
            "name the argument or input, its value or its shape",
        )


def _telling(message: str, contract: ErrorContract, evidence: Evidence) -> bool:
    """Whether a message names what is wrong: an argument, an input, a value, a shape."""
    words, numbers = [*contract.names, *contract.given.config], set[str]()
    for name, shape in contract.given.inputs.items():
        words += [name, "shape", "size", "dim", "rank", "axis", "axes", "channels", "features"]
        sizes = evidence.bound.shape(shape)
        numbers |= {*map(str, sizes), str(len(sizes)), f"{len(sizes)}d"}
    for name, value in contract.given.values.items():
        words.append(name)
        numbers.add(str(evidence.bound.value(value)))
    for value in contract.given.config.values():
        numbers |= {str(v) for v in (value if isinstance(value, list) else [value])}
    text = _plain(message)
    said = set(re.findall(r"-?[\w.]+", text))
    return any(_plain(word) in text for word in words) or bool({_plain(n) for n in numbers} & said)


def _plain(text: str) -> str:
    """Lower case, and `kernel_size` like "kernel size"."""
    return text.lower().replace("_", " ")


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


def with_rows(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """The first case, where the output has rows that one row would broadcast to."""
    output = next(iter(bound.outputs().values()))
    first = bound.id == bound.spec.cases[0].id
    return [""] if first and bound.gradients() and output and output[0] > 1 else []


@check(
    "cotangent_shape",
    group="errors",
    tier="strict",
    targets=with_rows,
    requires=("shape", "backward"),
)
def cotangent_shape(evidence: Evidence) -> Iterator[Finding]:
    """Backward raises where the cotangent has another shape than the output.

    One row broadcasts to the whole batch and the gradient still has the right shape, so a wrong
    `keepdims=True` or a mean over the batch further up goes unnoticed.
    """
    programs = evidence.programs
    steps = Forward(programs.inputs()), Backward(programs.cotangent[:1])
    trial = programs.trial("cotangent-shape", *steps)
    trouble = evidence.observe(trial).trouble
    if trouble is None:
        yield evidence.contract(
            "",
            f"backward with a cotangent of shape {programs.cotangent[:1].shape} must raise an "
            f"error: the output has shape {programs.cotangent.shape}",
        )
    elif trouble.kind != "raised" or trouble.stage != "backward":
        raise Stopped(trouble)


def illegal_uses(bound: BoundCase, mode: str | None) -> list[str]:
    """Each illegal use that the spec names, once."""
    return [contract.id for contract in bound.spec.errors]


ERROR_CONTRACT = Check(
    name="error",
    group="errors",
    tier="strict",
    judge=error_contract,
    targets=illegal_uses,
    requires=("shape",),
)
