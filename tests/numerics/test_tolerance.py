"""Correct implementations stay inside the allowed error, other formulas far outside."""

import math

import numpy as np
import pytest

from conformance.numerics.comparison import compare
from conformance.numerics.tolerance import (
    UNIT_ROUNDOFF,
    Expected,
    composite_bound,
    contraction_bound,
    largest,
)

DTYPES = ["float64", "float32"]

# --- the model ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_unit_roundoff_is_half_the_spacing_at_one(dtype):
    assert UNIT_ROUNDOFF[dtype] == np.finfo(dtype).eps / 2


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_bound_is_in_units_of_the_roundoff(dtype):
    expected = Expected(np.array([1.0, 2.0]), np.array([3.0, 40.0]))
    assert (expected.allowed(dtype) == UNIT_ROUNDOFF[dtype] * expected.bound).all()


def test_an_exact_tensor_allows_no_error():
    expected = Expected(np.array([1.0, 2.0]), np.array([3.0, 4.0]), float32_error=1.0, exact=True)
    assert (expected.allowed("float32") == [0.0, 0.0]).all()


def test_small_elements_may_be_off_by_the_rounding_of_the_largest():
    expected = Expected(np.array([0.0, 1e6, np.inf]), np.zeros(3))
    assert (expected.allowed("float64") == UNIT_ROUNDOFF["float64"] * 1e6).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_four_times_the_oracles_own_float32_error_is_allowed(dtype):
    u = UNIT_ROUNDOFF["float32"]
    expected = Expected(np.array([1.0]), np.array([2.0]), float32_error=5 * u)
    assert expected.allowed(dtype) == 20 * UNIT_ROUNDOFF[dtype]


def test_the_oracles_own_error_widens_the_allowance_at_most_64_times():
    expected = Expected(np.array([1.0]), np.array([2.0]), float32_error=1e9)
    assert expected.allowed("float32") == 64 * 2 * UNIT_ROUNDOFF["float32"]


@pytest.mark.parametrize(
    ("terms", "factor"), [(0, 2), (1, 3), (10, 12), (100, 28), (2500, 108), (10_000, 208)]
)
def test_the_bound_of_a_sum_grows_with_its_length_then_with_the_root_of_it(terms, factor):
    assert (contraction_bound(np.array([1.0, 2.0]), terms) == [factor, 2 * factor]).all()


@pytest.mark.parametrize("relative", [1e-8, 1e-4])
def test_a_condition_probe_is_stated_per_unit_of_perturbation(relative):
    value = np.array([1.0, 1.0])
    probes = [value + relative * np.array([2.0, 0.0]), value - relative * np.array([5.0, 1.0])]
    bound = composite_bound(value, probes, relative, terms=0)
    np.testing.assert_allclose(bound, [16 * (5 + 1), 16 * (1 + 1)], rtol=1e-7)


def test_the_length_of_a_sum_widens_a_composite_bound():
    value = np.array([1.0])
    assert composite_bound(value, [value], 1e-6, terms=100) == 16 + 2 * 10


def test_terms_that_cancel_are_rounded_at_their_own_size():
    value = np.array([1e-9, 0.0])
    bound = composite_bound(value, [value], 1e-6, terms=0, cancelling=2.0)
    assert (bound == 16 * (2.0 + 1e-9)).all()


def test_a_probe_that_is_not_finite_says_nothing():
    value = np.array([1.0, np.inf, np.nan])
    probes = [np.array([np.inf, np.inf, np.nan]), np.array([np.nan, 0.0, 1.0])]
    assert (composite_bound(value, probes, 1e-6, terms=0) == 16).all()


@pytest.mark.parametrize(
    ("array", "magnitude"), [([1.0, -3.0], 3.0), ([np.nan, -np.inf, 2.0], 2.0), ([], 0.0)]
)
def test_the_largest_magnitude_is_that_of_finite_values(array, magnitude):
    assert largest(np.array(array)) == magnitude


# --- sums of products -----------------------------------------------------------------------------


def sequential(x, w):
    return np.add.accumulate(x * w, axis=1)[:, -1]  # one addition after the other


def backwards(x, w):
    return sequential(x[:, ::-1], w[::-1])


def shuffled(x, w):
    order = np.random.default_rng(1).permutation(len(w))
    return sequential(x[:, order], w[order])


def pairwise(x, w):
    return np.sum(x * w, axis=1)


def correctly_rounded(x, w):
    return np.array([math.fsum(row) for row in x.astype(float) * w.astype(float)], x.dtype)


def numpy_dot(x, w):
    return np.dot(x, w)


def torch_linear(x, w):
    torch = pytest.importorskip("torch")
    return torch.nn.functional.linear(torch.tensor(x), torch.tensor(w[None])).numpy()[:, 0]


CORRECT_SUMS = [
    sequential, backwards, shuffled, pairwise, correctly_rounded, numpy_dot, torch_linear,
]  # fmt: skip
LENGTHS = [1, 2, 3, 10, 100, 1000, 10_000]


def numbers(kind: str, shape, dtype: str, seed: int):
    drawn = np.random.default_rng(seed).standard_normal(shape)
    changed = {"centred": drawn, "positive": abs(drawn), "offset": drawn + 1024}[kind]
    return changed.astype(dtype)


def expected_sum(x, w) -> Expected:
    x, w = x.astype(float), w.astype(float)
    return Expected(x @ w, contraction_bound(abs(x) @ abs(w), len(w)))


def judge(got, expected: Expected, dtype: str):
    assert got.dtype == dtype
    return compare("output", got, expected.value, expected.allowed(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["centred", "positive", "offset"])
@pytest.mark.parametrize("algorithm", CORRECT_SUMS, ids=lambda f: f.__name__)
def test_every_order_of_summation_is_inside(algorithm, kind, dtype):
    for n in LENGTHS:
        x = numbers(kind, (16, n), dtype, seed=n)
        w = numbers("positive" if kind == "positive" else "centred", n, dtype, seed=n + 1)
        assert judge(algorithm(x, w), expected_sum(x, w), dtype) is None


def without_the_last_term(x, w):
    return x[:, :-1] @ w[:-1]


def first_term_twice(x, w):
    return x @ w + x[:, 0] * w[0]


def mean(x, w):
    return x @ w / len(w)


def in_single_precision(x, w):
    return (x.astype("float32") @ w.astype("float32")).astype(x.dtype)


@pytest.mark.parametrize("n", [2, 100, 10_000])
@pytest.mark.parametrize(
    "formula",
    [without_the_last_term, first_term_twice, mean, in_single_precision],
    ids=lambda f: f.__name__,
)
def test_another_sum_is_wrong_in_double_precision(formula, n):
    x, w = numbers("centred", (16, n), "float64", 0), numbers("centred", n, "float64", 1)
    assert judge(formula(x, w), expected_sum(x, w), "float64").severity == "wrong"


# --- convolutions ---------------------------------------------------------------------------------


def conv_by_loops(x, w):
    height, width = x.shape[2] - w.shape[2] + 1, x.shape[3] - w.shape[3] + 1
    out = np.zeros((len(x), len(w), height, width), x.dtype)
    for c, i, j in np.ndindex(w.shape[1:]):
        window = x[:, None, c, i : i + height, j : j + width]
        out += window * w[None, :, c, i, j, None, None]
    return out


def conv_by_im2col(x, w):
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(
        *windows.shape[:1], *windows.shape[2:4], -1
    )
    return (columns @ w.reshape(len(w), -1).T).transpose(0, 3, 1, 2)


def conv_by_fft(x, w):
    size = x.shape[2:]
    spectrum = np.einsum(
        "nchw,ochw->nohw",
        np.fft.rfft2(x.astype(float)),
        np.fft.rfft2(w.astype(float), s=size).conj(),
    )
    out = np.fft.irfft2(spectrum, s=size)
    return out[:, :, : size[0] - w.shape[2] + 1, : size[1] - w.shape[3] + 1].astype(x.dtype)


def conv_by_torch(x, w):
    torch = pytest.importorskip("torch")
    return torch.nn.functional.conv2d(torch.tensor(x), torch.tensor(w)).numpy()


SIZES = {  # input and weight
    "small": ((2, 3, 9, 8), (4, 3, 3, 2)),
    "many channels": ((1, 64, 12, 11), (8, 64, 3, 3)),
    "large kernel": ((1, 16, 20, 20), (4, 16, 7, 7)),
    "whole image": ((2, 1, 5, 5), (1, 1, 5, 5)),
}


def expected_convolution(x, w) -> Expected:
    x, w = x.astype(float), w.astype(float)
    magnitude = conv_by_im2col(abs(x), abs(w))
    return Expected(conv_by_im2col(x, w), contraction_bound(magnitude, math.prod(w.shape[1:])))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "algorithm",
    [conv_by_loops, conv_by_im2col, conv_by_fft, conv_by_torch],
    ids=lambda f: f.__name__,
)
def test_every_way_to_convolve_is_inside(algorithm, size, dtype):
    for kind in ("centred", "positive", "offset"):
        x, w = (
            numbers(k, s, dtype, 0) for k, s in zip((kind, "centred"), SIZES[size], strict=True)
        )
        assert judge(algorithm(x, w), expected_convolution(x, w), dtype) is None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_a_flipped_kernel_is_wrong(size, dtype):
    x, w = (numbers("centred", shape, dtype, 0) for shape in SIZES[size])
    got = conv_by_loops(x, w[:, :, ::-1, ::-1])
    assert judge(got, expected_convolution(x, w), dtype).severity == "wrong"
