"""Floats as fields of records, with a JSON form also for those that JSON lacks."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import PlainSerializer

NonFinite = Literal["Infinity", "-Infinity", "NaN"]


def number_to_json(value: float) -> float | NonFinite:
    """Infinities and NaN as the strings from which pydantic reads them back."""
    if math.isfinite(value):
        return float(value)  # NumPy's scalars are floats that pydantic does not take for one
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


Number = Annotated[float, PlainSerializer(number_to_json, when_used="json")]
