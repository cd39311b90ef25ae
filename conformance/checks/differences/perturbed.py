"""The candidate's forward on many values of one tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.checks.evidence import Evidence, Stopped
from conformance.numerics.batching import BATCH, WORTH, apart, batches, independent
from conformance.numerics.tolerance import UNIT_ROUNDOFF
from conformance.records.trial import Forward, Restore, Step, Vary

Array = NDArray[Any]


class PerturbedForwards:
    """By how much the first output changes with an input or parameter, each time from one state.

    Values of an input go through forward many at a time, one behind the other in a batch, where the
    spec promises that rows are independent *and* it was seen to be so.
    """

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = replace(evidence, dtype="float64")  # also where it is asked for float32
        self.tensor = evidence.tensor
        self.output = next(iter(evidence.bound.spec.outputs))
        self.inputs = evidence.programs.inputs()
        self.point = {**self.inputs, **evidence.programs.parameters}[self.tensor]
        self.center: Array | None = None
        # The outputs of a batch that holds the point in every place; None: rows see each other.
        self.batch_center: Array | None = None
        self.uncertain = self._promised()

    def __call__(self, values: Array) -> Array:
        """By how much the output differs from that at the point: exactly 0 where it does not."""
        if self.uncertain and len(values) >= WORTH:
            self.uncertain = False
            found = self._certified(values)
            if found is not None:
                return found
        return self._alone(values) if self.batch_center is None else self._together(values)

    def _alone(self, values: Array) -> Array:
        """Each value in a call of its own."""
        if self.center is None:
            (outputs,) = self._run(self._vary(np.concatenate([self.point[None], values])))
            self.center, outputs = outputs[0], outputs[1:]
        else:
            (outputs,) = self._run(self._vary(values))
        return np.asarray(np.subtract(outputs, self.center, out=outputs))

    def _together(self, values: Array) -> Array:
        """Many values in one call."""
        assert self.batch_center is not None
        return apart(self._parts(self._run(*self._batches(values))), self.batch_center, len(values))

    def _certified(self, values: Array) -> Array | None:
        """The changes, from batches; None unless parts of a batch are seen to be independent."""
        pair = np.stack([self.point, self.evidence.programs.inputs(1)[self.tensor]])
        same, mixed = self._batches(pair[:1]), self._batches(pair)
        try:
            alone, *outputs = self._run(self._vary(pair), *same, *mixed, *self._batches(values))
            center, replaced, *rest = self._parts(outputs)
            if not independent(alone, center, replaced, UNIT_ROUNDOFF["float64"]):
                return None
        except (Stopped, ValueError):  # forward refuses such a batch, or returns another shape
            return None
        self.batch_center = center
        return apart(rest, center, len(values))

    def _parts(self, outputs: Sequence[Array]) -> list[Array]:
        """Outputs of batches, each with the values of the batch along its first axis."""
        return [output.reshape(BATCH, -1, *output.shape[1:]) for output in outputs]

    def _vary(self, values: Array) -> Step:
        return Vary(self.inputs, self.tensor, values)

    def _batches(self, values: Array) -> list[Step]:
        """Forward on batches of values; the last is filled up with the point."""
        tiled = {name: np.concatenate([array] * BATCH) for name, array in self.inputs.items()}
        steps: list[Step] = []
        for batch in batches(values, self.point):
            steps += [Restore(), Forward({**tiled, self.tensor: batch})]
        return steps

    def _promised(self) -> bool:
        """Whether the spec promises independent rows, and the tensors of this case have rows."""
        bound, mode = self.evidence.bound, self.evidence.mode
        promised = bound.spec.gradients.batch_independent
        if isinstance(promised, Mapping):
            promised = promised.get(mode or "", False)
        arrays = (*self.inputs.values(), self.evidence.programs.cotangent)
        rows = {array.shape[:1] for array in arrays}
        return promised and self.tensor in self.inputs and len(rows) == 1 and () not in rows

    def _run(self, *steps: Step) -> list[Array]:
        """The first output of each step that has one; nothing is remembered, it would be large."""
        trial = self.evidence.programs.trial(f"differences/{self.tensor}", *steps)
        observation = self.evidence.observe_once(trial)
        if observation.trouble is not None:
            raise Stopped(observation.trouble)
        outputs = (step.outputs[self.output] for step in observation.steps if step.outputs)
        return [np.asarray(output, dtype=np.float64) for output in outputs]
