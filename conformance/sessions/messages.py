"""What a session says to its worker and hears from it, beside trials and observations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# The exit status of a worker that can no longer speak to its parent.
UNREACHABLE = 121


@dataclass(frozen=True)
class Setup:
    """What to load, with keyword arguments of `candidates.loading.load`, and under which limits."""

    implementation: str
    options: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = 10.0
    loading: float = 60.0
    memory: int = 4096


@dataclass(frozen=True)
class Ready:
    """It is loaded; or it could not be, and why."""

    name: str = ""
    error: str | None = None
    notes: tuple[str, ...] = ()
