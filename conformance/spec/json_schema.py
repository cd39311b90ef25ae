"""The JSON Schema of spec files, for editors: ``#:schema ../spec.schema.json``."""

from __future__ import annotations

import json
from typing import Any

from conformance.spec.model import Spec


def spec_json_schema() -> dict[str, Any]:
    """The schema as JSON data."""
    schema = Spec.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "layer-conformance spec file"
    return schema


def spec_json_schema_text() -> str:
    """The text of ``specs/spec.schema.json``."""
    return json.dumps(spec_json_schema(), indent=2, ensure_ascii=False) + "\n"
