from textwrap import dedent

import pytest

from conformance.records.report import Environment, Report, summarise, summarise_layer
from conformance.records.text import describe, finding_lines, headline, last_line, nothing_ran
from conformance.records.verdict import Finding, Verdict

PASSED = Verdict("s.toml::forward[x]", "Linear", "x", "forward", "forward", "core", "passed")
SKIPPED = Verdict(
    "s.toml::modes[x]", "Linear", "x", "modes", "state", "full", "skipped", reason="has no modes"
)
FAILED = Verdict(
    id="s.toml::grad_weight[x-train]",
    layer="Linear",
    case="x",
    check="grad_weight",
    group="gradients",
    tier="core",
    status="failed",
    mode="train",
    severity="wrong",
    findings=(
        Finding(
            tensor="grad_weight",
            severity="wrong",
            index=(0, 2),
            got=0.8123,
            wanted=0.8391,
            differing=3,
            size=12,
            worst=0.027,
            worst_index=(1, 2),
            allowed=4.1e-15,
            ratio=6.6e12,
            notes=("finite differences: consistent",),
        ),
    ),
    bindings="N=4 F=3",
    spec_line=38,
    rerun="pytest --impl=mine 's.toml::grad_weight[x-train]'",
)


def report(*verdicts: Verdict) -> Report:
    environment = Environment("3", "2", None, "linux", "0", 0, "quick", "core")
    layers = (summarise_layer("Linear", "linear", "s.toml", verdicts),) if verdicts else ()
    summary = summarise(verdicts)
    return Report("mine", "torch 2.13.0", environment, summary, layers, tuple(verdicts))


FAILURE = """\
Linear :: grad_weight [x, train, float64]                                   FAILED (wrong)
  grad_weight[0, 2] = 0.8123, but should be 0.8391
  3 of 12 elements differ; worst 2.7e-02 at [1, 2] (allowed 4.1e-15)
  finite differences: consistent
  case: N=4 F=3
  spec: s.toml:38
  rerun: pytest --impl=mine 's.toml::grad_weight[x-train]'"""


def test_a_failure_is_told_in_full():
    assert describe(FAILED) == FAILURE


def test_a_headline_without_mode_and_severity():
    assert headline(PASSED) == f"{'Linear :: forward [x, float64]':<83} PASSED"


def test_a_verdict_with_a_reason_gives_it():
    assert describe(SKIPPED).splitlines()[1] == "  has no modes"


INFINITE = Finding(
    tensor="loss",
    severity="wrong",
    index=(),
    got=1.0,
    wanted=float("inf"),
    differing=1,
    size=1,
    worst=float("inf"),
    worst_index=(),
    allowed=0.0,
)


@pytest.mark.parametrize(
    ("finding", "lines"),
    [
        (Finding("output", "wrong", "it has shape (2,)"), ["it has shape (2,)"]),
        (Finding("output", "contract", "it changed", notes=("a", "b")), ["it changed", "a", "b"]),
        (
            Finding("loss", "wrong", index=(), got=float("nan"), wanted=2.0),
            ["loss = nan, but should be 2"],
        ),
        (
            INFINITE,
            [
                "loss = 1, but should be inf",
                "1 of 1 elements differ; worst inf at [] (allowed 0.0e+00)",
            ],
        ),
    ],
    ids=["words", "notes", "NaN", "infinite"],
)
def test_a_finding_in_lines(finding, lines):
    assert list(finding_lines(finding)) == lines


def test_two_numbers_that_differ_look_different():
    finding = Finding("output", "inaccurate", index=(0,), got=0.1 + 1e-12, wanted=0.1)
    (line,) = finding_lines(finding)
    got, wanted = line.removeprefix("output[0] = ").split(", but should be ")
    assert got != wanted


def test_the_last_line_counts_what_there_is():
    assert last_line(report(PASSED, FAILED, SKIPPED)) == (
        "conformance: mine 50.0 % (3 planned, 2 ran, 0 blocked, 1 failed, 1 skipped, "
        "coverage 66.7 %) oracle=torch 2.13.0"
    )


def test_a_report_in_words():
    found = report(PASSED, FAILED)
    assert str(found).splitlines() == [
        "Linear                    50.0 %  1 of 2 passed",
        "",
        *FAILURE.splitlines(),
        "",
        last_line(found),
    ]


def test_a_layer_that_was_skipped_says_why():
    assert "has no modes" in str(report(SKIPPED)).splitlines()[0]


def test_a_run_without_checks_says_where_to_look():
    assert nothing_ran(report()) == dedent("""\
        conformance: no check was selected, so nothing is known about mine.
          Look at the file arguments, -k, --conformance-layers and --conformance-tier.""")


def test_a_run_in_which_nothing_could_be_checked_says_why():
    assert nothing_ran(report(SKIPPED, SKIPPED)) == dedent("""\
        conformance: none of 2 planned checks could be run, so nothing is known about mine.
          has no modes""")
