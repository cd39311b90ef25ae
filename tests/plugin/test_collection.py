"""Spec files are test files and checks are items: what people expect of pytest holds."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from conformance.pytest_run.session import Conformance, SpecFile
from conformance.runner.plan import plan
from conformance.runner.settings import Settings
from conformance.spec import catalogue
from conformance.spec.catalogue import bundled_specs, find_spec

# The recorded oracle: importing PyTorch takes longer than the checks of one layer.
QUICK = ("--conformance-profile=quick", "--conformance-oracle=recorded")
RELU = ("--impl=reference", "--conformance-layers=ReLU", *QUICK)
WRONG = ("--impl=wrong.py", "--conformance-layers=Linear", *QUICK)

LINEAR = """
import numpy as np

class Linear:
    def __init__(self, in_features, out_features, bias=True):
        self.weight = np.zeros((out_features, in_features))
        self.bias = np.zeros(out_features) if bias else None
        self.zero_grad()

    def zero_grad(self):
        self.grad_weight = np.zeros_like(self.weight)
        self.grad_bias = None if self.bias is None else np.zeros_like(self.bias)

    def forward(self, x):
        self.x = x
        y = x @ self.weight.T
        return y if self.bias is None else y + self.bias

    def backward(self, dy):
        rows, xs = dy.reshape(-1, dy.shape[-1]), self.x.reshape(-1, self.x.shape[-1])
        self.grad_weight = self.grad_weight + rows.T @ xs SCALE
        if self.bias is not None:
            self.grad_bias = self.grad_bias + rows.sum(0)
        return dy @ self.weight
"""


@pytest.fixture
def good_and_bad(pytester):
    pytester.makepyfile(layers=LINEAR.replace("SCALE", ""))
    pytester.makepyfile(wrong=LINEAR.replace("SCALE", "/ max(1, len(xs))"))
    return pytester


def ids(result):
    return [line for line in result.outlines if "::" in line]


def test_ids_come_from_the_spec_wherever_pytest_runs(pytester):
    found = ids(pytester.runpytest("--impl=reference", "--collect-only", "-q"))
    assert "specs/conv/conv2d.toml::grad_weight[stride-2]" in found
    assert "specs/normalization/batchnorm1d.toml::running_var[default-train]" in found
    assert len(found) == len(set(found))


def test_one_check_runs_by_its_id_from_any_folder(pytester):
    check = "specs/linear/linear.toml::grad_weight[wide]"
    result = pytester.runpytest("--impl=reference", check)
    result.assert_outcomes(passed=1)


def test_a_whole_spec_runs_by_its_name_from_any_folder(pytester):
    result = pytester.runpytest("--impl=reference", "specs/linear", "--collect-only", "-q")
    assert {name.partition("::")[0] for name in ids(result)} == {"specs/linear/linear.toml"}


def test_collecting_neither_imports_torch_nor_the_candidate(pytester):
    pytester.makepyfile(layers="raise RuntimeError('imported')")
    pytester.makeconftest(
        """
        import sys

        def pytest_collection_finish(session):
            assert len(session.items) > 100
            assert "torch" not in sys.modules
            assert "hypothesis" not in sys.modules
        """
    )
    result = pytester.runpytest_subprocess(
        "--impl=layers.py", "--collect-only", "-q", "-p", "no:hypothesispytest"
    )
    assert result.ret == 0


def test_keyword_selection(pytester):
    result = pytester.runpytest(*RELU, "-k", "forward and large")
    result.assert_outcomes(
        passed=2, deselected=len(ids(pytester.runpytest(*RELU, "--collect-only", "-q"))) - 2
    )


def test_last_failed(good_and_bad):
    first = good_and_bad.runpytest(*WRONG).parseoutcomes()
    again = good_and_bad.runpytest(*WRONG, "--lf").parseoutcomes()
    assert again["failed"] == first["failed"] > 0
    assert "passed" not in again


def test_stopping_at_the_first_failure_still_accounts_for_everything(good_and_bad):
    result = good_and_bad.runpytest(*WRONG, "-x", "--conformance-report=out")
    result.assert_outcomes(failed=1, passed=result.parseoutcomes()["passed"])
    report = json.loads((good_and_bad.path / "out" / "report.json").read_text())
    summary = report["summary"]
    assert summary["failed"] == 1
    rest = summary["blocked"] + summary["not_run"] + summary["skipped"]
    assert summary["planned"] == summary["ran"] + rest
    reasons = {v["reason"] for v in report["verdicts"] if v["status"] == "not run"}
    assert reasons == {"the session stopped early"}
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_junit_xml_has_one_test_case_per_check(pytester):
    result = pytester.runpytest(*RELU, "--junitxml=out.xml")
    cases = list(ElementTree.parse(pytester.path / "out.xml").iter("testcase"))
    assert len(cases) == result.parseoutcomes()["passed"]


@pytest.mark.parametrize("candidate", ["layers.py", "wrong.py"])
def test_two_processes_give_the_same_verdicts_as_one(good_and_bad, candidate):
    reports = []
    for folder, extra in (("one", ()), ("two", ("-n", "2"))):
        good_and_bad.runpytest_subprocess(
            f"--impl={candidate}",
            "--conformance-layers=Linear,ReLU",
            "--conformance-oracle=recorded",
            "--conformance-tier=strict",
            f"--conformance-report={folder}",
            *extra,
        )
        report = json.loads((good_and_bad.path / folder / "report.json").read_text())
        reports.append((report["summary"], report["layers"], report["verdicts"]))
    assert reports[0] == reports[1]
    assert reports[0][0]["skipped"] > 0  # ReLU is not there


def test_a_run_that_executes_nothing_fails_and_says_why(pytester):
    pytester.makepyfile(layers="")
    result = pytester.runpytest("--impl=layers.py", *QUICK, "-q")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "planned checks could be run, so nothing is known about layers.py." in (
        result.stdout.str()
    )
    assert "  not implemented" in result.outlines


def test_a_selection_of_nothing_fails_and_says_why(pytester):
    result = pytester.runpytest(*RELU, "-k", "no_such_check")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "conformance: no check was selected" in result.stdout.str()


def test_blocked_checks_are_not_a_success(pytester):
    pytester.makepyfile(
        layers="class ReLU:\n    def forward(self, x): return None\n    backward = forward\n"
    )
    result = pytester.runpytest(
        "--impl=layers.py", "--conformance-layers=ReLU", *QUICK, "-k", "forward or dtype"
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_the_last_line_sums_up(pytester):
    result = pytester.runpytest(*RELU, "--conformance-oracle=recorded")
    passed = result.parseoutcomes()["passed"]
    assert result.outlines[-1] == (
        f"conformance: reference 100.0 % ({passed} planned, {passed} ran, 0 blocked) "
        "oracle=recorded torch 2.13.0"
    )


def test_a_user_s_own_spec_is_graded(pytester):
    pytester.makefile(".toml", double=OWN_SPEC)
    pytester.makepyfile(
        mine="""
        class Double:
            def forward(self, x): return 2 * x
            def backward(self, dy): return 2 * dy
        """
    )
    result = pytester.runpytest("double.toml", "--impl=mine.py", "--conformance-report=out")
    assert result.ret == 0
    report = json.loads((pytester.path / "out" / "report.json").read_text())
    assert {verdict["id"].partition("::")[0] for verdict in report["verdicts"]} == {"double.toml"}
    assert report["summary"]["passed"] > 0


OWN_SPEC = """
[layer]
name = "Double"
family = "mine"
summary = "Doubles."
equation = "y = 2x"
source = "this test"
[dims]
N = "1..4"
[inputs]
input = "N"
[outputs]
output = "N"
[gradients]
wrt = ["input"]
[accuracy]
model = "composite"
[[case]]
id = "default"
"""


def test_a_broken_spec_is_reported_without_a_traceback(pytester):
    pytester.makefile(".toml", double=OWN_SPEC.replace('input = "N"', 'input = "M"'))
    result = pytester.runpytest("double.toml", "--impl=reference", "-q")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert (
        "double.toml:10: inputs.input: M is not a dimension, argument or definition (known: N)"
        in result.outlines
    )
    assert "Traceback" not in result.stdout.str()


def test_root_folder_of_a_checkout_does_not_matter():
    """Grading from the checkout itself, where specs/ is a folder of the working directory."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "pytest", *RELU, "-q", "-p", "no:cacheprovider"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    assert result.returncode == 0, result.stdout
    assert "conformance: reference 100.0 %" in result.stdout.splitlines()[-1]


def test_the_time_to_collect_files_is_linear_in_their_number(tmp_path, monkeypatch):
    files = [tmp_path / f"{number}.toml" for number in range(75)]
    run = object.__new__(Conformance)
    run.own = set(files)
    resolved = []
    resolve = Path.resolve
    monkeypatch.setattr(Path, "resolve", lambda path: resolved.append(path) or resolve(path))
    monkeypatch.setattr(SpecFile, "from_parent", lambda parent, path, nodeid, run: path)
    assert [run.pytest_collect_file(file, None) for file in files] == files
    assert len(resolved) < 6 * len(files)


def test_what_nothing_serves_is_one_line_per_spec(good_and_bad):
    result = good_and_bad.runpytest("--impl=layers.py", *QUICK, "--conformance-report=out")
    report = json.loads((good_and_bad.path / "out" / "report.json").read_text())
    absent = [v for v in report["verdicts"] if v["id"].endswith("::implemented")]
    assert "specs/conv/conv2d.toml::implemented" in {v["id"] for v in absent}
    assert {v["reason"] for v in absent} == {"not implemented"}
    assert not [v for v in report["verdicts"] if v["layer"] == "Conv2d" and v not in absent]
    # Counted as before: all checks of all specs are planned, those of Linear ran.
    summary = report["summary"]
    settings = Settings("layers.py", profile="quick")
    assert summary["planned"] == sum(len(plan(spec, settings)) for spec in bundled_specs())
    assert summary["passed"] == summary["ran"] == len(plan(find_spec("Linear"), settings))
    assert summary["skipped"] == summary["planned"] - summary["ran"]
    assert summary["coverage"] == pytest.approx(100 * summary["ran"] / summary["planned"])
    row = next(row for row in report["layers"] if row["name"] == "Conv2d")
    assert row["summary"]["skipped"] == len(plan(find_spec("Conv2d"), settings))
    assert row["skipped"] == ["not implemented"]
    assert result.ret == 0


def test_a_check_of_a_layer_that_is_not_there_runs_by_its_id(good_and_bad):
    check = "specs/conv/conv2d.toml::forward[default]"
    result = good_and_bad.runpytest("--impl=layers.py", *QUICK, check, "-rs")
    result.assert_outcomes(skipped=1)
    assert "not implemented" in result.stdout.str()


def test_the_line_of_a_spec_that_nothing_serves_runs_by_its_id(good_and_bad):
    line = "specs/conv/conv2d.toml::implemented"
    good_and_bad.runpytest("--impl=layers.py", *QUICK, line).assert_outcomes(skipped=1)


def test_a_keyword_speaks_of_the_checks_of_absent_layers_too(good_and_bad):
    result = good_and_bad.runpytest("--impl=layers.py", *QUICK, "-k", "Conv2d or conv2d")
    assert result.parseoutcomes()["skipped"] == len(
        plan(find_spec("Conv2d"), Settings("layers.py", profile="quick"))
    )


def test_a_run_imports_neither_torch_nor_hypothesis_where_recordings_answer(good_and_bad):
    good_and_bad.makeconftest(
        """
        import sys

        def pytest_unconfigure(config):
            loaded = {"torch", "hypothesis", "conformance.misreadings"} & sys.modules.keys()
            print("loaded:", sorted(loaded))
        """
    )
    result = good_and_bad.runpytest_subprocess("--impl=layers.py", QUICK[0], "-q", "-s")
    assert "loaded: []" in result.stdout.str()


def test_a_spec_that_asks_for_too_much_is_one_message(pytester):
    deep = OWN_SPEC.replace('input = "N"', f"input = {'[' * 2000}1{']' * 2000}")
    pytester.makefile(".toml", deep=deep, huge=OWN_SPEC.replace('input = "N"', 'input = "10**12"'))
    said = [
        "deep.toml:10: inputs.input: tables and arrays are nested more than 64 levels deep",
        "shape '10**12' is too large: 1,000,000,000,000 elements; at most 67,108,864 are allowed",
    ]
    graded = pytester.runpytest("deep.toml", "huge.toml", "--impl=reference", "-q")
    assert graded.ret == pytest.ExitCode.USAGE_ERROR
    command = [sys.executable, "-m", "conformance", "check", "deep.toml", "huge.toml"]
    checked = pytester.run(*command)
    assert checked.ret == 1
    for result in (graded, checked):
        text = result.stdout.str()
        assert all(text.count(message) == 1 for message in said)
        assert "Traceback" not in text + result.stderr.str()


def test_each_file_among_the_arguments_is_loaded_once(pytester, monkeypatch):
    names = [f"own{number}" for number in range(75)]
    pytester.makefile(".toml", **{n: OWN_SPEC.replace('"Double"', f'"{n}"') for n in names})
    loaded, load_spec = [], catalogue.load_spec
    monkeypatch.setattr(
        catalogue,
        "load_spec",
        lambda path, label: loaded.append(path.stem) or load_spec(path, label),
    )
    files = [f"{name}.toml" for name in names]
    options = ("--impl=reference", "--conformance-layers=own3", *QUICK)
    pytester.runpytest_inprocess(*files, *options, "-q").assert_outcomes(skipped=1)
    assert sorted(name for name in loaded if name in names) == sorted(names)
