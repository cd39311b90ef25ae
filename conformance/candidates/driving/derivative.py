"""The derivative dialect: ``fn(x)`` or a call, and ``gradient(x)``, the slope at each element.

Elementwise activations come like this, and losses as ``loss(y, y_pred)`` with ``gradient(y,
y_pred)`` or, remembering what they were called with, ``gradient()``. There are no parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conformance.candidates.dialect import AnyArray, ContractError
from conformance.candidates.driving.style import Style, in_their_order, scaled
from conformance.candidates.wiring.arguments import positional

DERIVATIVES = ("gradient", "grad", "derivative", "deriv", "prime", "df")


class Derivative(Style):
    """What has a derivative where others have a backward."""

    name = "derivative"
    forward_names = ("forward", "__call__", "fn", "call", "f", "loss", "compute", "calculate")
    backward_names = DERIVATIVES

    def speaks(self, layer: Any) -> bool:
        """It has no backward, but a method of this name."""
        others = (*Style.backward_names, "updateGradInput")
        return self.method(layer, others) is None and (
            self.method(layer, self.backward_names) is not None
        )

    def backward(
        self, layer: Any, kind: str, given: Sequence[AnyArray], cotangent: AnyArray
    ) -> Any:
        """Multiply the derivative with the gradient of what follows."""
        call = self.method(layer, self.backward_names)
        if call is None:
            raise ContractError(f"{type(layer).__name__} has no method gradient()")
        _, required = positional(call)
        arguments = in_their_order(call, given)[:required]
        if kind == "loss":
            return scaled(call(*arguments), cotangent, "gradient()")
        return call(*arguments) * cotangent
