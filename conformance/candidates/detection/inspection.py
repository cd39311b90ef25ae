"""What detection and the binding make of an implementation: a row per spec, for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from conformance.candidates.detection.choosing import attempt
from conformance.candidates.dialect import ContractError, NotImplementedHere
from conformance.candidates.driving.adapted import AdaptedSubject
from conformance.candidates.driving.style import gradient_at
from conformance.candidates.implementation import Implementation
from conformance.candidates.wiring.dialect_names import NATIVE, dialect_names
from conformance.candidates.wiring.names import CLASSES
from conformance.candidates.wiring.places import follow
from conformance.candidates.wiring.probe import Probe, bundled_probe
from conformance.candidates.wiring.wiring import Found, Placed
from conformance.spec.model import Spec


@dataclass(frozen=True)
class InspectedTensor:
    """A parameter or buffer: where it is and how it lies."""

    path: str
    shape: tuple[int, ...]
    layout: str
    gradient: str = ""


@dataclass(frozen=True)
class InspectedSpec:
    """What serves one spec. `target` is empty where nothing does; `fix` are lines of a binding."""

    spec: str
    target: str = ""
    dialect: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    matched: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    always: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, InspectedTensor] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    fix: tuple[str, ...] = ()
    function: bool = False


def inspect_implementation(
    implementation: Implementation, specs: Iterable[Spec]
) -> list[InspectedSpec]:
    """A row per spec; nets are left out, because they are made of the others."""
    return [_row(implementation, spec) for spec in specs if spec.kind != "net"]


def _row(implementation: Implementation, spec: Spec) -> InspectedSpec:
    probe = bundled_probe(spec.name)
    assert probe is not None
    try:
        found = implementation.find(probe.trial)
    except (ContractError, NotImplementedHere) as error:
        return InspectedSpec(spec.name, missing=(str(error),))
    if found is None:
        return InspectedSpec(spec.name)
    wiring = found.wiring
    if wiring is None:
        return InspectedSpec(
            spec.name, found.name, found.dialect.name, others=found.others, notes=found.notes
        )
    construction = wiring.construction
    taken = construction.expressed | construction.always.keys()
    return InspectedSpec(
        spec.name,
        found.name,
        found.dialect.name,
        arguments={a.theirs: a.expression for a in construction.arguments},
        matched={a.theirs: a.how for a in construction.arguments},
        absent=tuple(n for n in probe.trial.config if n not in taken),
        always=construction.always,
        tensors=_tensors(found, probe),
        missing=tuple(wiring.missing.values()),
        others=found.others,
        notes=found.notes,
        fix=_fix(spec, found),
        function=not isinstance(found.factory, type),
    )


def _tensors(found: Found, probe: Probe) -> dict[str, InspectedTensor]:
    """The places with their shapes, after a forward and a backward that show the gradients."""
    wiring = found.wiring
    assert wiring is not None
    subject, _ = attempt(
        lambda: found.dialect.build(
            found.factory, probe.with_config(**wiring.construction.always).trial
        )
    )
    if isinstance(subject, AdaptedSubject):
        output, _ = attempt(lambda: subject.forward([a.copy() for a in probe.inputs]))
        if output is not None:
            attempt(lambda: subject.backward(np.ones(np.shape(output[0]))))
    return {
        name: _tensor(subject, place, name in probe.trial.parameters)
        for name, place in wiring.tensors.items()
    }


def _tensor(subject: Any, place: Placed, with_gradient: bool) -> InspectedTensor:
    if not isinstance(subject, AdaptedSubject):
        return InspectedTensor(place.path, (), place.layout.describe())
    gradient = gradient_at(subject.layer, place.grads) if with_gradient else ""
    return InspectedTensor(
        place.path,
        np.shape(follow(subject.layer, place.path)),
        place.layout.describe(),
        "none after backward" if gradient is None else gradient,
    )


def _fix(spec: Spec, found: Found) -> tuple[str, ...]:
    """Lines of a binding that would say what was not found; the dots are for its author."""
    wiring = found.wiring
    assert wiring is not None
    lines = []
    tensors = [name for name in wiring.missing if name in {**spec.parameters, **spec.buffers}]
    if wiring.construction.missing:
        known = {argument.theirs for argument in wiring.construction.arguments}
        wanted = [name for name in wiring.construction.takes if name not in known]
        lines.append(f"fixed = {{ {', '.join(f'{name} = …' for name in wanted)} }}")
    if tensors:
        entries = ", ".join(name + ' = "…"' for name in tensors)
        lines.append(f"parameters = {{ {entries} }}")
    return (f"[{spec.name}]", *lines) if lines else ()


def rows_as_json(rows: Iterable[InspectedSpec]) -> str:
    """The rows as JSON."""
    return json.dumps(
        [
            {
                **{k: v for k, v in vars(row).items() if k != "tensors"},
                "tensors": {name: vars(tensor) for name, tensor in row.tensors.items()},
            }
            for row in rows
        ],
        indent=2,
        ensure_ascii=False,
        default=list,
    )


def rows_as_binding(implementation: Implementation, rows: Iterable[InspectedSpec]) -> str:
    """A binding that says what was detected; what the binding in use says is kept.

    What was not found stands there as a comment.
    """
    parts = ["# What serves which spec. docs/bindings.md explains every key.\n"]
    for row in rows:
        if row.function:
            parts.append(f"# {row.spec} is served by {row.target}, found by name.\n")
        elif row.target and row.dialect != NATIVE:
            parts.append(_table(implementation, row))
    return "\n".join(parts)


def _table(implementation: Implementation, row: InspectedSpec) -> str:
    said = implementation.binding.get(row.spec)
    lines = [f"[{row.spec}]", f"target = {_toml(row.target)}"]
    if row.dialect in dialect_names():
        lines.append(f"dialect = {_toml(row.dialect)}")
    if row.arguments:
        lines.append(f"arguments = {_toml(dict(row.arguments))}")
    for key, table in (("fixed", said.fixed), ("always", row.always)):
        if table:
            lines.append(f"{key} = {_toml(dict(table))}")
    for key in ("channels_last", "lazy", "one_hot", "float64_only"):
        if getattr(said, key):
            lines.append(f"{key} = true")
    if said.ranks:
        lines.append(f"ranks = {said.ranks}")
    if said.conventions:
        lines.append(f"conventions = {_toml(said.conventions)}")
    lines += [f"# {line}" for line in (*row.missing, *row.fix[1:])]
    tensors = {
        name: {
            "name": tensor.path,
            **({"layout": tensor.layout} if tensor.shape else {}),
            **({"gradient": tensor.gradient} if _is_place(tensor.gradient) else {}),
        }
        for name, tensor in row.tensors.items()
    }
    if tensors and row.dialect in dialect_names():
        lines += ["", f"[{row.spec}.parameters]"]
        lines += [f"{name} = {_toml(entry)}" for name, entry in tensors.items()]
    return "\n".join(lines) + "\n"


def _is_place(gradient: str) -> bool:
    return bool(gradient) and " " not in gradient


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False)
        case dict():
            return f"{{ {', '.join(f'{key} = {_toml(inner)}' for key, inner in value.items())} }}"
        case list() | tuple():
            return f"[{', '.join(map(_toml, value))}]"
    return repr(value)


def synonyms(spec: str) -> str:
    """The other names that a spec is looked for under, a few of them."""
    others = CLASSES.get(spec, ())
    return ", ".join(others[:4]) + (", …" if len(others) > 4 else "")
