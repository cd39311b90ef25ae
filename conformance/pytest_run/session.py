"""A graded run as a plugin of pytest: from the options to the verdicts, workers included."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance.candidates.loading.paths import ImplementationError, read_binding, resolve
from conformance.oracles.choice import Judge, OracleUnavailable
from conformance.pytest_run import summary
from conformance.pytest_run.collection import (
    CheckItem,
    SpecFile,
    choose_files,
    own_files,
    own_specs,
)
from conformance.pytest_run.progress import Progress, live
from conformance.records.json import from_data, to_data
from conformance.records.report import Convention, Report
from conformance.records.text import describe, headline
from conformance.records.verdict import Verdict
from conformance.runner.accounts import NOT_RUN, make_report
from conformance.runner.gaps import Gaps, GapsError, load_gaps, updated
from conformance.runner.plan import Absent, Planned, plan
from conformance.runner.settings import Settings
from conformance.spec.catalogue import bundled_specs, find_spec, spec_label, specs_folder
from conformance.spec.model import Spec
from conformance.spec.problems import SpecError

if TYPE_CHECKING:
    from conformance.benchmarks.running import Benchmarks
    from conformance.runner.grader import Grader
    from conformance.sessions.guard import Guard

VERDICT = "conformance_verdict"
UNDERSTOOD = "conformance_understood"
REPLACED = "conformance_replaced"


class Conformance:
    """One graded run: the plugin that is registered when ``--impl`` is given."""

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        report_folder: str = "",
        gaps_file: str = "",
        update_gaps: bool = False,
    ) -> None:
        self.config = config
        self.settings = settings
        self.report_folder = report_folder
        self.gaps_file = Path(config.invocation_params.dir, gaps_file) if gaps_file else None
        self.update_gaps = update_gaps
        self.gaps: Gaps | None = None
        self.stale: list[str] = []
        self.verdicts: dict[str, Verdict] = {}
        self.planned: dict[str, Planned | Absent] = {}
        self.selected: dict[str, None] = {}
        self.written: Path | None = None
        self.notes: dict[str, None] = {}
        self.conventions: dict[tuple[str, str], Convention] = {}
        self.told: set[tuple[str, ...]] = set()
        self.guard: Guard | None = None
        self.replaced: set[str] = set()
        self.benchmarks: Benchmarks | None = None
        if config.getoption("benchmark_only", False):
            from conformance.benchmarks.running import Benchmarks

            if config.getoption("numprocesses", None) or hasattr(config, "workerinput"):
                raise pytest.UsageError(
                    "--benchmark-only: processes that run at once disturb each other's times: "
                    "leave out -n"
                )
            self.benchmarks = Benchmarks(settings)
        try:
            resolve(settings.implementation)
            Judge(settings.oracle, settings.implementation)
            if settings.binding:
                read_binding(Path(settings.binding), own_specs(self.config))
            self.layers = {self._layer(name) for name in settings.layers}
            if self.gaps_file is not None and not (update_gaps and not self.gaps_file.exists()):
                self.gaps = load_gaps(self.gaps_file)
        except (ImplementationError, OracleUnavailable, SpecError, GapsError) as error:
            raise pytest.UsageError(str(error)) from None
        except KeyError as error:
            raise pytest.UsageError(f"--conformance-layers: {error.args[0]}") from None
        choose_files(config)

    def _layer(self, name: str) -> str:
        """A layer to grade; unknown names may be those of spec files on the command line."""
        try:
            return find_spec(name).name
        except KeyError:
            if any(argument.partition("::")[0].endswith(".toml") for argument in self.config.args):
                return name
            raise

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
        return SpecFile.from_parent(parent, path=file_path, nodeid=spec_label(file_path), run=self)

    def wanted(self, spec: Spec) -> bool:
        """Whether ``--conformance-layers`` selects the spec."""
        return not self.layers or spec.name in self.layers

    def lacks(self, spec: Spec, path: Path) -> bool:
        """Whether one item stands for the spec: nothing serves it, and no check was singled out.

        Listing checks imports nothing. ``-k`` and ids speak of the checks themselves.
        """
        option = self.config.option
        if option.collectonly or option.keyword or self._named_checks(path):
            return False
        return self._unloadable is None and self.grader.session.lacks(spec.name, spec.kind)

    def _named_checks(self, path: Path) -> bool:
        """Whether an argument is the id of a check of this file."""
        here = self.config.invocation_params.dir
        named = (argument.partition("::") for argument in self.config.args)
        return any(
            id not in ("", Absent.item) and Path(here, file).resolve() == path.resolve()
            for file, _, id in named
        )

    # --- running ------------------------------------------------------------------------------

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """A long run on a terminal shows how far it is, in one line instead of dots."""
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        if self.benchmarks is None and terminal is not None and live(self.config, terminal):
            self.config.pluginmanager.register(Progress(session, terminal), "conformance-progress")

    @cached_property
    def grader(self) -> Grader:
        """The grader over the loaded implementation."""
        from conformance.runner.grader import Grader
        from conformance.sessions.guard import Guard
        from conformance.sessions.opening import open_session

        settings = self.settings
        self.guard = Guard()
        session = open_session(
            settings.implementation,
            settings.isolate,
            settings.limits,
            settings.binding,
            own_files(self.config),
            settings.run_all_cells,
        )
        # Whatever happens, Ctrl-C included: what the implementation has started ends with pytest.
        self.config.add_cleanup(session.close)
        return Grader(session, settings, self.gaps)

    @cached_property
    def _unloadable(self) -> ImplementationError | None:
        """Why the implementation cannot be loaded; it is not tried twice."""
        try:
            _ = self.grader
        except ImplementationError as error:
            return error
        return None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Import the candidate before the first item: a broken one is one message, not hundreds."""
        option = session.config.option
        if option.collectonly or (session.testsfailed and not option.continue_on_collection_errors):
            return  # nothing is run, and pytest says why
        if self._unloadable is not None:
            if hasattr(session.config, "workerinput"):
                return  # the controlling process says it, once
            raise pytest.UsageError(str(self._unloadable)) from None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Any:
        """Attach the verdict to the report; it travels with it from pytest-xdist's workers."""
        report = yield
        verdict = getattr(item, "verdict", None)
        if report.when == "call" and verdict is not None:
            setattr(report, VERDICT, to_data(verdict))
        # The last of an item's reports is the one whose properties are written.
        last = report.when == "teardown" and self.config.getoption("xmlpath", None)
        if last and verdict is not None:
            report.user_properties += summary.junit_properties(verdict)
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
        self.selected = dict.fromkeys(ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Unless another way was asked for, a case goes to one worker: its checks share trials."""
        if config.getoption("dist") != "load" or self.benchmarks is not None:
            return None
        from conformance.pytest_run.workers import ByCase

        return ByCase(config, log)

    def tell(self, verdict: Verdict) -> str:
        """A failure in words; one that only repeats what was said of another case, in two lines."""
        words = (
            verdict.layer,
            verdict.check,
            verdict.reason,
            *(f.message for f in verdict.findings),
        )
        numeric = any(finding.index is not None for finding in verdict.findings)
        if words in self.told and not numeric:
            return (
                f"{headline(verdict)}\n  as above: {verdict.reason or verdict.findings[0].message}"
            )
        self.told.add(words)
        return describe(verdict)

    # --- accounting ---------------------------------------------------------------------------

    @cached_property
    def report(self) -> Report:
        """The report of the run; planned checks without a verdict are skipped, with the reason."""
        specs = self._specs()
        everything = self.planned or self._planned_by_workers(specs)
        verdicts = [
            self.verdicts.get(planned.id) or planned.verdict("skipped", reason=NOT_RUN)
            for planned in everything.values()
        ]
        notes, conventions = self._understood(specs)
        return make_report(
            self.settings, specs, verdicts, notes, conventions, sorted(self.replaced)
        )

    def _understood(self, specs: Iterable[Spec]) -> tuple[list[str], list[Convention]]:
        """How the candidate was understood, here and in pytest-xdist's workers."""
        notes, conventions = dict(self.notes), dict(self.conventions)
        if "grader" in self.__dict__:
            session = self.grader.session
            notes |= dict.fromkeys(session.notes(spec.name for spec in specs))
            conventions |= {(c.layer, c.id): c for c in session.conventions()}
        return list(notes), list(conventions.values())

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        """A worker of pytest-xdist ends: take over its notes, and what it found replaced."""
        output = getattr(node, "workeroutput", {})
        self.replaced.update(output.get(REPLACED, ()))
        notes, conventions = output.get(UNDERSTOOD, ([], []))
        self.notes |= dict.fromkeys(notes)
        for data in conventions:
            declared = from_data(Convention, data)
            self.conventions[declared.layer, declared.id] = declared

    def _specs(self) -> list[Spec]:
        """The specs that took part, bundled ones first."""
        found: dict[str, Spec] = {p.spec.path: p.spec for p in self.planned.values()}
        if not found:
            for spec in bundled_specs():
                found[spec.path] = spec
            for spec in own_specs(self.config):
                found[spec.path] = spec
        return list(found.values())

    def _planned_by_workers(self, specs: Iterable[Spec]) -> dict[str, Planned | Absent]:
        everything: dict[str, Planned | Absent] = {}
        for spec in specs:
            checks = plan(spec, self.settings)
            planned: list[Planned | Absent] = [*checks, Absent(spec, len(checks))]
            everything |= {p.id: p for p in planned if p.id in self.selected}
        return everything

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Any:
        """Account for every check: exit status, JSON report, and the summary as the last lines."""
        if self.guard is not None:
            self.replaced.update(self.guard.replaced())
        if hasattr(self.config, "workerinput") and "grader" in self.__dict__:
            output: dict[str, Any] = getattr(self.config, "workeroutput")  # noqa: B009
            notes, conventions = self._understood(self._specs())
            output[UNDERSTOOD] = (notes, [to_data(declared) for declared in conventions])
            output[REPLACED] = sorted(self.replaced)
        accountable = not (
            hasattr(self.config, "workerinput")
            or self.config.option.collectonly
            or exitstatus in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR)
            # Specs that cannot be used: pytest has said so, and nothing was planned.
            or (exitstatus == pytest.ExitCode.INTERRUPTED and not (self.planned or self.selected))
        )
        if accountable:
            self._account(session, exitstatus)
        if "hypothesis" not in sys.modules:
            # Its plugin would import it to say what it wrote, which is nothing.
            self.config.pluginmanager.unregister(name="hypothesispytest")
        result = yield
        if accountable:
            self._print_summary()
        return result

    def _account(self, session: pytest.Session, exitstatus: int) -> None:
        """Zero executed checks, blocked ones, stale gaps are never a success; write the report."""
        if self.gaps_file is not None and self.update_gaps:
            self.gaps_file.write_text(updated(self.gaps_file, self.report.verdicts), "utf-8")
        elif self.gaps is not None:
            everything = replace(self.settings, tier="strict", profile="standard")
            ids = (p.id for spec in self._specs() for p in plan(spec, everything))
            self.stale = list(self.gaps.stale(ids, self.report.verdicts))
        if self.benchmarks is not None:
            timed = tuple(self.benchmarks.timings), tuple(self.benchmarks.untimed.values())
            self.report = replace(self.report, timings=timed[0], untimed=timed[1])
        benchmarked = self.benchmarks is not None
        green = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        failing = summary.failing(self.report, benchmarked) or self.stale or self.replaced
        if green and failing:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.report_folder:
            from conformance.reports.folder import write_folder

            folder = Path(self.config.invocation_params.dir, self.report_folder)
            self.written = write_folder(self.report, folder)

    def _print_summary(self) -> None:
        """The table, and the line that sums up; after everything that pytest itself prints."""
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        if terminal is None:
            return
        for line in self.stale:
            terminal.write_line(line, red=True)
        if self.gaps_file is not None and self.update_gaps:
            terminal.write_line(f"gaps: {self.gaps_file}")
        if self.written is not None:
            terminal.write_line(f"report: {self.written}")
        summary.show(self.report, terminal, benchmarked=self.benchmarks is not None)
