"""The contract of a layer, for a human."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.checks import CATALOGUE
from conformance.runner.plan import plan
from conformance.runner.settings import EVERYTHING
from conformance.spec.model import Argument, Case, LayerEntry, Misreading, Parameter, Spec


def show_spec(console: Console, spec: Spec) -> None:
    """Print the contract: equation, shapes, config, checks."""
    header = spec.header
    console.print(Text(spec.name, style="bold"), Text(f"  ({spec.kind}, {header.family})"), sep="")
    console.print(f"{header.summary}\n\n  {header.equation}\n", soft_wrap=True)
    console.print(f"source   {header.source}", soft_wrap=True)
    console.print(f"PyTorch  {header.torch or 'has no counterpart'}")
    console.print(f"file     {spec.path}")
    _section(console, "inputs", [(name, spec.input(name).shape) for name in spec.inputs])
    _section(
        console,
        "outputs",
        [
            (name, rule.shape + (f"   where {rule.when}" if rule.when else ""))
            for name in spec.outputs
            for rule in spec.output_shapes(name)
        ],
    )
    _section(console, "config", [(name, _argument(a)) for name, a in spec.config.items()])
    _section(console, "parameters", [(n, _parameter(p)) for n, p in spec.parameters.items()])
    _section(console, "buffers", [(n, _parameter(p)) for n, p in spec.buffers.items()])
    _section(
        console,
        "modes",
        [
            (
                name,
                (mode.uses or "")
                + (f"; updates {', '.join(mode.updates)}" if mode.updates else ""),
            )
            for name, mode in spec.modes.items()
        ],
    )
    _section(console, "require", [(m, "; ".join(c)) for m, c in spec.require.items()])
    _section(console, "training", _training(spec))
    gradients = []
    if spec.gradients.wrt:
        gradients.append(("with respect to", ", ".join(spec.gradients.wrt)))
    if spec.parameters:
        adds = "add up until zero_grad()" if spec.gradients.accumulates else "are overwritten"
        gradients.append(("of parameters", adds))
    if spec.gradients.kinks:
        gradients.append(("kinks", spec.gradients.kinks))
    _section(console, "gradients", gradients)
    _section(console, "must raise", [(c.id, c.raises) for c in spec.errors])
    _section(console, "known misreadings", [(m.id, _misreading(m)) for m in spec.misreadings])
    _section(
        console,
        "cases",
        [(case.id, _case(case)) for case in spec.cases],
    )
    _section(console, "checks", _checks(spec))


def _section(console: Console, title: str, rows: list[tuple[str, str]]) -> None:
    if not rows:
        return
    console.print(f"\n{title}", style="bold")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    for name, text in rows:
        table.add_row(name, text)
    console.print(table)


def _argument(argument: Argument) -> str:
    if argument.dim:
        return f"the size of {argument.dim}"
    parts = [argument.type or ""]
    if argument.choices:
        parts.append("one of " + ", ".join(argument.choices))
    parts.append("required" if argument.required else f"default {argument.default}")
    if argument.stands_for:
        parts.append(f"none means {argument.stands_for}")
    return ", ".join(parts)


def _parameter(parameter: Parameter) -> str:
    parts = [parameter.shape]
    if parameter.when:
        parts.append(f"where {parameter.when}")
    if parameter.init:
        parts.append(f"starts as {parameter.init}")
    return ", ".join(parts)


def _misreading(misreading: Misreading) -> str:
    kind = " (a convention elsewhere)" if misreading.convention else ""
    return f"{misreading.explains}{kind}. Caught by {', '.join(misreading.killed_by)}."


def _training(spec: Spec) -> list[tuple[str, str]]:
    """What an optimizer, scheduler or net is run on."""
    if spec.trajectory is not None:
        shapes = ", ".join(f"({shape.strip('()')})" for shape in spec.trajectory.parameters)
        return [
            ("parameters", f"of shapes {shapes}"),
            ("gradients", " and ".join(spec.trajectory.gradients)),
            ("steps", str(spec.trajectory.steps)),
        ]
    if spec.scheduler is not None:
        return [("lr0", f"{spec.scheduler.lr0:g}"), ("steps", str(spec.scheduler.steps))]
    if spec.net is not None:
        net = spec.net
        rows = [("data", f"{net.data}, in batches of {net.batch}"), ("layers", _layers(net.layers))]
        rows += [("loss", _layers([net.loss])), ("optimizer", _layers([net.optimizer]))]
        rows += [("steps", f"{net.steps}, in {net.mode} mode")]
        if net.accuracy is not None:
            rows.append(("accuracy", f"{net.accuracy:.0%} of {net.held_back} rows held back"))
        return rows
    return []


def _layers(entries: Iterable[LayerEntry]) -> str:
    """``Linear(4, 3), ReLU, Sequential(Tanh)``."""
    words = []
    for entry in entries:
        if isinstance(entry, str):
            words.append(entry)
            continue
        [(name, given)] = entry.items()
        if isinstance(given, dict):
            inner = ", ".join(f"{key}={value}" for key, value in given.items())
        elif any(isinstance(value, str | dict) for value in given):
            inner = _layers(given)
        else:
            inner = ", ".join(map(str, given))
        words.append(f"{name}({inner})")
    return ", ".join(words)


def _case(case: Case) -> str:
    """What a case is there for, or what it sets."""
    return case.note or _layers(case.layers) or _settings(case.config, case.dims)


def _settings(*tables: Mapping[str, object]) -> str:
    return " ".join(f"{name}={value}" for table in tables for name, value in table.items())


def _checks(spec: Spec) -> list[tuple[str, str]]:
    planned = plan(spec, EVERYTHING)
    counts = Counter(p.name for p in planned)
    rows = []
    for check in CATALOGUE:
        names = list(dict.fromkeys(p.name for p in planned if p.check is check))
        if names:
            total = sum(counts[name] for name in names)
            first = check.documentation.split("\n\n")[0].replace("\n", " ")
            rows.append(
                (", ".join(names), f"{check.tier}, {total} case{'s' * (total > 1)}. {first}")
            )
    return rows
