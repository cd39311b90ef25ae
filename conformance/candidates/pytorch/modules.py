"""The torch-module dialect: ``torch.nn.Module`` with autograd.

This is also how PyTorch itself is driven, as the implementation ``torch`` and as the live oracle.
Importing this file imports PyTorch, in one thread: small trials are several times slower with more.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch

from conformance.candidates.dialect import (
    AnyArray,
    ContractError,
    Factory,
    Subject,
    as_tuple,
    given_arguments,
)
from conformance.candidates.implementation import Implementation
from conformance.candidates.loading.paths import see_working_directory
from conformance.candidates.wiring.arguments import match_arguments
from conformance.candidates.wiring.probe import probe_for
from conformance.candidates.wiring.wiring import Found
from conformance.records.trial import Trial
from conformance.spec.catalogue import find_spec
from conformance.spec.terms import Kind

torch.set_num_threads(1)

_KINDS = (torch.nn.Module, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler)
_DTYPES = {"float64": torch.float64, "float32": torch.float32, "float16": torch.float16}


class TorchSubject:
    """Drives one module."""

    def __init__(self, module: torch.nn.Module, trial: Trial) -> None:
        self.module = module
        self.trial = trial
        self.tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        self.given: list[torch.Tensor] = []
        self.result: torch.Tensor | None = None

    def seed(self, seed: int) -> None:
        """Seed PyTorch's global generator.

        `torch.manual_seed` asks every kind of device, and writes down a stack trace for each that
        is not there: more work than most trials.
        """
        torch.default_generator.manual_seed(seed)
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(seed)

    def _tensor(self, name: str) -> torch.Tensor:
        if name not in self.tensors:
            known = ", ".join(self.tensors) or "none"
            raise ContractError(
                f"{type(self.module).__name__} has no parameter or buffer {name!r} "
                f"(it has: {known})",
                name,
            )
        return self.tensors[name]

    def handle(self, name: str) -> torch.Tensor:
        """The parameter's own tensor."""
        return self._tensor(name)

    def get(self, name: str) -> AnyArray:
        """A parameter or buffer."""
        array: AnyArray = self._tensor(name).detach().numpy()
        return array

    def set(self, name: str, value: AnyArray) -> None:
        """Copy values into a parameter or buffer."""
        tensor = self._tensor(name)
        if tuple(tensor.shape) != value.shape:
            raise ContractError(
                f"{type(self.module).__name__}.{name} has shape {tuple(tensor.shape)}, "
                f"but should have {value.shape}",
                name,
            )
        with torch.no_grad():
            tensor.copy_(torch.from_numpy(value))

    def holds(self, name: str) -> bool:
        """Whether a parameter or buffer is registered under the name."""
        return name in self.tensors

    def gradient(self, name: str) -> AnyArray:
        """``.grad`` of a parameter; None means zeros."""
        return _gradient(self._tensor(name))

    def forward(self, inputs: Sequence[AnyArray]) -> Sequence[Any]:
        """Call the module on tensors that share the arrays' memory."""
        self.given = [_tensor(array) for array in inputs]
        for name, tensor in zip(self.trial.inputs, self.given, strict=True):
            if name in self.trial.differentiable:
                tensor.requires_grad_()
        outputs = as_tuple(
            self.module(*self.given), self.trial.outputs, f"{type(self.module).__name__}.forward"
        )
        for output in outputs:
            if not isinstance(output, torch.Tensor):
                raise ContractError(
                    f"{type(self.module).__name__}.forward returned a {type(output).__name__}, "
                    "not a torch.Tensor"
                )
        self.result = outputs[0]
        return [output.detach().numpy() for output in outputs]

    def backward(self, cotangent: AnyArray) -> Sequence[Any]:
        """Autograd from the last output, whose graph stays: backward may come again."""
        if self.result is None:
            raise RuntimeError("backward before forward")
        for tensor in self.given:
            tensor.grad = None  # what adds up are the gradients of parameters
        gradient = _tensor(cotangent).to(self.result.dtype)
        torch.autograd.backward(self.result, gradient, retain_graph=True)
        return [
            np.zeros_like(tensor.detach().numpy()) if tensor.grad is None else tensor.grad.numpy()
            for name, tensor in zip(self.trial.inputs, self.given, strict=True)
            if name in self.trial.differentiable
        ]

    def facts(self) -> Mapping[str, str]:
        """Of a container: ``len()``, ``[i]`` and the order of ``named_parameters()``."""
        children = list(self.module.children())
        whole: Any = self.module
        indexed = all(whole[i] is child for i, child in enumerate(children))
        return {
            "length": str(len(whole)),
            "indexing": str(indexed and whole[-1] is children[-1]),
            "parameters": " ".join(name for name, _ in self.module.named_parameters()),
        }

    def set_mode(self, mode: str) -> None:
        """``train()`` or ``eval()``."""
        self.module.train(mode == "train")

    def zero_grad(self) -> None:
        """``zero_grad()``."""
        self.module.zero_grad()

    def overwritten(self, what: str) -> None:
        """Count the change, as PyTorch does where a tensor is changed by its own operations."""
        results = [] if self.result is None else [self.result]
        for tensor in {"inputs": self.given, "outputs": results}.get(what, []):
            tensor.detach().add_(0)  # shares its counter of changes with the tensor

    def __getstate__(self) -> dict[str, Any]:
        """The module as a copy gets it: PyTorch does not copy results that have a graph."""
        return {**vars(self), "given": [], "result": None}


def _tensor(array: AnyArray) -> torch.Tensor:
    """A tensor that shares the array's memory; a copy where PyTorch cannot (negative strides)."""
    negative = any(stride < 0 for stride in array.strides)
    return torch.from_numpy(array.copy() if negative or not array.flags.writeable else array)


def _gradient(tensor: torch.Tensor) -> AnyArray:
    array: AnyArray = (torch.zeros_like(tensor) if tensor.grad is None else tensor.grad).numpy()
    return array


class TorchOptimizer:
    """Drives one ``torch.optim`` optimizer."""

    def __init__(self, tensors: dict[str, torch.Tensor], optimizer: torch.optim.Optimizer) -> None:
        self.tensors = tensors
        self.optimizer = optimizer

    def get(self, name: str) -> AnyArray:
        """A parameter."""
        array: AnyArray = self.tensors[name].detach().numpy()
        return array

    def gradient(self, name: str) -> AnyArray:
        """``.grad``; None means zeros."""
        return _gradient(self.tensors[name])

    def update(self, gradients: Mapping[str, AnyArray]) -> None:
        """Set ``.grad``, then ``step()``."""
        for name, value in gradients.items():
            self.tensors[name].grad = torch.from_numpy(value.copy())
        self.optimizer.step()

    def set_rate(self, rate: float) -> None:
        """The rate of every group."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def zero_grad(self) -> None:
        """``zero_grad()``."""
        self.optimizer.zero_grad()


class TorchScheduler:
    """Drives one ``torch.optim.lr_scheduler`` scheduler."""

    def __init__(self, optimizer: torch.optim.Optimizer, scheduler: Any) -> None:
        self.optimizer = optimizer
        self.scheduler = scheduler

    def advance(self) -> None:
        """``step()``, after the optimizer's as PyTorch wants it."""
        self.optimizer.step()
        self.scheduler.step()

    def rate(self) -> float:
        """The rate of the only group."""
        return float(self.optimizer.param_groups[0]["lr"])

    def reported(self) -> float:
        """``get_last_lr()``."""
        return float(self.scheduler.get_last_lr()[0])


def _arguments(factory: Factory, trial: Trial) -> Mapping[str, Any]:
    """A constructor's keyword arguments: all of them for PyTorch's own, else those it takes."""
    if factory.__module__.startswith(("torch.", "conformance.")):
        return given_arguments(trial)
    construction = match_arguments(factory, probe_for(trial), factory.__name__)
    keywords = construction.keywords(trial)
    return {name: value for name, value in keywords.items() if name not in ("dtype", "rng")}


class TorchModuleDialect:
    """Builds modules in the trial's dtype."""

    name = "torch-module"

    def recognises(self, factory: Any) -> bool:
        """Any module, optimizer or scheduler class of PyTorch's kind."""
        return isinstance(factory, type) and issubclass(factory, _KINDS)

    def build(self, factory: Factory, trial: Trial) -> Subject:
        """Construct the module, then convert it to the dtype."""
        arguments = {
            name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
            for name, value in _arguments(factory, trial).items()
        }
        return TorchSubject(factory(**arguments).to(_DTYPES[trial.dtype]), trial)

    def assemble(
        self, factory: Factory, parts: Mapping[str, Subject], trial: Trial
    ) -> TorchSubject:
        """Construct a container of modules."""
        modules = [cast(TorchSubject, part).module for part in parts.values()]
        return TorchSubject(factory(*modules), trial)

    def build_optimizer(
        self, factory: Factory, trial: Trial, handles: Mapping[str, Any] | None = None
    ) -> TorchOptimizer:
        """Construct the optimizer over fresh ``torch.nn.Parameter``s, or over those of modules."""
        tensors: dict[str, torch.Tensor] = {
            name: torch.nn.Parameter(torch.tensor(value, dtype=_DTYPES[trial.dtype]))
            for name, value in trial.parameters.items()
        }
        tensors = dict(handles) if handles is not None else tensors
        optimizer = factory(list(tensors.values()), **given_arguments(trial))
        return TorchOptimizer(tensors, optimizer)

    def build_scheduler(self, factory: Factory, trial: Trial) -> TorchScheduler:
        """Construct the scheduler on an SGD without anything to do."""
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=trial.lr0)
        return TorchScheduler(optimizer, factory(optimizer, **given_arguments(trial)))


class PyTorch(Implementation):
    """PyTorch's own layers, found by the path that each spec names."""

    def __init__(self) -> None:
        super().__init__("torch", torch.nn)

    def lacks(self, layer: str, kind: Kind) -> bool:
        """Whether the spec names no counterpart; one of a user's own spec is looked for later."""
        try:
            return kind != "net" and find_spec(layer).header.torch is None
        except KeyError:
            return False

    def find(self, trial: Trial) -> Found | None:
        """The object at the spec's `torch` path, or None where the spec has none.

        A path that leads nowhere raises what Python raises for it.
        """
        if trial.torch is None:
            return None
        see_working_directory()  # a user's spec may name a module of its own
        module, _, name = trial.torch.rpartition(".")
        factory: Factory = getattr(importlib.import_module(module), name)
        return Found(name, factory, TorchModuleDialect())


PYTORCH = PyTorch()
