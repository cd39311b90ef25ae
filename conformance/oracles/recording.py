"""Recorded expectations: what PyTorch gave for every named case, one compressed file per spec.

A file holds four arrays: ``numbers`` (float64: the expected values), ``bounds`` (float32: the
allowed errors in units of u), ``index`` (JSON: which stretch belongs to what, a fingerprint of each
trial, PyTorch's version, its float32 error per tensor), and ``given`` (JSON: the trials themselves,
inputs and all, so that a recording can be replayed by whoever has nothing but the file). No pickle.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray
from pydantic import NonNegativeInt

from conformance.numerics.tolerance import Expected
from conformance.oracles.oracle import Expectation, OracleError
from conformance.records.json import from_data, to_data, to_json
from conformance.records.numbers import Number
from conformance.records.trial import Trial
from conformance.spec.bound_case import BoundCase
from conformance.spec.catalogue import recording_path

FORMAT = 2


def fingerprint(trial: Trial) -> str:
    """The same for two trials that differ in nothing, or in their dtype alone."""
    data = to_data(replace(trial, dtype="float64"))
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Entry:
    """A tensor in the index."""

    name: str
    shape: tuple[NonNegativeInt, ...]
    float32_error: Number
    exact: bool


@dataclass(frozen=True)
class Index:
    """What the numbers of a file are: in order, the tensors of each step of each trial."""

    format: int
    torch: str
    trials: Mapping[str, tuple[tuple[Entry, ...], ...]]
    fingerprints: Mapping[str, str]


@dataclass
class Recording:
    """The recorded trials of one spec: what came out, and the fingerprint of what went in."""

    torch_version: str
    expected: dict[str, tuple[Mapping[str, Expected], ...]] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    given: dict[str, Trial] = field(default_factory=dict)

    def add(self, trial: Trial, steps: tuple[Mapping[str, Expected], ...]) -> None:
        """Record a trial."""
        self.expected[trial.key] = steps
        self.fingerprints[trial.key] = fingerprint(trial)
        self.given[trial.key] = trial

    def save(self, path: Path) -> None:
        """Write the file, or leave it as it was; the bytes depend on the content alone."""
        tensors = [
            tensor for steps in self.expected.values() for step in steps for tensor in step.values()
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with unfinished.open("wb") as file:
                np.savez_compressed(
                    file,
                    numbers=_joined((t.value for t in tensors), np.float64),
                    bounds=_joined(
                        (_rounded_up(t.bound) for t in tensors if not t.exact), np.float32
                    ),
                    index=_text(to_json(self._index())),
                    given=_text(json.dumps({k: to_data(t) for k, t in self.given.items()})),
                )
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    def _index(self) -> Index:
        trials = {
            key: tuple(
                tuple(
                    Entry(name, tensor.value.shape, tensor.float32_error, tensor.exact)
                    for name, tensor in step.items()
                )
                for step in steps
            )
            for key, steps in self.expected.items()
        }
        return Index(FORMAT, self.torch_version, trials, self.fingerprints)

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read a file; raises `OracleError` if it is not one of ours."""
        try:
            with path.open("rb") as file:
                return cls._read(file)
        except Exception as error:  # damage can make numpy, zipfile and zlib raise anything
            why = str(error).partition("\n")[0] or type(error).__name__
            raise OracleError(f"{path.name} is not a usable recording: {why}") from None

    @staticmethod
    def load_given(path: Path) -> dict[str, Trial]:
        """The trials of a file. Grading draws them itself and reads the fingerprints only."""
        with path.open("rb") as file, NpzFile(file, allow_pickle=False) as data:
            trials = json.loads(data["given"].tobytes())
        return {key: from_data(Trial, trial) for key, trial in trials.items()}

    @classmethod
    def _read(cls, file: BinaryIO) -> Recording:
        with NpzFile(file, allow_pickle=False) as data:
            index = _index(data["index"].tobytes())
            numbers, bounds = _Reader(data["numbers"]), _Reader(data["bounds"])
        recording = cls(index.torch, fingerprints=dict(index.fingerprints))
        for key, steps in index.trials.items():
            recording.expected[key] = tuple(
                {
                    entry.name: Expected(
                        numbers(entry.shape),
                        np.zeros(entry.shape) if entry.exact else bounds(entry.shape),
                        entry.float32_error,
                        entry.exact,
                    )
                    for entry in step
                }
                for step in steps
            )
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
        if recording.fingerprints.get(trial.key) != fingerprint(trial):
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

    def __call__(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        start, size = self.position, math.prod(shape)
        self.position += size
        if self.position > self.flat.size:
            raise ValueError("it is cut short")
        return self.flat[start : self.position].astype(np.float64).reshape(shape)


def _text(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _index(text: bytes) -> Index:
    data = json.loads(text)
    stated = data.get("format") if isinstance(data, dict) else None
    if stated != FORMAT:
        raise ValueError(
            f"its format is {stated}, not {FORMAT}; run 'conformance record' to make it anew"
        )
    return from_data(Index, data)


def _rounded_up(bound: NDArray[Any]) -> NDArray[np.float32]:
    """Bounds need no more than float32, but must not shrink."""
    return np.nextafter(bound.astype(np.float32), np.float32(np.inf))


def _joined(parts: Iterable[NDArray[Any]], dtype: Any) -> NDArray[Any]:
    return np.concatenate([np.empty(0, dtype), *(part.ravel() for part in parts)]).astype(dtype)
