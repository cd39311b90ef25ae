"""Findings as pictures: geometry only, which the templates draw as SVG.

Nothing here is a colour or a style: a strict content security policy forbids inline styles, so
shades are classes of the style sheet.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conformance.records.verdict import Finding, Series, Values

WIDTH, HEIGHT = 560, 220
LEFT, RIGHT, TOP, BOTTOM = 70, 14, 12, 36
PANELS = 12  # slices of an array with more than two axes that are drawn
LARGEST = 6  # rows in the table of the largest errors
SHADES = 4


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, and what it says."""

    at: float
    text: str


@dataclass(frozen=True)
class Curve:
    """One line of a chart: its label, and its path in the chart's coordinates."""

    label: str
    path: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Chart:
    """Lines, or bars from a base line, over an axis."""

    title: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    curves: tuple[Curve, ...] = ()
    bars: tuple[tuple[str, str], ...] = ()  # class and path
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True)
class Panel:
    """One two-dimensional slice: a path per shade."""

    label: str
    columns: int
    rows: int
    shades: tuple[tuple[str, str], ...]
    worst: tuple[int, int] | None


@dataclass(frozen=True)
class HeatMap:
    """Slices of an array; shades are quarters of the largest error."""

    title: str
    panels: tuple[Panel, ...]
    left_out: int
    legend: tuple[tuple[str, str], ...]
    cell: int


@dataclass(frozen=True)
class Element:
    """One element of an array that was compared."""

    index: str
    got: float
    wanted: float
    error: float
    allowed: float


def error_picture(finding: Finding) -> Chart | HeatMap | None:
    """The error of a finding: a bar chart of a vector, a heat map of what has more axes."""
    values = finding.values
    if values is None or len(values.got) < 2:
        return None
    sides = [side for side in values.shape if side != 1]
    if len(sides) < 2:
        return _bars(finding.tensor, values)
    return _heat_map(finding.tensor, values, sides)


def largest_errors(values: Values) -> list[Element]:
    """The elements that are furthest off, worst first; only those that differ."""
    errors = _errors(values)
    order = sorted(range(len(errors)), key=lambda i: -errors[i])
    return [
        Element(
            str(_index(i, values.shape)), values.got[i], values.wanted[i], errors[i],
            values.allowed[i],
        )
        for i in order[:LARGEST]
        if not errors[i] <= values.allowed[i]
    ]  # fmt: skip


def _errors(values: Values) -> list[float]:
    return [_distance(got, wanted) for got, wanted in zip(values.got, values.wanted, strict=True)]


def _distance(got: float, wanted: float) -> float:
    if got == wanted or (math.isnan(got) and math.isnan(wanted)):
        return 0.0
    error = abs(got - wanted)
    return math.inf if math.isnan(error) else error


def _index(flat: int, shape: Sequence[int]) -> list[int]:
    index = []
    for side in reversed(shape):
        flat, at = divmod(flat, side)
        index.append(at)
    return index[::-1]


# --- heat maps --------------------------------------------------------------------------------


def _heat_map(tensor: str, values: Values, sides: Sequence[int]) -> HeatMap:
    errors = _errors(values)
    finite = [error for error in errors if math.isfinite(error)]
    largest = max(finite, default=0.0)
    shades = [
        _shade(error, allowed, largest)
        for error, allowed in zip(errors, values.allowed, strict=True)
    ]
    worst = max(range(len(errors)), key=errors.__getitem__)
    rows, columns = sides[-2:]
    size = rows * columns
    panels = []
    for number in range(min(len(errors) // size, PANELS)):
        part = shades[number * size : (number + 1) * size]
        inside = divmod(worst - number * size, columns) if worst // size == number else None
        panels.append(
            Panel(
                label=_slice(number, sides[:-2]),
                columns=columns,
                rows=rows,
                shades=tuple(_runs(part, columns)),
                worst=inside,
            )
        )
    return HeatMap(
        title=f"Error of {tensor}, shape {list(values.shape)}",
        panels=tuple(panels),
        left_out=len(errors) // size - len(panels),
        legend=tuple(_legend(set(shades), largest)),
        cell=max(4, min(18, 320 // max(rows, columns))),
    )


def _shade(error: float, allowed: float, largest: float) -> str:
    if error <= allowed:
        return "ok"
    if not math.isfinite(error):
        return "inf"
    return f"e{min(SHADES, 1 + int(SHADES * error / largest))}" if largest else "ok"


def _legend(present: set[str], largest: float) -> Iterable[tuple[str, str]]:
    yield "ok", "within tolerance"
    for number in range(1, SHADES + 1):
        if f"e{number}" in present:
            yield f"e{number}", f"up to {largest * number / SHADES:.2g}"
    if "inf" in present:
        yield "inf", "not finite"


def _slice(number: int, sides: Sequence[int]) -> str:
    if not sides:
        return ""
    return "[" + ", ".join([*map(str, _index(number, sides)), ":", ":"]) + "]"


def _runs(shades: Sequence[str], columns: int) -> Iterable[tuple[str, str]]:
    """A path per shade: neighbours in a row are one rectangle."""
    paths: dict[str, list[str]] = {}
    for start in range(0, len(shades), columns):
        row, at = shades[start : start + columns], 0
        while at < columns:
            end = at
            while end < columns and row[end] == row[at]:
                end += 1
            path = f"M{at} {start // columns}h{end - at}v1h-{end - at}z"
            paths.setdefault(row[at], []).append(path)
            at = end
    return ((shade, "".join(path)) for shade, path in sorted(paths.items()))


# --- charts -----------------------------------------------------------------------------------


def _bars(tensor: str, values: Values) -> Chart:
    """Signed errors over the index; bars that reach the edge are not finite."""
    signed = [got - wanted for got, wanted in zip(values.got, values.wanted, strict=True)]
    errors = _errors(values)
    reach = max((abs(error) for error in signed if math.isfinite(error)), default=0.0) or 1.0
    y = _Axis(-reach, reach, HEIGHT - BOTTOM, TOP, log=False)
    x = _Axis(-0.5, len(signed) - 0.5, LEFT, WIDTH - RIGHT, log=False)
    width = max(0.75, 0.7 * (WIDTH - LEFT - RIGHT) / len(signed))
    base, paths = y(0.0), {"ok": "", "e4": "", "inf": ""}
    for i, error in enumerate(errors):
        shade = "ok" if error <= values.allowed[i] else "e4" if math.isfinite(error) else "inf"
        top = TOP if shade == "inf" else y(signed[i])
        if errors[i] == 0.0:
            top = base
        left = x(i) - width / 2
        paths[shade] += f"M{_n(left)} {_n(base)}V{_n(top)}h{_n(width)}V{_n(base)}z"
    return Chart(
        title=f"Error of {tensor} over the index",
        x_label="index",
        y_label="got - wanted",
        x_ticks=tuple(Tick(x(i), str(i)) for i in _whole_ticks(len(signed))),
        y_ticks=tuple(Tick(y(v), _short(v)) for v in (-reach, 0.0, reach)),
        bars=tuple((shade, path) for shade, path in paths.items() if path),
    )


def _whole_ticks(count: int) -> range:
    return range(0, count, max(1, math.ceil(count / 8)))


def series_picture(series: Sequence[Series]) -> Chart | None:
    """Curves over a common axis; logarithmic where the numbers span magnitudes."""
    points = [
        [(x, y) for x, y in zip(one.x, one.y, strict=True) if math.isfinite(x) and math.isfinite(y)]
        for one in series
    ]
    flat = [point for curve in points for point in curve]
    if len(flat) < 2:
        return None
    xs, ys = [x for x, _ in flat], [y for _, y in flat]
    x = _Axis(min(xs), max(xs), LEFT, WIDTH - RIGHT, log=_spans(xs, 100))
    y = _Axis(min(ys), max(ys), HEIGHT - BOTTOM, TOP, log=_spans(ys, 1000))
    curves = []
    for one, curve in zip(series, points, strict=True):
        placed = tuple((round(x(a), 1), round(y(b), 1)) for a, b in curve)
        path = "M" + "L".join(f"{_n(a)} {_n(b)}" for a, b in placed) if placed else ""
        curves.append(Curve(one.label, path, placed if len(placed) <= 40 else ()))
    return Chart(
        title=" and ".join(one.label for one in series),
        x_label="step size" if x.log else "step",
        y_label="",
        x_ticks=x.ticks(),
        y_ticks=y.ticks(),
        curves=tuple(curves),
    )


def _spans(values: Sequence[float], factor: float) -> bool:
    return min(values) > 0 and max(values) / min(values) >= factor


class _Axis:
    """From numbers to pixels."""

    def __init__(self, low: float, high: float, start: float, end: float, *, log: bool) -> None:
        self.low, self.high, self.start, self.end, self.log = low, high, start, end, log

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.log:
            value, low, high = math.log10(value), math.log10(low), math.log10(high)
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def ticks(self) -> tuple[Tick, ...]:
        """Powers of ten, or a handful of round numbers."""
        return tuple(Tick(round(self(v), 1), _short(v)) for v in self._values())

    def _values(self) -> list[float]:
        if self.log:
            powers = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            every = max(1, math.ceil(len(powers) / 6))
            return [10.0**power for power in powers][::every]
        span = self.high - self.low
        if not span > 0:
            return [self.low]
        rough = span / 5
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * k for k in (1, 2, 5, 10) if unit * k >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [k * step for k in range(first, last + 1)]


def _short(value: float) -> str:
    return f"{value:.3g}"


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
