"""Isolation by the options of pytest."""

import os

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="isolation needs POSIX")

OPTIONS = (
    "--impl=lab.py",
    "--conformance-layers=ReLU,Tanh",
    "--conformance-profile=quick",
    "--conformance-oracle=recorded",
    "-q",
)
LAB = """
import os, time
from reference_impls import numpy_reference
from reference_impls.numpy_reference import *

class ReLU(numpy_reference.ReLU):
    def forward(self, x):
        {statement}
        return super().forward(x)
"""


@pytest.fixture
def lab(pytester):
    def write(statement):
        pytester.makepyfile(lab=LAB.format(statement=statement))

    return write


def last_line(result):
    return result.outlines[-1].partition("conformance: ")[2]


def test_files_are_isolated(pytester, lab):
    lab("os._exit(0)")
    result = pytester.runpytest(*OPTIONS)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["  forward ended the process with exit status 0"])
    result.stdout.fnmatch_lines(["Tanh * 100.0"])
    assert "lab.py 50.0 %" in last_line(result)


def test_the_time_is_an_option_and_part_of_the_command_to_rerun(pytester, lab):
    lab("time.sleep(60)")
    result = pytester.runpytest(*OPTIONS, "--conformance-timeout=0.5", "-x")
    result.stdout.fnmatch_lines(
        [
            "  forward did not finish within 0.5 s and was killed (lab.py:7 in forward)",
            "  rerun: pytest --impl=lab.py * --conformance-timeout=0.5 *",
        ]
    )


def test_with_pytest_xdist_each_process_has_its_own(pytester, lab):
    pytest.importorskip("xdist")
    lab("os._exit(0)")
    result = pytester.runpytest_subprocess(*OPTIONS, "-n2", "-p", "xdist")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "lab.py 50.0 %" in last_line(result)


def test_what_is_printed_in_process_is_captured_by_pytest(pytester, lab):
    lab("print('seen'); raise ValueError")
    result = pytester.runpytest(*OPTIONS, "--no-conformance-isolate", "-k", "shape")
    result.stdout.fnmatch_lines(["*Captured stdout call*", "seen"])


def test_in_process_replaced_functions_are_no_success(pytester, lab):
    lab("import numpy; numpy.allclose = print")
    result = pytester.runpytest_subprocess(*OPTIONS, "--no-conformance-isolate")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "while the implementation was graded, numpy.allclose was replaced" in str(result.stdout)
    assert "lab.py 100.0 %" in last_line(result)
    assert pytester.runpytest_subprocess(*OPTIONS).ret == 0


def test_replaced_functions_are_told_by_pytest_xdist_s_workers(pytester, lab):
    pytest.importorskip("xdist")
    lab("import numpy; numpy.allclose = print")
    result = pytester.runpytest_subprocess(*OPTIONS, "--no-conformance-isolate", "-n2")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "while the implementation was graded, numpy.allclose was replaced" in str(result.stdout)


def test_an_import_that_ends_the_process_is_a_failure(pytester):
    pytester.makepyfile(lab="import os\nos._exit(0)\n")
    result = pytester.runpytest(*OPTIONS)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert (
        "ERROR: --impl=lab.py: importing it failed: it ended the process with exit status 0"
        in result.outlines
    )


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--conformance-timeout=soon", "--conformance-timeout=soon: must be a number above 0"),
        ("--conformance-timeout=0", "--conformance-timeout=0: must be a number above 0"),
        ("--conformance-memory=-1", "--conformance-memory=-1: must be a number above 0"),
    ],
)
def test_limits_are_numbers(pytester, lab, option, message):
    lab("pass")
    result = pytester.runpytest(*OPTIONS, option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: {message}" in result.stderr.lines


def test_isolation_is_an_ini_key(pytester, lab):
    lab("import sys; print(sys.modules.keys() & {'pytest'}); raise ValueError")
    pytester.makeini("[pytest]\nconformance_isolate = false\n")
    result = pytester.runpytest(*OPTIONS, "-k", "shape")
    assert "{'pytest'}" in result.outlines
    pytester.makeini("[pytest]\nconformance_isolate = maybe\n")
    result = pytester.runpytest(*OPTIONS)
    assert "ERROR: conformance_isolate=maybe: choose from true, false" in result.stderr.lines


@pytest.mark.parametrize("options", [(), ("--no-conformance-isolate",)], ids=["isolated", "not"])
@pytest.mark.parametrize("when", ["at import", "in forward"])
def test_the_working_directory_may_be_removed(pytester, lab, when, options):
    folder = pytester.mkdir("gone")
    remove = f"__import__('shutil').rmtree({str(folder)!r}, ignore_errors=True)"
    lab(remove if when == "in forward" else "pass")
    source = pytester.path / "lab.py"
    if when == "at import":
        source.write_text(source.read_text() + f"\n{remove}\n")
    os.chdir(folder)
    arguments = [f"--impl={source}" if option == "--impl=lab.py" else option for option in OPTIONS]
    result = pytester.runpytest_subprocess(*arguments, "--conformance-report=out", *options)
    output = result.stdout.str()
    assert "Traceback" not in output + result.stderr.str()
    assert f"the working directory {folder} was removed while the implementation" in output
    result.stdout.fnmatch_lines(["Tanh * 100.0"])
    blamed = [line.strip() for line in result.outlines if line.endswith("the working directory")]
    assert "backward changes the working directory" not in blamed
    assert ("forward changes the working directory" in blamed) == (when == "in forward")
    assert (folder / "out" / "report.json").is_file()
