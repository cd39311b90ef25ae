"""Records across a pipe: frames of a JSON header and raw array bytes.

A frame is a prefix (a nonce of the session, a running number, two lengths), a header and a body.
The header is JSON: the dtypes and shapes of the arrays, and the record with an array's number in
the place of each. The body is the arrays' bytes, one after the other. Nothing is ever unpickled,
and nothing is believed before it has been checked: the other side runs code that anybody wrote.
"""

from __future__ import annotations

import json
import struct
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from conformance.records.arrays import ArrayTable
from conformance.records.json import adapter

R = TypeVar("R")

NONCE = 16
_PREFIX = struct.Struct(f"<{NONCE}sQQQ")
MAX_HEADER = 64 << 20
MAX_BODY = 1 << 30
_NUMBERS = "fiubc"


class WireError(Exception):
    """Bytes that are not a frame, or a record that fits into none; the message says which."""


def pack(record: Any, nonce: bytes, number: int) -> bytes:
    """A record as a frame."""
    table = ArrayTable()
    text = adapter(type(record)).dump_json(record, context=table)
    arrays = [_plain(array) for array in table.arrays]
    body = sum(array.nbytes for array in arrays)
    if body > MAX_BODY:
        raise WireError(f"{body >> 20} MiB of arrays, which is more than {MAX_BODY >> 20}")
    described = json.dumps([[array.dtype.str, array.shape] for array in arrays]).encode()
    header = b'{"arrays":%s,"record":%s}' % (described, text)
    if len(header) > MAX_HEADER:
        raise WireError(f"{len(header) >> 20} MiB of text, which is more than {MAX_HEADER >> 20}")
    prefix = _PREFIX.pack(nonce, number, len(header), body)
    return b"".join([prefix, header, *(array.tobytes() for array in arrays)])


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """A little-endian array of numbers."""
    if array.dtype.kind not in _NUMBERS:
        raise WireError(f"an array of dtype {array.dtype}, which is not of numbers")
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


class Incoming:
    """Collects the bytes of one frame as they arrive."""

    def __init__(self, nonce: bytes, number: int) -> None:
        self._nonce, self._number = nonce, number
        self._bytes = bytearray()
        self._lengths: tuple[int, int] | None = None

    @property
    def wanted(self) -> int:
        """How many bytes are missing, as far as is known; 0 when the frame is complete."""
        length = _PREFIX.size + sum(self._lengths or ())
        return length - len(self._bytes)

    def feed(self, data: bytes) -> None:
        """Take bytes, at most as many as are wanted; `WireError` once they cannot be a frame."""
        self._bytes += data
        if not self._bytes.startswith(self._nonce[: len(self._bytes)]):
            raise WireError("not a frame of this session")
        if self._lengths is None and len(self._bytes) == _PREFIX.size:
            _, number, header, body = _PREFIX.unpack(self._bytes)
            if number != self._number or header > MAX_HEADER or body > MAX_BODY:
                raise WireError("not the frame that is expected")
            self._lengths = header, body

    def record(self, kind: type[R]) -> R:
        """The record of a complete frame; `WireError` if it is not one of that kind."""
        assert self._lengths is not None
        assert self.wanted == 0
        start = _PREFIX.size + self._lengths[0]
        data = memoryview(self._bytes)
        try:
            header = json.loads(bytes(data[_PREFIX.size : start]))
            table = ArrayTable(_arrays(header["arrays"], data[start:]))
            found: R = adapter(kind).validate_python(header["record"], context=table)
        except (KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
            raise WireError(f"not a {kind.__name__}: {error}") from None
        return found


def _arrays(described: list[tuple[str, list[int]]], body: memoryview) -> list[NDArray[Any]]:
    """The arrays of a body: copies, which nobody else holds. `described` may be anything."""
    found, start = [], 0
    for name, shape in described:
        dtype = _dtype(name)
        count = 1
        for size in shape:
            if type(size) is not int or size < 0:
                raise ValueError(f"no array has shape {shape}")
            count *= size
        end = start + count * dtype.itemsize
        if end > len(body):
            raise ValueError("arrays that are longer than the body")
        found.append(np.ndarray(shape, dtype, body, start).copy())
        start = end
    if start != len(body):
        raise ValueError("a body that is longer than the arrays")
    return found


@lru_cache
def _dtype(name: Any) -> np.dtype[Any]:
    dtype = np.dtype(str(name))
    if dtype.kind not in _NUMBERS or dtype.str != name:
        raise ValueError(f"no array of numbers has dtype {name}")
    return dtype
