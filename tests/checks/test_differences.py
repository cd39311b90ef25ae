"""Finite differences of layers whose results cannot be computed with."""

import numpy as np

import conformance
from reference_impls import numpy_reference as reference


def verdicts(layer, check):
    report = conformance.grade(
        {layer.__base__.__name__: layer},
        layers=[layer.__base__.__name__],
        oracle="recorded",
        profile="quick",
    )
    return [verdict for verdict in report.verdicts if verdict.check == check]


class Infinite(reference.Identity):
    def forward(self, x):
        return super().forward(x) * np.inf


class BiasGradientNotSummed(reference.Linear):
    def backward(self, grad_output):
        grad_input = super().backward(grad_output)
        self.grad_bias = grad_output.copy()
        return grad_input


def test_infinities_of_both_signs_have_no_derivative():
    said = {
        finding.message
        for verdict in verdicts(Infinite, "fd_input")
        for finding in verdict.findings
    }
    assert said == {"your own forward is not finite here: it has no derivative"}


def test_a_gradient_of_the_wrong_shape_does_not_disturb_the_check_of_another():
    statuses = [verdict.status for verdict in verdicts(BiasGradientNotSummed, "fd_input")]
    assert set(statuses) == {"passed"}
