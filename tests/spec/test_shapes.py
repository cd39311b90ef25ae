import pytest

from conformance.spec.expressions import ExpressionError
from conformance.spec.shapes import parse_shape

BINDINGS = {"N": 4, "C": 3, "S": (7, 8), "E": (), "kernel": (3, 2), "bias": True}


@pytest.mark.parametrize(
    ("text", "axes"),
    [
        ("()", ()),
        ("", ()),
        ("N", (4,)),
        ("N C", (4, 3)),
        ("  N   C  ", (4, 3)),
        ("N\tC", (4, 3)),
        ("N 5", (4, 5)),
        ("N 0", (4, 0)),
        ("*S", (7, 8)),
        ("N *S C", (4, 7, 8, 3)),
        ("*E C", (3,)),
        ("*E", ()),
        ("N C+1", (4, 4)),
        ("N (C + 1)//2", (4, 2)),
        ("kernel[0] kernel[ 1 ]", (3, 2)),
        ("max(N, C) C", (4, 3)),
        ("2*N", (8,)),
    ],
)
def test_a_shape_has_an_axis_for_each_token(text, axes):
    assert parse_shape(text)(BINDINGS) == axes


def test_the_names_of_a_shape_are_those_of_all_its_tokens():
    assert parse_shape("*S C//groups (H + 1)//2").names == {"S", "C", "groups", "H"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("N-C-9 2", "'N-C-9' in shape 'N-C-9 2' gives -8, which is not a size (N=4 C=3)"),
        ("N C/2", "'C/2' in shape 'N C/2' gives 1.5, which is not a size (C=3)"),
        ("bias", "'bias' in shape 'bias' gives True, which is not a size (bias=True)"),
        ("S", "'S' in shape 'S' gives (7, 8), which is not a size (S=(7, 8))"),
        ("*N", "'N' in shape '*N' gives 4, which is not a size (N=4)"),
    ],
)
def test_what_is_not_a_size_is_shown_with_the_bindings(text, message):
    with pytest.raises(ExpressionError) as caught:
        parse_shape(text)(BINDINGS)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("N (C", "shape 'N (C': brackets do not match"),
        ("N C)", "shape 'N C)': brackets do not match"),
        ("kernel[0", "shape 'kernel[0': brackets do not match"),
        ("N C.", "shape 'N C.': 'C.' is not an expression: invalid syntax"),
        ("N * C", "shape 'N * C': '' is not an expression: invalid syntax"),
    ],
)
def test_a_malformed_shape_is_quoted(text, message):
    with pytest.raises(ExpressionError) as caught:
        parse_shape(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["N, C", "N,C", "(N, C)", "[N, C]", "*S, C"])
def test_axes_that_are_separated_by_commas_are_refused(text):
    with pytest.raises(ExpressionError) as caught:
        parse_shape(text)
    assert str(caught.value) == f"shape {text!r}: axes are separated by blanks alone"
