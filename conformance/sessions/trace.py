"""What a worker was doing, readable after its death.

A file that both processes hold open: the worker notes in it what begins, and `faulthandler` writes
there on which line it was when it died or was asked.
"""

from __future__ import annotations

import os
import re
import struct
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from typing import IO, get_args

from conformance.candidates.trouble import place
from conformance.records.observation import Stage

_NOTE = struct.Struct("<dII")
_STAGES: tuple[Stage, ...] = get_args(Stage)
# How faulthandler writes a frame; the innermost comes first.
_FRAME = re.compile(r'^ +File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<name>.+)$', re.MULTILINE)
_LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib"))


@dataclass(frozen=True)
class Note:
    """A stage that began at a time (of the clock `time.monotonic`), after so many steps."""

    time: float
    stage: Stage
    steps: int


class TraceWriter:
    """The worker's end."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        os.lseek(descriptor, _NOTE.size, os.SEEK_SET)  # behind the note: what faulthandler writes

    def note(self, stage: Stage, steps: int) -> None:
        """Say what begins."""
        note = _NOTE.pack(time.monotonic(), _STAGES.index(stage), steps)
        os.pwrite(self.descriptor, note, 0)


class TraceReader:
    """The parent's end, which owns the file."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 – see close
        self.descriptor = self._file.fileno()

    def last(self) -> Note | None:
        """The last note, if there is any that makes sense."""
        data = os.pread(self.descriptor, _NOTE.size, 0)
        if len(data) < _NOTE.size:
            return None
        when, stage, steps = _NOTE.unpack(data)
        return Note(when, _STAGES[stage], steps) if stage < len(_STAGES) else None

    def where(self) -> str | None:
        """The innermost line of the candidate that faulthandler has written down.

        That is one of its own files rather than of a library that it calls.
        """
        text = os.pread(self.descriptor, 1 << 16, _NOTE.size).decode("utf-8", "replace")
        frames = [frame.groupdict() for frame in _FRAME.finditer(text)]
        for foreign in (_LIBRARIES, _LIBRARIES[:1], ()):
            for frame in frames:
                if not frame["file"].startswith(foreign):
                    found = place(frame["file"], int(frame["line"]), frame["name"])
                    if found is not None:
                        return found
        return None

    def close(self) -> None:
        """Give the file back."""
        self._file.close()
