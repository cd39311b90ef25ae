"""From the text of a TOML file to its values, within limits that no file meets by accident.

Specs, bindings and gaps files are all read here. What is nested too deeply, or has integers beyond
TOML's own 64 bits, is a mistake with a line, like any other.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from conformance.spec.positions import Positions, bare
from conformance.spec.problems import Problem, SpecError, SpecProblem, dotted

DEEPEST = 64  # levels of tables and arrays; the bundled specs have 10

_TOO_DEEP = f"tables and arrays are nested more than {DEEPEST} levels deep"
_TOO_LONG = "integers have at most 64 bits"
_DIGITS = re.compile(r"[0-9_]{1000,}")  # Python converts no number with more than 4,300
_KEY_PARTS = 6  # of a key with a hundred parts, these are shown


def read_toml(text: str, label: str, positions: Positions) -> dict[str, Any]:
    """The values of a file; raises `SpecError` where it is not TOML or exceeds the limits."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError([_syntax(text, label, error)]) from None
    except RecursionError:
        raise _at(_too_deep(text), label, positions, _TOO_DEEP) from None
    except ValueError:
        found = _DIGITS.search(text)
        line = text.count("\n", 0, found.start()) + 1 if found else 1
        raise _at(line, label, positions, _TOO_LONG) from None
    problems = [
        SpecProblem(label, positions.line(place), dotted(place[:_KEY_PARTS]), message)
        for place, message in _excesses(data)
    ]
    if problems:
        raise SpecError(sorted(problems, key=lambda problem: problem.line))
    return data


def _syntax(text: str, label: str, error: tomllib.TOMLDecodeError) -> SpecProblem:
    """Take the line out of tomllib's message (it has no attribute for it before Python 3.14)."""
    message, _, place = str(error).partition(" (at ")
    digits = "".join(c for c in place.split(",")[0] if c.isdigit())
    line = int(digits) if digits else max(1, len(text.splitlines()))
    return SpecProblem(label, line, "", f"not valid TOML: {message}")


def _excesses(data: Any) -> Iterator[Problem]:
    """What is nested too deeply, and integers that are too large. Without recursion."""
    waiting: list[Any] = [((), data)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict | list):
            if len(place) >= DEEPEST:
                yield place, _TOO_DEEP
                continue
            items = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += [((*place, part), inner) for part, inner in items]
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            yield place, _TOO_LONG


def _too_deep(text: str) -> int:
    """The line of the first bracket that opens one level too many."""
    level, line = 0, 1
    for character in bare(text):
        level += (character in "[{") - (character in "]}")
        line += character == "\n"
        if level > DEEPEST:
            break
    return line


def _at(line: int, label: str, positions: Positions, message: str) -> SpecError:
    return SpecError([SpecProblem(label, line, dotted(positions.key(line)), message)])
