"""Prerequisites, oracles that do not know, and accounts."""

import textwrap

import pytest
from typer.testing import CliRunner

import conformance
from conformance.cli.app import app
from reference_impls import numpy_reference

SWISH = """
[layer]
name = "Swish"
family = "mine"
summary = "x times its sigmoid."
equation = "y = x * sigmoid(x)"
source = "arXiv:1710.05941"
TORCH
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


class Swish(numpy_reference.Sigmoid):
    def forward(self, x):
        self.x = x.copy()
        self.s = super().forward(x)
        return x * self.s

    def backward(self, grad_output):
        return grad_output * (self.s + self.x * self.s * (1 - self.s))


@pytest.fixture
def grade_swish(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def grade(torch_key, **options):
        key = f'torch = "{torch_key}"' if torch_key else ""
        (tmp_path / "swish.toml").write_text(SWISH.replace("TORCH", key))
        return conformance.grade({"Swish": Swish}, specs=["swish.toml"], **options)

    return grade


def reasons(report, status):
    return {verdict.reason for verdict in report.verdicts if verdict.status == status}


def test_a_counterpart_in_pytorch_judges_a_user_s_spec(grade_swish):
    pytest.importorskip("torch")
    report = grade_swish("torch.nn.SiLU")
    assert report.ok
    assert report.summary.skipped == 0


def test_a_counterpart_in_the_working_directory_is_found(grade_swish, tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "trusted.py").write_text("from torch.nn import SiLU as Swish\n")
    assert grade_swish("trusted.Swish").ok


def test_a_misspelt_counterpart_is_an_error_not_a_pass(grade_swish):
    pytest.importorskip("torch")
    report = grade_swish("torch.nn.Silu")
    assert not report.ok
    assert all("has no attribute 'Silu'" in reason for reason in reasons(report, "errored"))


def test_without_a_counterpart_comparisons_are_skipped_with_the_reason(grade_swish):
    report = grade_swish(None)
    assert reasons(report, "skipped") == {
        "no oracle knows Swish: its spec names no counterpart in PyTorch"
    }
    assert report.summary.passed > 0


def test_the_references_do_not_judge_what_is_not_bundled(grade_swish):
    report = grade_swish("torch.nn.SiLU", oracle="reference")
    assert reasons(report, "skipped") == {
        "no oracle knows Swish: the references judge bundled specs only"
    }


def test_what_needs_a_gradient_is_blocked_by_a_missing_backward(tmp_path):
    (tmp_path / "layers.py").write_text(
        textwrap.dedent(
            """
            import numpy as np

            class Softmax:
                def __init__(self, dim=1):
                    self.dim = dim

                def forward(self, x):
                    e = np.exp(x - x.max(self.dim, keepdims=True))
                    return e / e.sum(self.dim, keepdims=True)
            """
        )
    )
    report = conformance.grade(
        str(tmp_path / "layers.py"), layers=["Softmax"], oracle="recorded", profile="quick"
    )
    assert {v.check for v in report.verdicts if v.status == "failed"} == {"backward"}
    blocked = {v.check for v in report.verdicts if v.status == "blocked"}
    assert blocked >= {
        "grad_input",
        "fd_input",
        "gradient_sums_to_zero",
        "last_forward",
        "aliasing",
    }
    assert "forward" not in blocked


def test_a_single_check_has_the_verdict_that_it_has_among_all():
    report = conformance.grade("naive", layers=["ReLU"], oracle="recorded", profile="quick")
    alone = conformance.grade(
        "naive", layers=["ReLU"], oracle="recorded", profile="quick", tier="core"
    )
    by_id = {verdict.id: verdict.status for verdict in report.verdicts}
    assert {v.id: v.status for v in alone.verdicts}.items() <= by_id.items()


def test_a_spec_without_a_legal_case_to_draw_is_one_message(grade_swish, tmp_path):
    spec = SWISH.replace("TORCH", "") + 'dims = { N = 9 }\n[require]\nalways = ["N == 9"]\n'
    (tmp_path / "swish.toml").write_text(spec)
    message = "swish.toml: no legal case can be drawn from [dims], [config] and [require]"
    result = CliRunner().invoke(app, ["check", "swish.toml"])
    assert (result.exit_code, result.output) == (1, f"{message}\n")
    report = conformance.grade({"Swish": Swish}, specs=["swish.toml"])
    assert reasons(report, "errored") == {message}
