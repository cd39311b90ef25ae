"""Checks of a spec that need the whole file: names, shapes, configuration values, cases."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from conformance.spec.bound_case import DRAWN, BoundCase, bind, bound_case, constructor_value
from conformance.spec.expressions import ExpressionError, parse_expression
from conformance.spec.model import GENERATED, Argument, Case, Spec, Tensor, VariadicDim, axis_of
from conformance.spec.problems import Place, Problem, suggestion
from conformance.spec.shapes import MOST_ELEMENTS, parse_shape

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
}


def validate(spec: Spec) -> list[Problem]:
    """Every problem of a well-formed spec file; empty if it can be used."""
    problems = [*_names(spec), *_config(spec), *_references(spec), *_duplicates(spec)]
    problems += _benchmark(spec)
    # Cases are bound only when all names are right: otherwise each case repeats the same mistake.
    problems = problems or [
        problem for place, case in _cases(spec) for problem in _case(spec, place, case)
    ]
    return problems or list(_without_value(spec))


def _benchmark(spec: Spec) -> Iterator[Problem]:
    """Sizes whose growth is stated are sizes that the benchmark has."""
    if spec.benchmark is None:
        return
    dims = spec.benchmark.dims
    for size in spec.benchmark.growth:
        place: Place = ("benchmark", "growth", size)
        name, axis = axis_of(size)
        whole = dims.get(name)
        if whole is None:
            yield place, f"{name} is not in the benchmark's dims{suggestion(name, dims)}"
        elif isinstance(whole, list) and (axis is None or axis >= len(whole)):
            yield place, f"{name} has {len(whole)} axes: write {name}[0] for the first"
        elif isinstance(whole, int) and axis is not None:
            yield place, f"{name} is a number: write {name}"
        elif (length := whole[axis or 0] if isinstance(whole, list) else whole) % 4 or not length:
            yield place, f"a quarter of {length} is no size: the benchmark needs a multiple of 4"


def _cases(spec: Spec) -> Iterator[tuple[Place, Case]]:
    for i, case in enumerate(spec.cases):
        yield ("case", i), case
    if spec.benchmark is not None:
        yield ("benchmark",), spec.benchmark.case


def _names(spec: Spec) -> Iterator[Problem]:
    """Names in expressions and shapes must be defined."""
    known = {name.removeprefix("*"): "a dimension" for name in spec.dims}
    for name in spec.config:
        if name in known:
            yield ("config", name), f"{name} is {known[name]}, too"
        known.setdefault(name, "an argument")
    for name, text in spec.define.items():
        if name in known:
            yield ("define", name), f"{name} is {known[name]}, too"
        yield from _unknown(("define", name), parse_expression(text).names, known)
        known.setdefault(name, "a definition")
    for mode, conditions in spec.require.items():
        if mode != "always" and mode not in spec.modes:
            allowed = ["always", *spec.modes]
            yield ("require", mode), f"is neither 'always' nor a mode{suggestion(mode, allowed)}"
        for i, condition in enumerate(conditions):
            yield from _unknown(("require", mode, i), parse_expression(condition).names, known)
    for place, text in _shapes(spec):
        yield from _unknown(place, parse_shape(text).names, known)
    for place, text in _conditions(spec):
        yield from _unknown(place, parse_expression(text).names, known)
    if spec.scheduler is not None:
        names = parse_expression(spec.scheduler.closed_form).names
        yield from _unknown(("scheduler", "closed_form"), names, [*known, "lr0", "t", "pi"])


def _unknown(place: Place, names: Iterable[str], known: Collection[str]) -> Iterator[Problem]:
    for name in sorted(names):
        if name not in known:
            yield (
                place,
                f"{name} is not a dimension, argument or definition{suggestion(name, known)}",
            )


def _shapes(spec: Spec) -> Iterator[tuple[Place, str]]:
    for place, tensor in _tensors(spec):
        yield place, tensor.shape
    for name in spec.outputs:
        for output in spec.output_shapes(name):
            yield ("outputs", name), output.shape
    for table, entries in (("parameters", spec.parameters), ("buffers", spec.buffers)):
        for name, entry in entries.items():
            yield (table, name, "shape"), entry.shape
    for name, argument in spec.config.items():
        if argument.shape is not None:
            yield ("config", name, "shape"), argument.shape
    for i, contract in enumerate(spec.errors):
        for name, shape in contract.given.inputs.items():
            yield ("errors", i, "given", "inputs", name), shape


def _tensors(spec: Spec) -> Iterator[tuple[Place, Tensor]]:
    """Every form of every input."""
    for name in spec.inputs:
        yield ("inputs", name), spec.input(name)
    for i, case in enumerate(spec.cases):
        for name in case.inputs:
            if name in spec.inputs:
                yield ("case", i, "inputs", name), spec.input(name, case)


def _conditions(spec: Spec) -> Iterator[tuple[Place, str]]:
    for place, tensor in _tensors(spec):
        yield place, tensor.axis
    for name in spec.outputs:
        for output in spec.output_shapes(name):
            if output.when:
                yield ("outputs", name), output.when
    for table, entries in (("parameters", spec.parameters), ("buffers", spec.buffers)):
        for name, entry in entries.items():
            for key, condition in (("when", entry.when), ("init_bound", entry.init_bound)):
                if condition:
                    yield (table, name, key), condition
    for i, relation in enumerate(spec.properties):
        for key, text in (("when", relation.when), ("axis", relation.axis)):
            if text:
                yield ("property", i, key), text
    if spec.benchmark is not None:
        for key in ("flops", "bytes"):
            for direction, text in getattr(spec.benchmark, key).items():
                yield ("benchmark", key, direction), text
    rule = spec.accuracy.reduction
    for name, text in rule.items() if isinstance(rule, dict) else [("", rule)] if rule else []:
        yield ("accuracy", "reduction", *([name] if name else [])), text
    for name, text in spec.accuracy.gain.items():
        yield ("accuracy", "gain", name), text
    for i, contract in enumerate(spec.errors):
        for name, text in contract.given.values.items():
            yield ("errors", i, "given", "values", name), text


def _config(spec: Spec) -> Iterator[Problem]:
    scalar_dims = [name for name in spec.dims if not name.startswith("*")]
    for name, domain in spec.dims.items():
        if name.startswith("*") != isinstance(domain, VariadicDim):
            yield ("dims", name), "a range is for one axis (N), rank and size are for *N"
    for name, argument in spec.config.items():
        place = ("config", name)
        if argument.dim is not None and argument.dim not in scalar_dims:
            yield (
                (*place, "dim"),
                f"{argument.dim} is not a dimension{suggestion(argument.dim, scalar_dims)}",
            )
        if argument.stands_for is not None and argument.stands_for not in spec.config:
            yield (
                (*place, "stands_for"),
                (
                    f"{argument.stands_for} is not an argument"
                    f"{suggestion(argument.stands_for, spec.config)}"
                ),
            )
        values = list(argument.draw or [])
        if "default" in argument.model_fields_set:
            values.append(argument.default)
        for value in values:
            if problem := _wrong_value(argument, value):
                yield place, problem


def _wrong_value(argument: Argument, value: Any) -> str | None:
    """Why `value` does not fit the argument's type, or None if it does."""
    if argument.dim is not None:
        return f"is the size of {argument.dim}: set it under dims"
    if argument.optional and constructor_value(argument, value) is None:
        return None
    if argument.choices and isinstance(value, str) and value not in argument.choices:
        return f"{value!r} is not a choice{suggestion(value, argument.choices)}"
    if any(_fits(kind, value) for kind in argument.kinds):
        return None
    return f"{value!r} is not of type {argument.type}"


def _fits(kind: str, value: Any) -> bool:
    if kind == "pair":
        pair = value if isinstance(value, list) else [value, value]
        return len(pair) == 2 and all(_fits("int", item) for item in pair)
    if kind == "tuple":
        return isinstance(value, list) and all(_fits("float", item) for item in value)
    if kind == "array":
        return value == DRAWN or (
            isinstance(value, list) and all(_fits("float", item) for item in value)
        )
    return isinstance(value, _PYTHON_TYPES[kind]) and (
        kind == "bool" or not isinstance(value, bool)
    )


def _references(spec: Spec) -> Iterator[Problem]:
    """Keys that name an input, parameter, buffer, mode or dimension of the same file."""
    differentiable = [name for name in spec.inputs if spec.input(name).differentiable]
    gradients = [*differentiable, *spec.parameters]
    for i, name in enumerate(spec.gradients.wrt):
        if name not in gradients:
            yield ("gradients", "wrt", i), f"{name} has no gradient{suggestion(name, gradients)}"
    for mode, entry in spec.modes.items():
        if mode not in ("train", "eval"):
            yield ("modes", mode), f"is neither train nor eval{suggestion(mode, ('train', 'eval'))}"
        for name in entry.updates:
            if name not in spec.buffers:
                yield (
                    ("modes", mode, "updates"),
                    f"{name} is not a buffer{suggestion(name, spec.buffers)}",
                )
    independent = spec.gradients.batch_independent
    for mode in independent if isinstance(independent, dict) else ():
        if mode not in spec.modes:
            yield (
                ("gradients", "batch_independent"),
                f"{mode} is not a mode{suggestion(mode, spec.modes)}",
            )
    for place, tensor in _tensors(spec):
        if tensor.type == "class index" and tensor.below not in spec.dims:
            yield place, "a class index needs below = a dimension"
        if tensor.ignored is not None and tensor.ignored not in spec.config:
            yield (
                place,
                f"{tensor.ignored} is not an argument{suggestion(tensor.ignored, spec.config)}",
            )
    rule = spec.accuracy.reduction
    for key, table, allowed in (
        ("reduction", rule if isinstance(rule, dict) else {}, [*spec.outputs, *gradients]),
        ("gain", spec.accuracy.gain, gradients),
    ):
        for name in table:
            if name not in allowed:
                yield ("accuracy", key), f"{name} is not a tensor{suggestion(name, allowed)}"
    for i, relation in enumerate(spec.properties):
        for mode in relation.modes or ():
            if mode not in spec.modes:
                yield (
                    ("property", i, "modes"),
                    f"{mode} is not a mode{suggestion(mode, spec.modes)}",
                )
    for i, contract in enumerate(spec.errors):
        for name in (*contract.given.inputs, *contract.given.values):
            if name not in spec.inputs:
                yield (
                    ("errors", i, "given"),
                    f"{name} is not an input{suggestion(name, spec.inputs)}",
                )
        for name in contract.given.config:
            if name not in spec.config:
                yield (
                    ("errors", i, "given"),
                    f"{name} is not an argument{suggestion(name, spec.config)}",
                )


def _without_value(spec: Spec) -> Iterator[Problem]:
    """Expressions and shapes beside the cases' own that have a value in none of the cases."""
    cases = [bound_case(spec, case.id) for case in spec.cases]
    texts: list[tuple[Place, Callable[[BoundCase], Any]]] = [
        (place, partial(BoundCase.value, text=text)) for place, text in _conditions(spec)
    ]
    for i, contract in enumerate(spec.errors):
        for name, shape in contract.given.inputs.items():
            wrong = partial(BoundCase.shape, text=shape)
            texts.append((("errors", i, "given", "inputs", name), wrong))
    if spec.scheduler is not None:
        rate = parse_expression(spec.scheduler.closed_form)
        texts.append(
            (
                ("scheduler", "closed_form"),
                lambda case: rate({**case.bindings, "lr0": 1.0, "t": 1, "pi": math.pi}),
            )
        )
    for place, value in texts:
        try:
            _first_value(value, cases)
        except ExpressionError as error:
            yield place, str(error)


def _first_value(value: Callable[[BoundCase], Any], cases: list[BoundCase]) -> Any:
    """The value in the first case that has one; the last case's `ExpressionError` otherwise."""
    for case in cases[:-1]:
        with suppress(ExpressionError):
            return value(case)
    return value(cases[-1])


def _duplicates(spec: Spec) -> Iterator[Problem]:
    tables: list[tuple[str, list[str]]] = [
        ("case", [case.id for case in spec.cases]),
        ("misreading", [misreading.id for misreading in spec.misreadings]),
        ("errors", [contract.id for contract in spec.errors]),
    ]
    for table, ids in tables:
        for name, count in Counter(ids).items():
            if count > 1:
                last = len(ids) - 1 - ids[::-1].index(name)
                yield (table, last, "id"), f"{name!r} is used {count} times"
    clashes = set(spec.parameters) & set(spec.buffers) | set(spec.inputs) & set(spec.parameters)
    for name in sorted(clashes):
        yield ("parameters", name), f"{name} names two different tensors"
    if GENERATED in tables[0][1]:
        place = ("case", tables[0][1].index(GENERATED), "id")
        yield place, f"{GENERATED!r} is reserved for cases that no file names"


def _case(spec: Spec, place: Place, case: Case) -> Iterator[Problem]:
    """A case's keys, and whether it is legal, has shapes, and runs in some mode."""
    if wrong_keys := list(_case_keys(spec, place, case)):
        yield from wrong_keys
        return
    try:
        # The benchmark's case is bound for itself; the others are kept for whoever comes next.
        wrong = _illegal(bound_case(spec, case.id) if place[0] == "case" else bind(spec, case))
    except ExpressionError as error:
        wrong = str(error)
    if wrong:
        yield place, f"{case.id}: {wrong}" if place[0] == "case" else wrong


def _case_keys(spec: Spec, place: Place, case: Case) -> Iterator[Problem]:
    for name, value in case.config.items():
        if name not in spec.config:
            yield (
                (*place, "config", name),
                f"{name} is not an argument{suggestion(name, spec.config)}",
            )
        elif problem := _wrong_value(spec.config[name], value):
            yield (*place, "config", name), problem
    dims = {name.removeprefix("*"): domain for name, domain in spec.dims.items()}
    for name, size in case.dims.items():
        if name not in dims:
            yield (*place, "dims", name), f"{name} is not a dimension{suggestion(name, dims)}"
        elif isinstance(size, list) != isinstance(dims[name], VariadicDim):
            yield (*place, "dims", name), "a list of sizes is for *N, a number for N"
        elif any(n < 0 for n in (size if isinstance(size, list) else [size])):
            yield (*place, "dims", name), "a size is not negative"
    for name in case.inputs:
        if name not in spec.inputs:
            yield (
                (*place, "inputs", name),
                f"{name} is not an input{suggestion(name, spec.inputs)}",
            )
    drawn = [*spec.inputs, *spec.parameters, *spec.buffers]
    for name in case.values:
        if name not in drawn:
            yield (*place, "values", name), f"{name} is not drawn{suggestion(name, drawn)}"
    for mode in case.modes or ():
        if mode not in spec.modes:
            yield (*place, "modes"), f"{mode} is not a mode{suggestion(mode, spec.modes)}"


def _illegal(bound: BoundCase) -> str | None:
    """Why a case cannot be used; None if it can. `ExpressionError` if a shape has no value."""
    if always := bound.violated(None):
        return f"violates {always[0]!r} ({bound.describe()})"
    if not bound.modes():
        modes = bound.spec.mode_names(bound.case)
        why = ", ".join(f"{mode} violates {bound.violated(mode)[0]!r}" for mode in modes)
        return f"is legal in no mode: {why} ({bound.describe()})"
    for name in bound.inputs():
        bound.class_axis(name)
    if (size := bound.elements()) > MOST_ELEMENTS:
        return f"is too large: {size:,} elements in all; at most {MOST_ELEMENTS:,} are allowed"
    return None
