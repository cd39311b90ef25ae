"""Recorded expectations: what PyTorch gave for every named case, one compressed file per spec.

A file holds three arrays: ``numbers`` (float64: what each trial was given, then the expected
values), ``bounds`` (float32: the allowed errors in units of u), and ``index`` (JSON: which stretch
belongs to what, PyTorch's version, its float32 error per tensor). No pickle.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.numerics.tolerance import Expected
from conformance.oracles.oracle import Expectation, OracleError
from conformance.records.trial import Backward, Forward, Trial
from conformance.spec.binding import BoundCase
from conformance.spec.catalogue import recording_path

FORMAT = 1


def given_arrays(trial: Trial) -> list[tuple[str, NDArray[Any]]]:
    """Every array that a trial hands to the layer, by a name that says where it stands."""
    named: list[tuple[str, NDArray[Any]]] = []
    for table in (trial.config, trial.parameters, trial.buffers):
        named += [(name, v) for name, v in table.items() if isinstance(v, np.ndarray)]
    for i, step in enumerate(trial.steps):
        match step:
            case Forward(inputs=inputs):
                named += [(f"{i}.{name}", array) for name, array in inputs.items()]
            case Backward(cotangent=cotangent):
                named.append((f"{i}.grad_output", cotangent))
            case _:
                pass
    return named


@dataclass
class Recording:
    """The recorded trials of one spec, with the arrays each was given."""

    torch_version: str
    given: dict[str, list[tuple[str, NDArray[Any]]]] = field(default_factory=dict)
    expected: dict[str, tuple[Mapping[str, Expected], ...]] = field(default_factory=dict)

    def add(self, trial: Trial, steps: tuple[Mapping[str, Expected], ...]) -> None:
        """Record a trial."""
        self.given[trial.key] = given_arrays(trial)
        self.expected[trial.key] = steps

    def save(self, path: Path) -> None:
        """Write the file; the bytes depend on the content alone."""
        numbers: list[NDArray[Any]] = []
        bounds: list[NDArray[Any]] = []
        trials: dict[str, Any] = {}
        for key, steps in self.expected.items():
            numbers += [array.astype(np.float64).ravel() for _, array in self.given[key]]
            for step in steps:
                numbers += [expected.value.ravel() for expected in step.values()]
                bounds += [
                    _rounded_up(expected.bound) for expected in step.values() if not expected.exact
                ]
            trials[key] = {
                "given": [[name, list(array.shape)] for name, array in self.given[key]],
                "steps": [
                    [[n, list(e.value.shape), e.float32_error, e.exact] for n, e in step.items()]
                    for step in steps
                ],
            }
        index = {"format": FORMAT, "torch": self.torch_version, "trials": trials}
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            path,
            numbers=_joined(numbers, np.float64),
            bounds=_joined(bounds, np.float32),
            index=np.frombuffer(json.dumps(index).encode(), dtype=np.uint8),
        )

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read a file; raises `OracleError` if it is not one of ours."""
        try:
            with np.load(path, allow_pickle=False) as data:
                index = json.loads(data["index"].tobytes())
                numbers, bounds = _Reader(data["numbers"]), _Reader(data["bounds"])
            if index["format"] != FORMAT:
                raise ValueError(f"format {index['format']}, expected {FORMAT}")
            recording = cls(index["torch"])
            for key, entry in index["trials"].items():
                recording.given[key] = [(name, numbers(shape)) for name, shape in entry["given"]]
                recording.expected[key] = tuple(
                    {
                        name: Expected(
                            numbers(shape),
                            np.zeros(shape) if exact else bounds(shape),
                            error,
                            exact,
                        )
                        for name, shape, error, exact in step
                    }
                    for step in entry["steps"]
                )
        except (OSError, KeyError, ValueError) as error:
            raise OracleError(f"{path.name} is not a usable recording: {error}") from None
        return recording


class RecordedOracle:
    """Expectations from the files that ``conformance record`` wrote."""

    def __init__(self) -> None:
        self._recordings: dict[Path, Recording | None] = {}
        self.label = "recorded"

    def expect(self, bound: BoundCase, trial: Trial) -> Expectation | None:
        """The recorded expectation of a named case; None for other seeds and generated cases.

        Raises `OracleError` if the recording was made with other inputs (the spec has changed).
        """
        recording = self._recording(recording_path(bound.spec))
        if recording is None or trial.seed != 0 or trial.key not in recording.expected:
            return None
        recorded, given = recording.given[trial.key], given_arrays(trial)
        if [name for name, _ in recorded] != [name for name, _ in given] or not all(
            np.array_equal(a, b) for (_, a), (_, b) in zip(recorded, given, strict=True)
        ):
            raise OracleError(
                f"the recording of {bound.spec.name} {trial.key} was made with other inputs: "
                "the spec has changed since; run 'conformance record'"
            )
        return Expectation(
            recording.expected[trial.key], f"recorded torch {recording.torch_version}"
        )

    def _recording(self, path: Path | None) -> Recording | None:
        if path is None or not path.is_file():
            return None
        if path not in self._recordings:
            self._recordings[path] = Recording.load(path)
        return self._recordings[path]


class _Reader:
    """Takes arrays off a flat stretch of numbers, in order."""

    def __init__(self, flat: NDArray[Any]) -> None:
        self.flat = flat
        self.position = 0

    def __call__(self, shape: list[int]) -> NDArray[np.float64]:
        start, size = self.position, math.prod(shape)
        self.position += size
        if self.position > self.flat.size:
            raise ValueError("it is cut short")
        return self.flat[start : self.position].astype(np.float64).reshape(shape)


def _rounded_up(bound: NDArray[Any]) -> NDArray[np.float32]:
    """Bounds need no more than float32, but must not shrink."""
    rounded: NDArray[np.float32] = np.nextafter(
        bound.astype(np.float32).ravel(), np.float32(np.inf)
    )
    return rounded


def _joined(parts: Iterable[NDArray[Any]], dtype: Any) -> NDArray[Any]:
    return np.concatenate([np.empty(0, dtype), *parts]).astype(dtype)
