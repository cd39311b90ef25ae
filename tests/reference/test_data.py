"""What the reference offers beside layers: batches, one-hot rows, a stable softmax."""

import numpy as np
import pytest

from reference_impls.numpy_reference import BatchLoader, one_hot, softmax

X = np.arange(20.0).reshape(10, 2)
Y = np.arange(10)


def epoch(loader):
    return [(x.copy(), y.copy()) for x, y in loader]


def test_batches_come_in_order_with_a_smaller_last_one():
    batches = epoch(BatchLoader(X, Y, batch_size=4))
    assert [len(y) for _, y in batches] == [4, 4, 2]
    assert np.array_equal(np.concatenate([y for _, y in batches]), Y)
    assert np.array_equal(np.concatenate([x for x, _ in batches]), X)


def test_drop_last_leaves_the_smaller_batch_out():
    loader = BatchLoader(X, Y, batch_size=4, drop_last=True)
    assert [len(y) for _, y in epoch(loader)] == [4, 4]
    assert len(loader) == 2


def test_shuffling_keeps_rows_and_targets_together_and_loses_none():
    batches = epoch(BatchLoader(X, Y, batch_size=3, shuffle=True, seed=1))
    x = np.concatenate([x for x, _ in batches])
    y = np.concatenate([y for _, y in batches])
    assert not np.array_equal(y, Y)
    assert sorted(y) == list(Y)
    assert np.array_equal(x, X[y])


def test_equal_seeds_give_equal_orders_and_each_epoch_another():
    orders = []
    for _ in range(2):
        loader = BatchLoader(X, Y, batch_size=10, shuffle=True, seed=5)
        orders.append([list(epoch(loader)[0][1]), list(epoch(loader)[0][1])])
    assert orders[0] == orders[1]
    assert orders[0][0] != orders[0][1]


def test_an_epoch_can_be_started_again_before_its_end():
    loader = BatchLoader(X, Y, batch_size=4)
    next(iter(loader))
    assert [len(y) for _, y in epoch(loader)] == [4, 4, 2]


def test_one_hot_rows():
    assert np.array_equal(one_hot(np.array([2, 0]), 3), [[0, 0, 1], [1, 0, 0]])


def test_one_hot_refuses_labels_out_of_range():
    with pytest.raises((ValueError, IndexError)):
        one_hot(np.array([3]), 3)
    with pytest.raises((ValueError, IndexError)):
        one_hot(np.array([-1]), 3)


def test_softmax_is_stable():
    with np.errstate(over="raise", invalid="raise"):
        rows = softmax(np.array([[1e4, 0.0, -1e4], [1.0, 1.0, 1.0]]), axis=1)
    assert np.array_equal(rows[0], [1, 0, 0])
    assert np.allclose(rows[1], 1 / 3)
