"""A case of a spec with every name bound: concrete configuration, dimensions and shapes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from conformance.spec.expressions import (
    ExpressionError,
    Value,
    format_bindings,
    parse_expression,
)
from conformance.spec.model import (
    EXTREME,
    GENERATED,
    GRADIENTLESS,
    ROWS,
    Argument,
    Case,
    LayerEntry,
    Output,
    Parameter,
    Spec,
    Tensor,
    Values,
    VariadicDim,
)
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
        return condition is None or bool(self.value(condition))

    def value(self, text: str) -> Value:
        """An expression of the spec in numbers."""
        return parse_expression(text)(self.bindings)

    def shape(self, text: str) -> tuple[int, ...]:
        """A shape of the spec in numbers."""
        return parse_shape(text)(self.bindings)

    def input(self, name: str) -> Tensor:
        """An input as this case has it."""
        return self._tensors[name]

    # What every check asks of a case is worked out once.
    @cached_property
    def _tensors(self) -> dict[str, Tensor]:
        tensors = {name: self.spec.input(name, self.case) for name in self.spec.inputs}
        for name, values in self.case.values.items():
            if name in tensors:
                tensors[name] = tensors[name].model_copy(update={"values": values})
        return tensors

    def drawn(self) -> set[Values]:
        """The kinds of values that its inputs are drawn as."""
        return {tensor.values for tensor in self._tensors.values()}

    @cached_property
    def extreme(self) -> bool:
        """Whether it is there only to see what becomes of values such as infinities and NaN."""
        return bool(self.drawn() & EXTREME)

    def inputs(self) -> dict[str, tuple[int, ...]]:
        """The shape of each input."""
        return dict(self._input_shapes)

    @cached_property
    def _input_shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: self.shape(tensor.shape) for name, tensor in self._tensors.items()}

    def class_axis(self, name: str) -> int | None:
        """The axis along which the classes of an input stand; None for one without classes."""
        tensor = self.input(name)
        if tensor.type != "one-hot" and tensor.values not in ROWS:
            return None
        axis, rank = self.value(tensor.axis), len(self.shape(tensor.shape))
        if not -rank <= axis < rank:
            raise ExpressionError(f"{name} has {rank} axes, so none is axis {axis}")
        return int(axis) % rank

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
        return dict(self._output_shapes)

    @cached_property
    def _output_shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: self.shape(self.output_rule(name).shape) for name in self.spec.outputs}

    @cached_property
    def parts(self) -> dict[str, BoundCase]:
        """What a container or net is made of, by position ("0", "1", …)."""
        entries = self.spec.net.layers if self.spec.net is not None else self.case.layers
        return {str(number): bind_entry(entry, self.spec) for number, entry in enumerate(entries)}

    def is_random(self, mode: str | None) -> bool:
        """Whether the output is random in this mode."""
        return self.spec.is_random(mode) or any(p.is_random(mode) for p in self.parts.values())

    def rule(self, name: str) -> Parameter:
        """What the spec says of a parameter or buffer."""
        part, _, rest = name.partition(".")
        if part in self.parts:
            return self.parts[part].rule(rest)
        if self.spec.trajectory is not None:
            return Parameter(shape="()", values="nonzero")
        return {**self.spec.parameters, **self.spec.buffers}[name]

    def parameters(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the parameters that exist in this case."""
        return dict(self._parameter_shapes)

    @cached_property
    def _parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        if self.parts:
            return _prefixed({name: part.parameters() for name, part in self.parts.items()})
        if self.spec.trajectory is not None:
            shapes = enumerate(self.spec.trajectory.parameters)
            return {f"param_{i}": self.shape(shape) for i, shape in shapes}
        return dict(self._existing(self.spec.parameters))

    def buffers(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the buffers that exist in this case."""
        if self.parts:
            return _prefixed({name: part.buffers() for name, part in self.parts.items()})
        return dict(self._existing(self.spec.buffers))

    def _existing(self, table: Mapping[str, Parameter]) -> Iterator[tuple[str, tuple[int, ...]]]:
        for name, entry in table.items():
            if self.holds(entry.when):
                yield name, self.shape(entry.shape)

    def elements(self) -> int:
        """How many elements its inputs, outputs, parameters and buffers have in all."""
        tables = (self.inputs(), self.outputs(), self.parameters(), self.buffers())
        return sum(math.prod(shape) for table in tables for shape in table.values())

    def gradients(self) -> list[str]:
        """Inputs and parameters whose gradient is owed in this case, in the spec's order."""
        return list(self._gradients)

    @cached_property
    def _gradients(self) -> list[str]:
        if self.drawn() & GRADIENTLESS:
            return []
        existing = {**self.inputs(), **self.parameters()}
        if self.parts:
            return [*self.spec.gradients.wrt, *self.parameters()]
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
        return 0 if text is None else int(self.value(text))

    def gain(self, tensor: str) -> float:
        """The largest factor that a cotangent meets on its way to this gradient; 0: not stated."""
        text = self.spec.accuracy.gain.get(tensor)
        return 0.0 if text is None else float(self.value(text))

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
        drawn = {name: kind for name, kind in self.case.values.items() if self.case.id == GENERATED}
        return format_bindings({**self.dims, **explicit, **drawn})


def bound_case(spec: Spec, id: str) -> BoundCase:
    """A case of the spec's file, bound once; `ExpressionError` says what cannot be bound."""
    if id not in spec.bound:
        spec.bound[id] = bind(spec, spec.case(id))
    bound: BoundCase = spec.bound[id]
    return bound


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


def bind_entry(entry: LayerEntry, within: Spec) -> BoundCase:
    """Bind one layer of a container or net, a loss or an optimizer: ``{ Linear = [4, 3] }``.

    `within` is the spec of the container or net, which may hold another of its kind. Positional
    arguments stand in the order of the layer's spec. Raises `ExpressionError`.
    """
    # Specs are found by the module that loads them, which needs this one.
    from conformance.spec.catalogue import find_spec

    if isinstance(entry, str):
        entry = {entry: []}
    if len(entry) != 1:
        raise ExpressionError(f"{entry!r} is not one layer")
    [(name, given)] = entry.items()
    try:
        spec = within if name == within.name else find_spec(name)
    except KeyError as error:
        raise ExpressionError(error.args[0]) from None
    if spec.kind == "container":
        if not isinstance(given, list):
            raise ExpressionError(f"{name} holds a list of layers, not {given!r}")
        return bind(spec, Case.model_construct(id="part", layers=given))
    if isinstance(given, list):
        if len(given) > len(spec.config):
            raise ExpressionError(f"{name} takes {len(spec.config)} arguments, not {len(given)}")
        given = dict(zip(spec.config, given, strict=False))
    if unknown := [argument for argument in given if argument not in spec.config]:
        raise ExpressionError(f"{name} has no argument {', '.join(unknown)}")
    dims = {dim: value for n, value in given.items() if (dim := spec.config[n].dim)}
    config = {n: value for n, value in given.items() if not spec.config[n].dim}
    return bind(spec, Case.model_construct(id="part", dims=dims, config=config))


def _prefixed(tables: Mapping[str, Mapping[str, tuple[int, ...]]]) -> dict[str, tuple[int, ...]]:
    return {f"{part}.{n}": shape for part, table in tables.items() for n, shape in table.items()}


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
