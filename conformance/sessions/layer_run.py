"""A trial of a layer or loss in progress."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from conformance.candidates.dialect import (
    AnyArray,
    ContainerSubject,
    ContractError,
    Subject,
    as_array,
)
from conformance.records.observation import StepRecord
from conformance.records.trial import (
    Arrange,
    Backward,
    Forward,
    Inspect,
    Layout,
    Restore,
    SetMode,
    Step,
    ZeroGrad,
)
from conformance.sessions.assembly import build
from conformance.sessions.layouts import arranged
from conformance.sessions.run import Run


class LayerRun(Run):
    """A trial of a layer or loss: forward, backward, modes."""

    layout: Layout = "contiguous"

    def take_steps(self) -> None:
        """Build the layer, set its state, take each step."""
        subject = self.build()
        self.stage = "parameters"
        for name in (*self.trial.parameters, *self.trial.buffers):
            self.initial[name] = subject.get(name).copy()
        self._restore(subject, {})
        for step in self.trial.steps:
            self.records.append(self._step(subject, step))

    def build(self) -> Subject:
        """The layer behind its dialect."""
        self.stage = "build"
        return build(self.implementation, self.trial)

    def _restore(self, subject: Subject, replaced: Mapping[str, AnyArray]) -> None:
        state = {**self.trial.parameters, **self.trial.buffers, **replaced}
        for name, value in state.items():
            subject.set(name, self.cast(value))
        subject.seed(self.trial.seed)

    def _step(self, subject: Subject, step: Step) -> StepRecord:
        match step:
            case Forward(inputs=inputs):
                self.stage = "forward"
                return self._forward(subject, inputs)
            case Backward(cotangent=cotangent):
                self.stage = "backward"
                return self._backward(subject, cotangent)
            case SetMode(mode=mode):
                self.stage = "set_mode"
                subject.set_mode(mode)
                return StepRecord()
            case ZeroGrad():
                self.stage = "zero_grad"
                subject.zero_grad()
                gradients, absent = self._gradients(subject)
                return StepRecord(parameter_gradients=gradients, absent=absent)
            case Restore(parameters=replaced):
                self.stage = "parameters"
                self._restore(subject, replaced)
                return StepRecord()
            case Arrange(layout=layout):
                self.layout = layout
                return StepRecord()
            case Inspect():
                self.stage = "inspect"
                return StepRecord(facts=cast(ContainerSubject, subject).facts())
            case _:
                raise TypeError(f"a layer takes no step {step.do!r}")

    def hand_over(self, array: AnyArray) -> AnyArray:
        """A fresh copy in the trial's dtype and the layout in force."""
        return arranged(self.cast(array), self.layout)

    def _forward(self, subject: Subject, inputs: Mapping[str, AnyArray]) -> StepRecord:
        self.given = {name: self.hand_over(array) for name, array in inputs.items()}
        before = self._watched(subject)
        returned = subject.forward(list(self.given.values()))
        outputs = {
            name: as_array(value, f"the {name} of forward", self.dtype).copy()
            for name, value in zip(self.trial.outputs, returned, strict=True)
        }
        return StepRecord(
            outputs=outputs,
            buffers={name: subject.get(name).copy() for name in self.trial.buffers},
            mutated=_changed(before, self._watched(subject)),
        )

    def _backward(self, subject: Subject, cotangent: AnyArray) -> StepRecord:
        grad_output = self.hand_over(cotangent)
        before = {**self._watched(subject), "grad_output": grad_output.copy()}
        returned = subject.backward(grad_output)
        input_gradients = {
            name: as_array(value, f"the gradient of {name} from backward", self.dtype).copy()
            for name, value in zip(self.trial.differentiable, returned, strict=True)
        }
        gradients, absent = self._gradients(subject)
        after = {**self._watched(subject), "grad_output": grad_output}
        return StepRecord(
            input_gradients=input_gradients,
            parameter_gradients=gradients,
            buffers={name: subject.get(name).copy() for name in self.trial.buffers},
            mutated=_changed(before, after),
            absent=absent,
        )

    def _gradients(self, subject: Subject) -> tuple[dict[str, AnyArray], dict[str, str]]:
        """Parameter gradients, and why those that are not there are not."""
        found, absent = {}, {}
        for name in self.trial.parameters:
            try:
                found[name] = subject.gradient(name).copy()
            except ContractError as error:
                absent[name] = str(error)
        return found, absent

    def _watched(self, subject: Subject) -> dict[str, Any]:
        """Copies of what no call may change: the inputs and the parameters."""
        watched = {name: array.copy() for name, array in self.given.items()}
        watched |= {name: subject.get(name).copy() for name in self.trial.parameters}
        return watched


def _changed(before: Mapping[str, AnyArray], after: Mapping[str, AnyArray]) -> tuple[str, ...]:
    """Names of arrays whose bytes differ."""
    return tuple(
        name
        for name, array in before.items()
        if array.shape != after[name].shape or array.tobytes() != after[name].tobytes()
    )
