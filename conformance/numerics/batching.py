"""Many values of an input in one forward, behind each other along the batch axis.

That is sound where f of a concatenation is the concatenation of f, and no part of it sees another.
Both are found out by running f, never assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.numerics.tolerance import largest

Array = NDArray[Any]

# How many values share a batch, and from how many on it pays to find out whether they may.
BATCH = 16
WORTH = 32


def batches(values: Array, point: Array) -> list[Array]:
    """Values (along the first axis) in batches of `BATCH`; the last is filled up with the point.

    Each batch has the shape of the point but for its first axis, which is `BATCH` times as long.
    """
    missing = -len(values) % BATCH
    filled = np.concatenate([values, np.broadcast_to(point, (missing, *point.shape))])
    return list(filled.reshape(-1, BATCH * len(point), *point.shape[1:]))


def independent(alone: Array, center: Array, mixed: Array, unit: float) -> bool:
    """Whether the parts of a batch are independent of each other.

    `alone` holds f of two values, `center` f of a batch with the first of them in every place,
    `mixed` f of one with the second in place 1; all along the first axis. They must agree up to
    rounding (`unit` is the unit roundoff): products of larger matrices may be added up in another
    order. And no part may see another, bit by bit.
    """
    if mixed.shape != (BATCH, *alone.shape[1:]):
        return False
    allowed = 64 * unit * largest(alone)
    concatenated = np.abs(mixed[:2] - alone) <= allowed
    unseen = np.delete(mixed == center, 1, axis=0)
    return bool(concatenated.all() and unseen.all())


def apart(outputs: Sequence[Array], center: Array, count: int) -> Array:
    """The changes of the first `count` values in some batches, whose outputs are along axis 0.

    Each place in a batch has its own center: where a row stands may decide in which order its
    terms are added up.
    """
    return np.concatenate([output - center for output in outputs])[:count]
