"""What changed between two reports, and what `conformance diff` makes of it."""

from dataclasses import replace

import pytest
from reports.handmade import ENVIRONMENT, failure, many, report, verdict
from typer.testing import CliRunner

from conformance.cli import app
from conformance.reports.difference import LISTED, difference, difference_text
from conformance.reports.json_report import write_json

PASSED, FAILED, INACCURATE = verdict(), failure(), failure(severity="inaccurate")
ERRORED, BLOCKED, SKIPPED = (verdict(status) for status in ("errored", "blocked", "skipped"))


def kinds(old, new) -> dict[str, int]:
    found = difference(report(*old), report(*new))
    return {title: len(changes) for title, changes in found.kinds() if changes}


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (PASSED, FAILED, "newly failing"),
        (PASSED, ERRORED, "newly failing"),
        (SKIPPED, FAILED, "newly failing"),
        (BLOCKED, FAILED, "newly failing"),
        (None, FAILED, "newly failing"),
        (FAILED, PASSED, "newly passing"),
        (SKIPPED, PASSED, "newly passing"),
        (FAILED, INACCURATE, "another severity"),
        (FAILED, SKIPPED, "otherwise changed"),
        (PASSED, BLOCKED, "otherwise changed"),
        (None, PASSED, "appeared"),
        (PASSED, None, "disappeared"),
        (FAILED, None, "disappeared"),
    ],
)
def test_a_change_is_of_one_kind(old, new, kind):
    assert kinds([old] if old else [], [new] if new else []) == {kind: 1}


@pytest.mark.parametrize("same", [PASSED, FAILED, ERRORED, BLOCKED, SKIPPED])
def test_what_is_as_it_was_is_no_change(same):
    assert difference(report(same), report(same)).nothing


def test_a_failure_with_another_message_is_no_change():
    assert kinds([failure("one")], [failure("two")]) == {}


def test_a_change_says_what_went_wrong():
    assert difference_text(report(PASSED), report(FAILED)).splitlines() == [
        "newly failing: 1",
        "  specs/relu.toml::forward[small]: passed → failed (wrong): "
        "output[0, 1] = 2, but should be 3 (1 of 4 differ)",
        "",
        "conformance diff: 100.0 % → 0.0 % (1 newly failing)",
    ]


def test_other_conditions_are_named():
    numpy = replace(ENVIRONMENT, numpy="1.26.4", torch="2.9")
    lines = difference_text(
        report(PASSED), report(PASSED, implementation="new.py", environment=numpy, oracle="torch")
    ).splitlines()
    assert lines == [
        "implementation: lab.py → new.py",
        "oracle: recorded torch → torch",
        "numpy: 2.4.6 → 1.26.4",
        "torch: none → 2.9",
        "",
        "conformance diff: 100.0 % → 100.0 % (every check is as it was)",
    ]


def test_changes_beyond_what_is_listed_are_counted():
    count = LISTED + 5
    text = difference_text(report(*many(*["passed"] * count)), report(*many(*["failed"] * count)))
    assert f"newly failing: {count}\n" in text
    assert text.count("passed → failed") == LISTED
    assert "  … and 5 more\n" in text


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ([PASSED], [PASSED], 0),
        ([PASSED], [FAILED], 1),
        ([], [FAILED], 1),
        ([FAILED], [FAILED], 0),
        ([FAILED], [PASSED], 0),
        ([FAILED], [INACCURATE], 0),
        ([PASSED], [], 0),
    ],
)
def test_the_exit_status_is_1_if_something_newly_fails(old, new, status, tmp_path):
    files = [write_json(report(*v), tmp_path / n) for n, v in (("old", old), ("new", new))]
    result = CliRunner().invoke(app, ["diff", *map(str, files)])
    assert result.exit_code == status
    assert result.output == difference_text(report(*old), report(*new))
