"""The terms that specs, records and reports share: the tiers of checks and the kinds of spec."""

from __future__ import annotations

from typing import Literal, get_args

Tier = Literal["core", "full", "strict"]
TIERS: tuple[Tier, ...] = get_args(Tier)

Kind = Literal["layer", "loss", "container", "optimizer", "scheduler", "net"]
KINDS: tuple[Kind, ...] = get_args(Kind)
