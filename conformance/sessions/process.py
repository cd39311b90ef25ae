"""A worker process, as its parent sees it."""

from __future__ import annotations

import json
import os
import secrets
import select
import signal
import subprocess
import sys
import time
import weakref
from contextlib import suppress
from typing import Any, Literal, TypeVar

from conformance.sessions.messages import UNREACHABLE
from conformance.sessions.trace import Note, TraceReader
from conformance.sessions.wire import NONCE, Incoming, WireError, pack

R = TypeVar("R")

# The worker sees the modules that its parent sees, and nothing on its command line.
_BOOT = (
    "import sys, json; _, path, *ends = sys.argv; sys.path[:] = json.loads(path); del sys.argv[1:];"
    "from conformance.sessions.worker import main; main(*map(int, ends))"
)
PRINTED = 2000  # bytes that are kept of what a candidate prints
_TICK = 0.2  # seconds after which the worker is looked at when it says nothing
_PATIENCE = 2.0  # seconds for a process to die, or to say where it is


class Lost(Exception):
    """The worker is gone, or of no more use; `note` says what it was doing."""

    def __init__(
        self,
        kind: Literal["crashed", "timeout"],
        message: str,
        where: str | None = None,
        note: Note | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.where = where
        self.note = note


class Worker:
    """A process in a group of its own, with three pipes: requests, answers, and what it prints."""

    def __init__(self) -> None:
        self._nonce = secrets.token_bytes(NONCE)
        self._number = 0
        self._trace = TraceReader()
        to_read, self._requests = os.pipe()
        self._answers, to_write = os.pipe()
        self._output, printing = os.pipe()
        ends = (to_read, to_write, self._trace.descriptor)
        command = [sys.executable, "-P", "-c", _BOOT, json.dumps(sys.path), *map(str, ends)]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=printing,
                stderr=printing,
                pass_fds=ends,
                start_new_session=True,
            )
        finally:
            for end in (to_read, to_write, printing):
                os.close(end)
        self._kept = bytearray()
        self._dropped = 0
        for end in (self._requests, self._output):
            os.set_blocking(end, False)
        ours = (self._requests, self._answers, self._output)
        self.stop = weakref.finalize(self, _end, self._process, ours, self._trace)
        self._poll = select.poll()
        self._poll.register(self._answers, select.POLLIN)
        self._poll.register(self._output, select.POLLIN)
        self._waiting: bytes = self._nonce

    @property
    def usable(self) -> bool:
        """Whether it waits for a request: it lives, and has said nothing since the last answer."""
        if not self.stop.alive:
            return False
        self._drain()
        watch = select.poll()
        watch.register(self._answers, select.POLLIN)
        return not watch.poll(0) and self._process.poll() is None

    def ask(self, record: Any, kind: type[R], timeout: float) -> R:
        """Send a record, wait for the answer.

        The time counts from the last stage that the worker has announced. Raises `Lost` if there is
        no answer; the worker is stopped then.
        """
        try:
            return self._ask(record, kind, timeout)
        except BaseException:  # also Ctrl-C: what is going on there must end, too
            self.stop()
            raise

    def _ask(self, record: Any, kind: type[R], timeout: float) -> R:
        self._number += 1
        self._kept.clear()
        self._dropped = 0
        outgoing = memoryview(self._waiting + pack(record, self._nonce, self._number))
        self._waiting = b""
        incoming = Incoming(self._nonce, self._number)
        self._asked = time.monotonic()
        deadline = self._asked + timeout
        while incoming.wanted:
            outgoing = self._write(outgoing)
            now = time.monotonic()
            if now >= deadline:
                note = self._note()
                deadline = (note.time if note is not None else self._asked) + timeout
                if now >= deadline:
                    raise self._timeout(timeout, note)
            ready = dict(self._poll.poll(1000 * min(_TICK, deadline - now)))
            if self._output in ready:
                self._drain()
            if self._answers in ready:
                data = os.read(self._answers, min(incoming.wanted, 1 << 20))
                if not data:
                    raise self._death()
                try:
                    incoming.feed(data)
                except WireError:
                    raise self._garbage() from None
            elif not ready and self._process.poll() is not None:
                raise self._death()  # a process that it has started holds the pipe open
        try:
            answer = incoming.record(kind)
        except WireError:
            raise self._garbage() from None
        self._drain()
        return answer

    def _write(self, outgoing: memoryview) -> memoryview:
        """Write as much as the pipe takes; what is left is written when it takes more."""
        if not outgoing:
            return outgoing
        with suppress(BlockingIOError):
            outgoing = outgoing[os.write(self._requests, outgoing) :]
        if outgoing:
            self._poll.register(self._requests, select.POLLOUT)
        else:
            with suppress(KeyError):
                self._poll.unregister(self._requests)
        return outgoing

    # --- what it prints -----------------------------------------------------------------------

    @property
    def printed(self) -> str:
        """What was printed since the last request, cut where it is long."""
        text = self._kept.decode("utf-8", "replace")
        return text + (f"… and {self._dropped} bytes more\n" if self._dropped else "")

    def _drain(self) -> None:
        """Read what was printed, so that printing never blocks, and keep the start of it."""
        with suppress(BlockingIOError):
            data = os.read(self._output, 1 << 16)
            room = PRINTED - len(self._kept)
            self._kept += data[:room]
            self._dropped += len(data[room:])

    # --- how it ends --------------------------------------------------------------------------

    def _timeout(self, timeout: float, note: Note | None) -> Lost:
        """It takes too long: ask where it is, and kill it."""
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGUSR1)
        give_up = time.monotonic() + _PATIENCE
        while (where := self._trace.where()) is None and time.monotonic() < give_up:
            time.sleep(0.01)
        return Lost("timeout", f"did not finish within {timeout:g} s and was killed", where, note)

    def _note(self) -> Note | None:
        """What it was doing last; None if it has not begun with the last request."""
        note = self._trace.last()
        # A candidate can write to the file: no time of its own may put off the end.
        known = note is not None and self._asked <= note.time <= time.monotonic()
        return note if known else None

    def _garbage(self) -> Lost:
        """It has written to the pipe itself; by now it may be anywhere else."""
        return Lost("crashed", "wrote to the suite's pipe, or one of its child processes did")

    def _death(self) -> Lost:
        """Its pipe is closed: it has died, or the candidate has closed it."""
        self._drain()
        try:
            status = self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            message = "closed the channel of this suite"
        else:
            message = describe_status(status)
            if status == UNREACHABLE:
                message = "closed the channel of this suite"
        return Lost("crashed", message, self._trace.where(), self._note())


def describe_status(status: int) -> str:
    """How a process ended, as what the candidate did."""
    if status >= 0:
        return f"ended the process with exit status {status}"
    if status == -signal.SIGSEGV:
        return f"died of a segmentation fault (signal {-status})"
    if status == -signal.SIGKILL:
        return f"was killed (signal {-status}), perhaps because memory ran out"
    return f"died of signal {-status} ({signal.strsignal(-status)})"


def _end(process: subprocess.Popen[bytes], pipes: tuple[int, ...], trace: TraceReader) -> None:
    """Kill the process and all that it has started, and wait for it: nothing is left over."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in pipes:
        os.close(pipe)
    trace.close()
