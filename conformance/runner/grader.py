"""Run planned checks on one implementation and give verdicts."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from conformance.checks import (
    CATALOGUE,
    ERROR_CONTRACT,
    Check,
    Evidence,
    Memory,
    NoOracle,
    Stopped,
)
from conformance.generation.programs import Programs
from conformance.oracles.choice import Judge, OracleUnavailable
from conformance.oracles.oracle import OracleError
from conformance.records.fault import describe_fault
from conformance.records.observation import Trouble
from conformance.records.verdict import SEVERITIES, Finding, Severity, Status, Verdict
from conformance.runner.gaps import KNOWN_GAP, Gaps
from conformance.runner.plan import Planned
from conformance.runner.script import script
from conformance.runner.settings import EXAMPLES, Settings
from conformance.sessions.session import Session
from conformance.spec.bound_case import BoundCase, bound_case
from conformance.spec.expressions import format_bindings
from conformance.spec.model import Spec

if TYPE_CHECKING:
    from conformance.diagnosis.diagnosing import Diagnostician

# Enough for the generated cases of the standard profile: one check after another goes through them.
CASES_IN_MEMORY = EXAMPLES["standard"] + 3

BY_NAME = {check.name: check for check in (*CATALOGUE, ERROR_CONTRACT)}


class Grader:
    """Gives a verdict for each planned check; never raises, whatever a candidate or the suite does.

    An exception of the suite's own is a verdict, too: `errored`, with the trace (`Verdict.lost`).

    Prerequisites are judged on demand, so a verdict does not depend on which other checks were
    selected, on their order, or on how they were spread over processes.
    """

    def __init__(
        self,
        session: Session,
        settings: Settings,
        gaps: Gaps | None = None,
        diagnostician: Diagnostician | None = None,
    ) -> None:
        self.session = session
        self.settings = settings
        self.gaps = gaps
        self._verdicts: dict[str, Verdict] = {}
        self._running: dict[str, bool] = {}
        self._drawn: dict[tuple[str, str | None], list[BoundCase]] = {}
        self._undrawable: dict[tuple[str, str | None], str] = {}
        self._memories: dict[tuple[str, str, str | None], Memory] = {}
        self._given = diagnostician

    @cached_property
    def _diagnostician(self) -> Diagnostician:
        """Made at the first failure: it imports every misreading."""
        from conformance.diagnosis.diagnosing import Diagnostician

        return self._given or Diagnostician()

    @cached_property
    def oracle(self) -> Judge:
        """The oracles, loaded when the first expectation is needed."""
        settings = self.settings
        return Judge(settings.oracle, settings.implementation, self.session.conventions())

    def verdict(self, planned: Planned) -> Verdict:
        """The verdict of one check; a failure that is a known gap is `xfailed`."""
        verdict = self._own_verdict(planned)
        return verdict if self.gaps is None or verdict.lost else self.gaps.applied(verdict)

    def _own_verdict(self, planned: Planned) -> Verdict:
        """The verdict whatever is known: a gap blocks what depends on it like any failure."""
        if planned.id not in self._verdicts:
            self._verdicts[planned.id] = self._guarded(planned)
        return self._verdicts[planned.id]

    def _guarded(self, planned: Planned) -> Verdict:
        """The verdict; where an exception of the suite comes instead, that is the verdict.

        What a candidate raises never gets here: sessions make it part of the observation.
        """
        try:
            return self._judge(planned)
        except OracleUnavailable:
            raise  # the user asked for what cannot be had: no check would be judged
        except Exception as error:
            reason, fault = describe_fault(error)
            return replace(self._verdict(planned, "errored", reason=reason), fault=fault)

    def _judge(self, planned: Planned) -> Verdict:
        for prerequisite in _prerequisites(planned):
            verdict = self._own_verdict(prerequisite)
            if verdict.status == "skipped":
                return self._verdict(planned, "skipped", reason=verdict.reason)
            if _blocks(prerequisite.check, verdict, planned):
                gaps = None if verdict.lost else self.gaps
                known = gaps is not None and gaps.known(prerequisite.id)
                how = "lost to a fault of the suite" if verdict.lost else verdict.status
                reason = f"{verdict.check} {how}{KNOWN_GAP if known else ''}"
                return self._verdict(planned, "blocked", reason=reason)
        if planned.generated:
            return self._judge_generated(planned)
        return self._diagnosed(planned, self._judge_case(planned, planned.bound), planned.bound)

    def _judge_case(self, planned: Planned, bound: BoundCase) -> Verdict:
        """Judge one concrete case; what the candidate printed belongs to what is not a pass."""
        evidence = self._evidence(planned, bound)
        verdict = self._conclude(planned, bound, evidence)
        if verdict.status in ("failed", "errored"):
            return replace(verdict, printed="".join(evidence.printed))
        return verdict

    def _conclude(self, planned: Planned, bound: BoundCase, evidence: Evidence) -> Verdict:
        """From the findings of a check to its verdict."""
        bindings = bound.describe()
        try:
            with np.errstate(all="ignore"):  # what a candidate gives need not be finite
                findings = tuple(planned.check.judge(evidence))
        except Stopped as stopped:
            return self._stopped(planned, stopped.trouble, bound)
        except NoOracle:
            reason = self._no_oracle(planned.spec)
            return self._verdict(planned, "skipped", reason=reason, bindings=bindings)
        except OracleError as error:
            return self._verdict(planned, "errored", reason=f"oracle: {error}", bindings=bindings)
        oracle = ", ".join(sorted(evidence.sources))
        if not findings:
            return self._verdict(planned, "passed", bindings=bindings, oracle=oracle)
        if reason := self._declared(planned, bound):
            return self._verdict(planned, "skipped", reason=reason, bindings=bindings)
        if planned.check.own_derivative and not planned.generated:
            findings = (self._with_own_derivative(planned, findings[0]), *findings[1:])
        return self._verdict(planned, "failed", findings=findings, bindings=bindings, oracle=oracle)

    def _declared(self, planned: Planned, bound: BoundCase) -> str:
        """Why a check is not owed: what the binding declares does not pass it, either."""
        declared = self.oracle.declared
        if not (names := declared.of(planned.spec.name)):
            return ""
        evidence = self._evidence(planned, bound, declared.session, Memory())
        try:
            with np.errstate(all="ignore"):
                passes = not tuple(planned.check.judge(evidence))
        except (Stopped, NoOracle, OracleError):
            passes = False
        return "" if passes else f"not owed under the declared convention {', '.join(names)}"

    def _no_oracle(self, spec: Spec) -> str:
        """Why nobody knows what a layer should show, and what would help."""
        if spec.header.torch is None:
            return f"no oracle knows {spec.name}: its spec names no counterpart in PyTorch"
        if self.settings.oracle == "reference":
            return f"no oracle knows {spec.name}: the references judge bundled specs only"
        return f"no oracle knows {spec.name}: install PyTorch or record it"

    def _judge_generated(self, planned: Planned) -> Verdict:
        """Judge generated cases; the verdict is that of the simplest failure."""
        # Hypothesis is slow to import, and collecting tests must not pay for it.
        from conformance.runner.generated import NoLegalCase, drawn_cases, first_failure

        examples, seed = EXAMPLES[self.settings.profile], self.settings.seed
        key = planned.spec.path, planned.mode
        if key not in self._drawn:
            try:
                self._drawn[key] = drawn_cases(planned.spec, planned.mode, examples, seed)
            except NoLegalCase as error:
                self._drawn[key] = []
                self._undrawable[key] = f"{planned.spec.path}: {error}"
        if reason := self._undrawable.get(key):
            return self._verdict(planned, "errored", reason=reason)
        found = first_failure(
            planned,
            self._drawn[key],
            examples,
            seed,
            lambda bound: self._judge_case(planned, bound),
            shrink=self.gaps is None or self.gaps.known(planned.id) is None,
        )
        if found is not None:
            return self._diagnosed(planned, *found)
        return self._verdict(planned, "passed", bindings=f"{len(self._drawn[key])} generated cases")

    def _diagnosed(self, planned: Planned, verdict: Verdict, bound: BoundCase) -> Verdict:
        """A failure with what it looks like; a known convention has the severity of one."""
        if verdict.status not in ("failed", "errored"):
            return verdict
        evidence = self._evidence(planned, bound)
        try:
            diagnoses = self._diagnostician.diagnose(planned.check, evidence)
            verdict = replace(verdict, script=self._script(planned, evidence, verdict))
        except Exception as error:  # it explains the verdict, which stands without it
            return replace(verdict, fault="\n".join(describe_fault(error)))
        if not any(diagnosis.convention for diagnosis in diagnoses):
            return replace(verdict, diagnoses=diagnoses)
        findings = tuple(replace(f, severity="convention") for f in verdict.findings)
        severity = worst_severity(findings)
        return replace(verdict, diagnoses=diagnoses, findings=findings, severity=severity)

    def _script(self, planned: Planned, evidence: Evidence, verdict: Verdict) -> str:
        """A script for the checks that one forward and backward show, in the native dialect."""
        if not planned.check.scripted or not verdict.findings:
            return ""
        if self.session.dialect(planned.spec.name) != "native":
            return ""
        name, finding = self.settings.implementation, verdict.findings[0]
        return script(name, evidence.programs, planned.dtype, finding)

    def _evidence(
        self,
        planned: Planned,
        bound: BoundCase,
        session: Session | None = None,
        memory: Memory | None = None,
    ) -> Evidence:
        remembered = self._remembered(Programs(bound, planned.mode, self.settings.seed))
        programs = remembered.programs
        assert programs is not None
        return Evidence(
            bound=bound,
            mode=planned.mode,
            tensor=planned.tensor,
            dtype=planned.dtype,
            programs=programs,
            candidate=session or self.session,
            oracle=self.oracle,
            memory=memory or remembered,
        )

    def _remembered(self, programs: Programs) -> Memory:
        """What is known of a case; of those that nobody has asked for the longest, nothing."""
        case = (programs.bound.spec.path, programs.identity, programs.mode)
        # The case in hand goes to the end.
        self._memories[case] = memory = self._memories.pop(case, None) or Memory(programs)
        if len(self._memories) > CASES_IN_MEMORY:
            del self._memories[next(iter(self._memories))]
        return memory

    def _stopped(self, planned: Planned, trouble: Trouble, bound: BoundCase) -> Verdict:
        bindings = bound.describe()
        if trouble.kind == "missing":
            return self._verdict(planned, "skipped", reason=str(trouble))
        if trouble.kind == "raised" and trouble.stage == "forward" and bound.case.optional:
            reason = f"this case is optional, and forward refused it: {trouble}"
            return self._verdict(planned, "skipped", reason=reason, bindings=bindings)
        if self._refuses(planned, trouble, bound):
            settings = format_bindings({n: bound.config[n] for n in _unlike_first(bound)})
            reason = f"{planned.spec.name}() cannot express {settings}: {trouble}"
            return self._verdict(planned, "skipped", reason=reason, bindings=bindings)
        if trouble.kind != "contract":
            calls = {
                "find": "the implementation",
                "build": "the constructor",
                "copy": "copying the layer",
                "set_mode": "train() or eval()",
            }
            call = calls.get(trouble.stage, trouble.stage)
            verb = "raised " if trouble.kind == "raised" else ""
            reason = f"{call} {verb}{trouble}"
            return self._verdict(planned, "errored", reason=reason, bindings=bindings)
        finding = Finding(trouble.tensor or "", "contract", str(trouble))
        return self._verdict(planned, "failed", findings=(finding,), bindings=bindings)

    def _refuses(self, planned: Planned, trouble: Trouble, bound: BoundCase) -> bool:
        """Whether the candidate says that it has no such configuration, where it has the first.

        A constructor may refuse an argument in its own words; an argument of a type that it does
        not know (a pair, None, "same") may fail anywhere before the first output.
        """
        other = _unlike_first(bound)
        if trouble.kind != "raised" or trouble.stage not in ("build", "forward") or not other:
            return False
        kind = trouble.message.partition(":")[0]
        first = bound_case(planned.spec, planned.spec.cases[0].id)
        typed = any(type(bound.config[n]) is not type(first.config[n]) for n in other)
        refused = kind in ("NotImplementedError", "AssertionError", "ValueError")
        if not (
            kind == "NotImplementedError"
            or (refused and trouble.stage == "build")
            or (kind == "TypeError" and typed)
        ):
            return False
        return self._runs_somewhere(planned.spec)

    def _runs_somewhere(self, spec: Spec) -> bool:
        """Whether some case of the spec gets as far as an output."""
        if spec.path not in self._running:
            cases = (bound_case(spec, case.id) for case in spec.cases)
            trials = (Programs(case, case.modes()[0], self.settings.seed).usual() for case in cases)
            records = (record for trial in trials for record in self.session.run(trial).steps)
            self._running[spec.path] = any(record.outputs for record in records)
        return self._running[spec.path]

    def _with_own_derivative(self, planned: Planned, finding: Finding) -> Finding:
        """Say whether the wrong gradient at least is the derivative of the candidate's forward."""
        check = BY_NAME[planned.check.own_derivative]
        if planned.tensor not in check.targets(planned.bound, planned.mode):
            return finding
        own = self._own_verdict(replace(planned, check=check, dtype="float64"))
        words = {
            "passed": "consistent, so forward and backward agree on another function",
            "failed": "inconsistent, so backward is not the derivative of forward",
        }
        if own.status not in words:
            return finding
        note = f"gradient of your own forward: {words[own.status]}"
        return replace(finding, notes=(*finding.notes, note))

    def _verdict(
        self,
        planned: Planned,
        status: Status,
        *,
        findings: tuple[Finding, ...] = (),
        reason: str = "",
        bindings: str = "",
        oracle: str = "",
    ) -> Verdict:
        return planned.verdict(
            status,
            severity=worst_severity(findings),
            findings=findings,
            reason=reason,
            bindings=bindings,
            oracle=oracle,
            rerun=rerun_command(planned, self.settings),
        )


def _unlike_first(bound: BoundCase) -> list[str]:
    """The arguments that are set otherwise than in the spec's first case."""
    first = bound_case(bound.spec, bound.spec.cases[0].id)
    dims = {name for name, argument in bound.spec.config.items() if argument.dim}
    return [
        name
        for name, value in bound.config.items()
        if name not in dims and not _equal(value, first.config[name])
    ]


def _equal(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)


def worst_severity(findings: tuple[Finding, ...]) -> Severity | None:
    """The gravest severity among findings; None if there are none."""
    present = {finding.severity for finding in findings}
    return next((severity for severity in SEVERITIES if severity in present), None)


def rerun_command(planned: Planned, settings: Settings) -> str:
    """The command that runs this check alone; none for an object that no name leads to."""
    if settings.implementation.startswith("<"):
        return ""
    words = ["pytest", f"--impl={shlex.quote(settings.implementation)}", settings.options()]
    return " ".join([*filter(None, words), shlex.quote(planned.id)])


def _prerequisites(planned: Planned) -> Iterator[Planned]:
    """The planned checks that must have passed, on the same case, if they apply to it."""
    bound = planned.bound
    case = planned.case if planned.generated else bound.id
    for name in planned.check.requires:
        check = BY_NAME[name]
        if list(check.targets(bound, planned.mode)):
            yield replace(planned, check=check, tensor="", case=case, dtype="float64")


def _blocks(prerequisite: Check, verdict: Verdict, planned: Planned) -> bool:
    """Whether a prerequisite's verdict makes the check pointless.

    A finding about one gradient (it is missing) blocks the checks of that gradient only.
    """
    if verdict.status == "passed":
        return False
    about = {finding.tensor for finding in verdict.findings}
    if prerequisite.per_gradient and about and all(t.startswith("grad_") for t in about):
        return planned.tensor == "" or f"grad_{planned.tensor}" in about
    return True
