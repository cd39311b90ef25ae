"""What a layer's parameters are before anybody has trained them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np

from conformance.checks.check import check
from conformance.checks.evidence import Evidence, Stopped
from conformance.generation.programs import Programs
from conformance.numerics.tolerance import Floats
from conformance.records.verdict import Finding
from conformance.spec.bound_case import BoundCase, bind

FALSE_ALARM = 1e-9  # per layer, for mean and spread of all its parameters together


def _asked(bound: BoundCase, mode: str | None) -> bool:
    """Once per spec: in the first case and mode."""
    return bound.id == bound.spec.cases[0].id and mode == bound.modes()[0]


def with_stated_bound(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """Layers whose spec states the range of initial values."""
    stated = any(entry.init_bound for entry in bound.spec.parameters.values())
    return [""] if stated and _asked(bound, mode) else []


def _fresh(evidence: Evidence, bound: BoundCase) -> Mapping[str, Floats]:
    """Parameters as the constructor leaves them."""
    shapes = bound.parameters()
    trial = replace(
        evidence.programs.trial(f"fresh/{bound.id}"),
        config=Programs(bound, evidence.mode, evidence.programs.seed).config,
        at_default=bound.at_default(),
        parameters={name: np.zeros(shape) for name, shape in shapes.items()},
        buffers={},
    )
    observation = evidence.observe(trial)
    if observation.trouble is not None:
        raise Stopped(observation.trouble)
    return observation.initial


@check(
    "initial_range",
    group="state",
    tier="strict",
    targets=with_stated_bound,
    requires=("shape",),
)
def initial_range(evidence: Evidence) -> Iterator[Finding]:
    """Initial values are uniform between minus and plus the bound that the spec states.

    Too large, and activations and gradients grow from layer to layer; too small, and they vanish.
    Another scheme may be as good, so a difference has the severity `convention`. Range, mean and
    variance are judged at the sizes of the benchmark; a layer that draws as stated fails with a
    probability below 1e-9 (Hoeffding's inequality).
    """
    spec = evidence.bound.spec
    bound = bind(spec, spec.benchmark.case) if spec.benchmark else evidence.bound
    stated = {
        name: float(bound.value(entry.init_bound))
        for name, entry in spec.parameters.items()
        if entry.init_bound and name in bound.parameters()
    }
    initial = _fresh(evidence, bound)
    for name, limit in stated.items():
        if words := _deviation(initial[name] / limit, FALSE_ALARM / (2 * len(stated))):
            yield Finding(
                name,
                "convention",
                f"{name} does not start uniform between -{limit:.4g} and {limit:.4g}: {words}",
                notes=(f"the spec says: bound {spec.parameters[name].init_bound}",),
            )


def _deviation(values: Floats, false_alarm: float) -> str:
    """How values differ from uniform ones in [-1, 1]; empty if they do not."""
    furthest = float(np.abs(values).max())
    if not furthest <= 1 + 2.0**-20:
        return f"the largest is {furthest:.3g} times that"
    # Hoeffding for values in [-1, 1] and for their squares in [0, 1].
    reach = math.sqrt(math.log(2 / false_alarm) / (2 * values.size))
    if abs(values.mean()) > 2 * reach:
        return f"their mean is {values.mean():.3g} times that"
    if abs(np.square(values).mean() - 1 / 3) > reach:
        ratio = float(np.sqrt(3 * np.square(values).mean()))
        return f"they spread {ratio:.3g} times as far as uniform ones"
    return ""


def with_free_weights(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """Layers with a weight of at least two rows whose initial value the spec does not fix."""
    return [""] if _asked(bound, mode) and _free_weights(bound) else []


def _free_weights(bound: BoundCase) -> list[str]:
    shapes = bound.parameters().items()
    free = [n for n, shape in shapes if len(shape) > 1 and bound.rule(n).init is None]
    return [n for n in free if bound.parameters()[n][0] > 1]


@check(
    "initial_symmetry",
    group="state",
    tier="strict",
    targets=with_free_weights,
    requires=("shape",),
)
def initial_symmetry(evidence: Evidence) -> Iterator[Finding]:
    """No two rows of a weight start equal, and no two weights are copies of each other.

    Equal units compute the same and get the same gradient: they never become different, and the
    layer acts like a single unit. Zeros and ones are the usual cause; resetting the seed for each
    parameter is another.
    """
    initial = _fresh(evidence, evidence.bound)
    weights = {name: initial[name] for name in _free_weights(evidence.bound)}
    for name, value in weights.items():
        rows = value.reshape(len(value), -1)
        if (value == value.flat[0]).all():
            said = f"every element of {name} starts as {value.flat[0]:g}"
        elif len(np.unique(rows, axis=0)) < len(rows):
            said = f"{name} starts with equal rows"
        else:
            continue
        yield evidence.contract(name, f"{said}: training cannot tell its rows apart")
    for (name, value), (other, second) in combinations(weights.items(), 2):
        if value.shape == second.shape and (value == second).all():
            yield evidence.contract(other, f"{other} starts as a copy of {name}")
