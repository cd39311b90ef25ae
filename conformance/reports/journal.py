"""The journal of a run: a verdict per line, as they come, beside a report that is unfinished.

Where a run is killed, the report of its start and the journal are what is left; `replayed` makes
one report of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from conformance.records.json import from_json, to_json
from conformance.records.report import Report, summarise, summarise_layer
from conformance.records.verdict import Verdict
from conformance.reports.files import JOURNAL, NotWritten, open_new, write_all


class Journal:
    """Appends verdicts to ``journal.jsonl`` of a report folder, each at once."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL
        try:
            self._file: int | None = open_new(self.path)
        except OSError as error:
            raise NotWritten(self.path, error) from None

    def append(self, verdict: Verdict) -> None:
        """Write a verdict. Raises `NotWritten` once; after that nothing is written."""
        if self._file is None:
            return
        try:
            write_all(self._file, to_json(verdict).encode() + b"\n")
        except OSError as error:
            self.close()
            raise NotWritten(self.path, error) from None

    def close(self) -> None:
        """Write no more."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def remove(self) -> None:
        """The report has it all."""
        self.close()
        with suppress(OSError):
            self.path.unlink()


def replayed(report: Report, folder: Path) -> Report:
    """The unfinished report of a folder, with the verdicts of the journal beside it, if any."""
    if not report.unfinished:
        return report
    found = {verdict.id: verdict for verdict in _read(folder / JOURNAL)}
    if not found:
        return report
    planned = {verdict.id: verdict for verdict in report.verdicts}
    verdicts = tuple({**planned, **found}.values())
    layers = tuple(
        summarise_layer(
            layer.name,
            layer.family,
            layer.spec,
            [verdict for verdict in verdicts if verdict.id.startswith(layer.spec + "::")],
        )
        for layer in report.layers
    )
    words = f"{report.unfinished} ({len(found)} verdicts are from its journal)"
    return replace(
        report, verdicts=verdicts, layers=layers, summary=summarise(verdicts), unfinished=words
    )


def _read(path: Path) -> Iterator[Verdict]:
    """The verdicts of a journal; the last line may have been cut short."""
    try:
        lines = path.read_bytes().splitlines() if path.is_file() else []
    except OSError:
        return
    for line in lines:
        with suppress(ValidationError):
            yield from_json(Verdict, line)
