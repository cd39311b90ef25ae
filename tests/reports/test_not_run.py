"""What was not run is a status of its own in every form: never skipped, never green."""

import json

import pytest
from reports.handmade import many, report

from conformance.reports.badge import badge
from conformance.reports.difference import difference, difference_text
from conformance.reports.html_report import render_html
from conformance.reports.markdown import markdown
from conformance.reports.scoreboard import scoreboard, scoreboard_html, scoreboard_text
from conformance.reports.terminal import render

WORDS = "unfinished: the session stopped early; 2 of 5 planned checks were not run"


@pytest.fixture
def stopped():
    return report(*many("passed", "passed", "passed", "not run", "not run"))


@pytest.mark.parametrize("form", [render, markdown, str, render_html])
def test_every_form_says_that_the_report_is_unfinished(stopped, form):
    text = form(stopped)
    assert WORDS in text
    assert "2 not run" in text
    assert "2 skipped" not in text


def test_it_is_owed_and_has_not_passed(stopped):
    assert stopped.summary.score == 60.0
    assert stopped.summary.coverage == 100.0
    assert not stopped.ok


def test_the_page_does_not_say_that_all_passed(stopped):
    page = render_html(stopped)
    assert "that were owed passed" not in page
    assert 'class="cell not-run"' in page
    assert 'href="#i-not-run"' in page
    assert '<option value="not-run">not run</option>' in page


def test_the_badge_is_red(stopped):
    data = json.loads(badge(stopped))
    assert (data["message"], data["color"]) == ("unfinished, 60.0 %", "red")


def test_a_run_that_says_why_it_ended_is_never_green():
    ended = report(*many("passed"), unfinished="interrupted by SIGTERM")
    assert not ended.ok
    assert json.loads(badge(ended))["message"] == "unfinished, 100.0 %"
    assert "unfinished: interrupted by SIGTERM; 0 of 1 planned checks were not run" in str(ended)


def test_a_difference_does_not_call_it_a_regression_nor_a_repair(stopped):
    well = report(*many(*["passed"] * 5))
    lost, back = difference(well, stopped), difference(stopped, well)
    assert len(lost.unknown) == len(back.otherwise) == 2
    assert not lost.newly_failing
    assert not back.newly_passing
    assert f"the new report: {WORDS}" in difference_text(well, stopped)


def test_side_by_side_it_has_a_status_of_its_own(stopped):
    board = scoreboard({"a": stopped, "b": report(*many(*["passed"] * 5))})
    assert board.rows[0].cells[0].status == "not run"
    assert ": not run, passed" in scoreboard_text(board)
    assert '<td class="not-run">' in scoreboard_html(board)
