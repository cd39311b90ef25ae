from dataclasses import replace

import numpy as np
import pytest

from conformance.generation.programs import Programs
from conformance.numerics.tolerance import UNIT_ROUNDOFF, composite_bound, contraction_bound
from conformance.oracles.accuracy import PROBES, expected_steps
from conformance.oracles.oracle import OracleError
from conformance.records.observation import Observation, StepRecord, Trouble
from conformance.records.trial import Backward, Forward, Trial
from conformance.spec.bound_case import BoundCase, bind
from conformance.spec.catalogue import find_spec

U = UNIT_ROUNDOFF["float32"]


def case(layer: str, case_id: str = "default") -> tuple[BoundCase, Trial]:
    spec = find_spec(layer)
    bound = bind(spec, next(c for c in spec.cases if c.id == case_id))
    return bound, Programs(bound, None).single()


class Runs:
    """A `run` that takes a function of the first input, and remembers the trials it was given."""

    def __init__(self, function) -> None:
        self.function = function
        self.trials: list[Trial] = []

    def __call__(self, trial: Trial) -> Observation:
        self.trials.append(trial)
        records = []
        for step in trial.steps:
            match step:
                case Forward(inputs=inputs):
                    x = inputs["input"].astype(trial.dtype)
                    records.append(StepRecord(outputs={"output": self.function(x)}))
                case Backward(cotangent=cotangent):
                    gradient = cotangent.astype(trial.dtype)
                    records.append(StepRecord(input_gradients={"input": gradient}))
        return Observation(steps=tuple(records))


def test_values_are_those_of_the_run_in_float64():
    bound, trial = case("Linear")
    forward, backward = expected_steps(
        Runs(lambda x: 3 * x), bound, replace(trial, dtype="float32")
    )
    assert np.array_equal(forward["output"].value, 3 * trial.steps[0].inputs["input"])
    assert np.array_equal(backward["grad_input"].value, trial.steps[1].cotangent)
    assert forward["output"].value.dtype == np.float64


def test_the_error_of_the_run_in_float32_is_noted():
    bound, trial = case("Linear")
    run = Runs(lambda x: x / 3)
    forward, backward = expected_steps(run, bound, trial)
    x = trial.steps[0].inputs["input"]
    error = abs(np.float64(x.astype("float32") / np.float32(3)) - x / 3).max()
    assert forward["output"].float32_error == error > 0
    assert backward["grad_input"].float32_error == 0


# --- exact ----------------------------------------------------------------------------------------


def test_an_exact_layer_is_run_once_in_each_dtype():
    bound, trial = case("ReLU")
    run = Runs(lambda x: np.maximum(x, 0))
    expected_steps(run, bound, trial)
    assert [given.dtype for given in run.trials] == ["float64", "float32"]


def test_an_exact_layer_is_allowed_no_error():
    bound, trial = case("ReLU")
    forward, backward = expected_steps(Runs(lambda x: x / 3), bound, trial)
    for expected in (forward["output"], backward["grad_input"]):
        assert expected.exact
        assert not expected.allowed("float32").any()


# --- contraction ----------------------------------------------------------------------------------


def test_the_bound_of_a_contraction_comes_from_its_magnitudes():
    bound, trial = case("Linear")
    forward, backward = expected_steps(Runs(lambda x: x - 10), bound, trial)
    x, cotangent = trial.steps[0].inputs["input"], trial.steps[1].cotangent
    terms = bound.bindings["F"] + 1
    wanted = contraction_bound(abs(abs(x) - 10), terms)
    assert np.array_equal(forward["output"].bound, wanted)
    wanted = contraction_bound(abs(cotangent), bound.bindings["G"])
    assert np.array_equal(backward["grad_input"].bound, wanted)


def test_parameters_are_made_positive_too():
    bound, trial = case("Linear")
    run = Runs(lambda x: x)
    expected_steps(run, bound, trial)
    assert np.array_equal(run.trials[-1].parameters["weight"], abs(trial.parameters["weight"]))


# --- composite ------------------------------------------------------------------------------------


def test_the_bound_of_a_composite_layer_comes_from_its_condition():
    bound, trial = case("MSELoss", "none")
    run = Runs(lambda x: 1000 + x)
    forward, _ = expected_steps(run, bound, trial)
    x = trial.steps[0].inputs["input"]
    probes = [given.steps[0].inputs["input"] for given in run.trials[2:]]
    wanted = composite_bound(1000 + x, [1000 + probe for probe in probes], U, terms=1)
    assert len(probes) == PROBES
    assert np.array_equal(forward["output"].bound, wanted)


def test_each_probe_moves_every_operand_by_at_most_one_roundoff():
    bound, trial = case("CrossEntropyLoss", "weight")
    run = Runs(lambda x: x)
    expected_steps(run, bound, trial)
    for probe in run.trials[2:]:
        for moved, operand in [
            (probe.steps[0].inputs["input"], trial.steps[0].inputs["input"]),
            (probe.steps[1].cotangent, trial.steps[1].cotangent),
            (probe.config["weight"], trial.config["weight"]),
        ]:
            relative = abs(moved / operand - 1)
            assert 0 < relative.max() <= U * (1 + 1e-6)


def test_probes_leave_class_indices_alone():
    bound, trial = case("CrossEntropyLoss")
    run = Runs(lambda x: x)
    expected_steps(run, bound, trial)
    for probe in run.trials[2:]:
        assert np.array_equal(probe.steps[0].inputs["target"], trial.steps[0].inputs["target"])


def test_probes_differ_from_each_other_but_not_from_run_to_run():
    bound, trial = case("MSELoss")
    probes = []
    for _ in range(2):
        run = Runs(lambda x: x)
        expected_steps(run, bound, trial)
        probes.append([given.steps[0].inputs["input"].tobytes() for given in run.trials[2:]])
    assert probes[0] == probes[1]
    assert len(set(probes[0])) == PROBES


def test_the_gain_of_a_gradient_widens_its_bound_alone():
    bound, trial = case("Softmax")
    assert bound.gain("input") == 1
    run = Runs(lambda x: 0 * x)
    forward, backward = expected_steps(run, bound, trial)
    probes = [given.steps[1].cotangent for given in run.trials[2:]]
    size = abs(trial.steps[1].cotangent).max()
    wanted = composite_bound(trial.steps[1].cotangent, probes, U, terms=0, cancelling=size)
    assert not forward["output"].bound.any()
    assert np.array_equal(backward["grad_input"].bound, wanted)


# --- trouble --------------------------------------------------------------------------------------


def test_an_oracle_that_fails_is_an_error():
    bound, trial = case("Linear")
    trouble = Trouble("raised", "forward", "ValueError: no", "linear.py:3")
    with pytest.raises(OracleError) as caught:
        expected_steps(lambda _: Observation(trouble=trouble), bound, trial)
    assert str(caught.value) == "Linear default/single: ValueError: no (linear.py:3)"
