"""The torch-module dialect: ``torch.nn.Module`` with autograd.

This is also how PyTorch itself is driven, as the implementation ``torch`` and as the live oracle.
Importing this file imports PyTorch, in one thread: small trials are several times slower with more.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

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
from conformance.records.trial import Trial

torch.set_num_threads(1)

_DTYPES = {"float64": torch.float64, "float32": torch.float32}


class TorchSubject:
    """Drives one module."""

    def __init__(self, module: torch.nn.Module, trial: Trial) -> None:
        self.module = module
        self.trial = trial
        self.tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        self.given: list[torch.Tensor] = []
        self.result: torch.Tensor | None = None

    def seed(self, seed: int) -> None:
        """Seed PyTorch's global generator."""
        torch.manual_seed(seed)

    def _tensor(self, name: str) -> torch.Tensor:
        if name not in self.tensors:
            known = ", ".join(self.tensors) or "none"
            raise ContractError(
                f"{type(self.module).__name__} has no parameter or buffer {name!r} "
                f"(it has: {known})",
                name,
            )
        return self.tensors[name]

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

    def gradient(self, name: str) -> AnyArray:
        """``.grad`` of a parameter; None means zeros."""
        tensor = self._tensor(name)
        array: AnyArray = (torch.zeros_like(tensor) if tensor.grad is None else tensor.grad).numpy()
        return array

    def forward(self, inputs: Sequence[AnyArray]) -> Sequence[Any]:
        """Call the module on tensors that share the arrays' memory."""
        self.given = [torch.from_numpy(array) for array in inputs]
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
        """Autograd from the last output."""
        if self.result is None:
            raise ContractError("backward before forward")
        gradient = torch.from_numpy(cotangent).to(self.result.dtype)
        torch.autograd.backward(self.result, gradient)
        return [
            np.zeros_like(tensor.detach().numpy()) if tensor.grad is None else tensor.grad.numpy()
            for name, tensor in zip(self.trial.inputs, self.given, strict=True)
            if name in self.trial.differentiable
        ]

    def set_mode(self, mode: str) -> None:
        """``train()`` or ``eval()``."""
        self.module.train(mode == "train")

    def zero_grad(self) -> None:
        """``zero_grad()``."""
        self.module.zero_grad()


class TorchModuleDialect:
    """Builds modules in the trial's dtype."""

    name = "torch-module"

    def recognises(self, factory: Any) -> bool:
        """Any subclass of ``torch.nn.Module``."""
        return isinstance(factory, type) and issubclass(factory, torch.nn.Module)

    def build(self, factory: Factory, trial: Trial) -> Subject:
        """Construct the module, then convert it to the dtype."""
        arguments = {
            name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
            for name, value in given_arguments(trial).items()
        }
        return TorchSubject(factory(**arguments).to(_DTYPES[trial.dtype]), trial)


class PyTorch(Implementation):
    """PyTorch's own layers, found by the path that each spec names."""

    def __init__(self) -> None:
        super().__init__("torch", torch.nn)

    def find(self, trial: Trial) -> Factory | None:
        """The object at the spec's `torch` path, or None where the spec has none."""
        if trial.torch is None:
            return None
        module, _, name = trial.torch.rpartition(".")
        found: Factory | None = getattr(importlib.import_module(module), name, None)
        return found


PYTORCH = PyTorch()
