"""A gradient against finite differences: random directions first, then every coordinate.

`Forwards` runs f on many values of the tensor; everything else happens here. What is cheap comes
first, and where the gradient agrees with that, nothing more is evaluated: one run per group of
coordinates where f is affine, two where it is nearly so, six otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from conformance.numerics.finite_differences import (
    OFFSETS,
    STEP,
    Changes,
    Derivative,
    Nearby,
    central_difference,
    extrapolated,
    forward_difference,
    nearby,
    sides,
)
from conformance.numerics.influence import axes_to_slice, grouped, single, slices
from conformance.numerics.tolerance import largest

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

# What is cheap: where to evaluate, and what follows from it.
_FORWARD = (STEP,), forward_difference
_CENTRAL = (STEP / 4, -STEP / 4), central_difference

# Steps of the curve that shows an error against the step.
_CURVE = tuple(2.0**-exponent for exponent in range(6, 25))

# Numbers that are handed over, or come back, at once.
_CHUNK = 2**17

# Tensors so small that each coordinate is perturbed at once.
_FEW = 32

# Coordinates that are perturbed alone before they are called wrong: if one of them is right after
# all, what was certified does not hold, and none of it is believed.
_CONFIRMED = 32


class Forwards(Protocol):
    """By how much f changes from a point to other values, which lie along the first axis.

    Outputs are subtracted before they are summed up, so that sums add no noise to small changes. An
    output that does not depend on what differs between point and value changes by exactly 0.
    """

    def __call__(self, values: Floats) -> Floats:
        """The changes, in the order of the values."""


class Perturbations(Protocol):
    """Ways to move a tensor, each of which shows the derivative by one or more targets."""

    @property
    def of(self) -> Integers:
        """The perturbation that shows each target."""

    def directions(self, numbers: Integers) -> NDArray[Any]:
        """Where these perturbations move the tensor."""

    def owners(self, numbers: Integers) -> Integers:
        """The target that each output shows; in a single column where all show the same."""


@dataclass(frozen=True)
class Directions:
    """Moves of the whole tensor; the derivative along each is a target of its own."""

    steps: Floats

    @property
    def of(self) -> Integers:
        """Each shows itself."""
        return np.arange(len(self.steps))

    def directions(self, numbers: Integers) -> NDArray[Any]:
        """The moves themselves."""
        return self.steps[numbers]

    def owners(self, numbers: Integers) -> Integers:
        """All outputs show the derivative along the direction."""
        return numbers[:, None]


@dataclass
class Estimates:
    """Derivatives by target; NaN where none was tested, infinite where f is not finite nearby.

    At a kink `value` is the nearest of the slopes around it.
    """

    value: Floats
    tolerance: Floats
    kinked: NDArray[np.bool_]
    affine: bool = False

    @classmethod
    def none(cls, size: int) -> Estimates:
        """Nothing tested yet."""
        return cls(np.full(size, np.nan), np.zeros(size), np.zeros(size, dtype=bool))

    @property
    def tested(self) -> NDArray[np.bool_]:
        """Where there is an estimate."""
        return ~np.isnan(self.value)

    def wrong(self, claimed: Floats) -> NDArray[np.bool_]:
        """Where what is claimed is not the derivative."""
        return self.tested & ~(np.abs(claimed - self.value) <= self.tolerance)

    def put(self, targets: Integers, found: Derivative) -> None:
        """Enter estimates."""
        finite = np.isfinite(found.value) & np.isfinite(found.tolerance)
        self.value[targets] = np.where(finite, found.value, np.inf)
        self.tolerance[targets] = np.where(finite, found.tolerance, 0.0)

    def replace(self, targets: Integers, others: Estimates) -> None:
        """Take over estimates."""
        for own, other in (
            (self.value, others.value),
            (self.tolerance, others.tolerance),
            (self.kinked, others.kinked),
        ):
            own[targets] = other[targets]


class Sweep:
    """Finite differences of phi = <cotangent, f> at a point, against a gradient claimed for it.

    `magnitude` is F (see `derivative`). `steps` are random directions; `jitter` moves each element
    of a slice by another amount, between 1/2 and 1; `axes` are those that may be worth slicing;
    `sample(n)` says which of n groups of coordinates are evaluated.

    Afterwards `along` holds estimates for the directions, `coordinates` for all elements in C
    order.
    """

    def __init__(
        self,
        forwards: Forwards,
        point: Floats,
        gradient: Floats,
        cotangent: Floats,
        magnitude: float,
        *,
        steps: Floats,
        jitter: Floats,
        axes: Sequence[int],
        sample: Callable[[int], Integers],
    ) -> None:
        self.forwards = forwards
        self.point = point
        self.gradient = gradient.ravel()
        self.cotangent = cotangent.ravel()
        self.magnitude = magnitude
        self.claimed_along = (steps * gradient).reshape(len(steps), -1).sum(axis=1)

        groups, sliced = single(point.shape), list[int]()
        moves: list[NDArray[Any]] = [steps]
        if point.size <= _FEW:
            moves.append(groups.directions(np.arange(point.size)))
        else:
            sliced = axes_to_slice(point.shape, axes, cotangent.size)
            moves += [slices(jitter, axis) for axis in sliced]
        changes = self._changes(self.point + STEP * np.concatenate(moves))
        ends = np.cumsum([len(move) for move in moves])
        along, *others = np.split(changes, ends[:-1])

        directions = Directions(steps)
        self.along = self._estimate(
            directions, directions.of, self.claimed_along, True, {STEP: along @ self.cotangent}
        )
        known = {STEP: others[0] @ self.cotangent} if point.size <= _FEW else {}
        if sliced:
            seen = {axis: part != 0 for axis, part in zip(sliced, others, strict=True)}
            groups = grouped(point.shape, seen)
        self.company, self.groups = groups, math.prod(groups.counts)
        chosen = np.zeros(self.groups, dtype=bool)
        chosen[sample(self.groups)] = True
        self.coordinates = self._estimate(
            groups, np.flatnonzero(chosen[groups.of]), self.gradient, self.along.affine, known
        )
        if sliced:
            self._confirm(sample)

    @property
    def finite(self) -> bool:
        """Whether f was finite wherever it was evaluated; where it is not, it has no derivative."""
        return not (np.isinf(self.coordinates.value).any() or np.isinf(self.along.value).any())

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """The coordinates where the gradient is wrong."""
        return self.coordinates.wrong(self.gradient)

    @property
    def wrong_along(self) -> NDArray[np.bool_]:
        """The directions along which it is wrong; one over a kink has several derivatives."""
        return self.along.wrong(self.claimed_along) & ~self.along.kinked

    def curve(self, flat: int) -> tuple[Sequence[float], Sequence[float]]:
        """How far the central difference at one coordinate is from the gradient, by step."""
        unit = np.zeros(self.point.shape)
        unit.flat[flat] = 1.0
        moved = [self.point + sign * step * unit for step in _CURVE for sign in (1, -1)]
        changes = self._changes(np.stack(moved)) @ self.cotangent
        slopes = (changes[::2] - changes[1::2]) / (2 * np.array(_CURVE))
        return _CURVE, np.abs(slopes - self.gradient[flat]).tolist()

    def near(self, targets: Integers, factor: float, magnitude: float, alone: bool) -> Nearby:
        """Derivatives by some coordinates, and one-sided ones, from steps `factor` times as long.

        `magnitude` is that of f there. The coordinates are perturbed `alone` or in their groups.
        """
        groups = single(self.point.shape) if alone else self.company
        longer = self._at(groups, targets, [factor * offset for offset in OFFSETS], {})
        changes = {offset: longer[factor * offset] / factor for offset in OFFSETS}
        return nearby(changes, magnitude / factor)

    def _changes(self, values: Floats) -> Floats:
        return self.forwards(values).reshape(len(values), -1)

    def _estimate(
        self,
        perturbations: Perturbations,
        targets: Integers,
        claimed: Floats,
        affine: bool,
        known: Mapping[float, Floats] = MappingProxyType({}),
    ) -> Estimates:
        """Derivatives by the targets, each as closely as it takes to agree with what is claimed.

        `known` are changes by offset that need not be evaluated again.
        """
        found, known = Estimates.none(len(claimed)), dict(known)
        for offsets, rule in (_FORWARD, _CENTRAL) if affine else (_CENTRAL,):
            found.put(
                targets, rule(self._at(perturbations, targets, offsets, known), self.magnitude)
            )
            targets = targets[found.wrong(claimed)[targets]]
            if not targets.size:
                found.affine = rule is forward_difference
                return found
        changes = self._at(perturbations, targets, OFFSETS, known)
        found.put(targets, extrapolated(changes, self.magnitude))
        steepest = max(largest(claimed), largest(found.value[targets]))
        around = sides(changes, self.magnitude, steepest)
        found.kinked[targets] = around.kinked
        nearest = np.clip(claimed[targets], around.low, around.high)
        found.value[targets] = np.where(around.kinked, nearest, found.value[targets])
        return found

    def _at(
        self,
        perturbations: Perturbations,
        targets: Integers,
        offsets: Sequence[float],
        known: dict[float, Floats],
    ) -> Changes:
        """Changes of phi for the targets, at these offsets and at those known before."""
        missing = [offset for offset in offsets if offset not in known]
        if missing:
            numbers = np.flatnonzero(np.bincount(perturbations.of.ravel()[targets]))
            sums = np.zeros((len(missing), perturbations.of.size))
            each = len(missing) * max(self.point.size, self.cotangent.size)
            at_once = max(1, _CHUNK // each)
            for start in range(0, len(numbers), at_once):
                some = numbers[start : start + at_once]
                moves = perturbations.directions(some)
                values = np.concatenate([self.point + offset * moves for offset in missing])
                changes = np.split(self._changes(values), len(missing))
                owners = perturbations.owners(some)
                sums += [self._collected(owners, part, sums.shape[1]) for part in changes]
            known.update(zip(missing, sums, strict=True))
        return {offset: total[targets] for offset, total in known.items()}

    def _collected(self, owners: Integers, changes: Floats, size: int) -> Floats:
        """The changes of phi by target: the terms of the outputs that show it."""
        sums = np.zeros(size + 1)
        if owners.shape[1] == 1:
            sums[owners[:, 0]] = changes @ self.cotangent
        else:
            terms = np.multiply(changes, self.cotangent, out=changes)
            sums += np.bincount(owners.ravel(), terms.ravel(), size + 1)
        return sums[:size]

    def _confirm(self, sample: Callable[[int], Integers]) -> None:
        """Perturb alone what was found wrong in company."""
        alone = single(self.point.shape)
        wrong = np.flatnonzero(self.wrong)
        if not wrong.size:
            return
        first = wrong[:_CONFIRMED]
        again = self._estimate(alone, first, self.gradient, affine=False)
        if not again.wrong(self.gradient)[first].all():
            first = wrong[sample(len(wrong))]
            again = self._estimate(alone, first, self.gradient, affine=False)
            self.coordinates.value[wrong] = np.nan
        self.coordinates.replace(first, again)
