"""Layers that share no code with the misreadings are diagnosed; right ones never are."""

import textwrap

import numpy as np
import pytest

import conformance

LINEAR = """
class Linear:
    def __init__(self, in_features, out_features, bias=True):
        self.weight = np.random.default_rng(0).normal(size=(out_features, in_features))
        self.grad_weight = np.zeros_like(self.weight)
        if bias:
            self.bias = np.zeros(out_features)
            self.grad_bias = np.zeros(out_features)
        else:
            self.bias = None

    def forward(self, x):
        self.x = x.copy()
        y = x @ self.weight.T
        return y if self.bias is None else y + self.bias

    def backward(self, g):
        rows, grads = self.x.reshape(-1, self.x.shape[-1]), g.reshape(-1, g.shape[-1])
        self.grad_weight += grads.T @ rows
        if self.bias is not None:
            self.grad_bias += grads.sum(axis=0)
        return g @ self.weight

    def zero_grad(self):
        self.grad_weight[...] = 0
        if self.bias is not None:
            self.grad_bias[...] = 0
"""

BATCHNORM = """
class BatchNorm2d:
    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True):
        self.eps, self.momentum, self.affine = eps, momentum, affine
        self.track, self.training, self.count = track_running_stats, True, 0
        if affine:
            self.weight, self.bias = np.ones(num_features), np.zeros(num_features)
            self.grad_weight, self.grad_bias = np.zeros(num_features), np.zeros(num_features)
        if self.track:
            self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def train(self):
        self.training = True

    def eval(self):
        self.training = False

    def zero_grad(self):
        if self.affine:
            self.grad_weight[...] = self.grad_bias[...] = 0

    def _column(self, v):
        return np.asarray(v)[None, :, None, None]

    def forward(self, x):
        self.by_batch = self.training or not self.track
        if self.by_batch:
            mean, var = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
            if self.track:
                n = x.size // x.shape[1]
                self.count += 1
                m = 1 / self.count if self.momentum is None else self.momentum
                self.running_mean = (1 - m) * self.running_mean + m * mean
                self.running_var = (1 - m) * self.running_var + m * var * n / (n - 1)
        else:
            mean, var = self.running_mean, self.running_var
        self.std = self._column(np.sqrt(var + self.eps))
        self.z = (x - self._column(mean)) / self.std
        if not self.affine:
            return self.z.copy()
        return self._column(self.weight) * self.z + self._column(self.bias)

    def backward(self, g):
        if self.affine:
            self.grad_weight += (g * self.z).sum(axis=(0, 2, 3))
            self.grad_bias += g.sum(axis=(0, 2, 3))
            g = g * self._column(self.weight)
        if not self.by_batch:
            return g / self.std
        mean = g.mean(axis=(0, 2, 3), keepdims=True)
        slope = (g * self.z).mean(axis=(0, 2, 3), keepdims=True)
        return (g - mean - self.z * slope) / self.std
"""

MSE = """
class MSELoss:
    def __init__(self, reduction="mean"):
        self.reduction = reduction

    def forward(self, input, target):
        if input.shape != target.shape:
            raise ValueError(f"input {input.shape} and target {target.shape} differ in shape")
        self.d = input - target
        if self.reduction == "none":
            return self.d ** 2
        return (self.d ** 2).sum() if self.reduction == "sum" else (self.d ** 2).mean()

    def backward(self, g):
        n = self.d.size if self.reduction == "mean" else 1
        return 2 * self.d * g / n, -2 * self.d * g / n
"""

SOFTMAX = """
class Softmax:
    def __init__(self, dim=1):
        self.dim = dim

    def forward(self, x):
        e = np.exp(x - x.max(axis=self.dim, keepdims=True))
        self.y = e / e.sum(axis=self.dim, keepdims=True)
        return self.y.copy()

    def backward(self, g):
        return self.y * (g - (g * self.y).sum(axis=self.dim, keepdims=True))
"""

SGD = """
class SGD:
    def __init__(self, params, lr=1e-3, momentum=0.0):
        self.params, self.lr, self.momentum, self.v = list(params), lr, momentum, {}

    def step(self):
        for i, (p, g) in enumerate(self.params):
            v = self.momentum * self.v[i] + g if i in self.v else g.copy()
            self.v[i] = v
            p -= self.lr * v

    def zero_grad(self):
        for _, g in self.params:
            g[...] = 0
"""


def graded(source, layer):
    namespace = {"np": np}
    exec(textwrap.dedent(source), namespace)
    wrong = {layer: namespace[layer]}
    return conformance.grade(
        wrong, layers=[layer], tier="full", oracle="recorded", profile="quick"
    ).verdicts


@pytest.mark.parametrize(
    ("layer", "source", "right", "wrong", "check", "misreading"),
    [
        ("Linear", LINEAR, "grads.T @ rows", "grads.T @ rows / len(rows)", "grad_weight",
         "weight-gradient-mean"),
        ("Linear", LINEAR, "+= grads.sum(axis=0)", "+= grads.mean(axis=0)", "grad_bias",
         "bias-gradient-mean"),
        ("Linear", LINEAR, "self.grad_weight +=", "self.grad_weight =", "accumulation",
         "gradients-overwritten"),
        ("BatchNorm2d", BATCHNORM, "m * var * n / (n - 1)", "m * var", "running_var",
         "biased-running-var"),
        ("BatchNorm2d", BATCHNORM, "np.sqrt(var + self.eps)", "np.sqrt(var) + self.eps", "forward",
         "eps-outside-the-root"),
        ("BatchNorm2d", BATCHNORM, "if not self.by_batch:", "if False:", "grad_input",
         "eval-backward-as-in-train"),
        ("BatchNorm2d", BATCHNORM, "(g - mean - self.z * slope)", "(g - mean)", "grad_input",
         "path-through-the-variance-missing"),
        ("MSELoss", MSE, "return 2 * self.d * g / n, -2 * self.d * g / n",
         "return self.d * g / n, -self.d * g / n", "grad_input", "gradient-without-the-2"),
        ("MSELoss", MSE, "(self.d ** 2).mean()", "(self.d ** 2).mean() / 2", "forward", "half"),
        ("Softmax", SOFTMAX, "self.y * (g - (g * self.y).sum(axis=self.dim, keepdims=True))", "g",
         "grad_input", "straight-through"),
        ("Softmax", SOFTMAX, "(g - (g * self.y).sum(axis=self.dim, keepdims=True))",
         "g * (1 - self.y)", "grad_input", "diagonal-only"),
        ("SGD", SGD, "self.momentum * self.v[i] + g if",
         "self.momentum * self.v[i] + (1 - self.momentum) * g if", "trajectory", None),
    ],
)  # fmt: skip
def test_a_mistake_written_by_somebody_else_is_named(
    layer, source, right, wrong, check, misreading
):
    assert right in source
    failed = [v for v in graded(source.replace(right, wrong), layer) if v.check == check]
    failed = [v for v in failed if v.status == "failed"]
    assert failed
    if misreading is not None:
        named = [v for v in failed if misreading in {d.id for d in v.diagnoses}]
        assert len(named) >= 0.9 * len(failed)


@pytest.mark.parametrize(
    ("layer", "source"),
    [
        ("Linear", LINEAR),
        ("BatchNorm2d", BATCHNORM),
        ("MSELoss", MSE),
        ("Softmax", SOFTMAX),
        ("SGD", SGD),
    ],
)
def test_a_right_layer_is_not_diagnosed(layer, source):
    verdicts = graded(source, layer)
    assert [v.id for v in verdicts if v.status in ("failed", "errored") or v.diagnoses] == []


def test_a_convention_has_its_severity_and_the_line_that_declares_it():
    verdicts = graded(BATCHNORM.replace("m * var * n / (n - 1)", "m * var"), "BatchNorm2d")
    [verdict] = [v for v in verdicts if v.id.endswith("::running_var[default-train]")]
    assert verdict.severity == "convention"
    assert 'conventions = ["biased-running-var"]' in verdict.diagnoses[0].declare


def test_a_wrong_gradient_beside_a_right_forward_is_no_convention_of_another_forward():
    wrong = MSE.replace("2 * self.d * g / n, -2 * self.d * g / n",
                        "2 * self.d * g / len(self.d), -2 * self.d * g / len(self.d)")  # fmt: skip
    failed = [v for v in graded(wrong, "MSELoss") if v.check == "grad_input" and v.diagnoses]
    assert failed
    named = {diagnosis.id for verdict in failed for diagnosis in verdict.diagnoses}
    assert "gradient-over-the-batch" in named
    assert "mean-over-the-batch" not in named
    assert {verdict.severity for verdict in failed} == {"wrong"}
