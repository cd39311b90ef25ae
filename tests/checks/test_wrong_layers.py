"""Every misreading that a spec lists is caught, by the checks that the spec names."""

import pytest
import wrong_layers
import wrong_training

import conformance
from conformance.misreadings import CATALOGUE, namespace
from conformance.spec.catalogue import bundled_specs

WRONG = wrong_layers.WRONG | wrong_training.WRONG


def failing_checks(layer, misreading):
    wrong = WRONG.get((layer, misreading)) or namespace(layer, misreading)
    candidate = wrong if isinstance(wrong, dict) else {layer: wrong}
    report = conformance.grade(
        candidate, layers=[layer], tier="strict", oracle="recorded", profile="quick"
    )
    assert not [v for v in report.verdicts if v.status in ("errored", "skipped")]
    return {verdict.check for verdict in report.verdicts if verdict.status == "failed"}


@pytest.mark.parametrize(("layer", "misreading"), [*WRONG, *CATALOGUE], ids=str)
def test_it_is_caught_by_the_checks_that_the_spec_names(layer, misreading):
    spec = next(spec for spec in bundled_specs() if spec.name == layer)
    named = next(entry for entry in spec.misreadings if entry.id == misreading).killed_by
    assert failing_checks(layer, misreading) >= set(named)


def test_every_misreading_of_a_spec_has_a_wrong_layer():
    listed = {(spec.name, entry.id) for spec in bundled_specs() for entry in spec.misreadings}
    assert listed == {*WRONG, *CATALOGUE}


def test_every_spec_has_a_misreading():
    assert [spec.name for spec in bundled_specs() if not spec.misreadings] == []
