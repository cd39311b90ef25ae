"""A stand-alone script that shows a failure: the candidate, NumPy, and nothing of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.candidates.loading.paths import GROUP
from conformance.generation.programs import Programs
from conformance.records.text import element
from conformance.records.trial import ConfigValue, Trial
from conformance.records.verdict import Finding

# Larger arrays make no script that anybody reads.
MOST = 64


def script(implementation: str, programs: Programs, dtype: str, finding: Finding) -> str:
    """Lines of Python that print the first wrong element and what it should be.

    For layers and losses in the native dialect, and findings about an output or a gradient. Empty
    where there is no such script: arrays are too large, or no name leads to the candidate.
    """
    trial = programs.single()
    if trial.kind not in ("layer", "loss") or finding.index is None:
        return ""
    arrays = [*programs.inputs().values(), *trial.parameters.values(), *trial.buffers.values()]
    if any(array.size > MOST for array in (*arrays, programs.cotangent)):
        return ""
    imports = list(_imports(implementation, trial.layer))
    if not imports:
        return ""
    return "\n".join([*imports, "", *_calls(programs, trial, dtype, finding)]) + "\n"


@cache
def _installed() -> Mapping[str, str]:
    """Where the implementations lie that are installed under a name: the same for every failure."""
    return {point.name: point.value for point in entry_points(group=GROUP)}


def _imports(implementation: str, layer: str) -> Iterator[str]:
    """How to get at the class; nothing where no name leads to it."""
    text = _installed().get(implementation, implementation)
    if text.startswith("<"):
        return
    if text.endswith(".py"):
        path = Path(text)
        if path.parent != Path():
            yield "import sys"
            yield ""
            yield f"sys.path.insert(0, {str(path.parent)!r})"
        text = path.stem
    elif text.endswith(".ipynb"):
        return
    module, _, attribute = text.partition(":")
    yield "import numpy as np"
    if attribute == layer:
        yield f"from {module} import {layer}"
    elif attribute:
        first, *rest = attribute.split(".")
        yield f"from {module} import {first}"
        yield f"{layer} = {'.'.join([first, *rest, layer])}"
    else:
        yield f"from {module} import {layer}"


def _calls(programs: Programs, trial: Trial, dtype: str, finding: Finding) -> Iterator[str]:
    arguments = ", ".join(f"{n}={_value(v, dtype)}" for n, v in trial.config.items())
    yield f"layer = {trial.layer}({arguments})"
    for name, array in {**trial.parameters, **trial.buffers}.items():
        yield f"layer.{name} = {_array(array, dtype)}"
    if programs.mode in trial.modes:
        yield f"layer.{programs.mode}()"
    given = programs.inputs()
    for name, array in given.items():
        yield f"{name} = {_array(array, dtype)}"
    yield f"output = layer.forward({', '.join(given)})"
    place = element("output" if finding.tensor in trial.outputs else "value", finding.index or ())
    if finding.tensor.startswith("grad_"):
        tensor = finding.tensor.removeprefix("grad_")
        yield f"gradient = layer.backward({_array(programs.cotangent, dtype)})"
        owner = "gradient" if tensor in given else f"layer.{finding.tensor}"
        place = element(owner, finding.index or ())
    elif finding.tensor in trial.buffers:
        place = element(f"layer.{finding.tensor}", finding.index or ())
    yield f'print({place}, "should be", {finding.wanted!r})'


def _value(value: ConfigValue, dtype: str) -> str:
    return _array(value, dtype) if isinstance(value, np.ndarray) else repr(value)


def _array(array: NDArray[Any], dtype: str) -> str:
    kind = "" if array.dtype.kind != "f" else f", dtype=np.{dtype}"
    return f"np.array({array.tolist()!r}{kind})"
