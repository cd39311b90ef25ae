"""What other distributions add by entry point: dialects, checks, report writers, specs.

One query finds them all, once; what is found is loaded where it is first used. One that cannot be
loaded or fails is an `ExtensionError` that names its distribution, never a fault of the candidate.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from conformance.errors import ConformanceError

DIALECTS = "conformance.dialects"
CHECKS = "conformance.checks"
REPORTS = "conformance.reports"
SPECS = "conformance.specs"
GROUPS = (DIALECTS, CHECKS, REPORTS, SPECS)


class ExtensionError(ConformanceError):
    """An installed extension that cannot be loaded, or that fails; the message names it."""


@cache
def installed() -> dict[str, tuple[EntryPoint, ...]]:
    """The entry points of each group, by name."""
    points = entry_points()
    return {
        group: tuple(sorted(points.select(group=group), key=lambda point: point.name))
        for group in GROUPS
    }


def described(point: EntryPoint) -> str:
    """``extension 'rounded' (conformance.checks) of acme-layers 1.0``."""
    owner = f" of {point.dist.name} {point.dist.version}" if point.dist is not None else ""
    return f"extension {point.name!r} ({point.group}){owner}"


def broken(point: EntryPoint, what: str) -> ExtensionError:
    """The error to raise where an extension is at fault."""
    owner = point.dist.name if point.dist is not None else point.name
    return ExtensionError(f"{described(point)} {what}; mend it, or uninstall {owner}")


def load(point: EntryPoint) -> Any:
    """What an entry point names; raises `ExtensionError`."""
    try:
        return point.load()
    except (Exception, SystemExit) as error:
        raise broken(point, f"cannot be loaded: {type(error).__name__}: {error}") from error


@cache
def loaded(group: str) -> tuple[tuple[EntryPoint, Any], ...]:
    """The extensions of a group with what they name; raises `ExtensionError`."""
    return tuple((point, load(point)) for point in installed()[group])


def guarded(
    point: EntryPoint, function: Callable[..., Any], passes: tuple[type[Exception], ...] = ()
) -> Callable[..., Any]:
    """A function of an extension; what it raises but `passes` is an `ExtensionError`.

    What a generator yields is collected, so that it fails here, too.
    """

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        try:
            result = function(*arguments, **keywords)
            return list(result) if inspect.isgenerator(result) else result
        except Exception as error:
            if isinstance(error, (ConformanceError, *passes)):
                raise
            name = getattr(function, "__name__", "it")
            raise broken(point, f"failed in {name}: {type(error).__name__}: {error}") from error

    return call


def verify() -> None:
    """Load what is installed, so that a broken extension is told before anything is graded."""
    for group in (DIALECTS, REPORTS, SPECS):  # checks are loaded with the catalogue
        loaded(group)
