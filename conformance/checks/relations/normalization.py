"""Relations of layers that normalise by statistics of their own input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.checks.evidence import Evidence
from conformance.checks.relations.declared import (
    SHIFT,
    axis_of,
    compare_outputs,
    conditioning,
    first_input,
    output_of,
    relation_check,
)
from conformance.numerics.tolerance import largest
from conformance.records.trial import Forward
from conformance.records.verdict import Finding

Array = NDArray[Any]


@relation_check("scale_and_shift_invariant")
def scale_and_shift_invariant(evidence: Evidence) -> Iterator[Finding]:
    """f(2x + c) with 4 eps is f(x) with eps: this pins where eps stands.

    Outside the root, or added to the standard deviation, eps would have to be doubled instead.
    """
    name, x = first_input(evidence)
    plain = output_of(evidence)
    trial = evidence.programs.trial("scaled", Forward({name: 2 * x + SHIFT}))
    config = {**trial.config, "eps": 4 * float(evidence.bound.bindings["eps"])}
    trial = replace(trial, config=config, at_default=())
    (scaled,) = evidence.step(trial, 0).outputs.values()
    note = f"got: f(2x + {SHIFT:g}) with 4 eps, wanted: f(x) with eps"
    scale = SHIFT * conditioning(evidence)
    yield from compare_outputs(evidence, scaled, plain, note, scale)


@relation_check("normalized")
def normalized(evidence: Evidence) -> Iterator[Finding]:
    """The output has mean 0 and variance v / (v + eps) over the axes, v being the input's."""
    _, x = first_input(evidence)
    axes = axis_of(evidence, "normalized")
    y = output_of(evidence)
    eps = float(evidence.bound.bindings["eps"])
    variance = x.var(axis=axes)
    scale = (1 + largest(x)) ** 2 * (1 + largest(y)) * x.size
    mean = y.mean(axis=axes)
    note = f"got: means over axes {axes}"
    yield from compare_outputs(evidence, mean, np.zeros_like(mean), note, scale)
    note = f"got: variances over axes {axes}, wanted: v / (v + eps)"
    wanted = variance / (variance + eps)
    yield from compare_outputs(evidence, y.var(axis=axes), wanted, note, scale)
