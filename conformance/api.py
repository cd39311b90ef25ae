"""The Python API: grade an implementation without pytest."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from conformance import extensions
from conformance.candidates.implementation import Implementation
from conformance.candidates.loading.paths import ImplementationError, binding_beside, read_binding
from conformance.candidates.wiring.binding_file import NO_BINDING
from conformance.errors import UnknownLayer
from conformance.oracles.choice import Choice
from conformance.records.report import Report
from conformance.runner.accounts import make_report
from conformance.runner.grader import Grader
from conformance.runner.plan import absent, plan
from conformance.runner.settings import Profile, Settings
from conformance.sessions.guard import Guard
from conformance.sessions.in_process import InProcessSession
from conformance.sessions.limits import Limits
from conformance.sessions.opening import open_session
from conformance.sessions.session import Session
from conformance.spec.catalogue import find_specs, known_specs, spec_files_in
from conformance.spec.catalogue import load as load_spec
from conformance.spec.model import Spec
from conformance.spec.problems import suggestion
from conformance.spec.terms import Tier


def grade(
    implementation: str | Any,
    layers: str | Iterable[str] | None = None,
    *,
    specs: Iterable[str | Path] | None = None,
    tier: Tier = "full",
    oracle: Choice = "auto",
    profile: Profile = "standard",
    seed: int = 0,
    binding: str | Path = "",
    isolate: bool | None = None,
    timeout: float = Limits.timeout,
    memory: int = Limits.memory,
    run_all_cells: bool = False,
) -> Report:
    """Grade an implementation; the verdicts are those of ``pytest --impl=…``.

    Parameters
    ----------
    implementation
        What ``--impl`` takes (an entry point, a module, ``module:object``, a ``.py`` file), or the
        thing itself: a module, a class, a dictionary of classes by spec name.
    layers
        Names of specs to grade, such as ``["Linear", "Conv2d"]`` or ``"Linear,Conv2d"``; default:
        all of them.
    specs
        Spec files, or folders of them, to grade instead of the bundled ones.
    binding
        A TOML file that says how the implementation maps to the specs; default:
        ``conformance.toml`` beside it, if there is one.
    tier, oracle, profile, seed, isolate, timeout, memory, run_all_cells
        As the options ``--conformance-tier`` and so on. Only what is given by name can be isolated.

    Raises
    ------
    ImplementationError
        The implementation cannot be found, imported or isolated, or its binding has mistakes.
    UnknownLayer
        There is no spec for some of `layers`; a `KeyError`, too.
    SpecError
        A spec file has mistakes.
    OracleUnavailable
        The oracle asked for cannot be had here.
    ExtensionError
        An installed extension cannot be loaded.

    Examples
    --------
    >>> import conformance
    >>> report = conformance.grade("reference", layers=["ReLU"], profile="quick")
    >>> report.ok
    True
    """
    extensions.verify()
    files = [file for path in specs or () for file in _files(Path(path))]
    settings = Settings(
        implementation=_name(implementation),
        layers=_names(layers),
        tier=tier,
        oracle=oracle,
        profile=profile,
        seed=seed,
        binding=str(binding),
        isolate=isolate,
        timeout=timeout,
        memory=memory,
        run_all_cells=run_all_cells,
    )
    guard = Guard()
    with closing(_session(implementation, settings, files)) as session:
        settings = replace(settings, implementation=session.name)
        chosen = select_specs(settings.layers, files or None)
        grader = Grader(session, settings)
        verdicts = []
        for spec in chosen:
            if session.lacks(spec.name, spec.kind):
                verdicts.append(absent(spec, settings).verdict())
            else:
                verdicts += map(grader.verdict, plan(spec, settings))
        notes = session.notes(spec.name for spec in chosen)
        conventions = session.conventions()
    return make_report(settings, chosen, verdicts, notes, conventions, guard.replaced())


def select_specs(layers: tuple[str, ...], files: list[Path] | None = None) -> list[Spec]:
    """The specs of some files (default: all bundled ones), of some layers (default: all)."""
    specs = known_specs() if files is None else [load_spec(path) for path in files]
    if not layers:
        return specs
    if files is None:
        wanted = {spec.name for spec in find_specs(layers)}
    else:
        wanted, known = set(layers), {spec.name for spec in specs}
        if unknown := sorted(wanted - known):
            words = ", ".join(f"{name!r}{suggestion(name, known)}" for name in unknown)
            raise UnknownLayer(f"no spec for {words} in the files given")
    return [spec for spec in specs if spec.name in wanted]


def _files(path: Path) -> list[Path]:
    """The spec files of a folder; any other path as it is."""
    return spec_files_in(path) if path.is_dir() else [path]


def _names(layers: str | Iterable[str] | None) -> tuple[str, ...]:
    """Names of layers; one string may hold several, as in ``--conformance-layers``."""
    words = layers.split(",") if isinstance(layers, str) else layers or ()
    return tuple(filter(None, (word.strip() for word in words)))


def _name(given: str | Any) -> str:
    if isinstance(given, str):
        return given
    if isinstance(given, Implementation):
        return given.name
    return getattr(given, "__name__", None) or f"<{type(given).__name__}>"


def _session(given: str | Any, settings: Settings, files: list[Path]) -> Session:
    binding = settings.binding
    if isinstance(given, str):
        limits, every = settings.limits, settings.run_all_cells
        return open_session(given, settings.isolate, limits, binding, files, every)
    if settings.isolate:
        raise ImplementationError(
            f"isolate=True: {settings.implementation} is an object of this process; "
            "give the name of a module or file instead"
        )
    if isinstance(given, Implementation):
        return InProcessSession(given)
    path = Path(binding) if binding else binding_beside(given)
    said = read_binding(path, [load_spec(file) for file in files]) if path else NO_BINDING
    return InProcessSession(Implementation(settings.implementation, given, (), said))
