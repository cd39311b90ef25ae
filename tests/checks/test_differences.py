"""Gradients against finite differences: mistakes of every kind are found, and said in words."""

import numpy as np
import pytest

import conformance
from conformance.candidates.implementation import Implementation
from conformance.checks.differences.own_forward import BUDGET, finite_differences
from conformance.checks.differences.perturbed import PerturbedForwards
from conformance.checks.evidence import Evidence, Memory
from conformance.generation.drawing import choose
from conformance.generation.programs import Programs
from conformance.numerics.batching import BATCH
from conformance.records.trial import Vary
from conformance.sessions.in_process import InProcessSession
from conformance.spec.bound_case import bind
from conformance.spec.catalogue import find_spec
from conformance.spec.model import Case
from reference_impls import numpy_reference as reference


class Counting(InProcessSession):
    """Counts how often forward ran."""

    runs = 0

    def run(self, trial):
        for step in trial.steps:
            self.runs += len(step.values) if isinstance(step, Vary) else step.do == "forward"
        return super().run(trial)


def evidence(layer, tensor, mode=None, name=None, **case):
    """What `fd_<tensor>` sees of a layer class in one case."""
    spec = find_spec(name or layer.__base__.__name__)
    bound = bind(spec, Case(id="generated", **case))
    session = Counting(Implementation("mine", {spec.name: layer}))
    return Evidence(bound, mode, tensor, "float64", Programs(bound, mode), session, None, Memory())


def findings(layer, tensor, mode=None, name=None, **case):
    return list(finite_differences(evidence(layer, tensor, mode, name, **case)))


# --- planted mistakes -------------------------------------------------------------------------

LAYERS = {
    "Linear": ("weight", None, {"dims": {"N": [5], "F": 9, "G": 8}}),
    "Conv2d": ("input", None, {"config": {"kernel_size": 3, "padding": 1}}),
    "BatchNorm2d": ("input", "train", {"dims": {"N": 3, "C": 4, "H": 4, "W": 5}}),
    "MaxPool2d": ("input", None, {"config": {"kernel_size": 2}, "dims": {"H": 6, "W": 8}}),
    "Softmax": ("input", None, {"dims": {"S": [5, 7]}}),
    "CrossEntropyLoss": ("input", None, {"dims": {"N": [6], "C": 5}}),
    "ELU": ("input", None, {}),
}


def largest_changed(gradient):
    gradient.flat[np.abs(gradient).argmax()] *= 1.001
    return gradient


def last_row_missing(gradient):
    gradient[-1] = 0
    return gradient


def two_swapped(gradient):
    order = np.argsort(gradient, axis=None)
    gradient.flat[order[[0, -1]]] = gradient.flat[order[[-1, 0]]]
    return gradient


MISTAKES = {
    "mean-for-sum": lambda gradient: gradient / len(gradient),
    "nearly-right": lambda gradient: gradient * (1 + 1e-5),
    "sign": lambda gradient: -gradient,
    "offset": lambda gradient: gradient + 1e-5,
    "float32": lambda gradient: gradient.astype(np.float32).astype(np.float64) * (1 + 1e-7),
    "largest": largest_changed,
    "last-row": last_row_missing,
    "swapped": two_swapped,
    "reversed": lambda gradient: gradient[::-1].copy(),
}


def spoilt(name, tensor, mistake):
    class Spoilt(getattr(reference, name)):
        def backward(self, *arguments):
            returned = super().backward(*arguments)
            if tensor == "input":
                return mistake(returned.copy())
            self.grad_weight[...] = mistake(self.grad_weight.copy())
            return returned

    return Spoilt


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("name", LAYERS)
def test_a_planted_mistake_is_found(name, mistake):
    tensor, mode, case = LAYERS[name]
    found = findings(spoilt(name, tensor, MISTAKES[mistake]), tensor, mode, **case)
    assert [finding.tensor for finding in found] == [f"grad_{tensor}"]


@pytest.mark.parametrize("name", LAYERS)
def test_nothing_is_found_without_one(name):
    tensor, mode, case = LAYERS[name]
    assert findings(spoilt(name, tensor, lambda gradient: gradient), tensor, mode, **case) == []


# --- what a finding says ----------------------------------------------------------------------


@pytest.fixture
def finding():
    tensor, mode, case = LAYERS["Linear"]
    (found,) = findings(spoilt("Linear", tensor, largest_changed), tensor, mode, **case)
    return found


def test_a_finding_shows_the_element(finding):
    assert finding.differing == 1
    assert finding.index == finding.worst_index
    assert finding.got == pytest.approx(finding.wanted * 1.001)
    assert finding.notes == ("wanted: central differences of your own forward",)


def test_a_finding_holds_the_values(finding):
    assert finding.values.shape == (8, 9)
    differs = np.abs(np.subtract(finding.values.got, finding.values.wanted)) > 1e-6
    assert np.flatnonzero(differs).tolist() == [np.ravel_multi_index(finding.index, (8, 9))]


def test_a_finding_shows_that_no_step_makes_the_error_small(finding):
    (curve,) = finding.series
    assert curve.label == f"error of grad_weight{list(finding.index)} by step size"
    assert len(curve.x) == len(curve.y) > 10
    assert curve.y == pytest.approx([finding.worst] * len(curve.y), rel=1e-4)


class Infinite(reference.Identity):
    def forward(self, x):
        return super().forward(x) * np.inf


def test_infinities_have_no_derivative():
    (found,) = findings(Infinite, "input")
    assert found.message == "your own forward is not finite here: it has no derivative"


class Folded(reference.Identity):
    """The absolute value, with a gradient halfway between those of both sides at 0."""

    def forward(self, x):
        return np.abs(super().forward(x))

    def backward(self, grad_output):
        return super().backward(grad_output) / 2


def test_too_many_kinks_are_laid_to_the_case():
    (found,) = findings(Folded, "input", values={"input": "zeros"})
    assert found.severity == "contract"
    assert found.message == (
        "this case is not fit for finite differences: at 12 of 12 elements your own forward has "
        "a kink, so nothing is said about your gradient"
    )


class BiasGradientNotSummed(reference.Linear):
    def backward(self, grad_output):
        grad_input = super().backward(grad_output)
        self.grad_bias = grad_output.copy()
        return grad_input


def test_a_gradient_of_the_wrong_shape_does_not_disturb_the_check_of_another():
    assert findings(BiasGradientNotSummed, "input") == []


class InFloat32(reference.Linear):
    """Computes in float32 whatever it is given."""

    def forward(self, input):
        return super().forward(input.astype(np.float32)).astype(np.float64)


def test_a_layer_that_computes_in_float32_inside_fails():
    (found,) = findings(InFloat32, "input")
    assert found.differing == found.size


def test_a_number_has_a_gradient():
    assert findings(reference.MSELoss, "input", name="MSELoss", dims={"S": []}) == []


# --- above the budget -------------------------------------------------------------------------


LARGE = {"dims": {"S": [2, BUDGET + 88]}}


def test_a_sample_is_said_to_be_one():
    wrong = spoilt("Softmax", "input", lambda gradient: 2 * gradient)
    (found,) = findings(wrong, "input", **LARGE)
    assert found.notes[1] == f"{BUDGET} of 1200 elements were tested"
    assert found.differing == BUDGET


def test_directions_see_what_is_not_in_the_sample():
    sample = choose("generated/single/input/coordinates", 1200, BUDGET)
    left_out = np.setdiff1d(np.arange(1200), sample)

    def spoil(gradient):
        gradient.flat[left_out[0]] += 1e-3
        return gradient

    (found,) = findings(spoilt("Softmax", "input", spoil), "input", **LARGE)
    assert found.message.startswith("grad_input along a random direction is ")
    assert found.severity == "wrong"


# --- several perturbations in one forward -----------------------------------------------------

ROWS = {"dims": {"N": [6], "F": 12, "G": 5}}


class SeesOtherRows(reference.Linear):
    """Every row of the output depends on the last row of the batch, and backward knows."""

    def forward(self, input):
        return super().forward(input) + np.square(input[-1:].sum())

    def backward(self, grad_output):
        x, _ = self._saved
        grad_input = super().backward(grad_output)
        grad_input[-1] += 2 * x[-1].sum() * grad_output.sum()
        return grad_input


class SizeMatters(reference.Linear):
    """Outputs are divided by the size of the batch."""

    def forward(self, input):
        return super().forward(input) / len(input)

    def backward(self, grad_output):
        return super().backward(grad_output / len(grad_output))


class RefusesOtherSizes(reference.Linear):
    """Takes batches of six rows only."""

    def forward(self, input):
        if len(input) != 6:
            raise ValueError("six rows, please")
        return super().forward(input)


def values(count):
    grid = np.arange(count * 6 * 12).reshape(count, 6, 12) % 31
    return grid / 8.0


def test_rows_that_are_independent_share_a_forward():
    seen = evidence(reference.Linear, "input", name="Linear", **ROWS)
    forwards = PerturbedForwards(seen)
    changes = forwards(values(40))
    assert forwards.batch_center is not None
    weight = seen.programs.parameters["weight"]
    wanted = (values(40) - seen.programs.inputs()["input"]) @ weight.T
    assert np.allclose(changes, wanted, rtol=0, atol=1e-12)
    before = seen.candidate.runs
    forwards(values(2 * BATCH))
    assert seen.candidate.runs == before + 2


@pytest.mark.parametrize("layer", [SeesOtherRows, SizeMatters, RefusesOtherSizes])
def test_a_promise_that_is_not_kept_is_not_built_on(layer):
    seen = evidence(layer, "input", **ROWS)
    forwards = PerturbedForwards(seen)
    changes = forwards(values(40))
    assert forwards.batch_center is None
    point = seen.programs.inputs()["input"]
    own = layer(12, 5)
    own.weight[...], own.bias[...] = (seen.programs.parameters[n] for n in ("weight", "bias"))
    wanted = np.stack([own.forward(value) - own.forward(point) for value in values(40)])
    assert np.array_equal(changes, wanted)


@pytest.mark.parametrize("layer", [SeesOtherRows, SizeMatters, RefusesOtherSizes])
def test_a_right_gradient_passes_although_the_promise_is_not_kept(layer):
    assert findings(layer, "input", **ROWS) == []


def test_the_unpromised_is_not_tried():
    seen = evidence(reference.BatchNorm2d, "input", "train", name="BatchNorm2d")
    assert not PerturbedForwards(seen).uncertain
    assert not PerturbedForwards(
        evidence(reference.Linear, "weight", name="Linear", **ROWS)
    ).uncertain


def test_channels_that_are_independent_are_perturbed_at_once():
    """Nobody promises it: batch normalisation couples samples, not channels."""
    sizes = {"N": 4, "C": 8, "H": 4, "W": 4}
    seen = evidence(reference.BatchNorm2d, "input", "train", name="BatchNorm2d", dims=sizes)
    assert list(finite_differences(seen)) == []
    elements = 4 * 8 * 4 * 4
    assert seen.candidate.runs < elements  # although each takes at least two


class Drawing(reference.Linear):
    """Adds numbers from the global generator: the same in every call that starts anew."""

    def forward(self, input):
        return super().forward(input) + np.random.normal(size=self.bias.shape)


def test_every_forward_starts_from_the_same_random_state():
    assert findings(Drawing, "input", **ROWS) == []
    assert findings(Drawing, "weight", **ROWS) == []


class Counts(reference.BatchNorm1d):
    """Adds a buffer that every call changes, as it was before."""

    def forward(self, input):
        before = self.running_mean.copy()
        return super().forward(input) + before


def test_every_forward_starts_from_the_same_buffers():
    for tensor in ("input", "weight", "bias"):
        assert findings(Counts, tensor, "train") == []


class KnowsOneWeight(reference.Linear):
    """Refuses every weight but the first it saw."""

    def forward(self, input):
        self.known = getattr(self, "known", self.weight.copy())
        if not np.array_equal(self.weight, self.known):
            raise RuntimeError("who changed my weight?")
        return super().forward(input)


def test_a_forward_that_raises_on_the_way_is_an_error_in_its_words():
    report = conformance.grade(
        {"Linear": KnowsOneWeight}, layers=["Linear"], oracle="recorded", profile="quick"
    )
    verdict = next(v for v in report.verdicts if v.check == "fd_weight")
    assert verdict.status == "errored"
    assert "who changed my weight?" in verdict.reason
    assert {v.status for v in report.verdicts if v.check == "fd_input"} == {"passed"}


def test_wrong_layers_fail_in_a_whole_run_too():
    wrong = {"Linear": spoilt("Linear", "weight", MISTAKES["nearly-right"])}
    report = conformance.grade(wrong, layers=["Linear"], oracle="recorded", profile="quick")
    statuses = {v.case: v.status for v in report.verdicts if v.check == "fd_weight"}
    assert set(statuses.values()) == {"failed"}
