"""Mistakes that any layer can make, as mixins for every layer that they can apply to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np

from conformance.misreadings.catalogue import mixed
from conformance.misreadings.mutants import Array, Mutant, Right, cases, is_layer, like
from conformance.spec.model import Argument, Spec
from reference_impls import numpy_reference as reference

Applies = Callable[[Spec], bool]
Class = TypeVar("Class", bound=type)


@dataclass(frozen=True)
class Generic:
    """A mistake, and the specs for which it is one and can show."""

    id: str
    explains: str
    killed_by: tuple[str, ...]
    applies: Applies
    mistake: type


GENERIC: list[Generic] = []


def generic_mutants(spec: Spec) -> Iterator[Mutant]:
    """The spec's class with each of the generic mistakes that can apply to it.

    Those that the spec lists among its own misreadings are left to it.
    """
    own = {entry.id for entry in spec.misreadings}
    for entry in GENERIC:
        if entry.id not in own and entry.applies(spec):
            wrong = mixed(entry.mistake, getattr(reference, spec.name))
            classes = {spec.name: wrong}
            yield Mutant(spec.name, entry.id, entry.explains, entry.killed_by, classes)
    for name, argument in spec.config.items():
        if not argument.required:
            yield _without(spec, name, argument)


def generic(
    id: str, explains: str, *killed_by: str, applies: Applies = is_layer
) -> Callable[[Class], Class]:
    """Put the mistake of the mixin below into the list."""

    def decorate(mistake: Class) -> Class:
        GENERIC.append(Generic(id, explains, killed_by, applies, mistake))
        return mistake

    return decorate


# --- to what they apply ---------------------------------------------------------------------------


def has_parameters(spec: Spec) -> bool:
    """Layers with parameters, and containers."""
    return is_layer(spec) and any(bound.parameters() for bound in cases(spec))


def keeps_gradients(spec: Spec) -> bool:
    """Layers that hold gradient arrays of their own."""
    return spec.kind == "layer" and has_parameters(spec)


def has_twins(spec: Spec) -> bool:
    """Layers with two parameters of the same shape."""
    return is_layer(spec) and any(_twins(bound.parameters()) for bound in cases(spec))


def has_buffers(spec: Spec) -> bool:
    """Layers with buffers, and containers of some."""
    return is_layer(spec) and any(bound.buffers() for bound in cases(spec))


def has_modes(spec: Spec) -> bool:
    """Layers that do not do the same in train and in eval."""
    return is_layer(spec) and bool(spec.modes)


def has_start(spec: Spec) -> bool:
    """Layers whose spec states some initial value."""
    return any(parameter.init for parameter in spec.parameters.values())


def has_samples(spec: Spec) -> bool:
    """Layers, and containers, whose output has a row for each sample."""
    return spec.kind in ("layer", "container")


def rounds(spec: Spec) -> bool:
    """Layers that compute: others do the same in any precision."""
    return is_layer(spec) and spec.accuracy.model != "exact"


def sees_nothing(spec: Spec) -> bool:
    """Specs with a case of an empty batch."""
    return is_layer(spec) and any(0 in bound.inputs()["input"] for bound in cases(spec))


def sees_one(spec: Spec) -> bool:
    """Specs with a case whose output has an axis of size 1."""
    return is_layer(spec) and any(1 in s for b in cases(spec) for s in b.outputs().values())


# --- forward --------------------------------------------------------------------------------------


@generic(
    "output-upcast",
    "the output is float64 whatever the input: results have the dtype of the input",
    "dtype",
)
class OutputUpcast(Right):
    """The output is float64."""

    def forward(self, *inputs: Array) -> Array:
        return np.asarray(super().forward(*inputs), np.float64)


@generic(
    "output-downcast",
    "the output is float32 whatever the input: results have the dtype of the input",
    "dtype",
)
class OutputDowncast(Right):
    """The output is float32."""

    def forward(self, *inputs: Array) -> Array:
        return np.asarray(super().forward(*inputs), np.float32)


@generic(
    "float32-inside",
    "everything is computed in float32 and returned as float64: compute in the dtype of the input",
    "forward",
    "dropout_values",
    "precision",
)
class Float32Inside(Right):
    """Computes in float32."""

    def forward(self, *inputs: Array) -> Array:
        x, *others = inputs
        return like(super().forward(x.astype(np.float32), *others), x)

    def backward(self, grad_output: Array) -> Array:
        return like(super().backward(np.asarray(grad_output, np.float32)), grad_output)


@generic(
    "output-rounded",
    "the output is rounded to six decimals",
    "forward",
    "dropout_values",
    "fd_{tensor}",
)
class OutputRounded(Right):
    """Rounds to six decimals."""

    def forward(self, *inputs: Array) -> Array:
        return np.asarray(np.round(super().forward(*inputs), 6))


@generic(
    "output-squeezed",
    "axes of size 1 are dropped from the output, so a batch of one sample loses its batch axis",
    "shape",
    applies=sees_one,
)
class OutputSqueezed(Right):
    """Drops axes of size 1."""

    def forward(self, *inputs: Array) -> Array:
        return np.squeeze(super().forward(*inputs))


@generic(
    "empty-batch-refused",
    "an input without elements raises an error: the output of an empty batch is empty",
    "shape",
    applies=sees_nothing,
)
class EmptyBatchRefused(Right):
    """Takes the maximum of its input for some purpose."""

    def forward(self, *inputs: Array) -> Array:
        np.max(inputs[0])
        return super().forward(*inputs)


@generic(
    "first-sample-for-all",
    "every row of the output is that of the first sample",
    "forward",
    applies=has_samples,
)
class FirstSampleForAll(Right):
    """Gives the first sample's result for the whole batch."""

    def forward(self, *inputs: Array) -> Array:
        output = super().forward(*inputs)
        return np.broadcast_to(output[:1], output.shape).copy() if output.size else output


@generic(
    "call-before-leaks",
    "the output of the call before is still in the output: a layer computes each output anew",
    "repeatability",
)
class CallBeforeLeaks(Right):
    """Adds to its last output instead of starting at zero."""

    last: Array | None = None

    def forward(self, *inputs: Array) -> Array:
        output = super().forward(*inputs)
        if self.last is not None and self.last.shape == output.shape:
            output = output + like(self.last, output)
        self.last = output.copy()
        return output


@generic(
    "input-clobbered",
    "forward writes into its input: the caller's array must stay as it was",
    "purity",
)
class InputClobbered(Right):
    """Uses its input as scratch space."""

    def forward(self, *inputs: Array) -> Array:
        output = super().forward(*inputs)
        inputs[0][...] = 0
        return output


@generic(
    "parameters-clobbered",
    "forward changes the parameters: only an optimizer does",
    "purity",
    applies=has_parameters,
)
class ParametersClobbered(Right):
    """Lets its parameters decay."""

    def forward(self, *inputs: Array) -> Array:
        output = super().forward(*inputs)
        for parameter in self.parameters().values():
            parameter *= 0.75
        return output


@generic(
    "parameters-of-the-first-call",
    "forward keeps using the parameters of its first call: those of now count",
    "parameters_seen",
    "fd_{tensor}",
    applies=has_parameters,
)
class ParametersOfTheFirstCall(Right):
    """Remembers its parameters for ever."""

    first: dict[str, Array] | None = None

    def forward(self, *inputs: Array) -> Array:
        now = {name: parameter.copy() for name, parameter in self.parameters().items()}
        self.first = self.first or now
        self._set(self.first)
        output = super().forward(*inputs)
        self._set(now)
        return output

    def _set(self, values: dict[str, Array]) -> None:
        for name, parameter in self.parameters().items():
            parameter[...] = values[name]


# --- the gradient of the input --------------------------------------------------------------------

GRADIENTS = ("grad_{tensor}", "fd_{tensor}")


@generic(
    "gradient-upcast",
    "the gradient of the input is float64 whatever the input: it has the dtype of the input",
    "dtype",
)
class GradientUpcast(Right):
    """The gradient is float64."""

    def backward(self, grad_output: Array) -> Array:
        return np.asarray(super().backward(grad_output), np.float64)


@generic(
    "gradient-not-returned",
    "backward returns nothing: it must return the gradient of the input",
    "backward",
)
class GradientNotReturned(Right):
    """Forgets its return statement."""

    def backward(self, grad_output: Array) -> Any:
        super().backward(grad_output)


@generic("gradient-doubled", "the gradient of the input is twice what it should be", *GRADIENTS)
class GradientDoubled(Right):
    """Adds the gradient to itself."""

    def backward(self, grad_output: Array) -> Array:
        return 2 * super().backward(grad_output)


@generic("gradient-negated", "the gradient of the input has the wrong sign", *GRADIENTS)
class GradientNegated(Right):
    """Has the sign of a descent direction."""

    def backward(self, grad_output: Array) -> Array:
        return -super().backward(grad_output)


@generic(
    "gradient-over-the-batch",
    "the gradient of the input is divided by the batch size; the loss has taken its mean already",
    *GRADIENTS,
)
class GradientOverTheBatch(Right):
    """Divides by the batch size."""

    def backward(self, grad_output: Array) -> Array:
        gradient = super().backward(grad_output)
        return gradient / like(np.asarray(max(1, len(np.atleast_1d(gradient)))), gradient)


@generic("gradient-zero", "the gradient of the input is zero everywhere", *GRADIENTS)
class GradientZero(Right):
    """Leaves the gradient at zero."""

    def backward(self, grad_output: Array) -> Array:
        return np.zeros_like(super().backward(grad_output))


@generic(
    "gradient-clipped",
    "the gradient of the input is clipped to -1/8 … 1/8; that is the optimizer's business",
    *GRADIENTS,
)
class GradientClipped(Right):
    """Clips the gradient."""

    def backward(self, grad_output: Array) -> Array:
        return np.clip(super().backward(grad_output), -0.125, 0.125)


@generic(
    "gradient-of-the-first-sample",
    "every sample gets the input gradient of the first one",
    *GRADIENTS,
)
class GradientOfTheFirstSample(Right):
    """Gives the first sample's gradient for the whole batch."""

    def backward(self, grad_output: Array) -> Array:
        gradient = super().backward(grad_output)
        return np.broadcast_to(gradient[:1], gradient.shape).copy() if gradient.ndim else gradient


@generic(
    "cotangent-ignored",
    "backward takes the gradient of the output for ones, whatever it is given",
    *GRADIENTS,
    "dropout_mask",
)
class CotangentIgnored(Right):
    """Starts at ones."""

    def backward(self, grad_output: Array) -> Array:
        return super().backward(np.ones_like(grad_output))


@generic(
    "cotangent-clobbered",
    "backward writes into the gradient it is given: the caller's array must stay as it was",
    "purity",
)
class CotangentClobbered(Right):
    """Uses the gradient of the output as scratch space."""

    def backward(self, grad_output: Array) -> Array:
        gradient = super().backward(grad_output)
        grad_output[...] = 0
        return gradient


def keeps_shape(spec: Spec) -> bool:
    """Layers whose output has the shape of their input in the first case."""
    bound = next(iter(cases(spec)))
    shapes = [*bound.inputs().values(), *bound.outputs().values()] if is_layer(spec) else []
    fits = spec.kind == "layer" and len(shapes) == 2 and shapes[0] == shapes[1]
    return fits and spec.name != "Identity"  # whose gradient is the cotangent


@generic(
    "gradient-in-the-cotangent",
    "backward puts the input's gradient into the array that it was given and returns that: the "
    "caller's array must stay as it was, and the result be another",
    "aliasing",
    "purity",
    applies=keeps_shape,
)
class GradientInTheCotangent(Right):
    """Saves an array."""

    def backward(self, grad_output: Array) -> Array:
        grad_output[...] = super().backward(grad_output)
        return grad_output


# --- gradients of parameters ----------------------------------------------------------------------


@generic(
    "gradients-overwritten",
    "backward overwrites the parameters' gradients: they add up until zero_grad()",
    "accumulation",
    applies=has_parameters,
)
class GradientsOverwritten(Right):
    """Starts each backward at zero."""

    def backward(self, grad_output: Array) -> Array:
        self.zero_grad()
        return super().backward(grad_output)


@generic(
    "gradients-never-zeroed",
    "zero_grad() does nothing: gradients of the steps before stay",
    "zeroing",
    applies=has_parameters,
)
class GradientsNeverZeroed(Right):
    """Has an empty zero_grad."""

    def zero_grad(self) -> None:
        pass


@generic(
    "gradients-none",
    "zero_grad() sets gradients to None, and the next backward cannot add to None",
    "zeroing",
    applies=keeps_gradients,
)
class GradientsNone(Right):
    """Throws its gradients away."""

    def zero_grad(self) -> None:
        for name in self.parameters():
            setattr(self, f"grad_{name}", None)

    def backward(self, grad_output: Array) -> Array:
        for name in self.parameters():
            total = getattr(self, f"grad_{name}")
            total += 0
        return super().backward(grad_output)


class _Gradients(Right):
    """Changes what one backward adds to the parameters' gradients."""

    def backward(self, grad_output: Array) -> Array:
        before = {name: gradient.copy() for name, gradient in self.gradients().items()}
        returned = super().backward(grad_output)
        added = {name: gradient - before[name] for name, gradient in self.gradients().items()}
        self.change(added, max(1, len(np.atleast_1d(returned))))
        for name, gradient in self.gradients().items():
            gradient[...] = before[name] + added[name]
        return returned

    def change(self, added: dict[str, Array], batch: int) -> None:
        """Make the mistake."""
        raise NotImplementedError


@generic(
    "parameter-gradients-missing",
    "backward leaves the parameters' gradients at zero",
    *GRADIENTS,
    applies=has_parameters,
)
class ParameterGradientsMissing(_Gradients):
    """Computes the gradient of the input only."""

    def change(self, added: dict[str, Array], batch: int) -> None:
        for gradient in added.values():
            gradient[...] = 0


@generic(
    "parameter-gradients-averaged",
    "the parameters' gradients are divided by the batch size; the loss has taken its mean already",
    *GRADIENTS,
    applies=has_parameters,
)
class ParameterGradientsAveraged(_Gradients):
    """Takes a mean over the batch where a sum is due."""

    def change(self, added: dict[str, Array], batch: int) -> None:
        for gradient in added.values():
            gradient /= batch


@generic(
    "parameter-gradients-swapped",
    "two parameters of the same shape have got each other's gradients",
    *GRADIENTS,
    applies=has_twins,
)
class ParameterGradientsSwapped(_Gradients):
    """Mixes up two gradients that look alike."""

    def change(self, added: dict[str, Array], batch: int) -> None:
        if twins := _twins({name: gradient.shape for name, gradient in added.items()}):
            one, other = twins
            added[one], added[other] = added[other], added[one]


def _twins(shapes: dict[str, tuple[int, ...]]) -> tuple[str, str] | None:
    """The first two names that have the same shape."""
    seen: dict[tuple[int, ...], str] = {}
    for name, shape in shapes.items():
        if shape in seen:
            return seen[shape], name
        seen[shape] = name
    return None


@generic(
    "backward-steps",
    "backward moves the parameters along their gradients: that is the optimizer's business",
    "purity",
    applies=has_parameters,
)
class BackwardSteps(Right):
    """Is its own optimizer."""

    def backward(self, grad_output: Array) -> Array:
        returned = super().backward(grad_output)
        for name, gradient in self.gradients().items():
            self.parameters()[name][...] -= 0.125 * gradient
        return returned


# --- modes, buffers, starting values --------------------------------------------------------------


@generic(
    "eval-ignored",
    "eval() changes nothing: the layer goes on as in training",
    "forward",
    "modes",
    applies=has_modes,
)
class EvalIgnored(Right):
    """Always trains."""

    def train(self, mode: bool = True) -> Self:
        return super().train(True)


@generic(
    "train-ignored",
    "train() changes nothing: the layer always does what it should do in eval",
    "forward",
    "modes",
    "dropout_values",
    applies=has_modes,
)
class TrainIgnored(Right):
    """Never trains."""

    def train(self, mode: bool = True) -> Self:
        return super().train(False)


@generic(
    "eval-for-ever",
    "eval() changes what train() cannot restore (Dropout's p set to 0)",
    "modes",
    "dropout_values",
    applies=has_modes,
)
class EvalForEver(Right):
    """Does not come back from eval."""

    left = False

    def train(self, mode: bool = True) -> Self:
        self.left = self.left or not mode
        return super().train(not self.left)


@generic(
    "buffers-never-updated",
    "forward in training leaves the running statistics as they are",
    "{tensor}",
    applies=has_buffers,
)
class BuffersNeverUpdated(Right):
    """Puts its buffers back after each forward."""

    def forward(self, *inputs: Array) -> Array:
        before = {name: buffer.copy() for name, buffer in self.buffers().items()}
        output = super().forward(*inputs)
        for name, buffer in self.buffers().items():
            buffer[...] = before[name]
        return output


@generic(
    "buffers-updated-by-backward",
    "backward changes the running statistics, too: only forward in training does",
    "buffers_kept",
    applies=has_buffers,
)
class BuffersUpdatedByBackward(Right):
    """Updates its buffers once more."""

    def backward(self, grad_output: Array) -> Array:
        for buffer in self.buffers().values():
            buffer[...] = buffer * 2 + 1
        return super().backward(grad_output)


@generic(
    "starts-elsewhere",
    "parameters do not start at the values that the spec states",
    "initial",
    applies=has_start,
)
class StartsElsewhere(Right):
    """Starts at a half, everywhere."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        for parameter in self.parameters().values():
            parameter[...] = 0.5


# --- arguments ------------------------------------------------------------------------------------

CAUGHT = (
    "shape",
    "backward",
    "forward",
    "{tensor}",
    "dropout_values",
    "in_place",
    "trajectory",
    "closed_form",
    "absent_parameters",
)


def _without(spec: Spec, name: str, argument: Argument) -> Mutant:
    """The spec's class, which takes the argument and does not look at it."""

    class ArgumentIgnored:
        """Leaves the argument at its default."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            named.pop(name, None)
            super().__init__(*arguments, **named)

    right = getattr(reference, spec.name)
    return Mutant(
        spec.name,
        f"ignores-{name.replace('_', '-')}",
        f"the argument {name} is not looked at: it is always {argument.default!r}",
        CAUGHT,
        {spec.name: mixed(ArgumentIgnored, right)},
    )
