"""The script of a failure shows it without this package."""

import subprocess
import sys
import textwrap

import pytest

import conformance
from conformance.generation.programs import Programs
from conformance.records.text import describe
from conformance.records.verdict import Finding
from conformance.runner.script import script
from conformance.spec.bound_case import bind
from conformance.spec.catalogue import find_spec

WRONG = """
from reference_impls import numpy_reference as reference

class Linear(reference.Linear):
    def backward(self, grad_output):
        grad_input = super().backward(grad_output)
        self.grad_weight = self.grad_weight * 3
        return grad_input

class BatchNorm1d(reference.BatchNorm1d):
    def forward(self, input):
        return super().forward(input) * (1 if self.training else 2)

class MSELoss(reference.MSELoss):
    def forward(self, input, target):
        return super().forward(input, target) / 2
"""


@pytest.fixture
def lab(tmp_path, monkeypatch):
    (tmp_path / "lab.py").write_text(textwrap.dedent(WRONG))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def failures(layer, profile="quick"):
    report = conformance.grade("lab.py", layers=[layer], oracle="reference", profile=profile)
    return [v for v in report.verdicts if v.status == "failed"]


@pytest.mark.parametrize("layer", ["Linear", "BatchNorm1d", "MSELoss"])
def test_it_prints_what_was_found(lab, layer):
    with_script = [verdict for verdict in failures(layer) if verdict.script]
    assert with_script
    verdict = with_script[0]
    assert "conformance" not in verdict.script
    done = subprocess.run(
        [sys.executable, "-c", verdict.script], capture_output=True, text=True, check=True
    )
    got, wanted = done.stdout.split(" should be ")
    assert float(got) == verdict.findings[0].got
    assert float(wanted) == verdict.findings[0].wanted


def test_the_shrunk_case_is_small_and_its_script_is_printed(lab):
    [verdict] = [
        v for v in failures("Linear", "standard") if v.id.endswith("::grad_weight[generated]")
    ]
    assert verdict.bindings == "N=() F=1 G=1 bias=True"
    assert len(verdict.script.splitlines()) <= 12
    told = describe(verdict)
    assert "or, without this suite:\n    import numpy as np\n    from lab import Linear\n" in told


def programs(layer="Linear"):
    spec = find_spec(layer)
    return Programs(bind(spec, spec.cases[0]), None)


FOUND = Finding("output", "wrong", index=(0, 1), got=1.0, wanted=2.0)


@pytest.mark.parametrize(
    ("implementation", "line"),
    [
        ("lab.py", "from lab import Linear"),
        ("labs/week3.py", "sys.path.insert(0, 'labs')"),
        ("package.layers", "from package.layers import Linear"),
        ("package:layers.Dense", "Linear = layers.Dense.Linear"),
        ("package:Linear", "from package import Linear"),
        ("reference", "from reference_impls.numpy_reference import Linear"),
    ],
)
def test_it_imports_the_candidate(implementation, line):
    assert line in script(implementation, programs(), "float64", FOUND).splitlines()


@pytest.mark.parametrize("implementation", ["<object>", "lab.ipynb"])
def test_there_is_none_where_no_name_leads_to_the_candidate(implementation):
    assert script(implementation, programs(), "float64", FOUND) == ""


def test_there_is_none_for_what_has_no_numbers():
    assert script("lab.py", programs(), "float64", Finding("output", "contract", "None")) == ""


def test_float32_arrays_stay_float32():
    text = script("lab.py", programs(), "float32", FOUND)
    assert "dtype=np.float32" in text
    assert "float64" not in text
