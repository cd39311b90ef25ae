"""Output that no character can break, whatever encoding the terminal, pipe or CI has."""

from __future__ import annotations

import codecs
import io
import sys

# What tables and messages use beside ASCII, for streams that have nothing else.
_PLAIN = {
    "─": "-",
    "━": "-",
    "│": "|",
    "–": "-",
    "·": "-",
    "…": "...",
    "×": "x",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    "±": "+-",
    "−": "-",
}


def _plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    """Write what cannot be encoded in ASCII: a likeness where there is one, else an escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    text = "".join(_PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in found)
    return text, error.end


codecs.register_error("conformance-plain", _plainly)


def make_tolerant() -> None:
    """Let standard output and error take any text; what they cannot encode is written plainly."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="conformance-plain")
