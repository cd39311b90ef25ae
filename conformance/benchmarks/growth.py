"""How the cost of a layer grows with its sizes, and how much memory it takes."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator, Mapping

import numpy as np

from conformance.benchmarks.timed import Timed
from conformance.candidates.implementation import Implementation
from conformance.records.benchmark import Direction
from conformance.spec.bound_case import bind
from conformance.spec.model import Benchmark, Case, Spec, axis_of

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
    for size, stated in spec.benchmark.growth.items():
        cases = list(_smaller(spec.benchmark, size))
        shares = [Timed(implementation, bind(spec, case)) for case in cases]
        exponent = _exponent(shares, direction)
        if exponent > stated + MARGIN:  # once more: other work on the machine may have done it
            exponent = min(exponent, _exponent(shares, direction))
        found[size] = round(exponent, 2)
    return found


def _exponent(shares: list[Timed], direction: Direction) -> float:
    """The slope of log time over log size; the sizes take turns, so a disturbance meets all."""
    rounds = [[_seconds(timed, direction) for timed in shares] for _ in range(1 + ROUNDS)]
    fastest = np.min(rounds[1:], axis=0)  # the first was to warm up
    slope, _ = np.polyfit(-np.log(SHARES), np.log(fastest), 1)
    return float(slope)


def superlinear(spec: Spec, found: Mapping[str, float]) -> tuple[str, ...]:
    """The sizes with which the time grows faster than the spec says."""
    stated = spec.benchmark.growth if spec.benchmark is not None else {}
    return tuple(size for size, exponent in found.items() if exponent > stated[size] + MARGIN)


def _smaller(benchmark: Benchmark, size: str) -> Iterator[Case]:
    """The benchmark's case with a share of one size: ``N``, or ``S[0]`` of several axes."""
    name, axis = axis_of(size)
    for share in SHARES:
        dims = dict(benchmark.dims)
        whole = dims[name]
        if isinstance(whole, list):
            lengths = list(whole)
            lengths[axis or 0] //= share
            dims[name] = lengths
        else:
            dims[name] = whole // share
        yield Case(id="benchmark", dims=dims, config=benchmark.config)


def _seconds(timed: Timed, direction: Direction) -> float:
    given = timed.fresh(direction)
    start = time.perf_counter()
    timed.call(direction, *given)
    return time.perf_counter() - start


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
