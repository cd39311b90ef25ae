"""Specs that ask for too much: one message with file, line and key, and no crash or wait."""

import pytest

from conformance.candidates.wiring.binding_file import BindingError, parse_binding
from conformance.runner.gaps import GapsError, load_gaps
from conformance.spec.loading import parse_spec
from conformance.spec.problems import SpecError

DEEP = "tables and arrays are nested more than 64 levels deep"
LONG = "the expression is too long: at most 1000 characters are allowed"
BITS = "integers have at most 64 bits"
MOST = "at most 67,108,864 are allowed"

STRIDE = 'stride = { type = "pair", default = 1 }'
DEFINED = 'D = "C + 1"'


def complaint(text):
    with pytest.raises(SpecError) as caught:
        parse_spec(text, "scale.toml")
    return str(caught.value)


def nested(opening, closing, inner="1", levels=2000):
    return opening * levels + inner + closing * levels


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "dims = { N = 2 }",
            "dims = { N = 1000000000000 }",
            "57: case[1]: small: shape 'N C' is too large: 3,000,000,000,000 elements; " + MOST,
        ),
        (
            "dims = { N = 2 }",
            "dims = { N = 20000000 }",
            "57: case[1]: small: is too large: 120,000,004 elements in all; " + MOST,
        ),
        (
            'input = "N C+1"',
            'input = "N C+10**12"',
            "51: errors[0].given.inputs.input: shape 'N C+10**12' is too large: "
            "2,000,000,000,006 elements; " + MOST,
        ),
        (
            "dims = { N = 2 }",
            "dims = { N = " + "9" * 5000 + " }",
            "60: case[1].dims: " + BITS,
        ),
        (STRIDE, STRIDE.replace("= 1", "= 0x" + "f" * 5000), "11: config.stride.default: " + BITS),
        ('C = "1..6"', 'C = "1..1000000000000"', "15: dims.C: '1..1000000000000' is too large: "
         "it ends at 67,108,864 or before"),
        (
            'reduction = "1"',
            'reduction = "9**9**9"',
            "44: accuracy.reduction: '9**9**9' has no value for no bindings: "
            "exponents are at most 1000",
        ),
        (DEFINED, 'D = "1 << 10**9"', "18: define.D: '1 << 10**9' uses '<<', which is not "
         "allowed here"),
        (DEFINED, f'D = "0x{"f" * 5000}"', "18: define.D: " + LONG),
        (DEFINED, f'D = "{nested("(", ")")}"', "18: define.D: " + LONG),
        (DEFINED, f'D = "{nested("abs(", ")")}"', "18: define.D: " + LONG),
        ('output = "N C"', f'output = "N {nested("(", ")")}"', "27: outputs.output: the shape "
         "is too long: at most 1000 characters are allowed"),
        ('output = "N C"', f'output = "N C{" 1" * 40}"', "54: case[0]: default: shape 'N C"
         + " 1" * 40 + "' has 42 axes; at most 32 are allowed"),
        (STRIDE, STRIDE.replace("= 1", f"= {nested('[', ']')}"), "11: config.stride: " + DEEP),
        (STRIDE, STRIDE.replace("= 1", f"= {nested('{a=', '}')}"), "11: config.stride: " + DEEP),
        (
            STRIDE,
            STRIDE.replace("= 1", f"= {nested('[', ']', levels=100)}"),
            "11: config.stride.default[0][0][0]: " + DEEP,
        ),
        (STRIDE, f"{STRIDE}\nx{'.a' * 2000} = 1", "12: config.x.a.a.a.a: " + DEEP),
        ("[define]", f"[define{'.a' * 2000}]\nb = 1\n[define]", "17: define.a.a.a.a.a: " + DEEP),
        (
            "dims = { N = 2 }",
            f"layers = [{nested('{Sequential=[', ']}', '1')}]",
            "60: case[1].layers: " + DEEP,
        ),
    ],
)  # fmt: skip
def test_too_much_is_one_message(spec_text, old, new, message):
    assert spec_text.count(old) == 1
    said = complaint(spec_text.replace(old, new))
    assert said.splitlines()[0] == f"scale.toml:{message}"


def test_integers_within_tuples_do_not_grow_either(spec_text):
    lines = [f'D{i} = "({", ".join([f"D{i - 1}"] * 50)})"' for i in range(1, 6)]
    said = complaint(spec_text.replace(DEFINED, "\n".join(['D0 = "(1,)"', *lines])))
    assert "the result is too large" in said
    assert len(said) < 10_000


def test_the_result_of_a_function_is_small(spec_text):
    said = complaint(spec_text.replace(DEFINED, f'D = "prod(({"2**1000," * 50}))"'))
    assert said.splitlines()[0].endswith("has no value for no bindings: the result is too large")


def test_a_power_is_a_real_number(spec_text):
    said = complaint(spec_text.replace(DEFINED, 'D = "(0-1)**0.5"'))
    assert said.splitlines()[0].endswith("the result is not a real number")


def test_a_deeply_nested_binding():
    with pytest.raises(BindingError) as caught:
        parse_binding(f"[Linear]\nfixed = {nested('{a=', '}')}\n", "conformance.toml")
    assert str(caught.value) == f"conformance.toml:2: Linear.fixed: {DEEP}"


def test_a_deeply_nested_gaps_file(tmp_path):
    path = tmp_path / "gaps.toml"
    path.write_text(f"[[gap]]\nid = {nested('[', ']')}\n", encoding="utf-8")
    with pytest.raises(GapsError) as caught:
        load_gaps(path)
    assert str(caught.value) == f"{path}:2: gap[0].id: {DEEP}"
