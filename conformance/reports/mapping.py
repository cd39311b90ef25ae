"""The mapping of an implementation for terminals: what `conformance inspect` prints."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from conformance.candidates.detection.inspection import InspectedSpec, InspectedTensor

WIDTH = 80
_INDENT = 16


def mapping_text(rows: Sequence[InspectedSpec]) -> str:
    """A block per spec that something serves; then the names of the others."""
    lines: list[str] = []
    served = [row for row in rows if row.target or row.missing]
    for row in served:
        lines += [*_block(row), ""]
    rest = [row.spec for row in rows if row not in served]
    if rest:
        lines += _wrapped("not found", ", ".join(rest), indent=11)
    return "\n".join(lines).rstrip() + "\n"


def _block(row: InspectedSpec) -> Iterator[str]:
    dialect = f"  ({row.dialect})" if row.dialect else ""
    yield f"{row.spec:<{_INDENT - 1}} {row.target or 'not usable'}{dialect}"
    if row.arguments:
        yield from _wrapped(
            "  arguments", "; ".join(_argument(row, name) for name in row.arguments)
        )
    if row.absent:
        yield from _wrapped("  no argument", f"{', '.join(row.absent)}: other cases are skipped")
    for name, value in row.always.items():
        shown = str(value).lower() if isinstance(value, bool) else value
        yield from _wrapped("  always", f"{name} = {shown}: other cases are skipped")
    for name, tensor in row.tensors.items():
        yield from _wrapped(f"  {name}", _tensor(tensor))
    for other in row.others:
        yield from _wrapped("  also there", f"{other} is not graded; a binding can take it instead")
    for note in row.notes:
        yield from _wrapped("  note", note)
    for why in row.missing:
        yield from _wrapped("  missing", why)
    for number, line in enumerate(row.fix):
        yield from _wrapped("" if number else "  binding", line)


def _argument(row: InspectedSpec, name: str) -> str:
    expression = row.arguments[name]
    if row.matched[name] == "name":
        return name
    return f"{name} = {expression} (by {row.matched[name]})"


def _tensor(tensor: InspectedTensor) -> str:
    shape = f" {tensor.shape}" if tensor.shape else ""
    axes = f", axes: {tensor.layout}" if tensor.layout else ""
    gradient = f", gradient: {tensor.gradient}" if tensor.gradient else ""
    return f"{tensor.path}{shape}{axes}{gradient}"


def _wrapped(label: str, text: str, indent: int = _INDENT) -> Iterable[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"{label:<{indent}}",
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
