"""How far a run is: one line on a terminal in place of pytest's dots.

pytest's reporter goes on counting and prints its summaries; only what it would write between them
is left out. Where nobody watches (CI, a pipe), or somebody asked for another form (``-v``, ``-s``,
``console_output_style``), there is no such line, and pytest prints as it always does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from time import monotonic
from typing import Any, TextIO

import pytest

EVERY = 0.1  # seconds between two lines
SETTLED = 2.0  # seconds until a rate says something about the time left


def live(config: pytest.Config, stream: TextIO) -> bool:
    """Whether somebody watches the stream who asked for nothing else."""
    return (
        stream.isatty()
        and config.get_verbosity() <= 0
        and config.getoption("capture", "no") != "no"
        and config.getini("console_output_style") == "progress"
        and not config.option.collectonly
        and not os.environ.get("CI")
        and os.environ.get("TERM") != "dumb"
        and not hasattr(config, "workerinput")
    )


def line(layer: str, done: int, planned: int, failed: int, seconds: float, width: int = 80) -> str:
    """``Conv2d  123 of 1840 checks  7 %  2 failed  1 min 20 s left``, no wider than that."""
    parts = [f"{done} of {planned} checks", f"{100 * done // max(planned, 1)} %"]
    if failed:
        parts.append(f"{failed} failed")
    if done and seconds >= SETTLED:
        parts.append(f"{duration(seconds / done * (planned - done))} left")
    room = max(0, min(18, width - 1 - sum(len(part) + 2 for part in parts)))
    name = layer if len(layer) <= room else layer[: max(0, room - 1)] + "…" * (room > 0)
    return "  ".join([f"{name:<{room}}", *parts])[: width - 1]


def duration(seconds: float) -> str:
    """``40 s``, ``3 min 20 s``: no more digits than an estimate has."""
    whole = round(seconds) if seconds < 10 else round(seconds / 5) * 5
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


class Progress:
    """The line; registered for the session where it is `live`."""

    def __init__(self, session: pytest.Session, terminal: Any) -> None:
        self.session = session
        self.writer = session.config.get_terminal_writer()
        self.logging = False
        self.done = self.failed = 0
        self.start = self.last = 0.0
        self.shown = False
        terminal.showfspath = False  # the names of files

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Iterator[None]:
        """Take the line away before anything else is printed."""
        self.start = monotonic()
        try:
            return (yield)
        finally:
            self._clear()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Iterator[None]:
        """Count; the reporter counts, too, but writes nothing."""
        self.logging = True
        try:
            result = yield
        finally:
            self.logging = False
        self.failed += report.failed
        # A check is done when it was called, or when that never came about.
        if report.when == "call" or (report.when == "setup" and not report.passed):
            self.done += 1
            now = monotonic()
            if now - self.last >= EVERY:
                self.last = now
                self._show(report.location[2].partition(" :: ")[0])
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> Iterator[Any]:
        """The category without its letter, while a result is logged; summaries need the words."""
        result = yield
        return (result[0], "", "") if self.logging and result else result

    def _show(self, layer: str) -> None:
        planned = self.session.testscollected
        seconds = monotonic() - self.start
        self._write(line(layer, self.done, planned, self.failed, seconds, self.writer.fullwidth))
        self.shown = True

    def _clear(self) -> None:
        if self.shown:
            self._write("")

    def _write(self, text: str) -> None:
        """Overwrite the line, past pytest's reporter, and leave the cursor where it begins.

        The reporter puts percentages behind what it has written itself: nothing.
        """
        stream = sys.stdout  # capturing has just been suspended
        encoding = stream.encoding or "utf-8"
        padded = text.ljust(self.writer.fullwidth - 1).encode(encoding, "replace").decode(encoding)
        stream.write(f"\r{padded}\r")
        stream.flush()
