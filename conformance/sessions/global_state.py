"""State of the whole process that a layer's calls have no business with."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import suppress

import numpy as np

ERRORS = "how NumPy treats floating-point errors (np.seterr)"
RECURSION = "the recursion limit"
FOLDER = "the working directory"
RANDOM = "NumPy's global random state"
GLOBALS = (ERRORS, RECURSION, FOLDER, RANDOM)


class GlobalState:
    """Remembers the state; `restore` puts it back and says what had changed.

    The random state goes on from where it is: layers may draw, it is only not to be done unasked.
    Filters of warnings are put back after each trial without a word (a module that is imported at
    the first call changes them).
    """

    def __init__(self) -> None:
        self._errors = np.geterr()
        self._recursion_limit = sys.getrecursionlimit()
        self._folder = _folder()
        self._random = _random()

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
            with suppress(OSError):
                os.chdir(self._folder)
            yield FOLDER
        if (random := _random()) != self._random:
            self._random = random
            yield RANDOM


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it has been removed
        return None


def _random() -> bytes | None:
    """The bytes of the Mersenne twister: asking for its state takes fifty times longer."""
    generator = np.random.get_bit_generator()  # type: ignore[attr-defined]
    if not isinstance(generator, np.random.MT19937):
        return None  # somebody has put another one in its place
    return ctypes.string_at(generator.ctypes.state_address, 4 * 624 + 4)
