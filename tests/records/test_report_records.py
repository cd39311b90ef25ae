import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.records.report import RAN, Environment, Report, summarise, summarise_layer
from conformance.records.text import percent
from conformance.records.verdict import Verdict
from conformance.spec.terms import TIERS

repeatable = settings(max_examples=200, derandomize=True, database=None)
STATUSES = ["passed", "failed", "errored", "blocked", "not run", "skipped", "xfailed"]


def verdict(status: str, tier: str = "core", **fields) -> Verdict:
    return Verdict("id", "Linear", "default", "forward", "forward", tier, status, **fields)


verdicts = st.lists(
    st.builds(verdict, st.sampled_from(STATUSES), st.sampled_from(TIERS)), max_size=30
)


def report(*statuses: str) -> Report:
    found = tuple(map(verdict, statuses))
    environment = Environment("3", "2", None, "linux", "0", 0, "quick", "core")
    return Report("mine", "torch", environment, summarise(found), (), found)


@repeatable
@given(verdicts)
def test_every_planned_check_is_accounted_for(found):
    summary = summarise(found)
    assert summary.planned == len(found)
    assert summary.planned == (summary.ran + summary.blocked + summary.not_run + summary.skipped)
    assert summary.ran == summary.passed + summary.failed + summary.errored + summary.xfailed


@repeatable
@given(verdicts)
def test_the_score_is_the_share_of_passes_among_what_was_owed(found):
    owed = [v for v in found if v.status != "skipped"]
    score = summarise(found).score
    if owed:
        assert score == pytest.approx(100 * sum(v.status == "passed" for v in owed) / len(owed))
    else:
        assert score is None


@repeatable
@given(verdicts)
def test_a_tier_has_the_score_of_its_own_checks(found):
    tiers = summarise(found).tiers
    assert list(tiers) == [tier for tier in TIERS if tier in {v.tier for v in found}]
    for tier, score in tiers.items():
        assert score == summarise([v for v in found if v.tier == tier]).score


@repeatable
@given(verdicts)
def test_a_hundred_percent_is_shown_only_where_everything_owed_passed(found):
    owed = {v.status for v in found} - {"skipped"}
    assert (percent(summarise(found).score) == "100.0 %") == (owed == {"passed"})


@repeatable
@given(st.integers(2, 10**12))
def test_one_failure_among_many_passes_shows(planned):
    assert percent(100.0 * (planned - 1) / planned) != "100.0 %"


@pytest.mark.parametrize(
    ("score", "text"),
    [(None, "–"), (0.0, "0.0 %"), (66.666, "66.7 %"), (99.99, "99.9 %"), (100.0, "100.0 %")],
)
def test_a_score_in_words(score, text):
    assert percent(score) == text


@pytest.mark.parametrize("status", ["failed", "errored", "blocked"])
def test_a_report_with_something_owed_is_not_ok(status):
    assert not report("passed", status).ok


def test_a_report_in_which_nothing_ran_is_not_ok():
    assert not report().ok
    assert not report("skipped", "skipped").ok


def test_a_report_is_ok_if_something_ran_and_nothing_is_owed():
    assert report("passed", "skipped", "xfailed").ok


def test_what_is_blocked_or_skipped_did_not_run():
    assert set(STATUSES) - RAN == {"blocked", "not run", "skipped"}


def test_a_layer_counts_its_severities_from_the_worst_down():
    found = [
        verdict("failed", severity="contract"),
        verdict("failed", severity="wrong"),
        verdict("failed", severity="contract"),
        verdict("passed"),
    ]
    row = summarise_layer("Linear", "linear", "specs/linear.toml", found)
    assert list(row.severities.items()) == [("wrong", 1), ("contract", 2)]
    assert row.summary == summarise(found)
