"""A trial: a program for one subject, and nothing about what should come out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from conformance.records.arrays import Array

Scalar = bool | int | float | str | None
ConfigValue = Scalar | tuple[int, ...] | Array


@dataclass(frozen=True, eq=False)
class Forward:
    """Call forward with these inputs (in the spec's order)."""

    inputs: Mapping[str, Array]
    do: Literal["forward"] = "forward"


@dataclass(frozen=True, eq=False)
class Backward:
    """Call backward with this gradient of the output."""

    cotangent: Array
    do: Literal["backward"] = "backward"


@dataclass(frozen=True, eq=False)
class SetMode:
    """Switch to train or eval."""

    mode: str
    do: Literal["set_mode"] = "set_mode"


@dataclass(frozen=True, eq=False)
class ZeroGrad:
    """Zero the parameter gradients."""

    do: Literal["zero_grad"] = "zero_grad"


@dataclass(frozen=True, eq=False)
class Restore:
    """Put parameters, buffers and random state back as they were, with some parameters replaced."""

    parameters: Mapping[str, Array] = field(default_factory=dict)
    do: Literal["restore"] = "restore"


Step = Annotated[Forward | Backward | SetMode | ZeroGrad | Restore, Field(discriminator="do")]


@dataclass(frozen=True, eq=False)
class Trial:
    """Build a layer with `config`, give it `parameters` and `buffers`, then take `steps`.

    Floating-point arrays are float64 holding values that float32 represents exactly; `dtype` is
    what the candidate gets them in. `key` names the trial within its spec: ``case/mode/program``.
    `at_default` names the arguments whose value in `config` is the default, so that a constructor
    without them still expresses the case; `required` names those without a default. `torch` is the
    dotted path of the PyTorch counterpart, for the implementation that is PyTorch.
    """

    layer: str
    kind: Literal["layer", "loss"]
    key: str
    config: Mapping[str, ConfigValue]
    parameters: Mapping[str, Array]
    buffers: Mapping[str, Array]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    differentiable: tuple[str, ...]
    modes: tuple[str, ...]
    steps: tuple[Step, ...]
    dtype: Literal["float64", "float32"] = "float64"
    seed: int = 0
    at_default: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    torch: str | None = None

    def with_arrays(self, change: Any) -> Trial:
        """The same trial with `change(array)` in place of every floating-point array."""

        def changed(value: Any) -> Any:
            floating = isinstance(value, np.ndarray) and value.dtype.kind == "f"
            return np.asarray(change(value)) if floating else value

        def mapped(table: Mapping[str, Any]) -> dict[str, Any]:
            return {name: changed(value) for name, value in table.items()}

        steps: list[Step] = []
        for step in self.steps:
            match step:
                case Forward(inputs=inputs):
                    steps.append(Forward(mapped(inputs)))
                case Backward(cotangent=cotangent):
                    steps.append(Backward(changed(cotangent)))
                case Restore(parameters=parameters):
                    steps.append(Restore(mapped(parameters)))
                case _:
                    steps.append(step)
        return replace(
            self,
            config=mapped(self.config),
            parameters=mapped(self.parameters),
            buffers=mapped(self.buffers),
            steps=tuple(steps),
        )
