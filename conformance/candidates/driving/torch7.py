"""The torch7 dialect: ``forward(input)``, ``backward(input, gradOutput)``.

Layers offer ``updateOutput``, ``updateGradInput`` and ``accGradParameters``, either behind
``forward`` and ``backward`` or alone; parameters are ``W``, ``b``, ``gamma``, ``beta`` with
``gradW``, ``gradb``, ``gradGamma``, ``gradBeta``, or whatever ``getParameters()`` and
``getGradParameters()`` list in the order weight, bias. Criteria are called with
``forward(input, target)`` and ``backward(input, target)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from conformance.candidates.dialect import AnyArray
from conformance.candidates.driving.style import (
    Held,
    Style,
    arrays_in,
    attributes,
    is_gradient,
    scaled,
)
from conformance.candidates.wiring.arguments import positional

_SIGNS = ("updateOutput", "updateGradInput", "accGradParameters", "getParameters",
          "getGradParameters", "zeroGradParameters", "evaluate")  # fmt: skip


class Torch7(Style):
    """Layers and criteria of the Torch7 kind."""

    name = "torch7"
    forward_names = ("forward", "updateOutput", "__call__")
    backward_names = ("backward",)
    train_names = ("train", "training")
    eval_names = ("evaluate", "eval")
    zero_names = ("zeroGradParameters", "zero_grad")

    def speaks(self, layer: Any) -> bool:
        """It has a method of Torch7's, or backward takes the input, too."""
        if any(callable(getattr(layer, name, None)) for name in _SIGNS):
            return True
        backward = getattr(layer, "backward", None)
        names, required = positional(backward) if callable(backward) else ([], 0)
        return required == 2 and not is_gradient(names[0])

    def held(self, layer: Any) -> Iterator[Held]:
        """Attributes first; then what getParameters() lists and no attribute holds."""
        known = []
        for held in super().held(layer):
            known.append(id(getattr(layer, held.path)))
            yield held
        if not callable(getattr(layer, "getParameters", None)):
            return
        for path, array in arrays_in(layer.getParameters(), "getParameters()"):
            if id(array) not in known:
                yield Held("", path, (path.replace("getParameters", "getGradParameters"),))

    def backward(
        self, layer: Any, kind: str, given: Sequence[AnyArray], cotangent: AnyArray
    ) -> Any:
        """``backward(input, gradOutput)``; for criteria ``backward(input, target)``."""
        if callable(getattr(layer, "backward", None)):
            return super().backward(layer, kind, given, cotangent)
        update = getattr(layer, "updateGradInput", None)
        if update is None:
            return super().backward(layer, kind, given, cotangent)  # it says what is missing
        if kind == "loss":
            gradient = scaled(update(*given), cotangent, "updateGradInput(input, target)")
        else:
            gradient = update(*given, cotangent)
            accumulate = getattr(layer, "accGradParameters", None)
            if accumulate is not None:
                accumulate(*given, cotangent)
        return dict(attributes(layer)).get("gradInput") if gradient is None else gradient
