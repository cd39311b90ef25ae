"""The same values in another arrangement in memory."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided

from conformance.candidates.dialect import AnyArray
from conformance.records.trial import Layout


def arranged(array: AnyArray, layout: Layout) -> AnyArray:
    """An array of equal values in this layout; one without axes or elements stays as it is.

    What lies between the elements is NaN (or a class that cannot be): reading it shows.
    """
    if array.ndim == 0 or array.size == 0:
        return array
    match layout:
        case "contiguous":
            return array
        case "fortran":
            return np.asfortranarray(array)
        case "strided":
            between = np.nan if array.dtype.kind == "f" else -1
            wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), between, array.dtype)
            wide[..., ::2] = array
            return wide[..., ::2]
        case "reversed":
            return np.flip(np.flip(array).copy())
        case "transposed":
            return np.moveaxis(np.moveaxis(array, 0, -1).copy(), -1, 0)
        case "broadcast":
            first = array[:1].copy()
            return as_strided(first, array.shape, (0, *first.strides[1:]))
