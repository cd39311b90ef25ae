"""numpy-nn 0.2.6 takes alpha with each call, and its optimizers are told the names first."""

import numpy_nn.activations
import numpy_nn.optimizers
from numpy_nn.activations import ReLU, Sigmoid, Softmax, TanH  # noqa: F401
from numpy_nn.layers import Neuron  # noqa: F401
from numpy_nn.losses import CrossEntropyLoss, MeanSquaredError  # noqa: F401
from numpy_nn.optimizers import SGD  # noqa: F401


class ELU(numpy_nn.activations.ELU):
    def __init__(self, alpha=0.01):
        self.given = alpha

    def forward(self, x):
        return super().forward(x, self.given)


class LeakyReLU(numpy_nn.activations.LeakyReLU):
    def __init__(self, alpha=0.01):
        self.given = alpha

    def forward(self, x):
        return super().forward(x, self.given)


class Stepping:
    """Updates every parameter under a name of its own, as Model.optimize() does."""

    def __init__(self, params, optimizer):
        self.params = {str(number): pair for number, pair in enumerate(params)}
        self.optimizer = optimizer
        self.optimizer.set_parameters(self.params)

    def step(self):
        for name, (parameter, gradient) in self.params.items():
            parameter[...] = self.optimizer(parameter, gradient, name)


class RMSProp(Stepping):
    def __init__(self, params, lr, beta, epsilon):
        super().__init__(params, numpy_nn.optimizers.RMSProp(lr, beta, epsilon))


class Adam(Stepping):
    def __init__(self, params, lr, beta_1, beta_2, epsilon):
        super().__init__(params, numpy_nn.optimizers.Adam(lr, beta_1, beta_2, epsilon))
