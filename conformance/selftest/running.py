"""Run the self-test over specs, in several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from conformance.checks import CATALOGUE, ERROR_CONTRACT
from conformance.oracles.choice import torch_installed
from conformance.runner.plan import plan
from conformance.selftest.measuring import Kill, MeasuredMisreading, Survey, settings, survey
from conformance.selftest.results import SelfTest
from conformance.spec.model import Spec


def correct_implementations() -> tuple[str, ...]:
    """The bundled implementations, all of which must pass; PyTorch where it is installed."""
    return ("reference", "naive", *(["torch"] if torch_installed() else []))


def run(
    specs: Sequence[Spec],
    processes: int = 2,
    tell: Callable[[str], None] = lambda name: None,
) -> SelfTest:
    """Measure every spec; `tell` hears the name of each that is done."""
    correct = correct_implementations()
    found: dict[str, Survey] = {}
    # The interpreter is started anew: forking one whose libraries run threads may deadlock.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        costly_first = sorted(specs, key=lambda s: -len(s.cases) * (1 + len(s.misreadings)))
        futures = {pool.submit(survey, s.name, correct): s.name for s in costly_first}
        for future in as_completed(futures):
            found[futures[future]] = future.result()
            tell(futures[future])
    surveys = [found[spec.name] for spec in specs]
    rows = [row for each in surveys for row in each.rows]
    kills = [kill for each in surveys for kill in each.kills]
    return SelfTest(
        rows=tuple(rows),
        kills=tuple(kills),
        alarms=tuple(alarm for each in surveys for alarm in each.alarms),
        lint=tuple(line for each in surveys for line in each.lint),
        idle=tuple(_idle(specs, rows, kills)),
        correct=correct,
    )


def _idle(
    specs: Iterable[Spec], rows: Sequence[MeasuredMisreading], kills: Sequence[Kill]
) -> list[str]:
    """The checks of the catalogue that were put to misreadings and failed for none."""
    everything = (*CATALOGUE, ERROR_CONTRACT)
    names: dict[str, set[str]] = {check.name: set() for check in everything}
    for spec in specs:
        for planned in plan(spec, settings("")):
            names[planned.check.name].add(planned.name)
    killers = {name for row in rows for name in row.caught_by} | {kill.by for kill in kills}
    return [name for name, members in names.items() if members and not members & killers]
