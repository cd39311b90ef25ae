"""A check: what it looks at, what it needs, and the function that judges."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from conformance.checks.evidence import Evidence
from conformance.records.verdict import Finding
from conformance.spec.bound_case import BoundCase
from conformance.spec.terms import Kind, Tier

Group = str

# The columns of the report, in order.
GROUPS: tuple[Group, ...] = (
    "shape",
    "forward",
    "gradients",
    "differences",
    "state",
    "purity",
    "relations",
    "errors",
)

LAYERS: tuple[Kind, ...] = ("layer", "loss", "container")

# What is taken for granted by checks that run forward and backward.
TRAINABLE = ("shape", "backward")

JudgingFunction = Callable[[Evidence], Iterator[Finding]]
Targets = Callable[[BoundCase, str | None], Iterable[str]]


@dataclass(frozen=True)
class Check:
    """One kind of question put to every case that it applies to.

    `name` is the check's id; ``{tensor}`` in it stands for each of its targets. `targets` gives the
    tensors that a case offers (``""`` for a check of the whole case; nothing: it does not apply).
    `requires` names checks that must have passed, on the same case, for this one to make sense;
    those that do not apply to the case are not waited for.
    `generated` says whether it takes part in generated cases; `kinds` which specs it is for.
    `scripted`: one forward and one backward show a failure, so a script can be written for it.
    `per_gradient`: a finding about one gradient blocks the checks of that gradient alone.
    `own_derivative` names the check that compares the same gradient with the candidate's forward.
    """

    name: str
    group: Group
    tier: Tier
    judge: JudgingFunction
    targets: Targets
    requires: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ("float64",)
    generated: bool = False
    kinds: tuple[Kind, ...] = LAYERS
    scripted: bool = False
    per_gradient: bool = False
    own_derivative: str = ""

    @property
    def documentation(self) -> str:
        """The docstring of the judging function; `conformance show` prints how it starts."""
        return inspect.getdoc(self.judge) or ""

    def id_for(self, tensor: str) -> str:
        """The name of the check on one tensor, such as ``grad_weight``."""
        return self.name.format(tensor=tensor)


CATALOGUE: list[Check] = []


def whole_case(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """Every case."""
    return ("",)


def deterministic_case(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """Every case whose output is not random."""
    return () if bound.is_random(mode) else ("",)


def first_case(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """The first case alone (it is about behaviour, not values), where its output is not random."""
    return deterministic_case(bound, mode) if bound.id == bound.spec.cases[0].id else ()


def first_with_gradients(bound: BoundCase, mode: str | None) -> Iterable[str]:
    """The first case alone, where it owes a gradient and its output is not random."""
    return first_case(bound, mode) if bound.gradients() else ()


def check(
    name: str,
    *,
    group: Group,
    tier: Tier,
    targets: Targets = whole_case,
    requires: tuple[str, ...] = (),
    dtypes: tuple[str, ...] = ("float64",),
    generated: bool = False,
    kinds: tuple[Kind, ...] = LAYERS,
    scripted: bool = False,
    per_gradient: bool = False,
    own_derivative: str = "",
) -> Callable[[JudgingFunction], JudgingFunction]:
    """Put a judging function into the catalogue; the arguments are those of `Check`."""
    if group not in GROUPS:
        raise ValueError(f"check {name}: there is no group {group!r}: {', '.join(GROUPS)}")

    def register(judge: JudgingFunction) -> JudgingFunction:
        CATALOGUE.append(
            Check(
                name,
                group,
                tier,
                judge,
                targets,
                requires,
                dtypes,
                generated,
                kinds,
                scripted,
                per_gradient,
                own_derivative,
            )
        )
        return judge

    return register
