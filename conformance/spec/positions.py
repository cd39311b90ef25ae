"""Where a key stands in a TOML file.

``tomllib`` returns values without positions. Error messages need a line, so this module walks the
text once and notes the line of each table header and each key at the start of a line. Keys inside
an inline table share the line of the key that holds it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

Path = tuple[str | int, ...]

# What may hold brackets, equals signs and hashes that mean nothing: strings and comments.
_HIDDEN = re.compile(
    "|".join(
        [
            r'"""(?:\\.|[^\\])*?"{3,5}',
            r"'''.*?'{3,5}",
            r'"(?:\\.|[^"\\\n])*"',
            r"'[^'\n]*'",
            r"#[^\n]*",
        ]
    ),
    re.DOTALL,
)
_HEADER = re.compile(r"\s*(\[\[?)([^]]+)\]")
_KEY = re.compile(r'\s*([\w"-][\w".\s-]*)=')
_MOST_PARTS = 100  # of a key: more are refused as too deep
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


class Positions:
    """Maps key paths such as ``("case", 2, "config", "stride")`` to 1-based line numbers."""

    def __init__(self, text: str) -> None:
        self._text: str | None = text  # None once it has been walked: most files are never asked
        self._lines: dict[Path, int] = {}
        self._last: dict[Path, int] = {}  # the index of the last element of an array of tables

    def _walk(self, text: str) -> None:
        table: Path = ()
        depth = 0  # inside a multi-line array or inline table
        lines = zip(text.split("\n"), bare(text).split("\n"), strict=True)
        for number, (line, code) in enumerate(lines, start=1):
            if depth == 0 and (header := _HEADER.match(code)):
                table = self._table(_parts(line[slice(*header.span(2))]), header[1] == "[[")
                self._note(table, number)
            elif depth == 0 and (key := _KEY.match(code)):
                self._note((*table, *_parts(line[slice(*key.span(1))])), number)
            depth += sum(map(code.count, "[{")) - sum(map(code.count, "]}"))

    def _table(self, name: Path, starts_element: bool) -> Path:
        """The path of a header: names of arrays of tables are followed by an index."""
        path: Path = ()
        for i, part in enumerate(name, start=1):
            path = (*path, part)
            if starts_element and i == len(name):
                self._last[path] = self._last.get(path, -1) + 1
            if path in self._last:
                path = (*path, self._last[path])
        return path

    def _note(self, path: Path, number: int) -> None:
        for length in range(1, len(path)):
            self._lines.setdefault(path[:length], number)
        self._lines[path] = number

    def line(self, path: Sequence[str | int]) -> int:
        """The line of `path`, or of the nearest enclosing key that has one; 1 for the file."""
        self._read()
        for length in range(len(path), 0, -1):
            if (found := self._lines.get(tuple(path[:length]))) is not None:
                return found
        return 1

    def key(self, line: int) -> Path:
        """The key that stands at a line or last before it; none before the first."""
        self._read()
        before = [(number, path) for path, number in self._lines.items() if number <= line]
        return max(before, key=lambda found: (found[0], len(found[1])), default=(1, ()))[1]

    def _read(self) -> None:
        if self._text is not None:
            text, self._text = self._text, None
            self._walk(text)


def bare(text: str) -> str:
    """The text without comments and with quotes in place of strings, on the same lines."""
    return _HIDDEN.sub(_hide, text)


def _hide(hidden: re.Match[str]) -> str:
    """Quotes in place of a string, so that lines and columns stay; nothing for a comment."""
    return "" if hidden[0].startswith("#") else re.sub(r"[^\n]", '"', hidden[0])


def _parts(dotted: str) -> Path:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted)[:_MOST_PARTS])
