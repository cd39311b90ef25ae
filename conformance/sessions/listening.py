"""What NumPy says about the arithmetic of a candidate."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from conformance.candidates.trouble import warned_place
from conformance.records.foreign import name_of, text_of


@contextmanager
def listening() -> Iterator[list[str]]:
    """A list that warnings about arithmetic go to, with the candidate's line; others go nowhere.

    Those are NumPy's own defaults: overflow, division by zero and invalid operations warn, and
    underflow does not, since a small number that becomes 0 is no accident in exp(x - max(x)).
    """
    heard: list[str] = []

    def note(message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
        if place := warned_place():
            heard.append(f"{name_of(category)}: {text_of(message)} ({place})")

    as_usual = np.errstate(divide="warn", over="warn", invalid="warn", under="ignore")
    with warnings.catch_warnings(), as_usual:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", RuntimeWarning)
        warnings.showwarning = note
        hook, sys.unraisablehook = sys.unraisablehook, _ignore
        try:
            yield heard
        finally:
            sys.unraisablehook = hook


def _ignore(raised: Any) -> None:
    """What `__del__` raises is no error of its caller, though pytest can make it one."""
