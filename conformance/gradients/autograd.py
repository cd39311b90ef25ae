"""PyTorch's modules, and functions of tensors: their gradients are those that autograd gives.

Importing this file imports PyTorch: only done where the user has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from conformance.candidates.dialect import ContractError
from conformance.gradients.inputs import Inputs, plain
from conformance.gradients.layers import copied, uncopyable
from conformance.gradients.result import Array
from conformance.gradients.subjects import Precision, Raised, Subject, call, flat_outputs
from conformance.sessions.generators import reseed

_DTYPES = {"float64": torch.float64, "float32": torch.float32}


class Autograd(Subject):
    """A module, of which only copies are used, or a function of tensors."""

    def __init__(
        self,
        f: Any,
        inputs: Inputs,
        target: Any,
        parameters: Sequence[str] | None,
        dtype: Precision,
        seed: int,
    ) -> None:
        self.module = isinstance(f, torch.nn.Module)
        name = type(f).__name__ if self.module else _name(f)
        super().__init__(name, inputs, target, dtype, seed)
        self.what = f"{name}.forward" if self.module else name
        self.shared = uncopyable(f) if self.module else {}
        self.original: Any = copied(f, self.shared).to(_DTYPES[dtype]) if self.module else f
        placed = [*f.parameters(), *f.buffers()] if self.module else []
        placed += [tensor for tensor in inputs.given if isinstance(tensor, torch.Tensor)]
        self.device = placed[0].device if placed else torch.device("cpu")
        self.graph = True
        self.begin(parameters)
        # Without a graph forwards are faster, but code that uses autograd itself needs it.
        self.graph = False
        try:
            same = all(map(np.array_equal, self.seeded(), self.first))
        except (ContractError, Raised):
            same = False
        self.graph = not (same or self.stateful)

    def renew(self) -> None:
        """Another copy."""
        self.worker = copied(self.original, self.shared) if self.module else self.original
        self.known = _named(self.worker) if self.module else {}

    def run(self, arrays: list[Array]) -> list[Array]:
        """What forward returns; integers beside floating-point numbers left out."""
        self.leaves = [self._tensor(array) for array in arrays]
        if self.graph:
            for leaf in self.leaves[: len(self.given)]:
                leaf.requires_grad_(leaf.is_floating_point())
        with torch.set_grad_enabled(self.graph):
            outputs = flat_outputs(call(self.what, self.worker, *self.leaves), self.what)
        for output in outputs:
            if not isinstance(output, torch.Tensor):
                kind = type(output).__name__
                raise ContractError(f"{self.what} returned a {kind}, not a torch.Tensor")
            if output.is_complex():
                raise ContractError(
                    f"{self.what} returned complex numbers: check a function that returns their "
                    "real and their imaginary part, as torch.view_as_real does"
                )
        self.results = [output for output in outputs if output.is_floating_point()] or outputs
        return [plain(output) for output in self.results]

    def put(self, name: str, value: Array) -> None:
        """Copy values into a parameter."""
        self.known[name].detach().copy_(torch.from_numpy(value))

    def gradients(self) -> Mapping[str, Any]:
        """What autograd gives; zeros where no output depends on a tensor."""
        worker, known, graph = self.worker, self.known, self.graph
        self.renew()
        self.graph = True
        for name in self.tensors:
            if name not in self.names:
                self.known[name].requires_grad_()
        self.seeded()
        self.graph = graph
        leaves = {**dict(zip(self.given, self.leaves, strict=False)), **self.known}
        pairs = [
            (result, self._tensor(cotangent).to(result.dtype))
            for result, cotangent in zip(self.results, self.cotangents, strict=True)
            if result.requires_grad
        ]
        try:
            if not pairs:
                raise ContractError(
                    f"{self.what} returned no tensor that autograd can differentiate: compute it "
                    "by operations on tensors, without detach(), numpy() or no_grad()"
                )
            results, cotangents = zip(*pairs, strict=True)
            wanted = [leaves[name] for name in self.tensors]
            reseed(self.seed)
            found = call(
                f"{self.name}.backward",
                lambda: torch.autograd.grad(results, wanted, cotangents, allow_unused=True),
            )
        except (ContractError, Raised) as error:
            return dict.fromkeys(self.tensors, error)
        finally:
            self.worker, self.known = worker, known
        return {
            name: np.zeros_like(self.tensors[name]) if gradient is None else plain(gradient)
            for name, gradient in zip(self.tensors, found, strict=True)
        }

    def parameter(self, name: str) -> Array:
        """A copy of a parameter's values."""
        known = dict(_named(self.original)) if self.module else {}
        if name not in known:
            raise ContractError(f"{self.name} has no parameter {name!r}")
        return np.array(plain(known[name]))

    def parameters(self) -> list[str]:
        """The names of the parameters that require a gradient."""
        if not self.module:
            return []
        return [name for name, tensor in self.original.named_parameters() if tensor.requires_grad]

    def _tensor(self, array: Array) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)


def _named(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {**dict(module.named_buffers()), **dict(module.named_parameters())}


def differentiates(f: Callable[..., Any], inputs: Inputs, dtype: Precision) -> bool:
    """Whether `f` is left to autograd: it does not return the pair of a loss and its gradient.

    Asked by calling it. The first of a pair is a scalar; the second a tensor without a graph, or
    as large as the input, or a tuple. What raises is no function of tensors, as far as this goes.
    """
    if _function_of(f) is not None:
        return True
    if not any(isinstance(tensor, torch.Tensor) for tensor in inputs.given):
        return False
    tensors = [
        torch.as_tensor(
            array.astype(dtype) if array.dtype.kind == "f" else array.copy(),
            device=getattr(given, "device", None),
        ).requires_grad_(array.dtype.kind == "f")
        for given, array in zip(inputs.given, inputs.arrays.values(), strict=True)
    ]
    try:
        returned = f(*tensors)
    except Exception:
        return False
    if not isinstance(returned, tuple | list):
        return isinstance(returned, torch.Tensor | Mapping)
    if len(returned) == 2 and np.size(plain(returned[0])) == 1:
        second = returned[1]
        if not (isinstance(second, torch.Tensor) and second.requires_grad):
            return False
        return len(tensors) > 1 or second.shape != tensors[0].shape
    return True


def _function_of(f: Any) -> type | None:
    """The ``torch.autograd.Function`` that `f` is the ``apply`` of."""
    owner = getattr(f, "__self__", None)
    is_function = isinstance(owner, type) and issubclass(owner, torch.autograd.Function)
    return owner if is_function else None


def _name(f: Any) -> str:
    owner = _function_of(f)
    own = getattr(f, "__name__", type(f).__name__).replace("<lambda>", "f")
    return f"{owner.__name__}.apply" if owner else own
