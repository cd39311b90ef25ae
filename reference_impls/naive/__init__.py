"""The teaching implementation: every layer, loss, optimizer and schedule as plain loops.

Each class reads like its formula: every sum is a `for` loop over indices, and NumPy arrays serve
only to hold numbers at the border. Names, arguments and defaults are PyTorch's; backward passes
are explicit:

    layer = Linear(4, 3)
    y = layer.forward(x)
    dx = layer.backward(dy)       # adds to layer.grad_weight and layer.grad_bias
"""

from .activations import ELU, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh
from .containers import Net, Sequential
from .convolution import Conv2d
from .dropout import Dropout
from .linear import Linear
from .losses import (
    CrossEntropyLoss,
    CrossEntropyLossOnProbabilities,
    Loss,
    MSELoss,
    NLLLoss,
    NLLLossOnProbabilities,
)
from .module import Module
from .normalization import BatchNorm1d, BatchNorm2d, ChannelwiseScaling
from .optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RAdam, RMSprop
from .pooling import MaxPool2d
from .schedulers import (
    ConstantLR,
    CosineAnnealingLR,
    ExpoLR,
    ExponentialLR,
    FixedLR,
    LinearDecayLR,
    LinearLR,
    Scheduler,
    StepLR,
    TimeBasedLR,
)
from .shape import Flatten, Identity
from .softmax import LogSoftmax, Softmax

# The names under which courses ask for the loop versions of these two layers.
SlowConv2d = Conv2d
SlowMaxPool2d = MaxPool2d

__all__ = [
    "ELU",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
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
    "Loss",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "NLLLoss",
    "NLLLossOnProbabilities",
    "Net",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "ReLU",
    "Scheduler",
    "Sequential",
    "Sigmoid",
    "SlowConv2d",
    "SlowMaxPool2d",
    "Softmax",
    "Softplus",
    "StepLR",
    "Tanh",
    "TimeBasedLR",
]
