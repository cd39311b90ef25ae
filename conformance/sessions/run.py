"""A trial in progress: what all kinds of subjects share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from conformance.candidates.dialect import (
    AnyArray,
    ContractError,
    NotImplementedHere,
    Subject,
    as_array,
    dtype_of,
)
from conformance.candidates.dialect_training import OptimizerSubject
from conformance.candidates.implementation import Implementation
from conformance.candidates.trouble import describe_exception, is_our_fault
from conformance.candidates.wiring.wiring import Found
from conformance.records.observation import Observation, Stage, StepRecord, Trouble
from conformance.records.trial import Trial
from conformance.sessions.global_state import GlobalState
from conformance.sessions.listening import listening

# Is told each stage as it begins, and how many steps have been taken.
Watch = Callable[[Stage, int], None]

# So many steps are looked at one by one for changes of global state, all others together: looking
# costs more than a step of finite differences.
WATCHED = 3


class Run(ABC):
    """Finds and builds the subject, takes the steps, and turns what stops it into a record."""

    def __init__(
        self, implementation: Implementation, trial: Trial, watch: Watch | None = None
    ) -> None:
        self.implementation = implementation
        self.trial = trial
        self.dtype = dtype_of(trial)
        self.initial: dict[str, AnyArray] = {}
        self.records: list[StepRecord] = []
        self.heard: list[str] = []
        self._watch = watch
        self._stage: Stage = "find"

    @property
    def stage(self) -> Stage:
        """What is going on."""
        return self._stage

    @stage.setter
    def stage(self, stage: Stage) -> None:
        """Say what comes next; first put right what went on before left changed."""
        if len(self.records) <= WATCHED:
            self._put_right()
        self._stage = stage
        if self._watch is not None:
            self._watch(stage, len(self.records))

    def another_call(self) -> None:
        """Say that the stage goes on with another call, which has the time of one call anew."""
        if self._watch is not None:
            self._watch(self._stage, len(self.records))

    def observe(self, foreign_interrupts: bool = False) -> Observation:
        """Take the steps, up to the first that fails.

        A KeyboardInterrupt is the user's, unless the caller knows that none can come from there.
        What the suite itself does wrong is raised (`is_our_fault`).
        """
        with listening() as self.heard:
            self._globals = GlobalState()
            self.stage = "find"
            try:
                trouble = self._trouble(foreign_interrupts)
            finally:
                self._put_right()
        return Observation(self.initial, tuple(self.records), trouble)

    def _trouble(self, foreign_interrupts: bool) -> Trouble | None:
        """What stopped the steps, if anything."""
        try:
            self.take_steps()
        except NotImplementedHere as error:
            return Trouble("missing", self.stage, str(error))
        except ContractError as error:
            return Trouble("contract", self.stage, str(error), tensor=error.tensor)
        except BaseException as error:  # also SystemExit, and the outcomes that pytest.skip raises
            if issubclass(type(error), KeyboardInterrupt) and not foreign_interrupts:
                raise
            if is_our_fault(error):
                raise
            message, where = describe_exception(error)
            return Trouble("raised", self.stage, message, where)
        return None

    def _put_right(self) -> None:
        """Restore global state; what a step changed is in its record, like all that it changed."""
        changed = self._globals.restore()
        if changed and self.records:
            last = self.records[-1]
            self.records[-1] = replace(last, meddled=(*last.meddled, *changed))

    @abstractmethod
    def take_steps(self) -> None:
        """Build the subject and append a record for each step."""

    def find(self) -> Found:
        """The class to grade, and its dialect."""
        found = self.implementation.find(self.trial)
        if found is None:
            raise NotImplementedHere("not implemented")
        self.stage = "build"
        return found

    def copy_of(self, subject: Subject | OptimizerSubject, name: str) -> AnyArray:
        """A copy of a parameter or buffer; `ContractError` if it is no array of numbers."""
        return self._number_array(subject.get(name), name, name)

    def gradient_of(self, subject: Subject | OptimizerSubject, name: str) -> AnyArray:
        """A copy of a parameter's gradient; `ContractError` if it is no array of numbers."""
        return self._number_array(subject.gradient(name), f"the gradient of {name}", name)

    def _number_array(self, value: AnyArray, what: str, tensor: str) -> AnyArray:
        try:
            return as_array(value, what, self.dtype).copy()
        except ContractError as error:
            raise ContractError(str(error), tensor) from None

    def cast(self, array: AnyArray) -> AnyArray:
        """A fresh copy in the trial's dtype; indices stay integers."""
        array = np.asarray(array)  # arithmetic on arrays without axes gives scalars
        return array.astype(self.dtype if array.dtype.kind == "f" else array.dtype, copy=True)
