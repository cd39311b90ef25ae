"""Checks of other distributions: their modules are imported, and fill the catalogue like ours."""

from __future__ import annotations

from dataclasses import replace

from conformance import extensions
from conformance.checks.check import CATALOGUE
from conformance.checks.evidence import NoOracle, Stopped
from conformance.oracles.oracle import OracleError


def add_installed() -> None:
    """Add them, guarded; raises `ExtensionError`, and then leaves the catalogue as it was."""
    before = list(CATALOGUE)
    try:
        for point in extensions.installed()[extensions.CHECKS]:
            first, known = len(CATALOGUE), {check.name for check in CATALOGUE}
            extensions.load(point)
            names = [check.name for check in CATALOGUE[first:]]
            if not names:
                raise extensions.broken(point, "adds no check: importing it runs no @check")
            if twice := known.intersection(names):
                raise extensions.broken(point, f"adds a check that exists: {min(twice)}")
            wanted = {name for check in CATALOGUE[first:] for name in check.requires}
            if unknown := wanted - known - set(names):
                raise extensions.broken(point, f"requires a check that is none: {min(unknown)}")
            passes = (Stopped, NoOracle, OracleError)
            CATALOGUE[first:] = [
                replace(
                    check,
                    judge=extensions.guarded(point, check.judge, passes),
                    targets=extensions.guarded(point, check.targets),
                )
                for check in CATALOGUE[first:]
            ]
    except extensions.ExtensionError:
        CATALOGUE[:] = before
        raise
