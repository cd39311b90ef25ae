"""Derivatives of phi = <cotangent, outputs> by every tensor, in steps that suit the function.

The engine is that of the suite (`numerics.sweep`). It moves coordinates by steps of one size from
0; here a step is as long as coordinate and rounding want it. Coordinates whose estimate is poor
are looked at again in shorter and longer steps. The cotangent of a scalar loss is 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conformance.generation.drawing import choose, integers
from conformance.gradients.result import Array
from conformance.gradients.subjects import Subject
from conformance.numerics.batching import BATCH, apart, batches, independent
from conformance.numerics.finite_differences import STEP
from conformance.numerics.sweep import Floats, Sweep
from conformance.numerics.tolerance import UNIT_ROUNDOFF, largest

Integers = NDArray[np.intp]

# Shorter steps help near a kink or a pole, longer ones against rounding. All are powers of two.
_FACTORS = (2.0**-12, 2.0**-6, 1.0, 2.0**4, 2.0**9)


@dataclass(frozen=True)
class Slopes:
    """Estimates for the coordinates of a tensor, flat in C order; all float64.

    `value` is NaN where a coordinate was not looked at, and infinite where it has no derivative.
    `low` and `high` are the slopes on both sides where the estimate was in doubt, else `value`.
    """

    value: Array
    tolerance: Array
    low: Array
    high: Array


class Surface:
    """phi around the point where gradients were computed."""

    def __init__(
        self, subject: Subject, gradients: Mapping[str, Array], advance: Callable[[], None]
    ) -> None:
        self.subject, self.gradients, self.advance = subject, gradients, advance
        arrays = [*subject.first, *subject.tensors.values(), *gradients.values()]
        floating = [array.dtype for array in arrays if array.dtype.kind == "f"]
        coarsest = max(floating, key=lambda dtype: float(np.finfo(dtype).eps))
        self.dtype, self.unit = coarsest.name, float(np.finfo(coarsest).eps) / 2
        center = np.concatenate([output.ravel() for output in subject.first]).astype(float)
        if not np.isfinite(center).all():
            raise ValueError(f"the output of {subject.name} is not finite")
        # What is rounded on the way to phi, as far as it is seen from outside: its terms, and each
        # coordinate times its derivative.
        products = [subject.tensors[name] * gradient for name, gradient in gradients.items()]
        seen = sum(map(_norm, [subject.cotangent * center, *products]))
        along = next(iter(subject.tensors))
        again = subject.outputs(along, subject.tensors[along][None])[0]
        with np.errstate(invalid="ignore"):
            moved = abs(float(((again - center) * subject.cotangent).sum()))
        if not moved <= math.sqrt(self.unit) * seen:
            raise ValueError(
                f"{subject.name} returns different values for the same x: "
                "seed its random generator in every call"
            )
        # Steps balance truncation (h² for central differences) against rounding (u F / h). What
        # is left is some (u F)^(2/3); where it is more than that, other steps may do better.
        steepest = max(map(largest, gradients.values()), default=0.0)
        ratio = min(max(seen / steepest, 1.0), 1e6) if steepest > 0 else 1.0
        self.step = 2.0 ** round(math.log2(self.unit * ratio) / 3 + 2)
        usual = 48 * (UNIT_ROUNDOFF["float64"] * ratio) ** (2 / 3)
        self.satisfied = max(math.sqrt(self.unit), usual)
        self.seen, self.noises = seen, dict[float, float]()
        self.line = Line(self, along)

    def slopes(self, name: str, at_most: int | None) -> Slopes:
        """The derivatives by a tensor's coordinates, or by a sample of them."""
        subject = self.subject
        line = self.line if name == self.line.name else Line(self, name)
        shape, size = line.base.shape, line.base.size
        key = f"gradients/{subject.seed}/{name}"
        sampled = at_most is not None and at_most < size
        drawn = (integers(f"{key}/moves", size).reshape(shape) - 2.0**15) / 2**15
        jitter = np.where(drawn < 0, drawn - 1, drawn + 1) / 2
        # Axes of an input may have anything to do with those of an output; one of a parameter
        # hardly has, unless it is as long. A sample, or a loss, has no groups.
        lengths = {length for output in subject.first for length in output.shape}
        grouped = not sampled and subject.cotangent.size > 1
        gradient = self.gradients.get(name, np.full(shape, np.nan)).astype(float)
        sweep = Sweep(
            line,
            np.zeros(shape),
            gradient * line.scale,
            subject.cotangent,
            self.magnitude(1.0),
            # They only tell whether phi is affine: every coordinate is looked at anyway. At a kink
            # the slopes along a direction and its opposite cannot be those of one gradient.
            steps=np.stack([jitter, -jitter]),
            jitter=jitter,
            axes=[
                axis
                for axis, length in enumerate(shape)
                if grouped and (name in subject.names or length in lengths)
            ],
            sample=lambda count: choose(key, count, min(at_most or count, count)),
        )
        found, scale = sweep.coordinates, line.scale.ravel()
        value, tolerance = found.value.copy(), found.tolerance.copy()
        low, high = value.copy(), value.copy()
        steepest = np.maximum(largest(gradient), np.abs(value / scale))
        poor = ~(tolerance / scale <= self.satisfied * steepest)
        doubtful = found.kinked | np.isinf(value) | (poor & sweep.wrong)
        for alone, targets in ((True, doubtful), (False, found.tested & poor & ~doubtful)):
            if targets.any():
                numbers = np.flatnonzero(targets)
                better = self._refined(sweep, numbers, alone)
                for own, other in zip((value, tolerance, low, high), better, strict=True):
                    own[numbers] = other
        value[~np.isfinite(line.base.ravel())] = np.inf
        with np.errstate(invalid="ignore"):
            return Slopes(value / scale, tolerance / scale, low / scale, high / scale)

    def _refined(self, sweep: Sweep, targets: Integers, alone: bool) -> Array:
        """Value, tolerance and sides: the tightest of the estimates by steps of several sizes."""
        best = np.zeros((4, len(targets)))
        best[:2] = np.array([[np.inf], [np.inf]])
        going, intervals = np.arange(len(targets)), list[tuple[Array, Array]]()
        for factor in _FACTORS:
            found = sweep.near(targets[going], factor, self.magnitude(factor), alone)
            estimate = np.stack([found.value, found.tolerance, found.low, found.high])
            finite = np.isfinite(estimate).all(axis=0)
            # A long step may leap over all that happens, and find everything smooth beyond it.
            agreeing = np.ones(len(going), dtype=bool)
            for values, tolerances in intervals:
                gap = np.abs(found.value - values[going])
                agreeing &= ~(gap > found.tolerance + tolerances[going])
            agreeing |= ~finite
            tighter = finite & agreeing & (found.tolerance < best[1, going])
            best[:, going[tighter]] = estimate[:, tighter]
            interval = np.full((2, len(targets)), np.nan)
            interval[:, going[finite]] = estimate[:2, finite]
            intervals.append((interval[0], interval[1]))
            going = going[agreeing]
        best[1:, np.isinf(best[0])] = 0.0
        return best

    def magnitude(self, factor: float) -> float:
        """F (see `numerics.finite_differences.derivative`), in units of float64's rounding."""
        return (self.seen * self.unit + self._noise(factor)) / UNIT_ROUNDOFF["float64"]

    def _noise(self, factor: float) -> float:
        """The standard deviation of the rounding errors of phi, a step away from the point.

        They show what is rounded inside: long sums, large terms that cancel. At the point itself
        they may vanish, as those of a squared error do with the error. Anything smooth vanishes
        from fourth differences along a short line, so that only noise is left, with the factor
        8! / 4!² (Moré & Wild 2011, doi:10.1137/100786125).
        """
        if factor not in self.noises:
            point, step = self.line.base, self.step * factor
            drawn = integers("gradients/noise", point.size).reshape(point.shape)
            signs = np.where(drawn < 2**15, -1.0, 1.0)
            start = point + step * signs * np.maximum(1.0, np.abs(point))
            short = self.unit ** (2 / 3) * signs * start
            along = np.arange(16.0).reshape(-1, *[1] * point.ndim)
            phi = self.line.changes(start + along * short) @ self.subject.cotangent
            variance = float(np.square(np.diff(phi, 4)).mean()) / 70
            self.noises[factor] = math.sqrt(variance) if math.isfinite(variance) else 0.0
        return self.noises[factor]


class Line:
    """How the outputs change with one tensor, in units in which its coordinates move by `STEP`.

    `scale` translates: the step of a coordinate grows with it. It starts from `base`: the point
    on a grid so fine that nothing changes, and so coarse that steps are exact.
    """

    def __init__(self, surface: Surface, name: str) -> None:
        self.surface, self.subject, self.name = surface, surface.subject, name
        point = self.subject.tensors[name].astype(float)
        finite = np.where(np.isfinite(point), np.abs(point), 0.0)
        step = surface.step * _power_of_two(np.maximum(1.0, finite))
        grid = 2 * surface.unit * _power_of_two(np.maximum(finite, step))
        self.base: Array = np.round(point / grid) * grid
        self.scale: Array = step / STEP
        self.center: Array = self.subject.outputs(name, self._typed(self.base[None]))[0]
        self.uncertain = self.subject.has_rows(name)
        self.batch_center: Array | None = None

    def __call__(self, values: Floats) -> Floats:
        """By how much the outputs differ from those at the base."""
        return self.changes(self.base + self.scale * values)

    def changes(self, values: Array) -> Array:
        """The same for values of the tensor."""
        self.surface.advance()
        values = self._typed(values)
        if self.uncertain and len(values) >= BATCH:
            self.uncertain = False
            self._certify()
        if self.batch_center is None:
            return self.subject.outputs(self.name, values) - self.center
        outputs = [self.subject.together(self.name, x) for x in batches(values, self.base)]
        parts = [output for output in outputs if output is not None]
        if len(parts) < len(outputs):  # one raised: each on its own, to see which
            return self.subject.outputs(self.name, values) - self.center
        return apart(parts, self.batch_center, len(values))

    def _certify(self) -> None:
        """Find out whether values may share a forward."""
        size = self.base.size
        drawn = integers(f"gradients/{self.name}/other", size).reshape(self.base.shape) / 2**16
        other = np.where(self.base == 0, (drawn - 0.5) / 8, self.base * (1 + drawn) / 2)
        pair = self._typed(np.stack([self.base, other]))
        (same,), (mixed,) = batches(pair[:1], pair[0]), batches(pair, pair[0])
        center, replaced = (self.subject.together(self.name, batch) for batch in (same, mixed))
        alone = self.subject.outputs(self.name, pair)
        if center is None or replaced is None:
            return
        if independent(alone, center, replaced, self.surface.unit):
            self.batch_center = center

    def _typed(self, values: Array) -> Array:
        return values.astype(self.subject.tensors[self.name].dtype, copy=False)


def _norm(array: Array) -> float:
    """The Euclidean norm of what is finite: rounding errors are independent of each other."""
    return float(np.linalg.norm(array[np.isfinite(array)].astype(np.float64)))


def _power_of_two(values: Array) -> Array:
    """The least powers of two that are not less."""
    mantissas, exponents = np.frexp(values)
    return np.asarray(np.ldexp(1.0, exponents - (mantissas == 0.5)))
