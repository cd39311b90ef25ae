"""conformance.check_gradients: of functions, layers and losses."""

import copy
import io
import random
import re
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

import conformance
from conformance import assert_gradients, check_gradients
from conformance.gradients import surroundings
from conformance.misreadings.linear import WeightGradientMean
from reference_impls import numpy_reference as reference

X = np.random.default_rng(0).normal(size=(4, 3))
IMAGE = np.random.default_rng(1).normal(size=(2, 2, 5, 4))
CLASSES = np.array([0, 2, 1, 1])


def square(x):
    return (x**2).sum(), 2 * x


def said(result):
    """The text, without the deviations and allowances that rounding decides."""
    masked = re.sub(r"\d\.\de-(0[89]|1\d)|0\.0e\+00", "tiny   ", str(result))
    return re.sub(r"(tiny +)\[\d, \d\]", r"\1[i, j]", masked)


def text(block):
    return textwrap.dedent(block).strip("\n")


class Dense:
    """A layer as students write it: no parameters(), no zero_grad(), and gradients overwritten."""

    def __init__(self):
        self.W, self.b = X[:3, :2].copy(), np.zeros(2)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db, self.dx = self.x.T @ dout, dout.sum(0), dout @ self.W.T
        return self.dx


# Right gradients


@pytest.mark.parametrize(
    ("f", "x", "arguments"),
    [
        (square, X, {}),
        (square, np.float64(3.0), {}),
        (lambda x: (np.log(x).sum(), 1 / x), np.array([1e-5, 0.1, 1e3]), {}),
        (lambda x: (np.sin(1000 * x).sum(), 1000 * np.cos(1000 * x)), X, {}),
        (reference.Linear(3, 2, rng=0), X, {}),
        (reference.Linear(3, 2, rng=0), X + 1000, {}),
        (reference.Linear(3, 2, dtype=np.float32, rng=0), X.astype(np.float32), {}),
        (reference.BatchNorm1d(3), X, {}),
        (reference.BatchNorm1d(3).eval(), X, {}),
        (reference.Conv2d(2, 3, 3, stride=2, padding=1, rng=0), IMAGE, {}),
        (reference.MaxPool2d(2), IMAGE, {}),
        (reference.Softmax(), X, {}),
        (reference.Dropout(rng=0), X, {}),
        (reference.MSELoss(), X, {"target": X[::-1]}),
        (reference.MSELoss(reduction="none"), X, {"target": X[::-1]}),
        (reference.CrossEntropyLoss(), X, {"target": CLASSES}),
        (reference.CrossEntropyLoss(weight=[1.0, 2.0, 3.0]), X, {"target": CLASSES}),
        (Dense(), X, {}),
    ],
)
def test_right_gradients_deviate_by_rounding_only(f, x, arguments):
    result = check_gradients(f, x, **arguments)
    assert result.ok, result
    assert result.dtype == "float64"
    for tensor in result.tensors:
        assert tensor.checked == tensor.numerical.size
        assert tensor.deviation <= 1e-8 * max(1.0, np.abs(tensor.analytic).max())
    assert_gradients(f, x, **arguments)


def test_every_parameter_is_checked_and_found_by_name():
    result = check_gradients(reference.Linear(3, 2, rng=0), X)
    assert [tensor.name for tensor in result.tensors] == ["input", "weight", "bias"]
    assert result["weight"].numerical.shape == (2, 3)
    np.testing.assert_allclose(result["weight"].numerical, result["weight"].analytic, atol=1e-9)


def test_the_parameters_of_containers_have_their_dotted_names():
    net = reference.Sequential(
        reference.Linear(3, 4, rng=0), reference.Tanh(), reference.Linear(4, 2, rng=1)
    )
    result = check_gradients(net, X)
    names = ["input", "0.weight", "0.bias", "2.weight", "2.bias"]
    assert [tensor.name for tensor in result.tensors] == names
    assert result.ok


def test_without_parameters_arrays_with_a_gradient_beside_them_are_the_parameters():
    assert [tensor.name for tensor in check_gradients(Dense(), X).tensors] == ["input", "W", "b"]
    used = Dense()
    used.backward(used.forward(X))  # leaves x beside dx, which are no parameters
    assert [tensor.name for tensor in check_gradients(used, X).tensors] == ["input", "W", "b"]
    assert [t.name for t in check_gradients(Dense(), X, parameters="W").tensors] == ["input", "W"]


def test_losses_and_layers_may_take_the_arguments_of_torch7():
    class Criterion:
        def forward(self, x, target):
            return ((x - target) ** 2).sum()

        def backward(self, x, target):
            return 2 * (x - target)

    class Scale:
        def forward(self, x):
            return 3 * x

        def backward(self, x, grad_output):
            return 3 * grad_output

    class Stored(Criterion):
        def forward(self, x, target):
            self.saved = x, target
            return super().forward(x, target)

        def backward(self):
            return super().backward(*self.saved)

    assert_gradients(Criterion(), X, target=X + 1)
    assert_gradients(Stored(), X, target=X + 1)
    assert_gradients(Scale(), X)


# Wrong gradients


def test_a_gradient_divided_by_the_batch_size_is_explained():
    result = check_gradients(lambda x: ((x**2).sum(), 2 * x / len(x)), np.array([[1.0], [3.0]]))
    assert not result.ok
    assert said(result) == text(
        """
        tensor  shape   largest deviation  at      allowed  verdict
        x       (2, 1)  3.0e+00            [1, 0]  tiny     WRONG
        grad_x[1, 0] = 3, but should be 6
          2 of 2 elements are wrong, each 0.5 times what it should be
        """
    )


def test_the_table_tells_right_tensors_from_wrong_ones():
    layer = WeightGradientMean(2, 1, bias=False, rng=0)
    layer.weight[...] = 1
    result = check_gradients(layer, np.array([[1.0, 2.0], [3.0, 4.0]]), tolerance=1e-6)
    assert [tensor.ok for tensor in result.tensors] == [True, False]
    assert said(result) == text(
        """
        tensor  shape   largest deviation  at      allowed  verdict
        input   (2, 2)  tiny               [i, j]  1.0e-06  ok
        weight  (1, 2)  3.6e+00            [0, 1]  1.0e-06  WRONG
        grad_weight[0, 1] = -3.628937, but should be -7.257874
          2 of 2 elements are wrong, each 0.5 times what it should be
        """
    )


@pytest.mark.parametrize("at", [(0, 0), (3, 2)])
def test_a_relative_error_of_a_millionth_in_one_element_is_found(at):
    def tanh(x):
        gradient = 1 - np.tanh(x) ** 2
        gradient[at] *= 1 + 1e-6
        return np.tanh(x).sum(), gradient

    (tensor,) = check_gradients(tanh, X).tensors
    assert not tensor.ok
    assert tensor.index == at
    assert "elements" not in tensor.message  # only one is wrong


def test_small_errors_are_shown_with_enough_digits():
    result = check_gradients(lambda x: (x.sum(), np.ones(2) + 1e-8), np.array([1.0, 2.0]))
    assert "= 1.00000001, but should be 1" in str(result)


def test_assert_gradients_raises_with_the_table():
    with pytest.raises(AssertionError, match=r"wrong gradients\ntensor .*\nx .* WRONG\ngrad_x"):
        assert_gradients(lambda x: (x.sum(), 0 * x), X)


def test_a_tolerance_replaces_the_derived_one():
    def slightly_wrong(x):
        return (x**2).sum(), 2 * x + 1e-4

    assert not check_gradients(slightly_wrong, X).ok
    (tensor,) = check_gradients(slightly_wrong, X, tolerance=1e-3).tensors
    assert tensor.ok
    assert tensor.tolerance == 1e-3


@pytest.mark.parametrize(
    ("gradient", "message"),
    [
        (lambda x: x.ravel(), "the gradient of x has shape (12,), but x has (4, 3)"),
        (lambda x: None, "the gradient of x is None, not a NumPy array"),
        (lambda x: x.tolist(), "the gradient of x is a list, not a NumPy array"),
        (lambda x: np.where(x == x[2, 1], np.nan, 2 * x), "grad_x[2, 1] = nan, but should be "),
    ],
)
def test_what_is_no_gradient_is_an_entry_with_a_message(gradient, message):
    (tensor,) = check_gradients(lambda x: ((x**2).sum(), gradient(x)), X).tensors
    assert not tensor.ok
    assert tensor.message.startswith(message)
    np.testing.assert_allclose(tensor.numerical, 2 * X, atol=1e-8)


def test_a_backward_that_raises_and_a_missing_gradient_are_entries_too():
    class Raises(Dense):
        def backward(self, dout):
            raise NotImplementedError("later")

    class Forgets(Dense):
        def backward(self, dout):
            self.dW = self.x.T @ dout
            return dout @ self.W.T

    raised = check_gradients(Raises(), X, parameters=["W"])
    assert re.sub(r"\(\S+ in", "(FILE in", str(raised)) == text(
        """
        tensor  shape   largest deviation  at  allowed  verdict
        input   (4, 3)  –                  –   –        WRONG
        W       (3, 2)  –                  –   –        WRONG
        Raises.backward raised NotImplementedError: later (FILE in backward)
        """
    )
    missing = check_gradients(Forgets(), X, parameters=("W", "b"))
    assert [tensor.ok for tensor in missing.tensors] == [True, True, False]
    assert missing["b"].message.startswith("Forgets has no gradient of b (looked for grad_b, ")


def test_a_point_at_the_edge_of_the_domain_has_no_derivative():
    root = check_gradients(lambda x: (np.sqrt(x).sum(), 0.5 / np.sqrt(x)), np.array([0.0, 1.0]))
    assert root["x"].index == (0,)
    assert root["x"].message == (
        "grad_x[0]: the output is not finite on both sides, so there is no derivative"
    )


def one_element(g, rng):
    g.flat[rng.integers(g.size)] += 1e-5 * np.abs(g).max()


def last_element_missing(g, rng):
    g.flat[-1] = 0 if g.flat[-1] else 1


def border_doubled(g, rng):
    g[..., -1] *= 2


def only_the_first(g, rng):
    g[1:] = 0


def reversed_along(g, rng):
    g[...] = g[..., ::-1].copy()


def neighbours_swapped(g, rng):
    flat = g.reshape(-1)
    first = int(np.abs(np.diff(flat)).argmax())
    flat[[first, first + 1]] = flat[[first + 1, first]]


def divided_by_size(g, rng):
    g /= 2


def sign(g, rng):
    g *= -1


def missing(g, rng):
    g[...] = 0


def mean_subtracted(g, rng):
    g -= g.mean() + 1e-5 * np.abs(g).max()


MISTAKES = [
    value
    for value in list(globals().values())
    if "rng" in getattr(getattr(value, "__code__", None), "co_varnames", ())[:2]
]

PLANTED = {
    "Linear": (lambda: reference.Linear(6, 5, rng=0), (4, 6), ("input", "weight", "bias")),
    "Linear, grouped": (lambda: reference.Linear(32, 16, rng=0), (8, 32), ("input", "weight")),
    "Conv2d": (
        lambda: reference.Conv2d(2, 3, 3, padding=1, rng=0),
        (2, 2, 6, 5),
        ("input", "weight", "bias"),
    ),
    "BatchNorm2d": (lambda: reference.BatchNorm2d(3), (2, 3, 4, 4), ("input", "weight", "bias")),
    "MaxPool2d": (lambda: reference.MaxPool2d(2), (2, 2, 6, 6), ("input",)),
    "Softmax": (lambda: reference.Softmax(), (4, 5), ("input",)),
    "Dropout": (lambda: reference.Dropout(rng=3), (6, 7), ("input",)),
}


def spoilt(layer, tensor, mistake):
    """The layer with a mistake in one of its gradients."""

    class Spoilt(type(layer)):
        def backward(self, grad_output):
            grad_input = np.array(super().backward(grad_output))
            wrong = grad_input if tensor == "input" else getattr(self, f"grad_{tensor}")
            mistake(wrong, np.random.default_rng(7))
            return grad_input

    layer.__class__ = Spoilt
    return layer


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_found_in_its_tensor_and_no_other(name, mistake):
    build, shape, tensors = PLANTED[name]
    x = np.random.default_rng(len(name)).normal(size=shape)
    for tensor in tensors:
        result = check_gradients(spoilt(build(), tensor, mistake), x)
        assert [found.name for found in result.tensors if not found.ok] == [tensor]


def test_there_are_enough_planted_mistakes():
    assert len(MISTAKES) * sum(len(tensors) for *_, tensors in PLANTED.values()) >= 140


class RunningMean(reference.Module):
    """Uses its statistics while it changes them, so that no two calls are alike."""

    def __init__(self):
        super().__init__()
        self.mean = np.zeros(3)

    def forward(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x.mean(axis=0)
        return np.tanh(x - self.mean)

    def backward(self, grad_output, share=0.1):
        inner = grad_output * self.slope
        return inner - share * inner.mean(axis=0)


class RunningMeanRight(RunningMean):
    def forward(self, x):
        output = super().forward(x)
        self.slope = 1 - output**2
        return output


class Forgetful(RunningMeanRight):
    def backward(self, grad_output):
        return super().backward(grad_output, share=0.0)


def test_layers_that_use_what_they_change_start_each_call_in_the_same_state():
    layer = RunningMeanRight()
    layer.mean += 1
    assert check_gradients(layer, X).ok
    assert (layer.mean == 1).all()
    assert not check_gradients(Forgetful(), X).ok


class Float32(reference.Tanh):
    """Computes in float32, whatever it gets."""

    def forward(self, x):
        return super().forward(x.astype(np.float32))

    def backward(self, grad_output):
        return super().backward(grad_output.astype(np.float32))


RIGHT = {
    **{name: (build, shape) for name, (build, shape, _) in PLANTED.items()},
    "BatchNorm1d": (lambda: reference.BatchNorm1d(5), (9, 5)),
    "BatchNorm2d, eval": (lambda: reference.BatchNorm2d(3).eval(), (2, 3, 4, 4)),
    "ReLU": (reference.ReLU, (30, 20)),
    "LeakyReLU at zeros": (reference.LeakyReLU, (4, 3, 0)),
    "MaxPool2d, all equal": (lambda: reference.MaxPool2d(2), (2, 2, 4, 4, 0)),
    "RunningMean": (RunningMeanRight, (4, 3)),
    "Float32": (Float32, (4, 3)),
    "network": (
        lambda: reference.Sequential(
            reference.Linear(6, 20, rng=1),
            reference.ReLU(),
            reference.BatchNorm1d(20),
            reference.Dropout(rng=2),
            reference.Linear(20, 3, rng=3),
        ),
        (16, 6),
    ),
}


@pytest.mark.parametrize("scale", [1e-2, 1.0, 1e2])
@pytest.mark.parametrize("name", RIGHT)
def test_no_right_layer_is_called_wrong(name, scale):
    build, shape = RIGHT[name]
    equal = shape[-1] == 0
    for seed in range(4):
        x = np.random.default_rng(seed).normal(size=shape[:-1] if equal else shape)
        result = check_gradients(build(), np.round(x) if equal else x * scale, seed=seed)
        assert result.ok, result


def test_coordinates_and_samples_that_do_not_see_each_other_share_a_forward():
    class Counting(reference.Linear):
        calls = 0

        def forward(self, x):
            Counting.calls += 1
            return super().forward(x)

    assert check_gradients(
        Counting(32, 16, rng=0), np.random.default_rng(0).normal(size=(8, 32))
    ).ok
    assert Counting.calls < 150  # of 784 coordinates


class SeesTheBatch(reference.Linear):
    """Its output depends on the size of the batch, and rows see the last one."""

    def forward(self, x):
        return super().forward(x) / len(x) + np.square(x[-1:].sum())

    def backward(self, grad_output):
        x, *_ = self._saved
        grad_input = super().backward(grad_output / len(grad_output))
        grad_input[-1] += 2 * x[-1].sum() * grad_output.sum()
        return grad_input


def test_batches_are_only_used_where_samples_are_seen_to_be_independent():
    x = np.random.default_rng(0).normal(size=(8, 32))
    assert check_gradients(SeesTheBatch(32, 16, rng=0), x).ok
    assert check_gradients(SeesTheBatch(32, 16, rng=0), np.zeros((8, 32))).ok


# Several inputs and outputs


class Attention:
    """A layer of two inputs and two outputs, with indices that choose rows."""

    def __init__(self, wrong=0):
        self.wrong = wrong

    def forward(self, query, key, rows):
        self.saved = query, key, rows
        return query[rows] * key, np.tanh(key)

    def backward(self, grad_output, grad_other):
        query, key, rows = self.saved
        grad_query = np.zeros_like(query)
        np.add.at(grad_query, rows, grad_output * key)
        grad_key = grad_output * query[rows] + grad_other * (1 - np.tanh(key) ** 2)
        return grad_query, grad_key + self.wrong


ROWS = (X, X[:3] + 1, np.array([2, 0, 2]))


def test_several_inputs_have_the_names_of_the_arguments_and_integers_no_gradient():
    result = check_gradients(Attention(), ROWS)
    assert result.ok, result
    assert [tensor.name for tensor in result.tensors] == ["query", "key"]
    wrong = check_gradients(Attention(wrong=1e-6), ROWS)
    assert [tensor.ok for tensor in wrong.tensors] == [True, False]
    assert list(check_gradients(Attention(), list(ROWS)).tensors[0].numerical.shape) == [4, 3]


def test_a_backward_of_one_argument_gets_the_gradients_of_several_outputs_as_a_tuple():
    class Paired(Attention):
        def backward(self, grads):
            return (*super().backward(*grads), None)  # an entry for the indices, too

    assert check_gradients(Paired(), ROWS).ok
    assert not check_gradients(Paired(wrong=1), ROWS).ok


def test_a_backward_with_too_few_gradients_is_told_what_is_missing():
    class Short(Attention):
        def backward(self, *grads):
            return super().backward(*grads)[0]

    result = check_gradients(Short(), ROWS)
    message = "Short.backward returned 1 gradient, not one for each of query, key"
    assert [tensor.message for tensor in result.tensors] == [message] * 2


def test_functions_of_several_inputs_return_a_gradient_for_each():
    def dot(a, b, *ignored):
        return (a * b).sum(), (b, a)

    result = check_gradients(dot, (X, X + 1))
    assert result.ok
    assert [tensor.name for tensor in result.tensors] == ["a", "b"]
    assert not check_gradients(lambda a, b: ((a * b).sum(), (b, b)), (X, X + 1)).ok
    unnamed = check_gradients(lambda *x: ((x[0] * x[1]).sum(), (x[1], x[0])), (X, X + 1))
    assert [tensor.name for tensor in unnamed.tensors] == ["input0", "input1"]

    def chosen(values, rows):
        gradient = np.zeros_like(values)
        np.add.at(gradient, rows, 1.0)
        return values[rows].sum(), (gradient,)

    assert [t.name for t in check_gradients(chosen, (X, CLASSES)).tensors] == ["values"]


def test_a_layer_of_integers_has_the_gradients_of_its_parameters():
    class Embedding(Dense):
        def forward(self, rows):
            self.rows = rows
            return self.W[rows] + self.b

        def backward(self, dout):
            self.dW, self.db = np.zeros_like(self.W), dout.sum(axis=0)
            np.add.at(self.dW, self.rows, dout)

    assert [t.name for t in check_gradients(Embedding(), CLASSES % 3).tensors] == ["W", "b"]
    with pytest.raises(TypeError, match="x has only integers and Identity no parameters"):
        check_gradients(reference.Identity(), CLASSES)


# Kinks


@pytest.mark.parametrize(
    ("at_zero", "ok"), [(0.0, True), (0.5, True), (1.0, True), (1.5, False), (np.nan, False)]
)
def test_at_a_kink_the_gradient_lies_between_the_slopes(at_zero, ok):
    def relu(x):
        return np.maximum(x, 0).sum(), np.where(x == 0, at_zero, x > 0)

    (tensor,) = check_gradients(relu, np.array([-1.0, 0.0, 2.0])).tensors
    assert tensor.ok == ok
    if at_zero != 0.5 and np.isfinite(at_zero):  # 0.5 is what central differences give
        assert tensor.kinks == ((1,),)
        assert ", 1 at a kink" in str(conformance.GradientCheck((tensor,)))
    if at_zero == 1.5:
        assert tensor.message == (
            "grad_x[1] = 1.5, but should be from 0 to 1, the slopes at this kink"
        )


def test_beside_a_kink_a_shorter_step_gives_the_full_judgement():
    x = np.array([1e-3, -1e-4, 1e-5, -1e-6])
    result = check_gradients(reference.ReLU(), x)
    assert result.ok
    assert result["input"].kinks == ()
    assert result["input"].deviation < 1e-9
    assert not check_gradients(lambda x: (np.maximum(x, 0).sum(), x > -1e-5), x).ok


def test_ties_of_max_pooling_are_kinks():
    result = check_gradients(reference.MaxPool2d(2), np.zeros((1, 1, 2, 2)))
    assert result.ok
    assert len(result["input"].kinks) == 4


# What it needs, and what it does not change


class Everything(reference.BatchNorm1d):
    """Keeps a lock (which cannot be copied), counts its calls, and draws random numbers."""

    def __init__(self):
        super().__init__(3)
        self.lock, self.calls, self.rng = threading.Lock(), 0, np.random.default_rng(5)

    def forward(self, x):
        self.calls += 1
        x *= 2  # in place, which must not reach the caller's x
        return super().forward(x * (self.rng.random(x.shape) + np.random.random(x.shape)))


def test_nothing_of_the_users_changes():
    layer, x = Everything(), X.copy()
    layer.backward(layer.forward(X.copy()))
    before = {k: copy.deepcopy(v) for k, v in vars(layer).items() if k not in ("lock", "rng")}
    draws = layer.rng.bit_generator.state
    np.random.seed(3)
    random.seed(3)
    expected = np.random.random(), random.random()
    np.random.seed(3)
    random.seed(3)

    check_gradients(layer, x)

    assert (np.random.random(), random.random()) == expected
    assert layer.rng.bit_generator.state == draws
    assert (x == X).all()
    for name, value in before.items():
        np.testing.assert_equal(getattr(layer, name), value, err_msg=name)


def test_random_layers_draw_the_same_in_every_evaluation():
    class Noisy(reference.ReLU):
        def forward(self, x):
            return super().forward(x) * np.random.random() * random.random()

        def backward(self, grad_output):
            np.random.seed(0)
            random.seed(0)
            return super().backward(grad_output) * np.random.random() * random.random()

    assert check_gradients(Noisy(), X).ok
    assert check_gradients(reference.Dropout(rng=1), X).ok  # a generator of its own


def test_a_function_may_not_be_random_by_itself():
    generator = np.random.default_rng(0)

    def dropout(x):
        mask = generator.random(x.shape)
        return (x * mask).sum(), mask

    with pytest.raises(ValueError, match="dropout returns different values for the same x"):
        check_gradients(dropout, X)


def test_float64_is_used_where_it_is_accepted():
    def only_float32(x):
        if x.dtype != np.float32:
            raise TypeError("float32 only")
        return square(x)

    x = X.astype(np.float32)
    assert check_gradients(square, x).dtype == "float64"
    weak = check_gradients(only_float32, x)
    assert weak.ok
    assert 1e-6 < weak["x"].tolerance < 1e-3
    assert str(weak).endswith("computed in float32, so small errors do not show")
    assert not check_gradients(lambda x: (only_float32(x)[0], 2.01 * x), x).ok
    with pytest.raises(ValueError, match="only_float32 raised TypeError: float32 only"):
        check_gradients(only_float32, X)


def test_a_function_that_returns_float32_is_judged_as_such():
    def rounded(x):
        loss, gradient = square(x.astype(np.float32))
        return float(loss), gradient

    result = check_gradients(rounded, X)
    assert result.ok
    assert result.dtype == "float32"


@pytest.mark.parametrize("n", [10, 1000])
def test_rounding_inside_the_function_is_no_error(n):
    def cancels(x):
        return float(np.cumsum(np.sin(x) + 1e4)[-1] - 1e4 * n), np.cos(x)

    assert check_gradients(cancels, np.random.default_rng(n).normal(size=n), max_coordinates=100).ok


@pytest.mark.parametrize("n", [1, 10, 30])
def test_at_a_minimum_where_loss_and_gradient_vanish_rounding_is_no_error(n):
    rng = np.random.default_rng(n)
    matrix, x = rng.normal(size=(5, n)), rng.normal(size=n) * 10
    target = matrix @ x

    def fitted(x):
        residual = matrix @ x - target
        return (residual**2).sum(), 2 * matrix.T @ residual

    assert check_gradients(fitted, x).ok
    assert not check_gradients(lambda x: (fitted(x)[0], fitted(x)[1] + 1e-6), x).ok


def test_a_gradient_that_cancels_to_rounding_is_right():
    net = reference.Sequential(reference.Linear(3, 20, rng=0), reference.BatchNorm1d(20))
    assert check_gradients(net, X)["0.bias"].ok  # BatchNorm takes every bias away


@pytest.mark.parametrize("scale", [0.003, 0.03])
def test_steps_longer_than_the_function_is_wide_do_not_count(scale):
    class Float32(reference.BatchNorm1d):  # its steps are long
        def forward(self, x):
            return super().forward(x.astype(np.float32))

        def backward(self, grad_output):
            return super().backward(grad_output.astype(np.float32))

    result = check_gradients(Float32(3), X * scale)
    assert result.ok
    assert result.dtype == "float32"


def test_a_sample_is_deterministic_and_counted():
    x = np.linspace(-1, 1, 600).reshape(20, 30)
    one, two = (check_gradients(square, x, max_coordinates=7)["x"] for _ in range(2))
    assert one.checked == 7
    assert np.isfinite(one.numerical).sum() == 7
    np.testing.assert_array_equal(one.numerical, two.numerical)
    other = check_gradients(square, x, max_coordinates=7, seed=1)["x"]
    assert (np.isfinite(other.numerical) != np.isfinite(one.numerical)).any()
    assert "ok, 7 of 600 checked" in str(check_gradients(square, x, max_coordinates=7))


@pytest.mark.parametrize(
    ("f", "x", "arguments", "error", "message"),
    [
        (square, [1.0, 2.0], {}, TypeError, "x is a list, not a NumPy array"),
        (square, np.array([1, 2]), {}, TypeError, "x has dtype int64, but only floating-point"),
        (
            square,
            np.array([1j]),
            {},
            TypeError,
            "x has dtype complex128, but only floating-point numbers have gradients: make f a "
            "function of its real and its imaginary part",
        ),
        (lambda a, b: 0, (X, 3.0), {}, TypeError, "x[1] is a float, not a NumPy array"),
        (lambda a, b: 0, (CLASSES, CLASSES), {}, TypeError, "every input is of integers, but only"),
        (
            lambda a, b: (a.sum() + b.sum(), a),
            (X, X),
            {},
            TypeError,
            "f returned 1 gradient, not one for each of a, b",
        ),
        (square, np.zeros((0, 3)), {}, ValueError, "x is empty, of shape (0, 3)"),
        (square, np.array([np.inf]), {}, ValueError, "x is not finite everywhere"),
        (square, X, {"max_coordinates": 0}, ValueError, "max_coordinates=0 leaves nothing"),
        (square, X, {"tolerance": -1.0}, ValueError, "tolerance=-1.0 is not a number from 0 on"),
        (square, X, {"target": X}, TypeError, "target= is for losses with forward and backward"),
        (3, X, {}, TypeError, "f is neither a function nor a layer with a backward: 3"),
        (reference.Linear, X, {}, TypeError, "Linear is a class: build one first"),
        (lambda x: 1.0, X, {}, TypeError, "f returned a float, not the pair (loss, gradient)"),
        (lambda x: (x, x), X, {}, TypeError, "the loss of f has shape (4, 3); it must be a scalar"),
        (lambda x: ("1", x), X, {}, TypeError, "the loss of f is a str, not a NumPy array"),
        (lambda x: (np.inf, x), X, {}, ValueError, "the output of f is not finite"),
        (lambda x: 1 / 0, X, {}, ValueError, "f raised ZeroDivisionError: division by zero (tests"),
        (reference.Linear(4, 2), X, {}, ValueError, "Linear.forward raised ValueError: Linear: "),
        (Dense(), X, {"parameters": ["V"]}, TypeError, "Dense has no attribute 'V'"),
        (
            reference.Sequential(reference.ReLU()),
            X,
            {"parameters": ["1.weight"]},
            TypeError,
            "Sequential has no parameter '1.weight'",
        ),
    ],
)
def test_misuse_is_one_clear_error(f, x, arguments, error, message, monkeypatch):
    monkeypatch.chdir(Path(__file__).parent.parent)
    with pytest.raises(error) as raised:
        check_gradients(f, x, **arguments)
    assert type(raised.value) is error
    assert str(raised.value).startswith(message)


def test_parameters_that_are_not_named_must_be():
    class Listed(Dense):
        def parameters(self):
            return [self.W, self.b]

    with pytest.raises(TypeError, match=r"Listed.parameters\(\) returns a list, not a dictionary"):
        check_gradients(Listed(), X)
    assert check_gradients(Listed(), X, parameters=("W", "b")).ok


# Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal, True), (io.StringIO, False)])
def test_progress_is_drawn_on_terminals_only(stream, shown, monkeypatch):
    monkeypatch.setattr(surroundings, "PATIENCE", 0.0)
    monkeypatch.setattr(sys, "stderr", stream())
    monkeypatch.setenv("TERM", "xterm")
    check_gradients(square, X)
    assert ("checking gradients" in sys.stderr.getvalue()) == shown


def test_short_runs_draw_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    check_gradients(square, X)
    assert sys.stderr.getvalue() == ""


# PyTorch


def test_modules_and_their_parameters():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(3, 4),
        torch.nn.BatchNorm1d(4),
        torch.nn.Tanh(),
        torch.nn.Dropout(),
        torch.nn.Linear(4, 2),
    )
    net[4].bias.requires_grad_(False)
    net(torch.from_numpy(X).float()).sum().backward()
    state = copy.deepcopy(net.state_dict())
    gradient = net[0].weight.grad.clone()
    random_state, threads = torch.get_rng_state(), torch.get_num_threads()

    result = check_gradients(net, X)

    names = ["input", "0.weight", "0.bias", "1.weight", "1.bias", "4.weight"]
    assert [tensor.name for tensor in result.tensors] == names
    assert result.ok
    assert result.dtype == "float64"
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert net[0].weight.dtype == torch.float32
    assert torch.equal(net[0].weight.grad, gradient)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert torch.get_num_threads() == threads


def test_losses_of_torch():
    torch = pytest.importorskip("torch")
    assert_gradients(torch.nn.MSELoss(), X, target=X[::-1])
    assert_gradients(torch.nn.CrossEntropyLoss(), torch.from_numpy(X), target=CLASSES)
    assert_gradients(torch.nn.CrossEntropyLoss(reduction="none"), X, target=torch.tensor(CLASSES))


def test_a_module_with_a_wrong_autograd_function_that_keeps_its_output():
    torch = pytest.importorskip("torch")

    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.exp()

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output * ctx.saved_tensors[0]

    class Module(torch.nn.Module):
        def forward(self, x):
            self.kept = Exp.apply(x)  # no leaf of the graph: deepcopy refuses it
            return self.kept

    module = Module()
    module(torch.ones(2, requires_grad=True))
    kept = module.kept
    assert not check_gradients(module, X).ok
    assert module.kept is kept


def test_functions_get_tensors_if_x_is_one():
    torch = pytest.importorskip("torch")

    def by_autograd(x):
        loss = (x**3).sum()
        loss.backward()
        return loss, x.grad

    x = torch.tensor([0.5, -1.0, 2.0], requires_grad=True)
    assert check_gradients(by_autograd, x).dtype == "float64"
    assert x.grad is None
    assert check_gradients(lambda x: ((x**3).sum(), 3 * x**2), torch.from_numpy(X)).ok


def autograd_function(torch, mistake=None):
    """x @ w and its squares, with a backward that may be wrong."""

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w, rows):
            ctx.save_for_backward(x, w)
            ctx.rows = rows
            product = x @ w
            return product[rows], product**2

        @staticmethod
        def backward(ctx, grad_rows, grad_squares):
            x, w = ctx.saved_tensors
            grad = 2 * grad_squares * (x @ w)
            grad.index_add_(0, ctx.rows, grad_rows)
            grads = [grad @ w.T, x.T @ grad, None]
            if mistake is not None:
                grads[1].flatten()[-1] += mistake
            return tuple(grads)

    return Product


def test_autograd_functions_by_their_apply():
    torch = pytest.importorskip("torch")
    x = (torch.from_numpy(X), torch.randn(3, 2), torch.tensor([0, 0, 3]))
    right = check_gradients(autograd_function(torch).apply, x)
    assert right.ok, right
    assert right.dtype == "float64"
    assert [tensor.name for tensor in right.tensors] == ["input0", "input1"]
    arrays = tuple(tensor.numpy() for tensor in x)
    assert check_gradients(autograd_function(torch).apply, arrays).ok
    wrong = check_gradients(autograd_function(torch, 1e-5).apply, x)
    assert [tensor.ok for tensor in wrong.tensors] == [True, False]
    assert wrong.tensors[1].index == (2, 1)
    with pytest.raises(TypeError, match=r"^Product is a class: pass Product.apply$"):
        check_gradients(autograd_function(torch), x)


def test_functions_of_tensors_have_the_gradients_of_autograd():
    torch = pytest.importorskip("torch")

    def loss(x, w):
        return torch.tanh(x @ w).sum()

    result = check_gradients(loss, (torch.from_numpy(X), torch.randn(3, 2)))
    assert result.ok
    assert [tensor.name for tensor in result.tensors] == ["x", "w"]

    def penalty(x):  # uses autograd itself, so it needs a graph
        x = x if x.requires_grad else x.requires_grad_()
        (grad,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
        return grad

    assert check_gradients(penalty, torch.from_numpy(X)).ok


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: x.detach() * 2, "f returned no tensor that autograd can differentiate: compute"),
        (lambda x: {"y": x}, "f returned a dict: check a function that returns a tuple of its"),
        (lambda x: x * 1j, "f returned complex numbers: check a function that returns their real"),
        (lambda x: [x, "y"], "f returned a str, not a torch.Tensor"),
    ],
)
def test_what_autograd_cannot_do_is_one_clear_message(f, message):
    torch = pytest.importorskip("torch")
    try:
        text = check_gradients(f, torch.from_numpy(X))["x"].message
    except TypeError as error:
        text = str(error)
    assert text.startswith(message)


def test_sparse_tensors_are_refused():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"^x is a sparse tensor: finite differences need a dense"):
        check_gradients(lambda x: x * 2, torch.eye(3).to_sparse())


def test_modules_of_several_inputs_and_outputs():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    lstm = check_gradients(torch.nn.LSTM(3, 2), X[:, None])
    assert lstm.ok, lstm
    assert [t.name for t in lstm.tensors][:2] == ["input", "weight_ih_l0"]
    bilinear = check_gradients(torch.nn.Bilinear(3, 3, 2), (X, X + 1))
    assert bilinear.ok
    names = ["input1", "input2", "weight", "bias"]
    assert [tensor.name for tensor in bilinear.tensors] == names
    pooled = check_gradients(torch.nn.MaxPool2d(2, return_indices=True), IMAGE)
    assert pooled.ok
    embedded = check_gradients(torch.nn.Embedding(5, 3), CLASSES)
    assert [tensor.name for tensor in embedded.tensors] == ["weight"]
    assert embedded.ok


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_mistake_planted_in_a_module_is_found(mistake):
    torch = pytest.importorskip("torch")

    class Spoil(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            wrong = grad.numpy().copy()
            mistake(wrong, np.random.default_rng(7))
            return torch.from_numpy(wrong)

    class Module(torch.nn.Module):
        def __init__(self, tensor):
            super().__init__()
            self.tensor = tensor
            self.weight = torch.nn.Parameter(torch.randn(3, 2, 3, 3))
            self.norm = torch.nn.BatchNorm2d(3)

        def forward(self, input):
            given = {"input": input, "weight": self.weight}
            given[self.tensor] = Spoil.apply(given[self.tensor])
            return self.norm(torch.conv2d(given["input"], given["weight"]))

    torch.manual_seed(0)
    for tensor in ("input", "weight"):
        result = check_gradients(Module(tensor), IMAGE)
        assert [found.name for found in result.tensors if not found.ok] == [tensor]


def test_right_modules_are_never_called_wrong():
    torch = pytest.importorskip("torch")
    for seed in range(4):
        torch.manual_seed(seed)
        net = torch.nn.Sequential(
            torch.nn.Conv2d(2, 4, 3, padding=1),
            torch.nn.BatchNorm2d(4),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
            torch.nn.Dropout(),
            torch.nn.Flatten(),
            torch.nn.Linear(16, 3),
        )
        result = check_gradients(net, IMAGE, seed=seed)
        assert result.ok, result
