"""Relations of layers that are linear in their input (Linear, Conv2d, ChannelwiseScaling)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.checks.evidence import Evidence
from conformance.checks.relations.declared import (
    compare_outputs,
    first_input,
    output_of,
    outputs_of,
    relation_check,
)
from conformance.numerics.tolerance import UNIT_ROUNDOFF, largest
from conformance.records.trial import Forward, Restore
from conformance.records.verdict import Finding

Array = NDArray[Any]


def _rounding(evidence: Evidence, x: Array) -> float:
    """The size of what is added up in one output."""
    terms = 1 + evidence.bound.reduction(next(iter(evidence.bound.spec.outputs)))
    parameters = evidence.programs.parameters.values()
    return terms * (1 + largest(x)) * (1 + max(map(largest, parameters), default=0.0))


def _reconfigured(
    evidence: Evidence, program: str, x: Array, config: dict[str, Any], **parameters: Array
) -> Array:
    """The output of the layer built with other arguments and parameters."""
    trial = evidence.programs.trial(program, Forward({first_input(evidence)[0]: x}))
    trial = replace(
        trial,
        config={**trial.config, **config},
        parameters={**trial.parameters, **parameters},
        at_default=(),
    )
    return next(iter(evidence.step(trial, 0).outputs.values()))


def _sum(terms: NDArray[Any]) -> float:
    """The sum, rounded once; what is not finite is added up as NumPy does."""
    return math.fsum(terms.ravel()) if np.isfinite(terms).all() else float(terms.sum())


@relation_check("adjoint", "backward")
def adjoint(evidence: Evidence) -> Iterator[Finding]:
    """<f(x) - f(0), v> = <x, backward(v)>: backward is the transpose of forward.

    For a layer that is linear in its input this pins the input gradient without an oracle and
    without finite differences.
    """
    name, x = first_input(evidence)
    programs = evidence.programs
    at_x, at_zero = outputs_of(evidence, "adjoint", x, np.zeros_like(x))
    gradient = evidence.step(programs.single(), 1).input_gradients[name]
    forward, backward = (at_x - at_zero) * programs.cotangent, x * gradient
    got, wanted = _sum(backward), _sum(forward)
    scale = _rounding(evidence, x) * float(np.abs(programs.cotangent).sum())
    allowed = 64 * UNIT_ROUNDOFF["float64"] * scale
    if not abs(got - wanted) <= allowed:
        yield Finding(
            f"grad_{name}",
            "wrong",
            f"<{name}, backward(v)> is {got:.6g}, but <f({name}) - f(0), v> is {wanted:.6g}",
            got=got,
            wanted=wanted,
            worst=abs(got - wanted),
            allowed=allowed,
        )


@relation_check("bias_at_zero_weight")
def bias_at_zero_weight(evidence: Evidence) -> Iterator[Finding]:
    """With a weight of zero every input gives the same output: that of a zero input, the bias."""
    name, x = first_input(evidence)
    weight = np.zeros_like(evidence.programs.parameters["weight"])
    steps = (Restore({"weight": weight}), Forward({name: x}), Forward({name: np.zeros_like(x)}))
    trial = evidence.programs.trial("bias_at_zero_weight", *steps)
    at_x, at_zero = (next(iter(o.values())) for o in evidence.outputs(trial, 2))
    note = "wanted: f(0), because the weight is zero"
    yield from compare_outputs(evidence, at_x, at_zero, note, largest(at_zero))


@relation_check("translation_equivariant")
def translation_equivariant(evidence: Evidence) -> Iterator[Finding]:
    """Without its first `stride` columns (rows) the input gives the output without its first one.

    A window that starts in the wrong place, or depends on where it is, shows here.
    """
    name, x = first_input(evidence)
    stride = evidence.bound.bindings["stride"]
    for axis, step in ((-2, stride[0]), (-1, stride[1])):
        whole = output_of(evidence)
        if whole.shape[axis] < 2:
            continue
        cut = x.take(range(step, x.shape[axis]), axis)
        trial = evidence.programs.trial(f"translated/{axis}", Forward({name: cut}))
        got = next(iter(evidence.step(trial, 0).outputs.values()))
        wanted = whole.take(range(1, whole.shape[axis]), axis)
        note = f"wanted: f of the whole input without index 0 of axis {axis}"
        yield from compare_outputs(evidence, got, wanted, note, _rounding(evidence, x))


@relation_check("delta_gives_kernel")
def delta_gives_kernel(evidence: Evidence) -> Iterator[Finding]:
    """An input of zeros with a single one gives the kernel back, turned by 180 degrees.

    Layers correlate: a convolution as mathematicians define it gives it as it stands.
    """
    _, x = first_input(evidence)
    weight = evidence.programs.parameters["weight"]
    _, _, rows, columns = weight.shape
    delta = np.zeros((*x.shape[:-2], 2 * rows - 1, 2 * columns - 1))
    delta[..., 0, rows - 1, columns - 1] = 1.0
    trial = evidence.programs.trial(
        "delta",
        Forward({"input": delta}),
        Forward({"input": np.zeros_like(delta)}),
    )
    at_delta, at_zero = (next(iter(o.values())) for o in evidence.outputs(trial, 2))
    got = at_delta - at_zero
    wanted = np.broadcast_to(weight[:, 0, ::-1, ::-1], got.shape)
    note = "got: f of a single one in channel 0, less f(0); wanted: the turned kernel"
    yield from compare_outputs(evidence, got, wanted, note, largest(weight) + largest(at_zero))


@relation_check("pointwise_is_matmul")
def pointwise_is_matmul(evidence: Evidence) -> Iterator[Finding]:
    """A 1×1 kernel multiplies the channels of each pixel by a matrix, and no more."""
    _, x = first_input(evidence)
    weight = evidence.programs.parameters["weight"][:, :, 0, 0]
    at_x, at_zero = outputs_of(evidence, "pointwise_is_matmul", x, np.zeros_like(x))
    wanted = np.moveaxis(np.tensordot(weight, x, axes=(1, -3)), 0, -3)
    note = "got: f(x) - f(0), wanted: weight @ x at each pixel"
    yield from compare_outputs(evidence, at_x - at_zero, wanted, note, _rounding(evidence, x))


@relation_check("groups_concatenate")
def groups_concatenate(evidence: Evidence) -> Iterator[Finding]:
    """A grouped layer is its groups side by side: each sees its own share of the channels."""
    _, x = first_input(evidence)
    groups, parameters = int(evidence.bound.bindings["groups"]), evidence.programs.parameters
    whole = output_of(evidence)
    for number, share in enumerate(np.split(x, groups, axis=-3)):
        part = {n: np.split(array, groups)[number] for n, array in parameters.items()}
        config = {
            "groups": 1,
            "in_channels": share.shape[-3],
            "out_channels": len(part["weight"]),
        }
        got = np.split(whole, groups, axis=-3)[number]
        wanted = _reconfigured(evidence, f"group/{number}", share, config, **part)
        note = f"wanted: what a layer with the kernels of group {number} alone gives"
        yield from compare_outputs(evidence, got, wanted, note, _rounding(evidence, x))


@relation_check("dilation_spreads_kernel")
def dilation_spreads_kernel(evidence: Evidence) -> Iterator[Finding]:
    """A dilated kernel is the kernel with zeros put between its cells."""
    _, x = first_input(evidence)
    weight, (dh, dw) = evidence.programs.parameters["weight"], evidence.bound.bindings["dilation"]
    *channels, rows, columns = weight.shape
    spread = np.zeros((*channels, dh * (rows - 1) + 1, dw * (columns - 1) + 1))
    spread[..., ::dh, ::dw] = weight
    got = output_of(evidence)
    config = {"dilation": 1, "kernel_size": spread.shape[-2:]}
    wanted = _reconfigured(evidence, "spread", x, config, weight=spread)
    note = "wanted: what the kernel with zeros between its cells gives"
    yield from compare_outputs(evidence, got, wanted, note, _rounding(evidence, x))
