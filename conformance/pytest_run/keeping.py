"""What of a run is on disk, at any time: an unfinished report and a journal, then the report."""

from __future__ import annotations

from pathlib import Path

from conformance.records.report import Report
from conformance.records.verdict import Verdict
from conformance.reports.files import NotWritten
from conformance.reports.folder import write_folder
from conformance.reports.journal import Journal


class Keeper:
    """Keeps the report folder of one run; what cannot be written in the end is in `problem`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problem = ""
        self._journal: Journal | None = None

    def begin(self, report: Report) -> None:
        """Write the report as it is before the first check; again when more is planned."""
        try:
            write_folder(report, self.folder, extensions=False)
            self._journal = self._journal or Journal(self.folder)
        except NotWritten as error:
            self.problem = str(error)

    def add(self, verdict: Verdict) -> None:
        """Write a verdict into the journal."""
        if self._journal is None:
            return
        try:
            self._journal.append(verdict)
        except NotWritten as error:
            self.problem = str(error)

    def end(self, report: Report) -> Path | None:
        """Replace the unfinished report; returns the page, None if it could not be written."""
        try:
            page = write_folder(report, self.folder)
        except NotWritten as error:
            self.problem = str(error)
            return None
        if self._journal is not None:
            self._journal.remove()
        self.problem = ""  # whatever it was, it is over
        return page
