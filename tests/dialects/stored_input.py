"""Layers that store their input, with weights of shape (in, out), written by hand."""

import numpy as np


def layers(f):
    class Layer:
        training = True

        def __init__(self):
            self.training = True

        def __call__(self, x):
            return self.forward(x)

        def train(self):
            self.training = True

        def eval(self):
            self.training = False

        def parameters(self):
            return ()

        def zero_grad(self):
            pass

    class Dense(Layer):
        def __init__(self, input_size, output_size, use_bias=True):
            super().__init__()
            self.weight = np.random.randn(input_size, output_size)
            self.bias = np.zeros((1, output_size)) if use_bias else None
            self.zero_grad()

        def forward(self, x):
            self.x = x
            return f.linear(x, self.weight.T, 0 if self.bias is None else self.bias[0])

        def backward(self, grad_output):
            dx, dw, db = f.linear_grads(self.x, self.weight.T, grad_output)
            self.grad_weight += dw.T
            if self.bias is not None:
                self.grad_bias += db
            return dx

        def parameters(self):
            return (self.weight,) if self.bias is None else (self.weight, self.bias)

        def zero_grad(self):
            self.grad_weight = np.zeros_like(self.weight)
            self.grad_bias = None if self.bias is None else np.zeros_like(self.bias)

        def update_weights(self, lr):
            self.weight -= lr * self.grad_weight
            if self.bias is not None:
                self.bias -= lr * self.grad_bias

    class Relu(Layer):
        def forward(self, x):
            self.x = x
            return f.relu(x)

        def backward(self, grad_output):
            return f.relu_grad(self.x, grad_output)

    class LogSoftMax(Layer):
        def forward(self, x):
            self.y = f.log_softmax(x)
            return self.y

        def backward(self, grad_output):
            return f.log_softmax_grad(self.y, grad_output)

    class BatchNorm(Layer):
        def __init__(self, n_features, momentum=0.1, epsilon=1e-5):
            super().__init__()
            self.momentum, self.epsilon = momentum, epsilon
            self.gamma, self.beta = np.ones(n_features), np.zeros(n_features)
            self.running_mean, self.running_var = np.zeros(n_features), np.ones(n_features)
            self.zero_grad()

        def forward(self, x):
            if x.shape[1] != len(self.gamma) or x.ndim > 3:
                raise ValueError(f"no channel axis in {x.shape}")
            mean, var = self.running_mean, self.running_var
            if self.training:
                mean, var = f.batch_statistics(x)
                m = self.momentum
                self.running_mean = (1 - m) * self.running_mean + m * mean
                self.running_var = (1 - m) * self.running_var + m * f.unbiased(x, var)
            self.var, self.xhat = var, f.normalise(x, mean, var, self.epsilon)
            return self.xhat * f.channels(self.gamma, x) + f.channels(self.beta, x)

        def backward(self, grad_output):
            dx, dgamma, dbeta = f.batchnorm_grads(
                self.xhat, grad_output, self.gamma, self.var, self.epsilon, not self.training
            )
            self.grad_gamma += dgamma
            self.grad_beta += dbeta
            return dx

        def parameters(self):
            return self.gamma, self.beta

        def zero_grad(self):
            self.grad_gamma = np.zeros_like(self.gamma)
            self.grad_beta = np.zeros_like(self.beta)

    class Dropout(Layer):
        def __init__(self, dropout_rate=0.5):
            super().__init__()
            if not 0 <= dropout_rate <= 1:
                raise ValueError("dropout_rate must lie between 0 and 1")
            self.dropout_rate = dropout_rate

        def forward(self, x):
            self.mask = f.mask(x, self.dropout_rate) if self.training else np.ones_like(x)
            return x * self.mask

        def backward(self, grad_output):
            return grad_output * self.mask

    class MSELoss:
        def forward(self, predictions, targets):
            if predictions.shape != targets.shape:
                raise ValueError("shapes differ")
            self.saved = predictions, targets
            return f.mse(predictions, targets)

        def backward(self):
            return f.mse_grad(*self.saved)

    class CrossEntropyLoss:
        def forward(self, predictions, targets):
            self.y, self.targets = f.log_softmax(predictions), targets
            return f.nll(self.y, targets)

        def backward(self):
            return f.log_softmax_grad(self.y, f.nll_grad(self.y, self.targets))

    return {cls.__name__: cls for cls in locals().values() if isinstance(cls, type)}
