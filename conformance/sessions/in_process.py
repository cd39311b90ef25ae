"""Run trials in this process."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from conformance.candidates.dialect import (
    AnyArray,
    ContractError,
    NotImplementedHere,
    Subject,
    as_array,
    dtype_of,
)
from conformance.candidates.implementation import Implementation, dialect_of
from conformance.candidates.trouble import describe_exception
from conformance.records.observation import Observation, Stage, StepRecord, Trouble
from conformance.records.trial import Backward, Forward, Restore, SetMode, Step, Trial, ZeroGrad


class InProcessSession:
    """A session over an implementation that is imported here."""

    def __init__(self, implementation: Implementation) -> None:
        self.implementation = implementation
        self.name = implementation.name
        # Small trials are several times slower with more than one BLAS thread.
        self._threads = threadpool_limits(1)

    def run(self, trial: Trial) -> Observation:
        """Build the layer and take the trial's steps, up to the first that fails."""
        with _quiet():
            return _Run(self.implementation, trial).observe()


@contextmanager
def _quiet() -> Iterator[None]:
    """Candidates may warn; they neither fail by it nor leave the global generators changed."""
    state = random.getstate(), np.random.get_state()
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(state[0])
        np.random.set_state(state[1])


class _Run:
    """One trial in progress."""

    def __init__(self, implementation: Implementation, trial: Trial) -> None:
        self.implementation = implementation
        self.trial = trial
        self.dtype = dtype_of(trial)
        self.stage: Stage = "find"
        self.initial: dict[str, AnyArray] = {}
        self.records: list[StepRecord] = []

    def observe(self) -> Observation:
        trouble = None
        try:
            self._take_steps()
        except NotImplementedHere as error:
            trouble = Trouble("missing", self.stage, str(error))
        except ContractError as error:
            trouble = Trouble("contract", self.stage, str(error), tensor=error.tensor)
        except (Exception, SystemExit) as error:
            message, where = describe_exception(error)
            trouble = Trouble("raised", self.stage, message, where)
        return Observation(self.initial, tuple(self.records), trouble)

    def _take_steps(self) -> None:
        factory = self.implementation.find(self.trial)
        if factory is None:
            raise NotImplementedHere("not implemented")
        self.stage = "build"
        subject = dialect_of(factory).build(factory, self.trial)
        self.stage = "parameters"
        for name in (*self.trial.parameters, *self.trial.buffers):
            self.initial[name] = subject.get(name).copy()
        self._restore(subject, {})
        for step in self.trial.steps:
            self.records.append(self._step(subject, step))

    def _restore(self, subject: Subject, replaced: Mapping[str, AnyArray]) -> None:
        state = {**self.trial.parameters, **self.trial.buffers, **replaced}
        for name, value in state.items():
            subject.set(name, self._cast(value))
        subject.seed(self.trial.seed)

    def _cast(self, array: AnyArray) -> AnyArray:
        """A fresh copy in the trial's dtype; indices stay integers."""
        return array.astype(self.dtype if array.dtype.kind == "f" else array.dtype, copy=True)

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

    def _forward(self, subject: Subject, inputs: Mapping[str, AnyArray]) -> StepRecord:
        self.given = {name: self._cast(array) for name, array in inputs.items()}
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
        grad_output = self._cast(cotangent)
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
