"""Placeholders for modules that are not installed: they raise when a layer uses them, not before.

Notebooks import matplotlib, pandas or tqdm for cells that are not run when layers are graded.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any


class Missing:
    """Something of a module that is not there.

    While the notebook is read it can be called, inherited from and used as a decorator, because
    all of that happens where things are only defined. Afterwards each use is an `ImportError`.
    """

    _name: str
    _reading: list[bool]  # empty when the notebook has been read
    _notebook: str

    def __init__(self, name: str, reading: list[bool], notebook: str) -> None:
        self.__dict__.update(_name=name, _reading=reading, _notebook=notebook)

    def __getattr__(self, attribute: str) -> Missing:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return Missing(f"{self._name}.{attribute}", self._reading, self._notebook)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """While reading: itself, or what it decorates."""
        self._used()
        if len(arguments) == 1 and not keywords and isinstance(arguments[0], type | _FUNCTION):
            return arguments[0]  # a decorator leaves what it decorates
        return self

    def __iter__(self) -> Iterator[Any]:
        self._used(always=True)
        yield from ()

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        name, missing = self._name, self

        def refuse(instance: Any, *arguments: Any, **keywords: Any) -> None:
            missing._used(always=True)

        return (type(name.rpartition(".")[2], (), {"__init__": refuse}),)

    def _used(self, always: bool = False) -> None:
        if always or not self._reading:
            module = self._name.partition(".")[0]
            raise ImportError(
                f"{self._notebook} uses {self._name} here, and {module} is not installed"
            )


_FUNCTION = type(lambda: None)


class _MissingModule(ModuleType):
    """A module of which everything is missing."""

    def __init__(self, name: str, reading: list[bool], notebook: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []  # it may have submodules
        self.__all__: list[str] = []  # and nothing for "import *"
        self._missing = Missing(name, reading, notebook)

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return getattr(self._missing, attribute)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._missing(*arguments, **keywords)


class _Finder(MetaPathFinder, Loader):
    """The last to be asked for a module: it always has one for the notebook and files beside it.

    Others get none: that a library looks for a module of another platform, or an optional one, and
    does not find it tells it something.
    """

    def __init__(self, notebook: str, folder: Path) -> None:
        self.notebook = notebook
        self.folder = folder
        self.reading = [True]  # emptied when the notebook has been read
        self.names: list[str] = []

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not self._is_for_the_notebook(sys._getframe(1)):
            return None
        parent = sys.modules.get(fullname.rpartition(".")[0])
        if parent is not None and not isinstance(parent, _MissingModule):
            return None  # a real package without this module: the author's own mistake
        return ModuleSpec(fullname, self, is_package=True)

    def _is_for_the_notebook(self, frame: FrameType | None) -> bool:
        """Whether the import statement is in a cell, or in a file beside the notebook."""
        while frame is not None and "importlib" in frame.f_code.co_filename:
            frame = frame.f_back
        if frame is None:
            return False
        file = frame.f_code.co_filename
        beside = file.endswith(".py") and Path(file).is_relative_to(self.folder)
        return file.startswith(f"{self.notebook}[") or (beside and "site-packages" not in file)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        if "." not in spec.name:
            self.names.append(spec.name)
        return _MissingModule(spec.name, self.reading, self.notebook)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to execute."""


@contextmanager
def placeholders(notebook: str, folder: Path) -> Iterator[list[str]]:
    """Let imports of missing modules succeed; gives the names of those that were asked for.

    What was put into ``sys.modules`` is taken out again, so that nobody else finds it.
    """
    finder = _Finder(notebook, folder)
    sys.meta_path.append(finder)
    try:
        yield finder.names
    finally:
        sys.meta_path.remove(finder)
        finder.reading.clear()
        for name in [n for n, m in sys.modules.items() if isinstance(m, _MissingModule)]:
            del sys.modules[name]
