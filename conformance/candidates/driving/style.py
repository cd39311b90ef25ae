"""What distinguishes the dialects of NumPy layers: a `Style` finds arrays and makes calls.

Each dialect is one file with a subclass. `adapted.py` drives any layer by its style and its wiring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.candidates.dialect import AnyArray, ContractError, NotImplementedHere
from conformance.candidates.wiring.arguments import parameters_of, positional
from conformance.candidates.wiring.names import normalised
from conformance.candidates.wiring.places import follow

_TRAINING = ("training", "train", "istraining", "istrain", "trainmode", "trainflg", "trainphase")
_TARGETS = (
    "y", "t", "target", "targets", "ytrue", "ytarget", "labels", "label", "actual", "truth"
)  # fmt: skip


@dataclass(frozen=True)
class Held:
    """An array that a layer holds: under which name, and where; `grads` are places to look in."""

    name: str
    path: str
    grads: tuple[str, ...] = ()


class Style:
    """A dialect of layers that are objects. The defaults are what most have in common."""

    name = "style"
    forward_names: Sequence[str] = ("forward", "__call__", "predict", "forward_pass", "propagate")
    backward_names: Sequence[str] = ("backward", "backward_pass", "backprop", "backpropagate")
    train_names: Sequence[str] = ("train", "training", "set_train", "train_mode")
    eval_names: Sequence[str] = ("eval", "evaluate", "test", "set_eval", "eval_mode", "inference")
    zero_names: Sequence[str] = ("zero_grad", "zero_grads", "zeroGradParameters", "zero_gradients",
                                 "clear_grad", "reset_grad", "reset_gradients",
                                 "flush_gradients")  # fmt: skip
    # Where forward or backward return nothing, what they leave behind.
    output_names: Sequence[str] = ("output", "out", "y", "outputs")
    gradient_names: Sequence[str] = ("gradInput", "grad_input", "dinputs", "dinput", "dx", "dX")

    def speaks(self, layer: Any) -> bool:
        """Whether a built layer shows a sign of this dialect."""
        return False

    def held(self, layer: Any) -> Iterator[Held]:
        """The arrays that a layer holds. Default: its attributes."""
        for name, value in attributes(layer):
            if isinstance(value, np.ndarray):
                yield Held(name, name, tuple(self.beside(name)))

    def beside(self, name: str) -> Iterator[str]:
        """Where the gradient of an attribute may be."""
        tail = name[:1].upper() + name[1:]
        short = name.removeprefix("_")
        yield from (f"grad_{short}", f"grad{tail}", f"{name}_grad", f"grad{name}", f"d{short}")
        yield from (f"d_{short}", f"{name}Grad", f"g{short}", f"g_{short}", f"{name}_gradient")
        yield from (f"gradient_{short}", f"{name}_gradients", f"delta_{short}", f"dL_d{short}")
        yield from (
            f"dLd{short}",
            f"nabla_{short}",
            f"d{short}s",
            f"dL{short}",
            f"d{short.lower()}",
        )
        for table in ("grads", "grad", "gradients", "gradient", "_grads", "dparams"):
            for key in (name, f"d{short}", f"grad_{short}"):
                yield f"{table}.{key}"

    # --- calls ----------------------------------------------------------------------------------

    def method(self, layer: Any, names: Sequence[str]) -> Callable[..., Any] | None:
        """The first method that there is."""
        for name in names:
            found = getattr(layer, name, None)
            if callable(found) and not isinstance(found, type):
                return found  # type: ignore[no-any-return]
        return None

    def forward(self, layer: Any, inputs: Sequence[AnyArray], mode: str | None) -> Any:
        """Call forward, with a flag for the mode where it takes one."""
        call = self.method(layer, self.forward_names)
        if call is None:
            raise ContractError(
                f"{type(layer).__name__} has no method forward and cannot be called"
            )
        result = call(*in_their_order(call, inputs), **_flag(call, mode))
        return left_behind(layer, self.output_names) if result is None else result

    def backward(
        self, layer: Any, kind: str, given: Sequence[AnyArray], cotangent: AnyArray
    ) -> Any:
        """Call backward in the way that its signature shows."""
        call = self.method(layer, self.backward_names)
        if call is None:
            raise ContractError(f"{type(layer).__name__} has no method backward()")
        names, required = positional(call)
        if kind == "loss":
            result = _loss_backward(call, names, required, given, cotangent)
        elif required == 2 and len(given) == 1:
            arguments = (cotangent, given[0]) if is_gradient(names[0]) else (given[0], cotangent)
            result = call(*arguments)
        else:
            result = call(cotangent)
        if result is None:
            result = left_behind(layer, self.gradient_names)
        return result

    def mode_switch(self, layer: Any) -> Callable[[str], None] | None:
        """What switches the mode; None if nothing does (a flag of forward is no switch)."""
        train = self.method(layer, self.train_names)
        evaluate = self.method(layer, self.eval_names)
        if train is not None and evaluate is not None:
            flagged = positional(train)[1] == 1
            calls = {"train": (lambda: train(True)) if flagged else train, "eval": evaluate}
            return lambda mode: calls[mode]() and None
        if train is not None and len(positional(train)[0]) == 1:
            return lambda mode: train(mode == "train") and None
        for name, value in attributes(layer):
            if normalised(name) in _TRAINING and isinstance(value, bool | int):
                return lambda mode, name=name: setattr(layer, name, mode == "train")  # type: ignore[misc]
            if normalised(name) == "mode" and value in ("train", "test", "eval"):
                other = "eval" if value == "eval" else "test"
                return lambda mode: setattr(layer, "mode", mode if mode == "train" else other)
        return None

    def has_flag(self, layer: Any) -> bool:
        """Whether forward takes the mode."""
        call = self.method(layer, self.forward_names)
        return call is not None and bool(_flag(call, "train"))


def attributes(layer: Any) -> list[tuple[str, Any]]:
    """The attributes of an object, also those in slots and behind properties."""
    found = dict(getattr(layer, "__dict__", {}))
    for cls in type(layer).__mro__[:-1]:
        for name, member in vars(cls).items():
            slot = type(member).__name__ == "member_descriptor"
            if name not in found and (slot or isinstance(member, property)):
                try:
                    found[name] = getattr(layer, name)
                except Exception:
                    continue
    return list(found.items())


def target_first(call: Callable[..., Any]) -> bool:
    """Whether a loss takes the target before the prediction, as its argument names show."""
    first, second = ([normalised(name) for name in positional(call)[0]] + ["", ""])[:2]
    # forward(y, t) calls the prediction y.
    also = second[:1] in ("", "t") or any(word in second for word in ("target", "true", "label"))
    return first in _TARGETS and second not in _TARGETS and not also


def in_their_order(call: Callable[..., Any], inputs: Sequence[AnyArray]) -> Sequence[AnyArray]:
    """The inputs of a loss, as it takes them."""
    return inputs[::-1] if len(inputs) == 2 and target_first(call) else inputs


def left_behind(layer: Any, names: Sequence[str]) -> Any:
    """What a method that returns nothing stored instead."""
    for name in names:
        if isinstance(found := getattr(layer, name, None), np.ndarray | np.generic | float):
            return found
    return None


def is_gradient(name: str) -> bool:
    """Whether an argument's name says that it is the gradient of the output."""
    plain = normalised(name)
    return plain.startswith(("grad", "dl", "dout", "dy", "dz", "dvalue", "delta", "upstream")) or (
        plain.endswith(("grad", "gradient"))
    )


def scaled(gradient: Any, cotangent: AnyArray, what: str) -> Any:
    """The gradient of a loss that was not told that of what comes after it."""
    if cotangent.ndim:
        raise NotImplementedHere(
            f"{what} takes no gradient of the loss, so one loss per sample has none"
        )
    return gradient if gradient is None else gradient * cotangent


def _loss_backward(
    call: Callable[..., Any],
    names: Sequence[str],
    required: int,
    given: Sequence[AnyArray],
    cotangent: AnyArray,
) -> Any:
    """backward(), backward(input, target), backward(grad_output), or backward(target)."""
    if not names:
        return scaled(call(), cotangent, "backward()")
    if required == 0 and (len(names) == 1 or is_gradient(names[0])):
        return call(cotangent)
    if required >= 2:
        arguments = in_their_order(call, given)
        return scaled(call(*arguments), cotangent, f"backward({', '.join(names[:2])})")
    if required == 1 and normalised(names[0]) in _TARGETS:
        return scaled(call(given[1]), cotangent, f"backward({names[0]})")
    if required == 0:
        return scaled(call(), cotangent, "backward()")
    return call(cotangent)


def _flag(call: Callable[..., Any], mode: str | None) -> Mapping[str, Any]:
    """The argument of forward that says whether this is training, if it has one."""
    known = parameters_of(call) or {}
    for name, parameter in list(known.items())[1:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        plain = normalised(name)
        if plain in _TRAINING:
            return {name: mode != "eval"}
        if plain == "mode":
            return {name: "train" if mode != "eval" else "test"}
    return {}


def arrays_in(value: Any, path: str) -> Iterator[tuple[str, AnyArray]]:
    """The arrays in nested lists, with their paths."""
    if isinstance(value, np.ndarray):
        yield path, value
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from arrays_in(inner, f"{path}.{number}")


def gradient_at(layer: Any, paths: Sequence[str]) -> str | None:
    """The first place that holds a gradient now."""
    return next((p for p in paths if isinstance(follow(layer, p), np.ndarray | np.generic)), None)
