"""What every oracle offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from conformance.errors import ConformanceError
from conformance.numerics.tolerance import Expected
from conformance.records.trial import Trial
from conformance.spec.bound_case import BoundCase


class OracleError(ConformanceError):
    """An oracle that should know but cannot tell: the spec or a recording is wrong."""


class NotThere(OracleError):
    """The implementation that was asked has no such layer: another oracle may know."""


@dataclass(frozen=True, eq=False)
class Expectation:
    """The expected tensors of each step of a trial (outputs, ``grad_<name>``, buffers)."""

    steps: tuple[Mapping[str, Expected], ...]
    oracle: str


class Oracle(Protocol):
    """Gives expectations for trials."""

    label: str

    def expect(self, bound: BoundCase, trial: Trial) -> Expectation | None:
        """What a trial should show; None if this oracle does not know the layer or the case.

        Raises `OracleError` if it should know but cannot tell.
        """
