"""A layer as its spec describes it, at sizes that tell its axes apart.

Detection builds each candidate once with these: a weight of shape (5, 3) is (out, in), one of
(3, 5) is (in, out), where a square one could be either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from conformance.candidates.dialect import AnyArray
from conformance.records.trial import Trial
from conformance.spec.bound_case import BoundCase, bind, bounds
from conformance.spec.catalogue import find_spec
from conformance.spec.expressions import ExpressionError
from conformance.spec.model import Spec, VariadicDim

_SIZES = (5, 4, 6, 7, 3, 2, 8)


@dataclass(frozen=True, eq=False)
class Probe:
    """What detection knows of a layer.

    `trial` builds it; `shapes` are those of parameters and buffers, `inputs` zeros and fractions to
    call it with. `conditions` names the tensors that a boolean argument switches on and off, `dims`
    the arguments that are sizes of the input (``in_features``).
    """

    trial: Trial
    shapes: Mapping[str, tuple[int, ...]]
    inputs: tuple[AnyArray, ...] = ()
    output: tuple[int, ...] | None = None
    conditions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dims: tuple[str, ...] = ()

    @property
    def layer(self) -> str:
        """The name of the spec."""
        return self.trial.layer

    @property
    def kind(self) -> str:
        """Layer, loss, container, optimizer, scheduler."""
        return self.trial.kind

    def with_config(self, **config: Any) -> Probe:
        """The same with other arguments, and without the tensors that they switch off."""
        off = {name for key, names in self.conditions.items() if config.get(key) is False
               for name in names}  # fmt: skip
        trial = replace(
            self.trial,
            config={**self.trial.config, **config},
            parameters={n: v for n, v in self.trial.parameters.items() if n not in off},
            buffers={n: v for n, v in self.trial.buffers.items() if n not in off},
        )
        shapes = {name: shape for name, shape in self.shapes.items() if name not in off}
        return replace(self, trial=trial, shapes=shapes)


def probe_for(trial: Trial) -> Probe:
    """The probe of a trial's layer: from its bundled spec, else from the trial itself."""
    probe = bundled_probe(trial.layer)
    if probe is not None and set(probe.trial.config) == set(trial.config):
        return probe
    shapes = {n: v.shape for n, v in {**trial.parameters, **trial.buffers}.items()}
    return Probe(replace(trial, steps=(), dtype="float64"), shapes)


@lru_cache(maxsize=256)
def bundled_probe(layer: str) -> Probe | None:
    """The probe of a bundled spec."""
    try:
        spec = find_spec(layer)
    except KeyError:
        return None
    if spec.name != layer:
        return None
    return _probe(spec)


def _probe(spec: Spec) -> Probe:
    bound = _distinct(spec)
    config: dict[str, Any] = {
        name: None if isinstance(value, str) and value == "drawn" else value
        for name, value in bound.config.items()
    }
    if spec.kind in ("container", "net"):
        parameters: dict[str, AnyArray] = {}
        buffers: dict[str, AnyArray] = {}
    else:
        parameters = {name: np.zeros(shape) for name, shape in bound.parameters().items()}
        buffers = {name: np.zeros(shape) for name, shape in bound.buffers().items()}
    trial = Trial(
        layer=spec.name,
        kind=spec.kind,
        key="probe",
        config=config,
        parameters=parameters,
        buffers=buffers,
        inputs=tuple(spec.inputs),
        outputs=tuple(spec.outputs),
        differentiable=tuple(n for n in spec.inputs if bound.input(n).differentiable),
        modes=tuple(spec.modes),
        steps=(),
        lr0=0.0 if spec.scheduler is None else spec.scheduler.lr0,
        labels=tuple(n for n in spec.inputs if bound.input(n).type != "float"),
        at_default=bound.at_default(),
        required=tuple(n for n, argument in spec.config.items() if argument.required),
        torch=spec.header.torch,
    )
    conditions: dict[str, tuple[str, ...]] = {}
    for name, rule in {**spec.parameters, **spec.buffers}.items():
        if rule.when is not None and rule.when in spec.config:
            conditions[rule.when] = (*conditions.get(rule.when, ()), name)
    inputs: tuple[AnyArray, ...] = ()
    output: tuple[int, ...] | None = None
    if spec.kind in ("layer", "loss"):
        inputs = tuple(_values(bound, name) for name in spec.inputs)
        output = next(iter(bound.outputs().values()))
    return Probe(
        trial,
        {name: array.shape for name, array in {**parameters, **buffers}.items()},
        inputs,
        output,
        conditions,
        tuple(name for name, argument in spec.config.items() if argument.dim),
    )


def _distinct(spec: Spec) -> BoundCase:
    """The first case with sizes that differ from each other and from the arguments."""
    first = spec.cases[0]
    plain = bind(spec, first)
    used = {v for v in plain.config.values() if isinstance(v, int) and not isinstance(v, bool)}
    used -= {plain.config[name] for name, argument in spec.config.items() if argument.dim}
    for size in plain.dims.values():
        used |= set(size) if isinstance(size, tuple) else set()
    dims = dict(first.dims)
    for name, domain in spec.dims.items():
        if isinstance(domain, VariadicDim) or name in dims:
            continue
        low, high = bounds(domain)
        free = [size for size in _SIZES if low <= size <= high and size not in used]
        if free:
            dims[name] = free[0]
            used.add(free[0])
    try:
        bound = bind(spec, first.model_copy(update={"dims": dims}))
    except ExpressionError:
        return plain
    return bound if bound.modes() == plain.modes() else plain


def _values(bound: BoundCase, name: str) -> AnyArray:
    """Something to call a layer with: positive numbers, different everywhere; or class 0."""
    shape, tensor = bound.inputs()[name], bound.input(name)
    if tensor.type == "class index":
        return np.zeros(shape, np.int64)
    count = int(np.prod(shape))
    # 0.61… keeps neighbours apart, so that a reduction along the wrong axis cannot hide.
    values: AnyArray = 0.1 + 0.8 * np.modf(np.arange(1, count + 1) * 0.6180339887)[0]
    return values.reshape(shape)
