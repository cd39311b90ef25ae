from typing import get_args

import numpy as np
import pytest

from conformance.generation.drawing import (
    EDGED,
    KINKED,
    choose,
    class_indices,
    draw,
    float32_exact,
    integers,
    one_hot,
    permutation,
)
from conformance.numerics.finite_differences import STEP
from conformance.spec.model import EXTREME, ROWS, Values

KINDS = get_args(Values)
DISTRIBUTIONS = ["probabilities", "confident"]
INF, NAN = np.inf, np.nan

# Recordings were made with these numbers. If they change, so must every recording.
GOLDEN = {
    "normal": [-0.738800048828125, -1.750213623046875],
    "nonzero": [-0.801300048828125, -1.812713623046875],
    "distinct": [0.0625, -0.0625],
    "close": [1024.0078125, 1024.0],
    "negative": [-0.25, -0.125],
    "positive": [1.238800048828125, 2.250213623046875],
    "large": [-205.1328125, -464.0546875],
    "offset": [1023.2607421875, 1022.25],
    "zeros": [0.0, 0.0],
    "steps": [1.0, -1.0],
    "probabilities": [0.316925048828125, 0.683074951171875],
    "confident": [0.9999990463256836, 9.5367431640625e-07],
    "huge": [800.125, -800.0],
    "infinite": [INF, -1.812713623046875],
    "with-nan": [-0.801300048828125, NAN],
    "masked": [-INF, -1.750213623046875],
    "subnormal": [28 * 2.0**-135, -22 * 2.0**-135],
}


def test_every_kind_has_a_golden_value():
    assert set(GOLDEN) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_key_gives_the_same_values_for_ever(kind):
    np.testing.assert_array_equal(draw(kind, (2,), "golden"), GOLDEN[kind], strict=True)


def test_integers_of_a_key_are_the_same_for_ever():
    assert integers("golden", 4).tolist() == [14810, 43071, 287, 48693]
    assert class_indices((5,), 3, "golden").tolist() == [2, 0, 2, 0, 2]
    assert permutation("golden", 6).tolist() == [1, 0, 2, 4, 3, 5]
    assert choose("golden", 10, 3).tolist() == [1, 6, 9]


@pytest.mark.parametrize("kind", KINDS)
def test_float32_holds_every_value_exactly(kind):
    values = draw(kind, (2000,), "key")
    assert float32_exact(values[~np.isnan(values)])


@pytest.mark.parametrize("kind", sorted(set(KINDS) - EDGED - EXTREME))
def test_a_small_step_from_a_value_is_exact_in_float64(kind):
    values = draw(kind, (2000,), "key")
    for step in (STEP / 2, -STEP / 2):
        assert ((values + step) - values == step).all()


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_float64_of_the_shape_asked_for(kind):
    for shape in [(2, 3, 4), (5,), (0,), (0, 3), (2, 0)]:
        values = draw(kind, shape, "key")
        assert (type(values), values.shape, values.dtype) == (np.ndarray, shape, np.float64)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ROWS])
def test_a_value_without_axes_is_an_array(kind):
    assert draw(kind, (), "key").shape == ()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "zeros"])
def test_another_key_gives_other_values(kind):
    assert (draw(kind, (50,), "a/weight") != draw(kind, (50,), "a/bias")).any()


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("normal", -4, 4),
        ("nonzero", -4.0625, 4.0625),
        ("negative", -250, -0.125),
        ("positive", 0.5, 4.5),
        ("large", -1040, 1040),
        ("offset", 1020, 1028),
        ("zeros", 0, 0),
        ("steps", -1, 1),
        ("huge", -10_250, 10_250),
        ("infinite", -INF, INF),
        ("subnormal", -(2.0**-130), 2.0**-130),
    ],
)
def test_values_lie_in_their_range(kind, low, high):
    values = draw(kind, (2000,), "key")
    assert low <= values.min() <= values.max() <= high


@pytest.mark.parametrize(
    ("kind", "gap"),
    [("nonzero", 1 / 16), ("large", 16), ("huge", 800), ("subnormal", 2.0**-135)],
)
def test_values_keep_away_from_zero(kind, gap):
    assert abs(draw(kind, (2000,), "key")).min() >= gap


@pytest.mark.parametrize("kind", ["distinct", "negative", "huge"])
def test_values_have_no_ties(kind):
    ordered = np.sort(draw(kind, (3, 50, 7), "key"), axis=None)
    assert np.diff(ordered).min() >= 1 / 8


def test_distinct_values_lie_on_both_sides_of_zero():
    values = draw("distinct", (9,), "key")
    assert values.min() < 0 < values.max()


@pytest.mark.parametrize("kind", DISTRIBUTIONS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_distribution_stands_along_its_axis(kind, axis):
    sums = draw(kind, (4, 5, 3), "key", axis).sum(axis)
    np.testing.assert_allclose(sums, 1, rtol=2**-24)


def test_probabilities_sum_to_exactly_one():
    assert (draw("probabilities", (500, 6), "key").sum(axis=1) == 1).all()


def test_probabilities_keep_away_from_zero_and_one():
    values = draw("probabilities", (500, 4), "key")
    assert 1 / 20 < values.min() < values.max() < 0.95


def test_a_confident_distribution_is_nearly_sure_of_one_class():
    values = np.sort(draw("confident", (500, 4), "key"), axis=1)
    assert values[:, 3].min() > 0.98
    assert 0 < values[:, :3].min() < values[:, :3].max() <= 2**-8


def test_huge_values_take_all_four_sizes():
    values = draw("huge", (100,), "key")
    assert set(np.sign(values) * np.where(abs(values) < 5000, 800, 10_000)) == {
        -10_000, -800, 800, 10_000,
    }  # fmt: skip


@pytest.mark.parametrize("size", [3, 12, 200])
def test_infinities_of_both_signs_stand_between_numbers(size):
    values = draw("infinite", (size,), "key")
    assert {INF, -INF} < set(values)
    assert np.isfinite(values[1::2]).all()


@pytest.mark.parametrize("size", [1, 2, 200])
def test_one_value_is_nan(size):
    assert np.isnan(draw("with-nan", (size,), "key")).sum() == 1


def test_subnormal_values_are_zero_in_no_precision():
    values = draw("subnormal", (2000,), "key").astype(np.float32)
    assert (abs(values) < np.finfo(np.float32).tiny).all()
    assert values.all()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_no_row_is_masked_as_a_whole_and_the_first_has_one_score_left(axis):
    hidden = np.isneginf(draw("masked", (20, 20, 20), "key", axis))
    assert not hidden.all(axis).any()
    assert (~hidden).sum(axis).flat[0] == 1
    assert 0.4 < hidden.mean() < 0.6


def test_steps_take_all_three_values():
    assert set(draw("steps", (100,), "key")) == {-1.0, 0.0, 1.0}


def test_normal_values_are_centred_and_spread_by_about_one():
    values = draw("normal", (20_000,), "key")
    assert abs(values.mean()) < 0.02
    assert values.std() == pytest.approx(2 / np.sqrt(3), rel=0.02)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - KINKED))
def test_values_that_avoid_kinks_are_never_zero(kind):
    assert (draw(kind, (2000,), "key") != 0).all()


def test_class_indices_are_nearly_uniform_integers():
    indices = class_indices((10, 300), 5, "key")
    assert indices.dtype == np.int64
    assert np.bincount(indices.ravel(), minlength=5).min() > 500
    assert set(indices.ravel()) == set(range(5))


def test_one_hot_rows_stand_along_the_axis():
    rows = one_hot(np.array([[2, 0], [1, 1]]), 3, axis=1)
    assert rows.dtype == np.float64
    assert rows.tolist() == [
        [[0, 1], [0, 0], [1, 0]],
        [[0, 0], [1, 1], [0, 0]],
    ]


def test_a_single_one_hot_row():
    assert one_hot(np.array(1), 3, axis=0).tolist() == [0, 1, 0]


@pytest.mark.parametrize("size", [0, 1, 2, 100])
def test_a_permutation_has_each_index_once(size):
    assert sorted(permutation("key", size)) == list(range(size))


def test_a_permutation_depends_on_its_key():
    assert (permutation("a", 50) != permutation("b", 50)).any()


@pytest.mark.parametrize(("size", "count", "chosen"), [(10, 4, 4), (3, 8, 3), (0, 2, 0)])
def test_chosen_indices_are_different_and_rising(size, count, chosen):
    indices = choose("key", size, count).tolist()
    assert len(indices) == chosen
    assert indices == sorted(set(indices))
    assert set(indices) <= set(range(size))


def test_what_float32_cannot_hold_is_not_exact():
    assert not float32_exact(np.array([1.0, 0.1]))
