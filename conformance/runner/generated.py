"""Search generated cases for a failure, and shrink it, with Hypothesis."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as with_seed
from hypothesis.errors import Unsatisfiable

from conformance.generation.strategies import bound_cases
from conformance.records.verdict import Verdict
from conformance.runner.plan import Planned
from conformance.spec.bound_case import BoundCase
from conformance.spec.model import Spec

BAD = ("failed", "errored")

Judged = tuple[Verdict, BoundCase]


class NoLegalCase(Exception):
    """The spec's domains hold no case that the spec allows, or hardly any."""

    def __init__(self) -> None:
        super().__init__("no legal case can be drawn from [dims], [config] and [require]")


class _Failure(Exception):
    """Tells Hypothesis that an example fails."""


def drawn_cases(spec: Spec, mode: str | None, examples: int, seed: int) -> list[BoundCase]:
    """The generated cases of a spec in a mode: every check sees the same.

    Raises `NoLegalCase` where none is found.
    """
    cases: list[BoundCase] = []
    try:
        _search(spec, mode, examples, seed, cases.append)
    except Unsatisfiable:
        cases.clear()
    if not cases:
        raise NoLegalCase
    return cases


def first_failure(
    planned: Planned,
    cases: Sequence[BoundCase],
    examples: int,
    seed: int,
    judge: Callable[[BoundCase], Verdict],
    shrink: bool = True,
) -> Judged | None:
    """The simplest failing case with its verdict; else one that is skipped, or None if all pass.

    `cases` are those of `drawn_cases`. Hypothesis draws them again, and shrinks, only if one fails;
    and without `shrink` not even then: a known gap need not be made small on every run.
    """

    def verdict_on(bound: BoundCase) -> Verdict | None:
        """None for a configuration that has no such tensor."""
        there = planned.tensor in planned.check.targets(bound, planned.mode)
        return judge(bound) if there else None

    skipped: Judged | None = None
    for bound in cases:
        verdict = verdict_on(bound)
        if verdict is None or verdict.status == "passed":
            continue
        if verdict.status in BAD:
            found = verdict, bound
            return _simplest(planned, examples, seed, verdict_on) or found if shrink else found
        if verdict.status == "skipped":
            skipped = skipped or (verdict, bound)
    return skipped


def _simplest(
    planned: Planned, examples: int, seed: int, verdict_on: Callable[[BoundCase], Verdict | None]
) -> Judged | None:
    """What Hypothesis shrinks the failure to; None if it does not come again."""
    worst: list[Judged] = []

    def fails(bound: BoundCase) -> None:
        verdict = verdict_on(bound)
        if verdict is not None and verdict.status in BAD:
            worst.append((verdict, bound))
            raise _Failure

    try:
        _search(planned.spec, planned.mode, examples, seed, fails)
    except _Failure:
        return worst[-1]  # Hypothesis ends with the simplest example it found
    return None


def _search(
    spec: Spec, mode: str | None, examples: int, seed: int, look: Callable[[BoundCase], None]
) -> None:
    """Show `look` generated cases; what it raises is shrunk. They depend on seed and spec alone."""

    @with_seed(seed)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(bound_cases(spec, mode))
    def search(bound: BoundCase) -> None:
        look(bound)

    search()
