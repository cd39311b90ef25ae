"""State of the whole process that a layer's calls have no business with."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress

import numpy as np

ERRORS = "how NumPy treats floating-point errors (np.seterr)"
RECURSION = "the recursion limit"
FOLDER = "the working directory"


class GlobalState:
    """Remembers the state; `restore` puts it back and says what had changed.

    Random generators and filters of warnings are put back after each trial without a word: many
    layers draw, and a module that is imported at the first call changes the filters.
    """

    def __init__(self) -> None:
        self._errors = np.geterr()
        self._recursion_limit = sys.getrecursionlimit()
        self._folder = _folder()

    def restore(self) -> tuple[str, ...]:
        """What had changed since the last time, in words."""
        return tuple(self._restore())

    def _restore(self) -> Iterator[str]:
        if np.geterr() != self._errors:
            np.seterr(**self._errors)
            yield ERRORS
        if sys.getrecursionlimit() != self._recursion_limit:
            with suppress(RecursionError):  # too deep in calls for it
                sys.setrecursionlimit(self._recursion_limit)
            yield RECURSION
        if self._folder is not None and _folder() != self._folder:
            try:
                os.chdir(self._folder)
            except OSError:  # removed: what is called next has not done it
                self._folder = None
            yield FOLDER


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it has been removed
        return None
