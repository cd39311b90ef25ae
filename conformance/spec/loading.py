"""From a TOML file to a `Spec`, or to every mistake in it at once."""

from __future__ import annotations

import tomllib
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from conformance.spec.model import Spec
from conformance.spec.positions import Positions
from conformance.spec.problems import SpecError, SpecProblem, suggestion
from conformance.spec.validation import validate


def load_spec(path: Path, label: str | None = None) -> Spec:
    """Read and validate one spec file.

    `label` is the name to use for the file in ids and messages (default: the path itself).
    Raises `SpecError` with all problems of the file.
    """
    label = label or str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise SpecError([SpecProblem(label, 1, "", f"cannot be read: {why}")]) from None
    spec = parse_spec(text, label)
    spec._file = path
    return spec


def parse_spec(text: str, label: str) -> Spec:
    """Validate the text of a spec file; raises `SpecError` with all its problems."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError([_syntax_problem(text, label, error)]) from None
    positions = Positions(text)
    try:
        spec = Spec.model_validate(data)
    except ValidationError as error:
        problems = {
            SpecProblem(label, positions.line(location), _dotted(location), message): None
            for location, message in map(_explain, error.errors())
        }
        raise SpecError(sorted(problems, key=lambda problem: problem.line)) from None
    spec._path, spec._positions = label, positions
    if found := validate(spec):
        raise SpecError(
            [
                SpecProblem(label, positions.line(location), _dotted(location), message)
                for location, message in sorted(found, key=lambda item: positions.line(item[0]))
            ]
        )
    return spec


def _syntax_problem(text: str, label: str, error: tomllib.TOMLDecodeError) -> SpecProblem:
    """Take the line out of tomllib's message (it has no attribute for it before Python 3.14)."""
    message, _, place = str(error).partition(" (at ")
    digits = "".join(c for c in place.split(",")[0] if c.isdigit())
    line = int(digits) if digits else max(1, len(text.splitlines()))
    return SpecProblem(label, line, "", f"not valid TOML: {message}")


def _explain(error: Any) -> tuple[tuple[str | int, ...], str]:
    """Pydantic's error as a location that exists in the file and a sentence."""
    location = _in_file(error["loc"])
    kind, given = error["type"], error.get("input")
    if kind == "extra_forbidden":
        known = _keys_at(location[:-1])
        return location, f"unknown key{suggestion(str(location[-1]), known)}"
    if kind == "missing":
        return location, "is missing"
    if kind == "value_error":
        return location, str(error["ctx"]["error"])
    if kind == "literal_error":
        options = [
            word.strip(" '") for word in error["ctx"]["expected"].replace(" or ", ",").split(",")
        ]
        return location, f"{given!r} is not allowed{suggestion(str(given), options)}"
    message = error["msg"][:1].lower() + error["msg"][1:]
    return location, f"{message}, not {given!r}"


def _in_file(location: Sequence[str | int]) -> tuple[str | int, ...]:
    """Drop the parts that pydantic adds for the members of a union or for checked strings."""
    return tuple(
        part
        for part in location
        if isinstance(part, int) or not ("[" in part or part in _UNION_MEMBERS)
    )


_UNION_MEMBERS = {"Tensor", "Output", "VariadicDim", "str", "int", "bool"}


def _keys_at(location: Sequence[str | int]) -> list[str]:
    """The keys that the spec language allows at a place."""
    current: Any = Spec
    for part in location:
        if isinstance(current, type) and issubclass(current, BaseModel):
            fields = {field.alias or name: field for name, field in current.model_fields.items()}
            current = fields[str(part)].annotation if str(part) in fields else None
        else:  # a key of a dictionary or an index of a list
            current = typing.get_args(current)[-1] if typing.get_args(current) else None
        current = _model_within(current)
    if isinstance(current, type) and issubclass(current, BaseModel):
        return [field.alias or name for name, field in current.model_fields.items()]
    return []


def _model_within(annotation: Any) -> Any:
    """The model among the members of a union, else the first container, else the annotation."""
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        members = typing.get_args(annotation)
        for member in members:
            if isinstance(member, type) and issubclass(member, BaseModel):
                return member
        return next((member for member in members if typing.get_args(member)), annotation)
    return annotation


def _dotted(location: Sequence[str | int]) -> str:
    """``case[2].config.stride``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
