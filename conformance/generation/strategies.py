"""Hypothesis strategies for cases, derived from the domains that a spec states."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from conformance.spec.bound_case import BoundCase, bind, bounds
from conformance.spec.expressions import ExpressionError
from conformance.spec.model import GENERATED, Argument, Case, Spec, Values, VariadicDim
from conformance.spec.shapes import MOST_ELEMENTS

# Values that say something about every configuration: not so extreme that rounding is all there is.
# (Alone in its tensor, a `large` one may have a sigmoid of 1e-90, which (1 + tanh(x/2))/2 rounds to
# 0; named cases have it among others.)
ORDINARY: frozenset[Values] = frozenset({"normal", "nonzero", "distinct", "negative", "positive"})


def bound_cases(spec: Spec, mode: str | None) -> SearchStrategy[BoundCase]:
    """Legal cases of a spec in a mode, with the id "generated"; shrinks to small ones."""
    legal = _cases(spec).filter(lambda bound: bound is not None and not bound.violated(mode))
    return cast(SearchStrategy[BoundCase], legal)


@st.composite
def _cases(draw: DrawFn, spec: Spec) -> BoundCase | None:
    dims = {name.removeprefix("*"): draw(_sizes(domain)) for name, domain in spec.dims.items()}
    config = {
        name: draw(st.sampled_from(values))
        for name, argument in spec.config.items()
        if (values := _values(argument))
    }
    drawn: dict[str, Values] = {}
    for name in spec.inputs:
        kinds = _kinds_of_values(spec, name)
        if len(kinds) > 1:
            drawn[name] = draw(st.sampled_from(kinds))
    try:
        bound = bind(spec, Case(id=GENERATED, dims=dims, config=config, values=drawn))
        # A case whose shapes have no value (a kernel larger than its input) is not legal either.
        too_large = bound.elements() > MOST_ELEMENTS
        return None if too_large or bound.violated(None) else bound
    except ExpressionError:
        return None


def _kinds_of_values(spec: Spec, name: str) -> list[Values]:
    """How an input is drawn: as the spec says, and as its ordinary cases have it."""
    usual = spec.input(name, spec.cases[0]).values
    others = [c.values[name] for c in spec.cases if name in c.values and c.tier == "core"]
    return list(dict.fromkeys([usual, *(kind for kind in others if kind in ORDINARY)]))


def _sizes(domain: str | VariadicDim) -> SearchStrategy[Any]:
    if isinstance(domain, VariadicDim):
        low, high = bounds(domain.rank)
        return st.lists(_sizes(domain.size), min_size=low, max_size=high)
    low, high = bounds(domain)
    return st.integers(low, high)


def _values(argument: Argument) -> list[Any]:
    """The values that an argument may take; the simplest first, because shrinking goes there."""
    if argument.draw is not None:
        return argument.draw
    if argument.kinds == ("bool",):
        return [False, True]
    return list(argument.choices or [])
