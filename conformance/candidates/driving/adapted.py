"""Drive a NumPy layer of any dialect: its style makes the calls, its wiring knows the places."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conformance.candidates.dialect import (
    AnyArray,
    ContainerSubject,
    ContractError,
    Factory,
    NotImplementedHere,
    Subject,
    as_tuple,
)
from conformance.candidates.driving.container import build_container
from conformance.candidates.driving.style import Style, gradient_at
from conformance.candidates.wiring.places import follow, replace_at
from conformance.candidates.wiring.wiring import Placed, Wiring
from conformance.records.trial import Forward, Trial


class AdaptedSubject:
    """Drives one layer."""

    def __init__(self, layer: Any, style: Style, wiring: Wiring, trial: Trial) -> None:
        self.layer = layer
        self.style = style
        self.wiring = wiring
        self.trial = trial
        self.class_name = type(layer).__name__
        self.mode: str | None = None
        self.given: list[AnyArray] = []

    def seed(self, seed: int) -> None:
        """Seed the global generators of NumPy and of the standard library."""
        np.random.seed(seed)
        random.seed(seed)

    def handle(self, name: str) -> AnyArray:
        """The parameter's own memory, with the spec's axes."""
        return self.get(name)

    def _place(self, name: str) -> Placed:
        if name not in self.wiring.tensors:
            why = self.wiring.missing.get(name, f"{self.class_name} has no array for {name}")
            raise ContractError(why, name)
        return self.wiring.tensors[name]

    def get(self, name: str) -> AnyArray:
        """The array in its place, with the spec's axes: a view."""
        place = self._place(name)
        value = follow(self.layer, place.path)
        if not isinstance(value, np.ndarray):
            kind = "None" if value is None else f"a {type(value).__name__}"
            raise ContractError(
                f"{self.class_name}.{place.path} is {kind}, not a NumPy array", name
            )
        return place.layout.to_spec(value)

    def set(self, name: str, value: AnyArray) -> None:
        """Write into the layer's own array, or replace it where the dtype differs."""
        place, current = self._place(name), self.get(name)
        if current.shape != value.shape:
            axes = "" if place.layout.is_plain else f" (axes: {place.layout.describe()})"
            shape = np.shape(follow(self.layer, place.path))
            raise ContractError(
                f"{self.class_name}.{place.path} has shape {shape}{axes}, "
                f"but {name} should have {value.shape}",
                name,
            )
        if current.dtype == value.dtype and current.flags.writeable:
            current[...] = value
            return
        gradient = gradient_at(self.layer, place.grads) if name in self.trial.parameters else None
        theirs = np.array(place.layout.from_spec(value))
        if not replace_at(self.layer, place.path, theirs):
            current[...] = value
        elif gradient is not None:
            # Gradients follow their parameter's dtype; one that adds in place would keep its own.
            replace_at(self.layer, gradient, np.zeros_like(theirs))

    def holds(self, name: str) -> bool:
        """Places are found by what is done with them; of one without use there is no telling."""
        raise NotImplementedHere(
            f"where {self.class_name} would keep a {name} that it does not use is not known"
        )

    def gradient(self, name: str) -> AnyArray:
        """The gradient of a parameter, with the spec's axes."""
        place = self._place(name)
        path = gradient_at(self.layer, place.grads)
        if path is None:
            looked = ", ".join(place.grads[:4])
            raise ContractError(
                f"{self.class_name} has no gradient of {place.path} (looked for {looked}, …)", name
            )
        found = np.asarray(follow(self.layer, path))
        same = found.shape == np.shape(follow(self.layer, place.path))
        return place.layout.to_spec(found) if same else found

    def forward(self, inputs: Sequence[AnyArray]) -> Sequence[Any]:
        """Call forward."""
        self.given = [self._axes(array) for array in inputs]
        if self.wiring.one_hot and len(self.given) == 2:
            self.given[1] = _rows(self.given[1], self.given[0])
        result = self.style.forward(self.layer, self.given, self.mode)
        outputs = as_tuple(result, self.trial.outputs, f"{self.class_name}.forward")
        return [self._back(output) for output in outputs]

    def backward(self, cotangent: AnyArray) -> Sequence[Any]:
        """Call backward in the dialect's way."""
        result = self.style.backward(self.layer, self.trial.kind, self.given, self._axes(cotangent))
        names, every = self.trial.differentiable, self.trial.inputs
        if isinstance(result, tuple) and len(result) == len(every) > len(names):
            result = tuple(v for n, v in zip(every, result, strict=True) if n in names)
        gradients = as_tuple(result, names, f"{self.class_name}.backward")
        return [self._back(gradient) for gradient in gradients]

    def _axes(self, array: AnyArray) -> AnyArray:
        """The channels last, where the candidate wants them there."""
        axis = self._channel_axis(array.ndim)
        return array if axis is None else np.moveaxis(array, axis, -1)

    def _back(self, value: Any) -> Any:
        axis = self._channel_axis(np.ndim(value)) if isinstance(value, np.ndarray) else None
        return value if axis is None else np.moveaxis(value, -1, axis)

    def _channel_axis(self, rank: int) -> int | None:
        if not self.wiring.channels_last or rank < 3:
            return None
        return rank - 3 if self.trial.layer.endswith("2d") else 1

    def set_mode(self, mode: str) -> None:
        """Switch the mode, or remember it for a forward that takes it."""
        self.mode = mode
        switch = self.style.mode_switch(self.layer)
        if switch is not None:
            switch(mode)
        elif mode != "train" and not self.style.has_flag(self.layer):
            raise NotImplementedHere(
                f"{self.class_name} has no {mode} mode (no method train() and eval(), no attribute "
                "training, no such argument of forward)"
            )

    def zero_grad(self) -> None:
        """The layer's own method; where there is none, zeros are written into the gradients."""
        method = self.style.method(self.layer, self.style.zero_names)
        if method is not None:
            method()
            return
        for name in self.trial.parameters:
            path = gradient_at(self.layer, self._place(name).grads)
            found = None if path is None else follow(self.layer, path)
            if isinstance(found, np.ndarray) and path is not None:
                if found.flags.writeable:
                    found[...] = 0
                else:
                    replace_at(self.layer, path, np.zeros_like(found))

    def overwritten(self, what: str) -> None:
        """The layer holds the caller's arrays themselves, or views of them."""


def _rows(target: AnyArray, scores: AnyArray) -> AnyArray:
    """One-hot rows for class indices; targets that are rows already stay as they are."""
    if target.dtype.kind not in "iu" or target.ndim != scores.ndim - 1:
        return target
    axis = min(scores.ndim - 1, 1)
    classes = scores.shape[axis]
    if ((target < 0) | (target >= classes)).any():
        raise NotImplementedHere("targets are one-hot rows, which name existing classes only")
    return np.moveaxis(np.eye(classes, dtype=scores.dtype)[target], -1, axis)


class AdaptedDialect:
    """Builds layers by a wiring."""

    def __init__(self, style: Style, wiring: Wiring) -> None:
        self.name = style.name
        self.style = style
        self.wiring = wiring

    def recognises(self, factory: Any) -> bool:
        """Detection has done so."""
        return True

    def build(self, factory: Factory, trial: Trial) -> Subject:
        """Call the constructor as planned; let it see an input where it waits for one."""
        layer = factory(**self.wiring.construction.keywords(trial))
        subject = AdaptedSubject(layer, self.style, self.wiring, trial)
        if self.wiring.lazy:
            self._show_an_input(subject, trial)
        return subject

    def _show_an_input(self, subject: AdaptedSubject, trial: Trial) -> None:
        first = next((step for step in trial.steps if isinstance(step, Forward)), None)
        if first is None:
            raise NotImplementedHere(
                f"{subject.class_name} makes its arrays at the first forward, "
                "so they cannot be set before it"
            )
        dtype = np.dtype(trial.dtype)
        inputs = [a.astype(dtype) if a.dtype.kind == "f" else a for a in first.inputs.values()]
        if trial.modes:
            with contextlib.suppress(NotImplementedHere):
                subject.set_mode("eval")  # where running statistics stay as they start
        subject.forward(inputs)
        if (forget := self.style.method(subject.layer, self.style.zero_names)) is not None:
            forget()  # a layer may keep every input until then
        if trial.modes:
            subject.set_mode("train")

    def assemble(
        self, factory: Factory, parts: Mapping[str, Subject], trial: Trial
    ) -> ContainerSubject:
        """Construct a container of layers."""
        return build_container(factory, parts, trial, self.style)
