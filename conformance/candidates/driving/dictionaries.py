"""The dictionary dialect: ``layer.params["W"]`` and ``layer.grads["W"]``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from conformance.candidates.driving.style import Held, Style, attributes

_TABLES = ("params", "parameters", "_params", "_parameters", "param", "weights", "p")
_GRADS = ("grads", "gradients", "_grads", "grad", "_gradients", "dparams", "d", "gradient")


class Dictionaries(Style):
    """Parameters in one dictionary, gradients in another."""

    name = "dictionary"

    def speaks(self, layer: Any) -> bool:
        """It has a dictionary of arrays under one of the usual names, or of places for them."""
        return any(
            name in _TABLES and isinstance(value, dict) and value and _could_hold(value)
            for name, value in attributes(layer)
        )

    def held(self, layer: Any) -> Iterator[Held]:
        """What the dictionaries hold, then plain attributes (running statistics)."""
        for table, keys in self._tables(layer):
            for key in keys:
                short = f"d{key}"
                places = (f"{g}.{k}" for g in _GRADS for k in (key, short, f"grad_{key}"))
                inside = (f"{table}.{k}" for k in (short, f"grad_{key}", f"{key}_grad"))
                yield Held(key, f"{table}.{key}", (*places, *inside, *self.beside(key)))
        yield from super().held(layer)

    def _tables(self, layer: Any) -> Iterator[tuple[str, list[str]]]:
        for name, value in attributes(layer):
            if name in _TABLES and isinstance(value, dict):
                keys = [str(k) for k, v in value.items() if isinstance(v, np.ndarray)]
                if keys:
                    yield name, keys


def _could_hold(table: dict[Any, Any]) -> bool:
    """Whether there are arrays in it, or None until the first forward makes them."""
    values = table.values()
    return any(isinstance(v, np.ndarray) for v in values) or all(v is None for v in values)
