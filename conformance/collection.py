"""Spec files as test files, checks as test items, verdicts as reports: pytest's side of a run."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance.candidates.loading import ImplementationError, load, resolve
from conformance.oracles.choice import Judge, OracleUnavailable
from conformance.records.json import from_data, to_data
from conformance.records.report import Report
from conformance.records.text import describe, nothing_ran
from conformance.records.verdict import Verdict
from conformance.runner.accounts import NOT_RUN, make_report
from conformance.runner.plan import Planned, plan
from conformance.runner.settings import Settings
from conformance.spec.catalogue import (
    bundled_specs,
    find_spec,
    spec_files,
    spec_label,
    specs_folder,
)
from conformance.spec.catalogue import (
    load as load_spec,
)
from conformance.spec.model import Spec
from conformance.spec.problems import SpecError

if TYPE_CHECKING:
    from conformance.runner.grader import Grader

VERDICT = "conformance_verdict"


class NotConformant(Exception):
    """Carries a verdict that is not a pass from an item to its report."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.id)
        self.verdict = verdict


class Conformance:
    """One graded run: the plugin that is registered when ``--impl`` is given."""

    def __init__(self, config: pytest.Config, settings: Settings, report_folder: str) -> None:
        self.config = config
        self.settings = settings
        self.report_folder = report_folder
        self.verdicts: dict[str, Verdict] = {}
        self.planned: dict[str, Planned] = {}
        self.load_error: ImplementationError | None = None
        try:
            resolve(settings.implementation)
            Judge(settings.oracle, settings.implementation)
            self.layers = {find_spec(name).name for name in settings.layers}
        except (ImplementationError, OracleUnavailable) as error:
            raise pytest.UsageError(str(error)) from None
        except KeyError as error:
            raise pytest.UsageError(f"--conformance-layers: {error.args[0]}") from None
        except SpecError as error:
            raise pytest.UsageError(str(error)) from None
        self._choose_files()

    # --- which files --------------------------------------------------------------------------

    def _choose_files(self) -> None:
        """Without file arguments grade all bundled specs; find ``specs/…`` wherever they are."""
        config = self.config
        if config.args_source is not config.ArgsSource.ARGS:
            config.args = [str(specs_folder())]
            return
        config.args = [self._bundled(argument) for argument in config.args]

    def _bundled(self, argument: str) -> str:
        """The file behind an id such as ``specs/conv/conv2d.toml::forward[default]``."""
        name, separator, rest = argument.partition("::")
        if not Path(self.config.invocation_params.dir, name).exists():
            for path in (specs_folder(), *spec_files()):
                if spec_label(path).rstrip("/") == name.rstrip("/") or (
                    path == specs_folder() and name.rstrip("/") == "specs"
                ):
                    return f"{path}{separator}{rest}"
        return argument

    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        """TOML files that are specs: bundled ones, and those named on the command line."""
        if file_path.suffix != ".toml":
            return None
        named = any(
            Path(self.config.invocation_params.dir, argument.partition("::")[0]).resolve()
            == file_path.resolve()
            for argument in self.config.args
        )
        if not named and not file_path.resolve().is_relative_to(specs_folder()):
            return None
        bundled = file_path.resolve().is_relative_to(specs_folder())
        nodeid = spec_label(file_path) if bundled else None
        return SpecFile.from_parent(parent, path=file_path, nodeid=nodeid)

    def wanted(self, spec: Spec) -> bool:
        """Whether ``--conformance-layers`` selects the spec."""
        return not self.layers or spec.name in self.layers

    # --- running ------------------------------------------------------------------------------

    @cached_property
    def grader(self) -> Grader:
        """The grader over the loaded implementation."""
        from conformance.runner.grader import Grader
        from conformance.sessions.in_process import InProcessSession

        return Grader(InProcessSession(load(self.settings.implementation)), self.settings)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Import the candidate before the first item: a broken one is one message, not hundreds."""
        if session.config.option.collectonly:
            return
        try:
            _ = self.grader
        except ImplementationError as error:
            if hasattr(session.config, "workerinput"):
                return  # the controlling process says it, once
            raise pytest.UsageError(str(error)) from None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Any:
        """Attach the verdict to the report; it travels with it from pytest-xdist's workers."""
        report = yield
        verdict = getattr(item, "verdict", None)
        if report.when == "call" and verdict is not None:
            setattr(report, VERDICT, to_data(verdict))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect verdicts, also those of workers."""
        data = getattr(report, VERDICT, None)
        if data is not None:
            verdict = from_data(Verdict, data)
            self.verdicts[verdict.id] = verdict

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember what is to be run."""
        for item in session.items:
            if isinstance(item, CheckItem):
                self.planned[item.planned.id] = item.planned

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        """The controlling process of pytest-xdist collects nothing itself."""
        self.selected = ids

    # --- accounting ---------------------------------------------------------------------------

    @cached_property
    def report(self) -> Report:
        """The report of the run; planned checks without a verdict are skipped, with the reason."""
        specs = self._specs()
        everything = self.planned or self._planned_by_workers(specs)
        verdicts = [
            self.verdicts.get(planned.id) or _not_run(planned) for planned in everything.values()
        ]
        return make_report(self.settings, specs, verdicts)

    def _specs(self) -> list[Spec]:
        """The specs that took part, bundled ones first."""
        found: dict[str, Spec] = {p.spec.path: p.spec for p in self.planned.values()}
        if not found:
            for spec in bundled_specs():
                found[spec.path] = spec
            for argument in self.config.args:
                path = Path(self.config.invocation_params.dir, argument.partition("::")[0])
                if path.is_file() and path.suffix == ".toml":
                    spec = load_spec(path)
                    found[spec.path] = spec
        return list(found.values())

    def _planned_by_workers(self, specs: Iterable[Spec]) -> dict[str, Planned]:
        selected = set(getattr(self, "selected", ()))
        return {
            planned.id: planned
            for spec in specs
            for planned in plan(spec, self.settings)
            if planned.id in selected
        }

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Zero executed checks, or blocked ones, are never a success; write the JSON report."""
        if hasattr(self.config, "workerinput") or self.config.option.collectonly:
            return
        if exitstatus in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
            return
        summary = self.report.summary
        green = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if green and (summary.ran == 0 or summary.blocked):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.report_folder:
            from conformance.reports.json_report import write_json

            folder = Path(self.config.invocation_params.dir, self.report_folder)
            self.written = write_json(self.report, folder)

    def pytest_terminal_summary(self, terminalreporter: Any, exitstatus: int) -> None:
        """The table, and the line that sums up."""
        if self.config.option.collectonly or exitstatus in (
            pytest.ExitCode.INTERNAL_ERROR,
            pytest.ExitCode.USAGE_ERROR,
        ):
            return
        from conformance.reports.terminal import render

        terminalreporter.section("conformance", sep="=")
        if self.report.summary.ran == 0:
            terminalreporter.write_line(nothing_ran(self.report), red=True)
            return
        writer = terminalreporter._tw
        terminalreporter.write(
            "\n" + render(self.report, max(80, writer.fullwidth), writer.hasmarkup)
        )
        if written := getattr(self, "written", None):
            terminalreporter.write_line(f"report: {written}")


def _not_run(planned: Planned) -> Verdict:
    return Verdict(
        id=planned.id,
        layer=planned.spec.name,
        case=planned.case,
        check=planned.name,
        group=planned.check.group,
        tier=planned.tier,
        status="skipped",
        mode=planned.mode,
        dtype=planned.dtype,
        reason=NOT_RUN,
        spec_line=planned.line,
    )


class SpecFile(pytest.File):
    """A spec file; its items are the planned checks."""

    def collect(self) -> Iterable[pytest.Item]:
        """One item per check and case."""
        run = self.config.pluginmanager.getplugin("conformance-run")
        assert isinstance(run, Conformance)
        spec = load_spec(self.path)
        if run.wanted(spec):
            for planned in plan(spec, run.settings):
                yield CheckItem.from_parent(self, name=planned.item, planned=planned, run=run)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """All mistakes of a spec file, without a traceback of ours."""
        if isinstance(excinfo.value, SpecError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class CheckItem(pytest.Item):
    """One check on one case."""

    def __init__(self, *, planned: Planned, run: Conformance, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.planned = planned
        self.run = run
        self.verdict: Verdict | None = None

    def runtest(self) -> None:
        """Judge; anything but a pass becomes an outcome of pytest."""
        self.verdict = verdict = self.run.grader.verdict(self.planned)
        if verdict.status in ("failed", "errored"):
            raise NotConformant(verdict)
        if verdict.status in ("skipped", "blocked"):
            prefix = "blocked: " if verdict.status == "blocked" else ""
            pytest.skip(prefix + verdict.reason)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The verdict in words, without a traceback of ours."""
        if isinstance(excinfo.value, NotConformant):
            return describe(excinfo.value.verdict)
        if isinstance(excinfo.value, ImplementationError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the item comes from: the line of the spec."""
        return self.path, self.planned.line - 1, f"{self.planned.spec.name} :: {self.planned.item}"
