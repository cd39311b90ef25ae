"""The small data sets that nets are trained on (specs/data)."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.spec.catalogue import specs_folder

_FILES = {"iris": "iris.csv", "digits": "digits.csv.gz"}
_SCALE = 1 / 8  # a power of two, so that the integers of the files stay exact


@dataclass(frozen=True, eq=False)
class Data:
    """Centred inputs (rows, features) and class indices (rows,)."""

    inputs: NDArray[np.float64]
    targets: NDArray[np.int64]


@cache
def load_data(name: str) -> Data:
    """Read a data set: integers, the class in the last column."""
    path = specs_folder() / "data" / _FILES[name]
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    table: NDArray[Any] = np.array(
        [[int(cell) for cell in line.split(",")] for line in text.decode("ascii").splitlines()]
    )
    features = table[:, :-1]
    centred = features - np.round(features.mean(axis=0))
    return Data(centred * _SCALE, table[:, -1].astype(np.int64))
