"""How the cost of a layer grows with its sizes, and how much memory it takes."""

from __future__ import annotations

import re
import time
import tracemalloc
from collections.abc import Iterator, Mapping

import numpy as np

from conformance.benchmarks.timed import Timed
from conformance.candidates.implementation import Implementation
from conformance.records.benchmark import Direction
from conformance.spec.binding import bind
from conformance.spec.model import Benchmark, Case, Spec

SHARES = (4, 2, 1)  # a quarter, a half, the whole of a size
ROUNDS = 5

# An exponent this much above the stated one is another order of growth, not noise: quadratic
# against linear differs by one.
MARGIN = 0.75


def exponents(
    implementation: Implementation, spec: Spec, direction: Direction
) -> Mapping[str, float]:
    """The exponent by which the time grows with each size whose growth the spec states."""
    assert spec.benchmark is not None
    found = {}
    for size in spec.benchmark.growth:
        cases = list(_smaller(spec.benchmark, size))
        seconds = [_fastest(Timed(implementation, bind(spec, c)), direction) for c in cases]
        slope, _ = np.polyfit(-np.log(SHARES), np.log(seconds), 1)
        found[size] = round(float(slope), 2)
    return found


def superlinear(spec: Spec, found: Mapping[str, float]) -> tuple[str, ...]:
    """The sizes with which the time grows faster than the spec says."""
    stated = spec.benchmark.growth if spec.benchmark is not None else {}
    return tuple(size for size, exponent in found.items() if exponent > stated[size] + MARGIN)


def _smaller(benchmark: Benchmark, size: str) -> Iterator[Case]:
    """The benchmark's case with a share of one size: ``N``, or ``S[0]`` of several axes."""
    match = re.fullmatch(r"(\w+)(?:\[(\d+)\])?", size)
    assert match is not None
    name, axis = match[1], match[2]
    for share in SHARES:
        dims = dict(benchmark.dims)
        whole = dims[name]
        if isinstance(whole, list):
            lengths = list(whole)
            lengths[int(axis or 0)] //= share
            dims[name] = lengths
        else:
            dims[name] = whole // share
        yield Case(id="benchmark", dims=dims, config=benchmark.config)


def _fastest(timed: Timed, direction: Direction) -> float:
    """Seconds of the fastest of a few calls, after one to warm up."""
    seconds = []
    for _ in range(1 + ROUNDS):
        given = timed.fresh(direction)
        start = time.perf_counter()
        timed.call(direction, *given)
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


def peak_memory(timed: Timed, direction: Direction) -> float:
    """MiB that one call takes at its height, beyond what was there before.

    NumPy tells `tracemalloc` of its arrays; PyTorch tells nobody.
    """
    given = timed.fresh(direction)
    tracemalloc.start()
    try:
        timed.call(direction, *given)
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()
