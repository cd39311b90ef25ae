"""What the harness costs: all checks of a layer against the bare calls that they make.

pytest benchmarks/test_overhead.py -s
"""

import time

import pytest

import reference_impls.numpy_reference as reference
from conformance.candidates.loading.paths import load
from conformance.runner.grader import Grader
from conformance.runner.plan import plan
from conformance.runner.settings import Settings
from conformance.sessions.in_process import InProcessSession
from conformance.spec.catalogue import find_spec

# Elementwise and cheap, a matrix product, and one with many cases and large arrays.
LAYERS = ["ReLU", "Linear", "Conv2d"]


class Meter:
    """Counts and times calls, bare, inside of the harness."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.seconds, self.calls = 0.0, 0

    def around(self, method):
        def call(*arguments):
            start = time.process_time()
            try:
                return method(*arguments)
            finally:
                self.seconds += time.process_time() - start
                self.calls += 1

        return call


@pytest.mark.parametrize("name", LAYERS)
def test_overhead_per_check(name, monkeypatch):
    meter, layer = Meter(), getattr(reference, name)
    for method in ("forward", "backward"):
        monkeypatch.setattr(layer, method, meter.around(getattr(layer, method)))
    # The recorded oracle: what PyTorch takes to tell the expected values is not the harness's.
    settings = Settings("reference", oracle="recorded", profile="quick")
    checks = plan(find_spec(name), settings)

    def run():
        meter.reset()
        grader = Grader(InProcessSession(load("reference")), settings)
        start = time.process_time()
        statuses = {grader.verdict(planned).status for planned in checks}
        assert statuses <= {"passed", "skipped"}
        return time.process_time() - start, meter.seconds, meter.calls

    whole, bare, calls = min(run() for _ in range(3))
    each = 1e3 * (whole - bare) / len(checks)
    print(
        f"\n| {name} | {len(checks)} | {calls} | {1e3 * whole / len(checks):.2f} "
        f"| {1e3 * bare / len(checks):.2f} | {each:.2f} |"
    )
    assert each < 5  # milliseconds per check
