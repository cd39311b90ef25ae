from dataclasses import replace

import numpy as np
import pytest

from conformance.generation.drawing import float32_exact
from conformance.generation.programs import Programs
from conformance.records.trial import Backward, Forward, Restore, SetMode, Trial, ZeroGrad
from conformance.spec.bound_case import bind
from conformance.spec.catalogue import find_spec
from conformance.spec.model import Case


def programs(layer: str, case: str = "default", mode: str | None = None, seed: int = 0) -> Programs:
    spec = find_spec(layer)
    return Programs(bind(spec, next(c for c in spec.cases if c.id == case)), mode, seed)


def generated(layer: str, mode: str | None = None, **case) -> Programs:
    return Programs(bind(find_spec(layer), Case(id="generated", **case)), mode)


def forwards(trial: Trial) -> list[Forward]:
    return [step for step in trial.steps if isinstance(step, Forward)]


def equal(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


# --- what trials share ----------------------------------------------------------------------------


@pytest.fixture
def all_programs() -> list[Trial]:
    made = programs("BatchNorm1d", mode="train")
    return [
        made.single(),
        made.twice(),
        made.repeated(),
        made.accumulated(),
        made.mode_switches(),
    ]


def test_every_program_of_a_case_begins_with_the_same_input(all_programs):
    first, *others = (forwards(trial)[0].inputs for trial in all_programs)
    assert all(equal(first, inputs) for inputs in others)


def test_every_program_of_a_case_has_the_same_parameters_and_buffers(all_programs):
    first, *others = all_programs
    assert all(equal(first.parameters, trial.parameters) for trial in others)
    assert all(equal(first.buffers, trial.buffers) for trial in others)


def test_every_program_begins_with_the_switch_of_mode(all_programs):
    assert {trial.steps[0].mode for trial in all_programs} == {"train"}


def test_every_program_has_its_own_key(all_programs):
    assert [trial.key for trial in all_programs] == [
        "default/train/single",
        "default/train/twice",
        "default/train/repeated",
        "default/train/accumulated",
        "default/train/modes",
    ]


def test_a_layer_without_modes_is_not_switched():
    made = programs("Linear")
    assert made.start == 0
    assert made.single().key == "default/single"
    assert [type(step) for step in made.single().steps] == [Forward, Backward]


# --- the steps of each program --------------------------------------------------------------------


def test_twice_has_two_different_inputs():
    first, second = forwards(programs("Linear").twice())
    assert not equal(first.inputs, second.inputs)


def test_repeated_has_the_same_input_twice():
    first, second = forwards(programs("Linear").repeated())
    assert equal(first.inputs, second.inputs)


def test_accumulated_zeroes_the_gradients_after_two_of_three_rounds():
    steps = [type(step) for step in programs("Linear").accumulated().steps]
    once = [Forward, Backward]
    assert steps == [*once, *once, ZeroGrad, *once]


@pytest.mark.parametrize(("mode", "modes"), [("train", "tet"), ("eval", "ete")])
def test_mode_switches_go_there_and_back(mode, modes):
    trial = programs("BatchNorm1d", mode=mode).mode_switches()
    assert [step.mode[0] for step in trial.steps if isinstance(step, SetMode)] == list(modes)
    first, other, last = forwards(trial)
    assert equal(first.inputs, last.inputs)
    assert not equal(first.inputs, other.inputs)


def test_a_varied_input_replaces_that_input_alone():
    made = programs("MSELoss")
    variation = np.zeros(made.inputs()["input"].shape)
    (step,) = made.varied("fd", "input", [variation]).steps
    assert equal(step.inputs, made.inputs() | {"input": variation})


def test_a_varied_input_restores_a_layer_that_has_a_state():
    made = programs("BatchNorm1d", mode="train")
    trial = made.varied("fd", "input", [made.inputs()["input"]] * 2)
    assert [type(step) for step in trial.steps] == [SetMode, Restore, Forward, Restore, Forward]


def test_a_varied_parameter_is_put_in_before_each_forward():
    made = programs("Linear")
    variations = [made.parameters["weight"] + 1, made.parameters["weight"] + 2]
    steps = made.varied("fd", "weight", variations).steps
    assert [type(step) for step in steps] == [Restore, Forward, Restore, Forward]
    assert equal(steps[0].parameters, {"weight": variations[0]})
    assert equal(steps[2].parameters, {"weight": variations[1]})


def test_a_variation_without_axes_is_an_array():
    made = programs("MSELoss", "scalar")
    (step,) = made.varied("fd", "input", [made.inputs()["input"] + 1]).steps
    assert isinstance(step.inputs["input"], np.ndarray)


# --- another number of samples --------------------------------------------------------------------


def sizes(made: Programs | None) -> dict[str, tuple[int, ...]] | None:
    return made and {**made.bound.inputs(), **made.bound.outputs()}


def test_samples_lie_along_the_first_axis():
    assert sizes(programs("Linear").resized(1)) == {"input": (5, 3), "output": (5, 5)}
    assert sizes(programs("MSELoss").resized(-1)) == {"input": (3, 3), "target": (3, 3), "loss": ()}
    assert sizes(programs("Sequential").resized(1)) == {"input": (5, 3), "output": (5, 2)}
    resized = sizes(programs("CrossEntropyLoss").resized(1))
    assert resized["input"][0] == resized["target"][0]


def test_parameters_are_those_of_the_case():
    made = programs("BatchNorm1d", mode="train")
    assert equal(made.resized(1).parameters, made.parameters)
    assert equal(made.resized(1).buffers, made.buffers)


@pytest.mark.parametrize(
    ("layer", "case", "mode", "more"),
    [
        ("Linear", "unbatched", None, 1),
        ("Linear", "single-row", None, -1),
        ("ReLU", "scalar", None, 1),
        ("BatchNorm1d", "default", "train", -3),
        ("BatchNorm1d", "default", "train", -9),
    ],
)
def test_there_is_no_other_number_where_it_would_not_be_legal(layer, case, mode, more):
    assert programs(layer, case, mode).resized(more) is None


# --- values ---------------------------------------------------------------------------------------


def test_another_seed_gives_other_values():
    one, other = programs("Linear"), programs("Linear", seed=1)
    assert not np.array_equal(one.inputs()["input"], other.inputs()["input"])
    assert not np.array_equal(one.parameters["weight"], other.parameters["weight"])
    assert not np.array_equal(one.cotangent, other.cotangent)
    assert (one.single().seed, other.single().seed) == (0, 1)


def test_another_case_gives_other_values():
    one, other = programs("Linear"), programs("Linear", "no-bias")
    assert not np.array_equal(one.inputs()["input"], other.inputs()["input"])


def test_another_mode_gives_the_same_values():
    one, other = programs("BatchNorm1d", mode="train"), programs("BatchNorm1d", mode="eval")
    assert equal(one.inputs(), other.inputs())
    assert equal(one.parameters, other.parameters)


def test_tensors_of_the_same_shape_have_different_values():
    made = programs("MSELoss")
    assert not np.array_equal(made.inputs()["input"], made.inputs()["target"])


def test_generated_cases_of_another_configuration_have_other_values():
    one = generated("Linear", config={"bias": True}, dims={"F": 3})
    other = generated("Linear", config={"bias": False}, dims={"F": 3})
    again = generated("Linear", config={"bias": True}, dims={"F": 3})
    assert not np.array_equal(one.inputs()["input"], other.inputs()["input"])
    assert np.array_equal(one.inputs()["input"], again.inputs()["input"])


def test_a_case_can_ask_for_other_values():
    assert programs("Linear", "offset").inputs()["input"].min() > 1000
    assert abs(programs("Linear").inputs()["input"]).max() < 4.1


def test_the_cotangent_has_the_shape_of_the_output_and_no_zeros():
    made = programs("Linear")
    assert made.cotangent.shape == made.bound.outputs()["output"]
    assert (made.cotangent != 0).all()
    assert made.cotangent.min() < 0 < made.cotangent.max()


def test_float32_holds_the_values_of_a_trial():
    arrays = []
    trial = programs("CrossEntropyLoss", "everything").single()
    trial.with_arrays(lambda array: arrays.append(array) or array)
    assert len(arrays) == 3  # the class weights, the input, the cotangent
    assert all(map(float32_exact, arrays))


# --- class indices --------------------------------------------------------------------------------


def test_class_indices_lie_below_the_number_of_classes():
    target = programs("CrossEntropyLoss", "images").inputs()["target"]
    assert target.dtype == np.int64
    assert set(target.ravel()) == {0, 1, 2, 3}


def test_every_fourth_class_index_is_the_ignored_one():
    made = programs("CrossEntropyLoss", "ignore-index")
    case = replace(made.bound, case=made.bound.case.model_copy(update={"config": {}}))
    target, as_drawn = made.inputs()["target"], Programs(case, None).inputs()["target"]
    wanted = as_drawn.copy()
    wanted[3::4] = 2
    assert np.array_equal(target, wanted)


def test_no_class_index_is_ignored_where_the_case_does_not_say_so():
    assert programs("CrossEntropyLoss").inputs()["target"].min() >= 0


def test_one_hot_targets_are_rows_of_zeros_with_one_1_along_the_classes():
    made = programs("NLLLoss", "one-hot-images")
    target = made.inputs()["target"]
    assert target.shape == (3, 4, 2, 5)
    assert set(target.ravel()) == {0, 1}
    assert (target.sum(axis=1) == 1).all()


def test_every_fourth_one_hot_target_is_of_the_ignored_class():
    target = programs("NLLLoss", "one-hot-ignore-index").inputs()["target"]
    assert target[3].tolist() == [0, 0, 1, 0]


def test_targets_that_are_classes_are_labels():
    assert programs("NLLLoss").single().labels == ("target",)
    assert programs("NLLLoss", "one-hot").single().labels == ("target",)
    assert programs("CrossEntropyLoss", "class-probabilities").single().labels == ()


def test_probabilities_sum_to_one_along_the_classes():
    made = programs("NLLLossOnProbabilities", "images")
    assert (made.inputs()["input"].sum(axis=1) == 1).all()


# --- arrays in the configuration ------------------------------------------------------------------


def test_an_array_argument_is_drawn_in_its_shape():
    made = programs("CrossEntropyLoss", "weight")
    assert made.config["weight"].shape == (made.bound.bindings["C"],)
    assert made.config["weight"].min() >= 0.5


def test_an_absent_array_argument_is_none():
    assert programs("CrossEntropyLoss").config["weight"] is None


def test_an_array_argument_can_be_written_out():
    made = generated("CrossEntropyLoss", config={"weight": [1, 2.5]}, dims={"C": 2})
    assert made.config["weight"].tolist() == [1.0, 2.5]
    assert made.config["weight"].dtype == np.float64


# --- the rest of a trial --------------------------------------------------------------------------


def test_a_trial_says_what_the_layer_is():
    trial = programs("CrossEntropyLoss").single()
    assert (trial.layer, trial.kind, trial.torch) == (
        "CrossEntropyLoss",
        "loss",
        "torch.nn.CrossEntropyLoss",
    )
    assert (trial.inputs, trial.outputs, trial.differentiable) == (
        ("input", "target"),
        ("loss",),
        ("input",),
    )


def test_a_trial_says_which_arguments_are_needed():
    trial = programs("Linear", "no-bias").single()
    assert trial.required == ("in_features", "out_features")
    assert trial.at_default == ()
    assert programs("Linear").single().at_default == ("bias",)


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss"])
def test_no_target_is_ignored_where_the_argument_is_none(name):
    spec = find_spec(name)
    case = spec.cases[0].model_copy(update={"config": {"ignore_index": None}})
    targets = Programs(bind(spec, case), None).inputs()["target"]
    assert (targets >= 0).all()
