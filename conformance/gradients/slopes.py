"""Derivatives of phi = <cotangent, output> by finite differences, in steps that suit the function.

The cotangent of a scalar loss is 1, so that phi is the loss.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from conformance.candidates.dialect import ContractError
from conformance.generation.drawing import draw
from conformance.gradients.result import Array, Index
from conformance.gradients.subjects import Differentiable, Raised
from conformance.numerics.finite_differences import OFFSETS, STEP, derivative
from conformance.numerics.tolerance import UNIT_ROUNDOFF, largest

# The usual step balances truncation (h² for central differences) against rounding (u / h) where
# derivatives are of moderate size. Shorter ones help near a kink or a pole, longer ones against
# rounding. All are powers of two.
_USUAL = 1.0
_FACTORS = (2.0**-12, 2.0**-6, _USUAL, 2.0**4, 2.0**9)


@dataclass(frozen=True)
class Slope:
    """An estimated derivative, how far off it may be, and the one-sided slopes around it."""

    value: float
    tolerance: float
    low: float
    high: float

    @property
    def kink(self) -> bool:
        """Whether the slopes on both sides differ."""
        return self.high - self.low > self.tolerance

    def agrees(self, other: Slope) -> bool:
        """Whether two estimates can be of the same derivative."""
        return abs(self.value - other.value) <= self.tolerance + other.tolerance


class Probe:
    """Derivatives around the point where gradients were computed."""

    def __init__(self, subject: Differentiable, gradients: dict[str, Array]) -> None:
        self.subject = subject
        self.input = next(iter(subject.tensors))
        point = subject.tensors[self.input]
        self.center = subject.output(self.input, point).copy()
        if not np.isfinite(self.center).all():
            raise ValueError(f"the output of {subject.name} is not finite")
        arrays = [self.center, *subject.tensors.values(), *gradients.values()]
        floating = [array.dtype for array in arrays if array.dtype.kind == "f"]
        coarsest = max(floating, key=lambda dtype: float(np.finfo(dtype).eps))
        self.dtype = coarsest.name
        self.unit = float(np.finfo(coarsest).eps) / 2
        self.step = 2.0 ** round(0.3 * math.log2(self.unit))
        self.largest = {name: largest(gradient) for name, gradient in gradients.items()}
        # What is rounded on the way to phi, as far as it is seen from outside: its terms, and each
        # coordinate times its derivative.
        products = [subject.tensors[name] * gradient for name, gradient in gradients.items()]
        self.seen = sum(map(_norm, [subject.cotangent * self.center, *products]))
        self.noise: dict[float, float] = {}
        if not abs(self._change(self.input, point)) <= math.sqrt(self.unit) * self.seen:
            raise ValueError(
                f"{subject.name} returns different values for the same x: "
                "seed its random generator in every call"
            )

    def slope(self, name: str, index: Index) -> Slope | None:
        """The derivative by one coordinate; None where phi is not finite on both sides."""
        if not math.isfinite(self.subject.tensors[name][index]):
            return None
        usual = self._estimate(name, index, _USUAL)
        if usual is not None and not usual.kink:
            size = max(self.largest.get(name, 0.0), abs(usual.value))
            if usual.tolerance <= math.sqrt(self.unit) * size:
                return usual
        agreeing: list[Slope] = []
        for factor in _FACTORS:
            slope = usual if factor == _USUAL else self._estimate(name, index, factor)
            if slope is None:
                continue
            # A long step may leap over all that happens, and find everything smooth beyond it.
            if not all(slope.agrees(shorter) for shorter in agreeing):
                break
            agreeing.append(slope)
        return min(agreeing, key=lambda slope: slope.tolerance, default=None)

    def _estimate(self, name: str, index: Index, factor: float) -> Slope | None:
        """The slope by steps of one size."""
        tensor = self.subject.tensors[name].copy()
        x = float(tensor[index])
        step = self.step * factor * _power_of_two(max(1.0, abs(x)))
        # x ± step must be exact, so x moves to a grid: by less than rounding moves x ± step.
        grid = 2 * self.unit * _power_of_two(max(abs(x), step))
        scale = step / STEP
        values = []
        for offset in OFFSETS:
            tensor[index] = round(x / grid) * grid + scale * offset
            values.append(self._change(name, tensor))
        if not np.isfinite(values).all():
            return None
        magnitude = self.seen + self._noise(factor) / self.unit
        found = derivative(np.array(values), magnitude * self.unit / UNIT_ROUNDOFF["float64"])
        # One-sided differences at step and step / 2, extrapolated to 0.
        right, left, near_right, near_left = values
        sides = (left - 4 * near_left) / step, (4 * near_right - right) / step
        return Slope(found.value / scale, found.tolerance / scale, min(sides), max(sides))

    def _change(self, name: str, value: Array) -> float:
        """By how much phi changes with one tensor replaced; NaN where there is no finite output.

        Outputs are subtracted before they are summed, so the sum adds no noise to a small change.
        """
        try:
            output = self.subject.output(name, value)
        except (ContractError, Raised):
            return math.nan
        return float((self.subject.cotangent * np.subtract(output, self.center, dtype=float)).sum())

    def _noise(self, factor: float) -> float:
        """The standard deviation of the rounding errors of phi, a step away from the point.

        They show what is rounded inside: long sums, large terms that cancel. At the point itself
        they may vanish, as those of a squared error do with the error. Anything smooth vanishes
        from fourth differences along a short line, so that only noise is left, with the factor
        8! / 4!² (Moré & Wild 2011, doi:10.1137/100786125).
        """
        if factor not in self.noise:
            point = self.subject.tensors[self.input]
            signs = np.sign(draw("nonzero", point.shape, "gradients/noise"))
            start = point + self.step * factor * signs * np.maximum(1.0, np.abs(point))
            short = self.unit ** (2 / 3) * signs * start
            line = [self._change(self.input, start + i * short) for i in range(16)]
            variance = float(np.square(np.diff(line, 4)).mean()) / 70
            self.noise[factor] = math.sqrt(variance) if math.isfinite(variance) else 0.0
        return self.noise[factor]


def _norm(array: Array) -> float:
    """The Euclidean norm of what is finite: rounding errors are independent of each other."""
    return float(np.linalg.norm(array[np.isfinite(array)].astype(np.float64)))


def _power_of_two(value: float) -> float:
    """The least power of two that is not less."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(1.0, exponent - (mantissa == 0.5))
