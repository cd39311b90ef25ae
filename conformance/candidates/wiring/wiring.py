"""What detection or a binding decided of one candidate: how to build it, where its arrays are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from conformance.candidates.dialect import Dialect, Factory
from conformance.candidates.wiring.arguments import Construction
from conformance.candidates.wiring.places import Layout


@dataclass(frozen=True)
class Placed:
    """Where a parameter or buffer is, how its axes lie, and where its gradient may be."""

    path: str
    layout: Layout
    grads: tuple[str, ...] = ()
    how: str = "name"


@dataclass(frozen=True)
class Wiring:
    """How to drive a candidate. `missing` says of a tensor or method why it was not found."""

    construction: Construction
    tensors: Mapping[str, Placed] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    lazy: bool = False
    channels_last: bool = False
    one_hot: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """What serves a spec: the candidate, the dialect that drives it, and why it was taken.

    `wiring` is None where the dialect needs none (native, torch-module). `others` are candidates
    that could serve the spec, too; `notes` what the reader of a report must know.
    """

    name: str
    factory: Factory
    dialect: Dialect
    wiring: Wiring | None = None
    others: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> Mapping[str, str]:
        """What was looked for in vain."""
        return {} if self.wiring is None else self.wiring.missing
