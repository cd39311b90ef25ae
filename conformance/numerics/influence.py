"""Which coordinates of a tensor can be perturbed at once, because no output sees two of them.

Slices of the tensor (one index of one axis) are perturbed one after the other, and whatever output
stays bit-equal does not see that slice. A coordinate lies in one slice of each axis, so only
outputs that see all of these slices can see the coordinate.

Slices of an axis that no output sees together get one colour (Curtis, Powell & Reid 1974,
doi:10.1093/imamat/13.1.117). A group takes one colour of each axis: two of its coordinates differ
in some axis, there their slices have one colour, so no output sees both. One perturbation then
serves the whole group, and each output knows whose it is. Rows of a batch, channels of BatchNorm2d,
every third pixel under a kernel of size 3, rows of a weight and output features: all are found in
this way, and none is taken for granted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
Shape = tuple[int, ...]

# Finding out takes a run per slice; it must save several times as many.
_WORTH = 4
# What was seen is a boolean for each slice and output.
_MOST_SEEN = 2**24


def axes_to_slice(shape: Shape, axes: Sequence[int], outputs: int) -> list[int]:
    """Those of the axes that have several slices; none where slicing would not pay."""
    sliced = [axis for axis in axes if shape[axis] > 1]
    runs = sum(shape[axis] for axis in sliced)
    worth = _WORTH * runs < math.prod(shape) and runs * outputs <= _MOST_SEEN
    return sliced if worth else []


def slices(array: Floats, axis: int) -> Floats:
    """The slices of an array along an axis, one after the other; zeros around each."""
    size = array.shape[axis]
    around = [1] * array.ndim
    around[axis] = size
    return np.eye(size).reshape(size, *around) * array


@dataclass(frozen=True)
class Groups:
    """The coordinates of a tensor in groups to perturb at once.

    `colours` are those of the slices of each axis. `shares` says, for each axis, what an output
    adds to the flat index of the coordinate that it sees: by colour and output, and far below zero
    where the output sees no slice of that colour.
    """

    shape: Shape
    colours: tuple[Integers, ...]
    shares: tuple[Integers, ...]

    @property
    def counts(self) -> Shape:
        """How many colours each axis has."""
        return tuple(int(colours.max()) + 1 for colours in self.colours)

    @cached_property
    def of(self) -> Integers:
        """The group of each coordinate."""
        if not self.shape:
            return np.zeros((), dtype=np.intp)
        return np.asarray(np.ravel_multi_index(np.ix_(*self.colours), self.counts))

    def directions(self, groups: Integers) -> NDArray[np.bool_]:
        """The coordinates of each group."""
        return np.asarray(self.of == groups.reshape(-1, *[1] * len(self.shape)))

    def owners(self, groups: Integers) -> Integers:
        """The flat index of the coordinate that each output sees, by group; beyond all: none."""
        flat = np.zeros((len(groups), 1), dtype=np.intp)
        taken = np.unravel_index(groups, self.counts) if self.shape else ()
        # Axes about which nothing is known have a single column: they come before the wide ones.
        for shares, colour in sorted(zip(self.shares, taken, strict=True), key=_columns):
            flat = flat + shares[colour]
        return np.where(flat < 0, math.prod(self.shape), flat)


def single(shape: Shape) -> Groups:
    """Every coordinate on its own: right whatever the outputs see."""
    strides = _strides(shape)
    colours = tuple(np.arange(size) for size in shape)
    shares = tuple((stride * own)[:, None] for stride, own in zip(strides, colours, strict=True))
    return Groups(shape, colours, shares)


def grouped(shape: Shape, seen: Mapping[int, NDArray[np.bool_]]) -> Groups:
    """Groups from which outputs changed with which slice, for some of the axes."""
    alone = single(shape)
    colours, shares = list(alone.colours), list(alone.shares)
    for axis, changed in seen.items():
        found = _coloured(changed)
        if found.max() + 1 < len(found):
            colours[axis] = found
            shares[axis] = _shares(found, changed, _strides(shape)[axis], math.prod(shape))
    return Groups(shape, tuple(colours), tuple(shares))


def _coloured(seen: NDArray[np.bool_]) -> Integers:
    """The first colour for each slice that no slice before it has whose outputs it shares."""
    weights = seen.astype(np.float32)
    together = weights @ weights.T > 0
    if together.all():
        return np.arange(len(seen))
    colours = np.zeros(len(seen), dtype=np.intp)
    for i, row in enumerate(together):
        taken = set(colours[:i][row[:i]].tolist())
        colours[i] = next(colour for colour in range(i + 1) if colour not in taken)
    return colours


def _shares(colours: Integers, seen: NDArray[np.bool_], stride: int, size: int) -> Integers:
    shares = np.full((int(colours.max()) + 1, seen.shape[1]), -size, dtype=np.intp)
    for i, colour in enumerate(colours):
        shares[colour, seen[i]] = i * stride
    return shares


def _columns(of_axis: tuple[Integers, Integers]) -> int:
    return len(of_axis[0][0])


def _strides(shape: Shape) -> list[int]:
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
