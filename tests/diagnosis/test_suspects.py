"""Misreadings are recognised as themselves, beside others that a check cannot even be put to."""

import pytest

from conformance.selftest.measuring import measure
from conformance.spec.catalogue import find_spec


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
