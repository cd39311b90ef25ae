"""What the author of a broken candidate reads: one clear message each, complete."""

import textwrap

import pytest

import conformance
from conformance.records.text import describe

GOOD_RELU = """
    class ReLU:
        def forward(self, x):
            self.mask = x > 0
            return x * self.mask
        def backward(self, dy):
            return dy * self.mask
"""
LINEAR = """
    import numpy as np
    class Linear:
        def __init__(self, in_features, out_features, bias=True):
            self.weight = np.zeros((out_features, in_features))
            self.bias = np.zeros(out_features) if bias else None
            self.grad_weight = np.zeros_like(self.weight)
            self.grad_bias = np.zeros(out_features) if bias else None
        def forward(self, x):
            self.x = x
            return x @ self.weight.T + (0 if self.bias is None else self.bias)
        def backward(self, dy):
            self.grad_weight += dy.T @ self.x
            if self.bias is not None:
                self.grad_bias += dy.sum(0)
            return dy @ self.weight
        def zero_grad(self):
            self.grad_weight[...] = 0
            if self.bias is not None:
                self.grad_bias[...] = 0
"""


@pytest.fixture
def first_failure(tmp_path, monkeypatch):
    """Grade one layer of some source; the text of the first verdict that is not a pass."""

    def grade(layer, source, check=None):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "layers.py").write_text(textwrap.dedent(source))
        report = conformance.grade("layers.py", layers=[layer], profile="quick", oracle="recorded")
        assert report.summary.planned == report.summary.ran + (
            report.summary.blocked + report.summary.skipped
        )
        bad = [v for v in report.verdicts if v.status in ("failed", "errored")]
        return describe(next(v for v in bad if check in (None, v.check)))

    return grade


def said(text):
    """The message without the place in the spec and the command, which other tests look at."""
    lines = text.splitlines()
    assert lines[-2].startswith("  spec: specs/")
    assert lines[-1].startswith("  rerun: pytest --impl=layers.py --conformance-oracle=recorded ")
    return [" ".join(lines[0].split()), *lines[1:-2]]


def test_the_grammar_of_a_failure_in_full(first_failure):
    text = first_failure("Linear", LINEAR.replace("dy.T @ self.x", "dy.T @ self.x / len(dy)"))
    assert text == textwrap.dedent(
        """\
        Linear :: grad_weight [default, float64]                                    FAILED (wrong)
          grad_weight[0, 0] = -0.9158612, but should be -3.663445
          15 of 15 elements differ; worst 5.7e+00 at [0, 2] (allowed 8.7e-15)
          gradient of your own forward: inconsistent, so backward is not the derivative of forward
          diagnosis: the same as weight-gradient-mean: grad_weight is divided by the batch size: \
backward must sum over the batch, because the loss has already taken its mean
          diagnosis: grad_weight is 0.25 times what it should be: the factor is 1/N
          case: N=(4,) F=3 G=5
          spec: specs/linear/linear.toml:26
          rerun: pytest --impl=layers.py --conformance-oracle=recorded --conformance-profile=quick \
'specs/linear/linear.toml::grad_weight[default]'"""
    )


def test_a_constructor_that_raises(first_failure):
    source = GOOD_RELU.replace(
        "class ReLU:", "class ReLU:\n        def __init__(self): raise ValueError('no luck')"
    )
    assert said(first_failure("ReLU", source)) == [
        "ReLU :: shape [default, float64] ERRORED",
        "  the constructor raised ValueError: no luck (layers.py:3 in __init__)",
        "  case: S=(4, 3)",
    ]


def test_a_constructor_with_other_argument_names(first_failure):
    source = LINEAR.replace("in_features, out_features", "in_features, out_features, batch")
    assert said(first_failure("Linear", source))[1] == (
        "  Linear() requires batch, which matches no argument of the spec"
    )


def test_forward_that_returns_none(first_failure):
    assert said(first_failure("ReLU", GOOD_RELU.replace("return x *", "x *"))) == [
        "ReLU :: shape [default, float64] FAILED (contract)",
        "  the output of forward is None, not a NumPy array",
        "  case: S=(4, 3)",
    ]


def test_forward_that_returns_a_list(first_failure):
    source = GOOD_RELU.replace("x * self.mask", "(x * self.mask).tolist()")
    assert said(first_failure("ReLU", source))[1] == (
        "  the output of forward is a list, not a NumPy array"
    )


def test_forward_that_returns_an_array_of_objects(first_failure):
    source = GOOD_RELU.replace("x * self.mask", "(x * self.mask).astype(object)")
    assert said(first_failure("ReLU", source))[1] == (
        "  the output of forward is an array of dtype object, not of numbers"
    )


def test_forward_that_returns_the_wrong_shape(first_failure):
    source = GOOD_RELU.replace("x * self.mask", "(x * self.mask).T")
    assert said(first_failure("ReLU", source)) == [
        "ReLU :: shape [default, float64] FAILED (wrong)",
        "  output has shape (3, 4), but should have (4, 3)",
        "  the spec says: *S",
        "  case: S=(4, 3)",
    ]


def test_forward_that_raises(first_failure):
    source = GOOD_RELU.replace("return x *", "return self.missing *")
    assert said(first_failure("ReLU", source))[1] == (
        "  forward raised AttributeError: 'ReLU' object has no attribute 'missing' "
        "(layers.py:5 in forward)"
    )


def test_forward_that_exits(first_failure):
    source = GOOD_RELU.replace("return x *", "raise SystemExit(1)\n            return x *")
    assert said(first_failure("ReLU", source))[1] == (
        "  forward raised SystemExit: 1 (layers.py:5 in forward)"
    )


def test_forward_that_returns_nan(first_failure):
    source = GOOD_RELU.replace("x * self.mask", "x / 0 * 0")
    assert said(first_failure("ReLU", source, check="forward"))[1:3] == [
        "  output[0, 0] = nan, but should be 1.964905",
        "  12 of 12 elements differ; worst inf at [0, 0] (allowed 0.0e+00)",
    ]


def test_backward_that_raises(first_failure):
    source = GOOD_RELU.replace("return dy", "raise NotImplementedError\n            return dy")
    assert said(first_failure("ReLU", source)) == [
        "ReLU :: backward [default, float64] ERRORED",
        "  backward raised NotImplementedError (layers.py:7 in backward)",
        "  case: S=(4, 3)",
    ]


def test_backward_that_returns_the_wrong_shape(first_failure):
    source = GOOD_RELU.replace("return dy * self.mask", "return dy[0]")
    assert said(first_failure("ReLU", source))[1] == (
        "  grad_input has shape (3,), but should have (4, 3)"
    )


def test_no_backward(first_failure):
    source = GOOD_RELU.replace("def backward", "def backwards")
    assert said(first_failure("ReLU", source))[1] == "  ReLU has no method backward()"


def test_no_forward(first_failure):
    source = GOOD_RELU.replace("def forward", "def compute")
    assert said(first_failure("ReLU", source))[1] == (
        "  ReLU has no method forward and cannot be called"
    )


def test_no_parameter_of_that_name(first_failure):
    source = LINEAR.replace("self.weight", "self.hidden.matrix").replace(
        "self.hidden", "type(self)"
    )
    assert said(first_failure("Linear", source)) == [
        "Linear :: shape [default, float64] FAILED (contract)",
        "  Linear has no attribute 'weight'",
        "  case: N=(4,) F=3 G=5",
    ]


def test_a_parameter_of_the_wrong_shape(first_failure):
    source = LINEAR.replace("(out_features, in_features)", "(out_features, in_features + 1)")
    assert said(first_failure("Linear", source))[1] == (
        "  Linear.weight has shape (5, 4), but should have (5, 3)"
    )


def test_a_gradient_that_is_missing_blocks_its_own_checks_only(first_failure, tmp_path):
    source = LINEAR.replace("self.grad_bias", "self.hidden")
    text = first_failure("Linear", source)
    assert said(text)[1] == (
        "  Linear has no gradient of bias (looked for grad_bias, bias_grad, dbias, d_bias, "
        "grads['bias'])"
    )
    report = conformance.grade(str(tmp_path / "layers.py"), layers=["Linear"], oracle="recorded")
    statuses = {v.check: v.status for v in report.verdicts if v.case == "default"}
    assert statuses["grad_weight"] == "passed"
    assert statuses["grad_bias"] == statuses["fd_bias"] == "blocked"


def test_a_layer_that_is_not_there_is_skipped(tmp_path):
    (tmp_path / "layers.py").write_text(textwrap.dedent(GOOD_RELU))
    report = conformance.grade(
        str(tmp_path / "layers.py"), layers=["ReLU", "Conv2d"], profile="quick", oracle="recorded"
    )
    assert {v.status for v in report.verdicts if v.layer == "ReLU"} == {"passed"}
    assert {(v.status, v.reason) for v in report.verdicts if v.layer == "Conv2d"} == {
        ("skipped", "not implemented")
    }


def test_an_optional_argument_that_is_not_there_skips_the_cases_that_need_it(tmp_path):
    source = LINEAR.replace(", bias=True", "").replace("if bias else None", "")
    (tmp_path / "layers.py").write_text(textwrap.dedent(source))
    report = conformance.grade(
        str(tmp_path / "layers.py"), layers=["Linear"], profile="quick", oracle="recorded"
    )
    skipped = {(v.case, v.reason) for v in report.verdicts if v.status == "skipped"}
    assert skipped == {("no-bias", "Linear() has no argument bias")}
    assert all(v.status == "passed" for v in report.verdicts if v.case == "default")
