"""From verdicts to a report: every planned check, accounted for."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version

from conformance.oracles.choice import torch_installed
from conformance.records.report import (
    Convention,
    Environment,
    Report,
    summarise,
    summarise_layer,
)
from conformance.records.text import tampering
from conformance.records.verdict import Verdict
from conformance.runner.settings import Settings
from conformance.spec.model import Spec


def make_report(
    settings: Settings,
    specs: Iterable[Spec],
    verdicts: Sequence[Verdict],
    notes: Sequence[str] = (),
    conventions: Sequence[Convention] = (),
    tampered: Sequence[str] = (),
    unfinished: str = "",
) -> Report:
    """The report of a run, with one row per spec that has verdicts."""
    if tampered:
        notes = (*notes, tampering(tampered))
    rows = []
    for spec in specs:
        members = [v for v in verdicts if v.id.startswith(spec.path + "::")]
        if members:
            rows.append(summarise_layer(spec.name, spec.header.family, spec.path, members))
    return Report(
        implementation=settings.implementation,
        oracle=oracle_label(verdicts),
        environment=environment(settings),
        summary=summarise(verdicts),
        layers=tuple(rows),
        verdicts=tuple(verdicts),
        notes=tuple(notes),
        conventions=tuple(conventions),
        tampered=tuple(tampered),
        unfinished=unfinished,
    )


def oracle_label(verdicts: Iterable[Verdict]) -> str:
    """The oracles that judged something, the busiest first."""
    counts: dict[str, int] = {}
    for verdict in verdicts:
        for label in filter(None, verdict.oracle.split(", ")):
            counts[label] = counts.get(label, 0) + 1
    return ", ".join(sorted(counts, key=lambda label: (-counts[label], label))) or "none"


def environment(settings: Settings) -> Environment:
    """Versions and options."""
    return Environment(
        python=platform.python_version(),
        numpy=version("numpy"),
        torch=version("torch") if torch_installed() else None,
        platform=f"{platform.system()} {platform.machine()}",
        conformance=_own_version(),
        seed=settings.seed,
        profile=settings.profile,
        tier=settings.tier,
    )


def _own_version() -> str:
    try:
        return version("layer-conformance")
    except PackageNotFoundError:
        return "not installed"
