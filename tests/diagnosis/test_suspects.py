"""Misreadings are recognised as themselves, beside others that a check cannot even be put to."""

import pytest

import conformance
from conformance.selftest.measuring import measure
from conformance.spec.catalogue import find_spec
from reference_impls import numpy_reference


@pytest.mark.parametrize(
    ("layer", "misreading"),
    [
        ("Flatten", "column-major-in-backward"),  # another one returns a gradient of no use
        ("ChannelwiseScaling", "along-the-axis-that-fits"),  # another one an output of 4 axes
        ("Sequential", "first-layer-left-out-of-backward"),  # only some gradients are misshapen
    ],
)
def test_every_failure_is_named(layer, misreading):
    spec = find_spec(layer)
    row = measure(spec, next(m for m in spec.misreadings if m.id == misreading))
    assert row.killed
    assert row.named == row.failures > 0


class NegatedBackward(numpy_reference.Linear):
    """A sign error in the gradient of the input."""

    def backward(self, grad_output):
        return -super().backward(grad_output)


def test_a_sign_error_is_no_division_by_the_batch_size():
    report = conformance.grade(
        {"Linear": NegatedBackward}, ["Linear"], profile="quick", oracle="recorded"
    )
    wrong = [v for v in report.verdicts if v.status == "failed" and v.check == "adjoint"]
    assert wrong
    named = {d.id for v in wrong for d in v.diagnoses if d.source == "misreading"}
    assert not {name for name in named if "sign" not in name and "negat" not in name}
