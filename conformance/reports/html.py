"""Self-contained HTML: the templates, and the content security policy of what they give."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from conformance.records.text import percent


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("conformance.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["percent"] = percent
    templates.filters["plural"] = plural
    return templates


def plural(count: int, word: str) -> str:
    """``1 check``, ``2 checks``."""
    return f"{count:,} {word}{'' if count == 1 else 's'}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def page(template: str, **context: Any) -> str:
    """A page with its style and script inline, allowed by their hashes and nothing else allowed."""
    style, script = _source("style.css"), _source("script.js")
    policy = "; ".join(
        [
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    return (
        _templates()
        .get_template(template)
        .render(
            **context,
            policy=policy,
            # Our own files, so they need no escaping; a style or script element knows no entities.
            style=Markup(style),
            script=Markup(script),
        )
    )


@cache
def _source(name: str) -> str:
    loader = _templates().loader
    assert loader is not None
    return loader.get_source(_templates(), name)[0]


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


class Anchors:
    """Readable fragment identifiers, each given once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def __call__(self, text: str) -> str:
        """``conv2d-grad_weight-stride-2`` of an id; a number is added to what is taken."""
        slug = re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-") or "x"
        found, number = slug, 2
        while found in self._taken:
            found, number = f"{slug}-{number}", number + 1
        self._taken.add(found)
        return found
