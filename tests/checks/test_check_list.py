"""The catalogue as a document."""

import inspect
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conformance.checks import CATALOGUE, ERROR_CONTRACT
from conformance.cli import app

DOCUMENT = Path(__file__).parents[2] / "docs" / "checks.md"
CHECKS = [*CATALOGUE, ERROR_CONTRACT]


def test_the_published_catalogue_is_up_to_date():
    # If not: conformance checks > docs/checks.md
    assert CliRunner().invoke(app, ["checks"]).output == DOCUMENT.read_text(encoding="utf-8")


def test_every_check_is_in_it_once():
    headings = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if "###" in line]
    assert sorted(headings) == sorted(f"### `{check.id_for('<tensor>')}`" for check in CHECKS)


def test_no_two_checks_have_one_name():
    assert len({check.name for check in CHECKS}) == len(CHECKS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_says_what_must_hold_in_one_sentence_and_where_it_applies(check):
    first, *rest = check.documentation.split("\n\n")
    assert first.endswith(".")
    assert len(first) <= 200
    assert all(paragraph.endswith((".", ":")) for paragraph in rest)
    assert inspect.getdoc(check.targets)
