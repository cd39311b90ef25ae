"""The reference beside PyTorch, and beside the naive loops: forward plus backward, one thread.

pytest benchmarks/test_reference.py -s
"""

import time

import pytest
import torch
from threadpoolctl import threadpool_limits

from conformance.benchmarks.timed import Timed
from conformance.candidates.loading.paths import load
from conformance.spec.bound_case import bind
from conformance.spec.catalogue import find_spec

LAYERS = [
    "Linear",
    "Conv2d",
    "MaxPool2d",
    "BatchNorm2d",
    "Softmax",
    "LogSoftmax",
    "MSELoss",
    "NLLLoss",
    "NLLLossOnProbabilities",
    "CrossEntropyLoss",
    "CrossEntropyLossOnProbabilities",
]
LIMIT = 2.5
SECONDS = 4  # per layer: enough rounds for the fastest to be undisturbed


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield


def timed(implementation, layer, **dims):
    """A layer at the sizes of its spec's benchmark, or at others."""
    spec = find_spec(layer)
    case = spec.benchmark.case
    return Timed(
        load(implementation), bind(spec, case.model_copy(update={"dims": {**case.dims, **dims}}))
    )


def seconds(layer, direction):
    given = layer.fresh(direction)
    # The processor's time, not the clock's: other work on the machine does not count.
    start = time.process_time()
    layer.call(direction, *given)
    return time.process_time() - start


def fastest(*layers, rounds=None):
    """For each layer the fastest forward and backward of several rounds in which they alternate."""
    best = [{"forward": float("inf"), "backward": float("inf")} for _ in layers]
    start, done = time.perf_counter(), 0
    while done < (rounds or 10) or (rounds is None and time.perf_counter() - start < SECONDS):
        for layer, found in zip(layers, best, strict=True):
            for direction in found:
                found[direction] = min(found[direction], seconds(layer, direction))
        done += 1
    return best


@pytest.mark.parametrize("layer", LAYERS)
def test_the_reference_keeps_up_with_pytorch(layer):
    ours, theirs = fastest(timed("reference", layer), timed("torch", layer))
    ratio = sum(ours.values()) / sum(theirs.values())
    times = " | ".join(
        f"{1e3 * ours[direction]:.2f} | {1e3 * theirs[direction]:.2f}" for direction in ours
    )
    print(f"\n| {layer} | {times} | {ratio:.2f} |")
    assert ratio < LIMIT


def test_the_reference_convolves_fifty_times_faster_than_loops():
    small = {"N": [1], "Cin": 16, "Cout": 16, "H": 16, "W": 16}
    ours = fastest(timed("reference", "Conv2d", **small))[0]
    loops = fastest(timed("naive", "Conv2d", **small), rounds=1)[0]
    times = sum(loops.values()) / sum(ours.values())
    print(f"\nConv2d, 16 channels, 16x16: {times:.0f} times as fast as the loops")
    assert times > 50
