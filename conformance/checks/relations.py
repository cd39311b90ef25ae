"""Relations that hold without any oracle: the properties that a spec declares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.checks.check import check
from conformance.checks.evidence import Evidence
from conformance.generation.drawing import permutation
from conformance.numerics.comparison import compare
from conformance.numerics.tolerance import UNIT_ROUNDOFF, largest
from conformance.records.verdict import Finding
from conformance.spec.binding import BoundCase
from conformance.spec.model import Property, Relation

Array = NDArray[Any]

SHIFT = 8.0  # a power of two: adding it to drawn values is exact
TAIL = 4.0  # a power of two: the remainder of drawn values is exact


def declared(bound: BoundCase, mode: str | None, relation: Relation) -> Property | None:
    """The property of this name that applies to the case, if the spec declares one."""
    for entry in bound.spec.properties:
        if (
            entry.relation == relation
            and (entry.modes is None or mode in entry.modes)
            and bound.holds(entry.when)
        ):
            return entry
    return None


def relation_check(
    relation: Relation, *requires: str
) -> Callable[[Callable[[Evidence], Iterator[Finding]]], Callable[[Evidence], Iterator[Finding]]]:
    """A check that applies where the spec declares `relation`."""

    def targets(bound: BoundCase, mode: str | None) -> Iterable[str]:
        empty = 0 in next(iter(bound.inputs().values()))
        return [""] if not empty and declared(bound, mode, relation) else []

    return check(
        relation,
        group="relations",
        tier="full",
        targets=targets,
        requires=("shape", *requires),
    )


def _axis(evidence: Evidence, relation: Relation) -> Any:
    """The axis that the property speaks of; a tuple where a sum goes over several."""
    entry = declared(evidence.bound, evidence.mode, relation)
    assert entry is not None
    assert entry.axis is not None
    return evidence.bound.value(entry.axis)


def _first(evidence: Evidence) -> tuple[str, Array]:
    return next(iter(evidence.programs.inputs().items()))


def _outputs(evidence: Evidence, relation: Relation, *inputs: Array) -> list[Array]:
    """The first output for each value of the first input."""
    name, _ = _first(evidence)
    trial = evidence.programs.varied(relation, name, list(inputs))
    return [next(iter(o.values())) for o in evidence.outputs(trial, len(inputs))]


def _compare(
    evidence: Evidence, got: Array, wanted: Array, note: str, scale: float
) -> Iterator[Finding]:
    """Compare with an allowance for rounding at the size of what was added up."""
    allowed = 64 * UNIT_ROUNDOFF["float64"] * scale
    name = next(iter(evidence.bound.spec.outputs))
    if finding := compare(name, got, wanted, allowed, (note,)):
        yield finding


@relation_check("additive")
def additive(evidence: Evidence) -> Iterator[Finding]:
    """f(a + b) + f(0) = f(a) + f(b): the layer is linear apart from its bias."""
    _, a = _first(evidence)
    b = next(iter(evidence.programs.inputs(1).values()))
    at_a, at_b, at_sum, at_zero = _outputs(evidence, "additive", a, b, a + b, np.zeros_like(a))
    terms = evidence.bound.reduction(next(iter(evidence.bound.spec.outputs)))
    scale = sum(map(largest, (at_a, at_b, at_sum, at_zero)))
    scale += (1 + terms) * max(largest(a), largest(b))
    yield from _compare(
        evidence, at_sum + at_zero, at_a + at_b, "got: f(a + b) + f(0), wanted: f(a) + f(b)", scale
    )


@relation_check("bias_at_zero")
def bias_at_zero(evidence: Evidence) -> Iterator[Finding]:
    """f(0) is the bias, and 0 where there is none."""
    _, x = _first(evidence)
    (got,) = _outputs(evidence, "bias_at_zero", np.zeros_like(x))
    bias = evidence.programs.parameters.get("bias", np.zeros(()))
    axis = _axis(evidence, "bias_at_zero")
    wanted = bias.reshape([-1] + [1] * (-1 - axis)) if bias.ndim else bias
    yield from _compare(
        evidence,
        got,
        np.broadcast_to(wanted, got.shape),
        "wanted: the bias, because the input is zero",
        largest(bias),
    )


@relation_check("constant_shift")
def constant_shift(evidence: Evidence) -> Iterator[Finding]:
    """f(x + c) = f(x) + c: padding with anything but -inf shows here."""
    _, x = _first(evidence)
    plain, low, high = _outputs(evidence, "constant_shift", x, x - 64 * SHIFT, x + SHIFT)
    for got, c in ((low, -64 * SHIFT), (high, SHIFT)):
        yield from _compare(evidence, got, plain + c, f"wanted: f(x) {c:+g}", 0.0)


@relation_check("shift_invariant")
def shift_invariant(evidence: Evidence) -> Iterator[Finding]:
    """f(x + c) = f(x): a constant added to all scores changes nothing."""
    _, x = _first(evidence)
    plain, shifted = _outputs(evidence, "shift_invariant", x, x + SHIFT)
    yield from _compare(
        evidence,
        shifted,
        plain,
        f"wanted: f(x), got: f(x + {SHIFT:g})",
        largest(plain) + largest(x) + SHIFT,
    )


@relation_check("positively_homogeneous")
def positively_homogeneous(evidence: Evidence) -> Iterator[Finding]:
    """f(2x) = 2 f(x), exactly."""
    _, x = _first(evidence)
    plain, doubled = _outputs(evidence, "positively_homogeneous", x, 2 * x)
    yield from _compare(evidence, doubled, 2 * plain, "wanted: 2 f(x), got: f(2x)", 0.0)


@relation_check("logarithmic")
def logarithmic(evidence: Evidence) -> Iterator[Finding]:
    """f(x) + f(x/4) = 2 f(x/2): each halving adds the same; an epsilon inside the log shows."""
    _, x = _first(evidence)
    plain, half, quarter = _outputs(evidence, "logarithmic", x, x / 2, x / 4)
    yield from _compare(
        evidence,
        plain + quarter,
        2 * half,
        "got: f(x) + f(x/4), wanted: 2 f(x/2)",
        largest(plain) + largest(quarter) + 2 * largest(half),
    )


@relation_check("odd")
def odd(evidence: Evidence) -> Iterator[Finding]:
    """f(-x) = -f(x)."""
    _, x = _first(evidence)
    plain, reflected = _outputs(evidence, "odd", x, -x)
    yield from _compare(evidence, reflected, -plain, "wanted: -f(x), got: f(-x)", largest(plain))


@relation_check("reflection_sums_to_one")
def reflection_sums_to_one(evidence: Evidence) -> Iterator[Finding]:
    """f(x) + f(-x) = 1."""
    _, x = _first(evidence)
    plain, reflected = _outputs(evidence, "reflection_sums_to_one", x, -x)
    yield from _compare(evidence, plain + reflected, np.ones_like(x), "got: f(x) + f(-x)", 1.0)


@relation_check("reflection_differs_by_input")
def reflection_differs_by_input(evidence: Evidence) -> Iterator[Finding]:
    """f(x) - f(-x) = x, for x between -4 and 4: further out a layer may cut off its tail."""
    x = np.fmod(_first(evidence)[1], TAIL)
    plain, reflected = _outputs(evidence, "reflection_differs_by_input", x, -x)
    note = "got: f(x) - f(-x), wanted: x"
    yield from _compare(evidence, plain - reflected, x, note, largest(plain) + largest(x))


@relation_check("rows_sum_to_one")
def rows_sum_to_one(evidence: Evidence) -> Iterator[Finding]:
    """The outputs along the axis are probabilities: not negative, with sum one."""
    (got,) = _outputs(evidence, "rows_sum_to_one", _first(evidence)[1])
    sums = got.sum(axis=_axis(evidence, "rows_sum_to_one"))
    yield from _compare(evidence, sums, np.ones_like(sums), "got: sums along the axis", 1.0)
    if (got < 0).any():
        yield Finding(next(iter(evidence.bound.spec.outputs)), "wrong", "a probability is negative")


@relation_check("exp_rows_sum_to_one")
def exp_rows_sum_to_one(evidence: Evidence) -> Iterator[Finding]:
    """The outputs along the axis are logarithms of probabilities: their exponentials sum to one."""
    _, x = _first(evidence)
    (got,) = _outputs(evidence, "exp_rows_sum_to_one", x)
    sums = np.exp(got).sum(axis=_axis(evidence, "exp_rows_sum_to_one"))
    note = "got: sums of exp(output) along the axis"
    # A logarithm is rounded at the size of the scores, and so is its exponential, relatively.
    yield from _compare(evidence, sums, np.ones_like(sums), note, 1 + largest(x))


@relation_check("gradient_sums_to_zero", "backward")
def gradient_sums_to_zero(evidence: Evidence) -> Iterator[Finding]:
    """The input gradient sums to zero along the axis, because a shift along it changes nothing."""
    name, x = _first(evidence)
    gradient = evidence.step(evidence.programs.single(), 1).input_gradients[name]
    sums = gradient.sum(axis=_axis(evidence, "gradient_sums_to_zero"))
    # Probabilities may come from logarithms, which are rounded at the size of the scores.
    scale = (largest(gradient) + largest(evidence.programs.cotangent)) * (1 + largest(x))
    allowed = 64 * UNIT_ROUNDOFF["float64"] * scale
    if finding := compare(
        f"grad_{name}", sums, np.zeros_like(sums), allowed, ("got: sums along the axis",)
    ):
        yield finding


@relation_check("permutation_equivariant")
def permutation_equivariant(evidence: Evidence) -> Iterator[Finding]:
    """Permuting the input along the axis permutes the output."""
    _, x = _first(evidence)
    axis = _axis(evidence, "permutation_equivariant")
    order = permutation(f"{evidence.programs.single().key}/order", x.shape[axis])
    if len(order) > 1 and (order == np.arange(len(order))).all():
        order = order[::-1]  # the identity would prove nothing
    plain, permuted = _outputs(evidence, "permutation_equivariant", x, x.take(order, axis))
    conditioned = _conditioning(evidence)
    yield from _compare(
        evidence,
        permuted,
        plain.take(order, axis),
        f"got: f of the input permuted along axis {axis}",
        conditioned,
    )


def _conditioning(evidence: Evidence) -> float:
    """The size of what was rounded: outputs, and inputs that cancel inside the layer."""
    trial = evidence.programs.single()
    record = evidence.step(trial, 0)
    size = max(largest(output) for output in record.outputs.values())
    _, x = _first(evidence)
    return size + largest(x) * (1 + evidence.bound.reduction("")) + largest(x) * size
