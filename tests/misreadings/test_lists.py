"""Specs and classes name the same misreadings. That each is caught, the self-test shows."""

import re
from pathlib import Path

from conformance.checks import CATALOGUE as CHECKS
from conformance.misreadings import CATALOGUE
from conformance.runner.plan import plan
from conformance.selftest.measuring import settings
from conformance.spec.catalogue import bundled_specs


def test_every_misreading_of_a_spec_has_a_class_that_makes_it():
    listed = {(spec.name, entry.id) for spec in bundled_specs() for entry in spec.misreadings}
    assert listed == set(CATALOGUE)


def test_every_spec_has_a_misreading():
    assert [spec.name for spec in bundled_specs() if not spec.misreadings] == []


def test_the_checks_that_must_catch_one_are_planned_for_its_spec():
    for spec in bundled_specs():
        planned = {p.name for p in plan(spec, settings(""))} | {check.name for check in CHECKS}
        for entry in spec.misreadings:
            assert set(entry.killed_by) <= planned | {"error"}, (spec.name, entry.id)


def test_the_published_matrix_lists_every_misreading_in_order():
    text = (Path(__file__).parents[2] / "docs" / "kill-matrix.md").read_text(encoding="utf-8")
    published: list[tuple[str, str]] = []
    spec = ""
    for line in text.splitlines():
        if line.startswith("## "):
            spec = line.removeprefix("## ")
        elif match := re.match(r"- \*\*([\w.-]+)\*\*", line):
            published.append((spec, match[1]))
    listed = [(spec.name, entry.id) for spec in bundled_specs() for entry in spec.misreadings]
    assert published == listed
