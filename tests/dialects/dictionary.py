"""Layers with dictionaries of parameters and gradients, channels first, by hand."""

import numpy as np


def layers(f):
    class Layer:
        def __init__(self):
            self.params, self.grads = {}, {}

    class FullyConnected(Layer):
        def __init__(self, fan_in, fan_out):
            super().__init__()
            self.params["W"] = np.random.randn(fan_in, fan_out)
            self.params["b"] = np.zeros(fan_out)

        def forward(self, x, training=True):
            self.x = x
            return f.linear(x, self.params["W"].T, self.params["b"])

        def backward(self, grad_output):
            dx, dw, db = f.linear_grads(self.x, self.params["W"].T, grad_output)
            self.grads["W"] = self.grads.get("W", 0) + dw.T
            self.grads["b"] = self.grads.get("b", 0) + db
            return dx

    class ReLU(Layer):
        def forward(self, x, training=True):
            self.x = x
            return f.relu(x)

        def backward(self, grad_output):
            return f.relu_grad(self.x, grad_output)

    class BatchNormalization(Layer):
        def __init__(self, num_features, momentum=0.1, eps=1e-5):
            super().__init__()
            self.momentum, self.eps = momentum, eps
            self.params["gamma"], self.params["beta"] = (
                np.ones(num_features),
                np.zeros(num_features),
            )
            self.moving_mean, self.moving_var = np.zeros(num_features), np.ones(num_features)

        def forward(self, x, training=True):
            if x.shape[1] != len(self.moving_mean):
                raise ValueError("wrong number of features")
            mean, var = self.moving_mean, self.moving_var
            if training:
                mean, var = f.batch_statistics(x)
                m = self.momentum
                self.moving_mean = (1 - m) * self.moving_mean + m * mean
                self.moving_var = (1 - m) * self.moving_var + m * f.unbiased(x, var)
            self.var, self.constant = var, not training
            self.xhat = f.normalise(x, mean, var, self.eps)
            gamma, beta = self.params["gamma"], self.params["beta"]
            return self.xhat * f.channels(gamma, x) + f.channels(beta, x)

        def backward(self, grad_output):
            dx, dgamma, dbeta = f.batchnorm_grads(
                self.xhat, grad_output, self.params["gamma"], self.var, self.eps, self.constant
            )
            self.grads["gamma"] = self.grads.get("gamma", 0) + dgamma
            self.grads["beta"] = self.grads.get("beta", 0) + dbeta
            return dx

    class Dropout(Layer):
        def __init__(self, rate=0.5):
            super().__init__()
            if not 0 <= rate <= 1:
                raise ValueError("rate must lie between 0 and 1")
            self.rate = rate

        def forward(self, x, training=True):
            self.mask = f.mask(x, self.rate) if training else np.ones_like(x)
            return x * self.mask

        def backward(self, grad_output):
            return grad_output * self.mask

    class MeanSquaredError:
        def forward(self, prediction, target):
            if prediction.shape != target.shape:
                raise ValueError("shapes differ")
            return f.mse(prediction, target)

        def backward(self, prediction, target):
            return f.mse_grad(prediction, target)

    class GradientDescent:
        def __init__(self, learning_rate=0.01):
            self.learning_rate = learning_rate

        def update(self, params, grads):
            for key in params:
                params[key] = params[key] - self.learning_rate * grads[key]

    return {cls.__name__: cls for cls in locals().values() if isinstance(cls, type)}
