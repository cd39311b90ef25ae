"""Spec files as test files, checks as items."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from conformance.candidates.loading.paths import SUFFIXES, ImplementationError, several
from conformance.records.verdict import Verdict
from conformance.runner.plan import Absent, Planned, absent, plan
from conformance.runner.settings import Settings
from conformance.spec.catalogue import load as load_spec
from conformance.spec.catalogue import spec_files_in, spec_folders
from conformance.spec.model import Spec
from conformance.spec.problems import SpecError

if TYPE_CHECKING:
    from conformance.benchmarks.running import Benchmarks
    from conformance.runner.grader import Grader


class Run(Protocol):
    """What items need of the run that they belong to (`conformance.pytest_run.session`)."""

    settings: Settings
    benchmarks: Benchmarks | None

    @property
    def grader(self) -> Grader:
        """Gives the verdicts."""

    def wanted(self, spec: Spec) -> bool:
        """Whether the spec is to be graded."""

    def lacks(self, spec: Spec, path: Path) -> bool:
        """Whether one item stands for the spec: nothing serves it, and no check was singled out."""

    def tell(self, verdict: Verdict) -> str:
        """A failure in words."""


class NotConformant(Exception):
    """Carries a verdict that is not a pass from an item to its report."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.id)
        self.verdict = verdict


def refuse_several(config: pytest.Config, implementation: str) -> None:
    """Raise `ImplementationError` where ``--impl`` is given twice, or a shell made a list of it.

    An ini file's ``addopts`` may hold an ``--impl`` that the command line replaces.
    """
    words = [*map(str, config.invocation_params.args)]
    given = [word.removeprefix("--impl=") for word in words if word.startswith("--impl=")]
    given += [after for word, after in pairwise(words) if word == "--impl"]
    if len(given) > 1:
        raise ImplementationError(several("--impl", list(dict.fromkeys(given))))
    # pytest --impl labs/*.py: the first file is the option's, the others are arguments.
    named = config.args if config.args_source is config.ArgsSource.ARGS else []
    same = [Path(name) for name in named if Path(name).suffix in SUFFIXES]
    if same and len(same) == len(named) and implementation.endswith(SUFFIXES):
        patterns = config.getini("python_files")
        if not any(path.match(pattern) for path in same for pattern in patterns):
            raise ImplementationError(several("--impl", [implementation, *map(str, same)]))


def choose_files(config: pytest.Config) -> None:
    """Without file arguments grade all known specs; find ``specs/…`` wherever they are."""
    if config.args_source is not config.ArgsSource.ARGS:
        config.args = [*map(str, spec_folders().values()), *_own_folder(config)]
        return
    config.args = [_bundled(config, argument) for argument in config.args]


def _bundled(config: pytest.Config, argument: str) -> str:
    """The file behind an id such as ``specs/conv/conv2d.toml::forward[default]``."""
    name, separator, rest = argument.partition("::")
    first, *inner = Path(name).parts or ("",)
    folder, here = spec_folders().get(first), Path(config.invocation_params.dir, name)
    if folder is not None and folder.joinpath(*inner).exists() and not here.exists():
        return f"{folder.joinpath(*inner)}{separator}{rest}"
    return argument


def _own_folder(config: pytest.Config) -> list[str]:
    """The folder of ``--conformance-specs``: relative to where pytest was called, or to its ini."""
    given = config.getoption("--conformance-specs")
    text = str(given or config.getini("conformance_specs"))
    if not text:
        return []
    folder = Path(config.invocation_params.dir if given else config.rootpath, text)
    if not folder.is_dir():
        raise pytest.UsageError(f"--conformance-specs={text}: there is no such folder")
    return [str(folder)]


def own_files(config: pytest.Config) -> list[Path]:
    """The user's own spec files: named, or in folders named, or in ``--conformance-specs``."""
    named = config.args if config.args_source is config.ArgsSource.ARGS else []
    paths = [
        Path(config.invocation_params.dir, argument.partition("::")[0])
        for argument in (*named, *_own_folder(config))
    ]
    return [file for path in paths for file in spec_files_in(path)]


def own_specs(config: pytest.Config) -> list[Spec]:
    """The user's own specs among the arguments."""
    return [load_spec(path) for path in own_files(config)]


class SpecFile(pytest.File):
    """A spec file; its items are the planned checks."""

    def __init__(self, *, run: Run, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.run = run
        self.problem = ""

    def collect(self) -> Iterable[pytest.Item]:
        """One item per check and case."""
        run = self.run
        spec = load_spec(self.path)
        if run.wanted(spec) and run.benchmarks is not None:
            yield from self._benchmarks(spec, run.benchmarks)
        elif run.wanted(spec):
            settings, whole = run.settings, run.lacks(spec, self.path)
            items: Sequence[Planned | Absent]
            items = [absent(spec, settings)] if whole else plan(spec, settings)
            for planned in items:
                # The id in full: pytest then reads the brackets as it does from its own cache.
                yield CheckItem.from_parent(
                    self, name=planned.item, nodeid=planned.id, planned=planned, run=run
                )

    def _benchmarks(self, spec: Spec, benchmarks: Benchmarks) -> Iterable[pytest.Item]:
        """One item per direction and implementation, with pytest-benchmark's fixture."""
        for direction, subject in benchmarks.planned(spec):

            def time(benchmark: Any, direction: Any = direction, subject: str = subject) -> None:
                benchmarks.run(spec, direction, subject, benchmark)

            name = f"benchmark_{direction}[{subject}]"
            yield pytest.Function.from_parent(self, name=name, callobj=time)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """All mistakes of a spec file, without a traceback of ours."""
        if isinstance(excinfo.value, SpecError):
            self.problem = "mistake"
            return str(excinfo.value)
        self.problem = "fault" if isinstance(excinfo.value, Exception) else "foreign"
        return super().repr_failure(excinfo)


class CheckItem(pytest.Item):
    """One check on one case, or all those of a spec that nothing serves."""

    def __init__(self, *, planned: Planned | Absent, run: Run, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.planned = planned
        self.run = run
        self.verdict: Verdict | None = None

    def runtest(self) -> None:
        """Judge; anything but a pass becomes an outcome of pytest."""
        planned = self.planned
        if isinstance(planned, Absent):
            verdict = planned.verdict()
        else:
            verdict = self.run.grader.verdict(planned)
        self.verdict = verdict
        if verdict.status in ("failed", "errored"):
            raise NotConformant(verdict)
        if verdict.status == "xfailed":
            pytest.xfail(verdict.reason)
        if verdict.status in ("skipped", "blocked"):
            prefix = "blocked: " if verdict.status == "blocked" else ""
            pytest.skip(prefix + verdict.reason)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The verdict in words, without a traceback of ours."""
        if isinstance(excinfo.value, NotConformant):
            return self.run.tell(excinfo.value.verdict)
        if isinstance(excinfo.value, ImplementationError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the item comes from: the line of the spec."""
        return self.path, self.planned.line - 1, f"{self.planned.spec.name} :: {self.planned.item}"
