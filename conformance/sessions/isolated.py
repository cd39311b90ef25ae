"""Run trials in a process of the candidate's own, which may hang, crash or print without end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from conformance.candidates.loading.paths import BrokenImplementation, ImplementationError
from conformance.records.fault import SuiteFault
from conformance.records.observation import Observation, Stage, Trouble
from conformance.records.report import Convention
from conformance.records.trial import Trial
from conformance.sessions.limits import Limits
from conformance.sessions.messages import Answer, Ready, Setup, Understood
from conformance.sessions.process import Lost, Worker
from conformance.spec.terms import Kind

# So often a layer may time out, or crash, in one kind of call; then that call is not tried again.
# A timeout costs seconds, a crash the start of a process.
PATIENCE = {"timeout": 3, "crashed": 20}

_BEFORE_STEPS: tuple[Stage, ...] = ("find", "build", "parameters")


class IsolatedSession:
    """A session over an implementation that is imported in a worker process.

    What a worker's loss means for the trial: the steps before are observed again, without the one
    that it was lost in, and that one is the trial's trouble. The next trial gets a new worker.
    """

    def __init__(
        self,
        text: str,
        limits: Limits | None = None,
        binding: str = "",
        specs: Iterable[Path] = (),
        run_all_cells: bool = False,
    ) -> None:
        self._limits = limits or Limits()
        self._setup = Setup(
            text,
            binding,
            tuple(str(path.resolve()) for path in specs),
            self._limits.timeout,
            self._limits.loading,
            self._limits.memory,
            run_all_cells,
        )
        self._losses: Counter[tuple[str, str, str]] = Counter()
        self._barred: dict[tuple[str, str], Trouble] = {}
        self._broken: str | None = None
        self._ready, self._worker = self._start()
        self._understood: dict[str, Understood] = {}
        self.name = self._ready.name

    def _start(self) -> tuple[Ready, Worker]:
        """A worker with the candidate loaded; `ImplementationError` if that is not possible."""
        worker = Worker()
        try:
            ready = worker.ask(self._setup, Ready, self._limits.loading)
        except Lost as lost:
            place = f" ({lost.where})" if lost.where else ""
            text = f"--impl={self._setup.implementation}: importing it failed: it {lost}{place}"
            raise BrokenImplementation(text) from None
        if ready.error is not None:
            worker.stop()
            raise (BrokenImplementation if ready.broken else ImplementationError)(ready.error)
        return ready, worker

    def close(self) -> None:
        """End the worker, and all that it has started."""
        self._worker.stop()

    def notes(self, layers: Iterable[str]) -> tuple[str, ...]:
        """What the reader of a report must know of how these layers were understood."""
        known = [self._understood[layer] for layer in layers if layer in self._understood]
        return tuple(dict.fromkeys((*self._ready.notes, *(n for one in known for n in one.notes))))

    def dialect(self, layer: str) -> str:
        """The dialect of what was found for a layer; empty if nothing was."""
        return self._understood[layer].dialect if layer in self._understood else ""

    def conventions(self) -> tuple[Convention, ...]:
        """What the implementation's binding declares as meant."""
        return self._ready.conventions

    def lacks(self, layer: str, kind: Kind) -> bool:
        """Whether nothing in the implementation has a name that could serve a spec."""
        return layer in self._ready.lacks

    def run(self, trial: Trial) -> Observation:
        """Everything that the trial showed, also if the worker is lost on the way."""
        for name in _BEFORE_STEPS:
            if trouble := self._barred.get((trial.layer, name)):
                return Observation(trouble=trouble)
        for number, step in enumerate(trial.steps):
            if trouble := self._barred.get((trial.layer, step.do)):
                return self._without(trial, number, trouble)
        try:
            return self._attempt(trial)
        except Lost as lost:
            trouble, reached = self._account(trial, lost)
        printed = self._worker.printed
        if reached is None:
            return Observation(trouble=trouble, printed=printed)
        return replace(self._without(trial, reached, trouble), printed=printed)

    def _attempt(self, trial: Trial) -> Observation:
        if not self._worker.usable:
            self._restart()
        if self._broken is not None:
            raise Lost("crashed", self._broken)
        answer = self._worker.ask(trial, Answer, self._limits.timeout)
        self._understood.update(answer.understood)
        if (trouble := answer.observation.trouble) is not None and trouble.kind == "fault":
            raise SuiteFault(trouble.message, trouble.where or "")
        return replace(answer.observation, printed=self._worker.printed)

    def _restart(self) -> None:
        self._worker.stop()
        if self._broken is None:
            try:
                _, self._worker = self._start()
            except ImplementationError as error:
                self._broken = f"could not be loaded a second time: {error}"

    def _without(self, trial: Trial, number: int, trouble: Trouble) -> Observation:
        """The steps before a step, and the trouble with that one."""
        try:
            before = self._attempt(replace(trial, steps=trial.steps[:number]))
        except Lost:
            return Observation(trouble=trouble)
        return before if before.trouble is not None else replace(before, trouble=trouble)

    def _account(self, trial: Trial, lost: Lost) -> tuple[Trouble, int | None]:
        """The trouble, and the number of the step that it was in; None for what comes before."""
        stage: Stage = lost.note.stage if lost.note is not None else "find"
        number = lost.note.steps if lost.note is not None else None
        if number is not None and (
            number >= len(trial.steps) or (number == 0 and stage in _BEFORE_STEPS)
        ):
            number = None
        what = stage if number is None else trial.steps[number].do
        trouble = Trouble(lost.kind, stage, lost.message, lost.where)
        self._losses[trial.layer, what, lost.kind] += 1
        times = self._losses[trial.layer, what, lost.kind]
        if times >= PATIENCE[lost.kind]:
            message = f"was not tried again: {times} times it {lost.message}"
            self._barred[trial.layer, what] = replace(trouble, message=message)
        return trouble, number
