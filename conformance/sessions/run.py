"""A trial in progress: what all kinds of subjects share."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from conformance.candidates.dialect import (
    AnyArray,
    ContractError,
    NotImplementedHere,
    dtype_of,
)
from conformance.candidates.implementation import Implementation
from conformance.candidates.plan import Found
from conformance.candidates.trouble import describe_exception
from conformance.records.observation import Observation, Stage, StepRecord, Trouble
from conformance.records.trial import Trial
from conformance.sessions.listening import listening


class Run(ABC):
    """Finds and builds the subject, takes the steps, and turns what stops it into a record."""

    def __init__(self, implementation: Implementation, trial: Trial) -> None:
        self.implementation = implementation
        self.trial = trial
        self.dtype = dtype_of(trial)
        self.stage: Stage = "find"
        self.initial: dict[str, AnyArray] = {}
        self.records: list[StepRecord] = []
        self.heard: list[str] = []

    def observe(self) -> Observation:
        """Take the steps, up to the first that fails."""
        trouble = None
        try:
            with listening() as self.heard:
                self.take_steps()
        except NotImplementedHere as error:
            trouble = Trouble("missing", self.stage, str(error))
        except ContractError as error:
            trouble = Trouble("contract", self.stage, str(error), tensor=error.tensor)
        except (Exception, SystemExit) as error:
            message, where = describe_exception(error)
            trouble = Trouble("raised", self.stage, message, where)
        return Observation(self.initial, tuple(self.records), trouble)

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

    def cast(self, array: AnyArray) -> AnyArray:
        """A fresh copy in the trial's dtype; indices stay integers."""
        array = np.asarray(array)  # arithmetic on arrays without axes gives scalars
        return array.astype(self.dtype if array.dtype.kind == "f" else array.dtype, copy=True)
