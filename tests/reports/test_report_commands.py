"""`conformance report`, and what all three commands say of a file that they cannot read."""

import json

import pytest
from reports.handmade import failure, report
from typer.testing import CliRunner

from conformance.cli import app
from conformance.cli.output import plain_console, watched
from conformance.records.report import SCHEMA_VERSION
from conformance.reports.folder import write_folder
from conformance.reports.json_report import write_json

FOUND = report(failure())


def written(folder, text) -> str:
    path = folder / "bad.json"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def other_version(folder) -> str:
    data = json.loads(write_json(FOUND, folder).read_text("utf-8"))
    return written(folder, json.dumps(data | {"schema_version": "0.9"}))


def without_layers(folder) -> str:
    data = json.loads(write_json(FOUND, folder).read_text("utf-8"))
    del data["layers"]
    return written(folder, json.dumps(data))


UNREADABLE = {
    "missing": (lambda f: written(f, None), "cannot be read: No such file or directory"),
    "an empty folder": (lambda f: str(f), "report.json: cannot be read"),
    "not JSON": (lambda f: written(f, "{"), "is not a report: not JSON"),
    "not text": (lambda f: written(f, b"\xff\xfe{"), "is not a report: not"),
    "nested": (lambda f: written(f, "[" * 100_000), "is not a report: not JSON"),
    "a list": (lambda f: written(f, "[]"), "it has no schema_version"),
    "another file": (lambda f: written(f, "{}"), "--conformance-report=DIR writes one"),
    "another version": (other_version, "schema version 0.9, and this version of"),
    "a part": (without_layers, "is a broken report: at layers: Field required (1 mistake in all)"),
}


@pytest.mark.parametrize("command", ["report", "diff", "compare"])
@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_file_that_cannot_be_read_is_one_clear_message(kind, command, tmp_path):
    make, message = UNREADABLE[kind]
    folder = tmp_path / "bad"
    folder.mkdir()
    bad = make(folder)
    good = str(write_json(FOUND, tmp_path / "good"))
    files = [bad] if command == "report" else [good, bad]
    result = CliRunner().invoke(app, [command, *files])
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    [line] = result.output.splitlines()
    assert line.startswith(f"conformance: {folder}")
    assert message in line
    if kind == "another version":
        assert f"reads {SCHEMA_VERSION}: grade again" in line


def test_a_report_is_shown_again_in_every_form(tmp_path):
    folder = write_folder(FOUND, tmp_path / "out").parent
    for form, name in (("html", "index.html"), ("markdown", "summary.md")):
        result = CliRunner().invoke(app, ["report", str(folder), "--format", form])
        assert (result.exit_code, result.output) == (0, (folder / name).read_text("utf-8"))
        out = tmp_path / "again" / name
        result = CliRunner().invoke(
            app, ["report", str(folder), "--format", form, "--out", str(out)]
        )
        assert result.exit_code == 0
        assert out.read_bytes() == (folder / name).read_bytes()
    result = CliRunner().invoke(app, ["report", str(folder / "report.json")])
    assert result.exit_code == 0
    assert result.output.splitlines()[-1].startswith("conformance: lab.py 0.0 %")


def test_a_file_that_cannot_be_written_is_one_clear_message(tmp_path):
    path = write_json(FOUND, tmp_path)
    out = path / "below-a-file.html"
    result = CliRunner().invoke(app, ["report", str(path), "--format", "html", "--out", str(out)])
    assert result.exit_code == 2
    [line] = result.output.splitlines()
    assert line.startswith(f"conformance: {out}: cannot be written: ")


@pytest.mark.parametrize("command", ["report", "compare"])
@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_no_color_wins_over_force_color(command, no_color, coloured, tmp_path, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", no_color)
    files = [str(write_json(FOUND, tmp_path))] * (2 if command == "compare" else 1)
    result = CliRunner().invoke(app, [command, *files], color=True)
    assert result.exit_code == 0
    assert ("\x1b" in result.output) is coloured


def test_force_color_draws_no_bar_into_a_file(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    console = plain_console(stderr=True)
    assert console.is_terminal  # so rich believes
    assert not watched(console)
