"""What a session says to its worker and hears from it, beside trials and observations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from conformance.records.foreign import plain
from conformance.records.observation import Observation
from conformance.records.report import Convention

# The exit status of a worker that can no longer speak to its parent.
UNREACHABLE = 121


@dataclass(frozen=True)
class Setup:
    """What to load, with which binding and which specs of the user's, and under which limits."""

    implementation: str
    binding: str = ""
    specs: tuple[str, ...] = ()
    timeout: float = 10.0
    loading: float = 60.0
    memory: int = 4096
    run_all_cells: bool = False


@dataclass(frozen=True)
class Ready:
    """It is loaded; or it could not be, why, and whether it is there at all but `broken`.

    `lacks` names the specs, bundled ones and the user's, that nothing in it could serve.
    """

    name: str = ""
    error: str | None = None
    broken: bool = False
    notes: tuple[str, ...] = ()
    conventions: tuple[Convention, ...] = ()
    lacks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "notes", tuple(map(plain, self.notes)))


@dataclass(frozen=True)
class Understood:
    """How a layer was understood: its dialect, and what the reader of a report must know."""

    dialect: str
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "notes", tuple(map(plain, self.notes)))


@dataclass(frozen=True)
class Answer:
    """What a trial showed, and how layers that it needed for the first time were understood."""

    observation: Observation
    understood: Mapping[str, Understood] = field(default_factory=dict)
