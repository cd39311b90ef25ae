"""Timings as pictures: SVG texts without scripts, styles from outside, or anything to load.

The ink is ``currentColor``, so they fit light and dark pages. All text is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from conformance.records.benchmark import DIRECTIONS, Direction, Timing

# Readable without colour: each bar has its name beside it.
COLOURS: Mapping[str, str] = {"candidate": "#3b6fd4", "reference": "#7a8699", "torch": "#c9762b"}

WIDTH, ROW, LABEL, ROOM = 640, 22, 150, 90


def bars(timings: Iterable[Timing], layer: str, direction: Direction) -> str:
    """The fastest time of each implementation as a bar; empty if nothing was timed."""
    shown = [t for t in timings if (t.layer, t.direction) == (layer, direction)]
    if not shown:
        return ""
    longest = max(float(t.fastest) for t in shown)
    rows = []
    for number, timing in enumerate(shown):
        length = (WIDTH - LABEL - ROOM) * float(timing.fastest) / longest if longest else 0.0
        y = number * ROW
        colour = COLOURS.get(timing.implementation, COLOURS["reference"])
        rows += [
            _text(LABEL - 8, y + 15, timing.implementation, "end"),
            f'<rect x="{LABEL}" y="{y + 3}" width="{length:.1f}" height="16" fill="{colour}"/>',
            _text(LABEL + length + 6, y + 15, f"{1e3 * float(timing.fastest):.3g} ms"),
        ]
    told = ", ".join(f"{t.implementation} {1e3 * float(t.fastest):.3g} ms" for t in shown)
    return _svg(WIDTH, ROW * len(shown), f"{layer} {direction}: {told}", rows)


def ratios(timings: Iterable[Timing], against: str) -> str:
    """Forward and backward of every layer against another implementation, on a log scale.

    Empty if that implementation was not timed.
    """
    by_key = {(t.layer, t.direction, t.implementation): float(t.fastest) for t in timings}
    found = [
        (f"{layer} {direction}", seconds / by_key[layer, direction, against])
        for (layer, direction, name), seconds in by_key.items()
        if name == "candidate" and by_key.get((layer, direction, against))
    ]
    if not found:
        return ""
    reach = max(1.0, *(abs(math.log2(ratio)) for _, ratio in found if ratio))
    middle, scale = (WIDTH + LABEL) / 2, (WIDTH - LABEL - 2 * 60) / 2 / reach
    rows = [
        f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="0" y2="{ROW * len(found)}" '
        'stroke="currentColor" stroke-dasharray="3 3"/>'
    ]
    for number, (name, ratio) in enumerate(found):
        y, end = number * ROW, middle + scale * (math.log2(ratio) if ratio else 0.0)
        left, length = min(middle, end), abs(end - middle)
        colour = COLOURS["candidate"]
        place, anchor = (end + 6, "start") if ratio >= 1 else (end - 6, "end")
        rows += [
            _text(LABEL - 8, y + 15, name, "end"),
            f'<rect x="{left:.1f}" y="{y + 3}" width="{length:.1f}" height="16" fill="{colour}"/>',
            _text(place, y + 15, f"{ratio:.2f}×", anchor),
        ]
    told = "; ".join(f"{name} {ratio:.2f}" for name, ratio in found)
    return _svg(WIDTH, ROW * len(found), f"time as a multiple of {against}'s: {told}", rows)


def scaling(timing: Timing) -> str:
    """How the time grows with each size: lines with the fitted exponents, from 1 at a quarter."""
    sizes: Sequence[tuple[str, float]] = [(s, float(e)) for s, e in timing.growth.items()]
    if not sizes:
        return ""
    steepest = max(1.0, *(exponent for _, exponent in sizes))
    height, left, right, bottom = 180, 40, WIDTH - 220, 150
    up = (bottom - 20) / (2 * steepest)  # pixels per doubling of the time
    rows = [
        f'<path d="M{left} 10V{bottom}H{right}" fill="none" stroke="currentColor"/>',
        *(
            _text(left + (right - left) * i / 2, bottom + 18, text, "middle")
            for i, text in enumerate(("¼", "½", "1"))
        ),
    ]
    for number, (size, exponent) in enumerate(sizes):
        colour = ("#3b6fd4", "#c9762b", "#4d9a58", "#9a4d8f")[number % 4]
        end = bottom - 2 * max(exponent, 0.0) * up
        flag = ": more than the spec says" if size in timing.superlinear else ""
        rows += [
            f'<line x1="{left}" y1="{bottom}" x2="{right}" y2="{end:.1f}" stroke="{colour}" '
            'stroke-width="2"/>',
            _text(right + 8, 20 + ROW * number, f"{size}: power {exponent:g}{flag}", fill=colour),
        ]
    told = ", ".join(f"{size} to the power {exponent:g}" for size, exponent in sizes)
    return _svg(WIDTH, height, f"{timing.layer} {timing.direction} grows with {told}", rows)


def pictures(timings: Iterable[Timing]) -> list[tuple[str, str]]:
    """A heading and an SVG for everything that there is to see."""
    timings = list(timings)
    found = [(f"Time against {name}", ratios(timings, name)) for name in ("torch", "reference")]
    for layer in dict.fromkeys(t.layer for t in timings):
        for direction in DIRECTIONS:
            found.append((f"{layer} {direction}", bars(timings, layer, direction)))
    for timing in timings:
        found.append((f"{timing.layer} {timing.direction}: growth", scaling(timing)))
    return [(heading, picture) for heading, picture in found if picture]


def _svg(width: float, height: float, told: str, content: Iterable[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(told)}" font-family="sans-serif" font-size="12">'
        f"{''.join(content)}</svg>"
    )


def _text(x: float, y: float, text: str, anchor: str = "start", fill: str = "currentColor") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{escape(text)}</text>'
    )
