import math
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.numerics.finite_differences import OFFSETS, STEP, Derivative, derivative

repeatable = settings(max_examples=200, derandomize=True, database=None)
small = st.integers(-8, 8)


def points(low: float, high: float) -> st.SearchStrategy[float]:
    """Points as they are drawn for trials: on a grid so coarse that point + offset is exact."""
    return st.integers(int(low * 2**15), int(high * 2**15)).map(lambda n: n / 2**15)


def estimate(function, slope, x: float) -> Derivative:
    values = np.array([function(x + offset) for offset in OFFSETS])
    return derivative(values, abs(function(x)) + abs(x * slope(x)))


SMOOTH = {
    "exp": (math.exp, math.exp),
    "sin": (math.sin, math.cos),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / x**2),
    "tanh": (math.tanh, lambda x: 1 - math.tanh(x) ** 2),
}


def test_offsets_are_exact_and_symmetric():
    assert OFFSETS == (STEP, -STEP, STEP / 2, -STEP / 2)
    assert math.frexp(STEP)[0] == 0.5


@repeatable
@given(small, small, small, small)
def test_the_derivative_of_a_polynomial_of_degree_four_is_exact(a, b, c, d):
    def polynomial(t: float) -> float:
        t = Fraction(t)
        return float(a * t + b * t**2 + c * t**3 + d * t**4)  # float64 holds it exactly

    values = np.array([polynomial(offset) for offset in OFFSETS])
    assert derivative(values, 0.0).value == a


@repeatable
@given(st.sampled_from(["exp", "sin", "tanh"]), points(-4, 4))
def test_the_tolerance_encloses_the_true_derivative(name, x):
    function, slope = SMOOTH[name]
    found = estimate(function, slope, x)
    assert abs(found.value - slope(x)) <= found.tolerance


@repeatable
@given(points(0.25, 8))
def test_the_tolerance_encloses_the_derivative_beside_a_pole(x):
    function, slope = SMOOTH["reciprocal"]
    found = estimate(function, slope, x)
    assert abs(found.value - slope(x)) <= found.tolerance


@repeatable
@given(st.sampled_from(sorted(SMOOTH)), points(1, 1.25), st.sampled_from([1e-6, -1e-6]))
def test_a_gradient_that_is_off_by_a_millionth_is_detected(name, x, error):
    function, slope = SMOOTH[name]
    found = estimate(function, slope, x)
    assert abs(found.value - slope(x) * (1 + error)) > found.tolerance


@repeatable
@given(points(-2, 2))
def test_the_rounding_of_what_cancels_inside_is_allowed_for(x):
    def function(t: float) -> float:
        return (1024 + math.sin(t)) - 1024

    found = derivative(np.array([function(x + offset) for offset in OFFSETS]), 1024.0)
    assert abs(found.value - math.cos(x)) <= found.tolerance


def test_more_magnitude_means_more_tolerance():
    values = np.array(OFFSETS)
    assert derivative(values, 0.0) == Derivative(1.0, 0.0)
    assert derivative(values, 2.0).tolerance == 2 * derivative(values, 1.0).tolerance > 0


def test_a_kink_widens_the_tolerance():
    values = np.abs(np.array(OFFSETS) - STEP * 0.75)
    found = derivative(values, 0.0)
    assert found.tolerance > 1
