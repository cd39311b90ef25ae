"""A case of a spec with every name bound: concrete configuration, dimensions and shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.spec.expressions import (
    ExpressionError,
    Value,
    format_bindings,
    parse_expression,
)
from conformance.spec.model import Argument, Case, Output, Parameter, Spec, VariadicDim
from conformance.spec.shapes import parse_shape

DRAWN = "drawn"  # what a case writes for an array argument that is to be drawn

# Pairwise distinct sizes catch swapped axes; small ones keep finite differences quick.
_TYPICAL_SIZES = (4, 3, 5, 6, 7, 2, 8, 9, 1, 0)


@dataclass(frozen=True)
class BoundCase:
    """One case of a spec, ready to be turned into trials.

    `config` holds constructor arguments as the case gives them (a pair may be one int, an absent
    optional is None, an array still is the word "drawn" or a list); `bindings` holds what
    expressions see (pairs as tuples, None replaced by what it stands for).
    """

    spec: Spec
    case: Case
    dims: Mapping[str, int | tuple[int, ...]]
    config: Mapping[str, Any]
    bindings: Mapping[str, Value]

    @property
    def id(self) -> str:
        """The id of the case."""
        return self.case.id

    def holds(self, condition: str | None) -> bool:
        """Whether a `when` or `require` condition is true here (None always is)."""
        return condition is None or bool(parse_expression(condition)(self.bindings))

    def shape(self, text: str) -> tuple[int, ...]:
        """A shape of the spec in numbers."""
        return parse_shape(text)(self.bindings)

    def inputs(self) -> dict[str, tuple[int, ...]]:
        """The shape of each input."""
        return {name: self.shape(self.spec.input(name).shape) for name in self.spec.inputs}

    def output_rule(self, name: str) -> Output:
        """The alternative that applies for an output."""
        for output in self.spec.output_shapes(name):
            if self.holds(output.when):
                return output
        raise ExpressionError(
            f"no shape of output {name} applies to {format_bindings(self.bindings)}"
        )

    def outputs(self) -> dict[str, tuple[int, ...]]:
        """The shape that each output must have."""
        return {name: self.shape(self.output_rule(name).shape) for name in self.spec.outputs}

    def parameters(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the parameters that exist in this case."""
        return dict(self._existing(self.spec.parameters))

    def buffers(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the buffers that exist in this case."""
        return dict(self._existing(self.spec.buffers))

    def _existing(self, table: Mapping[str, Parameter]) -> Iterator[tuple[str, tuple[int, ...]]]:
        for name, entry in table.items():
            if self.holds(entry.when):
                yield name, self.shape(entry.shape)

    def gradients(self) -> list[str]:
        """Inputs and parameters whose gradient is owed in this case, in the spec's order."""
        existing = {**self.inputs(), **self.parameters()}
        return [name for name in self.spec.gradients.wrt if name in existing]

    def violated(self, mode: str | None) -> list[str]:
        """The requirements of this mode that the case does not meet."""
        conditions = self.spec.require.get("always", []) + self.spec.require.get(mode or "", [])
        return [condition for condition in conditions if not self.holds(condition)]

    def modes(self) -> list[str | None]:
        """The modes in which the case is legal."""
        return [mode for mode in self.spec.mode_names(self.case) if not self.violated(mode)]

    def reduction(self, tensor: str) -> int:
        """How many terms the spec says are summed for this tensor; 0 where it is silent."""
        rule = self.spec.accuracy.reduction
        text = rule.get(tensor) if isinstance(rule, dict) else rule
        return 0 if text is None else int(parse_expression(text)(self.bindings))

    def gain(self, tensor: str) -> float:
        """The largest factor that a cotangent meets on its way to this gradient; 0: not stated."""
        text = self.spec.accuracy.gain.get(tensor)
        return 0.0 if text is None else float(parse_expression(text)(self.bindings))

    def at_default(self) -> tuple[str, ...]:
        """Arguments that have their default value in this case."""
        return tuple(
            name
            for name, argument in self.spec.config.items()
            if not argument.required
            and self.config[name] == constructor_value(argument, argument.default)
        )

    def describe(self) -> str:
        """The bindings as people read them: ``N=4 C=3 stride=2`` (what the case sets, and dims)."""
        explicit = {name: self.config[name] for name in self.config if name in self.case.config}
        return format_bindings({**self.dims, **explicit})


def bind(spec: Spec, case: Case) -> BoundCase:
    """Bind every name of `case`; `ExpressionError` says what cannot be bound."""
    dims = _dims(spec, case)
    config = {name: _argument(argument, name, case, dims) for name, argument in spec.config.items()}
    bindings: dict[str, Value] = dict(dims)
    for name, argument in spec.config.items():
        bindings[name] = _for_expressions(argument, config[name])
    for name, argument in spec.config.items():
        if bindings[name] is None and argument.stands_for is not None:
            bindings[name] = bindings[argument.stands_for]
    for name, text in spec.define.items():
        bindings[name] = parse_expression(text)(bindings)
    return BoundCase(spec, case, dims, config, bindings)


def typical_dims(spec: Spec) -> dict[str, int | tuple[int, ...]]:
    """A size for each dimension, pairwise distinct as far as the ranges allow."""
    chosen: dict[str, int | tuple[int, ...]] = {}
    variadic = [domain for domain in spec.dims.values() if isinstance(domain, VariadicDim)]
    used: set[int | tuple[int, ...]] = {size for domain in variadic for size in domain.typical}
    for name, domain in spec.dims.items():
        if isinstance(domain, VariadicDim):
            chosen[name.removeprefix("*")] = tuple(domain.typical)
            continue
        low, high = bounds(domain)
        legal = [size for size in _TYPICAL_SIZES if low <= size <= high] or [low]
        chosen[name] = next((size for size in legal if size not in used), legal[0])
        used.add(chosen[name])
    return chosen


def bounds(text: str) -> tuple[int, int]:
    """The two ends of a range such as ``1..8``."""
    low, high = text.split("..")
    return int(low), int(high)


def _dims(spec: Spec, case: Case) -> dict[str, int | tuple[int, ...]]:
    dims = typical_dims(spec)
    for name, size in case.dims.items():
        dims[name] = tuple(size) if isinstance(size, list) else size
    return dims


def _argument(argument: Argument, name: str, case: Case, dims: Mapping[str, Any]) -> Any:
    if argument.dim is not None:
        return dims[argument.dim]
    if name in case.config:
        value = case.config[name]
    elif not argument.required:
        value = argument.default
    elif argument.draw:
        value = argument.draw[0]
    else:
        raise ExpressionError(f"config {name} has no default and the case does not give it")
    return constructor_value(argument, value)


def constructor_value(argument: Argument, value: Any) -> Any:
    """What a constructor gets for `value` as TOML writes it: lists become tuples, "none" None."""
    if argument.optional and value == "none":
        return None
    return tuple(value) if isinstance(value, list) else value


def _for_expressions(argument: Argument, value: Any) -> Value:
    if "pair" in argument.kinds and isinstance(value, int):
        return (value, value)
    return value
