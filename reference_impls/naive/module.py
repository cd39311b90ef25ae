"""The base class of all layers: parameters, gradients, buffers, modes and the cache."""

from __future__ import annotations

from typing import Any, ClassVar

from numpy.typing import ArrayLike

from .arrays import Array, Nested


class Module:
    """A layer with an explicit backward pass.

    `y = layer.forward(x)` remembers in `_cache` what `dx = layer.backward(grad_output)` needs.
    A parameter `weight` has its gradient beside it in `grad_weight`; gradients add up over
    backward passes until `zero_grad()`. A parameter or buffer that is switched off is None.
    """

    parameter_names: ClassVar[tuple[str, ...]] = ()
    buffer_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.training = True
        self._cache: Any = None

    def forward(self, input: ArrayLike) -> Array:
        """Return the output, and remember what backward needs."""
        raise NotImplementedError

    def backward(self, grad_output: ArrayLike) -> Array:
        """Return the gradient of the input, and add to the gradients of the parameters."""
        raise NotImplementedError

    def __call__(self, input: ArrayLike) -> Array:
        return self.forward(input)

    def _recall(self) -> Any:
        """Return what the last forward remembered."""
        if self._cache is None:
            raise RuntimeError(
                f"{type(self).__name__}.backward was called before any forward: "
                "it needs what forward remembers"
            )
        return self._cache

    def _values(self, name: str, *shape: int) -> Nested:
        """Return a parameter or buffer as nested lists; it must have the given shape."""
        array = getattr(self, name)
        if array.shape != shape:
            raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
        return array.tolist()

    def parameters(self) -> dict[str, Array]:
        """Return the learnable arrays by name (the arrays themselves, not copies)."""
        return self._present(self.parameter_names)

    def gradients(self) -> dict[str, Array]:
        """Return the gradient of each parameter under the parameter's name."""
        return {name: getattr(self, f"grad_{name}") for name in self.parameters()}

    def buffers(self) -> dict[str, Array]:
        """Return the state that is not learned, such as running statistics, by name."""
        return self._present(self.buffer_names)

    def _present(self, names: tuple[str, ...]) -> dict[str, Array]:
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def zero_grad(self) -> None:
        """Set all gradients to zero, in place."""
        for gradient in self.gradients().values():
            gradient[...] = 0

    def train(self, mode: bool = True) -> Module:
        """Switch to training mode (or to evaluation mode, with `mode=False`)."""
        self.training = mode
        return self

    def eval(self) -> Module:
        """Switch to evaluation mode."""
        return self.train(False)

    def extra_repr(self) -> str:
        """Return the constructor arguments, as `repr` shows them."""
        return ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})"
