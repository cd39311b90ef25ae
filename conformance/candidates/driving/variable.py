"""The variable dialect: attributes that hold variables with ``.data`` and ``.grad``.

``layer.weight.data`` is the array, ``layer.weight.grad`` its gradient (None before the first
backward); ``train(flag)`` and ``eval()`` switch the mode. BatchNorm's may be shaped (1, C) or
(1, C, 1, 1).
"""

from __future__ import annotations

from conformance.candidates.driving.parameter_object import ParameterObject


class Variable(ParameterObject):
    """Parameters are variables."""

    name = "variable"
    array_names = ("data",)
    grad_names = ("grad",)
