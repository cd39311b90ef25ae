"""Run trials in this process."""

from __future__ import annotations

from collections.abc import Iterable

from threadpoolctl import threadpool_limits

from conformance.candidates.implementation import Implementation
from conformance.records.observation import Observation
from conformance.records.report import Convention
from conformance.records.trial import Trial
from conformance.sessions.generators import put_back
from conformance.sessions.layer_run import LayerRun
from conformance.sessions.run import Run, Watch
from conformance.sessions.training_runs import NetRun, OptimizerRun, SchedulerRun
from conformance.spec.terms import Kind

_RUNS: dict[str, type[Run]] = {
    "layer": LayerRun,
    "loss": LayerRun,
    "container": LayerRun,
    "optimizer": OptimizerRun,
    "scheduler": SchedulerRun,
    "net": NetRun,
}


class InProcessSession:
    """A session over an implementation that is imported here.

    `watch` is told what is going on; `foreign_interrupts` says that no KeyboardInterrupt can come
    from the user (see `Run`).
    """

    def __init__(
        self,
        implementation: Implementation,
        watch: Watch | None = None,
        foreign_interrupts: bool = False,
    ) -> None:
        self.implementation = implementation
        self.name = implementation.name
        self._watch = watch
        self._foreign_interrupts = foreign_interrupts
        # Small trials are several times slower with more than one BLAS thread.
        self._threads = threadpool_limits(1)

    def notes(self, layers: Iterable[str]) -> tuple[str, ...]:
        """What the reader of a report must know of how these layers were understood."""
        return self.implementation.remarks(layers)

    def dialect(self, layer: str) -> str:
        """The dialect of what was found for a layer; empty if nothing was."""
        found = self.implementation.found(layer)
        return "" if found is None else found.dialect.name

    def conventions(self) -> tuple[Convention, ...]:
        """What the implementation's binding declares as meant."""
        return self.implementation.conventions()

    def lacks(self, layer: str, kind: Kind) -> bool:
        """Whether nothing in the implementation has a name that could serve a spec."""
        return self.implementation.lacks(layer, kind)

    def run(self, trial: Trial) -> Observation:
        """Build the layer and take the trial's steps, up to the first that fails."""
        with put_back():
            run = _RUNS[trial.kind](self.implementation, trial, self._watch)
            return run.observe(self._foreign_interrupts)

    def close(self) -> None:
        """Nothing to give back."""
