"""Coordinates that can be perturbed at once, from which outputs changed with which slice."""

import math

import numpy as np
import pytest

from conformance.numerics.influence import axes_to_slice, grouped, single, slices


def seen_by(function, x, axes):
    """For each axis: which outputs change when each slice is moved."""
    center = function(x)
    jitter = np.random.default_rng(0).uniform(0.5, 1, x.shape) * 2.0**-12
    return {
        axis: np.stack([(function(x + part) != center).ravel() for part in slices(jitter, axis)])
        for axis in axes
    }


def correlation(x):
    """A window of three along the last axis."""
    return x[..., :-2] + 2 * x[..., 1:-1] + 4 * x[..., 2:]


def pooling(x):
    return x.reshape(*x.shape[:-1], -1, 2).max(axis=-1)


def centered_columns(x):
    return x - x.mean(axis=0)


FUNCTIONS = {
    "elementwise": (np.tanh, (3, 4, 5), 1),
    "rows": (lambda x: np.cumsum(x, axis=1), (6, 5), 5),
    "columns": (centered_columns, (6, 5), 6),
    "windows": (correlation, (4, 12), 3),
    "windows beside each other": (pooling, (4, 12), 1),  # only one element of each is seen
    "everything": (lambda x: x / x.sum(), (3, 4), 12),
    "nothing": (lambda x: np.zeros(7), (3, 4), 1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_as_many_groups_as_outputs_see_coordinates_together(name):
    function, shape, wanted = FUNCTIONS[name]
    x = np.random.default_rng(1).normal(size=shape)
    groups = grouped(shape, seen_by(function, x, range(len(shape))))
    assert math.prod(groups.counts) == wanted


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_coordinate_is_in_one_group(name):
    function, shape, _ = FUNCTIONS[name]
    x = np.random.default_rng(1).normal(size=shape)
    groups = grouped(shape, seen_by(function, x, range(len(shape))))
    moves = groups.directions(np.arange(math.prod(groups.counts)))
    assert (moves.sum(axis=0) == 1).all()
    assert (moves.argmax(axis=0) == groups.of).all()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_group_gives_what_its_coordinates_give_alone(name):
    function, shape, _ = FUNCTIONS[name]
    x = np.random.default_rng(1).normal(size=shape)
    center, size = function(x), math.prod(shape)
    groups = grouped(shape, seen_by(function, x, range(len(shape))))
    numbers = np.arange(math.prod(groups.counts))
    together, alone = np.zeros(size + 1), np.zeros(size)
    for move, owners in zip(groups.directions(numbers), groups.owners(numbers), strict=True):
        change = (function(x + 2.0**-12 * move) - center).ravel()
        np.add.at(together, np.broadcast_to(owners, change.shape), change)
    for i, unit in enumerate(np.eye(size).reshape(size, *shape)):
        alone[i] = (function(x + 2.0**-12 * unit) - center).sum()
    assert np.allclose(together[:size], alone, rtol=0, atol=1e-12)


def test_axes_about_which_nothing_is_known_are_perturbed_one_by_one():
    x = np.random.default_rng(1).normal(size=(6, 5))
    groups = grouped((6, 5), seen_by(np.tanh, x, [1]))
    assert groups.counts == (6, 1)


def test_a_number_is_one_group():
    groups = single(())
    assert groups.directions(np.array([0])).tolist() == [True]
    assert groups.owners(np.array([0])).tolist() == [[0]]


def test_slices_add_up_to_the_array():
    x = np.arange(24.0).reshape(2, 3, 4)
    assert all((slices(x, axis).sum(axis=0) == x).all() for axis in range(3))
    assert slices(x, 1)[2, :, 2].tolist() == x[:, 2].tolist()
    assert not slices(x, 1)[2, :, :2].any()


def test_finding_out_must_save_more_runs_than_it_takes():
    assert axes_to_slice((4, 3), [0, 1], 12) == []
    assert axes_to_slice((16, 32), [0, 1], 128) == [0, 1]
    assert axes_to_slice((16, 32), [1], 128) == [1]
    assert axes_to_slice((16, 1, 32), [0, 1, 2], 128) == [0, 2]
    assert axes_to_slice((512,), [0], 1) == []


def test_what_was_seen_must_fit_into_memory():
    assert axes_to_slice((256, 256), [0, 1], 2**16) == []
