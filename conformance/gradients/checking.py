"""The gradient check that people call."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.candidates.dialect import ContractError, as_array
from conformance.gradients.inputs import inputs_of
from conformance.gradients.layers import Layer
from conformance.gradients.result import Array, GradientCheck, Index, TensorGradient
from conformance.gradients.slopes import Slopes, Surface
from conformance.gradients.subjects import Function, Precision, Raised, Subject
from conformance.gradients.surroundings import progress, undisturbed
from conformance.records.text import element, numbers


def check_gradients(
    f: Any,
    x: Any,
    *,
    target: Any = None,
    parameters: Sequence[str] | None = None,
    tolerance: float | None = None,
    max_coordinates: int | None = None,
    seed: int = 0,
) -> GradientCheck:
    """Compare a gradient with finite differences, at every coordinate.

    A wrong gradient raises nothing: look at ``.ok``, or print the result. Neither `x` nor a layer
    nor a global random generator is changed.

    Parameters
    ----------
    f
        One of four. A function ``f(x) -> (loss, gradient)`` with a scalar loss and a gradient of
        the shape of `x`; of several inputs, ``f(*x) -> (loss, gradients)``. A built layer with
        ``forward(*x)`` and ``backward(grad_output)``, or a ``torch.nn.Module``: the gradients of
        the inputs and of every parameter are checked, for a random gradient of each output and in
        the mode that the layer is in; a backward of several outputs takes an argument for each,
        or, if it takes one only, a tuple. With `target`, a loss: ``forward(x, target)``, then
        ``backward()``, ``backward(grad_output)`` or ``backward(x, target)``. A function of torch
        tensors whose gradients autograd gives, such as ``F.apply`` of a
        ``torch.autograd.Function``; one that returns a scalar and a second value, which has no
        graph or is as large as `x`, is read as the first of the four.
    x
        Where to check: an array of floating-point numbers or a torch tensor, of any shape and
        dtype float16, float32 or float64; several inputs as a tuple or list of these. Inputs of
        integers are passed on and not differentiated. A function gets whichever was given. One
        input is named ``input`` (``x`` of a function), several by the arguments of forward or of
        the function, or ``input0``, ``input1``, … where these cannot be read.
    target
        The second argument of a loss. Its gradient is not checked.
    parameters
        The names of a layer's parameters. Default: the keys of its ``parameters()``; where it has
        no such method, its arrays with a gradient beside them (``weight`` and ``grad_weight``,
        ``W`` and ``dW``); of a module, those that require a gradient.
    tolerance
        An absolute tolerance. Default: each coordinate has its own, from how far estimates with
        different steps disagree and from rounding.
    max_coordinates
        Check at most so many coordinates of each tensor, sampled by `seed`. Default: all.
    seed
        Determines the gradient of the output and the sample. The global generators of `random`,
        NumPy and PyTorch are seeded with it before every call, and a layer starts every call in
        the same state, so that Dropout draws the same mask each time.

    Returns
    -------
    GradientCheck
        ``ok``; ``tensors``, each also by its name as in ``result["weight"]``; and a table as text.
        Gradients that are missing, not finite or of another shape, a backward that raises, and
        points without a derivative are entries that are not ok and say why.

    Raises
    ------
    TypeError
        `x` is not of floating-point numbers (nor of integers beside them or beside parameters),
        `f` is none of the four, or an output is a dictionary or complex.
    ValueError
        `x` is empty or not finite; or at `x` the function raises, is not finite, or returns another
        value in each call.

    Notes
    -----
    At a kink (ReLU at 0, a tie in MaxPool) the slopes on the two sides differ. The coordinate is
    reported, and wrong only if its gradient does not lie between them.

    Computation is in float64, also where `x` or the layer is float32. Where the function refuses
    float64, or returns float32 nevertheless, steps are longer and 1e-5 to 1e-3 of the gradient is
    allowed: too much to see small errors, and the table says so.

    Coordinates that no output sees together are moved at once, and samples of a batch share a
    forward where they were seen to be independent (`numerics.sweep`, `numerics.influence`).

    A layer is deep-copied; what cannot be copied (a lock, an open file) is shared with the copies.
    A function looks after its own state, such as running statistics.

    Examples
    --------
    >>> import numpy as np
    >>> from conformance import check_gradients
    >>> check_gradients(lambda x: ((x**2).sum(), 2 * x), np.array([1.0, 2.0])).ok
    True
    """
    if tolerance is not None and not tolerance >= 0:
        raise ValueError(f"tolerance={tolerance} is not a number from 0 on")
    if max_coordinates is not None and max_coordinates < 1:
        raise ValueError(f"max_coordinates={max_coordinates} leaves nothing to check")
    with undisturbed():
        try:
            subject = _subject(f, x, target, parameters, seed)
            gradients = {
                name: _usable(name, returned, subject.tensors[name])
                for name, returned in subject.gradients().items()
            }
            usable = {k: g for k, g in gradients.items() if not isinstance(g, str)}
            with progress() as advance:
                surface = Surface(subject, usable, advance)
                tensors = tuple(
                    _compare(
                        name,
                        tensor.shape,
                        gradients[name],
                        surface.slopes(name, max_coordinates),
                        tolerance,
                    )
                    for name, tensor in subject.tensors.items()
                )
        except ContractError as error:
            raise TypeError(str(error)) from error
        except Raised as error:
            raise ValueError(str(error)) from error.__cause__
    return GradientCheck(tensors, surface.dtype)


def assert_gradients(f: Any, x: Any, **options: Any) -> None:
    """Raise an AssertionError with the table of `check_gradients` if a gradient is wrong.

    Takes the same arguments.
    """
    __tracebackhide__ = True
    result = check_gradients(f, x, **options)
    if not result.ok:
        raise AssertionError(f"wrong gradients\n{result}")


def _subject(f: Any, x: Any, target: Any, parameters: Sequence[str] | None, seed: int) -> Subject:
    """`f` at `x` in float64, or in float32 where `x` is that and float64 is refused."""
    if isinstance(f, type):
        function = "torch" in sys.modules and issubclass(f, sys.modules["torch"].autograd.Function)
        advice = (
            f"pass {f.__name__}.apply" if function else f"build one first, as in {f.__name__}(...)"
        )
        raise TypeError(f"{f.__name__} is a class: {advice}")
    is_module = hasattr(f, "named_parameters")
    is_layer = is_module or hasattr(f, "backward")
    if not is_layer and not callable(f):
        raise TypeError(f"f is neither a function nor a layer with a backward: {f!r}")
    if not is_layer and target is not None:
        raise TypeError("target= is for losses with forward and backward, not for functions")
    if isinstance(parameters, str):
        parameters = (parameters,)
    function = getattr(f, "forward", f) if is_layer else f
    inputs = inputs_of(x, function, "input" if is_layer else "x", parameters=is_layer)

    def build(dtype: Precision) -> Subject:
        if is_layer and not is_module:
            return Layer(f, inputs, target, parameters, dtype, seed)
        if "torch" in sys.modules:
            from conformance.gradients.autograd import Autograd, differentiates

            if is_module or differentiates(f, inputs, dtype):
                return Autograd(f, inputs, target, parameters, dtype, seed)
        return Function(f, inputs, dtype, seed)

    try:
        return build("float64")
    except Raised:
        if {inputs.arrays[name].dtype for name in inputs.floating} != {np.dtype(np.float32)}:
            raise
        return build("float32")


def _usable(name: str, returned: Any, tensor: Array) -> Array | str:
    """A gradient as an array, or what is wrong with what was returned."""
    if isinstance(returned, Exception):
        return str(returned)
    try:
        gradient = as_array(returned, f"the gradient of {name}", tensor.dtype)
    except ContractError as error:
        return str(error)
    if gradient.shape != tensor.shape:
        return f"the gradient of {name} has shape {gradient.shape}, but {name} has {tensor.shape}"
    return gradient.copy()


def _compare(
    name: str,
    shape: tuple[int, ...],
    gradient: Array | str,
    slopes: Slopes,
    tolerance: float | None,
) -> TensorGradient:
    """One tensor's gradient against its slopes."""
    checked = ~np.isnan(slopes.value)
    numerical = np.where(np.isfinite(slopes.value), slopes.value, np.nan).reshape(shape)
    count = int(checked.sum())
    if isinstance(gradient, str):
        return TensorGradient(name, numerical, None, count, message=gradient)
    if not count:
        return TensorGradient(name, numerical, gradient, 0)
    got = gradient.ravel().astype(float)
    allowed = np.where(np.isfinite(slopes.value), slopes.tolerance, 0.0)
    allowed = allowed if tolerance is None else np.where(checked, tolerance, 0.0)
    error = np.abs(got - slopes.value)
    kinks = (slopes.high - slopes.low > slopes.tolerance) & (error > allowed)
    outside = np.maximum(np.maximum(slopes.low - got, got - slopes.high), 0.0)
    error = np.where(kinks, outside, error)
    error = np.where(checked, np.where(np.isfinite(got), error, np.inf), -1.0)
    wrong = error > allowed
    worst = int(np.argmax(np.where(wrong, error, -1.0) if wrong.any() else error))
    return TensorGradient(
        name=name,
        numerical=numerical,
        analytic=gradient,
        checked=count,
        kinks=tuple(_index(flat, shape) for flat in np.flatnonzero(kinks & np.isfinite(got))),
        deviation=float(error[worst]),
        index=_index(worst, shape),
        tolerance=float(allowed[worst]),
        message=_message(name, _index(worst, shape), worst, got, wrong, slopes, bool(kinks[worst]))
        if wrong.any()
        else "",
    )


def _index(flat: Any, shape: tuple[int, ...]) -> Index:
    return tuple(int(i) for i in np.unravel_index(flat, shape))


def _message(
    name: str,
    at: Index,
    flat: int,
    gradient: Array,
    wrong: NDArray[np.bool_],
    slopes: Slopes,
    kink: bool,
) -> str:
    """What a gradient is, what it should be, and what the wrong elements have in common."""
    place, got = element(f"grad_{name}", at), float(gradient[flat])
    if not math.isfinite(slopes.value[flat]):
        text = f"{place}: the output is not finite on both sides, so there is no derivative"
    elif kink and math.isfinite(got):
        value, low, high = numbers(got, float(slopes.low[flat]), float(slopes.high[flat]))
        text = f"{place} = {value}, but should be from {low} to {high}, the slopes at this kink"
    else:
        value, wanted = numbers(got, float(slopes.value[flat]))
        text = f"{place} = {value}, but should be {wanted}"
    count = int(wrong.sum())
    if count == 1:
        return text
    ratios = gradient[wrong] / slopes.value[wrong]
    ratio = f"{ratios[0] + 0.0:.6g}"  # not -0
    text += f"\n  {count} of {int((~np.isnan(slopes.value)).sum())} elements are wrong"
    if ratio != "1" and np.ptp(ratios) <= 1e-5 * abs(ratios[0]):  # False for NaN
        text += f", each {ratio} times what it should be"
    return text
