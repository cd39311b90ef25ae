"""Named cases that prove nothing: a layer that does no work would pass them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from conformance.checks.evidence import Expects
from conformance.generation.programs import Programs
from conformance.numerics.comparison import compare
from conformance.numerics.tolerance import Expected
from conformance.oracles.choice import Judge
from conformance.oracles.oracle import OracleError
from conformance.spec.bound_case import BoundCase, bind
from conformance.spec.model import Spec, Trivial

Steps = tuple[Mapping[str, Expected], Mapping[str, Expected]]  # of forward and of backward

WORDS: Mapping[Trivial, str] = {
    "zeros": "zeros",
    "input": "the unchanged input",
    "constant": "the same number everywhere",
}


def lint(spec: Spec, oracle: Expects | None = None) -> list[str]:
    """What is wrong with the cases of a spec; nothing if each of them tells a layer from a fake.

    A fake returns zeros, its unchanged input, or one number everywhere, with the gradients that go
    with it. A case that such a layer would pass, outputs and gradients, in all of its modes, is an
    error unless it says so with `trivial`; so is one that says so and need not. Cases without
    elements and random modes are left out. `oracle` gives the expected values (default: what is
    recorded, else the bundled reference).
    """
    if spec.kind not in ("layer", "loss", "container"):
        return []
    return [*_messages(spec, oracle or Judge("recorded", "naive"))]


def _messages(spec: Spec, oracle: Expects) -> Iterator[str]:
    for number, case in enumerate(spec.cases):
        place = f"{spec.path}:{spec.line('case', number)}: case {case.id}"
        try:
            passing = _passing(bind(spec, case), oracle)
        except OracleError as error:
            yield f"{place}: {error}"
            continue
        if passing is None:
            continue
        for fake in passing - {*case.trivial}:
            yield (
                f"{place}: a layer that returns {WORDS[fake]} passes it: choose inputs that tell "
                f'it from a right one, or say trivial = ["{fake}"] and why in note'
            )
        for fake in {*case.trivial} - passing:
            yield f"{place}: says trivial = {fake!r}, but {WORDS[fake]} would fail: remove it"


def _passing(bound: BoundCase, oracle: Expects) -> set[Trivial] | None:
    """The fakes that pass a case in all modes; None where that cannot be told."""
    empty = any(0 in shape for shape in bound.inputs().values())
    if empty or any(bound.is_random(mode) for mode in bound.modes()):
        return None
    passing: set[Trivial] = {*WORDS}
    for mode in bound.modes():
        programs = Programs(bound, mode)
        expectation = oracle.expect(bound, programs.single())
        if expectation is None:
            return None
        forward, backward = expectation.steps[programs.start :][:2]
        passing &= _fakes(programs, (forward, backward))
    return passing - {"constant"} if "zeros" in passing else passing


def _fakes(programs: Programs, expected: Steps) -> set[Trivial]:
    """The fakes that pass in one mode."""
    forward, backward = expected
    outputs = [forward[name] for name in programs.bound.spec.outputs]
    owed = {f"grad_{name}" for name in programs.bound.gradients()}
    flat = all(_allows(backward[name], np.zeros(())) for name in owed)
    found: set[Trivial] = set()
    if flat and all(_allows(output, np.zeros(())) for output in outputs):
        found.add("zeros")
    if flat and all(_allows_one_number(output) for output in outputs):
        found.add("constant")
    [output, *more], [name, *_] = outputs, programs.bound.spec.inputs
    returned = {f"grad_{name}": programs.cotangent}
    if (
        not more
        and _allows(output, programs.inputs()[name])
        and all(_allows(backward[n], returned.get(n, np.zeros(()))) for n in owed)
    ):
        found.add("input")
    return found


def _allows(expected: Expected, given: np.ndarray) -> bool:
    """Whether a check would let this array pass; one without axes stands for any shape."""
    wanted = expected.value
    shown = given if given.ndim else np.broadcast_to(given, wanted.shape)
    return compare("", shown, wanted, expected.allowed("float64")) is None


def _allows_one_number(expected: Expected) -> bool:
    """Whether a check would let the same number pass for every element."""
    value, allowed = expected.value, expected.allowed("float64")
    return bool((value - allowed).max() <= (value + allowed).min())
