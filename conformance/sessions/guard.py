"""Whether somebody has replaced functions that verdicts depend on.

A candidate that runs in the suite's own process can replace `numpy.allclose`, or what judges it.
By accident (a notebook that defines its own ``np.mean = …``) or not: such a run says nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

# Modules whose functions are watched, with all that is in the packages among them.
_MODULES = ("builtins", "math", "pytest", "_pytest.outcomes", "_pytest.runner", "_pytest.reports")
_PACKAGES = ("conformance", "numpy")
_OURS = ("conformance", "_pytest")  # their classes are watched, too


class Guard:
    """Remembers functions of NumPy, pytest, Python and this package, as they are now."""

    def __init__(self) -> None:
        self._before = dict(_watched())

    def replaced(self) -> tuple[str, ...]:
        """The functions that are others now, such as ``numpy.allclose``."""
        now = dict(_watched())
        return tuple(
            sorted(
                f"{module}.{name}"
                for (module, name), before in self._before.items()
                if not _same(before, now.get((module, name), ()))
            )
        )


def _same(before: tuple[Any, ...], now: tuple[Any, ...]) -> bool:
    return len(before) == len(now) and all(a is b for a, b in zip(before, now, strict=True))


def _watched() -> Iterator[tuple[tuple[str, str], tuple[Any, ...]]]:
    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and (
            name in _MODULES or name.partition(".")[0] in _PACKAGES
        ):
            yield from _of_module(name, module)


def _of_module(name: str, module: ModuleType) -> Iterator[tuple[tuple[str, str], tuple[Any, ...]]]:
    for key, value in list(vars(module).items()):
        if not callable(value):
            continue
        yield (name, key), _identity(value)
        if isinstance(value, type) and value.__module__ == name and name.startswith(_OURS):
            for attribute, member in list(vars(value).items()):
                if isinstance(member, FunctionType | property | classmethod | staticmethod):
                    yield (name, f"{key}.{attribute}"), _identity(member)


def _identity(value: Any) -> tuple[Any, ...]:
    """What must stay the same: the object, and of a Python function what it does."""
    if isinstance(value, FunctionType):
        return value, value.__code__, value.__defaults__
    return (value,)
