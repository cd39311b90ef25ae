"""conformance inspect: how an implementation is understood, and the binding that says the same."""

import json
import textwrap

import pytest
from typer.testing import CliRunner

import conformance
from conformance.cli import app

LAB = """
import numpy as np

class Dense:
    def __init__(self, n_in, n_out):
        self.W, self.b = np.zeros((n_in, n_out)), np.zeros((1, n_out))

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b[0]

    def backward(self, dy):
        axes = tuple(range(dy.ndim - 1))
        self.dW = getattr(self, "dW", 0) + np.tensordot(self.x, dy, (axes, axes))
        self.db = getattr(self, "db", 0) + dy.sum(axis=axes)[None]
        return dy @ self.W.T

    def zero_grad(self):
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)

class Affine(Dense):
    pass

class BatchNorm1d:
    def __init__(self, num_features, momentum=0.1):
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean = np.zeros(num_features)

    def forward(self, x):
        return x

    def backward(self, dy):
        return dy

class Dropout:
    def __init__(self, unguessable):
        pass

    def forward(self, x):
        return x

    def backward(self, dy):
        return dy

class Softmax:
    def __init__(self, batch_size, features):
        pass
"""


@pytest.fixture
def inspect(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab.py").write_text(LAB)
    return lambda *arguments: CliRunner().invoke(app, ["inspect", "lab.py", *arguments])


def block(output, name):
    blocks = output.split("\n\n")
    return next(b for b in blocks if b.split()[0] == name)


def test_a_mapping_shows_arguments_arrays_layouts_and_gradients(inspect):
    output = inspect().output
    assert block(output, "Linear") == textwrap.dedent(
        """\
        Linear          Dense  (stored-input)
          arguments     n_in = in_features (by synonym); n_out = out_features (by
                        synonym)
          no argument   bias: other cases are skipped
          weight        W (5, 6), axes: in out, gradient: dW
          bias          b (1, 6), axes: 1 out, gradient: db
          also there    Affine is not graded; a binding can take it instead
          note          Dense is graded as Linear, not Affine"""
    )
    assert max(map(len, output.splitlines())) <= 80


def test_what_is_missing_is_said_with_the_lines_that_would_fix_it(inspect):
    output = inspect().output
    words = " ".join(block(output, "BatchNorm1d").split())
    held = "gamma, beta, running_mean"
    assert f"missing BatchNorm1d has no array for running_var (it holds {held})" in words
    assert "[BatchNorm1d]" in words
    assert 'parameters = { running_var = "…" }' in words
    words = " ".join(block(output, "Softmax").split())
    assert "Softmax() requires batch_size, features" in words
    assert "fixed = { batch_size = …, features = … }" in words
    assert "not found" in output


def test_an_argument_matched_by_position_is_said(inspect, tmp_path):
    (tmp_path / "lab.py").write_text(LAB.replace("n_in", "first").replace("n_out", "second"))
    words = " ".join(block(inspect().output, "Linear").split())
    assert "first = in_features (by position)" in words
    assert "Dense(first) is taken for in_features, by its position" in words


def test_a_binding_that_is_written_says_the_same(inspect, tmp_path):
    result = inspect("--write-binding", "mine.toml")
    assert result.exit_code == 0
    options = {"layers": ["Linear"], "profile": "quick", "oracle": "recorded"}
    detected = conformance.grade("lab.py", **options)
    bound = conformance.grade("lab.py", binding="mine.toml", **options)
    assert detected.ok
    assert [(v.id, v.status) for v in bound.verdicts] == [
        (v.id, v.status) for v in detected.verdicts
    ]
    again = inspect("--write-binding", "mine.toml")
    assert again.exit_code == 2
    assert "mine.toml exists" in again.output


def test_a_binding_that_cannot_be_written_is_one_message(inspect):
    result = inspect("--write-binding", "lab.py/mine.toml")
    assert result.exit_code == 2
    [line] = result.output.splitlines()
    assert line.startswith("conformance: lab.py/mine.toml: cannot be written: ")


def test_a_binding_is_not_written_through_a_link(inspect, tmp_path):
    (tmp_path / "mine.toml").symlink_to(tmp_path / "elsewhere.toml")
    assert inspect("--write-binding", "mine.toml").exit_code == 0
    assert not (tmp_path / "elsewhere.toml").exists()
    assert "Dense" in (tmp_path / "mine.toml").read_text()


def test_json(inspect):
    rows = {row["spec"]: row for row in json.loads(inspect("--json").output)}
    assert rows["Linear"]["target"] == "Dense"
    assert rows["Linear"]["tensors"]["weight"]["layout"] == "in out"
    assert rows["Linear"]["others"] == ["Affine"]
    assert rows["ReLU"]["target"] == ""


def test_nothing_to_grade_lists_what_there_is(inspect, tmp_path):
    (tmp_path / "lab.py").write_text("class Gadget: pass\n")
    result = inspect()
    assert result.exit_code == 2
    assert "its classes: Gadget" in result.output
    (tmp_path / "conformance.toml").write_text("[Linear]\ntarget = 1\n")
    assert "conformance.toml:2: Linear.target: should be a string" in inspect().output


def test_the_choice_between_two_candidates_is_in_the_report(inspect):
    report = conformance.grade("lab.py", layers=["Linear"], profile="quick", oracle="recorded")
    assert report.notes == ("Dense is graded as Linear, not Affine",)
    assert "Dense is graded as Linear, not Affine" in str(report)


def test_a_package_with_nothing_in_it_names_its_modules(inspect, tmp_path):
    package = tmp_path / "only_modules"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "layers.py").touch()
    result = CliRunner().invoke(app, ["inspect", "only_modules"])
    assert result.exit_code == 2
    assert "(its classes: none; its modules: layers)" in result.stderr
