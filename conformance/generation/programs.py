"""Programs: the sequences of steps that checks ask for, with values drawn for one bound case."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.generation.data import load_data
from conformance.generation.drawing import class_indices, draw, one_hot, permutation
from conformance.records.trial import (
    Advance,
    Backward,
    ConfigValue,
    Forward,
    Inspect,
    Predict,
    Restore,
    SetMode,
    SetRate,
    Step,
    Train,
    Trial,
    Update,
    ZeroGrad,
)
from conformance.spec.bound_case import DRAWN, BoundCase, bind, bind_entry
from conformance.spec.expressions import ExpressionError
from conformance.spec.model import GENERATED, Parameter, Tensor
from conformance.spec.shapes import parse_shape

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

    @property
    def effective_seed(self) -> int:
        """The seed; but nets start from the same values always: their training is recorded."""
        return 0 if self.bound.spec.net is not None else self.seed

    # --- values -------------------------------------------------------------------------------

    @cached_property
    def identity(self) -> str:
        """What the drawn values depend on, beside the tensor."""
        key = f"{self.effective_seed}/{self.bound.spec.name}/{self.bound.id}"
        if self.bound.id == GENERATED:  # one id, many configurations
            case = self.bound.case
            key += json.dumps([case.config, case.dims, case.values], sort_keys=True)
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
        return self._drawn(self.bound.parameters())

    @cached_property
    def buffers(self) -> Arrays:
        """Values for the buffers that exist in this case."""
        return self._drawn(self.bound.buffers())

    def _drawn(self, shapes: Mapping[str, tuple[int, ...]]) -> Arrays:
        drawn: Arrays = {}
        for name, shape in shapes.items():
            rule = self.bound.rule(name)
            values = self.bound.case.values.get(name, rule.values)
            drawn[name] = draw(values, shape, f"{self.identity}/{name}")
            if self.bound.spec.net is not None and name in self.bound.parameters():
                drawn[name] = _starting_value(drawn[name], rule)
        return drawn

    @cached_property
    def other_parameters(self) -> Arrays:
        """Other values for the parameters: to see whose, or which, are used."""
        return {name: -value for name, value in self.parameters.items()}

    def inputs(self, which: int = 0) -> Arrays:
        """The first, second, … set of inputs."""
        if which not in self._inputs:
            self._inputs[which] = self._drawn_inputs(which)
        return dict(self._inputs[which])

    @cached_property
    def _inputs(self) -> dict[int, Arrays]:
        """Sets of inputs drawn before."""
        return {}

    def _drawn_inputs(self, which: int) -> Arrays:
        drawn: Arrays = {}
        for name, shape in self.bound.inputs().items():
            tensor, key = self.bound.input(name), f"{self.identity}/{name}/{which}"
            axis = self.bound.class_axis(name)
            if tensor.type == "class index":
                assert tensor.below is not None
                drawn[name] = self._classes(tensor, shape, self.bound.bindings[tensor.below], key)
            elif tensor.type == "one-hot":
                assert axis is not None
                rows = (*shape[:axis], *shape[axis + 1 :])
                drawn[name] = one_hot(
                    self._classes(tensor, rows, shape[axis], key), shape[axis], axis
                )
            else:
                drawn[name] = draw(tensor.values, shape, key, axis)
        return drawn

    def _classes(
        self, tensor: Tensor, shape: tuple[int, ...], classes: int, key: str
    ) -> NDArray[np.int64]:
        """Class indices, some of them ignored where the case says which ones are."""
        indices = class_indices(shape, classes, key)
        if tensor.ignored is not None and tensor.ignored in self.bound.case.config:
            ignored = self.bound.config[tensor.ignored]
            if ignored is not None:  # None: no class is ignored
                _ignore_some(indices.reshape(-1), ignored, classes)
        return indices

    @cached_property
    def cotangent(self) -> NDArray[np.float64]:
        """A centred random gradient of the (first) output."""
        shape = next(iter(self.bound.outputs().values()))
        return draw("nonzero", shape, f"{self.identity}/cotangent")

    # --- programs -----------------------------------------------------------------------------

    def trial(self, program: str, *steps: Step) -> Trial:
        """A trial of this case: switch to the mode, then take the steps."""
        first: tuple[Step, ...] = (
            (SetMode(self.mode),) if self.mode in self.bound.spec.modes else ()
        )
        key = "/".join(filter(None, (self.bound.id, self.mode, program)))
        return replace(self._empty, key=key, steps=(*first, *steps))

    @cached_property
    def _empty(self) -> Trial:
        """What all trials of this case have in common."""
        spec = self.bound.spec
        return Trial(
            layer=spec.name,
            kind=spec.kind,
            key="",
            config=self.config,
            parameters=self.parameters,
            buffers=self.buffers,
            inputs=tuple(spec.inputs),
            outputs=tuple(spec.outputs),
            differentiable=tuple(n for n in spec.inputs if self.bound.input(n).differentiable),
            labels=tuple(n for n in spec.inputs if self.bound.input(n).type != "float"),
            modes=tuple(spec.modes),
            steps=(),
            seed=self.effective_seed,
            lr0=0.0 if spec.scheduler is None else spec.scheduler.lr0,
            at_default=self.bound.at_default(),
            required=tuple(n for n, argument in spec.config.items() if argument.required),
            torch=spec.header.torch,
            parts=self.parts(),
        )

    @property
    def start(self) -> int:
        """The index of the first step after the switch of mode."""
        return 1 if self.mode in self.bound.spec.modes else 0

    def usual(self) -> Trial:
        """What the subject is for, whatever its kind; the steps show outputs."""
        match self.bound.spec.kind:
            case "optimizer":
                return self.trajectory()
            case "scheduler":
                return self.schedule()
            case "net":
                return self.training()
        return self.single()

    def single(self) -> Trial:
        """Forward, backward."""
        return self.trial("single", Forward(self.inputs()), Backward(self.cotangent))

    def twice(self) -> Trial:
        """Forward on two different inputs."""
        return self.trial("twice", Forward(self.inputs()), Forward(self.inputs(1)))

    def repeated(self) -> Trial:
        """Forward on the same input twice."""
        return self.trial("repeated", Forward(self.inputs()), Forward(self.inputs()))

    def resized(self, more: int) -> Programs | None:
        """The programs of the same case with so many samples more (or fewer), if that is legal.

        Samples lie along the first axis of inputs and outputs; None where there is no such axis, or
        where something else depends on its size.
        """
        dims = dict(self.bound.case.dims)
        for name in self._first_axes():
            match self.bound.dims[name]:
                case int(count):
                    dims[name] = count + more
                case (count, *others):
                    dims[name] = [count + more, *others]
        if dims == self.bound.case.dims:
            return None
        try:
            bound = bind(self.bound.spec, self.bound.case.model_copy(update={"dims": dims}))
            bound.outputs()
        except ExpressionError:
            return None
        same = all(
            getattr(bound, table)() == getattr(self.bound, table)()
            for table in ("parameters", "buffers")
        )
        empty = any(0 in shape for shape in bound.inputs().values())
        legal = same and not empty and not bound.violated(self.mode)
        return replace(self, bound=bound) if legal and bound.config == self.bound.config else None

    def _first_axes(self) -> set[str]:
        """The dimensions that shapes of inputs and outputs begin with."""
        shapes = [self.bound.input(name).shape for name in self.bound.spec.inputs]
        shapes += [self.bound.output_rule(name).shape for name in self.bound.spec.outputs]
        first = {token.text for shape in shapes for token, _ in parse_shape(shape).tokens[:1]}
        return first & self.bound.dims.keys()

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

    def trajectory(self) -> Trial:
        """An optimizer's steps on the problem of this mode, with gradients zeroed in between."""
        assert self.bound.spec.trajectory is not None
        shapes = self.bound.parameters()
        steps: list[Step] = []
        for number in range(self.bound.spec.trajectory.steps):
            if self.mode == "quadratic":
                bowl = {
                    n: draw("positive", s, f"{self.identity}/bowl/{n}") for n, s in shapes.items()
                }
                steps.append(Update(curvatures=bowl))
            else:
                drawn = {
                    n: draw("nonzero", s, f"{self.identity}/gradient/{n}/{number}")
                    for n, s in shapes.items()
                }
                steps.append(Update(gradients=drawn))
            steps.append(ZeroGrad())
        return self.trial("trajectory", *steps)

    def rate_changed(self, rate: float | None) -> Trial:
        """Two steps of an optimizer, its rate set in between (None: left as it was)."""

        def update(number: int) -> Update:
            shapes, key = self.bound.parameters().items(), f"{self.identity}/rate"
            return Update({n: draw("nonzero", s, f"{key}/{n}/{number}") for n, s in shapes})

        first, second = update(0), update(1)
        if rate is None:
            return self.trial("rate-kept", first, second)
        return self.trial("rate-changed", first, SetRate(rate), second)

    def schedule(self) -> Trial:
        """A scheduler's rate before the first step and after each."""
        assert self.bound.spec.scheduler is not None
        return self.trial("schedule", Advance(0), *[Advance()] * self.bound.spec.scheduler.steps)

    def inspected(self) -> Trial:
        """A look at a container."""
        return self.trial("inspected", Inspect())

    def parts(self) -> dict[str, Trial]:
        """What a container or net is made of; a net also has a "loss" and an "optimizer"."""
        bound = dict(self.bound.parts)
        if self.bound.spec.net is not None:
            bound["loss"] = bind_entry(self.bound.spec.net.loss, self.bound.spec)
            bound["optimizer"] = bind_entry(self.bound.spec.net.optimizer, self.bound.spec)
        seed = self.effective_seed
        return {name: Programs(part, None, seed).trial("part") for name, part in bound.items()}

    def training(self) -> Trial:
        """A net's steps on its data, in order and again from the start; then the rows held back.

        Parameters are shown after the first step and the last: each of them at every step would
        fill the recordings.
        """
        net = self.bound.spec.net
        assert net is not None
        data = load_data(net.data)
        held, rows = self._split()
        x = data.inputs.reshape(-1, *net.image) if net.image else data.inputs
        steps: list[Step] = [SetMode(net.mode)]
        for number in range(net.steps):
            batch = np.take(
                rows, np.arange(number * net.batch, (number + 1) * net.batch), mode="wrap"
            )
            show = number in (0, net.steps - 1)
            steps.append(Train(x[batch], data.targets[batch], show))
        if net.held_back:
            steps += [SetMode("eval"), Predict(x[held])]
        return self.trial("training", *steps)

    def held_back(self) -> NDArray[np.int64]:
        """The classes of the rows held back."""
        net = self.bound.spec.net
        assert net is not None
        return load_data(net.data).targets[self._split()[0]]

    def _split(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The rows of a net's data that are held back, and the others, shuffled."""
        net = self.bound.spec.net
        assert net is not None
        order = permutation(f"{net.data}/order", len(load_data(net.data).targets))
        return order[: net.held_back], order[net.held_back :]

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


def _starting_value(drawn: NDArray[Any], rule: Parameter) -> NDArray[Any]:
    """What a net starts from: scaled weights, and the rest as its spec says, or zero."""
    if drawn.ndim < 2:
        return np.ones_like(drawn) if rule.init == "ones" else np.zeros_like(drawn)
    fan_in = math.prod(drawn.shape[1:])
    # A power of two keeps the values exact in float32.
    return drawn * 2.0 ** -round(math.log2(math.sqrt(fan_in)) + 0.5)
