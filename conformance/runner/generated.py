"""Search generated cases for a failure, and shrink it, with Hypothesis."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as with_seed

from conformance.generation.strategies import bound_cases
from conformance.records.verdict import Verdict
from conformance.runner.plan import Planned
from conformance.spec.binding import BoundCase

BAD = ("failed", "errored")


class _Failure(Exception):
    """Tells Hypothesis that an example fails."""


def first_failure(
    planned: Planned,
    examples: int,
    seed: int,
    judge: Callable[[BoundCase], Verdict],
    shrink: bool = True,
) -> tuple[tuple[Verdict, BoundCase] | None, int]:
    """The simplest failing case with its verdict (None if all pass), and how many were tried.

    Without `shrink` it is the first that fails: a known gap need not be made small on every run.
    The examples depend on the seed and the spec alone, so every check sees the same cases.
    """
    worst: list[tuple[Verdict, BoundCase]] = []
    tried = 0

    @with_seed(seed)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(bound_cases(planned.spec, planned.mode))
    def search(bound: BoundCase) -> None:
        nonlocal tried
        tried += 1
        if planned.tensor not in planned.check.targets(bound, planned.mode):
            return  # this configuration has no such tensor
        verdict = judge(bound)
        if verdict.status in BAD:
            worst.append((verdict, bound))
            raise _Failure
        if verdict.status == "skipped":
            skipped.append((verdict, bound))

    skipped: list[tuple[Verdict, BoundCase]] = []
    try:
        search()
    except _Failure:
        return worst[-1], tried  # Hypothesis ends with the simplest example it found
    return (skipped[0] if skipped else None), tried
