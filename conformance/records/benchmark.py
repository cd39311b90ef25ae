"""What a benchmark measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from conformance.records.numbers import Number

Direction = Literal["forward", "backward"]
DIRECTIONS: tuple[Direction, ...] = ("forward", "backward")


@dataclass(frozen=True)
class Timing:
    """One direction of one layer of one implementation.

    `fastest`, `median` and `spread` (interquartile range) are seconds per call, of `rounds` calls;
    ratios are those of the fastest, which other work on the machine disturbs least. `gflops` and
    `gbytes` are billions per second, of the work that the spec states. `peak` is the
    largest memory that NumPy and Python held during a call, in MiB; None for PyTorch, whose memory
    they do not see. `growth` has the fitted exponent of each size that was doubled, `superlinear`
    those that grow faster than the spec says.
    """

    layer: str
    direction: Direction
    implementation: str
    sizes: str
    fastest: Number
    median: Number
    spread: Number
    rounds: int
    gflops: Number | None = None
    gbytes: Number | None = None
    peak: Number | None = None
    growth: Mapping[str, Number] = field(default_factory=dict)
    superlinear: tuple[str, ...] = ()


@dataclass(frozen=True)
class Untimed:
    """A layer that was not timed, and why: it is not right, or not there."""

    layer: str
    implementation: str
    reason: str
