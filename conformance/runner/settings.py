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


@dataclass(frozen=True)
class Settings:
    """What to grade, and how.

    `isolate` is None where it depends on what is graded: files are, what is installed is not.
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
