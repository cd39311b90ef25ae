"""The progress line: no wider than the terminal, and only where somebody watches."""

import os
import re
import subprocess
import sys
from contextlib import suppress
from types import SimpleNamespace

import pytest

from conformance.pytest_run.progress import duration, line, live

pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")


def test_a_line_says_layer_checks_failures_and_time_left():
    assert line("Conv2d", 460, 1840, 2, 10.0) == (
        "Conv2d              460 of 1840 checks  25 %  2 failed  30 s left"
    )


def test_no_time_left_is_guessed_at_first_and_no_failures_are_not_counted():
    assert line("Conv2d", 5, 1000, 0, 0.5).split() == [
        "Conv2d",
        "5",
        "of",
        "1000",
        "checks",
        "0",
        "%",
    ]
    assert "0 %" in line("Conv2d", 0, 0, 0, 0.0)


@pytest.mark.parametrize("width", [1, 5, 20, 40, 60, 80, 200])
def test_a_line_fits(width):
    name = "AVeryLongNameOfALayerThatNobodyWouldGive"
    assert len(line(name, 12345, 67890, 123, 1000.0, width)) <= max(0, width - 1)


def test_a_long_name_is_cut_before_a_number_is():
    text = line("AVeryLongNameOfALayer", 12345, 67890, 123, 1000.0, 65)
    assert "12345 of 67890 checks" in text
    assert re.match(r"A\w*…  ", text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (7.4, "7 s"), (42, "40 s"), (58, "1 min 00 s"), (203, "3 min 25 s")],
)
def test_a_duration_has_no_more_digits_than_an_estimate(seconds, words):
    assert duration(seconds) == words


@pytest.fixture
def watched(monkeypatch):
    """A configuration and a stream with somebody before it."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")

    def make(tty=True, verbosity=0, capture="fd", style="progress", collectonly=False, **more):
        return SimpleNamespace(isatty=lambda: tty), SimpleNamespace(
            get_verbosity=lambda: verbosity,
            getoption=lambda name, default: capture,
            getini=lambda name: style,
            option=SimpleNamespace(collectonly=collectonly),
            **more,
        )

    return make


def test_the_line_is_there_where_somebody_watches(watched):
    stream, config = watched()
    assert live(config, stream)


@pytest.mark.parametrize(
    "asked",
    [
        {"tty": False},
        {"verbosity": 1},
        {"capture": "no"},
        {"style": "count"},
        {"collectonly": True},
        {"workerinput": {}},
    ],
)
def test_pytest_prints_as_always_where_nobody_watches_or_something_else_is_asked(watched, asked):
    stream, config = watched(**asked)
    assert not live(config, stream)


@pytest.mark.parametrize(("name", "value"), [("CI", "true"), ("TERM", "dumb")])
def test_the_environment_can_say_that_nobody_watches(watched, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    stream, config = watched()
    assert not live(config, stream)


def on_a_terminal(*options: str, cwd, **variables: str) -> str:
    """What `pytest --impl=reference` writes to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    env = {k: v for k, v in os.environ.items() if k not in {"CI", "NO_COLOR", "PYTEST_ADDOPTS"}}
    command = [sys.executable, "-m", "pytest", "--impl=reference", *options]
    quick = ["--conformance-layers=ReLU", "--conformance-profile=quick", "--conformance-tier=core"]
    running = subprocess.Popen(
        [*command, *quick, "--conformance-oracle=recorded", "-q", "-p", "no:cacheprovider"],
        cwd=cwd,
        env=env | {"TERM": "xterm", "COLUMNS": "80"} | variables,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = b""
    with suppress(OSError):  # Linux says so when the last writer is gone
        while piece := os.read(ours, 65536):
            written += piece
    os.close(ours)
    assert running.wait(60) == 0, written.decode()
    return written.decode()


def test_a_run_on_a_terminal_shows_the_line_and_takes_it_away(tmp_path):
    text = re.sub(r"\x1b\[[0-9;]*[mK]", "", on_a_terminal(cwd=tmp_path))
    states = [state.rstrip() for state in re.split(r"[\r\n]+", text)]
    shown = [state for state in states if re.match(r"ReLU +\d+ of \d+ checks  \d+ %", state)]
    assert shown
    assert not [state for state in states if re.match(r"\.{3}", state)]
    assert re.search(r"\r {79}\r", text)
    assert re.search(r"conformance: reference 100\.0 %", text)


def test_no_color_leaves_no_escape_sequence_on_a_terminal(tmp_path):
    text = on_a_terminal(cwd=tmp_path, NO_COLOR="1")
    assert re.search(r"ReLU +\d+ of \d+ checks", text)
    assert "\x1b" not in text
