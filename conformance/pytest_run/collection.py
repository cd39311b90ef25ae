"""Spec files as test files, checks as test items, verdicts as reports: pytest's side of a run."""

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
from conformance.pytest_run.progress import Progress, live
from conformance.records.json import from_data, to_data
from conformance.records.report import Convention, Report
from conformance.records.text import describe, headline, nothing_ran
from conformance.records.verdict import Verdict
from conformance.runner.accounts import NOT_RUN, make_report
from conformance.runner.gaps import KNOWN_GAP, Gaps, GapsError, load_gaps, updated
from conformance.runner.plan import Planned, plan
from conformance.runner.settings import Settings
from conformance.spec.catalogue import (
    bundled_specs,
    find_spec,
    spec_label,
    specs_folder,
)
from conformance.spec.catalogue import (
    load as load_spec,
)
from conformance.spec.model import Spec
from conformance.spec.problems import SpecError

if TYPE_CHECKING:
    from conformance.benchmarks.running import Benchmarks
    from conformance.runner.grader import Grader
    from conformance.sessions.guard import Guard

NOTHING_TIMED = "nothing was timed: none of the chosen specs has a [benchmark] table"

VERDICT = "conformance_verdict"
UNDERSTOOD = "conformance_understood"
REPLACED = "conformance_replaced"


class NotConformant(Exception):
    """Carries a verdict that is not a pass from an item to its report."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.id)
        self.verdict = verdict


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
        self.planned: dict[str, Planned] = {}
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
                read_binding(Path(settings.binding), self._own_specs())
            self.layers = {self._layer(name) for name in settings.layers}
            if self.gaps_file is not None and not (update_gaps and not self.gaps_file.exists()):
                self.gaps = load_gaps(self.gaps_file)
        except (ImplementationError, OracleUnavailable, SpecError, GapsError) as error:
            raise pytest.UsageError(str(error)) from None
        except KeyError as error:
            raise pytest.UsageError(f"--conformance-layers: {error.args[0]}") from None
        self._choose_files()

    def _layer(self, name: str) -> str:
        """A layer to grade; unknown names may be those of spec files on the command line."""
        try:
            return find_spec(name).name
        except KeyError:
            if any(argument.partition("::")[0].endswith(".toml") for argument in self.config.args):
                return name
            raise

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
        bundled = specs_folder().parent / name
        here = Path(self.config.invocation_params.dir, name)
        if Path(name).parts[:1] == ("specs",) and bundled.exists() and not here.exists():
            return f"{bundled}{separator}{rest}"
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
        return SpecFile.from_parent(parent, path=file_path, nodeid=spec_label(file_path))

    def wanted(self, spec: Spec) -> bool:
        """Whether ``--conformance-layers`` selects the spec."""
        return not self.layers or spec.name in self.layers

    # --- running ------------------------------------------------------------------------------

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """A long run on a terminal shows how far it is, in one line instead of dots."""
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        if self.benchmarks is None and terminal is not None and live(self.config, sys.stdout):
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
            self._own_files(),
            settings.run_all_cells,
        )
        # Whatever happens, Ctrl-C included: what the implementation has started ends with pytest.
        self.config.add_cleanup(session.close)
        return Grader(session, settings, self.gaps)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Import the candidate before the first item: a broken one is one message, not hundreds."""
        option = session.config.option
        if option.collectonly or (session.testsfailed and not option.continue_on_collection_errors):
            return  # nothing is run, and pytest says why
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
        # The last of an item's reports is the one whose properties are written.
        last = report.when == "teardown" and self.config.getoption("xmlpath", None)
        if last and verdict is not None:
            report.user_properties += junit_properties(verdict)
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

    def _own_files(self) -> list[Path]:
        """The user's own spec files among the arguments."""
        paths = [
            Path(self.config.invocation_params.dir, argument.partition("::")[0])
            for argument in self.config.args
        ]
        return [path for path in paths if path.is_file() and path.suffix == ".toml"]

    def _own_specs(self) -> list[Spec]:
        """The user's own specs among the arguments."""
        return [load_spec(path) for path in self._own_files()]

    def _specs(self) -> list[Spec]:
        """The specs that took part, bundled ones first."""
        found: dict[str, Spec] = {p.spec.path: p.spec for p in self.planned.values()}
        if not found:
            for spec in bundled_specs():
                found[spec.path] = spec
            for spec in self._own_specs():
                found[spec.path] = spec
        return list(found.values())

    def _planned_by_workers(self, specs: Iterable[Spec]) -> dict[str, Planned]:
        return {
            planned.id: planned
            for spec in specs
            for planned in plan(spec, self.settings)
            if planned.id in self.selected
        }

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
        result = yield
        if accountable:
            self._print_summary()
        return result

    def _account(self, session: pytest.Session, exitstatus: int) -> None:
        """Zero executed checks, blocked ones, stale gaps are never a success; write the report."""
        summary = self.report.summary
        if self.gaps_file is not None and self.update_gaps:
            self.gaps_file.write_text(updated(self.gaps_file, self.report.verdicts), "utf-8")
        elif self.gaps is not None:
            everything = replace(self.settings, tier="strict", profile="standard")
            ids = (p.id for spec in self._specs() for p in plan(spec, everything))
            self.stale = list(self.gaps.stale(ids, self.report.verdicts))
        if self.benchmarks is not None:
            timed = tuple(self.benchmarks.timings), tuple(self.benchmarks.untimed.values())
            self.report = replace(self.report, timings=timed[0], untimed=timed[1])
        green = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        unexplained = any(
            v.status == "blocked" and not v.reason.endswith(KNOWN_GAP) for v in self.report.verdicts
        )
        nothing = not self.report.timings if self.benchmarks is not None else summary.ran == 0
        incorrect = any(entry.reason.startswith("blocked: ") for entry in self.report.untimed)
        if green and (nothing or unexplained or incorrect or self.stale or self.replaced):
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
        from conformance.reports.terminal import render

        for line in self.stale:
            terminal.write_line(line, red=True)
        if self.gaps_file is not None and self.update_gaps:
            terminal.write_line(f"gaps: {self.gaps_file}")
        if self.written is not None:
            terminal.write_line(f"report: {self.written}")
        if self.report.timings or self.report.untimed:
            from conformance.reports.timings import render_timings

            width = max(80, self.config.get_terminal_writer().fullwidth)
            times = self.report.timings, self.report.untimed
            terminal.write("\n" + render_timings(*times, width, terminal.hasmarkup))
        elif self.benchmarks is not None:
            terminal.write_line(NOTHING_TIMED, red=True)
        elif self.report.summary.ran == 0:
            terminal.write_line(nothing_ran(self.report), red=True)
        else:
            width = max(80, self.config.get_terminal_writer().fullwidth)
            terminal.write("\n" + render(self.report, width, terminal.hasmarkup))


def junit_properties(verdict: Verdict) -> list[tuple[str, object]]:
    """What ``--junitxml`` records beside the outcome, so that CI can group failures."""
    properties = {
        "layer": verdict.layer,
        "check": verdict.check,
        "case": verdict.case,
        "group": verdict.group,
        "tier": verdict.tier,
        "status": verdict.status,
        "severity": verdict.severity,
        "diagnosis": ", ".join(diagnosis.id for diagnosis in verdict.diagnoses),
    }
    return [(name, value) for name, value in properties.items() if value]


class SpecFile(pytest.File):
    """A spec file; its items are the planned checks."""

    def collect(self) -> Iterable[pytest.Item]:
        """One item per check and case."""
        run = self.config.pluginmanager.getplugin("conformance-run")
        assert isinstance(run, Conformance)
        spec = load_spec(self.path)
        if run.wanted(spec) and run.benchmarks is not None:
            yield from self._benchmarks(spec, run.benchmarks)
        elif run.wanted(spec):
            for planned in plan(spec, run.settings):
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
