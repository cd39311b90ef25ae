"""Where a candidate keeps an array, and how its axes lie.

A `Place` is a path from an object to an array: ``W``, ``weight.data``, ``params.W`` (of a
dictionary), ``getParameters().0``. A `Layout` maps the candidate's axes to the spec's; both
directions are views, so what is written through one lands in the candidate's own memory.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.candidates.dialect import AnyArray

# The names of the axes of parameters, in the order of the specs, by rank.
AXES: Mapping[int, tuple[str, ...]] = {
    0: (),
    1: ("out",),
    2: ("out", "in"),
    4: ("out", "in", "height", "width"),
}

_MISSING = object()


@dataclass(frozen=True)
class Layout:
    """The spec's axis behind each of the candidate's; None for an extra axis of size 1."""

    axes: tuple[int | None, ...]

    @property
    def is_plain(self) -> bool:
        """Whether the axes are the spec's."""
        return self.axes == tuple(range(len(self.axes)))

    def to_spec(self, array: AnyArray) -> AnyArray:
        """The candidate's array with the spec's axes: a view."""
        if self.is_plain or array.ndim != len(self.axes):
            return array
        if any(array.shape[i] != 1 for i, axis in enumerate(self.axes) if axis is None):
            return array
        squeezed = array.reshape([array.shape[i] for i in self._kept()])
        order = [axis for axis in self.axes if axis is not None]
        return squeezed.transpose(np.argsort(order)) if order else squeezed

    def from_spec(self, array: AnyArray) -> AnyArray:
        """An array with the spec's axes as the candidate has them: a view."""
        if self.is_plain:
            return array
        order = [axis for axis in self.axes if axis is not None]
        sizes = [1 if axis is None else array.shape[axis] for axis in self.axes]
        return array.transpose(order).reshape(sizes)

    def _kept(self) -> list[int]:
        return [i for i, axis in enumerate(self.axes) if axis is not None]

    def describe(self) -> str:
        """``in out``, or ``1 out`` with an extra axis."""
        rank = len(self._kept())
        names = AXES.get(rank, tuple(str(i) for i in range(rank)))
        return " ".join("1" if axis is None else names[axis] for axis in self.axes)


def plain(rank: int) -> Layout:
    """The layout of the specs."""
    return Layout(tuple(range(rank)))


def parse_layout(text: str) -> Layout:
    """The layout that words such as ``in out`` describe; `ValueError` says what they may be."""
    words = text.replace(",", " ").split()
    names = [word for word in words if word != "1"]
    for known in AXES.values():
        if sorted(names) == sorted(known):
            return Layout(tuple(None if w == "1" else known.index(w) for w in words))
    raise ValueError(
        f"{text!r} is not a layout: name the axes of your array in their order, as in 'in out', "
        "'height width in out' or '1 out' (1 is an extra axis of size 1)"
    )


def layout_between(theirs: Sequence[int], spec: Sequence[int]) -> Layout | None:
    """The layout that takes one shape to the other; None if there is none.

    Where sizes repeat, axes keep their order.
    """
    if tuple(theirs) == tuple(spec):
        return plain(len(spec))
    left = list(range(len(spec)))
    extra = len(theirs) - len(spec)
    axes: list[int | None] = []
    for size in theirs:
        match = next((axis for axis in left if spec[axis] == size), None)
        if match is not None:
            left.remove(match)
            axes.append(match)
        elif size == 1 and extra > 0:
            extra -= 1
            axes.append(None)
        else:
            return None
    return Layout(tuple(axes)) if not left else None


def follow(start: Any, path: str) -> Any:
    """What a path leads to; None where it leads nowhere."""
    found = start
    for part in filter(None, path.split(".")):
        found = _step(found, part)
        if found is _MISSING:
            return None
    return found


def _step(owner: Any, part: str) -> Any:
    if part.endswith("()"):
        method = getattr(owner, part[:-2], None)
        return method() if callable(method) else _MISSING
    if isinstance(owner, Mapping):
        return owner.get(part, _MISSING)
    if part.isdigit():
        sequence = isinstance(owner, Sequence) and int(part) < len(owner)
        return owner[int(part)] if sequence else _MISSING
    return getattr(owner, part, _MISSING)


def replace_at(start: Any, path: str, value: Any) -> bool:
    """Put something else in its place; whether that was possible."""
    parts = path.split(".")
    owner, last = follow(start, ".".join(parts[:-1])), parts[-1]
    if last.endswith("()") or owner is None:
        return False
    if any(part.endswith("()") for part in parts):
        return False  # a list that a method makes is not where the array lives
    try:
        if isinstance(owner, MutableMapping):
            owner[last] = value
        elif last.isdigit() and isinstance(owner, MutableSequence):
            owner[int(last)] = value
        else:
            setattr(owner, last, value)
    except (AttributeError, TypeError):
        return False
    return True
