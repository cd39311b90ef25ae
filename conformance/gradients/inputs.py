"""The point: one input or several, of floating-point numbers and of integers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.gradients.result import Array


@dataclass(frozen=True)
class Inputs:
    """Inputs by name: as arrays, and as they were given (arrays or tensors).

    Those of floating-point numbers are differentiated; indices, masks and the like are passed on.
    """

    arrays: dict[str, Array]
    given: tuple[Any, ...]

    @property
    def floating(self) -> list[str]:
        """The names of those that have gradients."""
        return [name for name, array in self.arrays.items() if array.dtype.kind == "f"]


def inputs_of(x: Any, f: Callable[..., Any], name: str, parameters: bool) -> Inputs:
    """`x` as inputs, or why it cannot be that.

    One input is called `name`; several have the names of the arguments of `f`, or are ``input0``,
    ``input1`` and so on where it has none to show. With `parameters` that have gradients no input
    need have one.
    """
    several = isinstance(x, tuple | list) and any(_is_array(plain(part)) for part in x)
    given = tuple(x) if several else (x,)
    said = [f"x[{i}]" for i in range(len(given))] if several else ["x"]
    arrays = [_array(part, what) for part, what in zip(given, said, strict=True)]
    if not parameters and not any(array.dtype.kind == "f" for array in arrays):
        what = "every input is of integers" if several else f"x has dtype {arrays[0].dtype}"
        raise TypeError(f"{what}, but only floating-point numbers have gradients")
    names = _argument_names(f, len(given)) if several else [name]
    return Inputs(dict(zip(names, arrays, strict=True)), given)


def plain(value: Any) -> Any:
    """The array behind a torch tensor; anything else as it is."""
    if not hasattr(value, "detach"):
        return value
    tensor = value.detach().cpu()
    try:
        return tensor.numpy()
    except TypeError:
        if str(tensor.layout).startswith("torch.sparse"):
            advice = "finite differences need a dense one, as to_dense() makes it"
            raise TypeError(f"x is a sparse tensor: {advice}") from None
        return tensor.float().numpy()  # NumPy has no bfloat16


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic)


def _array(given: Any, what: str) -> Array:
    array = plain(given)
    if not _is_array(array):
        raise TypeError(f"{what} is a {type(given).__name__}, not a NumPy array")
    if array.dtype.kind not in "fiub":
        advice = ": make f a function of its real and its imaginary part"
        raise TypeError(
            f"{what} has dtype {array.dtype}, but only floating-point numbers have gradients"
            + advice * (array.dtype.kind == "c")
        )
    if array.size == 0:
        raise ValueError(f"{what} is empty, of shape {array.shape}: there is nothing to check")
    if not np.isfinite(array).all():
        raise ValueError(f"{what} is not finite everywhere")
    return np.asarray(array)


def _argument_names(f: Callable[..., Any], count: int) -> list[str]:
    try:
        arguments = list(inspect.signature(f).parameters.values())[:count]
    except (TypeError, ValueError):
        arguments = []
    named = [a.name for a in arguments if a.kind in (a.POSITIONAL_ONLY, a.POSITIONAL_OR_KEYWORD)]
    return named if len(named) == count else [f"input{i}" for i in range(count)]
