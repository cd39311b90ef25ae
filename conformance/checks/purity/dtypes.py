"""The dtypes that go in: all digits kept, integers not truncated, float16 where it is accepted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.checks.check import check
from conformance.checks.evidence import Evidence, Stopped
from conformance.numerics.comparison import compare
from conformance.numerics.precision import NARROWER, representable
from conformance.numerics.tolerance import UNIT_ROUNDOFF, largest
from conformance.records.observation import Trouble
from conformance.records.trial import Backward, Forward
from conformance.records.verdict import Finding
from conformance.spec.bound_case import BoundCase
from conformance.spec.model import ROWS

# Odd multiples of this share of a drawn value need more digits than the narrower dtype has.
EXTRA = {"float64": 2.0**-30, "float32": 2.0**-12}


def first_case(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """The first case, where the output is not random."""
    first = bound.id == bound.spec.cases[0].id
    return [""] if first and not bound.is_random(mode) else []


@check(
    "precision",
    group="purity",
    tier="strict",
    targets=first_case,
    requires=("shape", "backward"),
    dtypes=("float64", "float32"),
)
def precision(evidence: Evidence) -> Iterator[Finding]:
    """Results have the digits of their dtype: no float32 inside a float64 layer.

    Values are drawn so that float32 holds them exactly; a layer that only copies or selects could
    pass everything else after `astype(np.float32).astype(np.float64)`. Here the input and the
    cotangent need more digits than float32 has (in float32: than float16 has), and results that
    are float32 numbers all the same have lost them.
    """
    programs, more = evidence.programs, 1 + EXTRA[evidence.dtype]
    inputs = {
        name: value if name in programs.single().labels else np.asarray(value * more)
        for name, value in programs.inputs().items()
    }
    steps = Forward(inputs), Backward(np.asarray(programs.cotangent * more))
    trial, narrower = programs.trial("precision", *steps), NARROWER[evidence.dtype]
    for number in range(2 if evidence.bound.gradients() else 1):
        for name, got in evidence.step(trial, number).tensors():
            if name not in evidence.bound.buffers() and representable(got, evidence.dtype):
                yield Finding(
                    name,
                    "inaccurate",
                    f"every element of {name} is a {narrower} number, though {evidence.dtype} "
                    f"went in: it is computed in {narrower} inside",
                )


def with_number_input(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """The first case, where integers lie in the domain of the first input."""
    tensor = bound.input(next(iter(bound.spec.inputs)))
    return first_case(bound, mode) if tensor.values not in ROWS else []


@check(
    "integer_input",
    group="purity",
    tier="strict",
    targets=with_number_input,
    requires=("shape",),
)
def integer_input(evidence: Evidence) -> Iterator[Finding]:
    """An input of integers is refused, or gives what the same numbers give as floats.

    `np.zeros_like(x)` and `x.copy()` take the dtype of the input: what is then written into them is
    cut to integers, silently. float32 accuracy is enough.
    """
    programs = evidence.programs
    name, drawn = next(iter(programs.inputs().items()))
    integers = np.asarray(np.round(4 * drawn).astype(np.int64))
    trial = programs.trial("integers", Forward({**programs.inputs(), name: integers}))
    trouble = evidence.observe(trial).trouble
    if trouble is not None and trouble.kind == "raised" and trouble.stage == "forward":
        return
    outputs = evidence.step(trial, 0).outputs
    as_floats = {**programs.inputs(), name: integers.astype(np.float64)}
    wanted = evidence.step(programs.trial("whole-numbers", Forward(as_floats)), 0).outputs
    for output, got in outputs.items():
        allowed = 64 * UNIT_ROUNDOFF["float32"] * largest(wanted[output])
        note = f"wanted: as for the same numbers in float64; {name} has dtype int64"
        if got.dtype.kind in "iub":
            note += f", and so has {output}: its fractions are cut off"
        if finding := compare(output, got, wanted[output], allowed, (note,)):
            yield finding


@check(
    "float16",
    group="purity",
    tier="strict",
    targets=first_case,
    requires=("shape", "backward", "precision"),
)
def float16(evidence: Evidence) -> Iterator[Finding]:
    """float16 is refused, or it stays float16 and results are as good as float16 can make them.

    The candidate's own float64 results, on the same numbers, are the measure; the bounds are those
    of the spec's model with u = 2^-11, so sums may be taken in float16. A layer that refuses
    float16 is skipped.
    """
    programs = evidence.programs
    program = programs.trial("float16", Forward(programs.inputs()), Backward(programs.cotangent))
    trial = program.with_arrays(_rounded)
    narrow = replace(evidence, dtype="float16")
    trouble = narrow.observe(trial).trouble
    if trouble is not None and trouble.kind == "raised":
        reason = f"float16 is optional, and {trouble.stage} refused it: {trouble}"
        raise Stopped(Trouble("missing", trouble.stage, reason))
    expected = evidence.own(trial)
    for number in range(2 if evidence.bound.gradients() else 1):
        for name, got in narrow.step(trial, number).tensors():
            if name in evidence.bound.buffers():
                continue
            if got.dtype != np.float16:
                yield evidence.contract(name, f"{name} has dtype {got.dtype} for float16 input")
                continue
            # Layers that are exact in float64 may round in float16, where sums need more digits.
            wanted = replace(expected[programs.start + number][name], exact=False)
            note = "wanted: your own result in float64"
            if finding := compare(name, got, wanted.value, wanted.allowed("float16"), (note,)):
                yield finding


def _rounded(array: NDArray[Any]) -> NDArray[Any]:
    """The nearest numbers that float16 holds."""
    return array.astype(np.float16).astype(np.float64)
