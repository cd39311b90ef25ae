"""The parameter-object dialect: attributes that hold objects with ``.weights`` and ``.grad``.

``layer.w.weights`` is the array, ``layer.w.grad`` its gradient, the bias has the shape (1, out).
There are no modes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from conformance.candidates.driving.style import Held, Style, attributes


class ParameterObject(Style):
    """Parameters are objects of their own."""

    name = "parameter-object"
    array_names: Sequence[str] = ("weights", "value", "values", "array", "val", "param", "w")
    grad_names: Sequence[str] = ("grad", "gradient", "grads", "dw", "g", "d")

    def speaks(self, layer: Any) -> bool:
        """One of its attributes is such an object."""
        return any(True for _ in self._objects(layer))

    def held(self, layer: Any) -> Iterator[Held]:
        """The arrays inside the objects; then plain attributes (running statistics)."""
        for name, key in self._objects(layer):
            yield Held(name, f"{name}.{key}", tuple(f"{name}.{grad}" for grad in self.grad_names))
        yield from super().held(layer)

    def _objects(self, layer: Any) -> Iterator[tuple[str, str]]:
        """Attributes that hold an object with an array, and the array's name in it."""
        for name, value in attributes(layer):
            if isinstance(value, np.ndarray | list | tuple | dict | str | int | float | None):
                continue
            if not any(hasattr(value, grad) for grad in self.grad_names):
                continue
            for key in self.array_names:
                if isinstance(getattr(value, key, None), np.ndarray):
                    yield name, key
                    break
