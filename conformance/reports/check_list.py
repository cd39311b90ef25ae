"""The catalogue of checks as a document: docs/checks.md."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from conformance.checks import CATALOGUE, ERROR_CONTRACT, GROUPS
from conformance.checks.check import LAYERS, Check
from conformance.spec.terms import TIERS, Tier

PLURALS = {"loss": "losses"}


def checks_markdown() -> str:
    """Every check, by group: what must hold, and where it is asked."""
    return "\n".join(_document()) + "\n"


def _document() -> Iterator[str]:
    every = [*CATALOGUE, ERROR_CONTRACT]
    yield "# Checks"
    yield ""
    yield "What is checked, by the columns of the report. This file is written by"
    yield "`conformance checks > docs/checks.md` from the docstrings of `conformance/checks/`."
    yield ""
    yield f"| group | {' | '.join(TIERS)} | checks |"
    yield f"|---|{'---|' * len(TIERS)}---|"
    for group in GROUPS:
        members = [check for check in every if check.group == group]
        counts = [_count(members, tier) for tier in TIERS]
        names = ", ".join(f"`{_name(check)}`" for check in members)
        yield f"| [{group}](#{group}) | {' | '.join(counts)} | {names} |"
    yield ""
    yield "A name such as `grad_<tensor>` stands for one check per tensor. Each check is put to"
    yield "every case that it applies to, in float64 unless it says otherwise; one whose"
    yield "requirements did not pass on the same case is blocked."
    for group in GROUPS:
        yield f"\n## {group}"
        for check in every:
            if check.group == group:
                yield from _entry(check)


def _count(checks: list[Check], tier: Tier) -> str:
    return str(sum(check.tier == tier for check in checks) or "")


def _entry(check: Check) -> Iterator[str]:
    yield f"\n### `{_name(check)}`\n"
    yield check.documentation
    yield ""
    yield f"- tier: {check.tier}"
    if applies := inspect.getdoc(check.targets):
        yield f"- applies to: {' '.join(applies.split())}"
    if check.kinds != LAYERS:
        yield f"- kinds: {', '.join(PLURALS.get(kind, f'{kind}s') for kind in check.kinds)}"
    if check.dtypes != ("float64",):
        yield f"- dtypes: {', '.join(check.dtypes)}"
    if check.requires:
        yield f"- requires: {', '.join(f'`{name}`' for name in check.requires)}"
    if check.generated:
        yield "- also on generated cases"


def _name(check: Check) -> str:
    return check.id_for("<tensor>")
