"""The layers in pieces, which misreadings change one of, are right before they do."""

import pytest

from conformance.misreadings import activations, convolution, linear, normalization, pooling
from conformance.misreadings.catalogue import mixed
from conformance.selftest.measuring import graded
from conformance.spec.catalogue import find_spec
from reference_impls import numpy_reference as reference

PIECES = [
    ("Linear", linear.LinearInPieces),
    ("ELU", activations.ELUInPieces),
    ("Conv2d", convolution.InputGradientInPieces),
    ("Conv2d", convolution.OtherPatches),
    ("MaxPool2d", pooling.MaxPoolInPieces),
    ("BatchNorm1d", mixed(normalization.BatchNormInPieces, reference.BatchNorm1d)),
    ("BatchNorm2d", mixed(normalization.BatchNormInPieces, reference.BatchNorm2d)),
]


@pytest.mark.parametrize(("spec", "pieces"), PIECES)
def test_a_layer_in_pieces_passes_everything(spec, pieces):
    verdicts = graded(find_spec(spec), "pieces", {spec: pieces})
    assert [verdict.id for verdict in verdicts if verdict.status != "passed"] == []
