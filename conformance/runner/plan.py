"""Which checks apply to which cases. Needs specs only: no candidate, no oracle, no arrays drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.checks import CATALOGUE, ERROR_CONTRACT
from conformance.checks.check import Check
from conformance.records.verdict import Status, Verdict
from conformance.runner.settings import EXAMPLES, Settings
from conformance.spec.bound_case import BoundCase, bound_case
from conformance.spec.model import GENERATED, Spec
from conformance.spec.terms import TIERS, Tier


@dataclass(frozen=True)
class Planned:
    """One check on one case: what a single test item runs."""

    spec: Spec
    check: Check
    tensor: str
    case: str
    mode: str | None
    dtype: str
    tier: Tier

    @property
    def name(self) -> str:
        """The check's name, such as ``grad_weight``."""
        return self.check.id_for(self.tensor)

    @property
    def item(self) -> str:
        """The last part of the id, such as ``grad_weight[stride-2-float32]``."""
        dtype = None if self.dtype == "float64" else self.dtype
        return f"{self.name}[{'-'.join(filter(None, (self.case, self.mode, dtype)))}]"

    @property
    def id(self) -> str:
        """The id everywhere: ``specs/conv/conv2d.toml::grad_weight[stride-2]``."""
        return f"{self.spec.path}::{self.item}"

    @property
    def bound(self) -> BoundCase:
        """The case; for generated ones and for errors the first, which has the usual sizes."""
        spec = self.spec
        first = self.generated or self.check is ERROR_CONTRACT
        return bound_case(spec, spec.cases[0].id if first else self.case)

    @property
    def generated(self) -> bool:
        """Whether it runs on generated cases."""
        return self.case == GENERATED

    def verdict(self, status: Status, **details: Any) -> Verdict:
        """A verdict on this check; `details` are the fields that it does not know."""
        return Verdict(
            id=self.id,
            layer=self.spec.name,
            case=self.case,
            check=self.name,
            group=self.check.group,
            tier=self.tier,
            status=status,
            mode=self.mode,
            dtype=self.dtype,
            spec_line=self.line,
            **details,
        )

    @property
    def line(self) -> int:
        """The line of the spec that says what the check asks for."""
        tensor, spec = self.tensor, self.spec
        if self.check is ERROR_CONTRACT:
            index = next(i for i, c in enumerate(spec.errors) if c.id == tensor)
            return spec.line("errors", index)
        for table in ("parameters", "buffers", "inputs"):
            if tensor and tensor in getattr(spec, table):
                return spec.line(table, tensor)
        for i, entry in enumerate(spec.properties):
            if self.check.name == entry.relation:
                return spec.line("property", i)
        return spec.line("outputs") if spec.outputs else spec.line(spec.kind)


@dataclass(frozen=True)
class Absent:
    """A spec that nothing in the implementation serves: all its checks in one item."""

    spec: Spec
    checks: int
    item = "implemented"

    @property
    def id(self) -> str:
        """The id everywhere: ``specs/conv/conv2d.toml::implemented``."""
        return f"{self.spec.path}::{self.item}"

    @property
    def line(self) -> int:
        """The line of the spec's header."""
        return self.spec.line(self.spec.kind)

    def verdict(self, status: Status = "skipped", *, reason: str = "not implemented") -> Verdict:
        """The verdict that stands for all the checks."""
        return Verdict(
            id=self.id,
            layer=self.spec.name,
            case="",
            check=self.item,
            group="shape",
            tier="core",
            status=status,
            reason=reason,
            spec_line=self.line,
            checks=self.checks,
        )


def absent(spec: Spec, settings: Settings) -> Absent:
    """The one item of a spec that nothing serves; its checks are counted, not made."""
    return Absent(spec, len(plan(spec, settings)))


def plan(spec: Spec, settings: Settings) -> list[Planned]:
    """Every check of a spec, in a fixed order."""
    limit = TIERS.index(settings.tier)
    return [
        planned
        for planned in _everything(spec)
        if TIERS.index(planned.tier) <= limit
        and not (planned.generated and EXAMPLES[settings.profile] == 0)
    ]


def _everything(spec: Spec) -> Iterator[Planned]:
    checks = [check for check in CATALOGUE if spec.kind in check.kinds]
    for case in spec.cases:
        bound = bound_case(spec, case.id)
        for mode in bound.modes():
            yield from _case(bound, mode, checks)
    typical = bound_case(spec, spec.cases[0].id)
    for mode in typical.modes():
        yield from _generated(typical, mode, checks)
    for contract in spec.errors:
        mode = typical.modes()[0]
        yield Planned(spec, ERROR_CONTRACT, contract.id, contract.id, mode, "float64", "strict")


# What is asked of a case with infinities, NaN and the like.
_OF_EXTREMES = ("shape", "forward", "gradients")


def _case(bound: BoundCase, mode: str | None, checks: Sequence[Check]) -> Iterator[Planned]:
    for check in checks:
        if bound.extreme and check.group not in _OF_EXTREMES:
            continue
        tier = max(check.tier, bound.case.tier, key=TIERS.index)
        for tensor in check.targets(bound, mode):
            for dtype in check.dtypes:
                yield Planned(bound.spec, check, tensor, bound.id, mode, dtype, tier)


def _generated(bound: BoundCase, mode: str | None, checks: Sequence[Check]) -> Iterator[Planned]:
    """One item per check, for the tensors of the typical case, in float64.

    What a container holds is not drawn.
    """
    if bound.parts:
        return
    for check in checks:
        if check.generated:
            for tensor in check.targets(bound, mode):
                yield Planned(bound.spec, check, tensor, GENERATED, mode, "float64", check.tier)
