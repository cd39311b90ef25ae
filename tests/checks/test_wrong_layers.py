"""Every misreading that a spec lists is caught, by the checks that the spec names."""

import pytest

from conformance.misreadings import CATALOGUE, namespace
from conformance.selftest.measuring import Silent, caught_by, graded
from conformance.spec.catalogue import bundled_specs, find_spec


def failing_checks(layer, misreading):
    candidate = namespace(layer, misreading)
    verdicts = graded(find_spec(layer), misreading, candidate, diagnostician=Silent())
    assert not [verdict for verdict in verdicts if verdict.status == "skipped"]
    return caught_by(verdicts)


@pytest.mark.parametrize(("layer", "misreading"), CATALOGUE, ids=str)
def test_it_is_caught_by_the_checks_that_the_spec_names(layer, misreading):
    entries = find_spec(layer).misreadings
    named = next(entry for entry in entries if entry.id == misreading).killed_by
    assert set(named) <= set(failing_checks(layer, misreading))


def test_every_misreading_of_a_spec_has_a_class_that_makes_it():
    listed = {(spec.name, entry.id) for spec in bundled_specs() for entry in spec.misreadings}
    assert listed == set(CATALOGUE)


def test_every_spec_has_a_misreading():
    assert [spec.name for spec in bundled_specs() if not spec.misreadings] == []
