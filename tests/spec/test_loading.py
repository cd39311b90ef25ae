"""What a person reads whose spec file has a mistake: complete messages, written out."""

from textwrap import dedent

import pytest

from conformance.spec.expressions import FUNCTIONS
from conformance.spec.loading import load_spec, parse_spec
from conformance.spec.problems import SpecError


def complaint(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        parse_spec(text, "scale.toml")
    return str(caught.value)


@pytest.fixture
def broken(spec_text):
    """The complaint about the spec with parts of it replaced, given as old and new text."""

    def complaint_about(*parts: str) -> str:
        text = spec_text
        for old, new in zip(parts[::2], parts[1::2], strict=True):
            assert text.count(old) == 1, f"{old!r} must stand in the spec exactly once"
            text = text.replace(old, new)
        return complaint(text)

    return complaint_about


def test_a_spec_without_mistakes_loads(spec_text):
    spec = parse_spec(spec_text, "scale.toml")
    assert (spec.name, spec.kind, spec.path) == ("Scale", "layer", "scale.toml")


def test_a_loaded_spec_knows_the_lines_of_its_keys(spec_text):
    assert parse_spec(spec_text, "scale.toml").line("case", 1, "dims", "N") == 60


# --- keys -----------------------------------------------------------------------------------------


def test_a_misspelt_table(broken):
    message = broken("[define]", "[defines]")
    assert message == "scale.toml:17: defines: unknown key (did you mean define?)"


def test_a_misspelt_key_of_an_argument(broken):
    message = broken("default = true", "defualt = true")
    assert message == "scale.toml:10: config.bias.defualt: unknown key (did you mean default?)"


def test_a_misspelt_key_of_a_mode(broken):
    message = broken("updates", "update")
    assert message == "scale.toml:36: modes.train.update: unknown key (did you mean updates?)"


def test_a_misspelt_key_of_a_case(broken):
    message = broken("dims = { N = 2 }", "dmis = { N = 2 }")
    assert message == "scale.toml:60: case[1].dmis: unknown key (did you mean dims?)"


def test_a_misspelt_key_in_a_table_of_an_array_of_tables(broken):
    message = broken("inputs = {", "imputs = {")
    assert message == "scale.toml:51: errors[0].given.imputs: unknown key (did you mean inputs?)"


def test_a_key_that_resembles_nothing_lists_what_there_is(broken):
    message = broken("eval = {}", "eval = { frozen = true }")
    assert message == (
        "scale.toml:37: modes.eval.frozen: unknown key (known: updates, uses, random)"
    )


def test_a_misspelt_key_that_is_needed_is_missing_too(broken):
    assert broken("equation =", "equatoin =") == dedent("""\
        scale.toml:1: layer.equation: is missing
        scale.toml:5: layer.equatoin: unknown key (did you mean equation?)""")


def test_a_misspelt_table_that_is_needed_is_missing_too(broken):
    assert broken("[gradients]", "[gradient]") == dedent("""\
        scale.toml:1: a spec of a layer needs [gradients]
        scale.toml:39: gradient: unknown key (did you mean gradients?)""")


def test_a_misspelt_header(broken):
    needed, unknown = broken("[layer]", "[layr]").splitlines()
    assert needed.startswith("scale.toml:1: a spec has one of the tables [layer], [loss]")
    assert unknown == "scale.toml:1: layr: unknown key (did you mean layer?)"


def test_a_missing_table(broken):
    message = broken('[accuracy]\nmodel = "contraction"\nreduction = "1"\n', "")
    assert message == "scale.toml:1: a spec of a layer needs [accuracy]"


def test_a_missing_key(broken):
    assert broken('name = "Scale"\n', "") == "scale.toml:1: layer.name: is missing"


def test_a_spec_of_nothing(spec_text):
    without_header = spec_text[spec_text.index("[config]") :]
    message = complaint(without_header)
    assert message.startswith("scale.toml:1: a spec has one of the tables [layer], [loss]")


# --- values ---------------------------------------------------------------------------------------


def test_a_number_in_place_of_a_string(broken):
    message = broken('name = "Scale"', "name = 3")
    assert message == "scale.toml:2: layer.name: should be a string, not 3"


def test_a_string_in_place_of_a_list(broken):
    message = broken('train = ["N > 1"]', 'train = "N > 1"')
    assert message == "scale.toml:21: require.train: should be a list, not 'N > 1'"


def test_a_word_that_is_not_among_the_choices(broken):
    message = broken('"contraction"', '"contracton"')
    assert message == (
        "scale.toml:43: accuracy.model: 'contracton' is not allowed (did you mean contraction?)"
    )


def test_an_unknown_relation(broken):
    message = broken('"additive"', '"aditive"')
    assert message == (
        "scale.toml:47: property[0].relation: 'aditive' is not allowed (did you mean additive?)"
    )


def test_an_unknown_type(broken):
    message = broken('"bool"', '"boolean"')
    assert message == (
        "scale.toml:10: config.bias.type: 'boolean' is not a type: use int, float, bool, str, "
        "pair, tuple, array, several joined by '|', and '?' at the end where None is allowed"
    )


def test_a_default_of_another_type(broken):
    message = broken("default = true", "default = 1")
    assert message == "scale.toml:10: config.bias: 1 is not of type bool"


def test_an_argument_with_a_type_and_a_dimension(broken):
    message = broken('dim = "C"', 'dim = "C", type = "int"')
    assert message == "scale.toml:9: config.features: give either a type or a dim"


def test_a_property_without_the_axis_it_speaks_of(broken):
    message = broken('"additive"', '"rows_sum_to_one"')
    assert message == "scale.toml:46: property[0]: rows_sum_to_one needs an axis"


# --- names ----------------------------------------------------------------------------------------


def test_an_unknown_name_in_a_shape(broken):
    message = broken('output = "N C"', 'output = "N CC"')
    assert message == (
        "scale.toml:27: outputs.output: CC is not a dimension, argument or definition "
        "(did you mean C?)"
    )


def test_an_unknown_name_in_a_requirement(broken):
    message = broken('train = ["N > 1"]', 'train = ["M > 1"]')
    assert message == (
        "scale.toml:21: require.train[0]: M is not a dimension, argument or definition "
        "(known: N, C, features, bias, stride, D)"
    )


def test_a_definition_that_is_used_before_it_is_made(broken):
    message = broken('D = "C + 1"', 'D = "E + 1"\nE = "C"')
    assert message == (
        "scale.toml:18: define.D: E is not a dimension, argument or definition "
        "(known: N, C, features, bias, stride)"
    )


def test_code_in_an_expression(broken):
    message = broken('"C + 1"', '"open(C)"')
    known = ", ".join(sorted(FUNCTIONS))
    assert message == (
        f"scale.toml:18: define.D: 'open(C)' calls open(); only {known} may be called"
    )


def test_a_requirement_of_a_mode_that_there_is_not(broken):
    message = broken('train = ["N > 1"]', 'trian = ["N > 1"]')
    assert message == (
        "scale.toml:21: require.trian: is neither 'always' nor a mode (did you mean train?)"
    )


def test_a_gradient_of_nothing(broken):
    message = broken('"input", "weight"]', '"input", "wieght"]')
    assert message == (
        "scale.toml:40: gradients.wrt[1]: wieght has no gradient (did you mean weight?)"
    )


def test_an_update_of_what_is_no_buffer(broken):
    message = broken('updates = ["count"]', 'updates = ["cuont"]')
    assert message == (
        "scale.toml:36: modes.train.updates: cuont is not a buffer (did you mean count?)"
    )


def test_an_argument_that_is_the_size_of_no_dimension(broken):
    message = broken('dim = "C"', 'dim = "Q"')
    assert message == "scale.toml:9: config.features.dim: Q is not a dimension (known: N, C)"


def test_a_length_of_a_sum_for_no_tensor(broken):
    message = broken('reduction = "1"', 'reduction = { outptu = "1" }')
    assert message == (
        "scale.toml:44: accuracy.reduction: outptu is not a tensor (did you mean output?)"
    )


def test_an_error_contract_about_an_unknown_input(broken):
    message = broken('{ input = "N C+1" }', '{ imput = "N C+1" }')
    assert message == "scale.toml:51: errors[0].given: imput is not an input (did you mean input?)"


def test_an_error_contract_about_a_value_of_an_unknown_input(broken):
    message = broken('{ inputs = { input = "N C+1" } }', '{ values = { imput = "C" } }')
    assert message == "scale.toml:51: errors[0].given: imput is not an input (did you mean input?)"


def test_an_unknown_name_in_a_value(broken):
    message = broken('{ inputs = { input = "N C+1" } }', '{ values = { input = "CC" } }')
    assert message == (
        "scale.toml:51: errors[0].given.values.input: CC is not a dimension, argument or "
        "definition (did you mean C?)"
    )


def test_an_error_contract_about_nothing(broken):
    message = broken('{ inputs = { input = "N C+1" } }', "{}")
    assert message == "scale.toml:51: errors[0].given: give inputs, values or config"


# --- cases ----------------------------------------------------------------------------------------


def test_an_unknown_argument_in_a_case(broken):
    message = broken("bias = false", "bais = false")
    assert message == (
        "scale.toml:59: case[1].config.bais: bais is not an argument (did you mean bias?)"
    )


def test_a_value_of_the_wrong_type_in_a_case(broken):
    message = broken("bias = false", "stride = [1, 2, 3]")
    assert message == "scale.toml:59: case[1].config.stride: [1, 2, 3] is not of type pair"


def test_an_argument_in_a_case_that_a_dimension_sets(broken):
    message = broken("bias = false", "features = 3")
    assert message == (
        "scale.toml:59: case[1].config.features: is the size of C: set it under dims"
    )


def test_an_unknown_dimension_in_a_case(broken):
    message = broken("N = 2", "n = 2")
    assert message == "scale.toml:60: case[1].dims.n: n is not a dimension (known: N, C)"


def test_a_negative_size_in_a_case(broken):
    message = broken("N = 2", "N = -2")
    assert message == "scale.toml:60: case[1].dims.N: a size is not negative"


def test_another_form_of_an_unknown_input_in_a_case(broken):
    message = broken("dims = { N = 2 }", 'inputs = { imput = "N" }')
    assert message == (
        "scale.toml:60: case[1].inputs.imput: imput is not an input (did you mean input?)"
    )


def test_an_unknown_name_in_another_form_of_an_input(broken):
    message = broken("dims = { N = 2 }", 'inputs = { input = "N CC" }')
    assert message == (
        "scale.toml:60: case[1].inputs.input: CC is not a dimension, argument or definition "
        "(did you mean C?)"
    )


def test_classes_along_an_axis_that_there_is_not(broken):
    message = broken('input = "N C"', 'input = { shape = "N C", type = "one-hot", axis = "2" }')
    assert message.splitlines()[0] == (
        "scale.toml:54: case[0]: default: input has 2 axes, so none is axis 2"
    )


def test_a_list_of_sizes_for_one_axis(broken):
    message = broken("N = 2", "N = [2]")
    assert message == "scale.toml:60: case[1].dims.N: a list of sizes is for *N, a number for N"


def test_values_for_a_tensor_that_there_is_not(broken):
    message = broken("dims = { N = 2 }", 'values = { inptu = "offset" }')
    assert (
        message == "scale.toml:60: case[1].values.inptu: inptu is not drawn (did you mean input?)"
    )


def test_an_unknown_mode_in_a_case(broken):
    message = broken('id = "small"', 'id = "small"\nmodes = ["trian"]')
    assert message == "scale.toml:59: case[1].modes: trian is not a mode (did you mean train?)"


def test_a_case_that_violates_a_requirement(broken):
    message = broken('train = ["N > 1"]', 'always = ["N > 2"]')
    assert message == "scale.toml:57: case[1]: small: violates 'N > 2' (N=2 C=3 bias=False)"


def test_a_case_whose_shape_has_a_negative_size(broken):
    message = broken('output = "N C"', 'output = "N N-3"')
    assert message == (
        "scale.toml:57: case[1]: small: 'N-3' in shape 'N N-3' gives -1, which is not a size (N=2)"
    )


def test_a_case_that_leaves_out_a_required_argument(broken):
    message = broken('"bool", default = true', '"bool"')
    assert message == (
        "scale.toml:54: case[0]: default: config bias has no default and the case does not give it"
    )


def test_two_cases_of_the_same_name(broken):
    message = broken('id = "small"', 'id = "default"')
    assert message == "scale.toml:58: case[1].id: 'default' is used 2 times"


def test_a_case_with_the_reserved_name(broken):
    message = broken('id = "small"', 'id = "generated"')
    assert message == (
        "scale.toml:58: case[1].id: 'generated' is reserved for cases that no file names"
    )


# --- several mistakes, and whole files ------------------------------------------------------------


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines(broken):
    several = (
        "dims = { N = 2 }", "dmis = { N = 2 }",
        "[define]", "[defines]",
        'model = "contraction"', 'model = "contracted"',
        "eval = {}", "eval = { rnadom = true }",
        'name = "Scale"', "name = 3",
    )  # fmt: skip
    assert broken(*several) == dedent("""\
        scale.toml:2: layer.name: should be a string, not 3
        scale.toml:17: defines: unknown key (did you mean define?)
        scale.toml:37: modes.eval.rnadom: unknown key (did you mean random?)
        scale.toml:43: accuracy.model: 'contracted' is not allowed (did you mean contraction?)
        scale.toml:60: case[1].dmis: unknown key (did you mean dims?)""")


def test_all_wrong_names_are_told_at_once_in_the_order_of_their_lines(broken):
    several = ('"C + 1"', '"X + 1"', 'output = "N C"', 'output = "Y C"', '"count"', '"cnt"')
    assert [line.split(": ")[0] for line in broken(*several).splitlines()] == [
        "scale.toml:18",
        "scale.toml:27",
        "scale.toml:36",
    ]


def test_a_syntax_error_has_its_line(broken):
    message = broken('N = "1..8"', "N = 1..8")
    assert message == (
        "scale.toml:14: not valid TOML: Expected newline or end of document after a statement"
    )


def test_a_syntax_error_at_the_end_has_the_last_line(spec_text):
    assert complaint(spec_text + 'x = "') == "scale.toml:61: not valid TOML: Unterminated string"


def test_a_byte_order_mark_is_no_mistake(tmp_path, spec_text):
    path = tmp_path / "scale.toml"
    path.write_bytes(b"\xef\xbb\xbf" + spec_text.encode())
    assert load_spec(path).name == "Scale"


def test_windows_line_ends_are_no_mistake(tmp_path, spec_text):
    path = tmp_path / "scale.toml"
    path.write_bytes(spec_text.replace("\n", "\r\n").encode())
    assert load_spec(path).name == "Scale"


def test_a_missing_file(tmp_path):
    path = tmp_path / "scale.toml"
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert str(caught.value) == f"{path}:1: cannot be read: No such file or directory"


def test_a_binary_file(tmp_path):
    path = tmp_path / "scale.toml"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00")
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert str(caught.value) == f"{path}:1: cannot be read: it is not UTF-8 text"


# --- messages about unions, patterns and places ---------------------------------------------------


def test_an_empty_file():
    kind, case = complaint("").splitlines()
    assert kind.startswith("scale.toml:1: a spec has one of the tables [layer], [loss]")
    assert case == "scale.toml:1: case: is missing"


def test_a_misspelt_key_of_an_input(broken):
    message = broken('input = "N C"', 'input = { shape = "N C", valus = "offset" }')
    assert message == "scale.toml:24: inputs.input.valus: unknown key (did you mean values?)"


def test_a_misspelt_key_of_an_output(broken):
    message = broken('output = "N C"', 'output = [{ shape = "N C", wen = "bias" }]')
    assert message == "scale.toml:27: outputs.output[0].wen: unknown key (did you mean when?)"


def test_a_misspelt_key_of_a_list_of_outputs(broken):
    message = broken('[outputs]\noutput = "N C"', '[[outputs.output]]\nshape = "N C"\nwen = "bias"')
    assert message == "scale.toml:28: outputs.output[0].wen: unknown key (did you mean when?)"


def test_a_number_in_place_of_a_shape_or_table(broken):
    message = broken('input = "N C"', "input = 3")
    assert message == "scale.toml:24: inputs.input: should be a string or a table, not 3"


def test_a_number_in_place_of_a_shape_within_a_table(broken):
    message = broken('input = "N C"', "input = { shape = 3 }")
    assert message == "scale.toml:24: inputs.input.shape: should be a string, not 3"


def test_a_list_of_tables_in_place_of_a_table(broken):
    message = broken("[gradients]", "[[gradients]]")
    assert message == (
        "scale.toml:39: gradients: should be a table, not [{'wrt': ['input', 'weight']}]"
    )


def test_an_empty_string(broken):
    assert broken('source = "none"', 'source = ""') == (
        "scale.toml:6: layer.source: must not be empty"
    )


def test_a_malformed_shape(broken):
    message = broken('output = "N C"', 'output = "N (C"')
    assert message == "scale.toml:27: outputs.output: shape 'N (C': brackets do not match"


def test_a_malformed_range(broken):
    message = broken('"1..8"', '"1-8"')
    assert message == "scale.toml:14: dims.N: '1-8' is not a range such as '1..8'"


def test_a_size_that_is_a_string(broken):
    message = broken("N = 2", 'N = "2"')
    assert message == "scale.toml:60: case[1].dims.N: should be an integer or a list, not '2'"


def test_a_value_in_place_of_a_table(broken):
    message = broken('stride = { type = "pair", default = 1 }', "stride = 1")
    assert message == "scale.toml:11: config.stride: should be a table, not 1"


def test_an_id_with_a_blank(broken):
    message = broken('id = "small"', 'id = "Small one"')
    assert message == (
        "scale.toml:58: case[1].id: 'Small one' is not an id such as 'stride-2' "
        "(lower case, digits, '-', '.', '_')"
    )


def test_a_name_that_is_not_an_identifier(broken):
    message = broken('name = "Scale"', 'name = "my-scale"')
    assert message == "scale.toml:2: layer.name: 'my-scale' is not a name such as 'Conv2d'"


def test_a_case_that_is_legal_in_no_mode(broken):
    message = broken("N = 2 }", 'N = 1 }\nmodes = ["train"]')
    assert message == (
        "scale.toml:57: case[1]: small: is legal in no mode: train violates 'N > 1' "
        "(N=1 C=3 bias=False)"
    )


def test_a_misspelt_array_of_tables(broken):
    message = broken("[[property]]", "[[propperty]]")
    assert message == "scale.toml:46: propperty: unknown key (did you mean property?)"


def test_an_unknown_name_in_the_condition_of_a_property(broken):
    message = broken('relation = "additive"', 'relation = "additive"\nwhen = "bais"')
    assert message == (
        "scale.toml:48: property[0].when: bais is not a dimension, argument or definition "
        "(did you mean bias?)"
    )


def test_a_definition_with_the_name_of_a_dimension(broken):
    message = broken('D = "C + 1"', 'C = "C + 1"')
    assert message == "scale.toml:18: define.C: C is a dimension, too"


def test_a_definition_with_the_name_of_an_argument(broken):
    message = broken('D = "C + 1"', 'bias = "C + 1"')
    assert message == "scale.toml:18: define.bias: bias is an argument, too"


def test_an_argument_with_the_name_of_a_dimension(broken):
    message = broken("stride = {", "C = {")
    assert message == "scale.toml:11: config.C: C is a dimension, too"


def test_an_unknown_dimension_in_the_benchmark(broken):
    message = broken("[[property]]", "[benchmark]\ndims = { Q = 3 }\n[[property]]")
    assert message == "scale.toml:47: benchmark.dims.Q: Q is not a dimension (known: N, C)"


def test_a_benchmark_that_violates_a_requirement(broken):
    message = broken(
        'train = ["N > 1"]',
        'always = ["N > 1"]',
        "[[property]]",
        "[benchmark.dims]\nN = 1\n[[property]]",
    )
    assert message == "scale.toml:46: benchmark: violates 'N > 1' (N=1 C=3)"


@pytest.mark.parametrize(
    ("growth", "said"),
    [
        ("M = 1", "growth.M: M is not in the benchmark's dims (known: N)"),
        ('"N[0]" = 1', "growth.N[0]: N is a number: write N"),
        ("N = 1", "growth.N: a quarter of 6 is no size: the benchmark needs a multiple of 4"),
    ],
)
def test_growth_with_a_size_that_the_benchmark_does_not_have(broken, growth, said):
    benchmark = f"[benchmark]\ndims = {{ N = 6 }}\ngrowth = {{ {growth} }}\n[[property]]"
    assert broken("[[property]]", benchmark) == f"scale.toml:48: benchmark.{said}"


def test_work_of_a_benchmark_in_unknown_sizes(broken):
    benchmark = '[benchmark]\nbytes = { forward = "4*Q" }\n[[property]]'
    assert broken("[[property]]", benchmark).startswith(
        "scale.toml:47: benchmark.bytes.forward: Q is not a dimension, argument or definition"
    )


def test_an_expression_that_is_too_long(broken):
    assert broken('"C + 1"', f'"C{" + 1" * 5000}"') == (
        "scale.toml:18: define.D: the expression is too long: at most 1000 characters are allowed"
    )
