"""From the text of ``--impl`` to an implementation.

`resolve` looks without importing, so a misspelt name fails before anything runs; `load` imports.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from conformance.candidates.implementation import Implementation
from conformance.candidates.loading.notebook import NotebookError, is_notebook, load_notebook
from conformance.candidates.trouble import describe_exception
from conformance.candidates.wiring.binding_file import (
    ATTRIBUTE,
    FILE_NAME,
    Binding,
    BindingError,
    load_binding,
)
from conformance.records.foreign import plain
from conformance.spec.model import Spec
from conformance.spec.problems import suggestion

GROUP = "conformance.implementations"

SUFFIXES = (".py", ".ipynb")


class ImplementationError(Exception):
    """An implementation that cannot be found or imported; the message is for people."""

    def __init__(self, message: str) -> None:
        super().__init__(plain(message, most=10_000))  # a binding may have many mistakes


@dataclass(frozen=True)
class Reference:
    """What ``--impl`` names, not imported yet."""

    text: str
    load: Callable[[], Any]


def resolve(text: str, run_all_cells: bool = False) -> Reference:
    """Find what `text` names: an entry point, a file, or a module, in this order.

    `run_all_cells` runs a notebook whole instead of reading its definitions.
    Raises `ImplementationError` with what was looked for and what comes close.
    """
    if plain(text, len(text)) != text:
        raise ImplementationError(f"--impl={text}: this name cannot be printed, or is not UTF-8")
    points = {point.name: point for point in entry_points(group=GROUP)}
    if text in points:
        return Reference(text, lambda: _load_entry_point(points[text]))
    if is_notebook(text):
        path = _existing_file(text)
        return Reference(text, lambda: _read_notebook(text, path, run_all_cells))
    if text.endswith(".py") or os.sep in text:
        return Reference(text, lambda: _import_file(_existing_file(text)))
    module, _, attribute = text.partition(":")
    if not all(part.isidentifier() for part in module.split(".")) or not _importable(module):
        files = (path.name for path in sorted(Path().iterdir()) if path.suffix in SUFFIXES)
        names = [*points, *files]
        raise ImplementationError(
            f"--impl={text}: there is no such entry point, module or file{suggestion(text, names)}"
        )
    return Reference(text, lambda: _import_attribute(module, attribute))


def load(
    text: str, run_all_cells: bool = False, binding: str = "", specs: Iterable[Spec] = ()
) -> Implementation:
    """Import an implementation; `ImplementationError` says what went wrong and where.

    Its binding is the file given, else the one beside it.
    """
    reference = resolve(text, run_all_cells)
    try:
        found = reference.load()
    except ImplementationError:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        message, where = describe_exception(error)
        place = f" ({where})" if where else ""
        hint = _hint(error)
        raise ImplementationError(
            f"--impl={text}: importing it failed: {message}{place}{hint}"
        ) from error
    bare = found if isinstance(found, Implementation) else Implementation(text, found)
    path = Path(binding) if binding else binding_beside(found)
    if path is None and is_notebook(text):
        beside = Path(text).expanduser().parent / FILE_NAME
        path = beside if beside.is_file() else None
    if path is not None:
        bare.binding = read_binding(path, specs)
    return bare


def read_binding(path: Path, specs: Iterable[Spec] = ()) -> Binding:
    """Read a binding; `ImplementationError` with every mistake in it."""
    try:
        return load_binding(path, specs)
    except BindingError as error:
        raise ImplementationError(f"the binding cannot be used\n{error}") from None


def binding_beside(found: Any) -> Path | None:
    """Where an implementation's binding is: as its module says, or beside the module's file."""
    module = found if isinstance(found, ModuleType) else sys.modules.get(_module_of(found))
    file = getattr(module, "__file__", None)
    if file is None:
        return None
    folder = Path(file).parent
    named = getattr(module, ATTRIBUTE, None)
    if isinstance(named, str | Path):
        return folder / named
    path = folder / FILE_NAME
    return path if path.is_file() else None


def _module_of(found: Any) -> str:
    """The module in which an object (a class, a namespace) was defined."""
    return str(getattr(found, "__module__", None) or type(found).__module__)


def _hint(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name == "torch":
        return "\n  PyTorch is not installed here: pip install 'layer-conformance[torch]'"
    return ""


def _load_entry_point(point: EntryPoint) -> Any:
    return point.load()


def _existing_file(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_file():
        files = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
        near = [str(p) for p in files if p.suffix in SUFFIXES]
        raise ImplementationError(f"--impl={text}: there is no such file{suggestion(text, near)}")
    if path.suffix not in SUFFIXES:
        raise ImplementationError(
            f"--impl={text}: a file must be a Python file (.py) or a notebook (.ipynb)"
        )
    return path.resolve()


def _read_notebook(text: str, path: Path, run_all: bool) -> Implementation:
    try:
        module, notes = load_notebook(path, run_all)
    except NotebookError as error:
        raise ImplementationError(f"--impl={text}: {error}") from None
    return Implementation(text, module, notes)


def _importable(module: str) -> bool:
    """Whether the top-level package exists; the rest shows when it is imported."""
    see_working_directory()
    try:
        return importlib.util.find_spec(module.partition(".")[0]) is not None
    except (ImportError, ValueError):
        return False


def see_working_directory() -> None:
    """The ``pytest`` command does not put the working directory on the path, `python -m` does."""
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)


def _import_attribute(module: str, attribute: str) -> Any:
    see_working_directory()
    found: Any = importlib.import_module(module)
    for name in filter(None, attribute.split(".")):
        if not hasattr(found, name):
            raise ImplementationError(
                f"--impl={module}:{attribute}: {module} has no {name}"
                f"{suggestion(name, [n for n in dir(found) if not n.startswith('_')])}"
            )
        found = getattr(found, name)
    return found


def _import_file(path: Path) -> ModuleType:
    """Run a file as a module of its own; it can import its neighbours."""
    name = f"conformance_candidate_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.path.remove(str(path.parent))
    return module
