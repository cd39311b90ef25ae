"""``report.json`` and its published schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from conformance.records.json import adapter, from_json, to_json
from conformance.records.report import Report

FILE_NAME = "report.json"


def write_json(report: Report, folder: Path) -> Path:
    """Write ``report.json`` into `folder`, which is made if need be; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    path.write_text(to_json(report, indent=1) + "\n", encoding="utf-8")
    return path


def read_json(path: Path) -> Report:
    """Read a report; raises `pydantic.ValidationError` if it is not one."""
    return from_json(Report, path.read_bytes())


def report_json_schema() -> dict[str, Any]:
    """The JSON Schema of ``report.json`` (docs/report.schema.json)."""
    schema = adapter(Report).json_schema(mode="serialization")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "layer-conformance report"
    return schema


def report_json_schema_text() -> str:
    """The text of ``docs/report.schema.json``."""
    return json.dumps(report_json_schema(), indent=2, ensure_ascii=False) + "\n"
