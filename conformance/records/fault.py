"""Faults of the suite: exceptions of its own code, told apart from what a candidate does."""

from __future__ import annotations

import traceback
from pathlib import Path

PREFIX = "fault of the suite: "

_ROOT = Path(__file__).resolve().parent.parent
_FRAMES = 4  # the last ones say where; the first ones are the same for every check


class SuiteFault(Exception):
    """A fault that was described where it happened, such as in an isolated worker."""

    def __init__(self, message: str, trace: str) -> None:
        super().__init__(message, trace)
        self.message = message
        self.trace = trace

    def __str__(self) -> str:
        return self.message


def describe_fault(error: BaseException) -> tuple[str, str]:
    """``fault of the suite: TypeError: …``, and the last frames, the innermost last, a line each.

    The frames are those of the suite and what it called from there on.
    """
    if isinstance(error, SuiteFault):
        return PREFIX + error.message, error.trace
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = ""
    kind = type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    first = next((i for i, frame in enumerate(frames) if _is_ours(frame.filename)), 0)
    lines = [
        f"{_short(frame.filename)}:{frame.lineno} in {frame.name}"
        for frame in frames[first:][-_FRAMES:]
    ]
    return PREFIX + (f"{kind}: {text}" if text else kind), "\n".join(lines)


def _is_ours(filename: str) -> bool:
    return Path(filename).is_relative_to(_ROOT)


def _short(filename: str) -> str:
    """``conformance/checks/same.py`` for the suite's own files, else the last two parts."""
    path = Path(filename)
    return str(path.relative_to(_ROOT.parent) if _is_ours(filename) else Path(*path.parts[-2:]))
