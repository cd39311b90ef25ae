"""Generic mistakes of how a layer starts, and of an optimizer whose rate changes."""

from __future__ import annotations

from typing import Any

from conformance.misreadings.generic import generic, has_modes
from conformance.misreadings.mutants import Right
from reference_impls.numpy_reference.optimizers import Optimizer


@generic(
    "rate-captured",
    "the rate is copied when the optimizer is made, so a scheduler that sets lr changes nothing",
    "rate_followed",
    applies=lambda spec: spec.kind == "optimizer",
)
class RateCaptured(Optimizer):
    """Keeps the rate of its constructor."""

    captured: float | None = None

    def step(self) -> None:
        present = self.lr
        if self.captured is None:
            self.captured = present
        self.lr = self.captured
        super().step()
        self.lr = present


@generic(
    "starts-in-eval",
    "a new layer is in eval mode: it must be in training mode until eval() is called",
    "first_mode",
    applies=has_modes,
)
class StartsInEval(Right):
    """Trains only when it is told to."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.eval()
