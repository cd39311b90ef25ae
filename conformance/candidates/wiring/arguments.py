"""From a spec's constructor arguments to those of a candidate.

By name, by synonym (`names.ARGUMENTS`), by position where names say nothing and the count agrees,
and as a binding says. What a constructor does not take is left out where the case wants its
default; a case that needs it is one that the implementation does not have.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.candidates.dialect import (
    ContractError,
    NotImplementedHere,
    dtype_of,
    given_arguments,
)
from conformance.candidates.wiring.names import argument_spellings, normalised
from conformance.candidates.wiring.probe import Probe
from conformance.records.trial import Trial
from conformance.spec.expressions import ExpressionError, parse_expression

# What a constructor is given beside the spec's arguments, where it takes it.
_OURS = ("dtype", "rng")


@dataclass(frozen=True)
class Argument:
    """One argument of the candidate's constructor: an expression of the spec's arguments."""

    theirs: str
    expression: str
    how: str

    @property
    def reads(self) -> frozenset[str]:
        """The spec's arguments that it expresses."""
        return parse_expression(self.expression).names


@dataclass(frozen=True)
class Construction:
    """How to call a constructor for any case.

    `always` holds arguments of the spec that the candidate has no word for and one value of: other
    cases are skipped.
    """

    name: str
    arguments: tuple[Argument, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    always: Mapping[str, Any] = field(default_factory=dict)
    sizes: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    takes_any: bool = False
    missing: tuple[str, ...] = ()

    @property
    def expressed(self) -> frozenset[str]:
        """The spec's arguments that reach the constructor."""
        return frozenset().union(*(argument.reads for argument in self.arguments))

    def keywords(self, trial: Trial) -> dict[str, Any]:
        """The keyword arguments for a trial."""
        given = dict(given_arguments(trial))
        self._refuse_what_cannot_be_said(given, trial)
        if self.missing:
            raise ContractError("; ".join(self.missing))
        keywords = {
            argument.theirs: _value(argument.expression, given)
            for argument in self.arguments
            if argument.reads <= given.keys()
        }
        if self.takes_any:
            rest = given.keys() - self.expressed - self.always.keys()
            keywords |= {name: given[name] for name in sorted(rest)}
        ours = {"dtype": dtype_of(trial), "rng": trial.seed}
        keywords |= {name: value for name, value in ours.items() if name in self.takes}
        return {**keywords, **self.fixed}

    def _refuse_what_cannot_be_said(self, given: Mapping[str, Any], trial: Trial) -> None:
        for name, value in self.always.items():
            if name in given and not _same(given[name], value):
                raise NotImplementedHere(f"{self.name}() always has {name} = {_text(value)}")
        if self.takes_any:
            return
        unsaid = [n for n in given if n not in self.expressed and n not in self.always]
        needed = [n for n in unsaid if n not in trial.at_default and n not in self.sizes]
        if required := [name for name in needed if name in trial.required]:
            raise ContractError(
                f"{self.name}() has no argument {', '.join(required)} "
                f"(it takes {', '.join(self.takes) or 'no arguments'})"
            )
        if needed:
            raise NotImplementedHere(f"{self.name}() has no argument {', '.join(needed)}")


def _same(given: Any, value: Any) -> bool:
    """Whether two arguments mean the same: a pair may be one number."""
    if isinstance(given, tuple) and not isinstance(value, list | tuple):
        return all(part == value for part in given)
    return bool(given == (tuple(value) if isinstance(value, list) else value))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _value(expression: str, given: Mapping[str, Any]) -> Any:
    if expression in given:
        return given[expression]
    try:
        return parse_expression(expression)(given)
    except ExpressionError as error:
        raise NotImplementedHere(str(error)) from None


def match_arguments(
    factory: Callable[..., Any],
    probe: Probe,
    name: str,
    *,
    skip: int = 0,
    bound: Mapping[str, str] | None = None,
    fixed: Mapping[str, Any] | None = None,
    always: Mapping[str, Any] | None = None,
) -> Construction:
    """Match a constructor's parameters (without the first `skip`) with the spec's arguments.

    `bound`, `fixed` and `always` are what a binding says.
    """
    fixed, always = dict(fixed or {}), dict(always or {})
    known = parameters_of(factory)
    if known is None:  # Python cannot tell: PyTorch's names are all there is to try
        every = tuple(Argument(n, n, "name") for n in probe.trial.config)
        return Construction(name, every, fixed, always)
    takes = [p for p in known.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)][skip:]
    takes_any = any(p.kind is p.VAR_KEYWORD for p in known.values())
    found = [Argument(theirs, text, "binding") for theirs, text in (bound or {}).items()]
    said = set(always).union(*(argument.reads for argument in found))
    free = {p.name: p for p in takes if p.name not in {*(bound or {}), *fixed, *_OURS}}
    for wanted in probe.trial.config:
        if wanted not in said:
            for argument in _by_name(wanted, free):
                found.append(argument)
                del free[argument.theirs]
                said.add(wanted)
    demanded = [p.name for p in free.values() if p.default is p.empty]
    unsaid = [name for name in probe.trial.required if name not in said]
    missing: tuple[str, ...] = ()
    if demanded and len(demanded) == len(unsaid):
        pairs = zip(demanded, unsaid, strict=True)
        found += [Argument(theirs, wanted, "position") for theirs, wanted in pairs]
        unsaid = []
    elif demanded:
        missing = (
            f"{name}() requires {', '.join(demanded)}, which matches no argument of the spec",
        )
    return Construction(
        name,
        tuple(found),
        fixed,
        always,
        # A layer without an argument for the size of its input takes it from the input.
        tuple(n for n in probe.dims if n in unsaid and not demanded),
        tuple(parameter.name for parameter in takes),
        takes_any,
        missing,
    )


def _by_name(wanted: str, free: Mapping[str, inspect.Parameter]) -> Iterable[Argument]:
    """The candidate's parameters that express an argument: one, or two for a pair of betas."""
    known = argument_spellings(wanted)
    exact = [theirs for theirs in free if theirs == wanted]
    if exact:
        return [Argument(wanted, wanted, "name")]
    order = list(known)
    hits = sorted(
        (order.index(normalised(theirs)), theirs) for theirs in free if normalised(theirs) in known
    )
    whole = [theirs for _, theirs in hits if known[normalised(theirs)] == wanted]
    if whole:
        return [Argument(whole[0], wanted, "synonym")]
    return [Argument(theirs, known[normalised(theirs)], "synonym") for _, theirs in hits]


def parameters_of(factory: Callable[..., Any]) -> dict[str, inspect.Parameter] | None:
    """The named parameters of a constructor; None where Python cannot tell."""
    try:
        return dict(inspect.signature(factory).parameters)
    except (TypeError, ValueError):
        return None


def positional(function: Callable[..., Any]) -> tuple[list[str], int]:
    """The names of the arguments that a call can give by position, and how many it must give."""
    known = parameters_of(function)
    if known is None:
        return [], 0
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    taken = [p for p in known.values() if p.kind in kinds]
    return [p.name for p in taken], sum(p.default is p.empty for p in taken)
