"""Bindings: what they say is done, and what is wrong with them is said with its line."""

import textwrap
from pathlib import Path

import numpy as np
import pytest

import conformance
from conformance.candidates.loading.paths import ImplementationError
from conformance.candidates.wiring.binding_file import (
    BindingError,
    binding_json_schema_text,
    parse_binding,
)
from conformance.misreadings import CATALOGUE, register
from conformance.records.text import describe
from reference_impls import numpy_reference as reference

LAYERS = '''
import numpy as np

class Param:
    def __init__(self, array):
        self.store, self.slope = array, np.zeros_like(array)

class Projection:
    """Linear under names that nobody could guess, with gradients that are overwritten."""

    def __init__(self, a, b, verbose):
        assert verbose is False
        self.m, self.offset_of_the_line = Param(np.zeros((a, b))), np.zeros((b, 1))

    def forward(self, x):
        self.x = x
        return x @ self.m.store + self.offset_of_the_line[:, 0]

    def backward(self, dy):
        axes = tuple(range(dy.ndim - 1))
        self.m.slope = np.tensordot(self.x, dy, (axes, axes))
        self.slope_of_the_offset = dy.sum(axis=axes)[:, None]
        return dy @ self.m.store.T

class Nothing:
    pass

class Normaliser:
    """A bare normalisation whose alpha is the share of the past; arrays come with the input."""

    def __init__(self, alpha=0.5, eps=1e-3):
        self.alpha, self.eps, self.training = alpha, eps, True
        self.moving_mean = self.moving_variance = None

    def forward(self, x):
        if self.moving_mean is None:
            self.moving_mean, self.moving_variance = np.zeros(x.shape[1]), np.ones(x.shape[1])
        mean, var = self.moving_mean, self.moving_variance
        if self.training:
            mean, var = x.mean(axis=0), x.var(axis=0)
            past, n = self.alpha, len(x)
            self.moving_mean = past * self.moving_mean + (1 - past) * mean
            self.moving_variance = past * self.moving_variance + (1 - past) * var * n / (n - 1)
        self.std, self.batch = np.sqrt(var + self.eps), self.training
        self.y = (x - mean) / self.std
        return self.y

    def backward(self, dy):
        if self.batch:
            dy = dy - dy.mean(axis=0) - self.y * (dy * self.y).mean(axis=0)
        return dy / self.std

class Pool:
    """Channels last; kernel = stride."""

    def __init__(self, size):
        self.size = size

    def forward(self, x):
        n, h, w, c = x.shape
        k = self.size
        h, w = h // k * k, w // k * k
        cells = x[:, :h, :w].reshape(n, h // k, k, w // k, k, c).transpose(0, 1, 3, 5, 2, 4)
        self.cells, self.shape = cells.reshape(*cells.shape[:4], -1), x.shape
        return self.cells.max(axis=-1)

    def backward(self, dy):
        n, h, w, c = self.shape
        k = self.size
        first = self.cells.argmax(axis=-1)[..., None]
        grads = np.zeros(self.cells.shape, dy.dtype)
        np.put_along_axis(grads, first, dy[..., None], -1)
        grads = grads.reshape(*grads.shape[:4], k, k).transpose(0, 1, 4, 2, 5, 3)
        dx = np.zeros(self.shape, dy.dtype)
        inner = grads.reshape(n, grads.shape[1] * k, grads.shape[3] * k, c)
        dx[:, : inner.shape[1], : inner.shape[2]] = inner
        return dx
'''
BINDING = """
[Linear]
target = "Projection"
arguments = { a = "in_features", b = "out_features" }
fixed = { verbose = false }
always = { bias = true }
conventions = ["gradients-overwritten"]

[Linear.parameters]
weight = { name = "m.store", gradient = "m.slope", layout = "in out" }
bias = { name = "offset_of_the_line", gradient = "slope_of_the_offset", layout = "out 1" }

[BatchNorm1d]
target = "Normaliser"
arguments = { alpha = "1 - momentum" }
ranks = [2]

[MaxPool2d]
target = "Pool"
channels_last = true
float64_only = true
"""


class Overwrites(reference.Linear):
    def backward(self, grad_output):
        self.zero_grad()
        return super().backward(grad_output)


@pytest.fixture
def grade(tmp_path, monkeypatch):
    """Grade layers of a file with a binding beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab.py").write_text(LAYERS)
    if ("Linear", "gradients-overwritten") not in CATALOGUE:
        monkeypatch.setattr("conformance.misreadings.catalogue.CATALOGUE", CATALOGUE)
        register("Linear", "gradients-overwritten", {"Linear": Overwrites})

    def run(layer, binding=BINDING, **options):
        (tmp_path / "conformance.toml").write_text(textwrap.dedent(binding))
        options = {"profile": "quick", "oracle": "recorded", **options}
        return conformance.grade("lab.py", layers=[layer], **options)

    return run


def test_names_layouts_and_fixed_arguments(grade):
    report = grade("Linear")
    assert report.ok
    assert report.summary.passed > 100
    reasons = set(report.layers[0].skipped)
    assert reasons == {
        "Projection() always has bias = true",
        "not owed under the declared convention gradients-overwritten",
    }


def test_a_declared_convention_is_in_the_report_and_its_checks_are_not_owed(grade):
    report = grade("Linear")
    [declared] = [c for c in report.conventions if c.layer == "Linear"]
    assert (declared.layer, declared.id) == ("Linear", "gradients-overwritten")
    assert declared.where == "conformance.toml:7"
    assert "declared for Linear: gradients-overwritten (conformance.toml:7): backward" in str(
        report
    )
    statuses = {v.status for v in report.verdicts if v.check == "accumulation"}
    assert statuses == {"skipped"}
    undeclared = grade("Linear", BINDING.replace('conventions = ["gradients-overwritten"]', ""))
    assert {v.check for v in undeclared.verdicts if v.status == "failed"} == {"accumulation"}


def test_a_failure_by_a_convention_shows_the_lines_that_declare_it(grade):
    report = grade("Linear", BINDING.replace('conventions = ["gradients-overwritten"]', ""))
    failure = next(v for v in report.verdicts if v.check == "accumulation" and v.findings)
    assert failure.severity == "convention"
    assert (
        "Where this is meant, declare it in a binding:\n"
        "    [Linear]\n"
        '    conventions = ["gradients-overwritten"]'
    ) in describe(failure)


def test_what_is_declared_but_not_done_fails(grade, tmp_path):
    """MSE is declared to be the mean over the batch, but takes PyTorch's mean."""

    class OverTheBatch(reference.MSELoss):
        def forward(self, input, target):
            return super().forward(input, target) * (input.shape[1] if input.ndim > 1 else 1)

        def backward(self, grad_output=1.0):
            dx = super().backward(grad_output)
            return dx * (dx.shape[1] if dx.ndim > 1 else 1)

    if ("MSELoss", "mean-over-the-batch") not in CATALOGUE:
        register("MSELoss", "mean-over-the-batch", {"MSELoss": OverTheBatch})
    (tmp_path / "mse.toml").write_text('[MSELoss]\nconventions = ["mean-over-the-batch"]\n')
    options = {"profile": "quick", "oracle": "recorded", "layers": ["MSELoss"]}
    report = conformance.grade({"MSELoss": reference.MSELoss}, binding="mse.toml", **options)
    assert "forward" in {v.check for v in report.verdicts if v.status == "failed"}
    follows = CATALOGUE["MSELoss", "mean-over-the-batch"]["MSELoss"]
    assert conformance.grade({"MSELoss": follows}, binding="mse.toml", **options).ok
    assert not conformance.grade({"MSELoss": follows}, **options).ok


def test_transformed_arguments_lazy_arrays_and_ranks(grade):
    report = grade("BatchNorm1d")
    assert report.ok
    assert report.summary.passed > 30
    [row] = report.layers
    assert "Normaliser() always has affine = false" in row.skipped
    assert "Normaliser makes its arrays at the first forward" in report.notes
    assert "Normaliser has no weight and no bias: graded as affine = false" in report.notes
    without = grade("BatchNorm1d", BINDING.replace('{ alpha = "1 - momentum" }', "{}"))
    assert "running_mean" in {v.check for v in without.verdicts if v.status == "failed"}


def test_channels_last_and_float64_only(grade):
    report = grade("MaxPool2d")
    assert report.ok
    assert report.summary.passed >= 10
    assert "float64 only, says conformance.toml:21" in report.layers[0].skipped
    assert [c.id for c in report.conventions if c.layer == "MaxPool2d"] == ["float64-only"]
    assert not grade("MaxPool2d", BINDING.replace("channels_last = true", "")).ok


def test_a_binding_without_its_target_says_where(grade):
    report = grade("Linear", BINDING.replace('"Projection"', '"Projektion"'))
    reasons = {f.message for v in report.verdicts for f in v.findings}
    assert reasons == {"conformance.toml:3: lab.py has no Projektion (did you mean Projection?)"}


WRONG = """\
[Liner]
[Linear]
taget = "Dense"
arguments = { n = "in_feature", m = "import os" }
parameters = { wieght = "W", bias = { layout = "in out" } }
always = { padding = 1 }
conventions = ["overwritten", "weight-gradient-mean"]
"""


def test_every_mistake_of_a_binding_is_reported_with_its_line():
    with pytest.raises(BindingError) as caught:
        parse_binding(WRONG, "b.toml")
    lines = str(caught.value).splitlines()
    assert lines[0] == "b.toml:3: Linear.taget: unknown key (did you mean target?)"
    assert lines[1].startswith("b.toml:4: Linear.arguments.m: 'import os' is not an expression")
    well_formed = WRONG.replace("taget", "target").replace(', m = "import os"', "")
    with pytest.raises(BindingError) as caught:
        parse_binding(well_formed, "b.toml")
    assert str(caught.value).splitlines() == [
        "b.toml:1: Liner: there is no such spec (did you mean Linear?)",
        "b.toml:4: Linear.arguments.n: Linear has no argument in_feature "
        "(did you mean in_features?)",
        "b.toml:5: Linear.parameters.wieght: Linear has no parameter or buffer wieght "
        "(did you mean weight?)",
        "b.toml:5: Linear.parameters.bias.layout: 'in out' names 2 axes, but bias has 1",
        "b.toml:6: Linear.always.padding: Linear has no argument padding "
        "(known: in_features, out_features, bias)",
        "b.toml:7: Linear.conventions[0]: Linear has no convention overwritten "
        "(did you mean gradients-overwritten?)",
        "b.toml:7: Linear.conventions[1]: weight-gradient-mean is a mistake, not a convention: "
        "grad_weight is divided by the batch size: backward must sum over the batch, because the "
        "loss has already taken its mean",
    ]


def test_a_broken_binding_is_one_message(grade, tmp_path):
    with pytest.raises(ImplementationError, match=r"conformance.toml:1: .*not valid TOML"):
        grade("Linear", "[Linear")
    with pytest.raises(ImplementationError, match=r"none.toml:1: cannot be read: No such file"):
        conformance.grade("lab.py", binding="none.toml")


def test_a_module_names_its_binding(grade, tmp_path, monkeypatch):
    (tmp_path / "package_of_mine.py").write_text(
        LAYERS + '\n__conformance_binding__ = "mine.toml"\n'
    )
    (tmp_path / "mine.toml").write_text(BINDING)
    options = {"profile": "quick", "oracle": "recorded", "tier": "core"}
    monkeypatch.syspath_prepend(tmp_path)
    report = conformance.grade("package_of_mine", layers=["Linear"], **options)
    assert report.ok
    assert report.conventions[0].where == "mine.toml:7"


def test_the_published_schema_is_current():
    published = Path(__file__).parent.parent.parent / "docs" / "binding.schema.json"
    assert published.read_text(encoding="utf-8") == binding_json_schema_text()


def test_a_declaration_is_a_binding():
    from conformance.candidates.wiring.binding_file import declaration

    parsed = parse_binding(declaration("Linear", "gradients-overwritten"), "x.toml")
    assert parsed.get("Linear").conventions == ["gradients-overwritten"]
    assert np.all(parsed.get("ReLU").ranks == [])


def test_a_target_in_a_module_that_the_package_does_not_import(grade, tmp_path):
    package = tmp_path / "package_of_parts"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "broken.py").write_text("1 / 0\n")
    (package / "shape.py").write_text(
        "class Nothing:\n"
        "    def forward(self, x): return x\n"
        "    def backward(self, dy): return dy\n"
    )
    binding = tmp_path / "binding.toml"
    options = {"profile": "quick", "oracle": "recorded", "layers": ["Identity"]}
    binding.write_text('[Identity]\ntarget = "shape.Nothing"\n')
    assert conformance.grade("package_of_parts", binding=binding, **options).ok
    binding.write_text('[Identity]\ntarget = "shape.Nothin"\n')
    report = conformance.grade("package_of_parts", binding=binding, **options)
    assert "package_of_parts has no shape.Nothin" in report.verdicts[0].findings[0].message


def test_nothing_serves_a_spec_with_an_empty_target(tmp_path):
    binding = tmp_path / "binding.toml"
    binding.write_text('[Linear]\ntarget = ""\n')
    report = conformance.grade("reference", ["Linear"], binding=binding, profile="quick")
    assert {v.reason for v in report.verdicts} == {"not implemented"}


def test_a_case_without_a_value_for_an_expression_is_skipped(tmp_path):
    binding = tmp_path / "binding.toml"
    binding.write_text('[BatchNorm1d]\narguments = { momentum = "1 - (1 - momentum)" }\n')
    report = conformance.grade("reference", ["BatchNorm1d"], binding=binding, profile="quick")
    cumulative = [v for v in report.verdicts if v.case == "cumulative-average"]
    assert {v.status for v in cumulative} == {"skipped"}
    assert "has no value for momentum=None" in cumulative[0].reason
    assert report.summary.passed > 100
