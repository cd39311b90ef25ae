"""Options and their mistakes."""

import json
import shlex
import subprocess
import sys

import pytest

from conformance.candidates.loading.paths import several
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


def broken(result):
    """The message on an implementation that is there and cannot be loaded: a failure, no usage."""
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert not result.stderr.lines
    lines = result.outlines
    assert lines[-1].startswith("conformance: nothing is known about ")
    return lines[lines.index(next(line for line in lines if line.startswith("ERROR: "))) : -1]


def test_a_misspelt_implementation_is_one_message(pytester):
    assert usage_error(pytester.runpytest("--impl=referense")) == [
        "ERROR: --impl=referense: there is no such entry point, module or file "
        "(did you mean reference?)"
    ]


BOTH = [
    "  pytest --impl=labs/a.py --conformance-report=reports/a",
    "  pytest --impl=labs/b.py --conformance-report=reports/b",
    "  conformance compare reports/a reports/b",
]
SEVERAL = "a run grades one implementation, and this names 2; grade each, and put the reports side "


@pytest.fixture
def labs(pytester):
    folder = pytester.mkdir("labs")
    for name in ("a", "b"):
        (folder / f"{name}.py").write_text("import numpy\n")
    return folder


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--impl=labs/a.py", "--impl", "labs/b.py"], "--impl"),
        (["--impl=labs/a.py,labs/b.py"], "--impl=labs/a.py,labs/b.py"),
        (["--impl=labs/*.py"], "--impl=labs/*.py"),
        (["--impl", "labs/a.py", "labs/b.py"], "--impl"),  # what a shell makes of labs/*.py
        (["--impl=labs"], "--impl=labs: this is a folder of files, not a package"),
        (["--impl=labs/"], "--impl=labs/: this is a folder of files, not a package"),
    ],
)
def test_several_implementations_are_one_message_with_what_to_type(pytester, labs, arguments, said):
    assert usage_error(pytester.runpytest(*arguments)) == [
        f"ERROR: {said}: {SEVERAL}by side:",
        *BOTH,
    ]


def test_the_same_names_in_several_folders_get_reports_of_their_own():
    text = several("--impl", ["x/lab.py", "my labs/lab.py"])
    assert text.splitlines()[1:] == [
        "  pytest --impl=x/lab.py --conformance-report=reports/x-lab",
        "  pytest --impl='my labs/lab.py' --conformance-report='reports/my labs-lab'",
        "  conformance compare reports/x-lab 'reports/my labs-lab'",
    ]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("labs/c*.py", "no Python file or notebook fits it"),
        ("labs/a*", "give the name of the file: --impl=labs/a.py"),
        ("one", "this is a folder: give the file in it: --impl=one/lab.py"),
        (
            "empty",
            "this folder has no Python file and no notebook in it, and is no package (it has no "
            "__init__.py)",
        ),
        ("src/mine", "this folder is a package: give its name: PYTHONPATH=src pytest --impl=mine"),
        ("package/", "this folder is a package: give its name: pytest --impl=package"),
    ],
)
def test_a_pattern_or_a_folder_is_one_message_with_what_to_type(pytester, labs, given, why):
    for name in ("one/lab.py", "src/mine/__init__.py", "package/__init__.py", "empty/notes.txt"):
        path = pytester.path / name
        path.parent.mkdir(parents=True)
        path.write_text("")
    assert usage_error(pytester.runpytest(f"--impl={given}")) == [f"ERROR: --impl={given}: {why}"]


def test_the_command_line_replaces_an_ini_file_s_implementation(pytester):
    pytester.makeini("[pytest]\naddopts = --impl=nobody")
    assert pytester.runpytest("--impl=reference", *QUICK).ret == 0


def test_tests_of_one_s_own_may_run_beside_a_file(pytester, labs):
    pytester.makepyfile(test_own="def test_own(): pass")
    result = pytester.runpytest("--impl=labs/a.py", "test_own.py")
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("name", ["my lab.py", "a$b.py", "it's.py", "~lab.py"])
def test_rerun_commands_are_quoted_for_the_shell(pytester, name):
    pytester.path.joinpath(name).write_text(
        "import numpy as np\n\n\nclass ReLU:\n"
        "    def forward(self, x):\n        return x\n\n"
        "    def backward(self, grad_output):\n        return grad_output\n"
    )
    binding = pytester.path / "my binding.toml"
    binding.write_text("")
    words = [f"--impl={name}", *QUICK, "--conformance-binding=my binding.toml"]
    result = pytester.runpytest_subprocess(*words, "-k", "forward and default and not float32")
    [line] = [line for line in result.outlines if line.startswith("  rerun: ")][:1]
    command = shlex.split(line.removeprefix("  rerun: "))
    assert command[:2] == ["pytest", f"--impl={name}"]
    assert "--conformance-binding=my binding.toml" in command
    again = subprocess.run(
        f"{sys.executable} -m {line.removeprefix('  rerun: ')}",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 1
    assert "1 failed" in again.stdout


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color_is_respected_by_the_summary(pytester, monkeypatch, variables, coloured):
    for name in ("NO_COLOR", "PY_COLORS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    result = pytester.runpytest_subprocess("--impl=reference", *QUICK)
    assert result.ret == 0
    text = result.stdout.str()
    assert "conformance: reference 100.0 %" in text
    assert ("\x1b" in text) is coloured


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
    assert broken(pytester.runpytest("--impl=broken.py", *QUICK))[0] == (
        "ERROR: --impl=broken.py: importing it failed: ModuleNotFoundError: "
        "No module named 'no_such_package' (broken.py:3 in <module>)"
    )


def test_a_candidate_with_a_syntax_error_is_one_message(pytester):
    pytester.makepyfile(broken="def f(:\n    pass\n")
    assert broken(pytester.runpytest("--impl=broken.py", *QUICK))[0] == (
        "ERROR: --impl=broken.py: importing it failed: SyntaxError: invalid syntax (broken.py:1)"
    )


def test_a_candidate_that_exits_on_import_is_one_message(pytester):
    pytester.makepyfile(broken="import sys\nsys.exit(3)\n")
    assert broken(pytester.runpytest("--impl=broken.py", *QUICK))[0] == (
        "ERROR: --impl=broken.py: importing it failed: SystemExit: 3 (broken.py:2 in <module>)"
    )


def test_an_unknown_layer_is_one_message(pytester):
    result = pytester.runpytest("--impl=reference", "--conformance-layers=ReLU,Con2d")
    assert usage_error(result) == [
        "ERROR: --conformance-layers: no spec for 'Con2d' (did you mean Conv2d?)"
    ]


@pytest.mark.parametrize("seed", ["abc", "²", "-1"])
def test_a_seed_is_a_number(pytester, seed):
    result = pytester.runpytest("--impl=reference", f"--conformance-seed={seed}")
    message = f"ERROR: --conformance-seed={seed}: must be 0 or a positive integer"
    assert usage_error(result) == [message]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("seed", "4294967296", "4294967296: must be an integer from 0 to 2**32 - 1"),
        ("memory", "1", "1: must be from 64 to 100000000 MiB"),
        ("timeout", "1e300", "1e+300: must be from 0.001 to 1000000 seconds"),
    ],
)
def test_absurd_numbers_in_an_ini_file_are_usage_errors(pytester, name, value, message):
    pytester.makeini(f"[pytest]\nconformance_{name} = {value}\n")
    result = pytester.runpytest("--impl=reference")
    assert usage_error(result) == [f"ERROR: --conformance-{name}={message}"]


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
    assert broken(pytester.runpytest_subprocess("--impl=torch", *QUICK)) == [
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
    path = pytester.path / given
    assert line.startswith(f"ERROR: --conformance-report: {path}: cannot be made a folder: ")
    assert line.endswith(": write elsewhere")
