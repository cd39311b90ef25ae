"""Records to JSON and back, by pydantic's type adapters over the plain dataclasses."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter

R = TypeVar("R")

_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}


def adapter(record: type[Any]) -> TypeAdapter[Any]:
    """The adapter of a record type; making one takes milliseconds, so each is made once."""
    if record not in _ADAPTERS:
        _ADAPTERS[record] = TypeAdapter(record)
    return _ADAPTERS[record]


def to_data(record: Any) -> Any:
    """A record as JSON data; infinities and NaN become the strings "Infinity" and "NaN"."""
    return adapter(type(record)).dump_python(record, mode="json")


def to_json(record: Any, indent: int | None = None) -> str:
    """A record as JSON text."""
    return adapter(type(record)).dump_json(record, indent=indent).decode()


def from_data(record: type[R], data: Any) -> R:
    """A record from JSON data; raises `pydantic.ValidationError` on anything else."""
    found: R = adapter(record).validate_python(data)
    return found


def from_json(record: type[R], text: str | bytes) -> R:
    """A record from JSON text."""
    found: R = adapter(record).validate_json(text)
    return found
