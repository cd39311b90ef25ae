"""An exception of the candidate in one line, with the place in the candidate's own code."""

from __future__ import annotations

import copy
import os
import sys
import traceback
from pathlib import Path
from types import FrameType

from conformance.extensions import ExtensionError
from conformance.records.foreign import name_of, plain, text_of

_IMPORT_MACHINERY = ("importlib", "_pytest")
_OURS = str(Path(__file__).resolve().parent.parent)
# Those of the interpreter: what a subclass keeps in their attributes may be anything.
_SYNTAX_ERRORS = (SyntaxError, IndentationError, TabError)
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
    name = name_of(type(error))
    lines = text_of(error).strip().splitlines()
    message = f"{name}: {lines[0]}" if lines else name
    if type(error) in _SYNTAX_ERRORS and isinstance(error, SyntaxError) and error.filename:
        file = f"{_short(text_of(error.filename))}:{text_of(error.lineno)}"
        return f"{name}: {text_of(error.msg)}", file
    places = (
        place(frame.f_code.co_filename, line, frame.f_code.co_name)
        for frame, line in reversed(_frames(error))
    )
    return message, next(filter(None, places), None)


def _frames(error: BaseException) -> list[tuple[FrameType, int]]:
    """Where an exception came by, the innermost frame last."""
    # Not the attribute: a subclass may have made it a property.
    return [*traceback.walk_tb(BaseException.__dict__["__traceback__"].__get__(error))]


def place(filename: str, line: int, name: str) -> str | None:
    """``layers.py:12 in forward``; None for code that is ours or of the import machinery."""
    if _is_ours(filename) or filename.startswith("<frozen") or filename == copy.__file__:
        return None
    if any(f"{os.sep}{part}{os.sep}" in filename for part in _IMPORT_MACHINERY):
        return None
    return f"{_short(filename)}:{line} in {plain(name)}"


def is_our_fault(error: BaseException) -> bool:
    """Whether an exception that stopped a trial is the suite's own and not the candidate's.

    The rooms of the suite other than `candidates` never touch what a candidate gives them: dialects
    have made arrays and numbers of it. So what is raised there, with no frame of anybody else on
    the way, is a fault of ours; a lack of memory or of stack may be anybody's. Raised in
    `candidates`, it may be the call itself that failed.
    """
    kind = type(error)  # isinstance would ask the exception, which may raise or lie
    if issubclass(kind, ExtensionError):
        return True
    if not issubclass(kind, Exception) or issubclass(kind, MemoryError | RecursionError):
        return False
    files = [frame.f_code.co_filename for frame, _ in _frames(error)]
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
    code = frame.f_code
    return f"{_short(code.co_filename)}:{frame.f_lineno} in {plain(code.co_name)}"


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
        return plain(str(path.relative_to(Path.cwd())))
    except (OSError, ValueError):  # the working directory may have been removed
        return plain(str(Path(*path.parts[-2:])))
