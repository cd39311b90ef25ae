"""The folder of ``--conformance-report=DIR``: the run for programs, people, CI and a badge."""

from __future__ import annotations

from pathlib import Path

from conformance.extensions import REPORTS, ExtensionError, guarded, loaded
from conformance.records.report import Report
from conformance.reports import badge, html_report, json_report, markdown
from conformance.reports.files import NotWritten, write_text


def write_folder(report: Report, folder: Path, extensions: bool = True) -> Path:
    """Write all forms of a report; the folder is made if need be. Returns the page for people.

    Raises `NotWritten` at the first file that cannot be written. A form that cannot be made does
    not keep the others from being written; its exception is raised at the end. So is an
    `ExtensionError` of a writer of another distribution; without `extensions` none is asked.
    """
    forms = {
        json_report.FILE_NAME: json_report.json_text,
        html_report.FILE_NAME: html_report.render_html,
        markdown.FILE_NAME: markdown.markdown,
        badge.FILE_NAME: badge.badge,
    }
    fault: Exception | None = None
    for name, form in forms.items():
        try:
            write_text(folder / name, form(report))
        except NotWritten:
            raise
        except Exception as error:
            fault = fault or error
    theirs = []
    for point, write in loaded(REPORTS) if extensions else ():
        try:
            guarded(point, write)(report, folder)
        except ExtensionError as error:  # the other forms are written nevertheless
            theirs.append(str(error))
    if fault is not None:
        raise fault
    if theirs:
        raise ExtensionError("\n".join(theirs))
    return folder / html_report.FILE_NAME
