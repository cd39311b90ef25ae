"""The command that shows how an implementation is understood."""

from __future__ import annotations

import pkgutil
from pathlib import Path
from typing import Annotated

import typer

from conformance.cli.output import bundled, fail, put


def _modules(namespace: object) -> str:
    """The modules of a package, which may hold what the package itself does not show."""
    inner = [module.name for module in pkgutil.iter_modules(getattr(namespace, "__path__", ()))]
    return f"; its modules: {', '.join(inner)}" if inner else ""


def inspect(
    implementation: Annotated[str, typer.Argument(metavar="IMPL", help="As --impl of pytest.")],
    binding: Annotated[
        str, typer.Option("--binding", metavar="FILE", help="Default: conformance.toml beside it.")
    ] = "",
    write_binding: Annotated[
        Path | None,
        typer.Option("--write-binding", metavar="FILE", help="Write what was found as a binding."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how an implementation is understood: which class serves which spec, and how."""
    from conformance.candidates.detection.choosing import members
    from conformance.candidates.detection.inspection import (
        inspect_implementation,
        rows_as_binding,
        rows_as_json,
    )
    from conformance.candidates.loading.paths import ImplementationError, load
    from conformance.reports.mapping import mapping_text

    try:
        loaded = load(implementation, binding=binding)
    except ImplementationError as error:
        raise fail(str(error)) from None
    rows = inspect_implementation(loaded, bundled())
    if not any(row.target for row in rows):
        classes = [name for name, value in members(loaded.namespace) if isinstance(value, type)]
        raise fail(
            f"{implementation} has nothing under a name that a spec is known by "
            f"(its classes: {', '.join(classes) or 'none'}{_modules(loaded.namespace)}); "
            "a binding can say what serves a spec"
        )
    if write_binding is not None:
        if write_binding.exists():
            raise fail(f"{write_binding} exists: give another name, or remove it first")
        put(rows_as_binding(loaded, rows), write_binding)
    typer.echo(rows_as_json(rows) if as_json else mapping_text(rows), nl=as_json)
