"""A graded run as a plugin of pytest: from the options to the verdicts, workers included."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from signal import SIG_DFL, SIGTERM, getsignal, signal
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any

import pytest

from conformance import extensions
from conformance.candidates.loading.paths import (
    BrokenImplementation,
    ImplementationError,
    read_binding,
    resolve,
)
from conformance.errors import ConformanceError, UnknownLayer
from conformance.extensions import ExtensionError
from conformance.oracles.choice import Judge
from conformance.pytest_run import summary
from conformance.pytest_run.collection import (
    CheckItem,
    SpecFile,
    choose_files,
    own_files,
    own_specs,
    refuse_several,
)
from conformance.pytest_run.progress import Progress, live
from conformance.records.fault import describe_fault
from conformance.records.json import from_data, to_data
from conformance.records.report import Convention, Report
from conformance.records.text import STOPPED, describe, headline
from conformance.records.verdict import Verdict
from conformance.reports.files import NotWritten, write_text
from conformance.runner.accounts import make_report
from conformance.runner.gaps import Gaps, load_gaps, updated
from conformance.runner.plan import Absent, Planned, plan
from conformance.runner.settings import Settings
from conformance.spec.catalogue import find_spec, is_known, known_specs, spec_label
from conformance.spec.catalogue import load as load_spec
from conformance.spec.model import Spec
from conformance.spec.problems import SpecError

if TYPE_CHECKING:
    from conformance.benchmarks.running import Benchmarks
    from conformance.pytest_run.keeping import Keeper
    from conformance.runner.grader import Grader
    from conformance.sessions.guard import Guard

RUNNING = "the run has not come to its end"
LOADING = "the implementation could not be loaded"

VERDICT = "conformance_verdict"
PROBLEM = "conformance_problem"
FAULTS = "conformance_faults"
UNDERSTOOD = "conformance_understood"
REPLACED = "conformance_replaced"
REMOVED = (
    "the working directory {folder} was removed while the implementation was graded: "
    "an empty one was made in its place"
)


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
        self._started_in = config.invocation_params.dir.stat()
        self.settings = settings
        # The controlling process of pytest-xdist keeps the report, not its workers.
        self.keeper: Keeper | None = None
        if report_folder and not hasattr(config, "workerinput"):
            from conformance.pytest_run.keeping import Keeper

            self.keeper = Keeper(Path(config.invocation_params.dir, report_folder))
        self.gaps_file = Path(config.invocation_params.dir, gaps_file) if gaps_file else None
        self.update_gaps = update_gaps
        self.gaps: Gaps | None = None
        self.stale: list[str] = []
        self.verdicts: dict[str, Verdict] = {}
        self.planned: dict[str, Planned | Absent] = {}
        self.selected: dict[str, None] = {}
        self.lost: dict[str, str] = {}
        self.written: Path | None = None
        self.report: Report | None = None
        # Why the run did not come to its end: an interruption, or an implementation that is broken.
        self.interrupted = ""
        self.ending = False
        self.broken = ""
        self.collecting: set[str] = set()  # what was wrong with files: mistakes, or faults of ours
        self.faults: list[str] = []
        self.unwritten: list[str] = []
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
            extensions.verify()
            refuse_several(config, settings.implementation)
            resolve(settings.implementation, binding=settings.binding)
            Judge(settings.oracle, settings.implementation)
            if settings.binding:
                read_binding(Path(settings.binding), own_specs(self.config))
            self.layers = {self._layer(name) for name in settings.layers}
            if self.gaps_file is not None and not (update_gaps and not self.gaps_file.exists()):
                self.gaps = load_gaps(self.gaps_file)
        except UnknownLayer as error:
            raise pytest.UsageError(f"--conformance-layers: {error}") from None
        except ConformanceError as error:
            raise pytest.UsageError(str(error)) from None
        self.own = {path.resolve() for path in own_files(config)}
        choose_files(config)

    def _layer(self, name: str) -> str:
        """A layer to grade; unknown names may be those of spec files on the command line."""
        try:
            return find_spec(name).name
        except KeyError:
            if own_files(self.config):
                return name
            raise

    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        """TOML files that are specs: known ones, those named, and those in folders named."""
        if file_path.suffix != ".toml":
            return None
        path = file_path.resolve()
        if path not in self.own and not is_known(path):
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
        self._listen(session)
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        if self.benchmarks is None and terminal is not None and live(self.config, sys.stdout):
            self.config.pluginmanager.register(Progress(session, terminal), "conformance-progress")

    def _listen(self, session: pytest.Session) -> None:
        """SIGTERM, which CI cancels with, interrupts like Ctrl-C: the report is still written."""
        if hasattr(self.config, "workerinput") or current_thread() is not main_thread():
            return
        if getsignal(SIGTERM) is not SIG_DFL:
            return  # somebody else listens

        def stop(number: int, frame: object) -> None:
            if self.interrupted or self.ending:
                return
            self.interrupted = "interrupted by SIGTERM"
            session.shouldstop = self.interrupted  # for a candidate that catches what is raised
            raise KeyboardInterrupt(self.interrupted)

        signal(SIGTERM, stop)

        def no_longer() -> None:
            signal(SIGTERM, SIG_DFL)

        self.config.add_cleanup(no_longer)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Ctrl-C, or somebody who ends the run."""
        if isinstance(excinfo.value, KeyboardInterrupt):
            self.interrupted = self.interrupted or "interrupted by SIGINT (Ctrl-C)"
        else:
            self.interrupted = f"ended by pytest.exit: {excinfo.value}"

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
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Import the candidate before the first item: a broken one is one message, not hundreds."""
        option = session.config.option
        if option.collectonly or (session.testsfailed and not option.continue_on_collection_errors):
            return None  # nothing is run, and pytest says why
        self._begin()
        if (error := self._unloadable) is not None:
            if hasattr(session.config, "workerinput"):
                return None  # the controlling process says it, once
            self.broken = str(error)
            if not isinstance(error, BrokenImplementation):
                raise pytest.UsageError(str(error)) from None
            return True  # no item is run
        return None

    @pytest.hookimpl(specname="pytest_runtestloop", wrapper=True, tryfirst=True)
    def pytest_keep_folder(self, session: pytest.Session) -> Any:
        """Make an empty folder in place of a removed one: in it pytest was started, and ends."""
        try:
            return (yield)
        finally:
            folder = self.config.invocation_params.dir
            folder.mkdir(parents=True, exist_ok=True)
            if not os.path.samestat(folder.stat(), self._started_in):
                self.notes[REMOVED.format(folder=folder)] = None

    def _begin(self) -> None:
        """What is left of a run that is killed says that it is unfinished."""
        if self.keeper is not None:
            with self._guarded("writing the report"):
                self.keeper.begin(self._report(RUNNING))

    @contextmanager
    def _guarded(self, what: str) -> Iterator[None]:
        """An exception of ours at the edge of the run is a fault of the suite, not its end."""
        try:
            yield
        except Exception as error:
            message, trace = describe_fault(error)
            lines = [f"{what}: {message}", *trace.splitlines()]
            self.faults.append("\n  ".join(lines))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Any:
        """Attach the verdict to the report; it travels with it from pytest-xdist's workers."""
        report = yield
        verdict = getattr(item, "verdict", None)
        if report.when == "call" and verdict is not None:
            with self._guarded(f"handing over the verdict of {verdict.id}"):
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
            if verdict.id in self.lost:
                return
            self.verdicts[verdict.id] = verdict
            if self.keeper is not None:
                with self._guarded("writing the journal"):
                    self.keeper.add(verdict)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Any:
        """What was wrong with a spec file travels with the report of its collection."""
        report = yield
        if isinstance(collector, SpecFile) and collector.problem:
            setattr(report, PROBLEM, collector.problem)
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell mistakes in spec files from faults of the suite, and from what is not ours."""
        if report.failed:
            self.collecting.add(getattr(report, PROBLEM, "foreign"))

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any, sched: Any) -> None:
        """A worker of pytest-xdist died; another may run the check again, which proves nothing."""
        self.verdicts.pop(crashitem, None)
        self.lost[crashitem] = "the process of pytest-xdist that ran it was lost"

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember what is to be run."""
        for item in session.items:
            if isinstance(item, CheckItem):
                self.planned[item.planned.id] = item.planned

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        """The controlling process of pytest-xdist collects nothing itself."""
        first = not self.selected
        self.selected = dict.fromkeys(ids)
        if first:
            self._begin()  # now it is known what is planned

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Unless another way was asked for, a case goes to one worker: its checks share trials."""
        if config.getoption("dist") != "load" or self.benchmarks is not None:
            return None
        from conformance.pytest_run.workers import ByCase

        return ByCase(config, log)

    def tell(self, verdict: Verdict) -> str:
        """A failure in words; one that only repeats what was said of another case, in two lines."""
        with self._guarded(f"telling the verdict of {verdict.id}"):
            return self._tell(verdict)
        return f"{verdict.id}: {verdict.status}"

    def _tell(self, verdict: Verdict) -> str:
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

    def _report(self, unfinished: str = "") -> Report:
        """The report of the run so far; planned checks without a verdict were not run."""
        specs = self._specs()
        everything = self.planned or self._planned_by_workers(specs)
        why = LOADING if self.broken else STOPPED
        verdicts = [
            self.verdicts.get(planned.id)
            or planned.verdict("not run", reason=self.lost.get(planned.id, why))
            for planned in everything.values()
        ]
        notes, conventions = self._understood(specs)
        report = make_report(
            self.settings, specs, verdicts, notes, conventions, sorted(self.replaced), unfinished
        )
        if self.benchmarks is None:
            return report
        timed = tuple(self.benchmarks.timings), tuple(self.benchmarks.untimed.values())
        return replace(report, timings=timed[0], untimed=timed[1])

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
        self.faults += output.get(FAULTS, ())
        notes, conventions = output.get(UNDERSTOOD, ([], []))
        self.notes |= dict.fromkeys(notes)
        for data in conventions:
            declared = from_data(Convention, data)
            self.conventions[declared.layer, declared.id] = declared

    def _specs(self) -> list[Spec]:
        """The specs that took part, bundled ones first."""
        found: dict[str, Spec] = {p.spec.path: p.spec for p in self.planned.values()}
        if not found:
            for spec in known_specs():
                found[spec.path] = spec
            for path in own_files(self.config):
                with suppress(SpecError):  # collecting has said it
                    spec = load_spec(path)
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
        if hasattr(self.config, "workerinput"):
            with self._guarded("handing over what a worker knows"):
                self._hand_over()
            getattr(self.config, "workeroutput")[FAULTS] = self.faults  # noqa: B009
            return (yield)
        if "hypothesis" not in sys.modules:
            # Its plugin would import it to say what it wrote, which is nothing.
            self.config.pluginmanager.unregister(name="hypothesispytest")
        if self.config.option.collectonly:
            return (yield)
        self.ending = True
        with self._guarded("accounting for the run"):
            self._account(session, exitstatus)
        session.exitstatus = self._exit_status(session, exitstatus)
        result = yield
        with self._guarded("printing the summary"):
            self._print_summary(session)
        if self.faults and session.exitstatus != summary.USAGE:
            session.exitstatus = summary.FAULT
        return result

    def _hand_over(self) -> None:
        """What the controlling process of pytest-xdist must know from a worker."""
        if "grader" not in self.__dict__:
            return
        if self.guard is not None:
            self.replaced.update(self.guard.replaced())
        output: dict[str, Any] = getattr(self.config, "workeroutput")  # noqa: B009
        notes, conventions = self._understood(self._specs())
        output[UNDERSTOOD] = (notes, [to_data(declared) for declared in conventions])
        output[REPLACED] = sorted(self.replaced)

    def _account(self, session: pytest.Session, exitstatus: int) -> None:
        """Make the report and write it; see which gaps are stale."""
        if self.guard is not None:
            self.replaced.update(self.guard.replaced())
        self.report = report = self._report(self._unfinished(exitstatus))
        if self.keeper is not None:
            with self._guarded("writing the report"):
                try:
                    self.written = self.keeper.end(report)
                except ExtensionError as error:
                    self.faults.append(str(error))  # it names the extension
                self.unwritten += filter(None, [self.keeper.problem])
        if self.gaps_file is not None and self.update_gaps:
            if not report.unfinished:
                try:
                    write_text(self.gaps_file, updated(self.gaps_file, report.verdicts))
                except NotWritten as error:
                    self.unwritten.append(str(error))
        elif self.gaps is not None:
            everything = replace(self.settings, tier="strict", profile="standard")
            ids = (p.id for spec in self._specs() for p in plan(spec, everything))
            self.stale = list(self.gaps.stale(ids, report.verdicts))

    def _unfinished(self, exitstatus: int) -> str:
        """Why the run did not come to its end; empty if it did."""
        if self.broken:
            return self.broken
        if self.interrupted:
            return self.interrupted
        if exitstatus == summary.FAULT:
            return "pytest ended with an internal error"
        if exitstatus == summary.INTERRUPTED and self.collecting:
            return "not every file could be collected"
        return ""

    def _exit_status(self, session: pytest.Session, exitstatus: int) -> int:
        """0 to 4, as docs/exit-codes.md has them: of several that apply, the highest."""
        report = self.report
        if exitstatus == summary.USAGE or self.collecting == {"mistake"}:
            return summary.USAGE
        if self.faults or report is None or report.summary.faults or "fault" in self.collecting:
            return summary.FAULT
        if exitstatus == summary.INTERRUPTED and not self.interrupted:
            # pytest-xdist calls it an interruption when the failures allowed have come.
            allowed = self.config.getoption("maxfail")
            if not self.collecting and allowed and session.testsfailed >= allowed:
                return summary.FAILED
        if exitstatus in (summary.PASSED, pytest.ExitCode.NO_TESTS_COLLECTED):
            bad = summary.failing(report, self.benchmarks is not None) or self.broken
            if bad or self.stale or self.replaced or self.unwritten:
                return summary.FAILED
            return summary.PASSED
        return exitstatus

    def _print_summary(self, session: pytest.Session) -> None:
        """The table, and the line that sums up; after everything that pytest itself prints."""
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        if terminal is None:
            return
        for line in (*self.faults, *self.stale, *self.unwritten):
            terminal.write_line(line, red=True)
        if session.exitstatus == summary.USAGE:
            return  # the message says it
        if self.broken:
            terminal.write_line(f"ERROR: {self.broken}", red=True)
            nothing = f"conformance: nothing is known about {self.settings.implementation}"
            terminal.write_line(f"{nothing}: it could not be loaded", red=True)
        if self.gaps_file is not None and self.update_gaps and not self.unwritten:
            terminal.write_line(f"gaps: {self.gaps_file}")
        if self.written is not None:
            terminal.write_line(f"report: {self.written}")
        # Where nothing could be collected, pytest has said so.
        told = self.broken or (self.collecting and not (self.planned or self.selected))
        if self.report is not None and not told:
            summary.show(self.report, terminal, benchmarked=self.benchmarks is not None)
