"""An exception of the candidate in one line, with the place in the candidate's own code."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

_IMPORT_MACHINERY = ("importlib", "_pytest")
_OURS = str(Path(__file__).resolve().parent.parent)


def describe_exception(error: BaseException) -> tuple[str, str | None]:
    """``ValueError: bad shape`` and ``layers.py:12 in forward``.

    The place is the innermost frame outside this package and outside the import machinery of the
    interpreter and of pytest: where the author of the candidate should look. A syntax error names
    its own line.
    """
    text = str(error).strip().splitlines()
    message = f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__}: {error.msg}", f"{_short(error.filename)}:{error.lineno}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((_OURS, "<frozen"))
        and not any(f"{os.sep}{part}{os.sep}" in frame.filename for part in _IMPORT_MACHINERY)
    ]
    if not frames:
        return message, None
    last = frames[-1]
    return message, f"{_short(last.filename)}:{last.lineno} in {last.name}"


def _short(filename: str) -> str:
    """The path relative to the working directory if it lies below it, else its last two parts."""
    path = Path(filename)
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(Path(*path.parts[-2:]))
