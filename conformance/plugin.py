"""The pytest plugin's front door: options, and nothing else until ``--impl`` is given.

This module is imported in every pytest run of the environment it is installed in, so it imports
nothing heavier than pytest. With ``--impl`` it registers `conformance.pytest_run.session`.
"""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance.errors import ConformanceError

NO_BENCHMARKS = (
    "--benchmark-only times layers with pytest-benchmark, which is not installed here. "
    "Install the extra `benchmark`: pip install -e '.[benchmark]' in a clone of the suite."
)

if TYPE_CHECKING:
    from conformance.runner.settings import Settings

# name, what it takes, default, help. Each is also an ini key: conformance_tier = core
_OPTIONS: tuple[tuple[str, str | tuple[str, ...], str, str], ...] = (
    ("layers", "NAMES", "", "Grade only these specs: Linear,Conv2d."),
    ("tier", ("core", "full", "strict"), "full", "Grade up to this tier (default: full)."),
    (
        "oracle",
        ("auto", "torch", "recorded", "reference"),
        "auto",
        "Where expected values come from (default: auto: recordings of PyTorch, the bundled "
        "reference for what has none, live PyTorch for specs of your own).",
    ),
    (
        "profile",
        ("quick", "standard", "thorough"),
        "standard",
        "How many generated cases: none, a few, hundreds (default: standard).",
    ),
    (
        "seed",
        "N",
        "0",
        "Other random values for every case (default: 0, the seed of the recordings).",
    ),
    (
        "binding",
        "FILE",
        "",
        "How the implementation maps to the specs (default: conformance.toml beside it).",
    ),
    (
        "timeout",
        "SECONDS",
        "10",
        "How long one call of an isolated implementation (a constructor, forward, a training step) "
        "may take (default: 10).",
    ),
    (
        "memory",
        "MIB",
        "4096",
        "How much memory an isolated implementation may use, in MiB (default: 4096).",
    ),
    (
        "report",
        "DIR",
        "",
        "Write index.html, report.json, summary.md and badge.json into this folder.",
    ),
    ("specs", "DIR", "", "Grade the specs in this folder, too."),
    ("gaps", "FILE", "", "Failures that are expected, each with a reason (TOML)."),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--impl`` and the ``--conformance-…`` options, each with an ini key of its name."""
    group = parser.getgroup("conformance", "conformance of neural-network layers")
    group.addoption(
        "--impl",
        metavar="NAME",
        default=None,
        help="Grade this implementation: an entry point, a module, module:object, or a .py file.",
    )
    parser.addini("impl", "Default for --impl.", default="")
    for name, takes, default, text in _OPTIONS:
        kinds: dict[str, Any] = (
            {"metavar": takes} if isinstance(takes, str) else {"choices": list(takes)}
        )
        group.addoption(f"--conformance-{name}", default=None, help=text, **kinds)
        parser.addini(f"conformance_{name}", f"Default for --conformance-{name}.", default=default)
    group.addoption(
        "--conformance-update-gaps",
        action="store_true",
        help="Rewrite the gaps file: drop what passes, add what fails.",
    )
    group.addoption(
        "--conformance-isolate",
        action="store_true",
        default=None,
        help="Run the implementation in a process of its own (default for files).",
    )
    group.addoption(
        "--no-conformance-isolate",
        dest="conformance_isolate",
        action="store_false",
        help="Run the implementation in pytest's own process (default for what is installed); "
        "--pdb and breakpoint() need it.",
    )
    group.addoption(
        "--conformance-run-all-cells",
        action="store_true",
        help="Run every cell of a notebook, not only what defines layers.",
    )
    parser.addini(
        "conformance_isolate", "Default for --conformance-isolate: true or false.", default=""
    )
    if find_spec("pytest_benchmark") is None:  # for a message that says what to do
        group.addoption("--benchmark-only", action="store_true", help=NO_BENCHMARKS)


def implementation_of(config: pytest.Config) -> str:
    """What ``--impl`` (or its ini key) names; empty if nothing is to be graded."""
    given = config.getoption("--impl")
    return str(given if given is not None else config.getini("impl"))


def option(config: pytest.Config, name: str) -> str:
    """The value of ``--conformance-<name>``, from the command line or the ini file."""
    given = config.getoption(f"--conformance-{name}")
    return str(given if given is not None else config.getini(f"conformance_{name}"))


def _isolate(config: pytest.Config) -> bool | None:
    """Whether to isolate; None if nobody has said so."""
    given: bool | None = config.getoption("conformance_isolate")
    if given is not None:
        return given
    text = str(config.getini("conformance_isolate")).lower()
    if text not in ("", "true", "false"):
        raise pytest.UsageError(f"conformance_isolate={text}: choose from true, false")
    return {"true": True, "false": False}.get(text)


def _positive(name: str, text: str) -> float:
    """The value of an option that is a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise pytest.UsageError(f"--conformance-{name}={text}: must be a number above 0")
    return value


def settings_of(config: pytest.Config) -> Settings:
    """The options as a record; a bad value from an ini file is a usage error."""
    from conformance.runner.settings import Settings

    values: dict[str, Any] = {}
    for name, takes, _, _ in _OPTIONS:
        value = option(config, name)
        if isinstance(takes, tuple) and value not in takes:
            raise pytest.UsageError(f"conformance_{name}={value}: choose from {', '.join(takes)}")
        values[name] = value
    if not (values["seed"].isascii() and values["seed"].isdecimal()):
        raise pytest.UsageError(
            f"--conformance-seed={values['seed']}: must be 0 or a positive integer"
        )
    layers = tuple(filter(None, (word.strip() for word in values["layers"].split(","))))
    timeout, memory = (_positive(name, values[name]) for name in ("timeout", "memory"))
    try:
        return Settings(
            implementation=implementation_of(config),
            layers=layers,
            tier=values["tier"],
            oracle=values["oracle"],
            profile=values["profile"],
            seed=int(values["seed"]),
            binding=values["binding"],
            isolate=_isolate(config),
            timeout=timeout,
            memory=math.ceil(memory),
            run_all_cells=config.getoption("--conformance-run-all-cells"),
        )
    except ValueError as error:
        raise pytest.UsageError(f"--conformance-{error}") from None


def _clear_folder(config: pytest.Config, given: str) -> None:
    """Before the run, which may be long and whose report would be lost.

    The report of an earlier run goes first: nobody shall take it for that of this one.
    """
    if config.option.collectonly or hasattr(config, "workerinput"):
        return
    from conformance.reports.files import NotWritten, clear

    try:
        clear(Path(config.invocation_params.dir, given))
    except NotWritten as error:
        raise pytest.UsageError(f"--conformance-report: {error}") from None


# First, so that the specs stand in for missing arguments before anybody looks at them.
@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Hand over to `conformance.pytest_run.session` if there is something to grade."""
    if implementation_of(config) and not config.option.help:
        from conformance.streams import make_tolerant

        make_tolerant()
        report = option(config, "report")
        if report:
            _clear_folder(config, report)
        try:
            from conformance.pytest_run.session import Conformance
        except ConformanceError as error:  # a broken extension
            raise pytest.UsageError(str(error)) from None

        if config.getoption("benchmark_only", False) and find_spec("pytest_benchmark") is None:
            raise pytest.UsageError(NO_BENCHMARKS)
        update = config.getoption("--conformance-update-gaps")
        if update and not option(config, "gaps"):
            raise pytest.UsageError("--conformance-update-gaps needs --conformance-gaps=FILE")
        run = Conformance(config, settings_of(config), report, option(config, "gaps"), update)
        config.pluginmanager.register(run, "conformance-run")
