"""What is checked: outputs that depend on named tensors, and their gradients as returned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Literal

import numpy as np

from conformance.candidates.dialect import ContractError, as_array
from conformance.candidates.trouble import describe_exception
from conformance.generation.drawing import draw
from conformance.gradients.inputs import Inputs, plain
from conformance.gradients.result import Array
from conformance.numerics.batching import BATCH
from conformance.sessions.generators import draw_from_each, reseed

Precision = Literal["float64", "float32"]


class Raised(ValueError):
    """The code under test raised something."""


class Subject(ABC):
    """Something with outputs and gradients; both may raise `ContractError` and `Raised`.

    The gradients are those of <cotangent, outputs>, with all outputs flat, one behind the other.
    `tensors` are what has gradients: the inputs in `names`, then parameters. `first` are the
    outputs at the point.
    """

    def __init__(self, name: str, inputs: Inputs, target: Any, dtype: Precision, seed: int) -> None:
        self.name, self.seed, self.names = name, seed, inputs.floating
        self.dtype = np.dtype(dtype)
        self.given = {key: self.typed(array) for key, array in inputs.arrays.items()}
        self.targets = [] if target is None else [self.typed(np.asarray(plain(target)))]
        self.tensors = {key: self.given[key] for key in self.names}
        self.stateful = self.random = False
        reseed(seed)
        self.undrawn = draw_from_each()

    def begin(self, parameters: Sequence[str] | None, ones: bool = False) -> None:
        """Find the parameters, which None leaves to the subject; run forward for the first time."""
        self.ones = ones
        for name in self.parameters() if parameters is None else parameters:
            self.tensors[name] = self.parameter(name)
        if not self.tensors:
            raise ContractError(f"x has only integers and {self.name} no parameters: no gradients")
        self.renew()
        self.first, second = self.seeded(), self.seeded()
        # Copying takes longer than many a forward. What answers a second time like the first keeps
        # no state that matters, so that one copy does for all calls.
        same = map(partial(np.array_equal, equal_nan=True), self.first, second)
        self.stateful = not all(same)
        self.cotangents = self.drawn(self.first)
        self.cotangent = np.concatenate([each.ravel() for each in self.cotangents]).astype(float)

    @abstractmethod
    def run(self, arrays: list[Array]) -> list[Array]:
        """The outputs for inputs and targets, which may be live."""

    @abstractmethod
    def gradients(self) -> Mapping[str, Any]:
        """What was returned for each tensor, or the exception that says why nothing was."""

    def renew(self) -> None:  # noqa: B027 (a function has no state that is known)
        """Go back to the state at the beginning."""

    def parameters(self) -> Sequence[str]:
        """The names of all parameters."""
        return ()

    def parameter(self, name: str) -> Array:
        """A copy of a parameter's values, after changing the original to the precision."""
        raise ContractError(f"{self.name} has no parameter {name!r}")

    def put(self, name: str, value: Array) -> None:  # noqa: B027
        """Write into a parameter."""

    def typed(self, array: Array) -> Array:
        """An array in the precision of the check; integers as they are."""
        return array.astype(self.dtype) if array.dtype.kind == "f" else array

    def arrays(self) -> list[Array]:
        """Inputs and targets, which the code under test may overwrite."""
        return [array.copy() for array in (*self.given.values(), *self.targets)]

    def seeded(self) -> list[Array]:
        """The outputs at the point, of the next forward."""
        reseed(self.seed)
        return [output.copy() for output in self.run(self.arrays())]

    def outputs(self, name: str, values: Array) -> Array:
        """All outputs, flat, for each value of a tensor; NaN where there are none."""
        if not self.random:
            reseed(self.seed)
            found = self._each(name, values)
            if draw_from_each() == self.undrawn:
                return found
            self.random = True  # else not seeded again: that takes longer than many a forward
        return self._each(name, values)

    def _each(self, name: str, values: Array) -> Array:
        found = np.full((len(values), self.cotangent.size), np.nan)
        place = list(self.given).index(name) if name in self.given else None
        for row, value in zip(found, values, strict=True):
            arrays = self.arrays()
            if self.stateful:
                self.renew()
            if place is None:
                self.put(name, value)
            else:
                arrays[place] = value.copy()
            if self.random:
                reseed(self.seed)
            with suppress(ContractError, Raised):
                outputs = [output.ravel() for output in self.run(arrays)]
                flat = outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
                if flat.shape == row.shape:
                    row[...] = flat
        if place is None:
            self.put(name, self.tensors[name])
        return found

    def has_rows(self, name: str) -> bool:
        """Whether all inputs and outputs have an axis in front that may be that of a batch."""
        arrays = (*self.given.values(), *self.targets, *self.first)
        lengths = {array.shape[:1] for array in arrays}
        return name in self.given and not self.stateful and len(lengths) == 1 and () not in lengths

    def together(self, name: str, batch: Array) -> Array | None:
        """All outputs for a batch of `BATCH` values, flat for each; None where there are none."""
        tiled = {key: np.concatenate([array] * BATCH) for key, array in self.given.items()}
        targets = [np.concatenate([array] * BATCH) for array in self.targets]
        reseed(self.seed)
        try:
            outputs = self.run([*(tiled | {name: batch.copy()}).values(), *targets])
        except (ContractError, Raised):
            return None
        if sum(output.size for output in outputs) != BATCH * self.cotangent.size:
            return None
        if any(output.size % BATCH for output in outputs):
            return None
        parts = [output.reshape(BATCH, -1) for output in outputs]
        return np.concatenate(parts, axis=1).astype(float)

    def drawn(self, outputs: Sequence[Array]) -> list[Array]:
        """A cotangent for each output.

        Centred, since ones would not see a wrong softmax; ones where backward takes none.
        """
        key = f"gradients/{self.seed}/cotangent"
        return [
            np.ones(output.shape, self.dtype)
            if self.ones or not output.shape
            else self.typed(draw("normal", output.shape, f"{key}{i or ''}"))
            for i, output in enumerate(outputs)
        ]


def call(what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of the code under test returns; `Raised` if it raises."""
    try:
        return function(*arguments)
    except ContractError:
        raise
    except Exception as error:
        message, place = describe_exception(error)
        raise Raised(f"{what} raised {message}" + (f" ({place})" if place else "")) from error


def flat_outputs(returned: Any, what: str) -> list[Any]:
    """What a forward returned as a list: tuples and lists taken apart, None left out."""
    if isinstance(returned, Mapping):
        raise ContractError(
            f"{what} returned a {type(returned).__name__}: check a function that returns a tuple "
            "of its values"
        )
    if not isinstance(returned, tuple | list):
        return [returned]
    parts = [part for whole in returned for part in flat_outputs(whole, what)]
    return [part for part in parts if part is not None] or [None]


def one_each(
    returned: Any, names: Sequence[str], given: Sequence[str], what: str
) -> dict[str, Any]:
    """Gradients by the names of the inputs that have one; there may be entries for the others."""
    found = list(returned) if isinstance(returned, tuple | list) else [returned]
    if len(found) == len(given) > len(names):
        found = [value for value, name in zip(found, given, strict=True) if name in names]
    if len(found) != len(names):
        raise ContractError(
            f"{what} returned {len(found)} gradient{'s' * (len(found) != 1)}, "
            f"not one for each of {', '.join(names)}"
        )
    return dict(zip(names, found, strict=True))


class Function(Subject):
    """``f(x) -> (loss, gradient)``, or with several inputs ``f(*x) -> (loss, gradients)``."""

    def __init__(self, f: Callable[..., Any], inputs: Inputs, dtype: Precision, seed: int) -> None:
        name = getattr(f, "__name__", type(f).__name__).replace("<lambda>", "f")
        super().__init__(name, inputs, None, dtype, seed)
        self.f, self.templates = f, inputs.given
        self.begin(())

    def run(self, arrays: list[Array]) -> list[Array]:
        """The loss."""
        loss = as_array(plain(self._pair(arrays)[0]), f"the loss of {self.name}", self.dtype)
        if loss.size != 1:
            raise ContractError(
                f"the loss of {self.name} has shape {loss.shape}; it must be a scalar"
            )
        return [loss.reshape(())]

    def gradients(self) -> Mapping[str, Any]:
        """The gradient, or a gradient for each input of floating-point numbers."""
        reseed(self.seed)
        returned = self._pair(self.arrays())[1]
        if len(self.given) == 1:
            return dict.fromkeys(self.names, plain(returned))
        found = one_each(returned, self.names, list(self.given), self.name)
        return {name: plain(value) for name, value in found.items()}

    def _pair(self, arrays: list[Array]) -> Sequence[Any]:
        arguments = map(_like, self.templates, arrays)
        returned = call(self.name, self.f, *arguments)
        if not isinstance(returned, tuple | list) or len(returned) != 2:
            kind = type(returned).__name__
            raise ContractError(f"{self.name} returned a {kind}, not the pair (loss, gradient)")
        return returned


def _like(template: Any, array: Array) -> Any:
    """An array or a tensor, as was given."""
    if not hasattr(template, "detach"):
        return array
    import torch

    tensor = torch.as_tensor(array, device=template.device)
    return tensor.requires_grad_(template.requires_grad)
