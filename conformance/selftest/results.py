"""What the self-test found, in numbers and in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from conformance.selftest.measuring import Alarm, Kill, MeasuredMisreading

WORDS = {"generic": "a mistake of any layer", "trivial": "a candidate that does no work"}


@dataclass(frozen=True)
class SelfTest:
    """The power of the suite.

    `rows` are the misreadings that specs list, `kills` what was made of them by rules: mistakes
    that any layer can make, and candidates that do no work. `lint` are cases that prove nothing,
    `idle` checks that nothing fails, `correct` the implementations that had to pass.
    """

    rows: tuple[MeasuredMisreading, ...]
    kills: tuple[Kill, ...]
    alarms: tuple[Alarm, ...]
    lint: tuple[str, ...]
    idle: tuple[str, ...]
    correct: tuple[str, ...]

    @property
    def killed(self) -> int:
        """How many misreadings were caught by every check that is meant to catch them."""
        return sum(row.killed for row in self.rows)

    @property
    def named(self) -> float:
        """The share of failures whose diagnosis is the misreading that caused them, in percent."""
        failures = sum(row.failures for row in self.rows)
        return 100 * sum(row.named for row in self.rows) / failures if failures else 0.0

    def mutants(self, kind: str) -> tuple[int, int]:
        """How many mutants of a kind there are, and how many of them were killed."""
        those = [kill for kill in self.kills if kill.kind == kind]
        return len(those), sum(bool(kill.check) for kill in those)

    def problems(self, gated: bool = True) -> Iterator[str]:
        """What must not be: a line for each. Only all specs together can tell idle checks."""
        for row in self.rows:
            if not row.killed:
                missed = ", ".join(c for c in row.intended if c not in row.caught_by)
                others = ", ".join(row.caught_by) or "nothing"
                yield (
                    f"{row.spec} {row.id} ({row.where}): {missed} does not catch it; "
                    f"caught by {others}"
                )
        for kill in self.kills:
            if not kill.check:
                yield f"{kill.spec} {kill.id} ({WORDS[kill.kind]}): nothing catches it"
        yield from self.lint
        for alarm in self.alarms:
            yield f"false alarm: {alarm.implementation}: {alarm.verdict.id} {alarm.verdict.status}"
        for name in self.idle if gated else ():
            yield f"the check {name} kills nothing: no misreading shows that it can fail"

    def as_data(self) -> dict[str, Any]:
        """For machines: counts, and the matrix by spec, misreading and check."""
        matrix: dict[str, dict[str, list[str]]] = {}
        for row in self.rows:
            matrix.setdefault(row.spec, {})[row.id] = list(row.caught_by)
        return {
            "misreadings": len(self.rows),
            "killed": self.killed,
            "generic": dict(zip(("planted", "killed"), self.mutants("generic"), strict=True)),
            "trivial": dict(zip(("planted", "killed"), self.mutants("trivial"), strict=True)),
            "survivors": [f"{row.spec} {row.id}" for row in self.rows if not row.killed],
            "false_alarms": len(self.alarms),
            "correct": list(self.correct),
            "idle_checks": list(self.idle),
            "diagnosed": round(self.named, 2),
            "problems": list(self.problems()),
            "lint": list(self.lint),
            "matrix": matrix,
        }
