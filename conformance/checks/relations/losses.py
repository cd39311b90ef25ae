"""Relations between a loss's reductions, and between the forms of its targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.checks.evidence import Evidence
from conformance.checks.relations.declared import compare_outputs, relation_check
from conformance.numerics.tolerance import largest
from conformance.records.trial import Forward
from conformance.records.verdict import Finding

Array = NDArray[Any]


def _reduced(evidence: Evidence, reduction: str) -> Array:
    """The loss of the case with another reduction."""
    trial = evidence.programs.trial(f"reduced/{reduction}", Forward(evidence.programs.inputs()))
    at_default = tuple(name for name in trial.at_default if name != "reduction")
    config = {**trial.config, "reduction": reduction}
    trial = replace(trial, config=config, at_default=at_default)
    return next(iter(evidence.step(trial, 0).outputs.values()))


@relation_check("reductions_agree")
def reductions_agree(evidence: Evidence) -> Iterator[Finding]:
    """The sum of the single losses is what reduction='sum' gives.

    How ignored targets, class weights and label smoothing enter must not depend on the reduction.
    """
    each, total = _reduced(evidence, "none"), _reduced(evidence, "sum")
    scale = each.size * largest(each) + largest(total)
    note = "got: reduction='sum', wanted: the sum of reduction='none'"
    yield from compare_outputs(evidence, total, np.asarray(each.sum()), note, scale)


@relation_check("mean_is_sum_over_count")
def mean_is_sum_over_count(evidence: Evidence) -> Iterator[Finding]:
    """reduction='mean' is reduction='sum' divided by the number of losses."""
    each, total, mean = (_reduced(evidence, r) for r in ("none", "sum", "mean"))
    scale = largest(each) + largest(mean)
    note = "got: reduction='mean', wanted: reduction='sum' divided by the number of losses"
    yield from compare_outputs(evidence, mean, np.asarray(total / each.size), note, scale)
