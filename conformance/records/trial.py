"""A trial: a program for one subject, and nothing about what should come out of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import AfterValidator, Field

from conformance.records.arrays import Array
from conformance.records.numbers import NonFinite, Number
from conformance.spec.terms import Kind


def _no_number(text: str) -> str:
    if text in get_args(NonFinite):
        raise ValueError("it stands for a number")
    return text


# The three strings that stand for numbers in JSON are read as numbers, not as text.
Text = Annotated[str, AfterValidator(_no_number)]
ConfigValue = bool | int | Text | None | tuple[int | Number, ...] | Array | Number


@dataclass(frozen=True, eq=False)
class Forward:
    """Call forward with these inputs (in the spec's order)."""

    inputs: Mapping[str, Array]
    do: Literal["forward"] = "forward"


@dataclass(frozen=True, eq=False)
class Vary:
    """Call forward once for each value of one input or parameter, each time from the same state.

    `values` has one more axis than the tensor, in front. Parameters, buffers and random state are
    put back before every call. The record holds the outputs of all calls along a new first axis,
    and nothing else.
    """

    inputs: Mapping[str, Array]
    tensor: str
    values: Array
    do: Literal["vary"] = "vary"


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


@dataclass(frozen=True, eq=False)
class Update:
    """Let an optimizer take a step.

    The gradient of each parameter p is given, or that of a quadratic bowl: curvature * p.
    """

    gradients: Mapping[str, Array] = field(default_factory=dict)
    curvatures: Mapping[str, Array] = field(default_factory=dict)
    do: Literal["update"] = "update"


@dataclass(frozen=True, eq=False)
class SetRate:
    """Set an optimizer's learning rate, as a scheduler does between its steps."""

    rate: float
    do: Literal["set_rate"] = "set_rate"


@dataclass(frozen=True, eq=False)
class Advance:
    """Let a scheduler take so many steps (0: only look at the rate)."""

    count: int = 1
    do: Literal["advance"] = "advance"


@dataclass(frozen=True, eq=False)
class Train:
    """One training step of a net: forward, loss, backward, optimizer.

    `show` asks for the parameters, too.
    """

    input: Array
    target: Array
    show: bool = False
    do: Literal["train"] = "train"


@dataclass(frozen=True, eq=False)
class Predict:
    """A net's output, without its loss."""

    input: Array
    do: Literal["predict"] = "predict"


Layout = Literal["contiguous", "fortran", "strided", "reversed", "transposed", "broadcast"]


@dataclass(frozen=True, eq=False)
class Arrange:
    """From here on hand over inputs and cotangents in this memory layout, with the same values."""

    layout: Layout
    do: Literal["arrange"] = "arrange"


@dataclass(frozen=True, eq=False)
class Inspect:
    """Look at a container: its length, what it holds, the order of its parameters."""

    do: Literal["inspect"] = "inspect"


@dataclass(frozen=True, eq=False)
class LookFor:
    """Look whether a layer has arrays of these names; the record's outputs are those found."""

    names: tuple[str, ...]
    do: Literal["look_for"] = "look_for"


@dataclass(frozen=True, eq=False)
class Another:
    """Go on with another subject of the same class.

    It is newly built and given the trial's parameters and buffers, or it is a copy of the one in
    hand, by ``copy.deepcopy`` or through a pickle.
    """

    how: Literal["new", "deepcopy", "pickle"]
    do: Literal["another"] = "another"


@dataclass(frozen=True, eq=False)
class GoBack:
    """Go on with the first subject."""

    do: Literal["go_back"] = "go_back"


@dataclass(frozen=True, eq=False)
class Overwrite:
    """Overwrite in place what the last calls were given, or what they returned, as a caller may.

    Floating-point numbers become NaN, labels 0.
    """

    what: Literal["inputs", "outputs", "input_gradients"]
    do: Literal["overwrite"] = "overwrite"


@dataclass(frozen=True, eq=False)
class ReadOnly:
    """From here on hand over arrays that cannot be written to."""

    do: Literal["read_only"] = "read_only"


@dataclass(frozen=True, eq=False)
class Draw:
    """Draw a number from each global random generator; with a seed, seed them all first."""

    seed: int | None = None
    do: Literal["draw"] = "draw"


Step = Annotated[
    Forward
    | Vary
    | Backward
    | SetMode
    | ZeroGrad
    | Restore
    | Update
    | SetRate
    | Advance
    | Train
    | Predict
    | Arrange
    | Inspect
    | LookFor
    | Another
    | GoBack
    | Overwrite
    | ReadOnly
    | Draw,
    Field(discriminator="do"),
]


Dtype = Literal["float64", "float32", "float16"]


@dataclass(frozen=True, eq=False)
class Trial:
    """Build a layer with `config`, give it `parameters` and `buffers`, then take `steps`.

    Floating-point arrays are float64 holding values that float32 represents exactly; `dtype` is
    what the candidate gets them in. `key` names the trial within its spec: ``case/mode/program``.
    `labels` names the inputs that hold classes, as indices or one-hot. `at_default` names the
    arguments whose value in `config` is the default, so that a constructor without them still
    expresses the case; `required` names those without a default. `torch` is the dotted path of the
    PyTorch counterpart, for the implementation that is PyTorch.
    """

    layer: str
    kind: Kind
    key: str
    config: Mapping[str, ConfigValue]
    parameters: Mapping[str, Array]
    buffers: Mapping[str, Array]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    differentiable: tuple[str, ...]
    modes: tuple[str, ...]
    steps: tuple[Step, ...]
    dtype: Dtype = "float64"
    seed: int = 0
    lr0: float = 0.0
    labels: tuple[str, ...] = ()
    at_default: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    torch: str | None = None
    parts: Mapping[str, Trial] = field(default_factory=dict)

    def content(self) -> bytes:
        """A digest of all that a session is told, whatever the trial is called and its dtype.

        Two trials have the same content if and only if they build, set and run the same.
        """
        digest = hashlib.blake2b(digest_size=16)
        _feed(digest.update, replace(self, key="", dtype="float64"))
        return digest.digest()

    def part(self, name: str) -> Trial:
        """The trial of a part of a container or net: its own share of parameters and buffers."""
        prefix = f"{name}."

        def share(table: Mapping[str, Any]) -> dict[str, Any]:
            return {n.removeprefix(prefix): v for n, v in table.items() if n.startswith(prefix)}

        return replace(
            self.parts[name],
            parameters=share(self.parameters),
            buffers=share(self.buffers),
            dtype=self.dtype,
            seed=self.seed,
        )

    def with_arrays(self, change: Any) -> Trial:
        """The same trial with `change(array)` in place of every floating-point array.

        Labels stay as they are: they name classes, nothing is computed from their values.
        """

        def changed(value: Any) -> Any:
            floating = isinstance(value, np.ndarray) and value.dtype.kind == "f"
            return np.asarray(change(value)) if floating else value

        def mapped(table: Mapping[str, Any]) -> dict[str, Any]:
            return {name: changed(value) for name, value in table.items()}

        steps: list[Step] = []
        for step in self.steps:
            match step:
                case Forward(inputs=inputs):
                    labels = {name: inputs[name] for name in self.labels if name in inputs}
                    steps.append(Forward({**mapped(inputs), **labels}))
                case Vary(inputs=inputs, tensor=tensor, values=values):
                    labels = {name: inputs[name] for name in self.labels if name in inputs}
                    steps.append(Vary({**mapped(inputs), **labels}, tensor, changed(values)))
                case Backward(cotangent=cotangent):
                    steps.append(Backward(changed(cotangent)))
                case Restore(parameters=parameters):
                    steps.append(Restore(mapped(parameters)))
                case Train(input=x, target=target, show=show):
                    steps.append(Train(changed(x), target, show))
                case Predict(input=x):
                    steps.append(Predict(changed(x)))
                case Update(gradients=gradients, curvatures=curvatures):
                    steps.append(Update(mapped(gradients), mapped(curvatures)))
                case _:
                    steps.append(step)
        return replace(
            self,
            config=mapped(self.config),
            parameters=mapped(self.parameters),
            buffers=mapped(self.buffers),
            steps=tuple(steps),
            parts={name: part.with_arrays(change) for name, part in self.parts.items()},
        )


def _feed(update: Callable[[bytes], None], value: Any) -> None:
    """Hand everything within a value to a digest, each part with its type and length."""
    if isinstance(value, np.ndarray | np.generic):
        update(f"{value.dtype.str}{value.shape}".encode())
        update(value.tobytes())
    elif isinstance(value, Mapping):
        update(f"mapping {len(value)}".encode())
        for name, entry in value.items():
            update(f"{name!r}".encode())
            _feed(update, entry)
    elif isinstance(value, tuple | list):
        update(f"sequence {len(value)}".encode())
        for entry in value:
            _feed(update, entry)
    elif is_dataclass(value):
        update(type(value).__name__.encode())
        for entry in fields(value):
            _feed(update, getattr(value, entry.name))
    else:
        update(f"{value!r};".encode())
