"""The summary: a table that stays one, the first failures, and text that is not markup."""

import pytest
from reports.handmade import failure, many, report, verdict

from conformance.reports.markdown import CUT, FAILURES, NOTES, code, inline, markdown


def table(text: str) -> list[list[str]]:
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_table_has_a_row_per_layer_and_a_column_per_group():
    found = report(
        *many("failed", "passed", "skipped"),
        verdict("errored", layer="Tanh", group="shape", reason="crashed"),
    )
    heading, rule, *rows = table(markdown(found))
    assert heading == ["layer", "shape", "forward", "score", "coverage"]
    assert set("".join(rule)) == {"-", ":"}
    assert rows == [
        ["ReLU", "", "❌ 1/2", "50.0 %", "66.7 %"],
        ["Tanh", "💥 0/1", "", "0.0 %", "100.0 %"],
    ]


def test_the_head_says_score_and_counts():
    lines = markdown(report(*many("failed", "passed", "blocked", "skipped"))).splitlines()
    assert lines[0] == "## Layer conformance of lab.py: 33.3 %"
    assert lines[2] == (
        "**1 of 3 checks owed passed**, 1 failed, 1 blocked, 1 skipped; coverage 75.0 %."
    )


def test_nothing_run_is_said_to_be_nothing_known():
    assert "**Nothing could be run" in markdown(report(verdict("skipped")))
    assert "| layer" not in markdown(report())


def test_failures_beyond_what_is_listed_are_counted():
    text = markdown(report(*many(*["failed"] * (FAILURES + 7))))
    listed = [line for line in text.splitlines() if line.startswith("- **ReLU**")]
    assert len(listed) == FAILURES
    assert "… and 7 more; index.html and report.json have all." in text
    assert "more" not in markdown(report(*many(*["failed"] * FAILURES)))


def test_notes_beyond_what_is_listed_are_counted():
    text = markdown(report(verdict(), notes=tuple(f"note {n}" for n in range(NOTES + 3))))
    assert text.count("- note ") == NOTES
    assert "- … and 3 more" in text


def test_a_long_message_is_cut():
    text = markdown(report(failure("long " * 1000)))
    assert len(max(text.splitlines(), key=len)) < 2 * CUT + 50


def test_a_failure_is_named_with_its_severity():
    assert (
        "- **ReLU** `forward[small]` (wrong): output\\[0, 1\\] = 2, but should be 3 (1 of 4 differ)"
        in markdown(report(failure()))
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", "a\\|b"),
        ("`x`", "\\`x\\`"),
        ("<script>", "&lt;script&gt;"),
        ("two\nlines", "two lines"),
        ("*_[]~#!\\", "\\*\\_\\[\\]\\~\\#\\!\\\\"),
        ("&amp;", "&amp;amp;"),
    ],
)
def test_text_is_not_markup(text, shown):
    assert inline(text) == shown


def test_nobody_is_mentioned_and_nothing_linked():
    assert "@someone" not in inline("@someone")
    assert "https://" not in inline("https://example.org")


def test_a_code_span_is_not_ended_by_what_is_in_it():
    assert code("a`b|c\nd") == "`a'b\\|c d`"


def test_hostile_names_add_neither_columns_nor_rows():
    plain = table(markdown(report(failure(layer="plain"))))
    hostile = markdown(report(failure(layer="a|b`\n| c | d |\n<b>", reason="|`|")))
    rows = [line.replace("\\|", "") for line in hostile.splitlines() if line.startswith("|")]
    assert [row.count("|") for row in rows] == [len(row) + 1 for row in plain]
    assert "<b>" not in hostile
