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


def render_timings(
    timings: Iterable[Timing], untimed: Iterable[Untimed], width: int = 80, colour: bool = False
) -> str:
    """The candidate's times, as ratios to the reference's and PyTorch's, and what was not timed."""
    by_key = {(t.layer, t.direction, t.implementation): t for t in timings}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    for heading in ("layer", "direction"):
        table.add_column(heading, no_wrap=True)
    for heading in ("ms", "× reference", "× torch", "rate", "MiB"):
        table.add_column(heading, justify="right", no_wrap=True)
    for timing in by_key.values():
        if timing.implementation == CANDIDATE:
            table.add_row(
                timing.layer,
                timing.direction,
                f"{1e3 * timing.fastest:.3g}",
                ratio(timing, by_key, "reference"),
                ratio(timing, by_key, "torch"),
                _rate(timing),
                "–" if timing.peak is None else f"{timing.peak:.3g}",
            )
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=colour, highlight=False, emoji=False, markup=False
    )
    console.print(table)
    for entry in untimed:
        console.print(f"{entry.layer} ({entry.implementation}): {entry.reason}", soft_wrap=True)
    for timing in by_key.values():
        for size in timing.superlinear:
            console.print(
                f"{timing.layer} {timing.direction} grows with {size} to the power "
                f"{timing.growth[size]:g}: more than its spec says",
                soft_wrap=True,
            )
    return out.getvalue()


def _rate(timing: Timing) -> str:
    """``11.4 GFLOP/s``, or ``3.1 GB/s`` where a layer moves more than it computes."""
    if timing.gflops is not None:
        return f"{timing.gflops:.3g} GFLOP/s"
    return "–" if timing.gbytes is None else f"{timing.gbytes:.3g} GB/s"
