"""`--benchmark-only`: what is timed, what is not, and what the report says of it."""

import gc
import json
import subprocess
import sys

import pytest

pytest.importorskip("pytest_benchmark")

RELU = """
import numpy as np

class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return FORWARD

    def backward(self, dy):
        return BACKWARD
"""
RIGHT = {"FORWARD": "x * self.mask", "BACKWARD": "dy * self.mask"}


def relu(**changes):
    source = RELU
    for name, code in {**RIGHT, **changes}.items():
        source = source.replace(name, code)
    return source


@pytest.fixture
def timed(pytester, monkeypatch):
    """Benchmark a ReLU of this source; small sizes, so that nothing takes long."""
    from conformance.spec.catalogue import find_spec

    spec = find_spec("ReLU")
    small = spec.benchmark.model_copy(update={"dims": {"S": [64, 8, 8, 8]}})
    monkeypatch.setitem(spec.__dict__, "benchmark", small)

    def run(source, *options):
        pytester.makepyfile(lab=source)
        return pytester.runpytest(
            "--impl=lab.py",
            "--conformance-layers=ReLU",
            "--conformance-oracle=recorded",
            "--benchmark-only",
            "--conformance-report=out",
            *options,
        )

    return run


def report(pytester):
    return json.loads((pytester.path / "out" / "report.json").read_text())


def test_the_candidate_stands_beside_the_reference_and_pytorch(pytester, timed):
    pytest.importorskip("torch")
    result = timed(relu())
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*ReLU*forward*GB/s*"])
    timings = report(pytester)["timings"]
    assert {(t["direction"], t["implementation"]) for t in timings} == {
        (direction, name)
        for direction in ("forward", "backward")
        for name in ("candidate", "reference", "torch")
    }
    ours = next(t for t in timings if t["implementation"] == "candidate")
    assert ours["fastest"] > 0
    assert ours["rounds"] >= 5
    assert ours["gbytes"] == pytest.approx(8 * 2**15 / ours["fastest"] / 1e9, rel=0.01, abs=1e-3)
    assert ours["peak"] >= 2**17 / 2**20  # the output in float32
    assert list(ours["growth"]) == ["S[0]"]


def test_a_wrong_layer_is_not_timed(pytester, timed):
    result = timed(relu(BACKWARD="2 * dy * self.mask"))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["ReLU (candidate): blocked: incorrect: *"])
    assert [u["implementation"] for u in report(pytester)["untimed"]] == ["candidate"]
    assert "candidate" not in {t["implementation"] for t in report(pytester)["timings"]}


@pytest.mark.parametrize(
    ("wrong", "tensor"),
    [
        ({"FORWARD": "x * self.mask * (1 if len(x) < 64 else 1.01)"}, "output"),
        ({"BACKWARD": "dy * self.mask * (1 if len(dy) < 64 else 1.01)"}, "grad_input"),
    ],
)
def test_a_layer_that_is_wrong_at_large_sizes_only(pytester, timed, wrong, tensor):
    result = timed(relu(**wrong))
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*ReLU at S=(64, 8, 8, 8): wrong {tensor}*"])
    assert any(f"wrong {tensor}" in u["reason"] for u in report(pytester)["untimed"])
    directions = [t["direction"] for t in report(pytester)["timings"] if "cand" in str(t)]
    assert directions == (["backward"] if tensor == "output" else ["forward"])


def test_a_layer_that_raises_at_large_sizes_is_one_message(pytester, timed):
    result = timed(relu(FORWARD="x * self.mask if len(x) < 64 else 1 / 0"))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*ReLU at S=(64, 8, 8, 8): forward raised ZeroDivisionError*"])
    assert "running.py" not in result.stdout.str()


def test_a_quadratic_layer_is_flagged_and_is_still_right(pytester, timed):
    """The time of work as the square of the number of samples, and the right result."""
    slow = "[x * self.mask, [sum(range(400)) for _ in range(len(x) ** 2 // 2)]][0]"
    result = timed(relu(FORWARD=slow))
    assert result.ret == 0
    result.stdout.fnmatch_lines(["ReLU forward grows with S[[]0[]] to the power *more than*"])
    flagged = {t["direction"]: t["superlinear"] for t in report(pytester)["timings"] if t["growth"]}
    assert flagged == {"forward": ["S[0]"], "backward": []}


# pytest-benchmark opens the file whenever options are parsed, and closes it once.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_options_of_pytest_benchmark_work_as_usual(pytester, timed):
    assert timed(relu(), "--benchmark-json=times.json", "--benchmark-save=one").ret == 0
    times = json.loads((pytester.path / "times.json").read_text())["benchmarks"]
    assert {t["group"] for t in times} == {"ReLU forward", "ReLU backward"}
    assert times[0]["extra_info"] == {
        "layer": "ReLU",
        "direction": "forward",
        "implementation": "candidate",
    }
    again = timed(relu(), "--benchmark-compare", "--benchmark-columns=min")
    again.stdout.fnmatch_lines(["*benchmark_forward[[]candidate[]] (0001_one)*"])
    gc.collect()  # the open ones are not found in another test


def test_histograms(pytester, timed):
    pytest.importorskip("pygal")
    pytest.importorskip("pygaljs")
    assert timed(relu(), "--benchmark-histogram=plot").ret == 0
    assert list(pytester.path.glob("plot*.svg"))


def test_a_spec_without_sizes_is_not_a_success(pytester):
    result = pytester.runpytest(
        "--impl=reference", "--benchmark-only", "--conformance-layers=SGD", "-q"
    )
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["nothing was timed: none of the chosen specs has a [[]benchmark[]] table"]
    )


def test_several_processes_are_refused(pytester):
    pytest.importorskip("xdist")
    result = pytester.runpytest_subprocess("--impl=reference", "--benchmark-only", "-n", "2")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: --benchmark-only: *leave out -n"])


def test_without_pytest_benchmark(tmp_path):
    code = """
import importlib.util, sys
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "pytest_benchmark" else find_spec(name)
import pytest
sys.exit(pytest.main(["--impl=reference", "--benchmark-only", "-p", "no:benchmark"]))
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 4
    assert "Install the extra `benchmark`: pip install -e '.[benchmark]' in a clone" in done.stderr
    assert "Traceback" not in done.stderr
