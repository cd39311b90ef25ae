"""Where a key stands in a TOML file.

``tomllib`` returns values without positions. Error messages need a line, so this module walks the
text once and notes the line of each table header and each key at the start of a line. Keys inside
an inline table share the line of the key that holds it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

Path = tuple[str | int, ...]

_HEADER = re.compile(r"^\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_PART = re.compile(r"""[\w*-]+|"[^"]*"|'[^']*'""")
_STRING = re.compile(r"""\"\"\".*?\"\"\"|'''.*?'''|"(?:\\.|[^"\\])*"|'[^']*'""", re.DOTALL)


class Positions:
    """Maps key paths such as ``("case", 2, "config", "stride")`` to 1-based line numbers."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        counts: dict[Path, int] = {}
        table: Path = ()
        depth = 0  # inside a multi-line array or inline table
        fence = ""  # inside a multi-line string
        for number, line in enumerate(text.splitlines(), start=1):
            if fence:
                if fence in line:
                    fence = ""
                continue
            if depth == 0 and (header := _HEADER.match(line)):
                name = _parts(header[2])
                if header[1] == "[[":
                    counts[name] = counts.get(name, -1) + 1
                    table = (*name, counts[name])
                elif name[:1] in counts:  # a table inside the last element of an array of tables
                    table = (name[0], counts[name[:1]], *name[1:])
                else:
                    table = name
                self._lines.setdefault(table, number)
                continue
            if depth == 0 and (key := _KEY.match(line)):
                path = (*table, *_parts(key[1]))
                for length in range(len(table) + 1, len(path) + 1):
                    self._lines.setdefault(path[:length], number)
            bare = _STRING.sub("", line)
            for quotes in ('"""', "'''"):
                if quotes in bare:
                    fence = quotes
                    bare = bare.split(quotes)[0]
            bare = bare.split("#")[0]
            depth = max(0, depth + sum(map(bare.count, "[{")) - sum(map(bare.count, "]}")))

    def line(self, path: Sequence[str | int]) -> int:
        """The line of `path`, or of the nearest enclosing key that has one; 1 for the file."""
        for length in range(len(path), 0, -1):
            if (found := self._lines.get(tuple(path[:length]))) is not None:
                return found
        return 1


def _parts(dotted: str) -> Path:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))
