"""Programs: the sequences of steps that checks ask for, with values drawn for one bound case."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.generation.drawing import class_indices, draw
from conformance.records.trial import (
    Backward,
    ConfigValue,
    Forward,
    Restore,
    SetMode,
    Step,
    Trial,
    ZeroGrad,
)
from conformance.spec.binding import DRAWN, BoundCase
from conformance.spec.model import GENERATED, Parameter, Values

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Programs:
    """Trials for one case in one mode.

    Values depend on the seed, the spec, the case and the tensor alone, so every program of a case
    sees the same first input, parameters and cotangent.
    """

    bound: BoundCase
    mode: str | None
    seed: int = 0

    # --- values -------------------------------------------------------------------------------

    @cached_property
    def identity(self) -> str:
        """What the drawn values depend on, beside the tensor."""
        key = f"{self.seed}/{self.bound.spec.name}/{self.bound.id}"
        if self.bound.id == GENERATED:  # one id, many configurations
            key += json.dumps([self.bound.case.config, self.bound.case.dims], sort_keys=True)
        return key

    @cached_property
    def config(self) -> dict[str, ConfigValue]:
        """Constructor arguments, arrays drawn."""
        config: dict[str, ConfigValue] = {}
        for name, value in self.bound.config.items():
            argument = self.bound.spec.config[name]
            if "array" in argument.kinds and value is not None:
                assert argument.shape is not None
                shape = self.bound.shape(argument.shape)
                config[name] = (
                    draw(argument.values, shape, f"{self.identity}/config/{name}")
                    if isinstance(value, str) and value == DRAWN
                    else np.array(value, dtype=np.float64).reshape(shape)
                )
            else:
                config[name] = value
        return config

    @cached_property
    def parameters(self) -> Arrays:
        """Values for the parameters that exist in this case."""
        return self._drawn(self.bound.spec.parameters, self.bound.parameters())

    @cached_property
    def buffers(self) -> Arrays:
        """Values for the buffers that exist in this case."""
        return self._drawn(self.bound.spec.buffers, self.bound.buffers())

    def _drawn(self, table: Mapping[str, Parameter], shapes: Mapping[str, Any]) -> Arrays:
        return {
            name: draw(self.values(name, table[name].values), shape, f"{self.identity}/{name}")
            for name, shape in shapes.items()
        }

    def values(self, name: str, usual: Values) -> Values:
        """How a tensor is drawn in this case."""
        return self.bound.case.values.get(name, usual)

    def inputs(self, which: int = 0) -> Arrays:
        """The first, second, … set of inputs."""
        spec, drawn = self.bound.spec, {}
        for name, shape in self.bound.inputs().items():
            tensor, key = spec.input(name), f"{self.identity}/{name}/{which}"
            if tensor.type == "class index":
                assert tensor.below is not None
                classes = self.bound.bindings[tensor.below]
                drawn[name] = class_indices(shape, classes, key)
                if tensor.ignored is not None and tensor.ignored in self.bound.case.config:
                    _ignore_some(
                        drawn[name].reshape(-1), self.bound.config[tensor.ignored], classes
                    )
            else:
                drawn[name] = draw(self.values(name, tensor.values), shape, key)
        return drawn

    @cached_property
    def cotangent(self) -> NDArray[np.float64]:
        """A centred random gradient of the (first) output."""
        shape = next(iter(self.bound.outputs().values()))
        return draw("nonzero", shape, f"{self.identity}/cotangent")

    # --- programs -----------------------------------------------------------------------------

    def trial(self, program: str, *steps: Step) -> Trial:
        """A trial of this case: switch to the mode, then take the steps."""
        spec = self.bound.spec
        first: tuple[Step, ...] = () if self.mode is None else (SetMode(self.mode),)
        return Trial(
            layer=spec.name,
            kind=spec.kind,
            key="/".join(filter(None, (self.bound.id, self.mode, program))),
            config=self.config,
            parameters=self.parameters,
            buffers=self.buffers,
            inputs=tuple(spec.inputs),
            outputs=tuple(spec.outputs),
            differentiable=tuple(n for n in spec.inputs if spec.input(n).differentiable),
            modes=tuple(spec.modes),
            steps=(*first, *steps),
            seed=self.seed,
            at_default=self.bound.at_default(),
            required=tuple(n for n, argument in spec.config.items() if argument.required),
            torch=spec.header.torch,
        )

    @property
    def start(self) -> int:
        """The index of the first step after the switch of mode."""
        return 0 if self.mode is None else 1

    def single(self) -> Trial:
        """Forward, backward."""
        return self.trial("single", Forward(self.inputs()), Backward(self.cotangent))

    def twice(self) -> Trial:
        """Forward on two different inputs."""
        return self.trial("twice", Forward(self.inputs()), Forward(self.inputs(1)))

    def repeated(self) -> Trial:
        """Forward on the same input twice."""
        return self.trial("repeated", Forward(self.inputs()), Forward(self.inputs()))

    def accumulated(self) -> Trial:
        """Two rounds of forward and backward, zero_grad, a third round."""
        once = (Forward(self.inputs()), Backward(self.cotangent))
        return self.trial("accumulated", *once, *once, ZeroGrad(), *once)

    def mode_switches(self) -> Trial:
        """Forward in this mode, in the other, and in this one again (modes train and eval)."""
        other = "eval" if self.mode == "train" else "train"
        assert self.mode is not None
        return self.trial(
            "modes",
            Forward(self.inputs()),
            SetMode(other),
            Forward(self.inputs(1)),
            SetMode(self.mode),
            Forward(self.inputs()),
        )

    def varied(self, program: str, tensor: str, variations: list[NDArray[Any]]) -> Trial:
        """One forward for each variation of an input or parameter, all from the same state."""
        steps: list[Step] = []
        inputs = self.inputs()
        for variation in variations:
            value = np.asarray(variation)  # arithmetic on arrays without axes gives scalars
            if tensor in inputs:
                if self.buffers:
                    steps.append(Restore())
                steps.append(Forward({**inputs, tensor: value}))
            else:
                steps += [Restore({tensor: value}), Forward(inputs)]
        return self.trial(program, *steps)


def _ignore_some(targets: NDArray[Any], ignored: int, classes: int) -> None:
    """Ignore every fourth target, but never all: their mean would be 0/0."""
    targets[3::4] = ignored
    if targets.size and (targets == ignored).all():
        targets[0] = (ignored + 1) % classes
