"""Deliberately wrong containers; each docstring says how."""

from __future__ import annotations

from reference_impls import numpy_reference as reference


class ForwardAgain(reference.Sequential):
    """Backward runs the forward again."""

    def forward(self, input):
        self.input = input.copy()
        return super().forward(input)

    def backward(self, grad_output):
        super().forward(self.input)
        return super().backward(grad_output)


class ModeStaysOutside(reference.Sequential):
    """train() and eval() do not reach the layers inside."""

    def train(self, mode=True):
        self.training = mode
        return self

    def eval(self):
        return self.train(False)


class ReversedParameters(reference.Sequential):
    """parameters() starts at the last layer."""

    def parameters(self):
        return dict(reversed(super().parameters().items()))


def with_one_wrong(name, wrong):
    """All of the reference, with one class replaced: what a net is built from."""
    layers = {key: getattr(reference, key) for key in reference.__all__}
    return {**layers, name: wrong}


# By spec and misreading id.
WRONG: dict[tuple[str, str], dict[str, type]] = {
    ("Sequential", "forward-again"): with_one_wrong("Sequential", ForwardAgain),
    ("Sequential", "mode-stays-outside"): with_one_wrong("Sequential", ModeStaysOutside),
    ("Sequential", "reversed-parameters"): with_one_wrong("Sequential", ReversedParameters),
}
