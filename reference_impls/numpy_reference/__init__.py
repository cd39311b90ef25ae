"""Neural-network layers in NumPy: PyTorch's semantics with an explicit backward.

    layer = Linear(4, 3)
    y = layer.forward(x)            # or layer(x)
    dx = layer.backward(dy)         # adds to layer.grad_weight and layer.grad_bias

Names, arguments and defaults are PyTorch's. Layers add the keyword `dtype` for their parameters
and `rng` (a seed or a numpy.random.Generator) where chance plays a part; the result has the dtype
of the input. (`softmax` is the function here; it hides the submodule of that name.)
"""

from .activations import ELU, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh
from .containers import Net, Sequential
from .convolution import Conv2d
from .data import BatchLoader, one_hot
from .dropout import Dropout
from .linear import Linear
from .losses import (
    CrossEntropyLoss,
    CrossEntropyLossOnProbabilities,
    MSELoss,
    NLLLoss,
    NLLLossOnProbabilities,
)
from .module import Module
from .normalization import BatchNorm1d, BatchNorm2d, ChannelwiseScaling
from .optimizers import SGD, Adagrad, Adam, AdamW, RAdam, RMSprop
from .pooling import MaxPool2d
from .schedulers import (
    ConstantLR,
    CosineAnnealingLR,
    ExpoLR,
    ExponentialLR,
    FixedLR,
    LinearDecayLR,
    LinearLR,
    StepLR,
    TimeBasedLR,
)
from .shape import Flatten, Identity
from .softmax import LogSoftmax, Softmax, log_softmax, softmax

__all__ = [
    "ELU",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "BatchLoader",
    "BatchNorm1d",
    "BatchNorm2d",
    "ChannelwiseScaling",
    "ConstantLR",
    "Conv2d",
    "CosineAnnealingLR",
    "CrossEntropyLoss",
    "CrossEntropyLossOnProbabilities",
    "Dropout",
    "ExpoLR",
    "ExponentialLR",
    "FixedLR",
    "Flatten",
    "Identity",
    "LeakyReLU",
    "Linear",
    "LinearDecayLR",
    "LinearLR",
    "LogSoftmax",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "NLLLoss",
    "NLLLossOnProbabilities",
    "Net",
    "RAdam",
    "RMSprop",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "StepLR",
    "Tanh",
    "TimeBasedLR",
    "log_softmax",
    "one_hot",
    "softmax",
]
