"""Benchmarks as pytest items: correctness first, then pytest-benchmark, then correctness again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from conformance.benchmarks.growth import exponents, peak_memory, superlinear
from conformance.benchmarks.timed import DTYPE, Timed
from conformance.candidates.dialect import ContractError, NotImplementedHere
from conformance.candidates.implementation import Implementation
from conformance.candidates.loading.paths import load
from conformance.candidates.trouble import describe_exception
from conformance.numerics.comparison import compare
from conformance.oracles.accuracy import expected_steps
from conformance.oracles.choice import torch_installed
from conformance.records.benchmark import DIRECTIONS, Direction, Timing, Untimed
from conformance.records.text import finding_lines
from conformance.runner.grader import Grader
from conformance.runner.plan import plan
from conformance.runner.settings import Settings
from conformance.sessions.in_process import InProcessSession
from conformance.spec.bound_case import BoundCase, bind
from conformance.spec.model import Spec

CANDIDATE = "candidate"


class Benchmarks:
    """The benchmarks of a run: what is timed, and what came out.

    Candidates are timed in this process, isolated or not otherwise: a pipe would be timed, too.
    """

    def __init__(self, settings: Settings) -> None:
        core = replace(settings, tier="core", profile="quick")
        self.settings = core
        self.timings: list[Timing] = []
        self.untimed: dict[str, Untimed] = {}
        self._incorrect: dict[str, str] = {}
        self._loaded: dict[str, Implementation] = {}
        self._threads = threadpool_limits(1)  # PyTorch, too, is timed in one thread

    def subjects(self) -> Iterator[str]:
        """The candidate, the reference, and PyTorch where it is installed; nothing twice."""
        yield CANDIDATE
        for name in ("reference", *(["torch"] if torch_installed() else [])):
            if name != self.settings.implementation:
                yield name

    def planned(self, spec: Spec) -> Iterator[tuple[Direction, str]]:
        """What is timed of a spec."""
        if spec.benchmark is not None:
            for direction in DIRECTIONS:
                for subject in self.subjects():
                    yield direction, subject

    def implementation(self, subject: str) -> Implementation:
        """What a subject is, loaded once."""
        if subject not in self._loaded:
            name = self.settings.implementation if subject == CANDIDATE else subject
            self._loaded[subject] = load(name)
        return self._loaded[subject]

    @cached_property
    def _grader(self) -> Grader:
        return Grader(InProcessSession(self.implementation(CANDIDATE)), self.settings)

    def why_not(self, spec: Spec) -> str:
        """Why the candidate's layer is not timed: the first check of the core tier it fails."""
        if spec.name not in self._incorrect:
            verdicts = (self._grader.verdict(planned) for planned in plan(spec, self.settings))
            bad = next((v for v in verdicts if v.status in ("failed", "errored")), None)
            self._incorrect[spec.name] = f"incorrect: {bad.check}[{bad.case}]" if bad else ""
        return self._incorrect[spec.name]

    def run(self, spec: Spec, direction: Direction, subject: str, benchmark: Any) -> None:
        """Time one direction of one layer; skips what is incorrect or not there."""
        assert spec.benchmark is not None
        implementation = self.implementation(subject)
        timed = Timed(implementation, bind(spec, spec.benchmark.case))
        if subject == CANDIDATE and (reason := self.why_not(spec)):
            self._skip(spec, subject, f"blocked: {reason}")
        benchmark.group = f"{spec.name} {direction}"
        benchmark.extra_info.update(layer=spec.name, direction=direction, implementation=subject)
        trouble: tuple[str, ...] = ()
        try:
            timed.fresh(direction)
            result = benchmark.pedantic(
                lambda *given: timed.call(direction, *given),
                setup=lambda: (timed.fresh(direction), {}),
                rounds=_rounds(timed, direction),
                warmup_rounds=1,
            )
            if benchmark.disabled:
                return
            if subject == CANDIDATE:
                self._check_again(timed, direction, result)
            self._note(timed, direction, subject, benchmark.stats.stats)
        except NotImplementedHere as error:
            self._skip(spec, subject, str(error))
        except ContractError as error:
            trouble = (str(error),)
        except Exception as error:
            message, where = describe_exception(error)
            trouble = f"{direction} raised {message}", where or ""
        if trouble:
            benchmark.skipped = True  # else pytest-benchmark warns that nothing was timed
            self._fail(timed, subject, *trouble)

    def _skip(self, spec: Spec, subject: str, reason: str) -> None:
        self.untimed[f"{spec.name} {subject}"] = Untimed(spec.name, subject, reason)
        pytest.skip(reason)

    def _fail(self, timed: Timed, subject: str, reason: str, *lines: str) -> None:
        """A layer that passes its core tier and is no good at the sizes that are timed."""
        name, sizes = timed.bound.spec.name, timed.bound.describe()
        self.untimed[f"{name} {subject}"] = Untimed(name, subject, f"{reason} (at {sizes})")
        pytest.fail("\n  ".join([f"{name} at {sizes}: {reason}", *filter(None, lines)]), False)

    def _note(self, timed: Timed, direction: Direction, subject: str, stats: Any) -> None:
        bound, spec = timed.bound, timed.bound.spec
        assert spec.benchmark is not None
        is_candidate = subject == CANDIDATE
        growth = exponents(timed.implementation, spec, direction) if is_candidate else {}
        self.timings.append(
            Timing(
                layer=spec.name,
                direction=direction,
                implementation=subject,
                sizes=bound.describe(),
                fastest=stats.min,
                median=stats.median,
                spread=stats.iqr,
                rounds=stats.rounds,
                gflops=_rate(bound, spec.benchmark.flops, direction, stats.min),
                gbytes=_rate(bound, spec.benchmark.bytes, direction, stats.min),
                peak=None if subject == "torch" else round(peak_memory(timed, direction), 3),
                growth=growth,
                superlinear=superlinear(spec, growth),
            )
        )

    def _check_again(self, timed: Timed, direction: Direction, result: Any) -> None:
        """What was timed is still right, at sizes that no other check has.

        Outputs and input gradients are those of the last timed call; those of parameters have been
        summed over the calls, so they come from another run.
        """
        if timed.bound.is_random(timed.programs.mode) or (judge := self._judge()) is None:
            return
        number = timed.programs.start + DIRECTIONS.index(direction)
        wanted = expected_steps(judge.run, timed.bound, timed.trial)[number]
        again = InProcessSession(timed.implementation).run(timed.trial)
        if again.trouble is not None:
            self._fail(timed, CANDIDATE, str(again.trouble))
        names = timed.trial.outputs if direction == "forward" else timed.trial.differentiable
        prefix = "" if direction == "forward" else "grad_"
        last = {prefix + name: np.asarray(v) for name, v in zip(names, result, strict=True)}
        for name, value in {**dict(again.steps[number].tensors()), **last}.items():
            if name not in wanted:
                continue
            finding = compare(name, value, wanted[name].value, wanted[name].allowed(DTYPE))
            if finding is not None:
                self._fail(timed, CANDIDATE, f"wrong {name}", *finding_lines(finding))

    def _judge(self) -> InProcessSession | None:
        """The reference; where that is the candidate, PyTorch: naive loops would take minutes."""
        if self.settings.implementation != "reference":
            return InProcessSession(self.implementation("reference"))
        return InProcessSession(self.implementation("torch")) if torch_installed() else None


def _rate(
    bound: BoundCase, work: Mapping[Any, str], direction: Direction, seconds: float
) -> float | None:
    """Billions per second."""
    if direction not in work:
        return None
    return round(float(bound.value(work[direction])) / seconds / 1e9, 3)


def _rounds(timed: Timed, direction: Direction) -> int:
    """As many calls as fit into a second or so, at least 5 and at most 200."""
    start = time.perf_counter()
    timed.call(direction, *timed.fresh(direction))
    return int(min(200, max(5, 1 / (time.perf_counter() - start))))
