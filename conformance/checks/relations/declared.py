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
from conformance.records.text import element
from conformance.records.verdict import Finding
from conformance.spec.bound_case import BoundCase
from conformance.spec.model import Property, Relation
from conformance.spec.terms import Tier

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
    relation: Relation, *requires: str, tier: Tier = "full"
) -> Callable[[Callable[[Evidence], Iterator[Finding]]], Callable[[Evidence], Iterator[Finding]]]:
    """A check that applies where the spec declares `relation`."""

    def targets(bound: BoundCase, mode: str | None) -> Iterable[str]:
        """Cases that are not empty, where the spec declares it as a property."""
        empty = 0 in next(iter(bound.inputs().values()))
        return [""] if not empty and declared(bound, mode, relation) else []

    return check(
        relation,
        group="relations",
        tier=tier,
        targets=targets,
        requires=("shape", *requires),
    )


def axis_of(evidence: Evidence, relation: Relation) -> Any:
    """The axis that the property speaks of; a tuple where a sum goes over several."""
    entry = declared(evidence.bound, evidence.mode, relation)
    assert entry is not None
    assert entry.axis is not None
    return evidence.bound.value(entry.axis)


def first_input(evidence: Evidence) -> tuple[str, Array]:
    """The name and the values of the first input."""
    return next(iter(evidence.programs.inputs().items()))


def output_of(evidence: Evidence) -> Array:
    """The first output for the inputs of the case."""
    record = evidence.step(evidence.programs.single(), 0)
    return next(iter(record.outputs.values()))


def outputs_of(evidence: Evidence, relation: Relation, *inputs: Array) -> list[Array]:
    """The first output for each value of the first input."""
    name, _ = first_input(evidence)
    trial = evidence.programs.varied(relation, name, list(inputs))
    return [
        np.asarray(next(iter(o.values())), np.float64)  # differences of unsigned ones wrap
        for o in evidence.outputs(trial, len(inputs))
    ]


def compare_outputs(
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
    _, a = first_input(evidence)
    b = next(iter(evidence.programs.inputs(1).values()))
    at_a, at_b, at_sum, at_zero = outputs_of(evidence, "additive", a, b, a + b, np.zeros_like(a))
    terms = evidence.bound.reduction(next(iter(evidence.bound.spec.outputs)))
    scale = sum(map(largest, (at_a, at_b, at_sum, at_zero)))
    scale += (1 + terms) * max(largest(a), largest(b))
    yield from compare_outputs(
        evidence, at_sum + at_zero, at_a + at_b, "got: f(a + b) + f(0), wanted: f(a) + f(b)", scale
    )


@relation_check("bias_at_zero")
def bias_at_zero(evidence: Evidence) -> Iterator[Finding]:
    """f(0) is the bias, and 0 where there is none."""
    _, x = first_input(evidence)
    (got,) = outputs_of(evidence, "bias_at_zero", np.zeros_like(x))
    bias = evidence.programs.parameters.get("bias", np.zeros(()))
    axis = axis_of(evidence, "bias_at_zero")
    wanted = bias.reshape([-1] + [1] * (-1 - axis)) if bias.ndim else bias
    yield from compare_outputs(
        evidence,
        got,
        np.broadcast_to(wanted, got.shape),
        "wanted: the bias, because the input is zero",
        largest(bias),
    )


@relation_check("constant_shift")
def constant_shift(evidence: Evidence) -> Iterator[Finding]:
    """f(x + c) = f(x) + c: padding with anything but -inf shows here."""
    _, x = first_input(evidence)
    plain, low, high = outputs_of(evidence, "constant_shift", x, x - 64 * SHIFT, x + SHIFT)
    for got, c in ((low, -64 * SHIFT), (high, SHIFT)):
        yield from compare_outputs(evidence, got, plain + c, f"wanted: f(x) {c:+g}", 0.0)


@relation_check("shift_invariant")
def shift_invariant(evidence: Evidence) -> Iterator[Finding]:
    """f(x + c) = f(x): a constant added to all scores changes nothing."""
    _, x = first_input(evidence)
    plain, shifted = outputs_of(evidence, "shift_invariant", x, x + SHIFT)
    yield from compare_outputs(
        evidence,
        shifted,
        plain,
        f"wanted: f(x), got: f(x + {SHIFT:g})",
        largest(plain) + largest(x) + SHIFT,
    )


@relation_check("positively_homogeneous")
def positively_homogeneous(evidence: Evidence) -> Iterator[Finding]:
    """f(2x) = 2 f(x), exactly."""
    _, x = first_input(evidence)
    plain, doubled = outputs_of(evidence, "positively_homogeneous", x, 2 * x)
    yield from compare_outputs(evidence, doubled, 2 * plain, "wanted: 2 f(x), got: f(2x)", 0.0)


@relation_check("logarithmic")
def logarithmic(evidence: Evidence) -> Iterator[Finding]:
    """f(x) + f(x/4) = 2 f(x/2): each halving adds the same; an epsilon inside the log shows."""
    _, x = first_input(evidence)
    plain, half, quarter = outputs_of(evidence, "logarithmic", x, x / 2, x / 4)
    yield from compare_outputs(
        evidence,
        plain + quarter,
        2 * half,
        "got: f(x) + f(x/4), wanted: 2 f(x/2)",
        largest(plain) + largest(quarter) + 2 * largest(half),
    )


@relation_check("odd")
def odd(evidence: Evidence) -> Iterator[Finding]:
    """f(-x) = -f(x)."""
    _, x = first_input(evidence)
    plain, reflected = outputs_of(evidence, "odd", x, -x)
    yield from compare_outputs(
        evidence, reflected, -plain, "wanted: -f(x), got: f(-x)", largest(plain)
    )


@relation_check("signed_zero", tier="strict")
def signed_zero(evidence: Evidence) -> Iterator[Finding]:
    """f(-0.0) is -0.0, and f(0.0) is 0.0: 1 / f must not change its sign.

    Adding 0.0 to -0.0 gives 0.0, and so do `abs` and many masks. The sign is what is left of a
    small negative number, and division by zero and `arctan2` look at it.
    """
    _, x = first_input(evidence)
    zeros = np.copysign(0.0, x)
    (got,) = outputs_of(evidence, "signed_zero", zeros)
    wanted = np.copysign(0.0, x).reshape(got.shape)
    name = next(iter(evidence.bound.spec.outputs))
    if got.any():
        yield Finding(name, "wrong", f"{name} of zeros has elements that are not zero")
    elif (lost := np.signbit(got) != np.signbit(wanted)).any():
        index = tuple(int(i) for i in np.argwhere(lost)[0])
        yield Finding(
            name,
            "wrong",
            f"{element(name, index)} = {float(got[index])}, but should be {float(wanted[index])}",
            index=index,
            differing=int(lost.sum()),
            size=int(lost.size),
            notes=("wanted: the sign of the zero that went in",),
        )


@relation_check("reflection_sums_to_one")
def reflection_sums_to_one(evidence: Evidence) -> Iterator[Finding]:
    """f(x) + f(-x) = 1."""
    _, x = first_input(evidence)
    plain, reflected = outputs_of(evidence, "reflection_sums_to_one", x, -x)
    yield from compare_outputs(
        evidence, plain + reflected, np.ones_like(x), "got: f(x) + f(-x)", 1.0
    )


@relation_check("reflection_differs_by_input")
def reflection_differs_by_input(evidence: Evidence) -> Iterator[Finding]:
    """f(x) - f(-x) = x, for x between -4 and 4: further out a layer may cut off its tail."""
    x = np.fmod(first_input(evidence)[1], TAIL)
    plain, reflected = outputs_of(evidence, "reflection_differs_by_input", x, -x)
    note = "got: f(x) - f(-x), wanted: x"
    yield from compare_outputs(evidence, plain - reflected, x, note, largest(plain) + largest(x))


@relation_check("rows_sum_to_one")
def rows_sum_to_one(evidence: Evidence) -> Iterator[Finding]:
    """The outputs along the axis are probabilities: not negative, with sum one."""
    (got,) = outputs_of(evidence, "rows_sum_to_one", first_input(evidence)[1])
    sums = got.sum(axis=axis_of(evidence, "rows_sum_to_one"))
    yield from compare_outputs(evidence, sums, np.ones_like(sums), "got: sums along the axis", 1.0)
    if (got < 0).any():
        yield Finding(next(iter(evidence.bound.spec.outputs)), "wrong", "a probability is negative")


@relation_check("exp_rows_sum_to_one")
def exp_rows_sum_to_one(evidence: Evidence) -> Iterator[Finding]:
    """The outputs along the axis are logarithms of probabilities: their exponentials sum to one."""
    _, x = first_input(evidence)
    (got,) = outputs_of(evidence, "exp_rows_sum_to_one", x)
    sums = np.exp(got).sum(axis=axis_of(evidence, "exp_rows_sum_to_one"))
    note = "got: sums of exp(output) along the axis"
    # A logarithm is rounded at the size of the scores, and so is its exponential, relatively.
    yield from compare_outputs(evidence, sums, np.ones_like(sums), note, 1 + largest(x))


@relation_check("gradient_sums_to_zero", "backward")
def gradient_sums_to_zero(evidence: Evidence) -> Iterator[Finding]:
    """The input gradient sums to zero along the axis, because a shift along it changes nothing."""
    name, x = first_input(evidence)
    gradient = evidence.step(evidence.programs.single(), 1).input_gradients[name]
    sums = gradient.sum(axis=axis_of(evidence, "gradient_sums_to_zero"))
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
    _, x = first_input(evidence)
    axis = axis_of(evidence, "permutation_equivariant")
    order = permutation(f"{evidence.programs.single().key}/order", x.shape[axis])
    if len(order) > 1 and (order == np.arange(len(order))).all():
        order = order[::-1]  # the identity would prove nothing
    plain, permuted = outputs_of(evidence, "permutation_equivariant", x, x.take(order, axis))
    conditioned = conditioning(evidence)
    yield from compare_outputs(
        evidence,
        permuted,
        plain.take(order, axis),
        f"got: f of the input permuted along axis {axis}",
        conditioned,
    )


def conditioning(evidence: Evidence) -> float:
    """The size of what was rounded: outputs, and inputs that cancel inside the layer."""
    trial = evidence.programs.single()
    record = evidence.step(trial, 0)
    size = max(largest(output) for output in record.outputs.values())
    _, x = first_input(evidence)
    return size + largest(x) * (1 + evidence.bound.reduction("")) + largest(x) * size


@relation_check("commutes_with_increasing")
def commutes_with_increasing(evidence: Evidence) -> Iterator[Finding]:
    """f(g(x)) = g(f(x)) for an increasing g, exactly: a maximum selects and computes nothing.

    g moves zero, so that padding with zeros shows.
    """
    _, x = first_input(evidence)
    plain, increased = outputs_of(evidence, "commutes_with_increasing", x, _increasing(x))
    note = "got: f(g(x)), wanted: g(f(x)), with g(x) = x|x| - 512"
    yield from compare_outputs(evidence, increased, _increasing(plain), note, 0.0)


def _increasing(x: Array) -> Array:
    return np.asarray(x * np.abs(x) - 512)
