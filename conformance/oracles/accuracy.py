"""Expectations from running an implementation: values, and the error that rounding explains.

The models of docs/numerics.md, each by running the same oracle on changed operands:

- ``exact``: no arithmetic, no error;
- ``contraction``: the same trial on absolute values gives the sum of the magnitudes;
- ``composite``: eight trials with every operand perturbed in its last float32 bit give the
  condition of each element.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from conformance.generation.drawing import integers
from conformance.numerics.tolerance import (
    UNIT_ROUNDOFF,
    Expected,
    Floats,
    composite_bound,
    contraction_bound,
    largest,
)
from conformance.oracles.oracle import NotThere, OracleError
from conformance.records.observation import Observation
from conformance.records.trial import Backward, Trial
from conformance.spec.bound_case import BoundCase

PROBES = 8

Run = Callable[[Trial], Observation]
Tensors = list[dict[str, Floats]]


def expected_steps(run: Run, bound: BoundCase, trial: Trial) -> tuple[dict[str, Expected], ...]:
    """Run the trial in float64 and float32, and bound the error of every tensor it shows."""
    values = _tensors(run, replace(trial, dtype="float64"))
    single = _tensors(run, replace(trial, dtype="float32"))
    bounds = _bounds(run, bound, trial, values)
    exact = bound.spec.accuracy.model == "exact"
    return tuple(
        {
            name: Expected(value, _finite(bounds[i][name]), _error(single[i][name], value), exact)
            for name, value in step.items()
        }
        for i, step in enumerate(values)
    )


def _finite(bound: Floats) -> Floats:
    """No error where an operand is infinite or NaN: the result is, too, and has no digits."""
    return np.where(np.isfinite(bound), bound, 0.0)


def _tensors(run: Run, trial: Trial) -> Tensors:
    observation = run(trial)
    if (trouble := observation.trouble) is not None:
        kind = NotThere if trouble.kind == "missing" else OracleError
        raise kind(f"{trial.layer} {trial.key}: {trouble}")
    return [
        {name: array.astype(np.float64) for name, array in record.tensors()}
        for record in observation.steps
    ]


def _bounds(run: Run, bound: BoundCase, trial: Trial, values: Tensors) -> Tensors:
    model = bound.spec.accuracy.model
    if model == "exact":
        return [{name: np.zeros(v.shape) for name, v in step.items()} for step in values]
    if model == "contraction":
        magnitudes = _tensors(run, trial.with_arrays(np.abs))
        return [
            {
                name: contraction_bound(np.abs(magnitude), _terms(bound, name))
                for name, magnitude in step.items()
            }
            for step in magnitudes
        ]
    u = UNIT_ROUNDOFF["float32"]
    probes = [_tensors(run, _perturbed(trial, u, number)) for number in range(PROBES)]
    return [
        {
            name: composite_bound(
                value,
                [probe[i][name] for probe in probes],
                u,
                _terms(bound, name),
                _cancelling(bound, trial, i, name),
            )
            for name, value in step.items()
        }
        for i, step in enumerate(values)
    ]


def _terms(bound: BoundCase, tensor: str) -> int:
    return bound.reduction(tensor.removeprefix("grad_"))


def _cancelling(bound: BoundCase, trial: Trial, number: int, tensor: str) -> float:
    """The size of the terms of a gradient, where the spec states it."""
    step = trial.steps[number]
    if not isinstance(step, Backward):
        return 0.0
    return bound.gain(tensor.removeprefix("grad_")) * largest(step.cotangent)


def _perturbed(trial: Trial, relative: float, number: int) -> Trial:
    """Every floating-point operand times 1 + relative * delta, delta uniform in [-1, 1]."""
    count = 0

    def change(array: Floats) -> Floats:
        nonlocal count
        count += 1
        drawn = integers(f"probe/{trial.layer}/{trial.key}/{number}/{count}", array.size)
        delta = drawn.reshape(array.shape) / 32767.5 - 1
        return array * (1 + relative * delta)

    return trial.with_arrays(change)


def _error(single: Floats, value: Floats) -> float:
    if single.shape != value.shape:
        return 0.0
    with np.errstate(invalid="ignore"):
        return largest(single - value)
