"""Layers in each dialect, graded as they are: the right ones pass, the wrong ones fail.

The modules of this folder hold the same layers in different dialects, made of the same formulas.
"""

import importlib

import pytest
from dialects.formulas import Formulas, WrongFormulas

import conformance
from conformance.candidates.implementation import Implementation
from reference_impls import numpy_reference

# By dialect: the specs that it serves, and the candidate that it must find for each.
DIALECTS = {
    "torch7": {
        "Linear": "Linear",
        "ReLU": "ReLU",
        "Softmax": "SoftMax",
        "LogSoftmax": "LogSoftMax",
        "ChannelwiseScaling": "ChannelwiseScaling",
        "Dropout": "Dropout",
        "MSELoss": "MSECriterion",
        "Sequential": "Sequential",
    },
    "stored_input": {
        "Linear": "Dense",
        "ReLU": "Relu",
        "LogSoftmax": "LogSoftMax",
        "BatchNorm1d": "BatchNorm",
        "Dropout": "Dropout",
        "MSELoss": "MSELoss",
        "CrossEntropyLoss": "CrossEntropyLoss",
    },
    "functions": {
        "Linear": "affine_forward, affine_backward",
        "ReLU": "relu, grad_relu",
        "Sigmoid": "sigmoid, sigmoid_prime",
        "Softmax": "softmax",
        "LogSoftmax": "log_softmax_forward, log_softmax_backward",
        "BatchNorm1d": "batchnorm_forward, batchnorm_backward",
        "MSELoss": "mse, grad_mse",
        "CrossEntropyLoss": "softmax_loss",
    },
    "parameter_object": {
        "Linear": "Linear",
        "ReLU": "ReLU",
        "Dropout": "Dropout",
        "Conv2d": "Conv2d",
        "MSELoss": "MSE",
        "CrossEntropyLoss": "CrossEntropy",
        "SGD": "SGD",
        "IrisMLP": None,
    },
    "variable": {
        "Linear": "Linear",
        "ReLU": "ReLU",
        "Softmax": "Softmax",
        "BatchNorm2d": "BatchNorm2d",
        "Dropout": "Dropout",
        "MSELoss": "MSELoss",
        "SGD": "SGD",
        "Adam": "Adam",
    },
    "dictionary": {
        "Linear": "FullyConnected",
        "ReLU": "ReLU",
        "BatchNorm1d": "BatchNormalization",
        "BatchNorm2d": "BatchNormalization",
        "Dropout": "Dropout",
        "MSELoss": "MeanSquaredError",
        "SGD": "GradientDescent",
    },
}
# So many checks must have run, lest everything was skipped.
LEAST = {"Linear": 100, "ReLU": 60, "BatchNorm1d": 200, "BatchNorm2d": 200, "IrisMLP": 3}
# The checks that must fail where WrongFormulas are used, and no others.
WRONG = {
    "Linear": {"grad_weight", "fd_weight"},
    "ReLU": {"grad_input", "fd_input"},
    "MSELoss": {"grad_input", "fd_input"},
}


def implementation(dialect, formulas):
    module = importlib.import_module(f"dialects.{dialect}")
    return Implementation(dialect, module.layers(formulas))


def graded(candidate, layers, **options):
    options = {"profile": "quick", "oracle": "recorded", **options}
    return conformance.grade(candidate, layers=layers, **options)


def failed(report):
    return {v.check for v in report.verdicts if v.status in ("failed", "errored")}


@pytest.fixture(scope="module")
def native():
    """Which checks the native layers pass, by id."""
    layers = {name for served in DIALECTS.values() for name in served}
    report = graded(numpy_reference, sorted(layers))
    return {v.id: v.status for v in report.verdicts}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_verdicts_are_those_of_the_native_dialect(dialect, native):
    candidate = implementation(dialect, Formulas)
    report = graded(candidate, list(DIALECTS[dialect]))
    assert [v.id for v in report.verdicts if v.status not in ("skipped", native[v.id])] == []
    assert report.ok
    for row in report.layers:
        assert row.summary.passed >= LEAST.get(row.name, 20), row.name


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_candidate_is_found_and_named(dialect):
    candidate = implementation(dialect, Formulas)
    report = graded(candidate, list(DIALECTS[dialect]), tier="core")
    for spec, name in DIALECTS[dialect].items():
        if name is None:
            continue
        found = candidate.found(spec)
        assert found.name == name
        assert found.missing == {}
        if name != spec:
            assert any(f"is graded as {spec}" in note for note in report.notes)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_wrong_layers_fail_the_same_checks_in_every_dialect(dialect):
    candidate = implementation(dialect, WrongFormulas)
    for spec, checks in WRONG.items():
        if spec in DIALECTS[dialect]:
            assert failed(graded(candidate, [spec], tier="core")) == checks, spec


def test_torch_modules_of_one_s_own():
    pytest.importorskip("torch")
    from dialects.torch_module import layers

    report = graded(Implementation("modules", layers()), ["Linear", "ReLU", "Dropout"])
    assert report.ok
    assert {row.name: row.skipped for row in report.layers} == {
        "ReLU": (),
        "Dropout": (),
        "Linear": ("Dense() has no argument bias",),
    }


def test_a_layer_without_modes_is_graded_in_training_only():
    report = graded(implementation("parameter_object", Formulas), ["Dropout"])
    in_training = [v for v in report.verdicts if v.mode == "train" and v.check != "modes"]
    assert {v.status for v in in_training if "eval mode" not in v.reason} == {"passed"}
    assert {v.status for v in report.verdicts if v.mode == "eval"} == {"skipped"}
    assert report.layers[0].skipped[0].startswith("Dropout has no eval mode")


def test_what_a_constructor_cannot_express_is_skipped_and_lowers_the_coverage_only():
    report = graded(implementation("parameter_object", Formulas), ["Conv2d"], tier="strict")
    assert report.ok
    assert report.summary.score == 100
    assert report.summary.coverage < 20
    [row] = report.layers
    assert "Conv2d() always has padding = 'same'" in row.skipped
    assert any("kernel_size=(2, 4)" in reason for reason in row.skipped)
    assert "Conv2d keeps the size of the image: graded as padding = 'same'" in report.notes
