"""Gaps files: what they cover, every mistake in them with its line, and how they are rewritten."""

import datetime
import time

import pytest

from conformance.records.verdict import Diagnosis, Verdict
from conformance.runner.gaps import Gap, Gaps, GapsError, load_gaps, updated

TODAY = datetime.date(2026, 11, 21)


def verdict(id, status, reason="", **more):
    return Verdict(
        id, "Linear", "default", "forward", "forward", "core", status, reason=reason, **more
    )


@pytest.fixture
def write(tmp_path):
    def writer(text):
        path = tmp_path / "gaps.toml"
        path.write_text(text)
        return path

    return writer


@pytest.mark.parametrize(
    ("pattern", "id", "covered"),
    [
        ("specs/a.toml::forward[x]", "specs/a.toml::forward[x]", True),
        ("specs/a.toml::forward[x]", "specs/a.toml::forwardx", False),
        ("specs/a.toml::*[x]", "specs/a.toml::grad_weight[x]", True),
        ("specs/a.toml::*[x]", "specs/a.toml::grad_weight[x-float32]", False),
        ("*", "anything", True),
    ],
)
def test_a_star_stands_for_anything_and_brackets_for_themselves(pattern, id, covered):
    assert Gap(pattern, "why", 1).covers(id) is covered


def test_only_failures_become_xfailed():
    gaps = Gaps("gaps.toml", (Gap("a", "not yet", 3, "https://example.org/7"),))
    assert gaps.applied(verdict("a", "failed")).status == "xfailed"
    assert gaps.applied(verdict("a", "errored")).reason == (
        "known gap: not yet (https://example.org/7)"
    )
    for status in ("passed", "skipped", "blocked"):
        assert gaps.applied(verdict("a", status)).status == status
    assert gaps.applied(verdict("b", "failed")).status == "failed"


def test_stale_entries_are_named_with_their_line():
    entries = (Gap("a", "w", 1), Gap("b", "w", 5), Gap("c*", "w", 9), Gap("fordward", "w", 13))
    verdicts = [verdict("a", "xfailed"), verdict("b", "passed")]
    verdicts += [verdict("c1", "passed"), verdict("c2", "passed"), verdict("forward", "passed")]
    planned = [v.id for v in verdicts]
    assert list(Gaps("gaps.toml", entries).stale(planned, verdicts)) == [
        "gaps.toml:5: b: passes now: remove it",
        "gaps.toml:9: c*: all 2 checks pass now: remove it",
        "gaps.toml:13: fordward covers no check (did you mean forward?): remove it",
    ]


def test_what_was_not_run_is_not_called_passing():
    gaps = Gaps("gaps.toml", (Gap("c*", "w", 1),))
    assert list(gaps.stale(["c1", "c2"], [verdict("c1", "passed")])) == []


def test_every_mistake_is_told_with_its_line(write):
    path = write(
        """
[[gap]]
id = "a"

[[gap]]
id = "b"
reason = "  "
[[gap]]
id = "c"
reason = "slow"
expires = 2026-11-20
[[gap]]
id = "d"
reason = "slow"
expires = "soon"
reson = "typo"
"""
    )
    with pytest.raises(GapsError) as caught:
        load_gaps(path, TODAY)
    assert str(caught.value).replace(str(path), "gaps.toml").splitlines() == [
        "gaps.toml:2: a has no reason",
        "gaps.toml:5: b has no reason",
        "gaps.toml:8: c expired on 2026-11-20: mend it, or set a new date",
        "gaps.toml:12: reson: unknown key (did you mean reason?)",
        "gaps.toml:12: expires = 'soon' is not a date such as 2027-01-31",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[gap]\nid = 'a'\n", "write [[gap]], not [gap]"),
        ("gap = [1]\n", "an entry is a table"),
        ("[[gaps]]\nid = 'a'\n", "gaps: unknown table; write [[gap]]"),
        ("[[gap\n", "not valid TOML"),
    ],
)
def test_files_that_are_something_else(write, text, message):
    with pytest.raises(GapsError, match=r"gaps\.toml") as caught:
        load_gaps(write(text), TODAY)
    assert message in str(caught.value)


def test_a_missing_file_says_how_to_write_one(tmp_path):
    with pytest.raises(GapsError, match="--conformance-update-gaps writes one"):
        load_gaps(tmp_path / "gaps.toml")


def test_an_entry_expires_after_its_day(write):
    path = write('[[gap]]\nid = "a"\nreason = "slow"\nexpires = 2026-11-21\n')
    assert load_gaps(path, TODAY).entries[0].expires == TODAY


def test_rewriting_keeps_reasons_and_comments_drops_what_passes_adds_what_fails(write):
    path = write(
        """\
# Agreed with the authors.
[[gap]]
id = "a*"
reason = "dilation is not there yet" # see the plan
[[gap]]
id = "b"
reason = "mended meanwhile"
[[gap]]
id = "not run"
reason = "stays"
"""
    )
    diagnosis = Diagnosis("half", "it is half of it", "misreading")
    text = updated(
        path,
        [
            verdict("a1", "xfailed"),
            verdict("b", "passed"),
            verdict("c", "failed", diagnoses=(diagnosis,)),
            verdict("d", "errored", "forward raised ValueError"),
        ],
    )
    path.write_text(text)
    assert "# Agreed with the authors." in text
    assert "# see the plan" in text
    assert {gap.id: gap.reason for gap in load_gaps(path, TODAY).entries} == {
        "a*": "dilation is not there yet",
        "not run": "stays",
        "c": "it is half of it",
        "d": "forward raised ValueError",
    }


def test_rewriting_starts_a_file(tmp_path):
    path = tmp_path / "gaps.toml"
    path.write_text(updated(path, [verdict("c", "failed", "why")]))
    assert [gap.id for gap in load_gaps(path, TODAY).entries] == ["c"]


def test_many_stars_are_matched_in_no_time():
    gap = Gap("*a" * 200 + "b", "slow", 1)
    start = time.monotonic()
    assert not gap.covers("a" * 20_000)
    assert gap.covers("a" * 20_000 + "b")
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    ("pattern", "id", "covered"),
    [
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("ab*bc", "abc", False),
        ("*x*", "axb", True),
        ("a*", "b", False),
        ("a[*]", "a[b]", True),
        ("a*b*c", "acb", False),
    ],
)
def test_a_star_stands_for_any_characters(pattern, id, covered):
    assert Gap(pattern, "some", 1).covers(id) is covered


@pytest.mark.parametrize("pattern", ["*", "**", "*::*", "*/*::*[*]"])
def test_a_pattern_that_covers_everything_is_refused(tmp_path, pattern):
    file = tmp_path / "gaps.toml"
    file.write_text(f'[[gap]]\nid = "{pattern}"\nreason = "all"\n')
    with pytest.raises(GapsError) as raised:
        load_gaps(file)
    message = f"{file}:1: {pattern} covers every check: name what is expected to fail"
    assert str(raised.value) == message
