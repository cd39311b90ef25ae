"""numpy-ml 0.1.2 as it wants to be called."""

import collections
import collections.abc
import warnings
from types import SimpleNamespace

# Python 3.10 removed a name that numpy-ml imports; its package for games warns that it lacks gym.
collections.Hashable = collections.abc.Hashable
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from numpy_ml.neural_nets import activations, optimizers  # noqa: F401
    from numpy_ml.neural_nets import layers as their_layers
    from numpy_ml.neural_nets import losses as their_losses


def _pair(size):
    return size if isinstance(size, tuple) else (size, size)


class Conv2D(their_layers.Conv2D):
    """Kernels are pairs, strides one number."""

    def __init__(self, out_ch, kernel_shape, pad=0, stride=1, dilation=0):
        if isinstance(stride, tuple):
            raise ValueError("stride is one number")
        super().__init__(out_ch, _pair(kernel_shape), pad=pad, stride=stride, dilation=dilation)


class Pool2D(their_layers.Pool2D):
    """The same; without a stride windows do not overlap."""

    def __init__(self, kernel_shape, stride=None, pad=0):
        kernel_shape = _pair(kernel_shape)
        stride = kernel_shape[0] if stride is None and len(set(kernel_shape)) == 1 else stride
        if not isinstance(stride, int):
            raise ValueError("stride is one number")
        super().__init__(kernel_shape, stride=stride, pad=pad)


class SquaredError(their_losses.SquaredError):
    """The gradient is that before the last activation: without one, it is the identity."""

    @staticmethod
    def grad(y, y_pred):
        return their_losses.SquaredError.grad(y, y_pred, y_pred, activations.Identity())


layers = SimpleNamespace(**{**vars(their_layers), "Conv2D": Conv2D, "Pool2D": Pool2D})
losses = SimpleNamespace(CrossEntropy=their_losses.CrossEntropy, SquaredError=SquaredError)
