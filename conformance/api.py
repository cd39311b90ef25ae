"""The Python API: grade an implementation without pytest."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from conformance.candidates.binding import NO_BINDING
from conformance.candidates.implementation import Implementation
from conformance.candidates.loading import binding_beside, load, read_binding
from conformance.oracles.choice import Choice
from conformance.records.report import Report
from conformance.records.verdict import Tier
from conformance.runner.accounts import make_report
from conformance.runner.grader import Grader
from conformance.runner.plan import plan
from conformance.runner.settings import Profile, Settings
from conformance.sessions.in_process import InProcessSession
from conformance.spec.catalogue import bundled_specs, find_spec
from conformance.spec.catalogue import load as load_spec
from conformance.spec.model import Spec


def grade(
    implementation: str | Any,
    layers: Iterable[str] | None = None,
    *,
    specs: Iterable[str | Path] | None = None,
    tier: Tier = "full",
    oracle: Choice = "auto",
    profile: Profile = "standard",
    seed: int = 0,
    binding: str | Path = "",
) -> Report:
    """Grade an implementation; the verdicts are those of ``pytest --impl=…``.

    Parameters
    ----------
    implementation
        What ``--impl`` takes (an entry point, a module, ``module:object``, a ``.py`` file), or the
        thing itself: a module, a class, a dictionary of classes by spec name.
    layers
        Names of specs to grade, such as ``["Linear", "Conv2d"]``; default: all of them.
    specs
        Spec files to grade instead of the bundled ones.
    binding
        A TOML file that says how the implementation maps to the specs; default:
        ``conformance.toml`` beside it, if there is one.
    tier, oracle, profile, seed
        As the options ``--conformance-tier`` and so on.

    Raises
    ------
    ImplementationError
        The implementation cannot be found or imported, or its binding has mistakes.
    KeyError
        There is no spec for one of `layers`.
    SpecError
        A spec file has mistakes.
    OracleUnavailable
        The oracle asked for cannot be had here.

    Examples
    --------
    >>> import conformance
    >>> report = conformance.grade("reference", layers=["ReLU"], profile="quick")
    >>> report.ok
    True
    """
    files = [Path(path) for path in specs] if specs else None
    own = [load_spec(path) for path in files or ()]
    loaded = _implementation(implementation, str(binding), own)
    settings = Settings(loaded.name, tuple(layers or ()), tier, oracle, profile, seed, str(binding))
    chosen = select_specs(settings.layers, files)
    grader = Grader(InProcessSession(loaded), settings)
    verdicts = [grader.verdict(planned) for spec in chosen for planned in plan(spec, settings)]
    notes = grader.session.notes(spec.name for spec in chosen)
    return make_report(settings, chosen, verdicts, notes, grader.session.conventions())


def select_specs(layers: tuple[str, ...], files: list[Path] | None = None) -> list[Spec]:
    """The specs of some files (default: all bundled ones), of some layers (default: all)."""
    specs = bundled_specs() if files is None else [load_spec(path) for path in files]
    if not layers:
        return specs
    if files is None:
        wanted = {find_spec(name).name for name in layers}
    else:
        wanted = set(layers)
        if unknown := wanted - {spec.name for spec in specs}:
            raise KeyError(f"no spec for {', '.join(sorted(unknown))} in the files given")
    return [spec for spec in specs if spec.name in wanted]


def _implementation(given: str | Any, binding: str, specs: list[Spec]) -> Implementation:
    if isinstance(given, str):
        return load(given, binding=binding, specs=specs)
    if isinstance(given, Implementation):
        return given
    name = getattr(given, "__name__", None) or f"<{type(given).__name__}>"
    path = Path(binding) if binding else binding_beside(given)
    return Implementation(name, given, (), read_binding(path, specs) if path else NO_BINDING)
