"""From the text of ``--impl`` to an implementation.

`resolve` looks without importing, so a misspelt name fails before anything runs; `load` imports.
"""

from __future__ import annotations

import glob
import importlib
import importlib.util
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from conformance.candidates.loading.notebook import NotebookError, is_notebook, load_notebook
from conformance.candidates.trouble import describe_exception
from conformance.candidates.wiring.binding_file import (
    ATTRIBUTE,
    FILE_NAME,
    Binding,
    BindingError,
    load_binding,
)
from conformance.errors import ConformanceError
from conformance.records.foreign import plain
from conformance.spec.model import Spec
from conformance.spec.problems import suggestion

if TYPE_CHECKING:
    from conformance.candidates.implementation import Implementation

GROUP = "conformance.implementations"

REFERENCES = "reference_impls"

SUFFIXES = (".py", ".ipynb")


class ImplementationError(ConformanceError):
    """An implementation that cannot be found or imported; the message is for people."""

    def __init__(self, message: str) -> None:
        super().__init__(plain(message, most=10_000))  # a binding may have many mistakes


class BrokenImplementation(ImplementationError):
    """An implementation that is there and cannot be imported."""


@dataclass(frozen=True)
class Reference:
    """What ``--impl`` names, not imported yet."""

    text: str
    load: Callable[[], Any]


def resolve(text: str, run_all_cells: bool = False, binding: str = "") -> Reference:
    """Find what `text` names: an entry point, a file, or a module, in this order.

    `run_all_cells` runs a notebook whole instead of reading its definitions. A folder without
    ``__init__.py`` is a module only where a `binding` says what in it serves which spec.
    Raises `ImplementationError` with what was looked for and what comes close, and where another
    package has the name of the bundled implementations.
    """
    _refuse_a_namesake()
    if plain(text, len(text)) != text:
        raise ImplementationError(f"--impl={text}: this name cannot be printed, or is not UTF-8")
    points = {point.name: point for point in entry_points(group=GROUP)}
    if text in points:
        return Reference(text, lambda: _load_entry_point(points[text]))
    if is_notebook(text):
        path = _existing_file(text)
        return Reference(text, lambda: _read_notebook(text, path, run_all_cells))
    if named := _several_names(text):
        raise ImplementationError(several(f"--impl={text}", named))
    if _path(text).is_dir() and not (binding and text.isidentifier()):
        _refuse_folder(text)
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


def several(given: str, names: Sequence[str]) -> str:
    """What to do where several implementations were `given`, and a run grades one."""
    stems = [Path(name).stem for name in names]
    if len(set(stems)) < len(stems):
        stems = [Path(name).with_suffix("").as_posix().replace("/", "-") for name in names]
    folders = [f"reports/{stem}" for stem in stems]
    return "\n  ".join(
        [
            f"{given}: a run grades one implementation, and this names {len(names)}; grade each, "
            "and put the reports side by side:",
            *(
                f"pytest --impl={shlex.quote(name)} --conformance-report={shlex.quote(folder)}"
                for name, folder in zip(names, folders, strict=True)
            ),
            f"conformance compare {shlex.join(folders)}",
        ]
    )


def _several_names(text: str) -> list[str]:
    """What a list or a pattern names; nothing for a plain name. A pattern may fit one file only."""
    if _path(text).exists():
        return []
    if any(sign in text for sign in "*?["):
        files = sorted(path for path in glob.glob(str(_path(text))) if _is_source(path))
        if not files:
            raise ImplementationError(f"--impl={text}: no Python file or notebook fits it")
        if len(files) == 1:
            raise ImplementationError(
                f"--impl={text}: give the name of the file: --impl={shlex.quote(files[0])}"
            )
        return files
    names = [name for name in map(str.strip, text.split(",")) if name]
    return names if len(names) > 1 else []


def _path(text: str) -> Path:
    """The path that a text names; ``~`` is a home folder only where there is one."""
    return Path(os.path.expanduser(text))  # Path.expanduser raises where there is none


def _is_source(path: str | Path) -> bool:
    return Path(path).suffix in SUFFIXES and Path(path).name != "__init__.py"


def _refuse_folder(text: str) -> None:
    """A folder is no implementation, unless it is a package that is given by its name."""
    folder = _path(text)
    if (folder / "__init__.py").exists():
        if text.isidentifier():
            return
        name, parent = folder.resolve().name, folder.resolve().parent
        path = "" if parent == Path.cwd() else f"PYTHONPATH={shlex.quote(str(folder.parent))} "
        raise ImplementationError(
            f"--impl={text}: this folder is a package: give its name: {path}pytest --impl={name}"
        )
    files = sorted(str(path) for path in folder.iterdir() if _is_source(path))
    if not files:
        raise ImplementationError(
            f"--impl={text}: this folder has no Python file and no notebook in it, and is no "
            "package (it has no __init__.py)"
        )
    if len(files) == 1:
        raise ImplementationError(
            f"--impl={text}: this is a folder: give the file in it: --impl={shlex.quote(files[0])}"
        )
    raise ImplementationError(
        several(f"--impl={text}: this is a folder of files, not a package", files)
    )


def load(
    text: str, run_all_cells: bool = False, binding: str = "", specs: Iterable[Spec] = ()
) -> Implementation:
    """Import an implementation; `ImplementationError` says what went wrong and where.

    Its binding is the file given, else the one beside it.
    """
    # Where the implementation has a process of its own, this one never needs its detection.
    from conformance.candidates.implementation import Implementation

    reference = resolve(text, run_all_cells, binding)
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
        raise BrokenImplementation(
            f"--impl={text}: importing it failed: {message}{place}{hint}"
        ) from error
    _refuse_a_namesake()  # it may have come with the implementation
    bare = found if isinstance(found, Implementation) else Implementation(text, found)
    path = Path(binding) if binding else binding_beside(found)
    if path is None and is_notebook(text):
        beside = _path(text).parent / FILE_NAME
        path = beside if beside.is_file() else None
    if path is not None:
        bare.binding = read_binding(path, specs)
    return bare


def _refuse_a_namesake() -> None:
    """Raise `ImplementationError` where `reference_impls` is another package than the bundled one.

    It lies beside `conformance`, in the repository and where the wheel is installed. Oracles and
    diagnoses run it, so another one would change verdicts without a word.
    """
    ours, found = _folder("conformance"), _folder(REFERENCES)
    if ours is not None and found != ours.with_name(REFERENCES):
        raise ImplementationError(
            f"{REFERENCES} is {found or 'not importable'}, but should be "
            f"{ours.with_name(REFERENCES)}: the suite brings a package of this name, and compares "
            "with it. Rename the other one. In a clone of the suite: pip install -e ."
        )


def _folder(package: str) -> Path | None:
    """Where a package is, or would be, imported from."""
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:  # a module that was made by hand
        return None
    return Path(spec.origin).resolve().parent if spec is not None and spec.origin else None


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
    if issubclass(type(error), ModuleNotFoundError) and getattr(error, "name", "") == "torch":
        return (
            "\n  PyTorch is not installed here. Install the extra `torch`: "
            "pip install -e '.[torch]' in a clone of the suite."
        )
    return ""


def _load_entry_point(point: EntryPoint) -> Any:
    return point.load()


def _existing_file(text: str) -> Path:
    path = _path(text)
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
    from conformance.candidates.implementation import Implementation

    try:
        module, notes = load_notebook(path, run_all)
    except NotebookError as error:
        raise BrokenImplementation(f"--impl={text}: {error}") from None
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
