"""Benchmark results as a table for the terminal."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping

from rich import box
from rich.console import Console
from rich.table import Table

from conformance.records.benchmark import Direction, Timing, Untimed

CANDIDATE = "candidate"

Key = tuple[str, Direction, str]


def ratio(timing: Timing, others: Mapping[Key, Timing], name: str) -> str:
    """How many times as long as another implementation; a dash where that was not timed."""
    other = others.get((timing.layer, timing.direction, name))
    return "–" if other is None else f"{timing.fastest / other.fastest:.2f}"


HEADINGS = ("layer", "direction", "ms", "× reference", "× torch", "rate", "MiB")


def rows(timings: Iterable[Timing]) -> list[tuple[str, ...]]:
    """The candidate's times in words, under `HEADINGS`."""
    by_key = _by_key(timings)
    return [
        (
            timing.layer,
            timing.direction,
            f"{1e3 * timing.fastest:.3g}",
            ratio(timing, by_key, "reference"),
            ratio(timing, by_key, "torch"),
            _rate(timing),
            "–" if timing.peak is None else f"{timing.peak:.3g}",
        )
        for timing in by_key.values()
        if timing.implementation == CANDIDATE
    ]


def remarks(timings: Iterable[Timing], untimed: Iterable[Untimed]) -> list[str]:
    """What was not timed and why, and what grows faster than its spec says."""
    return [f"{entry.layer} ({entry.implementation}): {entry.reason}" for entry in untimed] + [
        f"{timing.layer} {timing.direction} grows with {size} to the power "
        f"{timing.growth[size]:g}: more than its spec says"
        for timing in timings
        for size in timing.superlinear
    ]


def render_timings(
    timings: Iterable[Timing], untimed: Iterable[Untimed], width: int = 80, colour: bool = False
) -> str:
    """The candidate's times, as ratios to the reference's and PyTorch's, and what was not timed."""
    timings = list(timings)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    for heading in HEADINGS:
        told = heading in ("layer", "direction")
        table.add_column(heading, no_wrap=True, justify="left" if told else "right")
    for row in rows(timings):
        table.add_row(*row)
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=colour, highlight=False, emoji=False, markup=False
    )
    console.print(table)
    for line in remarks(timings, untimed):
        console.print(line, soft_wrap=True)
    return out.getvalue()


def _by_key(timings: Iterable[Timing]) -> dict[Key, Timing]:
    return {(t.layer, t.direction, t.implementation): t for t in timings}


def _rate(timing: Timing) -> str:
    """``11.4 GFLOP/s``, or ``3.1 GB/s`` where a layer moves more than it computes."""
    if timing.gflops is not None:
        return f"{timing.gflops:.3g} GFLOP/s"
    return "–" if timing.gbytes is None else f"{timing.gbytes:.3g} GB/s"
