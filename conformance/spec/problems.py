"""What is wrong with a spec file: one record, one line of text."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from conformance.errors import ConformanceError

Place = tuple[str | int, ...]  # ("case", 2, "config", "stride")
Problem = tuple[Place, str]


@dataclass(frozen=True)
class SpecProblem:
    """One mistake in a spec file."""

    path: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        return f"{self.path}:{self.line}: {key}{self.message}"


class SpecError(ConformanceError):
    """A spec file that cannot be used; carries every problem found in it."""

    def __init__(self, problems: list[SpecProblem]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def suggestion(word: str, known: Iterable[str]) -> str:
    """`` (did you mean momentum?)`` if something known is close, else the known words."""
    names = list(known)
    if close := difflib.get_close_matches(word, names, n=1):
        return f" (did you mean {close[0]}?)"
    return f" (known: {', '.join(names)})" if names else ""


def dotted(place: Place) -> str:
    """``case[2].config.stride``."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
