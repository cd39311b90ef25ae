"""A trial of a layer or loss in progress."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from conformance.candidates.dialect import (
    AnyArray,
    ContainerSubject,
    ContractError,
    Subject,
    as_array,
)
from conformance.candidates.implementation import Implementation
from conformance.records.observation import StepRecord
from conformance.records.trial import (
    Another,
    Arrange,
    Backward,
    Draw,
    Forward,
    GoBack,
    Inspect,
    Layout,
    LookFor,
    Overwrite,
    ReadOnly,
    Restore,
    SetMode,
    Step,
    Trial,
    Vary,
    ZeroGrad,
)
from conformance.sessions.assembly import build
from conformance.sessions.generators import draw_from_each, reseed
from conformance.sessions.layouts import arranged
from conformance.sessions.pickling import pickled
from conformance.sessions.run import Run, Watch

Arrays = Mapping[str, AnyArray]


class LayerRun(Run):
    """A trial of a layer or loss: forward, backward, modes.

    `given` and `returned` are the arrays of the last calls themselves: what a caller has in hand.
    """

    def __init__(
        self, implementation: Implementation, trial: Trial, watch: Watch | None = None
    ) -> None:
        super().__init__(implementation, trial, watch)
        self.given: Arrays = {}
        self.returned: Arrays = {}
        self.read_only = False
        self.layout: Layout = "contiguous"

    def take_steps(self) -> None:
        """Build the layer, set its state, take each step."""
        first = subject = self.build()
        self.stage = "parameters"
        for name in (*self.trial.parameters, *self.trial.buffers):
            self.initial[name] = self.copy_of(subject, name)
        self._restore(subject, {})
        for step in self.trial.steps:
            self.heard.clear()
            match step:
                case Another(how=how):
                    subject = self._another(subject, how)
                    record = StepRecord(outputs=self._state(subject))
                case GoBack():
                    subject, record = first, StepRecord()
                case _:
                    record = self._step(subject, step)
            if self.heard:
                record = replace(record, warnings=tuple(dict.fromkeys(self.heard)))
            self.records.append(record)

    def build(self) -> Subject:
        """The layer behind its dialect."""
        self.stage = "build"
        return build(self.implementation, self.trial)

    def _another(self, subject: Subject, how: str) -> Subject:
        if how == "new":
            another = self.build()
            self._restore(another, {})
            return another
        self.stage = "copy"
        return copy.deepcopy(subject) if how == "deepcopy" else pickled(subject)

    def _restore(self, subject: Subject, replaced: Arrays) -> None:
        self.stage = "parameters"
        state = {**self.trial.parameters, **self.trial.buffers, **replaced}
        for name, value in state.items():
            subject.set(name, self.cast(value))
        subject.seed(self.trial.seed)

    def _step(self, subject: Subject, step: Step) -> StepRecord:
        match step:
            case Forward(inputs=inputs):
                self.stage = "forward"
                return self._forward(subject, inputs)
            case Vary():
                self.stage = "forward"
                return self._vary(subject, step)
            case Backward(cotangent=cotangent):
                self.stage = "backward"
                return self._backward(subject, cotangent)
            case SetMode(mode=mode):
                self.stage = "set_mode"
                before = self._state(subject)
                subject.set_mode(mode)
                return StepRecord(mutated=_changed(before, self._state(subject)))
            case ZeroGrad():
                self.stage = "zero_grad"
                subject.zero_grad()
                gradients, absent = self._gradients(subject)
                return StepRecord(parameter_gradients=gradients, absent=absent)
            case Restore(parameters=replaced):
                self._restore(subject, replaced)
                return StepRecord()
            case Arrange(layout=layout):
                self.layout = layout
                return StepRecord()
            case Inspect():
                self.stage = "inspect"
                return StepRecord(facts=cast(ContainerSubject, subject).facts())
            case LookFor(names=names):
                self.stage = "inspect"
                found = [name for name in names if subject.holds(name)]
                return StepRecord(outputs={name: self.copy_of(subject, name) for name in found})
            case Overwrite(what=what):
                return StepRecord(mutated=self._overwrite(subject, what))
            case ReadOnly():
                self.read_only = True
                return StepRecord()
            case Draw(seed=seed):
                if seed is not None:
                    reseed(seed)
                drawn = {name: np.asarray(value) for name, value in draw_from_each().items()}
                return StepRecord(outputs=drawn)
            case _:
                raise TypeError(f"a layer takes no step {step.do!r}")

    def hand_over(self, array: AnyArray) -> AnyArray:
        """A fresh copy in the trial's dtype and the layout in force."""
        return arranged(self.cast(array), self.layout)

    def _forward(self, subject: Subject, inputs: Arrays) -> StepRecord:
        arrays = {name: self.hand_over(array) for name, array in inputs.items()}
        self.given = self._handed_over(arrays)
        before, results = self._watched(subject), _copied(self.returned)
        returned = subject.forward(list(arrays.values()))
        rewritten = _changed(results, self.returned)
        live = self._live(returned, self.trial.outputs, "the {} of forward")
        self.returned = {**self.returned, **live}
        return StepRecord(
            outputs=_copied(live),
            buffers={name: self.copy_of(subject, name) for name in self.trial.buffers},
            mutated=_changed(before, self._watched(subject)),
            rewritten=rewritten,
        )

    def _vary(self, subject: Subject, step: Vary) -> StepRecord:
        """Seeding takes longer than many a call, so it is done where it makes a difference."""
        reseed(self.trial.seed)
        fresh = draw_from_each()
        reseed(self.trial.seed)
        found = self._calls(subject, step)
        if draw_from_each() != fresh:  # some call has drawn
            found = self._calls(subject, step, seeding=True)
        return StepRecord(outputs={name: np.stack([o[name] for o in found]) for name in found[0]})

    def _calls(self, subject: Subject, step: Vary, seeding: bool = False) -> list[Arrays]:
        """The outputs of forward for each value."""
        state = {**self.trial.parameters, **self.trial.buffers}
        state = {name: self.cast(value) for name, value in state.items()}
        inputs = {name: self.cast(value) for name, value in step.inputs.items()}
        varied = state if step.tensor in state else inputs
        found: list[Arrays] = []
        for value in step.values:
            self.another_call()
            varied[step.tensor] = self.cast(value)
            for name, array in state.items():
                subject.set(name, array)
            if seeding:
                subject.seed(self.trial.seed)
            self.given = {name: array.copy() for name, array in inputs.items()}
            returned = subject.forward(list(self.given.values()))
            found.append(_copied(self._live(returned, self.trial.outputs, "the {} of forward")))
        return found

    def _backward(self, subject: Subject, cotangent: AnyArray) -> StepRecord:
        grad_output = self._handed_over({"grad_output": self.hand_over(cotangent)})
        self.given = {**self.given, **grad_output}
        before, results = self._watched(subject), _copied(self.returned)
        returned = subject.backward(grad_output["grad_output"])
        rewritten = _changed(results, self.returned)
        live = self._live(returned, self.trial.differentiable, "the gradient of {} from backward")
        self.returned = {**self.returned, **{f"grad_{name}": array for name, array in live.items()}}
        gradients, absent = self._gradients(subject)
        return StepRecord(
            input_gradients=_copied(live),
            parameter_gradients=gradients,
            buffers={name: self.copy_of(subject, name) for name in self.trial.buffers},
            mutated=_changed(before, self._watched(subject)),
            absent=absent,
            rewritten=rewritten,
        )

    def _handed_over(self, arrays: Arrays) -> Arrays:
        for array in arrays.values():
            if self.read_only:
                array.flags.writeable = False
        return arrays

    def _live(self, returned: Sequence[Any], names: Sequence[str], what: str) -> Arrays:
        """The arrays that a call returned, not copied."""
        return {
            name: as_array(value, what.format(name), self.dtype)
            for name, value in zip(names, returned, strict=True)
        }

    def _overwrite(self, subject: Subject, what: str) -> tuple[str, ...]:
        """Write into arrays that the caller has; the others that this changed."""
        gradients = {f"grad_{name}" for name in self.trial.differentiable}
        targets = {
            "inputs": {name: self.given[name] for name in self.trial.inputs},
            "outputs": {name: self.returned[name] for name in self.trial.outputs},
            "input_gradients": {n: a for n, a in self.returned.items() if n in gradients},
        }[what]
        before = self._everything(subject, targets)
        for array in targets.values():
            if array.flags.writeable:
                array[...] = np.nan if array.dtype.kind == "f" else 0
        subject.overwritten(what)
        return _changed(before, self._everything(subject, targets))

    def _everything(self, subject: Subject, targets: Arrays) -> Arrays:
        """Copies of all that a caller can see, but for `targets`."""
        gradients = {f"grad_{name}": value for name, value in self._gradients(subject)[0].items()}
        seen = {**self.given, **self.returned, **self._state(subject), **gradients}
        return {name: array.copy() for name, array in seen.items() if name not in targets}

    def _gradients(self, subject: Subject) -> tuple[dict[str, AnyArray], dict[str, str]]:
        """Parameter gradients, and why those that are not there are not."""
        found, absent = {}, {}
        for name in self.trial.parameters:
            try:
                found[name] = self.gradient_of(subject, name)
            except ContractError as error:
                absent[name] = str(error)
        return found, absent

    def _watched(self, subject: Subject) -> Arrays:
        """Copies of what no call may change: what it was given, and the parameters."""
        watched = _copied(self.given)
        return watched | {name: self.copy_of(subject, name) for name in self.trial.parameters}

    def _state(self, subject: Subject) -> dict[str, AnyArray]:
        """Copies of the parameters and buffers."""
        return {n: self.copy_of(subject, n) for n in (*self.trial.parameters, *self.trial.buffers)}


def _copied(arrays: Arrays) -> dict[str, AnyArray]:
    return {name: array.copy() for name, array in arrays.items()}


def _changed(before: Arrays, after: Arrays) -> tuple[str, ...]:
    """Names of arrays whose bytes differ."""
    return tuple(
        name
        for name, array in before.items()
        if array.shape != after[name].shape or array.tobytes() != after[name].tobytes()
    )
