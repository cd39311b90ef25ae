"""Reports made by hand: small, and with what a writer could get wrong."""

from conformance.records.report import Environment, Report, summarise, summarise_layer
from conformance.records.verdict import Diagnosis, Finding, Verdict

ENVIRONMENT = Environment("3.11.7", "2.4.6", None, "linux", "0.1", 0, "quick", "full")

SCRIPT = "import numpy as np\nprint(np.zeros(2))"
RERUN = "pytest --impl=lab.py -k forward"


def verdict(
    status: str = "passed", check: str = "forward", case: str = "small", layer: str = "ReLU", **more
) -> Verdict:
    fields = {"group": "forward", "tier": "core", "spec_line": 7} | more
    id = f"specs/{layer.lower()}.toml::{check}[{case}]"
    return Verdict(id, layer, case, check, status=status, **fields)


def failure(message: str = "", **more) -> Verdict:
    """A failure of numbers, or with a message, and with all that helps to find its cause."""
    finding = Finding("output", "wrong", message, (0, 1), 2.0, 3.0, 1, 4, 1.0, (0, 1), 1e-9, 1e9)
    fields = {
        "severity": "wrong",
        "findings": (finding,),
        "diagnoses": (Diagnosis("leaky", "leaks where it should not", "misreading"),),
        "script": SCRIPT,
        "rerun": RERUN,
    } | more
    return verdict("failed", **fields)


def report(*verdicts: Verdict, implementation: str = "lab.py", **more) -> Report:
    by_spec: dict[str, list[Verdict]] = {}
    for each in verdicts:
        by_spec.setdefault(each.id.partition("::")[0], []).append(each)
    layers = tuple(
        summarise_layer(members[0].layer, "activations", spec, members)
        for spec, members in by_spec.items()
    )
    fields = {"oracle": "recorded torch", "environment": ENVIRONMENT} | more
    return Report(
        implementation,
        summary=summarise(verdicts),
        layers=layers,
        verdicts=tuple(verdicts),
        **fields,
    )


def many(*statuses: str, **more) -> list[Verdict]:
    """One check on many cases, with these statuses."""
    return [
        failure(case=f"case-{number}", **more)
        if status == "failed"
        else verdict(status, case=f"case-{number}", **more)
        for number, status in enumerate(statuses)
    ]
