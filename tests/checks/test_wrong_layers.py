"""Every misreading that a spec lists is caught, by exactly the checks that the spec names."""

import pytest
from wrong_layers import WRONG

import conformance
from conformance.spec.catalogue import bundled_specs


def failing_checks(layer, wrong):
    report = conformance.grade({layer: wrong}, layers=[layer], tier="strict", oracle="recorded")
    assert not [v for v in report.verdicts if v.status in ("errored", "blocked", "skipped")]
    return {verdict.check for verdict in report.verdicts if verdict.status == "failed"}


@pytest.mark.parametrize(("layer", "misreading"), WRONG, ids=str)
def test_it_is_caught_by_exactly_the_checks_that_the_spec_names(layer, misreading):
    spec = next(spec for spec in bundled_specs() if spec.name == layer)
    named = next(entry for entry in spec.misreadings if entry.id == misreading).killed_by
    assert failing_checks(layer, WRONG[layer, misreading]) == set(named)


def test_every_misreading_of_a_spec_has_a_wrong_layer():
    listed = {(spec.name, entry.id) for spec in bundled_specs() for entry in spec.misreadings}
    assert listed == set(WRONG)
