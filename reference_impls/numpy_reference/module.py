"""What every layer shares: dtype rules, memory of the last forward, parameters and modes."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Random: TypeAlias = int | np.random.Generator | None
"""A seed, a generator to draw from, or None for a fresh generator."""


def working_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the precision to compute in: float32 for float16, whose sums soon overflow."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def uniform(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, dtype: Any) -> Array:
    """Draw PyTorch's default initial values, uniform within 1 / sqrt(fan_in) of zero."""
    bound = fan_in**-0.5 if fan_in > 0 else 0.0
    return rng.uniform(-bound, bound, shape).astype(dtype)


class Module:
    """Base of all layers.

    A layer implements `_forward(x)`, which leaves in `_saved` what the gradient needs, and
    `_backward(grad_output)`, which adds to the parameter gradients and returns the input's.
    Both see arrays in the working precision. They may return neither a view of their argument
    nor anything that `_saved` holds, since the caller is free to overwrite what it passed or got.
    """

    needs_floats: ClassVar[bool] = True
    parameter_names: ClassVar[tuple[str, ...]] = ()
    buffer_names: ClassVar[tuple[str, ...]] = ()

    training: bool = True
    _saved: Any = None
    _output: tuple[tuple[int, ...], np.dtype[Any]] | None = None  # of the last forward

    def _forward(self, x: Array) -> Array:
        raise NotImplementedError

    def _backward(self, grad_output: Array) -> Array:
        raise NotImplementedError

    def forward(self, x: npt.ArrayLike) -> Array:
        """Return the layer's output for `x`, in the dtype of `x`."""
        x = np.asarray(x)
        if self.needs_floats and x.dtype.kind != "f":
            raise TypeError(f"{self._name}: input has dtype {x.dtype}, expected floating point")
        # As in PyTorch, inf - inf is NaN and an overflow is inf, without a warning.
        with np.errstate(all="ignore"):
            y = np.asarray(self._forward(x.astype(working_dtype(x.dtype), copy=False)), x.dtype)
        self._output = y.shape, x.dtype
        return y

    def backward(self, grad_output: npt.ArrayLike) -> Array:
        """Add to the parameters' gradients and return the input's, for the last forward."""
        if self._output is None:
            raise RuntimeError(f"{self._name}: backward called before forward")
        shape, dtype = self._output
        dy = np.asarray(grad_output, working_dtype(dtype))
        if dy.shape != shape:
            raise ValueError(
                f"{self._name}: grad_output has shape {dy.shape}, expected the output's {shape}"
            )
        with np.errstate(all="ignore"):
            return np.asarray(self._backward(dy), dtype)

    def __call__(self, x: npt.ArrayLike) -> Array:
        """Do the same as `forward`."""
        return self.forward(x)

    def _set_parameters(self, **parameters: Array | None) -> None:
        for name, value in parameters.items():
            if value is not None and value.dtype.kind != "f":
                raise TypeError(f"{self._name}: dtype={value.dtype} is not a floating-point one")
            setattr(self, name, value)
            setattr(self, f"grad_{name}", None if value is None else np.zeros_like(value))

    def _accumulate(self, **gradients: Array) -> None:
        for name, gradient in gradients.items():
            total = getattr(self, f"grad_{name}")
            if total is not None:
                total += gradient  # in place: optimizers hold on to this very array

    def _collect(self, names: tuple[str, ...], prefix: str = "") -> dict[str, Array]:
        values = {name: getattr(self, prefix + name) for name in names}
        return {name: value for name, value in values.items() if value is not None}

    def parameters(self) -> dict[str, Array]:
        """Return the parameters by name; absent ones are left out."""
        return self._collect(self.parameter_names)

    def gradients(self) -> dict[str, Array]:
        """Return the parameters' gradients by parameter name."""
        return self._collect(self.parameter_names, "grad_")

    def buffers(self) -> dict[str, Array]:
        """Return the state that is not learned, by name."""
        return self._collect(self.buffer_names)

    def zero_grad(self) -> None:
        """Set all parameter gradients to zero, in place."""
        for gradient in self.gradients().values():
            gradient[...] = 0

    def train(self, mode: bool = True) -> Self:
        """Switch to training mode (or to evaluation mode) and return the layer."""
        self.training = mode
        return self

    def eval(self) -> Self:
        """Switch to evaluation mode and return the layer."""
        return self.train(False)

    @property
    def _name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        """Return the constructor call, with parameters shown as present or not."""
        config = {
            name: getattr(self, name)
            for name in inspect.signature(type(self)).parameters
            if name not in ("dtype", "rng")
        }
        config |= {
            name: config[name] is not None for name in config if name in self.parameter_names
        }
        return f"{self._name}({', '.join(f'{name}={config[name]!r}' for name in config)})"
