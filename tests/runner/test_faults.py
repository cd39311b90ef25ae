"""Exceptions of the suite itself: verdicts of their own, never the candidate's, never green."""

import json
import pickle
import textwrap

import pytest

import conformance
from conformance.misreadings import trivial_mutants
from conformance.records.fault import SuiteFault, describe_fault
from conformance.records.text import describe
from conformance.reports.badge import badge
from conformance.reports.html_report import render_html
from conformance.reports.markdown import markdown
from conformance.reports.terminal import render
from conformance.runner.gaps import Gap, Gaps, updated
from conformance.runner.grader import Grader
from conformance.runner.plan import plan
from conformance.runner.settings import Settings
from conformance.selftest.measuring import kill
from conformance.sessions.opening import open_session
from conformance.spec.catalogue import find_spec
from reference_impls import numpy_reference

QUICK = {"layers": ["ReLU"], "profile": "quick", "oracle": "recorded"}


def broken(*arguments, **keywords):
    raise TypeError("of ours")


def of(report, status):
    return [verdict for verdict in report.verdicts if verdict.status == status]


@pytest.fixture
def no_comparison(monkeypatch):
    """Comparing arrays fails, as it did for outputs of a dtype that nobody had thought of."""
    monkeypatch.setattr("conformance.checks.evidence.compare", broken)


@pytest.fixture
def faulty(no_comparison):
    return conformance.grade("reference", **QUICK)


def test_a_fault_is_errored_with_a_trace_and_the_run_goes_on(faulty):
    lost = [verdict for verdict in faulty.verdicts if verdict.lost]
    assert {verdict.reason for verdict in lost} == {"fault of the suite: TypeError: of ours"}
    assert {verdict.status for verdict in lost} == {"errored"}
    assert all(verdict.fault.endswith(" in broken") for verdict in lost)
    assert all("conformance/checks/evidence.py:" in verdict.fault for verdict in lost)
    assert of(faulty, "passed")  # what needs no comparison
    assert not of(faulty, "skipped")
    assert not of(faulty, "failed")


def test_a_fault_is_never_green_and_never_raises_the_score(faulty):
    assert not faulty.ok
    summary = faulty.summary
    assert summary.faults == len([v for v in faulty.verdicts if v.lost]) > 0
    assert summary.score == 100 * summary.passed / summary.planned < 100


def test_every_form_of_the_report_says_so(faulty):
    words = f"{faulty.summary.faults} faults of the suite"
    for text in (render(faulty), str(faulty), markdown(faulty), render_html(faulty)):
        assert f"{words}: nothing of it is the implementation" in " ".join(text.split())
    assert json.loads(badge(faulty))["color"] == "red"
    assert words in json.loads(badge(faulty))["message"]
    assert "Where the suite failed" in render_html(faulty)


def test_a_fault_in_the_diagnosis_leaves_the_verdict(monkeypatch):
    class Wrong(numpy_reference.ReLU):
        def forward(self, x):
            return super().forward(x) + 1

    before = conformance.grade({"ReLU": Wrong}, **QUICK)
    monkeypatch.setattr("conformance.diagnosis.diagnosing.detect", broken)
    report = conformance.grade({"ReLU": Wrong}, **QUICK)
    statuses = [[v.status for v in each.verdicts] for each in (before, report)]
    assert statuses[0] == statuses[1]
    assert report.summary.failed > 0
    found = [verdict for verdict in report.verdicts if verdict.fault]
    assert found
    assert {verdict.status for verdict in found} == {"failed"}
    assert report.summary.faults == len(found)
    assert "where the suite failed (in explaining the failure, which stands):" in describe(found[0])
    assert "fault of the suite: TypeError: of ours" in describe(found[0])


def test_code_of_ours_that_runs_a_trial_is_not_the_candidate(monkeypatch):
    monkeypatch.setattr("conformance.sessions.layer_run.StepRecord", None)
    report = conformance.grade("reference", **QUICK)
    lost = of(report, "errored")
    assert {verdict.reason for verdict in lost} == {
        "fault of the suite: TypeError: 'NoneType' object is not callable"
    }
    assert all("in _forward" in verdict.fault for verdict in lost)
    blocked = of(report, "blocked")
    assert blocked
    assert all(v.reason.endswith(" lost to a fault of the suite") for v in blocked)


def test_in_a_worker_neither(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab.py").write_text(
        textwrap.dedent(
            """
            from reference_impls.numpy_reference import ReLU
            import conformance.sessions.layer_run
            conformance.sessions.layer_run.StepRecord = None
            """
        )
    )
    report = conformance.grade("lab.py", **QUICK)
    lost = of(report, "errored")
    assert {verdict.reason for verdict in lost} == {
        "fault of the suite: TypeError: 'NoneType' object is not callable"
    }
    assert all("conformance/sessions/layer_run.py:" in verdict.fault for verdict in lost)


def test_what_a_candidate_raises_stays_the_candidate_s():
    class Raises(numpy_reference.ReLU):
        def forward(self, x):
            return x + None

    report = conformance.grade({"ReLU": Raises}, **QUICK)
    assert of(report, "errored")
    assert report.summary.faults == 0


def test_a_known_gap_does_not_cover_a_fault(no_comparison, tmp_path):
    settings = Settings("reference", profile="quick", oracle="recorded")
    grader = Grader(open_session("reference"), settings, Gaps("g", (Gap("*", "known", 1),)))
    verdicts = [grader.verdict(planned) for planned in plan(find_spec("ReLU"), settings)]
    assert any(verdict.lost for verdict in verdicts)
    assert not any(verdict.status == "xfailed" for verdict in verdicts)
    assert "[[gap]]" not in updated(tmp_path / "none.toml", verdicts)


def test_a_fault_kills_no_mutant(no_comparison):
    mutant = next(iter(trivial_mutants(find_spec("ReLU"))))
    with pytest.raises(SuiteFault, match="of ours"):
        kill(mutant, "trivial")


def test_a_fault_travels_between_processes():
    fault = pickle.loads(pickle.dumps(SuiteFault("TypeError: of ours", "here")))
    assert describe_fault(fault) == ("fault of the suite: TypeError: of ours", "here")


def test_a_message_that_cannot_be_made_is_left_out():
    class Odd(Exception):
        def __str__(self):
            raise ValueError

    assert describe_fault(Odd()) == ("fault of the suite: Odd", "")
