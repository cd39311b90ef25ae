"""From a TOML file to a `Spec`, or to every mistake in it at once."""

from __future__ import annotations

import reprlib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from conformance.spec.model import NEEDS, PATTERNS, Spec
from conformance.spec.positions import Positions
from conformance.spec.problems import Place, Problem, SpecError, SpecProblem, dotted, suggestion
from conformance.spec.terms import KINDS
from conformance.spec.toml import read_toml
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
    positions = Positions(text)
    data = read_toml(text, label, positions)
    problems = list(_kind(data))
    try:
        spec = Spec.model_validate(data)
    except ValidationError as error:
        problems += explanations(error, data, Spec)
    else:
        problems = problems or validate(spec)
    if problems:
        found = [
            SpecProblem(label, positions.line(place), dotted(place), message)
            for place, message in problems
        ]
        raise SpecError(sorted(found, key=lambda problem: problem.line))
    spec._path, spec._positions = label, positions
    return spec


def _kind(data: Mapping[str, Any]) -> Iterator[Problem]:
    """A spec has the header of one kind, and the tables that this kind needs."""
    given = [kind for kind in KINDS if kind in data]
    if len(given) != 1:
        yield (), f"a spec has one of the tables {_tables(KINDS)}"
    elif missing := [table for table in NEEDS[given[0]] if table not in data]:
        yield (), f"a spec of a {given[0]} needs {_tables(missing)}"


def _tables(names: Iterable[str]) -> str:
    return ", ".join(f"[{name}]" for name in names)


# What pydantic says where a value has another type, and what people call that type.
_TYPES = {
    "string_type": "a string",
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
}


def explanations(error: ValidationError, data: Any, model: Any) -> Iterator[Problem]:
    """Each mistake once, where it stands in the file; `model` is the type that was wanted.

    Of a union, pydantic reports what each member objects to. That a member is of another type than
    the value matters only if there is no other complaint about the value or something within.
    """
    complaints: dict[Place, list[Any]] = {}
    for complaint in error.errors():
        complaints.setdefault(_in_file(complaint, data), []).append(complaint)
    for place, found in complaints.items():
        within = any(other[: len(place)] == place for other in complaints if other != place)
        wanted = dict.fromkeys(_TYPES[c["type"]] for c in found if c["type"] in _TYPES)
        messages = dict.fromkeys(
            _explain(place, c, model) for c in found if c["type"] not in _TYPES
        )
        for message in messages:
            yield place, message
        if wanted and not messages and not within:
            given = reprlib.repr(found[0]["input"])
            yield place, f"should be {' or '.join(wanted)}, not {given}"


def _explain(place: Place, error: Any, model: Any) -> str:
    """Pydantic's error as a sentence."""
    kind, given = error["type"], error["input"]
    match kind:
        case "extra_forbidden":
            return f"unknown key{suggestion(str(place[-1]), _keys_at(place[:-1], model))}"
        case "missing":
            return "is missing"
        case "value_error":
            return str(error["ctx"]["error"])
        case "literal_error":
            options = error["ctx"]["expected"].replace(" or ", ",").split(",")
            known = [word.strip(" '") for word in options]
            return f"{given!r} is not allowed{suggestion(str(given), known)}"
        case "string_pattern_mismatch":
            return f"{given!r} is not {PATTERNS[error['ctx']['pattern']]}"
        case "string_too_short" | "too_short":
            return "must not be empty"
    return f"{error['msg'].removeprefix('Input ')}, not {given!r}"


def _in_file(error: Any, data: Any) -> Place:
    """Where pydantic's error stands: without the parts that name the member of a union."""
    place: list[str | int] = []
    for part in error["loc"]:
        try:
            data = data[part]
        except (IndexError, KeyError, TypeError):
            continue
        place.append(part)
    return (*place, error["loc"][-1]) if error["type"] == "missing" else tuple(place)


def _keys_at(place: Place, model: Any) -> list[str]:
    """The keys that are allowed at a place."""
    annotations: list[Any] = [model]
    for part in place:
        annotations = [inner for annotation in annotations for inner in _inside(annotation, part)]
    return [key for annotation in annotations for key in _fields(annotation)]


def _inside(annotation: Any, part: str | int) -> list[Any]:
    """What may stand under a key or index of something with this type."""
    if part in (fields := _fields(annotation)):
        return _members(fields[str(part)].annotation)
    container = dict if isinstance(part, str) else list
    if typing.get_origin(annotation) is container:
        return _members(typing.get_args(annotation)[-1])
    return []


def _members(annotation: Any) -> list[Any]:
    """The members of a union; otherwise the annotation alone."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _members(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return [inner for member in arguments for inner in _members(member)]
    return [annotation]


def _fields(annotation: Any) -> dict[str, FieldInfo]:
    """The fields of a model by their keys in a file; nothing for other types."""
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return {}
    return {field.alias or name: field for name, field in annotation.model_fields.items()}
