"""Every misreading that a spec lists is caught, by the checks that the spec names."""

import pytest

import conformance
from conformance.diagnosis.diagnosing import Diagnostician
from conformance.misreadings import CATALOGUE, namespace
from conformance.spec.catalogue import bundled_specs


def failing_checks(spec, misreading):
    candidate = namespace(spec, misreading)
    report = conformance.grade(
        candidate, layers=[spec], tier="strict", oracle="recorded", profile="quick"
    )
    assert not [v for v in report.verdicts if v.status in ("errored", "skipped")]
    return {verdict.check for verdict in report.verdicts if verdict.status == "failed"}


@pytest.mark.parametrize(("spec", "misreading"), CATALOGUE, ids=str)
def test_it_is_caught_by_the_checks_that_the_spec_names(spec, misreading, monkeypatch):
    monkeypatch.setattr(Diagnostician, "diagnose", lambda self, check, evidence: ())  # takes long
    entries = next(each for each in bundled_specs() if each.name == spec).misreadings
    named = next(entry for entry in entries if entry.id == misreading).killed_by
    assert failing_checks(spec, misreading) >= set(named)


def test_every_misreading_of_a_spec_has_a_class_that_makes_it():
    listed = {(spec.name, entry.id) for spec in bundled_specs() for entry in spec.misreadings}
    assert listed == set(CATALOGUE)


def test_every_spec_has_a_misreading():
    assert [spec.name for spec in bundled_specs() if not spec.misreadings] == []
