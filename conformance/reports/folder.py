"""The folder of ``--conformance-report=DIR``: the run for programs, people, CI and a badge."""

from __future__ import annotations

from pathlib import Path

from conformance.extensions import REPORTS, ExtensionError, guarded, loaded
from conformance.records.report import Report
from conformance.reports import badge, html_report, json_report, markdown


def write_folder(report: Report, folder: Path) -> Path:
    """Write all forms of a report; the folder is made if need be. Returns the page for people.

    Raises `ExtensionError` if a writer of another distribution fails, when all others have written.
    """
    json_report.write_json(report, folder)
    page = html_report.write_html(report, folder)
    (folder / markdown.FILE_NAME).write_text(markdown.markdown(report), encoding="utf-8")
    (folder / badge.FILE_NAME).write_text(badge.badge(report), encoding="utf-8")
    faults = []
    for point, write in loaded(REPORTS):
        try:
            guarded(point, write)(report, folder)
        except ExtensionError as error:  # the other forms are written nevertheless
            faults.append(str(error))
    if faults:
        raise ExtensionError("\n".join(faults))
    return page
