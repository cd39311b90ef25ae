"""What is checked: an output that depends on named tensors, and their gradients as returned.

A layer is driven through its dialect, and only copies of it are used.
"""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal, Protocol

import numpy as np

from conformance.candidates.dialect import ContractError, Subject, as_array
from conformance.candidates.implementation import dialect_of
from conformance.candidates.trouble import describe_exception
from conformance.generation.drawing import draw
from conformance.gradients.result import Array
from conformance.records.trial import Trial
from conformance.sessions.generators import reseed

Precision = Literal["float64", "float32"]


class Differentiable(Protocol):
    """Something with an output and gradients; both may raise `ContractError` and `Raised`.

    The gradients are those of <cotangent, output>. The input is the first of `tensors`.
    """

    name: str
    tensors: dict[str, Array]
    cotangent: Array

    def output(self, changed: str, value: Array) -> Array:
        """The output with one tensor replaced."""

    def gradients(self) -> Mapping[str, Any]:
        """What was returned for each tensor, or the exception that says why nothing was."""


class Raised(ValueError):
    """The code under test raised something."""


def differentiable(
    f: Any, x: Any, target: Any, parameters: Sequence[str] | None, seed: int
) -> Differentiable:
    """`f` at `x` in float64, or in float32 where `x` is that and float64 is refused."""
    point = _point(x)
    is_layer = hasattr(f, "backward") or hasattr(f, "named_parameters")
    if isinstance(f, type):
        raise TypeError(f"{f.__name__} is a class: build one first, as in {f.__name__}(...)")
    if not is_layer and not callable(f):
        raise TypeError(f"f is neither a function nor a layer with a backward: {f!r}")
    if not is_layer and target is not None:
        raise TypeError("target= is for losses with forward and backward, not for functions")

    def build(dtype: Precision) -> Differentiable:
        if is_layer:
            return Layer(f, point, target, parameters, dtype, seed)
        return Function(f, x, point.astype(dtype), seed)

    if isinstance(parameters, str):
        parameters = (parameters,)
    try:
        return build("float64")
    except Raised:
        if point.dtype != np.float32:
            raise
        return build("float32")


def _point(x: Any) -> Array:
    """`x` as an array, or why it cannot be one."""
    array = _plain(x)
    if not isinstance(array, np.ndarray | np.generic):
        raise TypeError(f"x is a {type(x).__name__}, not a NumPy array")
    if array.dtype.kind != "f":
        raise TypeError(
            f"x has dtype {array.dtype}, but only floating-point numbers have gradients"
        )
    if array.size == 0:
        raise ValueError(f"x is empty, of shape {array.shape}: there is nothing to check")
    if not np.isfinite(array).all():
        raise ValueError("x is not finite everywhere")
    return np.asarray(array)


def _plain(value: Any) -> Any:
    """The array behind a torch tensor; anything else as it is."""
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def _call(what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except ContractError:
        raise
    except Exception as error:
        message, place = describe_exception(error)
        raise Raised(f"{what} raised {message}" + (f" ({place})" if place else "")) from error


class Function:
    """``f(x) -> (loss, gradient)``."""

    cotangent = np.ones(())

    def __init__(self, f: Callable[[Any], Any], x: Any, point: Array, seed: int) -> None:
        self.name = getattr(f, "__name__", type(f).__name__).replace("<lambda>", "f")
        self.f = f
        self.given = x
        self.seed = seed
        self.tensors = {"x": point}
        self._pair(point)

    def output(self, changed: str, value: Array) -> Array:
        """The loss."""
        loss = as_array(_plain(self._pair(value)[0]), f"the loss of {self.name}", value.dtype)
        if loss.size != 1:
            raise ContractError(
                f"the loss of {self.name} has shape {loss.shape}; it must be a scalar"
            )
        return loss.reshape(())

    def gradients(self) -> Mapping[str, Any]:
        """The gradient."""
        return {"x": _plain(self._pair(self.tensors["x"])[1])}

    def _pair(self, value: Array) -> Sequence[Any]:
        reseed(self.seed)
        returned = _call(self.name, self.f, self._argument(value.copy()))
        if not isinstance(returned, tuple | list) or len(returned) != 2:
            kind = type(returned).__name__
            raise ContractError(f"{self.name} returned a {kind}, not the pair (loss, gradient)")
        return returned

    def _argument(self, value: Array) -> Any:
        """An array or a tensor, as `x` is."""
        if not hasattr(self.given, "detach"):
            return value
        tensor = sys.modules["torch"].as_tensor(value, device=self.given.device)
        return tensor.requires_grad_(self.given.requires_grad)


class _Copy:
    """A copy of a layer behind its dialect."""

    def __init__(self, layer: Any, trial: Trial) -> None:
        self.layer = layer
        self.trial = trial
        self.subject = dialect_of(type(layer)).build(lambda: layer, trial)
        self._holders: dict[str, tuple[Subject, str]] = {}

    def holder(self, name: str) -> tuple[Subject, str]:
        """The layer inside a container that has a parameter (``0.weight``), and its name there."""
        if name not in self._holders:
            *path, leaf = name.split(".")
            owner = self.layer
            for part in path:
                try:
                    owner = getattr(owner, part) if hasattr(owner, part) else owner[int(part)]
                except (TypeError, ValueError, LookupError):
                    message = f"{self.trial.layer} has no parameter {name!r}"
                    raise ContractError(message) from None
            trial = replace(self.trial, parameters={leaf: np.empty(0)})
            self._holders[name] = _Copy(owner, trial).subject, leaf
        return self._holders[name]


class Layer:
    """A layer, or with a target a loss."""

    def __init__(
        self,
        layer: Any,
        point: Array,
        target: Any,
        parameters: Sequence[str] | None,
        dtype: Precision,
        seed: int,
    ) -> None:
        self.name = type(layer).__name__
        self.seed = seed
        self.point = point.astype(dtype)
        self.targets = () if target is None else (_target(target, dtype),)
        self.trial = Trial(
            layer=self.name,
            kind="loss" if self.targets else "layer",
            key="gradients",
            config={},
            parameters={},
            buffers={},
            inputs=("input", "target") if self.targets else ("input",),
            outputs=("output",),
            differentiable=("input",),
            modes=(),
            steps=(),
            dtype=dtype,
            seed=seed,
        )
        self.uncopyable = _uncopyable(layer)
        self.original = copy.deepcopy(layer, dict(self.uncopyable))
        worker = self._copy()
        first, second = self._forward(worker).copy(), self._forward(worker)
        self.cotangent = self._cotangent(first)
        self.tensors = {"input": self.point}
        original = _Copy(self.original, self.trial)
        for name in self._parameters() if parameters is None else parameters:
            holder, leaf = original.holder(name)
            holder.set(leaf, holder.get(leaf).astype(dtype))
            self.tensors[name] = holder.get(leaf).copy()
        # Copying takes longer than many a forward. A layer that answers a second time like the
        # first keeps no state that matters, so that one copy does for all calls.
        self.worker = self._copy() if np.array_equal(first, second, equal_nan=True) else None

    def output(self, changed: str, value: Array) -> Array:
        """What forward returns."""
        worker = self.worker or self._copy()
        if changed == "input":
            return self._forward(worker, value)
        holder, leaf = worker.holder(changed)
        holder.set(leaf, value)
        try:
            return self._forward(worker)
        finally:
            holder.set(leaf, self.tensors[changed])

    def gradients(self) -> Mapping[str, Any]:
        """What backward returns, and what it leaves beside the parameters."""
        worker = self._copy()
        holders = {name: worker.holder(name) for name in self.tensors if name != "input"}
        for holder, leaf in holders.values():
            with suppress(ContractError):  # there may be none before backward
                holder.gradient(leaf)[...] = 0
        self._forward(worker)
        try:
            found = {"input": self._backward(worker)}
        except (ContractError, Raised) as error:
            return dict.fromkeys(self.tensors, error)
        for name, (holder, leaf) in holders.items():
            try:
                found[name] = holder.gradient(leaf)
            except ContractError as error:
                found[name] = error
        return found

    def _copy(self) -> _Copy:
        return _Copy(copy.deepcopy(self.original, dict(self.uncopyable)), self.trial)

    def _forward(self, worker: _Copy, value: Array | None = None) -> Array:
        arrays = [self.point if value is None else value, *self.targets]
        reseed(self.seed)
        what = f"{self.name}.forward"
        (output,) = _call(what, worker.subject.forward, [array.copy() for array in arrays])
        return as_array(output, f"the output of {what}", self.point.dtype)

    def _backward(self, worker: _Copy) -> Any:
        """The input's gradient, whichever arguments this backward takes."""
        what, layer = f"{self.name}.backward", worker.layer
        match _arguments(layer):
            case 0:
                return _call(what, layer.backward)
            case 2:
                second = self.targets[0] if self.targets else self.cotangent
                return _call(what, layer.backward, self.point.copy(), second.copy())
            case _:
                return _call(what, worker.subject.backward, self.cotangent.copy())[0]

    def _cotangent(self, output: Array) -> Array:
        """Centred, since ones would not see a wrong softmax; ones where backward takes none."""
        arguments = _arguments(self.original)
        if output.ndim == 0 or arguments == 0 or (arguments == 2 and self.targets):
            return np.ones(output.shape, self.point.dtype)
        drawn = draw("normal", output.shape, f"gradients/{self.seed}/cotangent")
        return drawn.astype(self.point.dtype)

    def _parameters(self) -> list[str]:
        """The names of the parameters, as the layer states or shows them."""
        worker = self._copy()
        layer = worker.layer
        if hasattr(layer, "named_parameters"):
            return [name for name, tensor in layer.named_parameters() if tensor.requires_grad]
        if callable(getattr(layer, "parameters", None)):
            stated = layer.parameters()
            if isinstance(stated, Mapping):
                return list(stated)
            raise ContractError(
                f"{self.name}.parameters() returns a {type(stated).__name__}, not a dictionary; "
                'name them here, as in parameters=("weight", "bias")'
            )
        before = {
            name: value
            for name, value in getattr(layer, "__dict__", {}).items()
            if isinstance(value, np.ndarray) and value.dtype.kind == "f"
        }
        self._forward(worker)
        with suppress(ContractError, Raised):
            self._backward(worker)
        # What forward replaces is not a parameter but remembered for backward, like x beside dx.
        kept = [name for name, value in before.items() if getattr(layer, name, None) is value]
        return [name for name in kept if _has_gradient(worker.subject, name)]


def _target(target: Any, dtype: Precision) -> Array:
    array = np.asarray(_plain(target))
    return array.astype(dtype) if array.dtype.kind == "f" else array


def _has_gradient(subject: Subject, name: str) -> bool:
    with suppress(ContractError):
        subject.gradient(name)
        return True
    return False


def _arguments(layer: Any) -> int:
    """How many arguments `backward` needs; one where it needs none but takes some."""
    try:
        parameters = inspect.signature(layer.backward).parameters.values()
    except (AttributeError, TypeError, ValueError):
        return 1
    positional = [p for p in parameters if p.kind <= p.VAR_POSITIONAL]
    needed = [p for p in positional if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    return len(needed) or min(1, len(positional))


def _uncopyable(root: Any) -> dict[int, Any]:
    """What within an object cannot be deep-copied, by id: as a memo, it makes copies share this.

    Typical are modules, locks, open files, and tensors in the middle of an autograd graph.
    """
    with suppress(Exception):
        copy.deepcopy(root)
        return {}
    found: dict[int, Any] = {}
    seen: dict[int, Any] = {}
    waiting = [root]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, type):
            continue
        seen[id(thing)] = thing
        parts = thing if isinstance(thing, dict | list | tuple) else getattr(thing, "__dict__", ())
        parts = list(parts.values()) if isinstance(parts, dict) else list(parts)
        try:
            (copy.copy if parts else copy.deepcopy)(thing)
        except Exception:
            found[id(thing)] = thing
        else:
            waiting += parts
    if id(root) in found:
        raise ContractError(
            f"this {type(root).__name__} cannot be copied: check a function f(x) that uses it"
        )
    return found
