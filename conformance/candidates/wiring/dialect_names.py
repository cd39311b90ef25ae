"""The names of dialects that a binding may say."""

from __future__ import annotations

from conformance import extensions

NATIVE = "native"

BUNDLED = (
    NATIVE,
    "torch7",
    "stored-input",
    "parameter-object",
    "variable",
    "dictionary",
    "derivative",
)


def dialect_names() -> tuple[str, ...]:
    """The bundled names and those of installed extensions, which are not loaded for it."""
    return (*BUNDLED, *(point.name for point in extensions.installed()[extensions.DIALECTS]))
