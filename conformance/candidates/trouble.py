"""An exception of the candidate in one line, with the place in the candidate's own code."""

from __future__ import annotations

import copy
import os
import sys
import traceback
from pathlib import Path
from types import FrameType

_IMPORT_MACHINERY = ("importlib", "_pytest")
_OURS = str(Path(__file__).resolve().parent.parent)
_CANDIDATES = os.path.join(_OURS, "misreadings")  # bundled, but graded like anybody's
# The code that calls candidates, and that which pickles them.
_TOUCHES = (
    os.path.join(_OURS, "candidates", ""),
    os.path.join(_OURS, "sessions", "pickling.py"),
)


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
    frames = reversed(traceback.extract_tb(error.__traceback__))
    places = (place(frame.filename, frame.lineno or 0, frame.name) for frame in frames)
    return message, next(filter(None, places), None)


def place(filename: str, line: int, name: str) -> str | None:
    """``layers.py:12 in forward``; None for code that is ours or of the import machinery."""
    if _is_ours(filename) or filename.startswith("<frozen") or filename == copy.__file__:
        return None
    if any(f"{os.sep}{part}{os.sep}" in filename for part in _IMPORT_MACHINERY):
        return None
    return f"{_short(filename)}:{line} in {name}"


def is_our_fault(error: BaseException) -> bool:
    """Whether an exception that stopped a trial is the suite's own and not the candidate's.

    The rooms of the suite other than `candidates` never touch what a candidate gives them: dialects
    have made arrays and numbers of it. So what is raised there, with no frame of anybody else on
    the way, is a fault of ours; a lack of memory or of stack may be anybody's. Raised in
    `candidates`, it may be the call itself that failed.
    """
    if not isinstance(error, Exception) or isinstance(error, MemoryError | RecursionError):
        return False
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return bool(files) and all(map(_is_ours, files)) and not files[-1].startswith(_TOUCHES)


def warned_place() -> str | None:
    """``layers.py:12 in forward``: the candidate's line that has just caused a warning.

    To be called from the function that shows warnings. None where the line is this package's own.
    """
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and _is_between(frame):
        frame = frame.f_back
    if frame is None or _is_ours(frame.f_code.co_filename):
        return None
    return f"{_short(frame.f_code.co_filename)}:{frame.f_lineno} in {frame.f_code.co_name}"


def _is_between(frame: FrameType) -> bool:
    """Whether a frame belongs to NumPy, or to Python's handling of warnings."""
    module = str(frame.f_globals.get("__name__"))
    return module in ("warnings", "_py_warnings") or module.partition(".")[0] == "numpy"


def _is_ours(filename: str) -> bool:
    return filename.startswith(_OURS) and not filename.startswith(_CANDIDATES)


def _short(filename: str) -> str:
    """The path relative to the working directory if it lies below it, else its last two parts."""
    path = Path(filename)
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(Path(*path.parts[-2:]))
