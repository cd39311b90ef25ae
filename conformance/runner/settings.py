"""How a run is done: the options, in one record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from conformance.oracles.choice import Choice
from conformance.records.verdict import Tier

Profile = Literal["quick", "standard", "thorough"]
PROFILES: tuple[Profile, ...] = get_args(Profile)

# Generated cases per check and mode.
EXAMPLES: dict[Profile, int] = {"quick": 0, "standard": 5, "thorough": 200}


@dataclass(frozen=True)
class Settings:
    """What to grade, and how."""

    implementation: str
    layers: tuple[str, ...] = ()
    tier: Tier = "full"
    oracle: Choice = "auto"
    profile: Profile = "standard"
    seed: int = 0
    binding: str = ""

    def options(self) -> str:
        """The command-line options that differ from the defaults, for rerun commands."""
        default = Settings(self.implementation)
        words = []
        for name in ("tier", "oracle", "profile", "seed", "binding"):
            if getattr(self, name) != getattr(default, name):
                words.append(f"--conformance-{name}={getattr(self, name)}")
        return " ".join(words)
