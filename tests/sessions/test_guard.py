"""Functions that somebody replaces while an implementation is graded in this process."""

import sys

import numpy as np
import pytest

import conformance
from conformance.candidates.implementation import Implementation
from conformance.checks import evidence
from conformance.generation.programs import Programs
from conformance.numerics import comparison
from conformance.runner.grader import Grader
from conformance.sessions.guard import Guard
from conformance.sessions.in_process import InProcessSession
from conformance.spec.bound_case import bind
from conformance.spec.catalogue import find_spec
from reference_impls import numpy_reference


def no_difference(*arguments):
    return None


def test_nothing_is_replaced_by_grading_in_process():
    guard = Guard()
    assert conformance.grade("reference", ["Linear", "Dropout", "SGD"], profile="quick").ok
    assert guard.replaced() == ()


@pytest.mark.parametrize(
    ("owner", "name", "shown"),
    [
        (np, "allclose", "numpy.allclose"),
        (np.linalg, "norm", "numpy.linalg.norm"),
        (pytest, "skip", "pytest.skip"),
        (evidence, "compare", "conformance.checks.evidence.compare"),
        (Grader, "verdict", "conformance.runner.grader.Grader.verdict"),
    ],
)
def test_a_replaced_function_is_named(monkeypatch, owner, name, shown):
    guard = Guard()
    monkeypatch.setattr(owner, name, no_difference)
    assert guard.replaced() == (shown,)


def test_a_function_with_other_code_is_named(monkeypatch):
    guard = Guard()
    monkeypatch.setattr(comparison.compare, "__code__", no_difference.__code__)
    assert "conformance.numerics.comparison.compare" in guard.replaced()


def test_a_function_that_is_removed_is_named(monkeypatch):
    guard = Guard()
    monkeypatch.delattr(np, "array_equal")
    assert guard.replaced() == ("numpy.array_equal",)


def test_new_modules_are_none_of_its_business(monkeypatch):
    guard = Guard()
    monkeypatch.setitem(sys.modules, "numpy.of_mine", type(sys)("numpy.of_mine"))
    monkeypatch.setattr(np, "of_mine", no_difference, raising=False)
    assert guard.replaced() == ()


class Cheat(numpy_reference.ReLU):
    """Returns zeros, and has every comparison say that this is right."""

    def forward(self, input):
        evidence.compare = no_difference
        return np.zeros_like(super().forward(input))


def test_a_report_that_cannot_be_trusted_is_not_ok(monkeypatch):
    monkeypatch.setattr(evidence, "compare", evidence.compare)  # put back afterwards
    report = conformance.grade({"ReLU": Cheat}, ["ReLU"], profile="quick", oracle="recorded")
    assert report.tampered == ("conformance.checks.evidence.compare",)
    assert not report.ok
    assert report.notes == (
        "while the implementation was graded, conformance.checks.evidence.compare was replaced: "
        "no verdict of this run can be trusted.\n"
        "  Leave the functions of others alone, or grade with --conformance-isolate.",
    )
    assert report.notes[0] in str(report)


def test_what_a_layer_keeps_and_changes_later_reaches_nobody():
    kept = []

    class Keeper(numpy_reference.Linear):
        def forward(self, input):
            kept.extend([input, output := super().forward(input)])
            return output

        def backward(self, grad_output):
            kept.extend([grad_output, grad_input := super().backward(grad_output)])
            return grad_input

        def __init__(self, *arguments, **keywords):
            super().__init__(*arguments, **keywords)
            kept.extend([self.weight, self.bias, self.grad_weight, self.grad_bias])

    spec = find_spec("Linear")
    bound = bind(spec, spec.cases[0])
    trial = Programs(bound, None, 0).single()
    shown = InProcessSession(Implementation("keeper", {"Linear": Keeper})).run(trial)
    assert shown.trouble is None
    for array in kept:
        array[...] = np.nan
    held = [*shown.initial.values(), *trial.parameters.values()]
    held += [array for record in shown.steps for _, array in record.tensors()]
    held += [*trial.steps[0].inputs.values(), trial.steps[1].cotangent]
    assert len(kept) >= 8
    assert not any(np.isnan(array).any() for array in held)
