"""Generic mistakes of what a layer remembers, and shares, from one call to the next."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from conformance.misreadings.generic import (
    generic,
    has_modes,
    has_parameters,
    has_samples,
)
from conformance.misreadings.mutants import Array, Right, is_layer
from conformance.spec.model import Spec
from reference_impls.numpy_reference.optimizers import Optimizer, State


def remembers(spec: Spec) -> bool:
    """Layers and losses whose backward needs more of forward than the shape of the input."""
    return spec.kind in ("layer", "loss") and spec.name not in ("Identity", "Flatten")


def needs_values(spec: Spec) -> bool:
    """Those among them whose backward depends on the values of the input: a mask is drawn."""
    return remembers(spec) and not any(mode.random for mode in spec.modes.values())


def switches(spec: Spec) -> bool:
    """Layers with modes of their own, not those of layers inside."""
    return spec.kind == "layer" and has_modes(spec)


def of_forward(layer: Any) -> dict[str, Any]:
    """What a forward of the references has left for backward."""
    return {name: value for name, value in vars(layer).items() if name.startswith("_")}


# --- caches ---------------------------------------------------------------------------------------


@generic(
    "first-cache-kept",
    "what forward leaves for backward is made only where there is none of this shape yet, so "
    "backward belongs to the first forward",
    "last_forward",
    "dropout_mask",
    applies=remembers,
)
class FirstCacheKept(Right):
    """Fills its cache once."""

    kept: Mapping[str, Any] = {}
    shape: tuple[int, ...] | None = None

    def forward(self, *inputs: Array) -> Array:
        output = super().forward(*inputs)
        if self.shape != inputs[0].shape:
            self.shape, self.kept = inputs[0].shape, of_forward(self)
        return output

    def backward(self, grad_output: Array) -> Array:
        vars(self).update(self.kept)
        return super().backward(grad_output)


@generic(
    "cache-on-the-class",
    "what forward leaves for backward is an attribute of the class, so all layers share it",
    "instances",
    applies=remembers,
)
class CacheOnTheClass(Right):
    """Lets all its instances share one cache."""

    shared: ClassVar[dict[str, Any]] = {}

    def forward(self, *inputs: Array) -> Array:
        output = super().forward(*inputs)
        type(self).shared = of_forward(self)
        return output

    def backward(self, grad_output: Array) -> Array:
        vars(self).update(type(self).shared)
        return super().backward(grad_output)


@generic(
    "eval-cache-preferred",
    "a forward in eval mode leaves a cache of its own, and backward takes that one ever after",
    "other_mode_between",
    "mode_of_forward",
    "dropout_mask",
    applies=switches,
)
class EvalCachePreferred(Right):
    """Does not return from a validation pass."""

    kept: Mapping[str, Any] = {}

    def forward(self, *inputs: Array) -> Array:
        output = super().forward(*inputs)
        if not self.training:
            self.kept = of_forward(self)
        return output

    def backward(self, grad_output: Array) -> Array:
        vars(self).update(self.kept)
        return super().backward(grad_output)


@generic(
    "state-on-the-class",
    "what is remembered of the parameters is an attribute of the class, so all optimizers share it",
    "trajectory",
    applies=lambda spec: spec.kind == "optimizer",
)
class StateOnTheClass(Optimizer):
    """Goes on where the optimizer before it has stopped."""

    shared: ClassVar[dict[tuple[Any, ...], list[State]]] = {}

    def step(self) -> None:
        key = type(self), *((parameter.shape, parameter.dtype) for parameter, _ in self._pairs())
        self.state = self.shared.setdefault(key, self.state)
        super().step()


class _Again(Right):
    """Does what forward does for backward in backward, from what it remembers."""

    before: Any
    inputs: tuple[Array, ...]

    def forward(self, *inputs: Array) -> Array:
        self.before = copy.deepcopy(self, {id(self.__dict__.get("before")): None})
        self.inputs = inputs
        return super().forward(*inputs)

    def backward(self, grad_output: Array) -> Array:
        again, inputs = self.prepared(self.before)
        super(_Again, again).forward(*inputs)
        vars(self).update(of_forward(again))
        return super().backward(grad_output)

    def prepared(self, before: Any) -> tuple[Any, tuple[Array, ...]]:
        """The layer as it was before forward, and what to give to it; here the mistake is made."""
        raise NotImplementedError


@generic(
    "input-kept",
    "forward keeps the caller's array for backward, and the caller may overwrite it meanwhile: "
    "keep a copy",
    "input_overwritten",
    applies=needs_values,
)
class InputKept(_Again):
    """Looks at its input once more in backward."""

    def prepared(self, before: Any) -> tuple[Any, tuple[Array, ...]]:
        return before, self.inputs


@generic(
    "parameters-of-backward",
    "backward uses the parameters of the moment: those of its forward count",
    "parameters_replaced",
    applies=lambda spec: spec.kind == "layer" and has_parameters(spec),
)
class ParametersOfBackward(_Again):
    """Looks at its parameters once more in backward."""

    def forward(self, *inputs: Array) -> Array:
        return super().forward(*(x.copy() for x in inputs))

    def prepared(self, before: Any) -> tuple[Any, tuple[Array, ...]]:
        now = self.parameters()
        for name, parameter in before.parameters().items():
            parameter[...] = now[name]
        return before, self.inputs


@generic(
    "backward-adds-up",
    "a second backward after one forward gives the sum of both",
    "backward_twice",
)
class BackwardAddsUp(Right):
    """Adds to the gradient it returned before."""

    total: Array | None = None

    def forward(self, *inputs: Array) -> Array:
        self.total = None
        return super().forward(*inputs)

    def backward(self, grad_output: Array) -> Array:
        gradient = super().backward(grad_output)
        self.total = gradient if self.total is None else self.total + gradient
        return self.total.copy()


@generic(
    "zeros-before-forward",
    "backward before any forward gives zeros: it must raise an error",
    "backward_first",
    applies=remembers,
)
class ZerosBeforeForward(Right):
    """Is never at a loss for an answer."""

    called = False

    def forward(self, *inputs: Array) -> Array:
        self.called = True
        return super().forward(*inputs)

    def backward(self, grad_output: Array) -> Array:
        return super().backward(grad_output) if self.called else np.zeros_like(grad_output)


@generic(
    "rows-left-over",
    "a smaller batch is written into the output of the larger one before, whose other rows stay",
    "batch_sizes",
    applies=has_samples,
)
class RowsLeftOver(Right):
    """Makes its output array once."""

    largest: Array | None = None

    def forward(self, *inputs: Array) -> Array:
        output = super().forward(*inputs)
        kept = self.largest
        if (
            kept is None
            or not output.ndim
            or kept.shape[1:] != output.shape[1:]
            or len(kept) <= len(output)
        ):
            self.largest = output.copy()
            return output
        kept[: len(output)] = output
        return kept.copy()


# --- memory that is shared ------------------------------------------------------------------------


def _into(buffer: Array | None, array: Array) -> Array:
    """The array in the memory of the buffer, where it fits."""
    if buffer is None or buffer.shape != array.shape or buffer.dtype != array.dtype:
        return array.copy()
    buffer[...] = array
    return buffer


@generic(
    "output-buffer",
    "all outputs are written into one array, so the next call rewrites what was returned before",
    "results_kept",
)
class OutputBuffer(Right):
    """Saves memory."""

    buffer: Array | None = None

    def forward(self, *inputs: Array) -> Array:
        self.buffer = _into(self.buffer, super().forward(*inputs))
        return self.buffer


@generic(
    "gradient-buffer",
    "all gradients of the input are written into one array, so the next call rewrites what was "
    "returned before",
    "results_kept",
)
class GradientBuffer(Right):
    """Saves memory in backward."""

    buffer: Array | None = None

    def backward(self, grad_output: Array) -> Array:
        self.buffer = _into(self.buffer, super().backward(grad_output))
        return self.buffer


@generic(
    "copy-shares-parameters",
    "a deep copy has the same arrays as the layer copied, so training one trains the other",
    "deepcopy",
    applies=has_parameters,
)
class CopySharesParameters(Right):
    """Copies references."""

    def __deepcopy__(self, memo: Any) -> Self:
        return copy.copy(self)


@generic(
    "pickle-loses-parameters",
    "a pickle has the layer's settings and not its parameters",
    "pickle",
    "deepcopy",
    applies=lambda spec: spec.kind == "layer" and has_parameters(spec),
)
class PickleLosesParameters(Right):
    """Starts anew when it is loaded."""

    def __getstate__(self) -> dict[str, Any]:
        fresh = {name: np.ones_like(value) for name, value in self.parameters().items()}
        return {**vars(self), **fresh}


@generic(
    "not-copied",
    "the layer holds a function without a name, which neither pickle nor copy can take along",
    "pickle",
    applies=is_layer,
)
class NotCopied(Right):
    """Holds a lambda."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.identity = lambda x: x


@generic(
    "gradients-born-in-backward",
    "there are no gradients before the first backward, and zero_grad() raises an error",
    "zero_grad_first",
    applies=has_parameters,
)
class GradientsBornInBackward(Right):
    """Cannot be zeroed before it has a gradient."""

    born = False

    def backward(self, grad_output: Array) -> Array:
        self.born = True
        return super().backward(grad_output)

    def zero_grad(self) -> None:
        if not self.born:
            raise AttributeError("there is no gradient yet")
        super().zero_grad()


@generic(
    "modes-toggle",
    "eval() in eval mode switches back to training: calling it twice is calling it once",
    "mode_again",
    "modes",
    applies=has_modes,
)
class ModesToggle(Right):
    """Takes both methods for a switch."""

    def train(self, mode: bool = True) -> Self:
        return super().train(mode if self.training != mode else not mode)


# --- the world around -----------------------------------------------------------------------------


@generic(
    "seeds-the-generator",
    "forward seeds NumPy's global generator, so all random numbers around it repeat themselves",
    "random_state",
    "dropout_rate",
)
class SeedsTheGenerator(Right):
    """Makes everything reproducible."""

    def forward(self, *inputs: Array) -> Array:
        np.random.seed(0)
        return super().forward(*inputs)


@generic(
    "draws-from-the-generator",
    "backward draws from NumPy's global generator, although nothing in it is random",
    "random_state",
)
class DrawsFromTheGenerator(Right):
    """Breaks ties by lot, although there are none."""

    def backward(self, grad_output: Array) -> Array:
        np.random.random()
        return super().backward(grad_output)
