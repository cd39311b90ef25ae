"""Layers whose parameters are variables with `.data` and `.grad`, by hand."""

import numpy as np


def layers(f):
    class Variable:
        def __init__(self, data):
            self.data, self.grad = data, None

        def add(self, gradient):
            self.grad = gradient if self.grad is None else self.grad + gradient

    class Module:
        is_train = True

        def __call__(self, x):
            return self.forward(x)

        def train(self, flag=True):
            self.is_train = flag

        def eval(self):
            self.train(False)

        def parameters(self):
            return [v for v in vars(self).values() if isinstance(v, Variable)]

        def zero_grad(self):
            for v in self.parameters():
                v.grad = None

    class Linear(Module):
        def __init__(self, in_dim, out_dim, bias=True):
            self.weight = Variable(np.random.randn(out_dim, in_dim))
            self.bias = Variable(np.zeros((out_dim, 1))) if bias else None

        def forward(self, x):
            self.x = x
            return f.linear(x, self.weight.data, 0 if self.bias is None else self.bias.data[:, 0])

        def backward(self, grad):
            dx, dw, db = f.linear_grads(self.x, self.weight.data, grad)
            self.weight.add(dw)
            if self.bias is not None:
                self.bias.add(db[:, None])
            return dx

    class ReLU(Module):
        def forward(self, x):
            self.x = x
            return f.relu(x)

        def backward(self, grad):
            return f.relu_grad(self.x, grad)

    class Softmax(Module):
        def __init__(self, axis=1):
            if axis != 1:
                raise NotImplementedError("rows only")

        def forward(self, x):
            self.y = f.softmax(x)
            return self.y

        def backward(self, grad):
            return f.softmax_grad(self.y, grad)

    class BatchNorm2d(Module):
        def __init__(self, channels, eps=1e-5, momentum=0.1):
            self.eps, self.momentum = eps, momentum
            self.gamma = Variable(np.ones((1, channels, 1, 1)))
            self.beta = Variable(np.zeros((1, channels, 1, 1)))
            self.running_mean = np.zeros((1, channels, 1, 1))
            self.running_var = np.ones((1, channels, 1, 1))

        def forward(self, x):
            if x.ndim != 4 or x.shape[1] != self.gamma.data.shape[1]:
                raise ValueError("wrong shape")
            mean, var = self.running_mean.ravel(), self.running_var.ravel()
            if self.is_train:
                mean, var = f.batch_statistics(x)
                new, m = f.unbiased(x, var).reshape(self.running_var.shape), self.momentum
                self.running_mean = (1 - m) * self.running_mean + m * mean.reshape(new.shape)
                self.running_var = (1 - m) * self.running_var + m * new
            self.var, self.xhat = var, f.normalise(x, mean, var, self.eps)
            return self.xhat * self.gamma.data + self.beta.data

        def backward(self, grad):
            gamma = self.gamma.data.ravel()
            dx, dgamma, dbeta = f.batchnorm_grads(
                self.xhat, grad, gamma, self.var, self.eps, not self.is_train
            )
            self.gamma.add(dgamma.reshape(self.gamma.data.shape))
            self.beta.add(dbeta.reshape(self.beta.data.shape))
            return dx

    class Dropout(Module):
        def __init__(self, keep_prob=0.5):
            if not 0 <= keep_prob <= 1:
                raise ValueError("keep_prob must lie between 0 and 1")
            self.p = 1 - keep_prob

        def forward(self, x):
            self.mask = f.mask(x, self.p) if self.is_train else np.ones_like(x)
            return x * self.mask

        def backward(self, grad):
            return grad * self.mask

    class MSELoss:
        def __call__(self, prediction, target):
            if prediction.shape != target.shape:
                raise ValueError("shapes differ")
            self.saved = prediction, target
            return f.mse(prediction, target)

        def backward(self):
            return f.mse_grad(*self.saved)

    class SGD:
        def __init__(self, params, learning_rate, momentum=0.0):
            self.params, self.lr, self.momentum = list(params), learning_rate, momentum
            self.velocities = [np.zeros_like(p.data) for p in self.params]

        def step(self):
            for i, p in enumerate(self.params):
                self.velocities[i] = self.momentum * self.velocities[i] + p.grad
                p.data = p.data - self.lr * self.velocities[i]

        def zero_grad(self):
            for p in self.params:
                p.grad = np.zeros_like(p.data)

    class Adam:
        def __init__(self, params, lr=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8):
            self.params, self.lr, self.betas, self.eps = list(params), lr, (beta1, beta2), epsilon
            self.t = 0
            self.m = [np.zeros_like(p.data) for p in self.params]
            self.v = [np.zeros_like(p.data) for p in self.params]

        def step(self):
            self.t += 1
            b1, b2 = self.betas
            for i, p in enumerate(self.params):
                self.m[i] = b1 * self.m[i] + (1 - b1) * p.grad
                self.v[i] = b2 * self.v[i] + (1 - b2) * p.grad**2
                m, v = self.m[i] / (1 - b1**self.t), self.v[i] / (1 - b2**self.t)
                p.data -= self.lr * m / (np.sqrt(v) + self.eps)

    return {cls.__name__: cls for cls in locals().values() if isinstance(cls, type)}
