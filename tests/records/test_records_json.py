import json
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, is_dataclass
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import ValidationError

from conformance.records.json import from_data, from_json, to_data, to_json
from conformance.records.observation import Observation, StepRecord, Trouble
from conformance.records.trial import (
    Advance,
    Another,
    Arrange,
    Backward,
    Draw,
    Forward,
    GoBack,
    Inspect,
    LookFor,
    Overwrite,
    Predict,
    ReadOnly,
    Restore,
    SetMode,
    SetRate,
    Step,
    Train,
    Trial,
    Update,
    Vary,
    ZeroGrad,
)
from conformance.records.verdict import Finding, Verdict


def same(a: Any, b: Any) -> bool:
    """Whether two records agree in every type, key and bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    if is_dataclass(a):
        return same(vars(a), vars(b))
    if isinstance(a, Mapping):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


def there_and_back(record: Any) -> Any:
    return from_json(type(record), to_json(record))


def trial(**fields: Any) -> Trial:
    usual: dict[str, Any] = {
        "layer": "Linear",
        "kind": "layer",
        "key": "default/single",
        "config": {},
        "parameters": {},
        "buffers": {},
        "inputs": ("input",),
        "outputs": ("output",),
        "differentiable": ("input",),
        "modes": (),
        "steps": (),
    }
    return Trial(**usual | fields)


ARRAY = np.arange(6.0).reshape(2, 3)


# --- arrays ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype",
    ["bool", "int8", "int32", "int64", "uint8", "uint64", "float16", "float32", "float64"],
)
def test_an_array_of_any_dtype_survives(dtype):
    array = np.array([[0, 1, 2], [3, 4, 5]]).astype(dtype)
    assert same(there_and_back(Backward(array)).cotangent, array)


@pytest.mark.parametrize(
    "array",
    [
        np.array(2.5),
        np.array(7, dtype=np.int64),
        np.empty((0, 3)),
        np.empty((2, 0), dtype=np.float32),
        np.array([np.nan, np.inf, -np.inf, -0.0]),
        np.array([2**63 - 1, -(2**63)]),
        np.array([5e-324, 1.7976931348623157e308, 0.1]),
    ],
    ids=["0-d", "0-d integer", "no rows", "no columns", "specials", "large integers", "extremes"],
)
def test_an_unusual_array_survives(array):
    assert same(there_and_back(Backward(array)).cotangent, array)


@pytest.mark.parametrize(
    "array",
    [np.asfortranarray(ARRAY), ARRAY.T, ARRAY[:, ::-1], ARRAY.astype(">f8")],
    ids=["Fortran order", "transposed", "reversed", "big-endian"],
)
def test_the_memory_layout_does_not_matter(array):
    returned = there_and_back(Backward(array)).cotangent
    assert returned.dtype == np.float64
    np.testing.assert_array_equal(returned, array)


def test_an_array_that_comes_back_can_be_written_to():
    returned = there_and_back(Backward(ARRAY)).cotangent
    returned[0, 0] = 9.0
    assert returned[0, 0] == 9.0


# --- records --------------------------------------------------------------------------------------


def test_a_trial_with_every_kind_of_step_survives():
    record = trial(
        parameters={"weight": ARRAY, "bias": np.array([1.0, 2.0])},
        buffers={"count": np.array(3)},
        modes=("train", "eval"),
        steps=(
            SetMode("train"),
            Forward({"input": ARRAY, "target": np.array([0, 1])}),
            Vary({"input": ARRAY}, "weight", np.stack([ARRAY, 2 * ARRAY])),
            Backward(-ARRAY),
            ZeroGrad(),
            Restore(),
            Restore({"weight": 2 * ARRAY}),
            Another("new"),
            Another("pickle"),
            GoBack(),
            Arrange("reversed"),
            Overwrite("input_gradients"),
            ReadOnly(),
            Draw(),
            Draw(7),
            Inspect(),
            LookFor(("bias",)),
            SetRate(0.25),
            Update({"weight": ARRAY}, {"bias": ARRAY}),
            Advance(3),
            Train(ARRAY, np.array([0, 1]), show=True),
            Predict(ARRAY),
        ),
        dtype="float32",
        seed=7,
        torch="torch.nn.Linear",
    )
    kinds = get_args(get_args(Step)[0])
    assert {type(step) for step in record.steps} == set(kinds)
    assert same(there_and_back(record), record)


@pytest.mark.parametrize(
    "value", [True, 1, 1.5, 1.0, None, ARRAY, np.array(2.5), np.array([1])], ids=repr
)
def test_a_configuration_value_survives(value):
    record = trial(config={"value": value})
    assert same(there_and_back(record), record)


@pytest.mark.parametrize("value", [(3, 2), (0.5, 1), (), (1.0, float("inf")), "mean", "1", "inf"])
def test_a_tuple_or_string_in_a_configuration_survives(value):
    record = trial(config={"value": value})
    assert same(there_and_back(record), record)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_a_number_that_json_lacks_survives_in_a_configuration(value):
    record = trial(config={"value": value})
    assert same(there_and_back(record), record)


OBSERVATION = Observation(
    initial={"weight": ARRAY},
    steps=(
        StepRecord(
            outputs={"output": ARRAY},
            input_gradients={"input": -ARRAY},
            parameter_gradients={"weight": np.array(np.nan)},
            buffers={"count": np.array(1)},
            mutated=("input",),
            absent={"bias": "there is no gradient"},
            facts={"length": "2"},
            rewritten=("output",),
            warnings=("RuntimeWarning: overflow encountered in exp (layer.py:3 in forward)",),
        ),
        StepRecord(),
    ),
    trouble=Trouble("raised", "backward", "ValueError: no", "layer.py:3", "input"),
)
FINDING = Finding(
    tensor="output",
    severity="inaccurate",
    message="words",
    index=(0, 2),
    got=0.1,
    wanted=-0.2,
    differing=1,
    size=6,
    worst=0.3,
    worst_index=(),
    allowed=1e-16,
    ratio=3e15,
    notes=("one", "two"),
)
VERDICT = Verdict(
    id="specs/linear.toml::forward[default]",
    layer="Linear",
    case="default",
    check="forward",
    group="forward",
    tier="core",
    status="failed",
    severity="wrong",
    findings=(FINDING, Finding("output", "wrong")),
    reason="because",
)


@pytest.mark.parametrize("record", [OBSERVATION, FINDING, VERDICT], ids=lambda r: type(r).__name__)
def test_a_record_survives(record):
    assert same(there_and_back(record), record)


@pytest.mark.parametrize("record", [OBSERVATION, FINDING, VERDICT], ids=lambda r: type(r).__name__)
def test_the_data_of_a_record_is_its_json(record):
    data = to_data(record)
    assert json.loads(to_json(record)) == json.loads(json.dumps(data, allow_nan=False))
    assert same(from_data(type(record), data), record)


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_a_number_that_json_lacks_survives_in_a_finding(number):
    record = Finding("output", "wrong", index=(0,), got=number, wanted=0.0, worst=number)
    assert same(there_and_back(record), record)


def test_the_data_of_a_record_is_json_even_with_infinities():
    data = to_data(Finding("output", "wrong", got=float("inf"), wanted=float("nan")))
    assert (data["got"], data["wanted"]) == ("Infinity", "NaN")


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tensor": "a", "severity": "bad"}'])
def test_what_is_not_a_record_is_refused(text):
    with pytest.raises(ValidationError):
        from_json(Finding, text)


def test_an_unknown_step_is_refused():
    data = to_data(trial()) | {"steps": [{"do": "explode"}]}
    with pytest.raises(ValidationError, match="explode"):
        from_data(Trial, data)


@pytest.mark.parametrize(
    "array",
    [
        {"dtype": "<f8", "shape": [2], "data": "AAAAAAAAAAA="},
        {"dtype": "|O", "shape": [1], "data": "AAAAAAAAAAA="},
    ],
    ids=["too short", "objects"],
)
def test_a_damaged_array_is_refused(array):
    with pytest.raises(ValidationError):
        from_data(Backward, {"cotangent": array})


@pytest.mark.parametrize(
    "array",
    [3, None, [1.0], {"dtype": "<f8"}, {"dtype": "nonsense", "shape": [0], "data": ""}],
    ids=["number", "null", "list", "incomplete", "unknown dtype"],
)
def test_what_is_no_array_is_refused(array):
    with pytest.raises(ValidationError):
        from_data(Backward, {"cotangent": array})


# --- the records themselves -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "record", [trial(), OBSERVATION, FINDING, VERDICT], ids=lambda r: type(r).__name__
)
def test_a_record_cannot_be_changed(record):
    name = next(iter(vars(record)))
    with pytest.raises(FrozenInstanceError):
        setattr(record, name, None)


def test_the_tensors_of_a_step_have_one_name_each():
    names = [name for name, _ in OBSERVATION.steps[0].tensors()]
    assert names == ["output", "grad_input", "grad_weight", "count"]


def test_with_arrays_changes_every_floating_point_array():
    doubled = trial(
        config={"scale": ARRAY, "n": 1},
        parameters={"weight": ARRAY},
        buffers={"mean": ARRAY},
        steps=(
            SetMode("eval"),
            Forward({"input": ARRAY}),
            Backward(ARRAY),
            Restore({"w": ARRAY}),
            Vary({"input": ARRAY}, "w", ARRAY),
        ),
    ).with_arrays(lambda array: 2 * array)
    _, forward, backward, restore, vary = doubled.steps
    changed = [
        doubled.config["scale"],
        doubled.parameters["weight"],
        doubled.buffers["mean"],
        forward.inputs["input"],
        backward.cotangent,
        restore.parameters["w"],
        vary.inputs["input"],
        vary.values,
    ]
    assert all(same(array, 2 * ARRAY) for array in changed)
    assert doubled.config["n"] == 1


def test_with_arrays_leaves_class_indices_alone():
    indices = np.array([0, 2])
    changed = trial(steps=(Forward({"target": indices}),)).with_arrays(lambda array: 2 * array)
    assert same(changed.steps[0].inputs["target"], indices)


def test_with_arrays_leaves_labels_alone():
    inputs = {"input": ARRAY, "target": ARRAY}
    labelled = trial(steps=(Forward(inputs),), inputs=("input", "target"), labels=("target",))
    changed = labelled.with_arrays(lambda array: 2 * array).steps[0].inputs
    assert list(changed) == ["input", "target"]
    assert same(changed["input"], 2 * ARRAY)
    assert same(changed["target"], ARRAY)


def test_with_arrays_keeps_arrays_without_axes_arrays():
    changed = trial(parameters={"weight": np.array(2.0)}).with_arrays(lambda array: 2 * array)
    assert same(changed.parameters["weight"], np.array(4.0))
