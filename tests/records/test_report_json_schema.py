import json
from pathlib import Path

import pydantic
import pytest
from jsonschema import Draft202012Validator

from conformance.records.json import from_json, to_json
from conformance.records.report import Environment, Report, summarise, summarise_layer
from conformance.records.verdict import Finding, Verdict
from conformance.reports.json_report import report_json_schema, report_json_schema_text

PUBLISHED = Path(__file__).parents[2] / "docs" / "report.schema.json"

VERDICTS = (
    Verdict("a::forward[x]", "Linear", "x", "forward", "forward", "core", "passed"),
    Verdict(
        "a::grad_input[x]",
        "Linear",
        "x",
        "grad_input",
        "gradients",
        "full",
        "failed",
        mode="train",
        severity="wrong",
        findings=(Finding("grad_input", "wrong", index=(0, 1), got=1.0, wanted=2.0),),
    ),
)
REPORT = Report(
    implementation="mine",
    oracle="torch 2.13.0",
    environment=Environment("3.11", "2.0", None, "linux", "0.1", 0, "quick", "full"),
    summary=summarise(VERDICTS),
    layers=(summarise_layer("Linear", "linear", "a", VERDICTS),),
    verdicts=VERDICTS,
    notes=("a note",),
)


def mistakes(data: object) -> list[str]:
    return [error.message for error in Draft202012Validator(report_json_schema()).iter_errors(data)]


@pytest.mark.skipif(
    tuple(map(int, pydantic.VERSION.split(".")[:2])) < (2, 13),
    reason="pydantic before 2.13 leaves descriptions out of schemas",
)
def test_the_published_schema_is_up_to_date():
    assert PUBLISHED.read_text(encoding="utf-8") == report_json_schema_text()


def test_the_schema_is_a_json_schema():
    Draft202012Validator.check_schema(report_json_schema())


def test_a_report_survives_json():
    assert from_json(Report, to_json(REPORT)) == REPORT


def test_a_report_validates():
    assert mistakes(json.loads(to_json(REPORT))) == []


def test_a_finding_with_infinities_validates():
    finding = Finding("output", "wrong", got=float("nan"), wanted=0.0, ratio=float("inf"))
    verdict = Verdict("a", "Linear", "x", "forward", "f", "core", "failed", findings=(finding,))
    report = Report("mine", "torch", REPORT.environment, summarise([verdict]), (), (verdict,))
    assert mistakes(json.loads(to_json(report))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"implementation"', '"implementaton"'),
        ('"status":"failed"', '"status":"broken"'),
        ('"planned":2', '"planned":"2"'),
        ('"severity":"wrong"', '"severity":"fatal"'),
    ],
)
def test_a_report_with_a_mistake_does_not_validate(old, new):
    text = to_json(REPORT)
    assert old in text
    assert mistakes(json.loads(text.replace(old, new, 1)))
