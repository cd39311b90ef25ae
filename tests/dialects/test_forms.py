"""Optimizers, schedulers and gradients of functions in every form that docs/dialects.md names."""

import textwrap

import pytest

import conformance

FORMS = {
    "pairs": """
        class SGD:
            def __init__(self, params, learning_rate, momentum=0):
                self.params, self.lr, self.momentum = params, learning_rate, momentum
                self.velocities = {}
            def step(self):
                for key, (p, g) in enumerate(self.params):
                    velocity = self.momentum * self.velocities.get(key, 0) + g
                    self.velocities[key] = velocity
                    p -= self.lr * velocity
            def zero_grad(self):
                for _, g in self.params:
                    g.fill(0)
    """,
    "variables": """
        class SGD:
            def __init__(self, parameters, lr=1e-3, momentum=0):
                self.parameters, self.lr, self.momentum = list(parameters), lr, momentum
                self.velocities = {}
            def step(self):
                for key, p in enumerate(self.parameters):
                    velocity = self.momentum * self.velocities.get(key, 0) + p.grad
                    self.velocities[key] = velocity
                    p.value = p.value - self.lr * velocity
    """,
    "layers": """
        class SGD:
            def __init__(self, layers, lr=1e-3, momentum=0):
                self.layers, self.lr, self.momentum = layers, lr, momentum
                self.velocities = {}
            def step(self):
                for key, layer in enumerate(self.layers):
                    velocity = self.momentum * self.velocities.get(key, 0) + layer.grad_weight
                    self.velocities[key] = velocity
                    layer.weight -= self.lr * velocity
                    layer.bias -= self.lr * layer.grad_bias
    """,
    "lists of arrays": """
        class SGD:
            def __init__(self, params, grads, lr=1e-3, momentum=0):
                self.params, self.grads, self.lr, self.momentum = params, grads, lr, momentum
                self.velocities = {}
            def step(self):
                for key, (p, g) in enumerate(zip(self.params, self.grads)):
                    velocity = self.momentum * self.velocities.get(key, 0) + g
                    self.velocities[key] = velocity
                    p -= self.lr * velocity
    """,
    "update(layer, layer_id)": """
        class SGD:
            def __init__(self, learning_rate=1e-3, momentum=0):
                self.lr, self.momentum, self.velocities = learning_rate, momentum, {}
            def update_params(self, layer):
                key = id(layer)
                velocity = self.momentum * self.velocities.get(key, 0) + layer.dweights
                self.velocities[key] = velocity
                layer.weights += -self.lr * velocity
                layer.biases += -self.lr * layer.dbiases
    """,
    "update(parameters, gradients)": """
        class SGD:
            def __init__(self, lr=1e-3, momentum=0):
                self.lr, self.momentum, self.velocities = lr, momentum, {}
            def update(self, params, grads):
                for key, p in enumerate(params):
                    velocity = self.momentum * self.velocities.get(key, 0) + grads[key]
                    self.velocities[key] = velocity
                    p -= self.lr * velocity
    """,
    "step(net)": """
        class SGD:
            def __init__(self, lr=1e-3, momentum=0):
                self.lr, self.momentum, self.velocities = lr, momentum, {}
            def step(self, net):
                for key, (p, g) in enumerate(net.params_and_grads()):
                    velocity = self.momentum * self.velocities.get(key, 0) + g
                    self.velocities[key] = velocity
                    p -= self.lr * velocity
    """,
    "update(parameter, gradient, name)": """
        class SGD:
            def __init__(self, lr=1e-3, momentum=0):
                self.lr, self.momentum, self.velocities = lr, momentum, {}
            def step(self):
                self.steps = getattr(self, "steps", 0) + 1
            def update(self, p, g, key):
                velocity = self.momentum * self.velocities.get(key, 0) + g
                self.velocities[key] = velocity
                return p - self.lr * velocity
    """,
    "f(variables, gradients, config, state)": """
        def sgd_momentum(variables, gradients, config, state):
            velocities = state.setdefault("velocities", {})
            key = 0
            for layer, layer_gradients in zip(variables, gradients):
                for p, g in zip(layer, layer_gradients):
                    velocity = config["momentum"] * velocities.get(key, 0) + g
                    velocities[key] = velocity
                    np.subtract(p, config["learning_rate"] * velocity, out=p)
                    key += 1
    """,
    "f(w, dw, config)": """
        def sgd_momentum(w, dw, config=None):
            velocity = config["momentum"] * config.get("velocity", 0) + dw
            config["velocity"] = velocity
            return w - config["learning_rate"] * velocity, config
    """,
}


@pytest.fixture
def grade(tmp_path, monkeypatch):
    def run(source, layer):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "lab.py").write_text("import numpy as np\n" + textwrap.dedent(source))
        options = {"profile": "quick", "oracle": "recorded"}
        return conformance.grade("lab.py", layers=[layer], **options)

    return run


def statuses(report, check):
    return {v.status for v in report.verdicts if v.check == check and v.status != "skipped"}


@pytest.mark.parametrize("form", FORMS)
def test_an_optimizer_in_each_form(grade, form):
    report = grade(FORMS[form], "SGD")
    assert report.ok
    ran = {v.case for v in report.verdicts if v.status == "passed"}
    assert {"default", "plain", "momentum"} <= ran
    reasons = {v.case: v.reason for v in report.verdicts if v.status == "skipped"}
    assert "nesterov" in reasons["nesterov"]


@pytest.mark.parametrize("form", FORMS)
def test_a_wrong_optimizer_in_each_form(grade, form):
    source = FORMS[form].replace(".get(key, 0)", ".get(key, 0) / 2")
    report = grade(source.replace('.get("velocity", 0)', '.get("velocity", 0) / 2'), "SGD")
    assert statuses(report, "trajectory") == {"passed", "failed"}
    failed = {v.case for v in report.verdicts if v.status == "failed"}
    assert failed == {"momentum"}


@pytest.mark.parametrize("form", FORMS)
def test_the_rate_can_be_set_in_each_form(grade, form):
    assert statuses(grade(FORMS[form], "SGD"), "rate_followed") == {"passed"}
    rate = 'config["learning_rate"]' if "config" in form else "self.lr"
    inside = FORMS[form].replace(f"{rate} * velocity", "velocity")
    for gradient in ("g", "grads[key]", "p.grad", "layer.grad_weight", "layer.dweights", "dw"):
        inside = inside.replace(f") + {gradient}\n", f") + {rate} * {gradient}\n")
    report = grade(inside, "SGD")
    failed = [v for v in report.verdicts if v.status == "failed"]
    assert {(v.case, v.check) for v in failed} == {("momentum", "rate_followed")}
    assert {v.severity for v in failed} == {"convention"}


def test_an_optimizer_whose_rate_cannot_be_set_is_skipped(grade):
    report = grade(FORMS["pairs"].replace("self.lr", "self._step_size"), "SGD")
    reasons = {v.reason for v in report.verdicts if v.check == "rate_followed"}
    assert report.ok
    assert any(
        reason.startswith("SGD has no attribute lr or learning_rate or eta")
        and "its rate cannot be changed between steps" in reason
        for reason in reasons
    )


@pytest.mark.parametrize("form", ["variables", "f(w, dw, config)"])
def test_an_array_put_in_the_place_of_another_has_its_dtype(grade, form):
    source = FORMS[form].replace("p.value - ", "p.value.astype(float) - ")
    report = grade(source.replace("return w - ", "return w.astype(float) - "), "SGD")
    said = {f.message for v in report.verdicts if v.check == "step_dtype" for f in v.findings}
    assert statuses(report, "trajectory") == {"passed"}
    assert "param_0 has dtype float64 after step()" in said


def test_an_optimizer_that_nobody_can_drive_says_so(grade):
    report = grade("class SGD:\n    def step(self): pass\n", "SGD")
    assert not report.ok


def test_a_scheduler_under_other_names(grade):
    source = """
        class StepDecay:
            def __init__(self, optimizer, step_size, gamma=0.1):
                self.optimizer, self.step_size, self.gamma = optimizer, step_size, gamma
                self.lr0, self.t = optimizer.learning_rate, 0
            def step(self):
                self.t += 1
                rate = self.lr0 * self.gamma ** (self.t // self.step_size)
                self.optimizer.learning_rate = rate
    """
    report = grade(source, "StepLR")
    assert report.ok
    assert report.notes == ("StepDecay is graded as StepLR",)


GRADIENTS = {
    "with the gradient of the output first": (
        "def tanh_backward(dout, x): return dout / np.cosh(x)**2"
    ),
    "with the gradient of the output last": "def d_tanh(x, grad): return grad / np.cosh(x)**2",
    "of the input": "def tanh_derivative(x): return 1 - np.tanh(x)**2",
    "of the output": "def tanh_prime(y): return 1 - y**2",
}


@pytest.mark.parametrize("form", GRADIENTS)
def test_the_gradient_of_a_function_in_each_form(grade, form):
    source = "def tanh(x):\n    return np.tanh(x)\n" + GRADIENTS[form]
    report = grade(source, "Tanh")
    assert report.ok
    assert statuses(report, "grad_input") == {"passed"}
    wrong = grade(source.replace("**2", "**4"), "Tanh")
    assert "failed" in statuses(wrong, "grad_input")


def test_cross_entropy_functions_with_one_hot_targets_get_them(grade):
    source = """
        class CrossEntropy:
            def forward(self, scores, rows):
                z = scores - scores.max(axis=1, keepdims=True)
                self.log_p, self.rows = z - np.log(np.exp(z).sum(axis=1, keepdims=True)), rows
                assert rows.shape == scores.shape
                return -(self.log_p * rows).sum(axis=1).mean()
            def backward(self):
                return (np.exp(self.log_p) - self.rows) / (self.rows.size // self.rows.shape[1])
    """
    report = grade(source, "CrossEntropyLoss")
    assert "CrossEntropy is given one-hot targets" in report.notes
    assert report.ok
    assert statuses(report, "forward") == {"passed"}


@pytest.mark.parametrize("names", ["y, y_pred", "target, output", "y_true, p"])
def test_losses_that_take_the_target_first(grade, names):
    target, prediction = names.split(", ")
    mean = f"np.mean(({prediction} - {target}) ** 2)"
    slope = f"2 * ({prediction} - {target}) / {target}.size"
    source = {
        "class": f"""
            class MSE:
                def loss(self, {names}): return {mean}
                def grad(self, {names}): return {slope}
        """,
        "remembering": f"""
            class MSELoss:
                def __call__(self, {names}):
                    self.slope = {slope}
                    return {mean}
                def gradient(self): return self.slope
        """,
        "with a backward": f"""
            class MSELoss:
                def forward(self, {names}):
                    self.slope = {slope}
                    return {mean}
                def backward(self, grad_output=1.0): return grad_output * self.slope
        """,
        "functions": f"""
            def mse({names}): return {mean}
            def grad_mse({names}): return {slope}
        """,
    }
    for text in source.values():
        report = grade(text, "MSELoss")
        assert report.ok
        assert statuses(report, "grad_input") == {"passed"}
        wrong = grade(text.replace("2 * (", "1 * ("), "MSELoss")
        assert statuses(wrong, "grad_input") == {"failed"}


def test_a_prediction_called_y_is_not_taken_for_the_target(grade):
    source = """
        class MSELoss:
            def forward(self, y, t):
                self.slope = 2 * (y - t) / y.size
                return np.mean((y - t) ** 2)
            def backward(self): return self.slope
    """
    assert grade(source, "MSELoss").ok


def test_a_layer_that_keeps_inputs_and_makes_its_dictionary_at_the_first_forward(grade):
    source = """
        class Dense:
            def __init__(self, n_out):
                self.n_out, self.parameters, self.kept = n_out, {"W": None, "b": None}, []
            def forward(self, x):
                if self.parameters["W"] is None:
                    self.parameters = {"W": np.zeros((x.shape[1], self.n_out)),
                                       "b": np.zeros((1, self.n_out))}
                    self.flush_gradients()
                self.kept.append(x)
                return x @ self.parameters["W"] + self.parameters["b"]
            def backward(self, dy):
                x, = self.kept
                self.gradients["W"] += x.T @ dy
                self.gradients["b"] += dy.sum(axis=0, keepdims=True)
                return dy @ self.parameters["W"].T
            def flush_gradients(self):
                self.kept = []
                self.gradients = {k: np.zeros_like(v) for k, v in self.parameters.items()}
    """
    report = grade(source, "Linear")
    assert "Dense makes its arrays at the first forward" in report.notes
    found = {v.status for v in report.verdicts if v.check == "grad_weight" and v.case == "default"}
    assert found == {"passed"}
