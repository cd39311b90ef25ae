"""The process in which an isolated candidate lives: load it, then a trial in, an observation out.

It trusts the candidate with nothing that others depend on: standard output, the working directory
and NumPy's error handling are put back after each trial, and if it is beyond repair, its parent
starts another one.
"""

from __future__ import annotations

import faulthandler
import fcntl
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from conformance.candidates.implementation import Implementation
from conformance.candidates.loading.paths import BrokenImplementation, ImplementationError, load
from conformance.candidates.trouble import describe_exception
from conformance.records.fault import PREFIX, describe_fault
from conformance.records.observation import Observation, Stage, Trouble
from conformance.records.trial import Trial
from conformance.sessions.in_process import InProcessSession
from conformance.sessions.limits import limit_memory, no_core_dumps
from conformance.sessions.messages import UNREACHABLE, Answer, Ready, Setup, Understood
from conformance.sessions.trace import TraceWriter
from conformance.sessions.wire import NONCE, Incoming, WireError, pack
from conformance.spec.catalogue import header, spec_files
from conformance.spec.catalogue import load as load_spec

R = TypeVar("R")

# Where candidates that close or write to the first few descriptors do not reach by accident.
_FAR = 200
# Seconds after its parent should have killed it in which the worker ends itself: it may be alone.
_GRACE = 10.0


def main(requests: int, answers: int, trace: int) -> None:
    """Serve until the other side closes the pipe; never returns."""
    channel = _Channel(_far(requests), _far(answers))
    writer = TraceWriter(_far(trace))
    streams = _Streams()
    setup = channel.receive(Setup)
    assert setup is not None
    no_core_dumps()
    _tell_where(writer)
    sys.breakpointhook = _no_debugger
    session, ready = _load(setup, writer)
    understood = _News()
    try:
        streams.put_right()
        channel.send(ready)
        while session is not None and (trial := channel.receive(Trial)) is not None:
            answer = _answer(session, trial, understood)
            signal.setitimer(signal.ITIMER_REAL, 0)
            streams.put_right()
            channel.answer(answer)
    except (OSError, WireError):
        os._exit(UNREACHABLE)
    os._exit(0)  # without waiting for the candidate's threads, or running what it left to be run


def _answer(session: InProcessSession, trial: Trial, understood: _News) -> Answer:
    """What the trial showed; a fault of the suite is told to the parent, which raises it."""
    try:
        return Answer(session.run(trial), understood(session.implementation))
    except MemoryError:
        raise  # the limit is the candidate's
    except Exception as error:
        message, trace = describe_fault(error)
        message = message.removeprefix(PREFIX)
        return Answer(Observation(trouble=Trouble("fault", "find", message, trace)))


def _load(setup: Setup, writer: TraceWriter) -> tuple[InProcessSession | None, Ready]:
    """Import the candidate."""
    unlimited: tuple[str, ...] = ()
    if not limit_memory(setup.memory):
        unlimited = (f"memory was not limited: {sys.platform} does not allow it",)
    signal.setitimer(signal.ITIMER_REAL, setup.loading + _GRACE)
    try:
        specs = [load_spec(Path(file)) for file in setup.specs]
        name, whole = setup.implementation, setup.run_all_cells
        implementation = load(name, whole, setup.binding, specs)
    except ImplementationError as error:
        return None, Ready(error=str(error), broken=isinstance(error, BrokenImplementation))
    except BaseException as error:
        message, where = describe_exception(error)
        text = f"importing it failed: {message}" + (f" ({where})" if where else "")
        return None, Ready(error=f"--impl={setup.implementation}: {text}", broken=True)
    signal.setitimer(signal.ITIMER_REAL, 0)

    def watch(stage: Stage, steps: int) -> None:
        writer.note(stage, steps)
        signal.setitimer(signal.ITIMER_REAL, setup.timeout + _GRACE)

    session = InProcessSession(implementation, watch, foreign_interrupts=True)
    notes = (*implementation.notes, *unlimited)
    known = {**dict(map(header, spec_files())), **{spec.name: spec.kind for spec in specs}}
    lacks = tuple(name for name, kind in known.items() if kind and session.lacks(name, kind))
    conventions = session.conventions()
    return session, Ready(session.name, notes=notes, conventions=conventions, lacks=lacks)


class _News:
    """How layers were understood, said once for each."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __call__(self, implementation: Implementation) -> dict[str, Understood]:
        """What has been found since the last time."""
        found = implementation.everything_found()
        new = {layer: one for layer, one in found.items() if layer not in self._told}
        self._told.update(new)
        return {layer: Understood(one.dialect.name, tuple(one.notes)) for layer, one in new.items()}


def _far(descriptor: int) -> int:
    """The descriptor under a high number, closed in programs that the candidate runs."""
    far = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FAR)
    os.close(descriptor)
    return far


def _tell_where(writer: TraceWriter) -> None:
    """On which line the candidate is, when the process dies and when it is asked."""
    faulthandler.enable(writer.descriptor, all_threads=False)
    faulthandler.register(signal.SIGUSR1, writer.descriptor, all_threads=False)


def _no_debugger(*arguments: Any, **keywords: Any) -> None:
    raise RuntimeError("breakpoint() needs a terminal: use --no-conformance-isolate")


class _Channel:
    """The pipes to and from the parent."""

    def __init__(self, requests: int, answers: int) -> None:
        self._requests, self._answers = requests, answers
        self._process = os.getpid()
        self._number = 0
        self._nonce = b""
        while len(self._nonce) < NONCE:
            self._nonce += self._read(NONCE - len(self._nonce)) or os._exit(0)

    def receive(self, kind: type[R]) -> R | None:
        """The next record; None when the parent has closed the pipe."""
        self._number += 1
        incoming = Incoming(self._nonce, self._number)
        while wanted := incoming.wanted:
            data = self._read(wanted)
            if not data:
                return None
            incoming.feed(data)
        return incoming.record(kind)

    def _read(self, wanted: int) -> bytes:
        return os.read(self._requests, min(wanted, 1 << 20))

    def answer(self, answer: Answer) -> None:
        """Send an observation, or say why it cannot be sent."""
        try:
            self.send(answer)
        except (WireError, MemoryError) as error:
            last: Stage = "backward" if len(answer.observation.steps) > 1 else "forward"
            text = str(error) or type(error).__name__
            trouble = Trouble("contract", last, f"what it gave cannot be handed over: {text}")
            self.send(Answer(Observation(trouble=trouble), answer.understood))

    def send(self, record: Any) -> None:
        """Send a record. A process that the candidate has forked says nothing."""
        if os.getpid() != self._process:
            os._exit(0)
        frame = memoryview(pack(record, self._nonce, self._number))
        while frame:
            frame = frame[os.write(self._answers, frame) :]


class _Streams:
    """Standard output and error, which a candidate may close or replace."""

    def __init__(self) -> None:
        self._spare = os.dup(1), os.dup(2)
        self._spare = _far(self._spare[0]), _far(self._spare[1])
        self._own = self._open(1), self._open(2)
        sys.stdout, sys.stderr = self._own

    @staticmethod
    def _open(descriptor: int) -> Any:
        # Line by line, so that what was printed before a crash is not lost.
        return open(descriptor, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)

    def put_right(self) -> None:
        """Make them usable, and show all that was printed."""
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        for descriptor, spare in zip((1, 2), self._spare, strict=True):
            os.dup2(spare, descriptor)
        with suppress(Exception):
            for stream in self._own:
                stream.flush()
        if any(stream.closed for stream in self._own):
            self._own = self._open(1), self._open(2)
        sys.stdout, sys.stderr = self._own
