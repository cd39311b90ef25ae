"""The folder of `--conformance-report`: an old report goes first, and nothing is in the way."""

import json
import os
import sys
from pathlib import Path

import pytest

from conformance.extensions import ExtensionError
from conformance.reports import files

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and FIFOs of POSIX")

RELU = ("--conformance-layers=ReLU", "--conformance-oracle=recorded", "--conformance-report=out")
QUICK = (*RELU, "--conformance-profile=quick", "-k", "shape")
FORMS = ("report.json", "index.html", "summary.md", "badge.json")
A_FOLDER = (
    "cannot be written: Is a directory: a folder has this name: remove it, or write elsewhere"
)


@pytest.fixture
def out(pytester):
    """The folder of a run that was green."""
    folder = pytester.path / "out"
    folder.mkdir()
    for name in FORMS:
        (folder / name).write_text("100.0 %")
    return folder


def left(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    "mistake",
    ["--conformance-seed=x", "--impl=no_such.py", "--conformance-layers=Relo", "no_such.toml"],
)
def test_a_usage_error_leaves_no_report_of_before(pytester, out, mistake):
    result = pytester.runpytest("--impl=reference", *QUICK, mistake)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert not any("100.0 %" in (out / name).read_text() for name in left(out))


def test_nor_does_a_broken_extension(pytester, out, monkeypatch):
    class Broken:
        def __getattr__(self, name):
            raise ExtensionError("extension 'mine' cannot be loaded")

    monkeypatch.setitem(sys.modules, "conformance.pytest_run.session", Broken())
    result = pytester.runpytest("--impl=reference", *QUICK)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: extension 'mine' cannot be loaded" in result.stderr.lines
    assert left(out) == []


def test_an_implementation_with_a_syntax_error_is_what_the_report_says(pytester, out):
    pytester.makepyfile(lab="class ReLU:\n    def forward(self, x) return x\n")
    result = pytester.runpytest("--impl=lab.py", *QUICK)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    report = json.loads((out / "report.json").read_text())
    assert "lab.py" in report["unfinished"]
    assert "SyntaxError" in report["unfinished"]
    assert report["summary"]["not_run"] == report["summary"]["planned"] > 0
    assert json.loads((out / "badge.json").read_text())["color"] == "red"
    assert "SyntaxError" in (out / "index.html").read_text()
    assert left(out) == sorted(FORMS)


def test_links_and_fifos_are_replaced(pytester, out):
    foreign = pytester.path / "foreign.txt"
    foreign.write_text("theirs")
    for name in FORMS[:2]:
        (out / name).unlink()
    (out / "report.json").symlink_to(foreign)
    os.mkfifo(out / "index.html")
    result = pytester.runpytest_subprocess("--impl=reference", *QUICK, timeout=60)
    assert result.ret == 0
    assert foreign.read_text() == "theirs"
    assert json.loads((out / "report.json").read_text())["unfinished"] == ""
    assert all((out / name).is_file() and not (out / name).is_symlink() for name in FORMS)


@pytest.mark.parametrize("name", ["report.json", "index.html"])
def test_a_folder_in_the_way_is_one_message_before_the_run(pytester, out, name):
    (out / name).unlink()
    (out / name).mkdir()
    result = pytester.runpytest("--impl=reference", *QUICK)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.lines == [f"ERROR: --conformance-report: {out / name}: {A_FOLDER}", ""]


SABOTAGE = """
import os
from pathlib import Path
from reference_impls import numpy_reference

class ReLU(numpy_reference.ReLU):
    def forward(self, x):
        path = Path({path!r})
        if path.is_file() and not path.is_symlink():
            path.unlink()
            {what}
        return super().forward(x)
"""


def test_what_is_put_in_the_way_during_the_run_is_replaced(pytester, out):
    foreign = pytester.path / "foreign.txt"
    foreign.write_text("theirs")
    what = f"path.symlink_to({str(foreign)!r})"
    pytester.makepyfile(lab=SABOTAGE.format(path=str(out / "report.json"), what=what))
    result = pytester.runpytest("--impl=lab.py", "--no-conformance-isolate", *QUICK)
    assert result.ret == 0
    assert foreign.read_text() == "theirs"
    assert json.loads((out / "report.json").read_text())["summary"]["passed"] > 0


def test_what_cannot_be_replaced_is_one_message_after_the_summary(pytester, out):
    path = out / "report.json"
    pytester.makepyfile(lab=SABOTAGE.format(path=str(path), what="path.mkdir()"))
    result = pytester.runpytest("--impl=lab.py", "--no-conformance-isolate", *QUICK)
    assert_unwritten(result, f"{path}: {A_FOLDER}")
    assert json.loads((out / "badge.json").read_text())["message"].startswith("unfinished")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
@pytest.mark.parametrize("room", [0, 4, 5], ids=["nothing", "no journal", "no report at the end"])
def test_a_full_disk_is_one_message_and_the_summary_is_printed(pytester, out, monkeypatch, room):
    opened = []

    def open_new(path):
        opened.append(path)
        return os.open("/dev/full", os.O_WRONLY) if len(opened) > room else real(path)

    real = files.open_new
    monkeypatch.setattr(files, "open_new", open_new)
    monkeypatch.setattr("conformance.reports.journal.open_new", open_new)
    result = pytester.runpytest("--impl=reference", *QUICK)
    full = "cannot be written: No space left on device: free some space, or write elsewhere"
    assert_unwritten(result, f"{out / 'report.json'}: {full}")
    if room:
        assert json.loads((out / "badge.json").read_text())["message"].startswith("unfinished")
    else:
        assert left(out) == []


def assert_unwritten(result, message):
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert [line for line in result.outlines if "cannot be written" in line] == [message]
    assert not any(line.startswith("report: ") for line in result.outlines)
    assert result.outlines[-1].startswith("conformance: ")
    assert "100.0 %" in result.outlines[-1]
    assert "Traceback" not in result.stdout.str()
