"""The examples of docs/extending.md work as a package, and a broken package is one message."""

import json
import re
import tomllib
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "extending.md").read_text(encoding="utf-8")
PROJECT, *BLOCKS = re.findall(r"```(?:toml|python)\n(.*?)```", PAGE, re.DOTALL)
NAMES = ("dialect.py", "checks.py", "report.py", "halve.toml")
LAB = """\
class Halve:
    def run_up(self, x):
        return x / 2

    def run_down(self, grad_output):
        return grad_output / 2
"""
QUICK = ("--conformance-profile=quick", "-q")


@pytest.fixture
def acme(pytester, monkeypatch):
    """The package of the page, as if it were installed."""
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    package = pytester.mkpydir("acme_layers")
    for name, block in zip(NAMES, BLOCKS, strict=True):
        (package / name).write_text(block)
    project = tomllib.loads(PROJECT)["project"]
    info = pytester.mkdir(f"acme_layers-{project['version']}.dist-info")
    (info / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    pytester.makepyfile(lab=LAB)
    return package


def test_the_page_s_package_adds_a_dialect_a_check_a_writer_and_a_spec(pytester, acme):
    options = ("--conformance-layers=Halve", "--conformance-report=out", *QUICK)
    result = pytester.runpytest_subprocess("--impl=lab.py", *options)
    assert result.ret == 0, result.stdout.str()
    report = json.loads((pytester.path / "out" / "report.json").read_text())
    statuses = {v["id"]: v["status"] for v in report["verdicts"]}
    assert statuses["acme/halve.toml::acme_bounded[default]"] == "passed"
    assert statuses["acme/halve.toml::backward[default]"] == "passed"
    passed = report["layers"][0]["summary"]["passed"]
    assert (pytester.path / "out" / "acme.csv").read_text() == f"Halve,{passed}\n"
    again = pytester.runpytest_subprocess(
        "--impl=lab.py", "acme/halve.toml::acme_bounded[default]", *QUICK
    )
    again.assert_outcomes(passed=1)


def test_the_check_of_the_page_can_fail(pytester, acme):
    pytester.makepyfile(lab=LAB.replace("x / 2", "x / 2 * 1e9"))
    result = pytester.runpytest_subprocess(
        "--impl=lab.py", "acme/halve.toml", "-k", "acme_bounded and default", *QUICK
    )
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*larger than 1e6*"])


@pytest.mark.parametrize("name", ["dialect.py", "checks.py", "report.py"])
def test_a_broken_extension_is_one_message_that_names_its_package(pytester, acme, name):
    (acme / name).write_text("1 / 0\n")
    result = pytester.runpytest_subprocess("--impl=lab.py", *QUICK)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    [line] = [line for line in result.stderr.lines if line]
    assert re.fullmatch(
        r"ERROR: extension '\w+' \(conformance\.\w+\) of acme-layers 1\.0 cannot be loaded: "
        r"ZeroDivisionError: division by zero; mend it, or uninstall acme-layers",
        line,
    )


def test_an_extension_that_fails_in_a_check_is_not_blamed_on_the_candidate(pytester, acme):
    text = (acme / "checks.py").read_text()
    (acme / "checks.py").write_text(text.replace("    outputs =", "    1 / 0\n    outputs ="))
    result = pytester.runpytest_subprocess(
        "--impl=lab.py", "acme/halve.toml", "-k", "acme_bounded and default", *QUICK
    )
    result.stdout.fnmatch_lines(
        ["*fault of the suite: *of acme-layers 1.0 failed in acme_bounded*"]
    )


def test_a_dialect_that_fails_is_not_blamed_on_the_candidate(pytester, acme):
    text = (acme / "dialect.py").read_text()
    (acme / "dialect.py").write_text(text.replace("return hasattr", "return 1 / 0 or hasattr"))
    result = pytester.runpytest_subprocess(
        "--impl=lab.py", "acme/halve.toml", "-k", "shape", *QUICK
    )
    result.stdout.fnmatch_lines(["*fault of the suite: *of acme-layers 1.0 failed in speaks*"])


def test_a_writer_that_fails_leaves_the_other_forms_and_is_told(pytester, acme):
    (acme / "report.py").write_text("def write(report, folder):\n    1 / 0\n")
    options = ("--conformance-layers=Halve", "--conformance-report=out", *QUICK)
    result = pytester.runpytest_subprocess("--impl=lab.py", *options)
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    result.stdout.fnmatch_lines(["extension 'csv' *of acme-layers 1.0 failed in write: *"])
    assert (pytester.path / "out" / "report.json").exists()


@pytest.mark.parametrize("how", ["option", "ini", "argument"])
def test_a_folder_of_specs_of_one_s_own(pytester, how):
    folder = pytester.mkdir("mine")
    (folder / "halve.toml").write_text(BLOCKS[-1])
    (folder / "conformance.toml").write_text("")
    pytester.makepyfile(lab=LAB.replace("run_up", "forward").replace("run_down", "backward"))
    words = {"option": ["--conformance-specs=mine"], "argument": ["mine"], "ini": []}[how]
    if how == "ini":
        pytester.makeini("[pytest]\nconformance_specs = mine")
    words += [] if how == "argument" else ["--conformance-layers=Halve"]
    result = pytester.runpytest_subprocess("--impl=lab.py", *words, *QUICK)
    assert result.ret == 0, result.stdout.str()
    result.stdout.fnmatch_lines(["Halve *", "conformance: lab.py 100.0 %*"])
