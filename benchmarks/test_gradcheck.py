"""Finite differences beside torch.autograd.gradcheck: the same coverage, faster.

pytest benchmarks/test_gradcheck.py -s

All look at every coordinate of every input and parameter, in float64, on one thread, forward and
backward included: gradcheck in its slow mode on PyTorch's layer; `conformance.check_gradients` on
the reference's layer and on PyTorch's; and the suite on the reference's, as in a run (a session,
trials, verdicts). Gradcheck checks a whole Jacobian, the others its product with a random
cotangent; all see any wrong element of a gradient.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from conformance import check_gradients
from conformance.candidates.loading.paths import load
from conformance.checks.differences.own_forward import finite_differences
from conformance.checks.evidence import Evidence, Memory
from conformance.generation.programs import Programs
from conformance.sessions.in_process import InProcessSession
from conformance.spec.bound_case import bind
from conformance.spec.catalogue import find_spec
from conformance.spec.model import GENERATED, Case
from reference_impls import numpy_reference as reference

FASTER = 10

# A case of the suite, the reference's layer, PyTorch's layer, and the shape of its input.
LAYERS = {
    "Linear": (
        {"dims": {"N": [8], "F": 32, "G": 16}},
        lambda: reference.Linear(32, 16, rng=0),
        lambda: nn.Linear(32, 16),
        (8, 32),
    ),
    "Conv2d": (
        {
            "config": {"kernel_size": 3},
            "dims": {"N": [2], "Cin": 3, "Cout": 8, "H": 16, "W": 16},
        },
        lambda: reference.Conv2d(3, 8, 3, rng=0),
        lambda: nn.Conv2d(3, 8, 3),
        (2, 3, 16, 16),
    ),
    "BatchNorm2d": (
        {"dims": {"N": 4, "C": 8, "H": 8, "W": 8}},
        lambda: reference.BatchNorm2d(8),
        lambda: nn.BatchNorm2d(8),
        (4, 8, 8, 8),
    ),
    "MaxPool2d": (
        {"config": {"kernel_size": 2}, "dims": {"N": [2], "C": 3, "H": 16, "W": 16}},
        lambda: reference.MaxPool2d(2),
        lambda: nn.MaxPool2d(2),
        (2, 3, 16, 16),
    ),
}


def suite(layer):
    """A function that checks all gradients of the reference's layer by finite differences."""
    case, *_, shape = LAYERS[layer]
    spec = find_spec(layer)
    bound = bind(spec, Case(id=GENERATED, **case))
    mode = "train" if "train" in spec.modes else None
    session = InProcessSession(load("reference"))
    assert next(iter(bound.inputs().values())) == shape

    def check():
        programs, memory = Programs(bound, mode), Memory()
        for tensor in bound.gradients():
            evidence = Evidence(bound, mode, tensor, "float64", programs, session, None, memory)
            assert not list(finite_differences(evidence))

    return check


def gradcheck(layer):
    """A function that does the same by gradcheck."""
    *_, build, shape = LAYERS[layer]
    torch.manual_seed(0)
    module = build().double().train()
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)

    def check():
        # Gradcheck perturbs the tensors it is given in place, also the parameters.
        assert torch.autograd.gradcheck(
            lambda x, *parameters: module(x), (x, *module.parameters()), fast_mode=False
        )

    return check


def public(layer, of=1):
    """A function that does the same by `check_gradients`, on a layer that is built before."""
    shape = LAYERS[layer][-1]
    torch.manual_seed(0)
    built, x = LAYERS[layer][of](), np.random.default_rng(0).normal(size=shape)

    def check():
        result = check_gradients(built, x)
        assert result.ok
        assert all(tensor.checked == tensor.numerical.size for tensor in result.tensors)

    return check


def module(layer):
    """The same on PyTorch's layer."""
    return public(layer, of=2)


OURS = {"check_gradients": public, "check_gradients, torch.nn": module, "suite": suite}
WAYS = {**OURS, "gradcheck": gradcheck}


def seconds(check):
    """Of the processor, on one thread: what else the machine does makes no difference."""
    start = time.process_time()
    check()
    return time.process_time() - start


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("way", OURS)
def test_it_is_as_fast_as_promised(way, layer, benchmark):
    torch.set_num_threads(1)
    ours, theirs = OURS[way](layer), gradcheck(layer)
    seconds(ours), seconds(theirs)  # what happens once
    pairs = [(min(seconds(ours) for _ in range(5)), seconds(theirs)) for _ in range(3)]
    fast, slow = map(min, zip(*pairs, strict=True))
    times = f"gradcheck {1e3 * slow:.0f} ms, {way} {1e3 * fast:.1f} ms"
    print(f"\n{layer}: {times}: {slow / fast:.1f}×")
    benchmark.extra_info.update(gradcheck=slow, ratio=slow / fast)
    benchmark.pedantic(ours, rounds=5)
    assert slow > FASTER * fast


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("way", OURS)
def test_it_needs_no_more_memory_than_gradcheck(way, layer):
    ours, theirs = growth(way, layer), growth("gradcheck", layer)
    print(f"\n{layer}: gradcheck {theirs / 1024:.1f} MiB, {way} {ours / 1024:.1f} MiB at the peak")
    assert ours <= theirs


def growth(way, layer):
    """KiB by which the memory of a new process grows at the peak."""
    # Every larger array is mapped on its own, so that what is freed is given back and does not
    # hide what comes after it.
    malloc = {"MALLOC_MMAP_THRESHOLD_": "16384", "MALLOC_MMAP_MAX_": "1000000"}
    command = [sys.executable, __file__, way, layer]
    root = str(Path(__file__).parents[1])
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **malloc, "PYTHONPATH": root},
    )
    return int(done.stdout)


def resident(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


if __name__ == "__main__":
    way, layer = sys.argv[1:]
    torch.set_num_threads(1)
    other = "MaxPool2d" if layer == "Linear" else "Linear"
    WAYS[way](other)()  # what is imported and allocated once
    check = WAYS[way](layer)
    # The operating system sees the arrays of NumPy and of PyTorch alike.
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = resident("VmRSS")
    check()
    print(resident("VmHWM") - before)
