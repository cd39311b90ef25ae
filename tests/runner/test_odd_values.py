"""Candidates that give anything but arrays of numbers: a verdict in words, never a crash."""

import numpy as np
import pytest

import conformance
from reference_impls import numpy_reference


class Frame:
    """Looks like an array, and is none."""

    shape, dtype, ndim, size, T = (2, 2), np.dtype(float), 2, 4, None

    def __array__(self, *given, **keywords):
        raise TypeError("no array")

    def __eq__(self, other):
        raise TypeError("no comparison")

    __hash__ = None

    def copy(self):
        return self

    def astype(self, dtype):
        return self


def masked(y):
    return np.ma.masked_array(y, np.arange(y.size).reshape(y.shape) % 2 == 0)


def structured(y):
    return np.zeros(y.shape, [("re", float), ("im", float)])


ODD = {
    "bool": lambda y: y > 0,
    "object": lambda y: y.astype(object),
    "nothing": lambda y: np.full(y.shape, None),
    "text": lambda y: y.astype(str),
    "complex": lambda y: y.astype(complex),
    "structured": structured,
    "datetime": lambda y: y.astype("int64").astype("datetime64[s]"),
    "masked": masked,
    "matrix": lambda y: np.matrix(y.reshape(1, -1)),
    "uint8": lambda y: y.astype(np.uint8),
    "int64": lambda y: y.astype(np.int64),
    "float16": lambda y: y.astype(np.float16),
    "longdouble": lambda y: y.astype(np.longdouble),
    "bytes swapped": lambda y: y.astype(y.dtype.newbyteorder(">")),
    "nan": lambda y: np.full_like(y, np.nan),
    "infinite": lambda y: np.full_like(y, np.inf),
    "huge": lambda y: 10**400,
    "true": lambda y: True,
    "no axes": lambda y: np.asarray(y.sum()),
    "empty": lambda y: np.empty(0),
    "more axes": lambda y: y[None, None],
    "list": lambda y: y.tolist(),
    "ragged": lambda y: [[1.0], [1.0, 2.0]],
    "none": lambda y: None,
    "tuple": lambda y: (y, y, y),
    "frame": lambda y: Frame(),
    "read-only": lambda y: np.broadcast_to(y, y.shape),
}


def forward(base, odd):
    class Wrong(base):
        def forward(self, *inputs):
            return odd(np.asarray(super().forward(*inputs)))

    return Wrong


def backward(base, odd):
    class Wrong(base):
        def backward(self, *given):
            return odd(np.asarray(super().backward(*given)))

    return Wrong


def gradient(base, odd):
    class Wrong(base):
        def backward(self, *given):
            found = super().backward(*given)
            self.grad_weight = odd(self.grad_weight)
            return found

    return Wrong


def parameter(base, odd):
    class Wrong(base):
        def forward(self, *inputs):
            found = super().forward(*inputs)
            self.weight = odd(np.asarray(self.weight))
            return found

    return Wrong


def first_parameter(base, odd):
    class Wrong(base):
        def __init__(self, *given, **keywords):
            super().__init__(*given, **keywords)
            self.weight = odd(np.asarray(self.weight))

    return Wrong


def buffer(base, odd):
    class Wrong(base):
        def forward(self, *inputs):
            found = super().forward(*inputs)
            self.running_mean = odd(np.asarray(self.running_mean))
            return found

    return Wrong


def gradients_of_optimizer(base, odd):
    class Wrong(base):
        def step(self):
            super().step()
            for number, (array, gradient) in enumerate(self.params):
                self.params[number] = array, odd(gradient)

    return Wrong


def rate(base, odd):
    class Wrong(base):
        def step(self):
            super().step()
            self.optimizer.lr = odd(np.asarray([self.optimizer.lr]))

    return Wrong


def reported(base, odd):
    class Wrong(base):
        def get_last_lr(self):
            return odd(np.asarray([1.0]))

    return Wrong


CASES = [
    ("ReLU", forward, ("bool", "uint8", "int64", "longdouble", "masked", "complex", "huge")),
    ("ReLU", backward, ("infinite", "object", "frame")),
    ("Linear", backward, ("infinite",)),
    ("Linear", gradient, ("object", "nothing", "text", "structured", "datetime")),
    ("Linear", parameter, ("object", "structured")),
    ("Linear", first_parameter, ("object", "text", "datetime")),
    ("BatchNorm1d", buffer, ("object", "datetime")),
    ("SGD", gradients_of_optimizer, ("object", "more axes")),
    ("StepLR", rate, ("none", "complex", "ragged")),
    ("StepLR", reported, ("none", "ragged", "empty")),
]


@pytest.mark.parametrize(
    ("name", "place", "kind"),
    [(name, place, kind) for name, place, kinds in CASES for kind in kinds],
    ids=lambda v: getattr(v, "__name__", v),
)
def test_odd_values_are_findings(name, place, kind):
    wrong = place(getattr(numpy_reference, name), ODD[kind])
    wrong.__name__ = name
    namespace = {n: getattr(numpy_reference, n) for n in numpy_reference.__all__} | {name: wrong}
    report = conformance.grade(namespace, [name], tier="strict", profile="quick", oracle="recorded")
    assert report.summary.failed + report.summary.errored
    for verdict in report.verdicts:
        assert "fault of the suite" not in verdict.reason, verdict
