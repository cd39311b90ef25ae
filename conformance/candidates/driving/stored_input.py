"""The stored-input dialect: ``forward(x)`` remembers what ``backward(grad_output)`` needs.

Parameters are attributes (``weight``, ``W``, ``gamma`` …) with their gradients beside them
(``grad_weight``, ``dW`` …); losses are ``forward(predictions, targets)`` and ``backward()``. Modes
are ``train()`` and ``eval()``, an attribute ``training``, or an argument of forward.
"""

from __future__ import annotations

from typing import Any

from conformance.candidates.driving.style import Style


class StoredInput(Style):
    """What most frameworks do. It is asked last: it has no sign of its own."""

    name = "stored-input"

    def speaks(self, layer: Any) -> bool:
        """Any object with a backward, or something to call."""
        return True
