"""What a gradient check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
Index = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class TensorGradient:
    """The gradient of one tensor: what finite differences say, and what was returned.

    `numerical` is NaN where a coordinate was not checked or has no derivative, and the mean of the
    slopes on both sides at a kink; `analytic` is None where nothing of the right shape was
    returned. `checked` counts coordinates, `kinks` lists those whose gradient could only be
    compared with the slopes on both sides. `deviation` is the largest one (among the wrong
    coordinates, if there are any), `index` says where it is and `tolerance` what is allowed there.
    `message` says what is wrong.
    """

    name: str
    numerical: Array
    analytic: Array | None
    checked: int
    kinks: tuple[Index, ...] = ()
    deviation: float = 0.0
    index: Index | None = None
    tolerance: float = 0.0
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether the gradient is right, as far as it was checked."""
        return not self.message


@dataclass(frozen=True, eq=False, repr=False)
class GradientCheck:
    """An entry for each tensor, and a table for `print`.

    `dtype` is the precision in which the checked function computes.
    """

    tensors: tuple[TensorGradient, ...]
    dtype: str = "float64"

    @property
    def ok(self) -> bool:
        """Whether all gradients are right."""
        return all(tensor.ok for tensor in self.tensors)

    def __getitem__(self, name: str) -> TensorGradient:
        return {tensor.name: tensor for tensor in self.tensors}[name]

    def __str__(self) -> str:
        rows = [_HEAD, *(_row(tensor) for tensor in self.tensors)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        # Once, even where a backward that raises leaves all tensors without a gradient.
        lines += dict.fromkeys(tensor.message for tensor in self.tensors if not tensor.ok)
        if self.dtype != "float64":
            lines.append(f"computed in {self.dtype}, so small errors do not show")
        return "\n".join(lines)

    # A notebook shows the repr of a cell's value, pytest that of what it asserts.
    __repr__ = __str__


_HEAD = ("tensor", "shape", "largest deviation", "at", "allowed", "verdict")


def _row(tensor: TensorGradient) -> tuple[str, ...]:
    numbers = ("–", "–", "–")
    if tensor.index is not None:
        numbers = (f"{tensor.deviation:.1e}", str(list(tensor.index)), f"{tensor.tolerance:.1e}")
    verdict = "ok" if tensor.ok else "WRONG"
    if tensor.kinks:
        verdict += f", {len(tensor.kinks)} at a kink"
    if tensor.checked < tensor.numerical.size:
        verdict += f", {tensor.checked} of {tensor.numerical.size} checked"
    return (tensor.name, str(tensor.numerical.shape), *numbers, verdict)
