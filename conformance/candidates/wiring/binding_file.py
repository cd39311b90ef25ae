"""Bindings: a TOML file that says how an implementation maps to the specs.

One table per spec. It is read with the same care as a spec: every mistake at once, with its line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from conformance.candidates.wiring.dialect_names import BUNDLED, dialect_names
from conformance.candidates.wiring.places import parse_layout
from conformance.spec.catalogue import known_specs
from conformance.spec.expressions import ExpressionError, parse_expression
from conformance.spec.loading import explanations
from conformance.spec.model import Spec
from conformance.spec.positions import Positions
from conformance.spec.problems import Place, Problem, SpecError, SpecProblem, dotted, suggestion
from conformance.spec.toml import read_toml

FILE_NAME = "conformance.toml"
# An attribute of a module or package: where its binding is, beside the module.
ATTRIBUTE = "__conformance_binding__"


class BindingError(SpecError):
    """A binding that cannot be used; carries every problem found in it."""


def _expression(text: str) -> str:
    try:
        parse_expression(text)
    except ExpressionError as error:
        raise ValueError(str(error)) from None
    return text


def _dialect(text: str) -> str:
    if text not in (known := dialect_names()):
        raise ValueError(f"there is no dialect {text!r}{suggestion(text, known)}")
    return text


def _layout(text: str) -> str:
    parse_layout(text)
    return text


# Editors complete the bundled names; those of extensions are valid, too.
DialectName = Annotated[
    str,
    AfterValidator(_dialect),
    WithJsonSchema({"anyOf": [{"enum": list(BUNDLED)}, {"type": "string"}]}),
]


class Strict(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class BoundTensor(Strict):
    """A parameter or buffer, in full."""

    name: str | None = Field(
        default=None, description="Path from the layer to the array: 'W', 'w.weights', 'params.W'."
    )
    gradient: str | None = Field(default=None, description="Path to the array of its gradient.")
    layout: Annotated[str, AfterValidator(_layout)] | None = Field(
        default=None, description="Your axes in their order: 'in out', '1 out'."
    )


class Target(Strict):
    """What serves one spec, and how."""

    target: str | None = Field(
        default=None,
        description="Class in the implementation, dotted: 'layers.Dense'; '' for none.",
    )
    dialect: DialectName | None = Field(default=None, description="How it is called.")
    arguments: dict[str, Annotated[str, AfterValidator(_expression)]] = Field(
        default={},
        description="Your constructor's arguments as expressions of the spec's: "
        "n_in = 'in_features', alpha = '1 - momentum'.",
    )
    fixed: dict[str, Any] = Field(default={}, description="Arguments that are always the same.")
    always: dict[str, Any] = Field(
        default={},
        description="Arguments of the spec that have one value here: padding = 'same'. "
        "Cases with another value are skipped.",
    )
    parameters: dict[str, str | BoundTensor] = Field(
        default={}, description="Where parameters and buffers are, under the spec's names."
    )
    channels_last: bool = Field(default=False, description="Images are (N, H, W, C).")
    lazy: bool = Field(default=False, description="Arrays are made at the first forward.")
    one_hot: bool = Field(default=False, description="Targets are one-hot rows.")
    float64_only: bool = Field(default=False, description="Not made for float32: it is skipped.")
    ranks: list[int] = Field(
        default=[], description="How many axes the input may have; other cases are skipped."
    )
    conventions: list[str] = Field(
        default=[], description="Misreadings that are meant: ids from the spec."
    )

    @property
    def tensors(self) -> dict[str, BoundTensor]:
        """Parameters and buffers in full."""
        return {
            name: BoundTensor(name=entry) if isinstance(entry, str) else entry
            for name, entry in self.parameters.items()
        }


_ADAPTER = TypeAdapter(dict[str, Target])


@dataclass(frozen=True)
class Binding:
    """A binding file, read."""

    path: str
    targets: Mapping[str, Target]
    positions: Positions

    def get(self, layer: str) -> Target:
        """What is said of a spec; nothing for one without a table."""
        return self.targets.get(layer, _NOTHING)

    def where(self, layer: str, key: str) -> str:
        """``conformance.toml:12``."""
        return f"{self.path}:{self.positions.line((layer, key))}"


_NOTHING = Target()
NO_BINDING = Binding("", {}, Positions(""))


def load_binding(path: Path, specs: Iterable[Spec] = ()) -> Binding:
    """Read a binding; `specs` are known beside the bundled ones. Raises `BindingError`."""
    label = _label(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise BindingError([SpecProblem(label, 1, "", f"cannot be read: {why}")]) from None
    return parse_binding(text, label, specs)


def _label(path: Path) -> str:
    resolved = path.resolve()
    here = Path.cwd()
    return str(resolved.relative_to(here) if resolved.is_relative_to(here) else path)


def parse_binding(text: str, label: str, specs: Iterable[Spec] = ()) -> Binding:
    """Validate the text of a binding; raises `BindingError` with all its problems."""
    positions = Positions(text)
    try:
        data = read_toml(text, label, positions)
    except SpecError as error:
        raise BindingError(error.problems) from None
    known = {spec.name: spec for spec in (*known_specs(), *specs)}
    problems: list[Problem] = []
    try:
        targets = _ADAPTER.validate_python(data)
    except ValidationError as error:
        problems += explanations(error, data, dict[str, Target])
    else:
        for name, target in targets.items():
            if name not in known:
                problems.append(((name,), f"there is no such spec{suggestion(name, known)}"))
            else:
                problems += _mistakes(known[name], target)
    if problems:
        found = [
            SpecProblem(label, positions.line(place), dotted(place), message)
            for place, message in problems
        ]
        raise BindingError(sorted(found, key=lambda problem: problem.line))
    return Binding(label, targets, positions)


def _mistakes(spec: Spec, target: Target) -> Iterator[Problem]:
    """What does not fit the spec."""
    name = spec.name
    for theirs, text in target.arguments.items():
        for word in sorted(parse_expression(text).names - spec.config.keys()):
            place = (name, "arguments", theirs)
            yield place, f"{name} has no argument {word}{suggestion(word, spec.config)}"
    for word in target.always.keys() - spec.config.keys():
        yield (
            (name, "always", word),
            f"{name} has no argument {word}{suggestion(word, spec.config)}",
        )
    tensors = {**spec.parameters, **spec.buffers}
    for word, tensor in target.tensors.items():
        if word not in tensors:
            yield (
                (name, "parameters", word),
                f"{name} has no parameter or buffer {word}{suggestion(word, tensors)}",
            )
        elif tensor.layout is not None:
            rank = len(tensors[word].shape.split())
            axes = [axis for axis in parse_layout(tensor.layout).axes if axis is not None]
            if len(axes) != rank:
                yield (
                    (name, "parameters", word, "layout"),
                    f"{tensor.layout!r} names {len(axes)} axes, but {word} has {rank}",
                )
    misreadings = {m.id: m for m in spec.misreadings}
    legitimate = [m.id for m in spec.misreadings if m.convention]
    for number, word in enumerate(target.conventions):
        at: Place = (name, "conventions", number)
        if word not in misreadings:
            yield at, f"{name} has no convention {word}{suggestion(word, legitimate)}"
        elif not misreadings[word].convention:
            why = misreadings[word].explains
            yield at, f"{word} is a mistake, not a convention: {why}"


def declaration(spec: str, misreading: str) -> str:
    """The lines of a binding that declare a misreading of a spec as meant."""
    return f'[{spec}]\nconventions = ["{misreading}"]'


def binding_json_schema_text() -> str:
    """The text of ``docs/binding.schema.json``."""
    schema = _ADAPTER.json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "layer-conformance binding"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
