"""NumPy arrays as fields of records, with a lossless JSON form."""

from __future__ import annotations

import base64
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema


def array_to_json(array: NDArray[Any]) -> dict[str, Any]:
    """An array as its dtype, shape and base64-encoded little-endian bytes in C order."""
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    return {
        "dtype": little.dtype.str,
        "shape": list(array.shape),
        "data": base64.b64encode(little.tobytes()).decode("ascii"),
    }


def array_from_json(value: Any) -> NDArray[Any]:
    """The inverse of `array_to_json`; arrays pass through, `ValueError` on anything else."""
    if isinstance(value, np.ndarray):
        return value
    try:
        flat = np.frombuffer(base64.b64decode(value["data"]), dtype=np.dtype(value["dtype"]))
        return flat.reshape(value["shape"]).copy()
    except (KeyError, OverflowError, TypeError) as error:
        raise ValueError(f"not an array: {error!r}") from None


Array = Annotated[
    np.ndarray[Any, Any],
    PlainValidator(array_from_json),
    PlainSerializer(array_to_json),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                "dtype": {"type": "string"},
                "shape": {"type": "array", "items": {"type": "integer"}},
                "data": {"type": "string", "contentEncoding": "base64"},
            },
            "required": ["dtype", "shape", "data"],
        }
    ),
]
