"""Where the bundled spec files are, and how they are named in ids."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path

from conformance import extensions
from conformance.errors import UnknownLayer
from conformance.spec.loading import load_spec
from conformance.spec.model import Spec
from conformance.spec.problems import SpecError, suggestion
from conformance.spec.terms import KINDS, Kind


@lru_cache(maxsize=1)
def specs_folder() -> Path:
    """The folder of the bundled specs: inside the package (wheel) or beside it (checkout)."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "specs", package.parent / "specs"):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(
        f"no specs folder in {package} or beside it: the installation is broken"
    )


def spec_files() -> list[Path]:
    """The bundled spec files, in a fixed order."""
    return sorted(specs_folder().rglob("*.toml"))


@lru_cache(maxsize=1)
def spec_folders() -> dict[str, Path]:
    """The folders of known specs by the first part of their ids: ours, and those of extensions.

    An entry point names a package, whose folder it is, or a path. Raises `ExtensionError`.
    """
    folders = {"specs": specs_folder()}
    for point, found in extensions.loaded(extensions.SPECS):
        given = getattr(found, "__file__", None)
        try:
            folder = Path(given).parent if given else Path(found)
        except TypeError:
            raise extensions.broken(point, "names neither a package nor a path") from None
        if not spec_files_in(folder):
            raise extensions.broken(point, f"has no spec in {folder}")
        if point.name in folders:
            raise extensions.broken(point, "has a name that is taken")
        folders[point.name] = folder.resolve()
    return folders


def spec_files_in(path: Path) -> list[Path]:
    """The spec files of a folder, or the one file given; other TOML files are left out."""
    if path.is_file():
        return [path] if path.suffix == ".toml" else []
    return [file for file in sorted(path.rglob("*.toml")) if _is_spec(file)]


def _is_spec(file: Path) -> bool:
    try:
        return bool(set(KINDS) & tomllib.loads(file.read_text(encoding="utf-8")).keys())
    except (OSError, UnicodeDecodeError):
        return False
    except (ValueError, RecursionError):  # syntax, endless numbers, nesting without end
        return True  # what is wrong is said when it is loaded


def known_files() -> list[Path]:
    """The files of all known specs, the bundled ones first."""
    others = [folder for name, folder in spec_folders().items() if name != "specs"]
    return [*spec_files(), *(file for folder in others for file in spec_files_in(folder))]


def known_specs() -> list[Spec]:
    """Every bundled spec, and those of installed extensions."""
    return [load(path) for path in known_files()]


def is_known(path: Path) -> bool:
    """Whether a file lies in a folder of known specs."""
    return any(path.resolve().is_relative_to(folder) for folder in spec_folders().values())


def spec_label(path: Path) -> str:
    """The name of a spec file in ids: ``specs/conv/conv2d.toml`` wherever it is installed.

    A user's own file is named relative to the working directory if it lies below it.
    """
    resolved = path.resolve()
    for name, folder in spec_folders().items():
        if resolved.is_relative_to(folder):
            return f"{name}/{resolved.relative_to(folder).as_posix()}"
    if resolved.is_relative_to(Path.cwd()):
        return resolved.relative_to(Path.cwd()).as_posix()
    return resolved.as_posix()


def is_bundled(spec: Spec) -> bool:
    """Whether a spec is one of ours: only those can be judged by the bundled implementations."""
    return spec.file is not None and spec.file.is_relative_to(specs_folder())


def recording_path(spec: Spec) -> Path | None:
    """Where the recorded results of a spec are: in a folder ``recorded`` beside it."""
    if spec.file is None:
        return None
    folder = specs_folder() if is_bundled(spec) else spec.file.parent
    return folder / "recorded" / f"{spec.name}.npz"


@cache  # without a bound: a run goes round all its files, and the last would push out the first
def _load(path: Path, label: str, changed: int) -> Spec | SpecError:
    try:
        return load_spec(path, label)
    except SpecError as error:
        return error


def load(path: Path) -> Spec:
    """Load a spec file once, and again when it has changed; `SpecError` if it has mistakes."""
    resolved = path.resolve()
    changed = resolved.stat().st_mtime_ns if resolved.exists() else 0
    loaded = _load(resolved, spec_label(path), changed)
    if isinstance(loaded, SpecError):
        raise SpecError(loaded.problems)
    return loaded


def bundled_specs() -> list[Spec]:
    """Every bundled spec."""
    return [load(path) for path in spec_files()]


def find_spec(name: str) -> Spec:
    """The bundled spec of a layer; `UnknownLayer` with a suggestion if there is none."""
    return find_specs([name])[0]


def find_specs(names: Iterable[str]) -> list[Spec]:
    """The bundled specs of some layers; `UnknownLayer` names all that there are none of."""
    paths = _paths_by_name()
    lower = {known.lower(): path for known, path in paths.items()}
    names = list(names)
    unknown = [f"{name!r}{suggestion(name, paths)}" for name in names if name.lower() not in lower]
    if unknown:
        raise UnknownLayer(f"no spec for {', '.join(unknown)}")
    return [load(lower[name.lower()]) for name in names]


@lru_cache(maxsize=1)
def _paths_by_name() -> dict[str, Path]:
    """Where each bundled spec is. Read without validation: a container's spec needs others."""
    return {header(path)[0]: path for path in known_files()}


@lru_cache(maxsize=256)
def header(path: Path) -> tuple[str, Kind | None]:
    """The name and kind of a bundled spec, from the first table of its file alone."""
    text = path.read_text(encoding="utf-8")
    second = re.search(r"\n\[", text[text.find("[") + 1 :])
    for part in (text[: text.find("[") + 1 + second.start()] if second else text, text):
        with suppress(tomllib.TOMLDecodeError):
            table = tomllib.loads(part)
            for kind in KINDS:
                if kind in table and "name" in table[kind]:
                    return table[kind]["name"], kind
    return path.stem, None
