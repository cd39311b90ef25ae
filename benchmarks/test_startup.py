"""What it costs to start: processor time beside `python -c "import numpy, pytest"`.

pytest benchmarks/test_startup.py -s

Each command runs in a new process; what it starts is counted, too. Bytecode is cached, as after
the first run of an installation.
"""

import os
import resource
import subprocess
import sys

import pytest

LAB = """
import numpy as np

class Linear:
    def __init__(self, in_features, out_features, bias=True):
        self.weight = np.random.randn(out_features, in_features) * 0.1
        self.grad_weight = np.zeros_like(self.weight)
        self.bias = np.zeros(out_features) if bias else None
        self.grad_bias = np.zeros(out_features) if bias else None

    def forward(self, x):
        self.x = x
        y = x @ self.weight.T
        return y if self.bias is None else y + self.bias

    def backward(self, grad):
        g, x = grad.reshape(-1, grad.shape[-1]), self.x.reshape(-1, self.x.shape[-1])
        self.grad_weight += g.T @ x
        if self.bias is not None:
            self.grad_bias += g.sum(axis=0)
        return grad @ self.weight

    def zero_grad(self):
        self.grad_weight[:] = 0
        if self.bias is not None:
            self.grad_bias[:] = 0
"""

PYTEST = (sys.executable, "-m", "pytest", "-q")
QUICK = "--conformance-profile=quick"

# name: the command, and how many times as much as the imports it may take.
COMMANDS = {
    "conformance --help": ((sys.executable, "-m", "conformance", "--help"), 1.3),
    "one Linear, quick": ((*PYTEST, "--impl=lab.py", QUICK), 11),
    "one Linear": ((*PYTEST, "--impl=lab.py"), 13),
    "collect everything": ((*PYTEST, "--impl=reference", "--collect-only"), 7),
    "Conv2d of the reference": (
        (*PYTEST, "--impl=reference", "--conformance-layers=Conv2d"),
        14,
    ),
}
ROUNDS = 4


def seconds(command, folder):
    """Of the processor, of the command and all that it started."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    (folder / "lab.py").write_text(LAB)
    return folder


@pytest.mark.parametrize("name", COMMANDS)
def test_a_start_costs_few_times_the_imports(name, folder):
    command, limit = COMMANDS[name]
    imports = (sys.executable, "-c", "import numpy, pytest")
    seconds(command, folder)  # compiles what is not compiled yet
    pairs = [(seconds(command, folder), seconds(imports, folder)) for _ in range(ROUNDS)]
    ours, base = map(min, zip(*pairs, strict=True))
    print(f"\n{name}: {ours:.2f} s, {ours / base:.1f} times the imports ({base:.2f} s)")
    assert ours <= limit * base
