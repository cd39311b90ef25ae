import pytest

from conformance.spec.bound_case import BoundCase, bind, bounds, typical_dims
from conformance.spec.catalogue import load, spec_files
from conformance.spec.expressions import ExpressionError
from conformance.spec.loading import parse_spec
from conformance.spec.model import Case, Spec, VariadicDim

START = """\
[layer]
name = "Scale"
family = "linear"
summary = "Multiplies each feature by a weight."
equation = "y = x * weight"
source = "none"
[gradients]
wrt = ["input", "weight"]
[accuracy]
model = "contraction"
[[case]]
id = "default"
"""


def spec_with(tables: str) -> Spec:
    return parse_spec(START + tables, "scale.toml")


def bound(spec: Spec, **case) -> BoundCase:
    return bind(spec, Case(id="test", **case))


# --- sizes that nobody gave -----------------------------------------------------------------------


@pytest.mark.parametrize("path", spec_files(), ids=lambda path: path.stem)
def test_typical_sizes_of_the_bundled_specs_tell_axes_apart(path):
    spec = load(path)
    fixed = [size for name, size in typical_dims(spec).items() if f"*{name}" not in spec.dims]
    assert len(set(fixed)) == len(fixed)


@pytest.mark.parametrize("path", spec_files(), ids=lambda path: path.stem)
def test_typical_sizes_of_the_bundled_specs_lie_in_their_ranges(path):
    spec = load(path)
    for name, size in typical_dims(spec).items():
        domain = spec.dims.get(name)
        if isinstance(domain, str):
            low, high = bounds(domain)
            assert low <= size <= high


def test_sizes_repeat_only_where_the_ranges_leave_no_choice():
    spec = spec_with("""
        [dims]
        A = "1..2"
        B = "1..2"
        C = "1..2"
        D = "20..30"
        [inputs]
        input = "A B C D"
        [outputs]
        output = "A B C D"
        [parameters]
        weight = { shape = "D" }
        """)
    assert typical_dims(spec) == {"A": 2, "B": 1, "C": 2, "D": 20}


def test_a_size_differs_from_those_of_variadic_axes():
    spec = spec_with("""
        [dims]
        C = "1..6"
        "*S" = { rank = "0..3", size = "1..5", typical = [4, 3] }
        [inputs]
        input = "C *S"
        [outputs]
        output = "C *S"
        [parameters]
        weight = { shape = "C" }
        """)
    assert isinstance(spec.dims["*S"], VariadicDim)
    assert typical_dims(spec) == {"C": 5, "S": (4, 3)}


def test_the_sizes_of_a_case_replace_the_typical_ones(spec_text):
    case = bound(parse_spec(spec_text, "scale.toml"), dims={"C": 6})
    assert dict(case.dims) == {"N": 4, "C": 6}


# --- configuration --------------------------------------------------------------------------------

WINDOWS = """
    [config]
    channels = { dim = "C" }
    kernel = { type = "pair", draw = [[3, 2], 1] }
    stride = { type = "pair?", default = "none", stands_for = "kernel" }
    bias = { type = "bool", default = true }
    [dims]
    C = "1..6"
    H = "1..9"
    W = "1..9"
    [define]
    Hfree = "H - kernel[0]"
    Hout = "Hfree // stride[0] + 1"
    Wout = "(W - kernel[1]) // stride[1] + 1"
    [inputs]
    input = "C H W"
    [outputs]
    output = "C Hout Wout"
    [parameters]
    weight = { shape = "C *kernel" }
    offset = { shape = "C", when = "bias" }
    [buffers]
    count = { shape = "()" , when = "not bias" }
    """


def test_an_argument_takes_its_default_its_dimension_or_its_first_value():
    config = bound(spec_with(WINDOWS)).config
    assert config == {"channels": 4, "kernel": (3, 2), "stride": None, "bias": True}


def test_a_case_sets_arguments():
    config = bound(spec_with(WINDOWS), config={"kernel": [1, 2], "bias": False}).config
    assert config == {"channels": 4, "kernel": (1, 2), "stride": None, "bias": False}


def test_a_pair_given_as_one_number_stays_one_for_the_constructor():
    case = bound(spec_with(WINDOWS), config={"kernel": 2})
    assert case.config["kernel"] == 2
    assert case.bindings["kernel"] == (2, 2)


def test_none_stands_for_another_argument_in_expressions_only():
    case = bound(spec_with(WINDOWS))
    assert case.config["stride"] is None
    assert case.bindings["stride"] == (3, 2)


def test_the_word_none_is_none_to_the_constructor():
    case = bound(spec_with(WINDOWS), config={"stride": "none"})
    assert case.config["stride"] is None


def test_definitions_are_evaluated_in_their_order():
    case = bound(spec_with(WINDOWS), dims={"H": 9, "W": 6})
    assert [case.bindings[name] for name in ("Hfree", "Hout", "Wout")] == [6, 3, 3]


def test_a_definition_without_a_value_is_an_error():
    with pytest.raises(ExpressionError, match=r"^'Hfree // stride\[0\] \+ 1' has no value for "):
        bound(spec_with(WINDOWS), config={"stride": 0})


def test_arguments_that_have_their_default_are_known():
    assert bound(spec_with(WINDOWS)).at_default() == ("stride", "bias")
    assert bound(spec_with(WINDOWS), config={"bias": False}).at_default() == ("stride",)


# --- shapes ---------------------------------------------------------------------------------------


def test_shapes_are_numbers():
    case = bound(spec_with(WINDOWS), dims={"C": 2, "H": 9, "W": 6})
    assert case.inputs() == {"input": (2, 9, 6)}
    assert case.outputs() == {"output": (2, 3, 3)}


@pytest.mark.parametrize(
    ("bias", "parameters", "buffers"),
    [
        (True, {"weight": (4, 3, 2), "offset": (4,)}, {}),
        (False, {"weight": (4, 3, 2)}, {"count": ()}),
    ],
)
def test_only_tensors_whose_condition_holds_exist(bias, parameters, buffers):
    case = bound(spec_with(WINDOWS), config={"bias": bias})
    assert (case.parameters(), case.buffers()) == (parameters, buffers)


def test_only_tensors_that_exist_are_owed_a_gradient():
    spec = spec_with(WINDOWS.replace('"C *kernel"', '"C *kernel", when = "bias"'))
    assert bound(spec).gradients() == ["input", "weight"]
    assert bound(spec, config={"bias": False}).gradients() == ["input"]


REDUCED = """
    [config]
    reduction = { type = "str", default = "mean", choices = ["mean", "none"] }
    [dims]
    N = "1..9"
    [inputs]
    input = "N"
    [parameters]
    weight = { shape = "N" }
    [[outputs.output]]
    shape = "()"
    when = "reduction == 'mean'"
    [[outputs.output]]
    shape = "N"
    when = "reduction == 'none'"
    """


@pytest.mark.parametrize(("reduction", "shape"), [("mean", ()), ("none", (4,))])
def test_the_first_alternative_that_applies_gives_an_outputs_shape(reduction, shape):
    case = bound(spec_with(REDUCED), config={"reduction": reduction})
    assert case.outputs() == {"output": shape}


def test_an_output_to_which_no_alternative_applies_is_an_error():
    case = bound(spec_with(REDUCED), config={"reduction": "sum"})
    with pytest.raises(ExpressionError) as caught:
        case.outputs()
    assert str(caught.value) == "no shape of output output applies to N=4 reduction='sum'"


# --- modes ----------------------------------------------------------------------------------------


def test_a_case_runs_in_the_modes_whose_requirements_it_meets(spec_text):
    spec = parse_spec(spec_text, "scale.toml")
    assert bound(spec).modes() == ["train", "eval"]
    assert bound(spec, dims={"N": 1}).modes() == ["eval"]


def test_a_case_can_name_its_modes(spec_text):
    spec = parse_spec(spec_text, "scale.toml")
    assert bound(spec, modes=["eval"]).modes() == ["eval"]


def test_a_layer_without_modes_runs_once():
    assert bound(spec_with(WINDOWS)).modes() == [None]


def test_what_is_always_required_is_required_in_every_mode(spec_text):
    text = spec_text.replace("[require]", '[require]\nalways = ["C < 6"]')
    case = bound(parse_spec(text, "scale.toml"), dims={"N": 1, "C": 6})
    assert case.violated(None) == ["C < 6"]
    assert case.violated("train") == ["C < 6", "N > 1"]
    assert case.violated("eval") == ["C < 6"]


# --- the rest -------------------------------------------------------------------------------------


def test_a_case_is_described_by_its_sizes_and_what_it_sets():
    case = bound(spec_with(WINDOWS), config={"kernel": [1, 2]}, dims={"C": 2, "H": 9, "W": 6})
    assert case.describe() == "C=2 H=9 W=6 kernel=(1, 2)"


@pytest.mark.parametrize(
    ("rule", "terms"),
    [
        ('"2*N"', {"output": 8, "weight": 8}),
        ('{ output = "N + 1" }', {"output": 5, "weight": 0}),
    ],
)
def test_the_length_of_a_sum_is_given_for_all_tensors_or_for_each(spec_text, rule, terms):
    text = spec_text.replace('reduction = "1"', f"reduction = {rule}")
    case = bound(parse_spec(text, "scale.toml"))
    assert {name: case.reduction(name) for name in terms} == terms


def test_the_gain_of_a_gradient_is_zero_where_the_spec_is_silent(spec_text):
    text = spec_text.replace('reduction = "1"', 'gain = { weight = "1 / N" }')
    case = bound(parse_spec(text, "scale.toml"))
    assert (case.gain("weight"), case.gain("input")) == (0.25, 0.0)
