"""``report.json`` and its published schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from conformance.errors import ConformanceError
from conformance.records.json import adapter, from_data, to_json
from conformance.records.report import SCHEMA_VERSION, Report
from conformance.reports import files
from conformance.reports.journal import replayed

FILE_NAME = files.REPORT


class UnreadableReport(ConformanceError):
    """A file that is not a report, or not one of this version; the message is for users."""


def json_text(report: Report) -> str:
    """The text of ``report.json``."""
    return to_json(report, indent=1) + "\n"


def write_json(report: Report, folder: Path) -> Path:
    """Write ``report.json`` into `folder`, which is made if need be; returns the file."""
    return files.write_text(folder / FILE_NAME, json_text(report))


def read_json(path: Path) -> Report:
    """Read a report, or the one in a folder; raises `UnreadableReport` if that cannot be done.

    Where a run was killed, its folder has an unfinished report and a journal: they are joined.
    """
    if path.is_dir():
        return replayed(read_json(path / FILE_NAME), path)
    try:
        if path.exists() and not path.is_file():
            raise OSError(0, "not a file")
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise UnreadableReport(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UnreadableReport(f"{path}: is not a report: not text in UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise UnreadableReport(f"{path}: is not a report: not JSON: {error}") from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version is None:
        raise UnreadableReport(
            f"{path}: is not a report: it has no schema_version "
            "(pytest --impl=NAME --conformance-report=DIR writes one)"
        )
    if version != SCHEMA_VERSION:
        raise UnreadableReport(
            f"{path}: is a report of schema version {version}, and this version of "
            f"layer-conformance reads {SCHEMA_VERSION}: grade again, or use the version that "
            "wrote it"
        )
    try:
        return from_data(Report, data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the top"
        raise UnreadableReport(
            f"{path}: is a broken report: at {place}: {first['msg']} "
            f"({error.error_count()} mistake{'s' * (error.error_count() > 1)} in all)"
        ) from None


def report_json_schema() -> dict[str, Any]:
    """The JSON Schema of ``report.json`` (docs/report.schema.json)."""
    schema = adapter(Report).json_schema(mode="serialization")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "layer-conformance report"
    return schema


def report_json_schema_text() -> str:
    """The text of ``docs/report.schema.json``."""
    return json.dumps(report_json_schema(), indent=2, ensure_ascii=False) + "\n"
