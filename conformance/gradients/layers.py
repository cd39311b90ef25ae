"""Layers and losses with a backward of their own. Only copies of them are used."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.candidates.dialect import ContractError, as_array
from conformance.candidates.driving.native import NativeSubject
from conformance.gradients.inputs import Inputs
from conformance.gradients.result import Array
from conformance.gradients.subjects import Precision, Raised, Subject, call, flat_outputs, one_each
from conformance.records.trial import Trial


class _Copy:
    """A copy of a layer, and where its parameters are."""

    def __init__(self, layer: Any, trial: Trial) -> None:
        self.layer, self.trial = layer, trial
        self._holders: dict[str, tuple[NativeSubject, str]] = {}

    def holder(self, name: str) -> tuple[NativeSubject, str]:
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
            self._holders[name] = NativeSubject(owner, trial), leaf
        return self._holders[name]


class Layer(Subject):
    """A layer, or with a target a loss."""

    def __init__(
        self,
        layer: Any,
        inputs: Inputs,
        target: Any,
        parameters: Sequence[str] | None,
        dtype: Precision,
        seed: int,
    ) -> None:
        super().__init__(type(layer).__name__, inputs, target, dtype, seed)
        self.trial = Trial(
            layer=self.name,
            kind="loss" if self.targets else "layer",
            key="gradients",
            config={},
            parameters={},
            buffers={},
            inputs=tuple(self.given),
            outputs=("output",),
            differentiable=tuple(self.names),
            modes=(),
            steps=(),
            dtype=dtype,
            seed=seed,
        )
        self.shared = uncopyable(layer)
        self.original = _Copy(copied(layer, self.shared), self.trial)
        needed, _ = _arguments(layer)
        self.begin(parameters, ones=needed == 0 or (needed == 2 and bool(self.targets)))

    def renew(self) -> None:
        """Another copy."""
        self.worker = _Copy(copied(self.original.layer, self.shared), self.trial)

    def run(self, arrays: list[Array]) -> list[Array]:
        """What forward returns; integers beside floating-point numbers left out."""
        layer, what = self.worker.layer, f"{self.name}.forward"
        returned = call(what, getattr(layer, "forward", None) or layer, *arrays)
        outputs = [
            as_array(output, f"the output of {what}", self.dtype)
            for output in flat_outputs(returned, what)
        ]
        return [output for output in outputs if output.dtype.kind == "f"] or outputs

    def put(self, name: str, value: Array) -> None:
        """Write into a parameter."""
        holder, leaf = self.worker.holder(name)
        holder.set(leaf, value)

    def gradients(self) -> Mapping[str, Any]:
        """What backward returns, and what it leaves beside the parameters."""
        worker = self.worker
        self.renew()
        holders = {k: self.worker.holder(k) for k in self.tensors if k not in self.names}
        for holder, leaf in holders.values():
            with suppress(ContractError):  # there may be none before backward
                holder.gradient(leaf)[...] = 0
        self.seeded()
        try:
            found = self._backward(self.cotangents)
        except (ContractError, Raised) as error:
            return dict.fromkeys(self.tensors, error)
        finally:
            self.worker = worker
        for name, (holder, leaf) in holders.items():
            try:
                found[name] = holder.gradient(leaf).copy()
            except ContractError as error:
                found[name] = error
        return found

    def parameter(self, name: str) -> Array:
        """A copy of a parameter's values, after changing the original to the precision."""
        holder, leaf = self.original.holder(name)
        holder.set(leaf, holder.get(leaf).astype(self.dtype))
        return holder.get(leaf).copy()

    def parameters(self) -> list[str]:
        """The names of the parameters, as the layer states or shows them."""
        self.renew()
        layer = self.worker.layer
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
        cotangents = self.drawn(self.seeded())
        with suppress(ContractError, Raised):
            self._backward(cotangents)
        # What forward replaces is not a parameter but remembered for backward, like x beside dx.
        kept = [name for name, value in before.items() if getattr(layer, name, None) is value]
        return [name for name in kept if _has_gradient(self.worker, name)]

    def _backward(self, cotangents: Sequence[Array]) -> dict[str, Any]:
        """The gradients of the inputs, whichever arguments this backward takes."""
        layer, what = self.worker.layer, f"{self.name}.backward"
        arguments: list[Any] = [each.copy() for each in cotangents]
        needed, most = _arguments(layer)
        if needed == 0:
            arguments = []
        elif len(arguments) > 1:
            arguments = [tuple(arguments)] if most == 1 else arguments
        elif needed > 1:
            arguments = self.arrays() + ([] if self.targets else arguments)
        returned = call(what, layer.backward, *arguments)
        if not self.names:
            return {}
        gradients = returned if isinstance(returned, tuple) else [returned]
        return one_each(gradients, self.names, list(self.given), what)


def _has_gradient(worker: _Copy, name: str) -> bool:
    with suppress(ContractError):
        holder, leaf = worker.holder(name)
        holder.gradient(leaf)
        return True
    return False


def _arguments(layer: Any) -> tuple[int, float]:
    """How many arguments `backward` needs (one where it needs none but takes some), and takes."""
    try:
        parameters = inspect.signature(layer.backward).parameters.values()
    except (AttributeError, TypeError, ValueError):
        return 1, 1
    positional = [p for p in parameters if p.kind <= p.VAR_POSITIONAL]
    any_number = any(p.kind is p.VAR_POSITIONAL for p in positional)
    needed = [p for p in positional if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    most = math.inf if any_number else len(positional)
    return len(needed) or min(1, len(positional)), most


def copied(thing: Any, shared: Mapping[int, Any]) -> Any:
    """A deep copy that shares some objects, by their ids, with the original."""
    return copy.deepcopy(thing, dict(shared))


def uncopyable(root: Any) -> dict[int, Any]:
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
