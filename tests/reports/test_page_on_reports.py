"""docs/reports.md says what is so."""

import json
import re
from pathlib import Path

import pytest
from reports.handmade import failure, report
from typer.testing import CliRunner

from conformance.cli import app
from conformance.pytest_run.progress import line
from conformance.pytest_run.summary import junit_properties
from conformance.reports.difference import LISTED
from conformance.reports.folder import write_folder
from conformance.reports.html_report import IN_FULL, SCRIPT, TEXT
from conformance.reports.markdown import FAILURES

DOCS = Path(__file__).parents[2] / "docs"
TEXT_OF_PAGE = (DOCS / "reports.md").read_text(encoding="utf-8")


def test_every_file_of_the_folder_is_named(tmp_path):
    write_folder(report(failure()), tmp_path)
    named = re.findall(r"^\| `([\w.]+)` \|", TEXT_OF_PAGE, re.MULTILINE)
    assert sorted(named) == sorted(path.name for path in tmp_path.iterdir())


def test_a_report_follows_its_schema(tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    write_folder(report(failure()), tmp_path)
    schema = json.loads((DOCS / "report.schema.json").read_text("utf-8"))
    jsonschema.validate(json.loads((tmp_path / "report.json").read_text("utf-8")), schema)


def test_the_properties_for_junit_are_named():
    section = TEXT_OF_PAGE.partition("## JUnit")[2].partition("##")[0]
    for name, _ in junit_properties(failure()):
        assert f"`{name}`" in section


def test_the_limits_are_those_of_the_code():
    for words in (
        f"the first {FAILURES} failures",
        f"the first {IN_FULL} failures",
        f"longer than {TEXT:,} characters",
        f"longer than {SCRIPT:,} is",
        f"up to {LISTED} of each",
    ):
        assert words in " ".join(TEXT_OF_PAGE.split())


def test_the_progress_line_is_one():
    assert line("Conv2d", 460, 1840, 2, 10.0) in TEXT_OF_PAGE


def test_the_options_exist():
    for command in ("report", "diff", "compare"):
        assert f"$ conformance {command} " in TEXT_OF_PAGE
        help_text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
        options = {"report": ("--format", "--out"), "compare": ("--html", "--markdown"), "diff": ()}
        assert all(option in help_text and option in TEXT_OF_PAGE for option in options[command])
