"""The base of every exception that this package documents: ``except ConformanceError`` is enough.

Each is defined where it is raised, and can be imported from `conformance` itself.
"""

from __future__ import annotations


class ConformanceError(Exception):
    """Something that was asked of the suite cannot be done; the message is for people."""


class UnknownLayer(ConformanceError, KeyError):
    """There is no spec of that name; the message suggests one that comes close."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""  # a KeyError would put quotes around it
