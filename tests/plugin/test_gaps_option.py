"""``--conformance-gaps`` in a run of pytest."""

import pytest

LAB = """
from reference_impls import numpy_reference as reference

class Linear(reference.Linear):
    def backward(self, grad_output):
        grad_input = super().backward(grad_output)
        self.grad_bias[...] = 0
        return grad_input
"""


@pytest.fixture
def run(pytester):
    pytester.makepyfile(lab=LAB)

    def runner(*options):
        common = ("--impl=lab.py", "--conformance-layers=Linear", "--conformance-oracle=recorded")
        return pytester.runpytest_inprocess(*common, *options)

    return runner


def test_update_then_pass_then_mend(run, pytester):
    assert run("--conformance-tier=core").ret == 1
    result = run("--conformance-gaps=gaps.toml", "--conformance-update-gaps")
    result.stdout.fnmatch_lines(["gaps: *gaps.toml"])
    text = (pytester.path / "gaps.toml").read_text()
    assert 'id = "specs/linear/linear.toml::grad_bias[default]"' in text

    result = run("--conformance-gaps=gaps.toml")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["conformance: lab.py * xfailed) oracle=*"])

    pytester.makepyfile(lab="from reference_impls.numpy_reference import Linear\n")
    result = run("--conformance-gaps=gaps.toml", "-p", "no:cacheprovider")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["*gaps.toml:1: specs/linear/linear.toml::grad_bias[[]default]: passes now: remove it"]
    )


def test_a_bad_file_is_one_message(run, pytester):
    pytester.makefile(".toml", gaps='[[gap]]\nid = "specs/linear/linear.toml::forward[default]"\n')
    result = run("--conformance-gaps=gaps.toml")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: *gaps.toml:1: *forward[[]default] has no reason"])


def test_updating_needs_a_file(run):
    result = run("--conformance-update-gaps")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: --conformance-update-gaps needs --conformance-gaps=FILE"])


def test_what_a_gap_blocks_is_no_failure_of_the_run(run, pytester):
    pytester.makepyfile(
        lab="""
        from reference_impls import numpy_reference as reference

        class Linear(reference.Linear):
            def backward(self, grad_output):
                raise NotImplementedError("next week")
        """
    )
    pytester.makefile(
        ".toml",
        gaps='[[gap]]\nid = "specs/linear/linear.toml::*"\nreason = "no backward yet"\n',
    )
    result = run("--conformance-gaps=gaps.toml", "--conformance-profile=quick")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["conformance: lab.py * blocked, * xfailed) oracle=*"])
