"""The candidate's forward on many values of one tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.checks.evidence import Evidence, Stopped
from conformance.numerics.tolerance import UNIT_ROUNDOFF, largest
from conformance.records.trial import Forward, Restore, Step, Vary

Array = NDArray[Any]

# How many values share a batch, and from how many on it pays to find out whether they may.
BATCH = 16
_WORTH = 32


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
        if self.uncertain and len(values) >= _WORTH:
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
        return self._apart(self._run(*self._batches(values)), len(values))

    def _apart(self, batches: list[Array], count: int) -> Array:
        """The changes of the first `count` values in some batches.

        Each place in a batch has its own center: where a row stands may decide in which order its
        terms are added up.
        """
        rows = np.concatenate([batch - self.batch_center for batch in batches])
        return rows.reshape(len(batches) * BATCH, -1, *rows.shape[1:])[:count]

    def _certified(self, values: Array) -> Array | None:
        """The changes, from batches; None unless it is seen that parts of a batch are independent.

        f of a concatenation must be the concatenation of f, up to rounding: products of larger
        matrices may be added up in another order. And no part may see another, bit by bit.
        """
        pair = np.stack([self.point, self.evidence.programs.inputs(1)[self.tensor]])
        same, mixed = self._batches(pair[:1]), self._batches(pair)
        try:
            alone, center, replaced, *batches = self._run(
                self._vary(pair), *same, *mixed, *self._batches(values)
            )
            parts, centers = (x.reshape(BATCH, *alone.shape[1:]) for x in (replaced, center))
        except (Stopped, ValueError):  # forward refuses such a batch, or returns another shape
            return None
        allowed = 64 * UNIT_ROUNDOFF["float64"] * largest(alone)
        concatenated = np.abs(parts[:2] - alone) <= allowed
        unseen = np.delete(parts == centers, 1, axis=0)
        if not (concatenated.all() and unseen.all()):
            return None
        self.batch_center = center
        return self._apart(batches, len(values))

    def _vary(self, values: Array) -> Step:
        return Vary(self.inputs, self.tensor, values)

    def _batches(self, values: Array) -> list[Step]:
        """Forward on batches of values; the last is filled up with the point."""
        steps: list[Step] = []
        tiled = {name: np.concatenate([array] * BATCH) for name, array in self.inputs.items()}
        for start in range(0, len(values), BATCH):
            batch = np.concatenate(list(values[start : start + BATCH]))
            rest = tiled[self.tensor][len(batch) :]
            steps += [Restore(), Forward({**tiled, self.tensor: np.concatenate([batch, rest])})]
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
        return [step.outputs[self.output] for step in observation.steps if step.outputs]
