"""NumPy arrays as fields of records, with a lossless JSON form.

Where arrays travel beside the JSON, an `ArrayTable` is the context of serialization and validation:
the JSON then has an array's number in the table in place of its bytes.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    PlainSerializer,
    PlainValidator,
    SerializationInfo,
    ValidationInfo,
    WithJsonSchema,
)


@dataclass(frozen=True)
class ArrayTable:
    """Arrays that travel beside the JSON of a record."""

    arrays: list[NDArray[Any]] = field(default_factory=list)

    def put(self, array: NDArray[Any]) -> dict[str, Any]:
        """What stands for an array in the JSON."""
        self.arrays.append(array)
        return {"array": len(self.arrays) - 1}

    def get(self, value: Any) -> NDArray[Any]:
        """The inverse of `put`; `ValueError` on anything else."""
        number = value.get("array") if isinstance(value, dict) else None
        if type(number) is not int or not 0 <= number < len(self.arrays):
            raise ValueError(f"not an array: {value!r}")
        return self.arrays[number]


def array_to_json(array: NDArray[Any], info: SerializationInfo) -> dict[str, Any]:
    """An array as its dtype, shape and base64-encoded little-endian bytes in C order."""
    if not isinstance(array, np.ndarray | np.generic):
        raise TypeError("not an array")  # of a union that has arrays among others
    if isinstance(info.context, ArrayTable):
        return info.context.put(np.asarray(array))
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    return {
        "dtype": little.dtype.str,
        "shape": list(array.shape),
        "data": base64.b64encode(little.tobytes()).decode("ascii"),
    }


def array_from_json(value: Any, info: ValidationInfo) -> NDArray[Any]:
    """The inverse of `array_to_json`; arrays pass through, `ValueError` on anything else."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(info.context, ArrayTable):
        return info.context.get(value)
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
