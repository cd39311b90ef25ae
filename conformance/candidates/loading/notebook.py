"""Jupyter notebooks as implementations: what defines layers is read, what trains is not run.

Of the code cells, in order, imports, functions and classes are kept, and the assignments that those
need. Magics and shell lines are dropped. A cell that fails is noted and the rest goes on. Lines of
a cell keep their place: a traceback names ``lab.ipynb[cell 3]`` and the line in that cell.
"""

from __future__ import annotations

import ast
import json
import linecache
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from conformance.candidates.loading.placeholders import placeholders
from conformance.candidates.trouble import describe_exception

# NotebookCell magics whose body is Python; the bodies of others (%%bash, %%html) are not.
_PYTHON_MAGICS = frozenset({"%%time", "%%timeit", "%%capture", "%%prun"})
_MAGIC = re.compile(r"^(\s*)([\w.,\s]+=\s*)?[%!].*$|^(\s*)\??[\w.]+\?{1,2}\s*$")
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)


class NotebookError(Exception):
    """A file that is no notebook; the message is for people."""


@dataclass(frozen=True)
class NotebookCell:
    """A code cell: its number among all cells, as Jupyter's own messages count, from 1."""

    number: int
    source: str

    def filename(self, notebook: str) -> str:
        """How tracebacks name the cell."""
        return f"{notebook}[cell {self.number}]"


def read_cells(path: Path) -> list[NotebookCell]:
    """The code cells of a notebook; `NotebookError` says why there are none."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotebookError(f"{path.name} is not a notebook: it is not UTF-8 text") from None
    if not text.strip():
        raise NotebookError(f"{path.name} is empty")
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise NotebookError(
            f"{path.name} is not a notebook, or is cut off: it is not valid JSON{where}"
        ) from None
    cells = _cells_of(data)
    if cells is None:
        raise NotebookError(f"{path.name} is not a notebook: it has no cells")
    found = [
        NotebookCell(number, _source(cell))
        for number, cell in enumerate(cells, start=1)
        if isinstance(cell, dict) and cell.get("cell_type") == "code"
    ]
    if not any(cell.source.strip() for cell in found):
        raise NotebookError(f"{path.name} has no code cells")
    return found


def _cells_of(data: Any) -> list[Any] | None:
    """Cells of notebook format 4, or of the worksheets of format 3."""
    if not isinstance(data, dict):
        return None
    if isinstance(data.get("worksheets"), list):
        sheets = (sheet.get("cells", []) for sheet in data["worksheets"] if isinstance(sheet, dict))
        return [cell for cells in sheets for cell in cells]
    cells = data.get("cells")
    return cells if isinstance(cells, list) else None


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", cell.get("input", ""))
    return "".join(map(str, source)) if isinstance(source, list) else str(source)


def without_magics(source: str) -> str:
    """Python alone; every line stays on its line."""
    lines = source.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("%%") and first.split()[0] not in _PYTHON_MAGICS:
        return ""
    return "\n".join(_python_line(line) for line in lines)


def _python_line(line: str) -> str:
    """A line, or `pass` in its place where it is a magic, a shell command, or a question."""
    match = _MAGIC.match(line)
    return line if match is None else f"{match[1] or match[3] or ''}pass"


def load_notebook(path: Path, run_all: bool = False) -> tuple[ModuleType, tuple[str, ...]]:
    """A module made of a notebook's definitions, and notes on what the reader should know.

    With `run_all` every cell is run whole.
    """
    cells, notes = read_cells(path), []
    parsed: list[tuple[NotebookCell, ast.Module]] = []
    for cell in cells:
        try:
            parsed.append((cell, ast.parse(without_magics(cell.source))))
        except (SyntaxError, ValueError) as error:
            line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
            notes.append(
                f"cell {cell.number}{line} was left out: it is not Python: {error.args[0]}"
            )
    if not run_all:
        parsed = _definitions(parsed)
    notes += _repeated(parsed)
    module = ModuleType(f"conformance_notebook_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    sys.path.insert(0, str(path.parent))
    try:
        with placeholders(path.name, path.parent) as missing:
            for cell, tree in parsed:
                if note := _run(cell, tree, module, path.name):
                    notes.append(note)
    finally:
        sys.path.remove(str(path.parent))
    notes += [f"{name} is not installed here: a placeholder stands for it" for name in missing]
    return module, tuple(notes)


def _run(cell: NotebookCell, tree: ast.Module, module: ModuleType, notebook: str) -> str | None:
    """Run what was kept of a cell, statement by statement; a note on what failed."""
    filename = cell.filename(notebook)
    lines = without_magics(cell.source).splitlines(keepends=True)
    linecache.cache[filename] = (len(cell.source), None, lines, filename)
    for statement in tree.body:
        code: CodeType = compile(ast.Module([statement], []), filename, "exec")
        try:
            exec(code, module.__dict__)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            message, where = describe_exception(error)
            return f"cell {cell.number} failed: {message}" + (f" ({where})" if where else "")
    return None


# --- what is kept -------------------------------------------------------------------------------


def _definitions(
    parsed: Iterable[tuple[NotebookCell, ast.Module]],
) -> list[tuple[NotebookCell, ast.Module]]:
    """The statements of each cell that define something, and what those need."""
    cells = list(parsed)
    statements = [s for _, tree in cells for s in tree.body]
    classes = {s.name for s in statements if isinstance(s, ast.ClassDef)}
    kept = {id(s) for s in statements if _defines(s, classes)}
    needed = set[str]().union(*(_names(s) for s in statements if id(s) in kept))
    grew = True
    while grew:  # an assignment may need others
        grew = False
        for statement in statements:
            if id(statement) not in kept and _targets(statement) & needed:
                kept.add(id(statement))
                needed |= _names(statement)
                grew = True
    return [(cell, ast.Module([s for s in tree.body if id(s) in kept], [])) for cell, tree in cells]


def _defines(statement: ast.stmt, classes: set[str]) -> bool:
    """Imports, functions, classes, and what is made of them; methods put on a class later."""
    if isinstance(statement, (*_DEFINITIONS, *_IMPORTS)):
        return True
    if isinstance(statement, ast.If | ast.Try):
        inner = (*_DEFINITIONS, *_IMPORTS)
        return any(isinstance(node, inner) for node in ast.walk(statement))
    if isinstance(statement, ast.Assign):
        owners = (t.value for t in statement.targets if isinstance(t, ast.Attribute))
        return any(isinstance(owner, ast.Name) and owner.id in classes for owner in owners)
    # sys.path.append("..") is how notebooks find modules beside them.
    return isinstance(statement, ast.Expr) and ast.unparse(statement).startswith("sys.path.")


def _targets(statement: ast.stmt) -> set[str]:
    """The names that an assignment gives a value."""
    if not isinstance(statement, _ASSIGNMENTS):
        return set()
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}


def _names(statement: ast.stmt) -> set[str]:
    """The names that a statement looks up."""
    return {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def _repeated(parsed: Iterable[tuple[NotebookCell, ast.Module]]) -> Iterator[str]:
    """Classes that are defined more than once."""
    places: dict[str, list[int]] = {}
    for cell, tree in parsed:
        for statement in tree.body:
            if isinstance(statement, ast.ClassDef):
                places.setdefault(statement.name, []).append(cell.number)
    for name, numbers in places.items():
        if len(numbers) > 1:
            words = f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
            yield f"{name} is defined in cells {words}: the last one counts"


def is_notebook(text: str) -> bool:
    """Whether ``--impl`` names a notebook."""
    return os.path.splitext(text)[1] == ".ipynb"
