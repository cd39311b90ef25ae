"""Options and their mistakes."""

import json

import pytest

from conformance.runner.settings import Settings

QUICK = (
    "--conformance-layers=ReLU",
    "--conformance-profile=quick",
    "--conformance-oracle=recorded",
    "-q",
)


def usage_error(result):
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    return [line for line in result.stderr.lines if line]


def test_a_misspelt_implementation_is_one_message(pytester):
    assert usage_error(pytester.runpytest("--impl=referense")) == [
        "ERROR: --impl=referense: there is no such entry point, module or file "
        "(did you mean reference?)"
    ]


def test_a_missing_file_is_one_message(pytester):
    pytester.makepyfile(layers="")
    assert usage_error(pytester.runpytest("--impl=layer.py")) == [
        "ERROR: --impl=layer.py: there is no such file (did you mean layers.py?)"
    ]


def test_a_missing_attribute_is_one_message(pytester):
    pytester.makepyfile(layers="class Good: pass")
    assert usage_error(pytester.runpytest("--impl=layers:Goood", *QUICK))[-1] == (
        "ERROR: --impl=layers:Goood: layers has no Goood (did you mean Good?)"
    )


def test_a_candidate_whose_import_fails_is_one_message(pytester):
    pytester.makepyfile(broken="import numpy\n\nimport no_such_package\n")
    assert usage_error(pytester.runpytest("--impl=broken.py", *QUICK))[-1] == (
        "ERROR: --impl=broken.py: importing it failed: ModuleNotFoundError: "
        "No module named 'no_such_package' (broken.py:3 in <module>)"
    )


def test_a_candidate_with_a_syntax_error_is_one_message(pytester):
    pytester.makepyfile(broken="def f(:\n    pass\n")
    assert usage_error(pytester.runpytest("--impl=broken.py", *QUICK))[-1] == (
        "ERROR: --impl=broken.py: importing it failed: SyntaxError: invalid syntax (broken.py:1)"
    )


def test_a_candidate_that_exits_on_import_is_one_message(pytester):
    pytester.makepyfile(broken="import sys\nsys.exit(3)\n")
    assert usage_error(pytester.runpytest("--impl=broken.py", *QUICK))[-1] == (
        "ERROR: --impl=broken.py: importing it failed: SystemExit: 3 (broken.py:2 in <module>)"
    )


def test_an_unknown_layer_is_one_message(pytester):
    result = pytester.runpytest("--impl=reference", "--conformance-layers=ReLU,Con2d")
    assert usage_error(result) == [
        "ERROR: --conformance-layers: no spec for 'Con2d' (did you mean Conv2d?)"
    ]


def test_a_seed_is_a_number(pytester):
    result = pytester.runpytest("--impl=reference", "--conformance-seed=abc")
    assert usage_error(result) == ["ERROR: --conformance-seed=abc: must be 0 or a positive integer"]


def test_options_are_ini_keys_too(pytester):
    pytester.makeini(
        """
        [pytest]
        impl = reference
        conformance_layers = ReLU
        conformance_profile = quick
        conformance_tier = core
        conformance_seed = 3
        conformance_oracle = recorded
        conformance_report = out
        """
    )
    result = pytester.runpytest("-q")
    assert result.ret == 0
    assert (pytester.path / "out" / "report.json").exists()


def test_a_bad_ini_value_is_one_message(pytester):
    pytester.makeini("[pytest]\nconformance_tier = hard\n")
    assert usage_error(pytester.runpytest("--impl=reference")) == [
        "ERROR: conformance_tier=hard: choose from core, full, strict"
    ]


def test_tiers_grow(pytester):
    planned = []
    for tier in ("core", "full", "strict"):
        result = pytester.runpytest(
            "--impl=reference", "--collect-only", f"--conformance-tier={tier}", *QUICK
        )
        planned.append(sum("::" in line for line in result.outlines))
    assert 0 < planned[0] < planned[1] < planned[2]


def test_another_seed_is_judged_by_an_implementation_where_torch_is_not_the_oracle(pytester):
    result = pytester.runpytest("--impl=reference", "--conformance-seed=7", *QUICK)
    assert result.ret == 0
    assert result.outlines[-1].endswith("oracle=naive")


NO_TORCH = "import sys\nsys.modules['torch'] = None\n"


def test_a_missing_torch_is_one_message_with_what_to_install(pytester):
    pytester.makeconftest(NO_TORCH)
    assert usage_error(pytester.runpytest_subprocess("--impl=torch", *QUICK)) == [
        "ERROR: --impl=torch: importing it failed: ModuleNotFoundError: "
        "import of torch halted; None in sys.modules",
        "  PyTorch is not installed here. Install the extra `torch`: "
        "pip install -e '.[torch]' in a clone of the suite.",
    ]


def test_an_oracle_that_needs_a_missing_torch_is_one_message(pytester):
    pytester.makeconftest(NO_TORCH)
    result = pytester.runpytest_subprocess("--impl=reference", "--conformance-oracle=torch")
    assert usage_error(result) == [
        "ERROR: --conformance-oracle=torch: PyTorch is not installed here. Install the extra "
        "`torch`: pip install -e '.[torch]' in a clone of the suite; or use "
        "--conformance-oracle=recorded"
    ]


def test_without_torch_the_default_oracle_is_the_recordings(pytester):
    pytester.makeconftest(NO_TORCH)
    result = pytester.runpytest_subprocess(
        "--impl=reference", "--conformance-layers=ReLU", "--conformance-profile=quick", "-q"
    )
    assert result.ret == 0
    assert result.outlines[-1].endswith("oracle=recorded torch 2.13.0")


NOTEBOOK = [
    "import numpy as np\nlayers = {}",
    "layers.update(ReLU=lambda x: np.maximum(x, 0))",
    """
class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return layers["ReLU"](x)
    def backward(self, grad_output):
        return grad_output * self.mask
""",
]


@pytest.mark.parametrize("isolation", ["--conformance-isolate", "--no-conformance-isolate"])
def test_all_cells_of_a_notebook(pytester, isolation):
    cells = [{"cell_type": "code", "source": source} for source in NOTEBOOK]
    pytester.makefile(".ipynb", lab=json.dumps({"cells": cells, "nbformat": 4}))
    common = ("--impl=lab.ipynb", "--conformance-tier=core", isolation, *QUICK)
    result = pytester.runpytest(*common)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*KeyError: 'ReLU' (lab.ipynb[[]cell 3]:5 in forward)"])
    whole = pytester.runpytest(*common, "--conformance-run-all-cells")
    assert whole.ret == 0


def test_rerun_commands_say_that_all_cells_are_run():
    assert Settings("lab.ipynb", run_all_cells=True).options() == "--conformance-run-all-cells"


@pytest.mark.parametrize("given", ["file.txt", "file.txt/below"])
def test_a_report_that_cannot_be_written_is_one_message_before_the_run(pytester, given):
    pytester.path.joinpath("file.txt").touch()
    [line] = usage_error(pytester.runpytest("--impl=reference", f"--conformance-report={given}"))
    assert line.startswith(f"ERROR: --conformance-report={given}: cannot be made a folder: ")
