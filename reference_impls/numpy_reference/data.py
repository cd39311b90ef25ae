"""Feeding data: mini-batches and one-hot labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from .module import Array


def one_hot(labels: npt.ArrayLike, num_classes: int | None = None) -> Array:
    """Return integer one-hot rows (..., num_classes) for integer labels (...).

    Without `num_classes`, the largest label is the last class.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"one_hot: labels have dtype {labels.dtype}, expected integers")
    if num_classes is None:
        num_classes = int(labels.max(initial=-1)) + 1
    if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
        raise ValueError(
            f"one_hot: labels from {labels.min()} to {labels.max()} do not fit "
            f"num_classes={num_classes}"
        )
    return (labels[..., None] == np.arange(num_classes)).astype(np.int64)


class BatchLoader:
    """Cuts samples and targets into mini-batches; each iteration over it is one epoch.

    With `shuffle`, every epoch has a new order, and the same seed gives the same orders again.
    The last batch of an epoch may be smaller, or is left out with `drop_last`.
    """

    def __init__(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        self.x = np.asarray(x)
        self.y = np.asarray(y)
        if len(self.x) != len(self.y):
            raise ValueError(f"BatchLoader: x has {len(self.x)} samples, but y has {len(self.y)}")
        if batch_size < 1:
            raise ValueError(f"BatchLoader: batch_size={batch_size} should be at least 1")
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self._rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        whole, rest = divmod(len(self.x), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        """Yield the batches of one epoch as copies (x, y)."""
        samples = len(self.x)
        order = self._rng.permutation(samples) if self.shuffle else np.arange(samples)
        for batch in range(len(self)):
            chosen = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            yield self.x[chosen], self.y[chosen]
