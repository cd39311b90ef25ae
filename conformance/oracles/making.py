"""Make recordings: run PyTorch on every named case of a spec."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from conformance.candidates.loading.paths import load
from conformance.generation.programs import Programs
from conformance.oracles.accuracy import expected_steps
from conformance.oracles.recording import Recording
from conformance.records.trial import Trial
from conformance.sessions.in_process import InProcessSession
from conformance.spec.bound_case import BoundCase, bind
from conformance.spec.catalogue import recording_path
from conformance.spec.model import Spec


def recorded_trials(spec: Spec) -> Iterator[tuple[BoundCase, Trial]]:
    """Every trial of the named cases that some check compares with an oracle."""
    for case in spec.cases:
        bound = bind(spec, case)
        for mode in bound.modes():
            programs = Programs(bound, mode)
            if spec.kind == "optimizer":
                yield bound, programs.trajectory()
            if spec.kind == "net":
                yield bound, programs.training()
            if spec.kind in ("optimizer", "scheduler", "net"):  # a closed form judges schedules
                continue
            if not bound.is_random(mode):
                yield bound, programs.single()
                if bound.buffers():
                    yield bound, programs.twice()
            if len(bound.modes()) > 1:
                yield bound, programs.mode_switches()


def make_recording(spec: Spec) -> Recording:
    """Run PyTorch; raises `OracleError` where it fails, `ImplementationError` without it."""
    session = InProcessSession(load("torch"))
    recording = Recording(version("torch").partition("+")[0])
    for bound, trial in recorded_trials(spec):
        recording.add(trial, expected_steps(session.run, bound, trial))
    return recording


def write_recording(spec: Spec) -> Path | None:
    """Make and save the recording of a spec; returns the file, None where nothing is recorded."""
    path, recording = recording_path(spec), make_recording(spec)
    assert path is not None
    if not recording.expected:
        return None
    recording.save(path)
    return path
