"""What the commands print, and where."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from conformance.spec.model import Spec


def plain_console(stderr: bool = False) -> Console:
    """A console that prints text as it is: no markup, no highlighting, no emoji.

    With ``NO_COLOR`` it has no colours and no bold, even where ``FORCE_COLOR`` asks for them.
    """
    from rich.console import Console

    system: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
    return Console(highlight=False, emoji=False, markup=False, stderr=stderr, color_system=system)


def in_colour(console: Console) -> bool:
    """Whether what is rendered for a console may have colours."""
    return console.color_system is not None


def watched(console: Console) -> bool:
    """Whether somebody sees a bar move: ``FORCE_COLOR`` makes no terminal of a file."""
    return console.file.isatty()


def fail(message: str) -> typer.Exit:
    """Print why a command cannot go on; the exception to raise ends it with status 2."""
    plain_console(stderr=True).print(f"conformance: {message}", soft_wrap=True)
    return typer.Exit(2)


def put(text: str, out: Path | None) -> None:
    """Print a text, or write it and say where."""
    from conformance.reports.files import NotWritten, write_text

    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        write_text(out, text)
    except NotWritten as error:
        raise fail(str(error)) from None
    plain_console(stderr=True).print(f"wrote {out}", soft_wrap=True)


def bundled() -> list[Spec]:
    """The bundled specs; a mistake in one ends the command."""
    from conformance.spec.catalogue import known_specs
    from conformance.spec.problems import SpecError

    try:
        return known_specs()
    except SpecError as error:
        raise fail(str(error)) from None
