"""What a dialect must offer: build a layer, then drive it, with NumPy arrays on both sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from conformance.errors import ConformanceError
from conformance.records.foreign import name_of, plain
from conformance.records.trial import Trial

AnyArray = NDArray[Any]
Factory = Callable[..., Any]


class ContractError(ConformanceError):
    """The candidate answered, but not with what its dialect promises; the message is for people.

    `tensor` names the parameter or buffer concerned, if it is one.
    """

    def __init__(self, message: str, tensor: str | None = None) -> None:
        super().__init__(plain(message))
        self.tensor = tensor


class NotImplementedHere(ConformanceError):
    """The implementation lacks the layer, or an optional argument that the case needs."""

    def __init__(self, message: str) -> None:
        super().__init__(plain(message))


class Subject(Protocol):
    """A built layer behind its dialect.

    Arrays handed over are the subject's to use (not to change); arrays returned may be live. All
    methods may raise `ContractError` or whatever the candidate raises.
    """

    def seed(self, seed: int) -> None:
        """Seed the random generators that the layer draws from, as far as they are known."""

    def handle(self, name: str) -> Any:
        """What an optimizer of the same dialect takes for a parameter."""

    def get(self, name: str) -> AnyArray:
        """A parameter or buffer."""

    def set(self, name: str, value: AnyArray) -> None:
        """Replace the values of a parameter or buffer, in the dtype of `value`."""

    def holds(self, name: str) -> bool:
        """Whether there is an array under the name of a parameter or buffer.

        `NotImplementedHere` where the dialect cannot tell: the case does not know the name.
        """

    def gradient(self, name: str) -> AnyArray:
        """The gradient of a parameter; zeros where the dialect has none yet."""

    def forward(self, inputs: Sequence[AnyArray]) -> Sequence[Any]:
        """The outputs, as the candidate returned them."""

    def backward(self, cotangent: AnyArray) -> Sequence[Any]:
        """The gradients of the differentiable inputs, as the candidate returned them."""

    def set_mode(self, mode: str) -> None:
        """Switch to train or eval."""

    def zero_grad(self) -> None:
        """Zero the parameter gradients."""

    def overwritten(self, what: str) -> None:
        """Take notice that the caller has written into the last inputs, outputs or gradients.

        Only of interest where the arrays seen from outside are not the candidate's own objects.
        """


class ContainerSubject(Subject, Protocol):
    """A container behind its dialect."""

    def facts(self) -> Mapping[str, str]:
        """Its length, which layers indexing gives, the order of its parameters."""


class Dialect(Protocol):
    """An API style."""

    name: str

    def recognises(self, factory: Any) -> bool:
        """Whether this class (or factory) speaks the dialect."""

    def build(self, factory: Factory, trial: Trial) -> Subject:
        """Construct the layer with the trial's configuration."""

    def assemble(
        self, factory: Factory, parts: Mapping[str, Subject], trial: Trial
    ) -> ContainerSubject:
        """Construct a container that holds layers built before."""


def dtype_of(trial: Trial) -> np.dtype[Any]:
    """The floating-point dtype of a trial."""
    return np.dtype(trial.dtype)


def as_array(value: Any, what: str, dtype: np.dtype[Any]) -> AnyArray:
    """What a candidate returned as an array, or a `ContractError` that says what it was.

    A Python number has no dtype of its own: it takes the trial's.
    """
    if isinstance(value, np.ndarray | np.generic):
        if np.ma.is_masked(value):
            raise ContractError(f"{what} is an array with masked elements")
        array = np.asarray(value)
        if array.dtype.kind not in "fiu":
            raise ContractError(f"{what} is an array of dtype {array.dtype}, not of numbers")
        return array
    if isinstance(value, bool | int | float):
        try:
            return np.asarray(value, dtype=dtype)
        except OverflowError:
            raise ContractError(f"{what} is an integer too large for {dtype}") from None
    article = "None" if value is None else f"a {name_of(type(value))}"
    raise ContractError(f"{what} is {article}, not a NumPy array")


def as_tuple(value: Any, names: Sequence[str], what: str) -> tuple[Any, ...]:
    """One returned value, or a tuple of them, matched to the names that are expected."""
    if len(names) == 1 and not isinstance(value, tuple):
        return (value,)
    if not isinstance(value, tuple) or len(value) != len(names):
        got = f"a tuple of {len(value)}" if isinstance(value, tuple) else name_of(type(value))
        raise ContractError(f"{what} returned {got}, expected {', '.join(names)}")
    return value


def given_arguments(trial: Trial) -> Mapping[str, Any]:
    """The trial's configuration with arrays in the trial's dtype."""
    dtype = dtype_of(trial)
    return {
        name: value.astype(dtype) if isinstance(value, np.ndarray) else value
        for name, value in trial.config.items()
    }
