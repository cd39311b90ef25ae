"""Mistakes that any layer can make, and candidates that do nothing, are caught on every spec."""

import pickle

import numpy as np
import pytest

from conformance.misreadings import generic_mutants, trivial_mutants
from conformance.misreadings.generic import GENERIC
from conformance.selftest.measuring import kill
from conformance.spec.catalogue import bundled_specs, find_spec
from reference_impls import numpy_reference as reference

SPECS = [spec.name for spec in bundled_specs()]


@pytest.mark.parametrize("name", SPECS)
def test_every_generic_mistake_is_caught(name):
    mutants = list(generic_mutants(find_spec(name)))
    assert [mutant.id for mutant in mutants if not kill(mutant, "generic").check] == []


@pytest.mark.parametrize("name", SPECS)
def test_every_trivial_candidate_is_caught(name):
    mutants = list(trivial_mutants(find_spec(name)))
    assert [mutant.id for mutant in mutants if not kill(mutant, "generic").check] == []


def test_every_generic_mistake_applies_somewhere():
    found = {mutant.id for spec in bundled_specs() for mutant in generic_mutants(spec)}
    assert {entry.id for entry in GENERIC} <= found


def test_ids_are_unique_within_a_spec():
    for spec in bundled_specs():
        ids = [entry.id for entry in spec.misreadings]
        ids += [mutant.id for mutant in (*generic_mutants(spec), *trivial_mutants(spec))]
        assert len(ids) == len(set(ids))


def test_a_right_class_survives():
    linear = find_spec("Linear")
    wrong = next(m for m in generic_mutants(linear) if m.id == "gradient-doubled")
    right = type(wrong)(
        wrong.spec, wrong.id, wrong.explains, wrong.killed_by, {"Linear": reference.Linear}
    )
    assert kill(right, "generic").check == ""


def test_a_mutant_can_be_pickled():
    mutant = next(m for m in generic_mutants(find_spec("Linear")) if m.id == "output-rounded")
    layer = mutant.classes["Linear"](3, 2)
    again = pickle.loads(pickle.dumps(layer))
    x = np.ones((1, 3))
    assert (again.forward(x) == layer.forward(x)).all()
    assert type(again) is type(layer)
