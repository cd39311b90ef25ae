"""What the commands print, and where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from conformance.spec.model import Spec


def plain_console(stderr: bool = False) -> Console:
    """A console that prints text as it is: no markup, no highlighting, no emoji."""
    from rich.console import Console

    return Console(highlight=False, emoji=False, markup=False, stderr=stderr)


def fail(message: str) -> typer.Exit:
    """Print why a command cannot go on; the exception to raise ends it with status 2."""
    plain_console(stderr=True).print(f"conformance: {message}", soft_wrap=True)
    return typer.Exit(2)


def put(text: str, out: Path | None) -> None:
    """Print a text, or write it and say where."""
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise fail(f"{out}: cannot be written: {error.strerror}") from None
    plain_console(stderr=True).print(f"wrote {out}", soft_wrap=True)


def bundled() -> list[Spec]:
    """The bundled specs; a mistake in one ends the command."""
    from conformance.spec.catalogue import bundled_specs
    from conformance.spec.problems import SpecError

    try:
        return bundled_specs()
    except SpecError as error:
        raise fail(str(error)) from None
