"""Gradients of functions against finite differences, right ones and wrong ones."""

import numpy as np
import pytest

from conformance.numerics.finite_differences import STEP
from conformance.numerics.sweep import Sweep

rng = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _begin_anew():
    """Every test draws the same numbers, whichever run before it."""
    rng.bit_generator.state = np.random.default_rng(0).bit_generator.state


def drawn(*shape):
    """Values on a grid so coarse that steps from them are exact, at least 1/16 from 0."""
    values = np.round(rng.normal(size=shape) * 2**10) / 2**10
    return values + np.where(values < 0, -1, 1) / 16


class Function:
    """How a function changes from a point on, and how often it was asked."""

    def __init__(self, function, point):
        self.function, self.point, self.runs = function, point, 0

    def __call__(self, values):
        self.runs += len(values)
        center = self.function(self.point)
        return np.stack([self.function(value) - center for value in values])


def swept(function, gradient, point, cotangent, budget=10_000, axes=None):
    """The sweep of a gradient; `gradient` is a function of point and cotangent, or an array."""
    runs = Function(function, point)
    if callable(gradient):
        gradient = gradient(point, cotangent)
    outputs = function(point)
    steps = np.round(rng.uniform(-1, 1, (8, *point.shape)) * 2**10) / 2**10
    sweep = Sweep(
        runs,
        point,
        gradient,
        cotangent,
        float(np.abs(cotangent * outputs).sum() + np.abs(point * gradient).sum()),
        steps=steps,
        jitter=np.where(steps[0] < 0, -0.75, 0.75) + steps[1] / 8,
        axes=range(point.ndim) if axes is None else axes,
        sample=lambda count: np.arange(min(count, budget)),
    )
    sweep.cost = runs.runs
    return sweep


def clean(sweep):
    return not sweep.wrong.any() and not sweep.wrong_along.any()


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(x, v):
    y = softmax(x)
    return y * (v - (v * y).sum(axis=-1, keepdims=True))


def normalised(x):
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)


def normalised_backward(x, v):
    y, n = normalised(x), len(x)
    return (v - v.mean(axis=0) - y * (v * y).sum(axis=0) / n) / np.sqrt(x.var(axis=0) + 1e-5)


def exp_of_sum(x):
    return np.exp(x.sum() / 8)


W = drawn(5, 7)

FUNCTIONS = {
    "linear": (lambda x: x @ W.T, lambda x, v: v @ W, (12, 7), (12, 5)),
    "square": (np.square, lambda x, v: 2 * x * v, (6, 7), (6, 7)),
    "tanh": (np.tanh, lambda x, v: v * (1 - np.tanh(x) ** 2), (40, 3), (40, 3)),
    "exp": (exp_of_sum, lambda x, v: np.full(x.shape, v * exp_of_sum(x) / 8), (3, 4), ()),
    "softmax": (softmax, softmax_backward, (9, 8), (9, 8)),
    "batch norm": (normalised, normalised_backward, (9, 8), (9, 8)),
    "relu": (lambda x: np.maximum(x, 0), lambda x, v: v * (x > 0), (9, 8), (9, 8)),
    "a number": (np.sin, lambda x, v: v * np.cos(x), (), ()),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_right_gradient_passes(name):
    function, backward, shape, outputs = FUNCTIONS[name]
    for _ in range(5):
        sweep = swept(function, backward, drawn(*shape), drawn(*outputs))
        assert clean(sweep)
        assert sweep.coordinates.tested.all()
        assert not sweep.coordinates.kinked.any()


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("error", [1e-6, -1e-6])
def test_one_wrong_element_is_found_where_it_is(name, error):
    function, backward, shape, outputs = FUNCTIONS[name]
    point, cotangent = drawn(*shape), drawn(*outputs)
    gradient = np.array(backward(point, cotangent))
    place = int(rng.integers(gradient.size))
    gradient.flat[place] += error * np.abs(gradient).max()
    sweep = swept(function, gradient, point, cotangent)
    assert np.flatnonzero(sweep.wrong).tolist() == [place]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_gradient_that_is_wrong_everywhere_is_found_everywhere(name):
    function, backward, shape, outputs = FUNCTIONS[name]
    point, cotangent = drawn(*shape), drawn(*outputs)
    gradient = backward(point, cotangent) + 1e-3
    assert swept(function, gradient, point, cotangent).wrong.all()


@pytest.mark.parametrize(("name", "runs"), [("linear", 8 + 19 + 7), ("relu", 8 + 17 + 1)])
def test_an_affine_function_is_run_once_for_each_group(name, runs):
    function, backward, shape, outputs = FUNCTIONS[name]
    sweep = swept(function, backward, drawn(*shape), drawn(*outputs))
    assert sweep.along.affine
    assert sweep.cost == runs  # directions, slices, groups


def test_what_no_slice_separates_is_perturbed_alone():
    sweep = swept(*FUNCTIONS["exp"][:2], drawn(9, 8), drawn())
    assert sweep.groups == 72


def test_a_budget_leaves_coordinates_out():
    function, backward, shape, outputs = FUNCTIONS["softmax"]
    sweep = swept(function, backward, drawn(*shape), drawn(*outputs), budget=2)
    assert sweep.groups == 8  # one for each column: rows do not see each other
    assert sweep.coordinates.tested.reshape(shape).any(axis=0).tolist() == [True] * 2 + [False] * 6


def test_directions_see_what_the_sample_leaves_out():
    function, backward, shape, outputs = FUNCTIONS["softmax"]
    point, cotangent = drawn(*shape), drawn(*outputs)
    gradient = backward(point, cotangent)
    gradient[:, 5] *= 1.001
    sweep = swept(function, gradient, point, cotangent, budget=2)
    assert not sweep.wrong.any()
    assert sweep.wrong_along.all()


def test_a_certificate_that_does_not_hold_raises_no_false_alarm():
    """Columns multiply each other where one of them is 0, so alone each of them seems without."""
    point = drawn(12, 9)
    point[:, :2] = 0

    def function(x):
        return np.concatenate([x[:, 2:], 1e3 * x[:, :1] * x[:, 1:2] * np.sin(1e4 * x[:, :1])], 1)

    def backward(x, v):
        return np.concatenate([np.zeros((12, 2)), v[:, :-1]], 1)

    assert clean(swept(function, backward, point, drawn(12, 8)))


# --- kinks ------------------------------------------------------------------------------------


def kinked(distance):
    """Absolute values, some of them at (or this far beside) their kink."""
    point = drawn(8, 9)
    point[:2, :3] = distance
    return point


@pytest.mark.parametrize("slope", [-1.0, 0.0, 0.5, 1.0])
def test_at_a_kink_every_slope_between_the_two_sides_is_right(slope):
    point, cotangent = kinked(0.0), drawn(8, 9)
    gradient = cotangent * np.where(point == 0, slope, np.sign(point))
    sweep = swept(np.abs, gradient, point, cotangent)
    assert clean(sweep)


@pytest.mark.parametrize("slope", [-1.01, 1.5])
def test_at_a_kink_no_other_slope_is(slope):
    point, cotangent = kinked(0.0), drawn(8, 9)
    gradient = cotangent * np.where(point == 0, slope, np.sign(point))
    sweep = swept(np.abs, gradient, point, cotangent)
    assert (sweep.wrong.reshape(point.shape) == (point == 0)).all()


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.4, 0.6, 0.9])
@pytest.mark.parametrize("side", [1, -1])
def test_a_kink_beside_the_point_raises_no_false_alarm(share, side):
    point, cotangent = kinked(side * share * STEP), drawn(8, 9)
    assert clean(swept(np.abs, cotangent * np.sign(point), point, cotangent))


def test_kinks_are_counted():
    point, cotangent = kinked(0.0), drawn(8, 9)
    gradient = cotangent * np.where(point == 0, 0.5, np.sign(point))
    sweep = swept(np.abs, gradient, point, cotangent)
    assert (sweep.coordinates.kinked.reshape(point.shape) == (point == 0)).all()


def test_curvature_is_no_kink():
    point = drawn(6, 7)
    sweep = swept(lambda x: np.exp(4 * x), lambda x, v: 4 * v * np.exp(4 * x), point, drawn(6, 7))
    assert not sweep.coordinates.kinked.any()


# --- functions that are not finite ------------------------------------------------------------


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_function_that_is_not_finite_has_no_derivative(value):
    with np.errstate(invalid="ignore"):
        sweep = swept(lambda x: x * value, np.ones((3, 4)), drawn(3, 4), drawn(3, 4))
    assert not sweep.finite
    assert sweep.wrong.all()


def test_nor_has_one_that_is_not_finite_beside_the_point():
    point = np.ones((3, 4))
    point[1, 2] = 0
    with np.errstate(invalid="ignore"):
        sweep = swept(np.sqrt, drawn(3, 4) ** 0 / 2, point, np.ones((3, 4)))
    assert not sweep.finite
    assert np.flatnonzero(np.isinf(sweep.coordinates.value)).tolist() == [6]
    assert np.flatnonzero(sweep.wrong).tolist() == [6]


# --- the curve --------------------------------------------------------------------------------


def test_the_error_of_a_right_gradient_falls_with_the_square_of_the_step():
    point, cotangent = drawn(3, 4), drawn(3, 4)
    sweep = swept(np.exp, lambda x, v: v * np.exp(x), point, cotangent)
    steps, errors = sweep.curve(5)
    assert steps[0] == 2 * steps[1]
    assert errors[0] / errors[1] == pytest.approx(4, rel=1e-3)


def test_the_error_of_a_wrong_gradient_does_not_fall():
    point, cotangent = drawn(3, 4), drawn(3, 4)
    sweep = swept(np.exp, lambda x, v: v * np.exp(x) + 0.125, point, cotangent)
    assert sweep.curve(5)[1][4:] == pytest.approx([0.125] * 15, rel=1e-3)
