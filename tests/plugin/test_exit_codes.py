"""The exit codes of docs/exit-codes.md, each by a run of its own; a run with 3 is never green."""

import json
from collections import OrderedDict
from unittest.mock import Mock

import pytest

RELU = (
    "--conformance-layers=ReLU",
    "--conformance-profile=quick",
    "--conformance-oracle=recorded",
    "--conformance-report=out",
)
TWO = pytest.param(("-n", "2"), id="xdist")
WRONG = """
from reference_impls import numpy_reference

class ReLU(numpy_reference.ReLU):
    def forward(self, x):
        return super().forward(x) + 1
"""
# Comparing arrays fails, as it would for a dtype that nobody had thought of.
FAULT = """
import conformance.checks.evidence

def broken(*arguments, **keywords):
    raise TypeError("of ours")

conformance.checks.evidence.compare = broken
"""
LATE_FAULT = """
import conformance.checks.evidence
from itertools import count

calls, compare = count(), conformance.checks.evidence.compare

def late(*arguments, **keywords):
    if next(calls) < 5:
        return compare(*arguments, **keywords)
    raise TypeError("of ours")

conformance.checks.evidence.compare = late
"""
STOP = FAULT.replace('TypeError("of ours")', "KeyboardInterrupt")
LOST = """
import os
from pathlib import Path
from reference_impls import numpy_reference

class ReLU(numpy_reference.ReLU):
    def forward(self, x):
        first = Path({path!r})
        if not first.exists():
            first.touch()
            os._exit(0)
        return super().forward(x)
"""


@pytest.fixture
def run(pytester):
    """Run pytest; its exit code, what it printed, and the report and badge that it wrote."""

    def call(*arguments):
        if "-n" in arguments:
            pytest.importorskip("xdist")
        result = pytester.runpytest_subprocess(*RELU, *arguments, timeout=120)
        report, badge = (pytester.path / "out" / name for name in ("report.json", "badge.json"))
        data = [json.loads(path.read_text()) if path.exists() else None for path in (report, badge)]
        return (result.ret, result.stdout.str() + result.stderr.str(), *data)

    return call


def test_0_everything_passed(run):
    code, printed, report, badge = run("--impl=reference")
    assert code == 0
    assert "conformance: reference 100.0 %" in printed
    assert report["summary"]["passed"] == report["summary"]["planned"] > 0
    assert badge["color"] == "brightgreen"


@pytest.mark.parametrize("extra", [(), TWO])
def test_1_something_failed(run, pytester, extra):
    pytester.makepyfile(lab=WRONG)
    code, _, report, _ = run("--impl=lab.py", *extra)
    assert code == 1
    assert report["summary"]["failed"] > 0
    assert report["summary"]["faults"] == report["summary"]["not_run"] == 0


def test_2_the_run_was_interrupted(run, pytester):
    pytester.makeconftest(STOP)
    code, printed, report, badge = run("--impl=reference")
    assert code == 2
    assert "unfinished: interrupted by SIGINT (Ctrl-C); " in printed
    assert report["unfinished"] == "interrupted by SIGINT (Ctrl-C)"
    assert badge["color"] == "red"


@pytest.mark.parametrize("extra", [(), TWO])
def test_3_a_fault_of_the_suite(run, pytester, extra):
    pytester.makeconftest(FAULT)
    code, printed, report, badge = run("--impl=reference", *extra)
    assert code == 3
    assert "fault of the suite: TypeError: of ours" in printed
    assert "conformance/checks/evidence.py:" in printed
    assert report["summary"]["faults"] > 0
    assert report["summary"]["failed"] == report["summary"]["not_run"] == 0
    assert any("in broken" in verdict["fault"] for verdict in report["verdicts"])
    assert badge["color"] == "red"


def test_3_counts_for_more_than_1(run, pytester):
    pytester.makepyfile(lab=WRONG)
    pytester.makeconftest(LATE_FAULT)
    code, _, report, _ = run("--impl=lab.py")
    assert code == 3
    assert report["summary"]["failed"] > 0


def test_4_usage(run):
    code, printed, report, badge = run("--impl=reference", "--conformance-seed=x")
    assert code == 4
    assert "ERROR: --conformance-seed=x: must be 0 or a positive integer" in printed
    assert report is badge is None


def test_a_lost_worker_of_pytest_xdist_is_never_green(run, pytester):
    pytester.makepyfile(lab=LOST.format(path=str(pytester.path / "exited")))
    code, printed, report, badge = run("--impl=lab.py", "--no-conformance-isolate", "-n", "2")
    assert code == 1
    assert (pytester.path / "exited").exists()
    summary = report["summary"]
    assert summary["passed"] > 0
    assert summary["not_run"] > 0
    assert summary["planned"] == sum(
        summary[status] for status in ("passed", "not_run", "skipped", "blocked")
    )
    reasons = {v["reason"] for v in report["verdicts"] if v["status"] == "not run"}
    assert "the process of pytest-xdist that ran it was lost" in reasons
    assert "conformance: lab.py 100.0 %" not in printed
    assert badge["color"] == "red"
    assert badge["message"].startswith("unfinished")


def test_a_worker_that_has_not_collected_yet_is_given_nothing():
    """Two that are lost at the same time ended the run in an internal error of pytest-xdist."""
    pytest.importorskip("xdist")
    from conformance.pytest_run.workers import ByCase

    node, check = Mock(shutting_down=False), "relu.toml::shape[default]"
    schedule = object.__new__(ByCase)
    schedule.log = Mock()
    schedule.assigned_work = {node: {}}
    schedule.workqueue = OrderedDict({"default": {check: False}})
    schedule.registered_collections = {}
    schedule._reschedule(node)
    assert list(schedule.workqueue) == ["default"]
    schedule.registered_collections[node] = [check]
    schedule._reschedule(node)
    node.send_runtest_some.assert_called_once_with([0])
