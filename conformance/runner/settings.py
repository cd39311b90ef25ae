"""How a run is done: the options, in one record."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal, get_args

from conformance.oracles.choice import Choice
from conformance.sessions.limits import Limits
from conformance.spec.terms import Tier

Profile = Literal["quick", "standard", "thorough"]
PROFILES: tuple[Profile, ...] = get_args(Profile)

# Generated cases per check and mode.
EXAMPLES: dict[Profile, int] = {"quick": 0, "standard": 5, "thorough": 200}

# What a process needs to start, and more than any machine has.
_RANGES = {"timeout": (0.001, 10**6, "seconds"), "memory": (64, 10**8, "MiB")}


@dataclass(frozen=True)
class Settings:
    """What to grade, and how.

    `isolate` is None where it depends on what is graded: files are, what is installed is not.
    Raises `ValueError` for a seed, a timeout or a memory that no run can have.
    """

    implementation: str
    layers: tuple[str, ...] = ()
    tier: Tier = "full"
    oracle: Choice = "auto"
    profile: Profile = "standard"
    seed: int = 0
    binding: str = ""
    isolate: bool | None = None
    timeout: float = Limits.timeout
    memory: int = Limits.memory
    run_all_cells: bool = False

    def __post_init__(self) -> None:
        if type(self.seed) is not int or not 0 <= self.seed < 2**32:
            raise ValueError(f"seed={self.seed}: must be an integer from 0 to 2**32 - 1")
        for name, (low, high, unit) in _RANGES.items():
            value = getattr(self, name)
            if not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(f"{name}={value}: must be from {low} to {high} {unit}")

    @property
    def limits(self) -> Limits:
        """What the implementation may use where it is isolated."""
        return Limits(timeout=self.timeout, memory=self.memory)

    def options(self) -> str:
        """The command-line options that differ from the defaults, for rerun commands."""
        default = Settings(self.implementation)
        words = []
        for name in ("tier", "oracle", "profile", "seed", "binding", "timeout", "memory"):
            value = getattr(self, name)
            if value != getattr(default, name):
                shown = f"{value:g}" if isinstance(value, float) else value
                words.append(f"--conformance-{name}={shlex.quote(str(shown))}")
        if self.isolate is not None:
            words.append(f"--{'' if self.isolate else 'no-'}conformance-isolate")
        if self.run_all_cells:
            words.append("--conformance-run-all-cells")
        return " ".join(words)


# Every check of a spec, without generated cases: their number depends on the profile.
EVERYTHING = Settings("", tier="strict", profile="quick")
