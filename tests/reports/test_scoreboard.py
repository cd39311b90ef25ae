"""Reports side by side: a column each, and what is not the same in all."""

import re
from dataclasses import replace

from reports.handmade import ENVIRONMENT, failure, report, verdict
from typer.testing import CliRunner

from conformance.cli import app
from conformance.reports.json_report import write_json
from conformance.reports.scoreboard import (
    NAMED,
    OUTCOMES,
    scoreboard,
    scoreboard_html,
    scoreboard_markdown,
    scoreboard_text,
)

TANH = verdict(layer="Tanh")
RIGHT = report(verdict(), TANH, implementation="right.py")
WRONG = report(failure(), TANH, implementation="wrong.py")
BOARD = scoreboard({"a": RIGHT, "b": WRONG})


def columns(*reports) -> tuple[str, ...]:
    return scoreboard({f"file-{n}": r for n, r in enumerate(reports)}).columns


def test_a_row_differs_if_one_of_its_checks_does():
    assert [(row.name, row.differs) for row in BOARD.rows] == [("ReLU", True), ("Tanh", False)]
    [outcome] = BOARD.outcomes
    assert outcome.id == "specs/relu.toml::forward[small]"
    assert outcome.statuses == ("passed", "failed")


def test_cells_have_scores_and_say_what_is_missing():
    relu, tanh = BOARD.rows
    assert [(c.score, c.status, c.words) for c in relu.cells] == [
        ("100.0 %", "passed", ""),
        ("0.0 %", "failed", "1 failing"),
    ]
    assert {c.score for c in tanh.cells} == {"100.0 %"}


def test_a_layer_that_one_report_does_not_plan_differs():
    [_, row] = scoreboard({"a": report(verdict()), "b": WRONG}).rows
    assert row.differs
    assert [(c.words, c.status) for c in row.cells] == [("not planned", "skipped"), ("", "passed")]


def test_columns_are_named_by_the_implementations():
    assert columns(RIGHT, WRONG) == ("right.py", "wrong.py")


def test_columns_of_one_implementation_are_told_apart_by_their_conditions():
    old = replace(RIGHT, environment=replace(ENVIRONMENT, numpy="1.26.4"))
    assert columns(RIGHT, old) == ("right.py, NumPy 2.4.6", "right.py, NumPy 1.26.4")
    assert columns(RIGHT, RIGHT) == ("right.py (file-0)", "right.py (file-1)")


def test_the_text_has_every_layer_and_marks_those_that_differ():
    lines = scoreboard_text(BOARD).splitlines()
    assert lines[0].split() == ["layer", "right.py", "wrong.py"]
    rows = [" ".join(line.split()) for line in lines]
    assert "ReLU ≠ 100.0 % 0.0 % (1 failing)" in rows
    assert "Tanh 100.0 % 100.0 %" in rows
    assert "all 100.0 % 50.0 %" in rows
    assert lines[-2:] == [
        "≠ specs/relu.toml::forward[small]: passed, failed",
        "1 check with different outcomes, in 1 layer",
    ]


def test_the_text_names_the_first_outcomes_and_counts_the_others():
    cases = [str(n) for n in range(NAMED + 4)]
    board = scoreboard(
        {
            "a": report(*(verdict(case=case) for case in cases)),
            "b": report(*(failure(case=case) for case in cases)),
        }
    )
    text = scoreboard_text(board)
    assert text.count("≠ specs/") == NAMED
    assert "… and 4 more\n" in text


def test_reports_with_the_same_outcomes_say_so():
    assert scoreboard_text(scoreboard({"a": RIGHT, "b": RIGHT})).endswith(
        "every check that they share has the same outcome\n"
    )


def test_the_markdown_is_a_table_whatever_the_names():
    board = scoreboard({"a": replace(RIGHT, implementation="a|b`<i>"), "b": WRONG})
    assert scoreboard_markdown(board).splitlines() == [
        "| layer | a\\|b\\`&lt;i&gt; | wrong.py |",
        "|---|---:|---:|",
        "| ≠ ReLU | 100.0 % | 0.0 % (1 failing) |",
        "| Tanh | 100.0 % | 100.0 % |",
        "| **all** | **100.0 %** | **50.0 %** |",
        "",
        "1 check with different outcomes, in 1 layer",
    ]


def test_the_page_marks_rows_that_differ_and_lists_so_many_outcomes():
    text = scoreboard_html(BOARD)
    assert re.findall(r'<tr class="(\w+)"><th scope="row">(\w+)', text) == [
        ("differs", "ReLU"),
        ("same", "Tanh"),
    ]
    cases = [str(n) for n in range(OUTCOMES + 2)]
    many = {
        "a": report(*(verdict(case=case) for case in cases)),
        "b": report(*(failure(case=case) for case in cases)),
    }
    text = scoreboard_html(scoreboard(many))
    assert text.count('<th scope="row">specs/') == OUTCOMES
    assert "… and 2 more." in text


def test_the_command_prints_and_writes(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    files = [str(write_json(r, tmp_path / r.implementation).parent) for r in (RIGHT, WRONG)]
    page = tmp_path / "new" / "compare.html"
    result = CliRunner().invoke(app, ["compare", *files, "--html", str(page)])
    assert result.exit_code == 0
    assert scoreboard_text(BOARD) in result.output
    assert "<title>Conformance of right.py and wrong.py</title>" in page.read_text("utf-8")
    result = CliRunner().invoke(app, ["compare", *files, "--markdown"])
    assert (result.exit_code, result.output) == (0, scoreboard_markdown(BOARD))
