"""What goes in: dtypes, layouts, extreme values, kinks, degenerate shapes, illegal use.

Each wrong layer is the reference with one mistake, and is caught by the checks that are named.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import conformance
from conformance.generation.drawing import KINKED
from conformance.numerics.precision import representable
from conformance.spec.bound_case import bind
from conformance.spec.catalogue import bundled_specs
from reference_impls import numpy_reference as reference

Array = np.ndarray[Any, Any]


# --- dtypes


class SinglePrecision(reference.Flatten):
    """float64 passes through float32."""

    def _forward(self, x: Array) -> Array:
        return super()._forward(x).astype(np.float32)


class HalfPrecision(reference.ReLU):
    """float32 passes through float16."""

    def _backward(self, grad_output: Array) -> Array:
        return super()._backward(grad_output).astype(np.float16)


class IntegersTruncated(reference.Sigmoid):
    """The result takes the dtype of the input, integers included."""

    needs_floats = False


class HalfBecomesSingle(reference.Tanh):
    """float16 goes in, float32 comes out."""

    def forward(self, x: Array) -> Array:
        return super().forward(x.astype(np.float32) if x.dtype == np.float16 else x)


class HalfOverflows(reference.Tanh):
    """An intermediate result is too large for float16."""

    def forward(self, x: Array) -> Array:
        with np.errstate(over="ignore"):
            return super().forward(x * x.dtype.type(60_000) / x.dtype.type(60_000))


# --- layouts


class MemoryOrder(reference.Identity):
    """Elements are taken as they lie in memory."""

    def _forward(self, x: Array) -> Array:
        return x.ravel(order="K").reshape(x.shape)


class OwnerOfTheView(reference.Identity):
    """Elements are taken from the array that a view belongs to."""

    def forward(self, x: Array) -> Array:
        owner = x if x.base is None else x.base
        return super().forward(owner.reshape(-1)[: x.size].reshape(x.shape))


class CotangentScaledInPlace(reference.Sigmoid):
    """The gradient is multiplied into the cotangent."""

    def backward(self, grad_output: Array) -> Array:
        gradient = super().backward(np.ones_like(grad_output))
        grad_output *= gradient
        return grad_output.copy()


# --- extreme values


class MaximumOfEverything(reference.Softmax):
    """The maximum of all scores is subtracted, not that of each row."""

    def _forward(self, x: Array) -> Array:
        axis = self._axis(x)
        scores = np.exp(x - x.max(initial=-np.inf))
        y = scores / scores.sum(axis, keepdims=True)
        self._saved = axis, y.copy()
        return y


class HalfOfSumWithAbsolute(reference.ReLU):
    """(x + |x|) / 2 is NaN at -inf."""

    def _forward(self, x: Array) -> Array:
        super()._forward(x)
        return (x + np.abs(x)) / 2


class NanIsNotPositive(reference.ReLU):
    """NaN is not above zero, so it becomes zero."""

    def _forward(self, x: Array) -> Array:
        super()._forward(x)
        return np.where(x > 0, x, 0).astype(x.dtype)


class NanLoses(reference.MaxPool2d):
    """NaN is smaller than everything."""

    def _forward(self, x: Array) -> Array:
        return super()._forward(np.where(np.isnan(x), -np.inf, x).astype(x.dtype))


class NanEverywhere(reference.Linear):
    """One NaN spoils the whole batch."""

    def _forward(self, x: Array) -> Array:
        return super()._forward(x) + 0 * x.sum()


class MaskTimesLogarithm(reference.CrossEntropyLoss):
    """0 * -inf is NaN: all logarithms are multiplied by a one-hot target."""

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        losses, divisor = super()._forward(x, target)
        return losses + 0 * self._saved.sum(min(x.ndim - 1, 1)), divisor


class MaskedGradient(reference.LogSoftmax):
    """The gradient contains p * log(p), which is NaN where p is 0."""

    def _backward(self, grad_output: Array) -> Array:
        _, y = self._saved
        return super()._backward(grad_output) + 0 * np.exp(y) * y


class FlushedToZero(reference.LeakyReLU):
    """Subnormal numbers are zero."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        return y * (np.abs(x) >= np.finfo(np.float32).tiny)


class SignLost(reference.Identity):
    """-0.0 + 0.0 is 0.0."""

    def _forward(self, x: Array) -> Array:
        return x + 0.0


# --- degenerate shapes


class Squeezed(reference.LogSoftmax):
    """Axes of length one disappear on the way in."""

    def forward(self, x: Array) -> Array:
        return super().forward(x.squeeze() if x.ndim > 1 and x.shape[0] == 1 else x)


class NoEmptyBatch(reference.Dropout):
    """The largest element is asked for, and an empty batch has none."""

    def _forward(self, x: Array) -> Array:
        x.max()
        return super()._forward(x)


class LengthOneDropped(reference.BatchNorm1d):
    """(N, C, 1) becomes (N, C)."""

    def forward(self, x: Array) -> Array:
        return super().forward(x[..., 0] if x.shape[2:] == (1,) else x)


# --- starting values


class SmallNormalWeights(reference.Linear):
    """Weights are drawn from a normal distribution of standard deviation 0.01."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias)
        self.weight = np.random.default_rng().normal(0, 0.01, self.weight.shape)


class FanOut(reference.Conv2d):
    """The range depends on the outputs instead of the inputs."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.weight *= 3 / np.sqrt(self.out_channels)


class OnlyPositive(reference.Linear):
    """Weights are uniform between 0 and the bound."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias)
        self.weight = np.abs(self.weight)


class ZeroWeights(reference.Linear):
    """Weights start at zero."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias)
        self.weight = np.zeros_like(self.weight)


class EqualRows(reference.Conv2d):
    """The generator starts anew for each kernel."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.weight = np.repeat(self.weight[:1], self.out_channels, axis=0)


# --- illegal use


class OneFeatureBroadcasts(reference.Linear):
    """A single feature stands for all of them."""

    def forward(self, x: Array) -> Array:
        if x.shape[-1:] == (1,):
            x = np.repeat(x, self.in_features, axis=-1)
        return super().forward(x)


class BareAssertion(reference.Linear):
    """An assertion without a message."""

    def forward(self, x: Array) -> Array:
        if x.shape[-1:] != (self.in_features,):
            raise AssertionError
        return super().forward(x)


class SingleValueNormalized(reference.BatchNorm2d):
    """In training a single value becomes 0."""

    def forward(self, x: Array) -> Array:
        if self.training and x[:, 0].size == 1:
            return np.zeros_like(x)
        return super().forward(x)


class CotangentBroadcasts(reference.Tanh):
    """Whatever broadcasts to the output will do."""

    def backward(self, grad_output: Array) -> Array:
        return super().backward(np.broadcast_to(grad_output, self._saved.shape))


# What must fail, as check[case]; nothing but the tier "strict" sees it.
WRONG: list[tuple[str, type, set[str]]] = [
    ("Sigmoid", IntegersTruncated, {"integer_input[default]"}),
    ("Tanh", HalfBecomesSingle, {"float16[default]"}),
    ("Tanh", HalfOverflows, {"float16[default]"}),
    ("Identity", MemoryOrder, {"layout_fortran[default]", "layout_transposed[default]"}),
    ("Identity", OwnerOfTheView, {"layout_strided[default]", "layout_reversed[default]"}),
    ("ReLU", HalfOfSumWithAbsolute, {"forward[infinite]"}),
    ("ReLU", NanIsNotPositive, {"forward[nan]"}),
    ("MaxPool2d", NanLoses, {"forward[nan]"}),
    ("Linear", NanEverywhere, {"forward[nan]", "forward[infinite]"}),
    ("CrossEntropyLoss", MaskTimesLogarithm, {"forward[masked]"}),
    ("LogSoftmax", MaskedGradient, {"grad_input[masked]"}),
    ("LeakyReLU", FlushedToZero, {"forward[subnormal]"}),
    ("Identity", SignLost, {"signed_zero[default]"}),
    ("LogSoftmax", Squeezed, {"shape[single-row]"}),
    ("Dropout", NoEmptyBatch, {"shape[empty-batch]"}),
    ("BatchNorm1d", LengthOneDropped, {"shape[one-position]"}),
    ("Linear", SmallNormalWeights, {"initial_range[default]"}),
    ("Linear", OnlyPositive, {"initial_range[default]"}),
    ("Conv2d", FanOut, {"initial_range[default]"}),
    ("Linear", ZeroWeights, {"initial_range[default]", "initial_symmetry[default]"}),
    ("Conv2d", EqualRows, {"initial_symmetry[default]"}),
    ("Linear", OneFeatureBroadcasts, {"error[too-few-features]"}),
    ("Linear", BareAssertion, {"error[wrong-features]", "error[too-few-features]"}),
    ("BatchNorm2d", SingleValueNormalized, {"error[single-value]"}),
    ("Tanh", CotangentBroadcasts, {"cotangent_shape[default]"}),
]


def grade(layer: str, wrong: type, tier: str = "strict") -> conformance.Report:
    return conformance.grade(
        {layer: wrong}, layers=[layer], tier=tier, profile="quick", oracle="recorded"
    )


def bad(report: conformance.Report) -> dict[str, Any]:
    """The verdicts that are no pass, by check[case]; the first of several modes and dtypes."""
    found: dict[str, Any] = {}
    for verdict in report.verdicts:
        if verdict.status in ("failed", "errored"):
            found.setdefault(f"{verdict.check}[{verdict.case}]", verdict)
    return found


@pytest.mark.parametrize(
    ("layer", "wrong", "named"), WRONG, ids=lambda v: getattr(v, "__name__", "")
)
def test_it_is_caught_by_the_strict_tier_alone(layer, wrong, named):
    found = bad(grade(layer, wrong))
    assert named <= set(found)
    assert {verdict.tier for verdict in found.values()} == {"strict"}


@pytest.mark.parametrize(
    ("layer", "wrong"), [("Flatten", SinglePrecision), ("ReLU", HalfPrecision)]
)
def test_a_detour_through_a_narrower_dtype_loses_digits(layer, wrong):
    assert "precision[default]" in bad(grade(layer, wrong))


def test_a_cotangent_with_stride_0_must_not_be_written_to():
    assert "layout_broadcast[default]" in bad(grade("Sigmoid", CotangentScaledInPlace))


def test_a_maximum_of_all_scores_underflows_other_rows():
    assert "forward[huge-scores]" in bad(grade("Softmax", MaximumOfEverything))


# --- what is said


def said(layer: str, wrong: type, item: str) -> Any:
    return bad(grade(layer, wrong))[item].findings[0]


class SoftmaxInSinglePrecision(reference.Softmax):
    def _forward(self, x: Array) -> Array:
        return super()._forward(x.astype(np.float32))

    def _backward(self, grad_output: Array) -> Array:
        return super()._backward(grad_output.astype(np.float32))


def test_float32_behind_float64_is_told_from_another_formula():
    found = bad(grade("Softmax", SoftmaxInSinglePrecision))
    assert [d.id for d in found["forward[default]"].diagnoses] == ["float32-rounding"]
    assert found["precision[default]"].findings[0].message == (
        "every element of output is a float32 number, though float64 went in: "
        "it is computed in float32 inside"
    )


def test_zeros_and_few_values_prove_no_precision():
    assert not representable(np.array([0.0, 1.0, -3.0, 0.5, 0.25]), "float64")
    assert representable(np.array([0.0, 0.5, 0.25, 0.125]), "float64")
    assert not representable(np.array([0.5, 0.25, 0.1]), "float64")
    assert not representable(np.array([0.5, 0.25, 1e30], np.float32), "float32")


def test_integers_that_are_cut_off_are_called_so():
    finding = said("Sigmoid", IntegersTruncated, "integer_input[default]")
    assert finding.notes == (
        "wanted: as for the same numbers in float64; input has dtype int64, and so has output: "
        "its fractions are cut off",
    )


class RefusesHalf(reference.Tanh):
    def forward(self, x: Array) -> Array:
        if x.dtype == np.float16:
            raise TypeError("float32 or float64, please")
        return super().forward(x)


def test_a_layer_may_refuse_float16():
    report = grade("Tanh", RefusesHalf)
    assert report.ok
    [verdict] = [v for v in report.verdicts if v.status == "skipped"]
    assert verdict.check == "float16"
    assert verdict.reason.startswith(
        "float16 is optional, and forward refused it: TypeError: float32 or float64, please"
    )


def test_a_layout_is_named():
    finding = said("Identity", MemoryOrder, "layout_fortran[default]")
    assert finding.notes == (
        "wanted: the same as for contiguous arrays; the arrays are in Fortran order",
    )


def test_another_initialisation_is_a_convention():
    finding = said("Linear", SmallNormalWeights, "initial_range[default]")
    assert finding.severity == "convention"
    assert finding.message.startswith("weight does not start uniform between -0.04419 and 0.04419")


def test_symmetric_rows_break_the_contract():
    finding = said("Linear", ZeroWeights, "initial_symmetry[default]")
    assert finding.severity == "contract"
    assert finding.message == (
        "every element of weight starts as 0: training cannot tell its rows apart"
    )


def test_an_error_that_does_not_say_what_is_wrong_is_shown():
    finding = said("Linear", BareAssertion, "error[wrong-features]")
    assert finding.message.startswith(
        "input of shape (4, 4) raises an error that does not say what is wrong: AssertionError"
    )


def test_a_lost_sign_is_shown_where_it_was_lost():
    assert said("Identity", SignLost, "signed_zero[default]").message.endswith(
        "= 0.0, but should be -0.0"
    )


# --- kinks


def slope_at_zero(slope: float) -> type:
    class AtZero(reference.ReLU):
        def _backward(self, grad_output: Array) -> Array:
            return super()._backward(grad_output) + slope * grad_output * self.at_zero

        def _forward(self, x: Array) -> Array:
            self.at_zero = x == 0
            return super()._forward(x)

    return AtZero


@pytest.mark.parametrize("slope", [0.5, 1.0])
def test_a_slope_between_those_of_both_sides_is_a_convention(slope):
    found = bad(grade("ReLU", slope_at_zero(slope)))
    assert set(found) == {"grad_input[kink]"}
    assert found["grad_input[kink]"].severity == "convention"


@pytest.mark.parametrize("slope", [-0.5, 2.0])
def test_a_slope_beyond_those_of_both_sides_is_wrong(slope):
    finding = said("ReLU", slope_at_zero(slope), "grad_input[kink]")
    assert finding.severity == "wrong"
    assert "does not even lie between the slopes" in finding.notes[-1]


class LastMaximumWins(reference.MaxPool2d):
    def _forward(self, x: Array) -> Array:
        return super()._forward(x[..., ::-1, ::-1])[..., ::-1, ::-1]

    def _backward(self, grad_output: Array) -> Array:
        return super()._backward(grad_output[..., ::-1, ::-1])[..., ::-1, ::-1]


def test_another_winner_among_equals_is_a_convention():
    found = bad(grade("MaxPool2d", LastMaximumWins))
    assert found["grad_input[constant]"].severity == "convention"


def test_every_layer_with_kinks_has_a_case_on_one():
    kinked = [spec for spec in bundled_specs() if not spec.gradients.smooth]
    without = [
        spec.name
        for spec in kinked
        if not any(
            bind(spec, case).drawn() & {"zeros", "steps"} & KINKED and case.tier == "strict"
            for case in spec.cases
        )
    ]
    assert len(kinked) >= 5
    assert without == []


def test_no_correct_layer_starts_outside_its_range():
    for _ in range(20):
        assert "initial_range[default]" not in bad(grade("Linear", reference.Linear))
