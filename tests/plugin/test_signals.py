"""A run that is ended from outside: the report says that it is unfinished, and nothing is left."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

SLOW = """
import os, time
from pathlib import Path
from reference_impls import numpy_reference

with Path({folder!r}, "processes").open("a") as file:
    file.write(f"{{os.getpid()}} {{os.getppid()}} ")

class ReLU(numpy_reference.ReLU):
    def forward(self, x):
        time.sleep(0.2)
        return super().forward(x)
"""
TERM = "interrupted by SIGTERM"


def listen():
    """Ctrl-C is heard also where these tests run in the background of a shell."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def alive(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def lines(folder):
    path = folder / "journal.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def end_by(number, folder, *extra):
    """Send a signal once there are verdicts; the exit status, what was printed, the report."""
    (folder / "slow.py").write_text(SLOW.format(folder=str(folder)))
    out = folder / "out"
    out.mkdir()
    (out / "badge.json").write_text('{"message": "100.0 %", "color": "brightgreen"}')
    command = "-m pytest --impl=slow.py --conformance-layers=ReLU --conformance-oracle=recorded"
    arguments = [sys.executable, *command.split(), "--conformance-report=out", *extra]
    run = subprocess.Popen(
        arguments,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=listen,
    )
    try:
        wait_for(lambda: lines(out) >= 3 or run.poll() is not None)
        run.send_signal(number)
        printed, _ = run.communicate(timeout=60)
    finally:
        run.kill()
        run.wait()
    started = (folder / "processes").read_text().split()
    assert len(started) >= 2
    others = {*started} - {str(os.getpid())}
    if number == signal.SIGKILL:  # what it had started is orphaned, and ends by itself
        others -= {str(run.pid)}
    wait_for(lambda: not any(map(alive, others)), 20)
    return run.returncode, printed, json.loads((out / "report.json").read_text())


def assert_not_green(out):
    badge = json.loads((out / "badge.json").read_text())
    assert badge["color"] == "red"
    assert badge["message"].startswith("unfinished")
    assert "unfinished: " in (out / "index.html").read_text()
    assert "unfinished: " in (out / "summary.md").read_text()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize(
    ("number", "extra", "why"),
    [
        (signal.SIGTERM, (), TERM),
        (signal.SIGINT, (), "interrupted by SIGINT (Ctrl-C)"),
        (signal.SIGTERM, ("-n", "2"), TERM),
    ],
    ids=["SIGTERM", "SIGINT", "SIGTERM-xdist"],
)
def test_an_interrupted_run_reports_what_it_knows(tmp_path, number, extra, why):
    if extra:
        pytest.importorskip("xdist")
    status, printed, report = end_by(number, tmp_path, *extra)
    assert status == 2, printed
    assert report["unfinished"] == why
    assert f"unfinished: {why}; " in printed
    summary = report["summary"]
    assert summary["passed"] >= 3
    assert summary["not_run"] > 0
    assert summary["failed"] == summary["errored"] == 0
    assert not (tmp_path / "out" / "journal.jsonl").exists()
    assert_not_green(tmp_path / "out")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_what_is_left_of_a_killed_run_says_so_and_has_its_verdicts(tmp_path):
    status, _, report = end_by(signal.SIGKILL, tmp_path)
    out = tmp_path / "out"
    assert status == -signal.SIGKILL
    assert report["unfinished"] == "the run has not come to its end"
    assert report["summary"]["not_run"] == report["summary"]["planned"] > 0
    assert_not_green(out)
    found = lines(out)
    with (out / "journal.jsonl").open("a") as journal:
        journal.write('{"id": "cut sho')
    command = [sys.executable, "-m", "conformance", "report", "out"]
    shown = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    words = " ".join(shown.split())
    assert f"the run has not come to its end ({found} verdicts are from its journal)" in words
    planned = report["summary"]["planned"]
    assert f"{planned - found} of {planned} planned checks were not run" in words
