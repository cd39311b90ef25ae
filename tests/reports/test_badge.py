"""The badge has what shields.io's endpoint reads."""

import json

import pytest
from reports.handmade import many, report, verdict

from conformance.reports.badge import badge


def shown(*statuses: str, **more) -> dict:
    return json.loads(badge(report(*many(*statuses), **more)))


def test_a_badge_has_the_keys_of_the_endpoint():
    assert shown("passed") == {
        "schemaVersion": 1,
        "label": "layer conformance",
        "message": "100.0 %",
        "color": "brightgreen",
    }


@pytest.mark.parametrize(
    ("passed", "colour"),
    [(199, "green"), (190, "green"), (189, "yellowgreen"), (160, "yellowgreen"), (159, "yellow"),
     (120, "yellow"), (119, "orange"), (60, "orange"), (59, "red"), (0, "red")],
)  # fmt: skip
def test_the_colour_follows_the_score(passed, colour):
    assert shown(*["passed"] * passed, *["failed"] * (200 - passed))["color"] == colour


def test_what_is_not_covered_is_said():
    assert shown("passed", "skipped")["message"] == "100.0 %, coverage 50.0 %"


@pytest.mark.parametrize("statuses", [(), ("skipped",), ("blocked",)])
def test_nothing_run_is_no_score(statuses):
    found = shown(*statuses)
    assert (found["message"], found["color"]) == ("nothing ran", "lightgrey")


def test_what_cannot_be_trusted_is_not_bright_green():
    assert shown("passed", tampered=("numpy.allclose",))["color"] != "brightgreen"


def test_one_failure_among_many_is_no_hundred_percent():
    verdicts = [verdict(case=str(n)) for n in range(5000)] + many("failed")
    assert json.loads(badge(report(*verdicts)))["message"] == "99.9 %"
