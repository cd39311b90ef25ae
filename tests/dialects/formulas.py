"""What the layers of every dialect compute: the dialects differ in names and calls alone.

Channels are axis 1, weights are (out, in). A wrong layer is one of these with one mistake, so that
the same mistake can be made in every dialect.
"""

import numpy as np


class Formulas:
    """The right ones."""

    @staticmethod
    def linear(x, weight, bias):
        return x @ weight.T + bias

    @staticmethod
    def linear_grads(x, weight, dy):
        axes = tuple(range(x.ndim - 1))
        return dy @ weight, np.tensordot(dy, x, (axes, axes)), dy.sum(axis=axes)

    @staticmethod
    def relu(x):
        return np.maximum(x, 0)

    @staticmethod
    def relu_grad(x, dy):
        return dy * (x > 0)

    @staticmethod
    def softmax(x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    @staticmethod
    def softmax_grad(y, dy):
        return y * (dy - (dy * y).sum(axis=1, keepdims=True))

    @staticmethod
    def log_softmax(x):
        z = x - x.max(axis=1, keepdims=True)
        return z - np.log(np.exp(z).sum(axis=1, keepdims=True))

    @staticmethod
    def log_softmax_grad(y, dy):
        return dy - np.exp(y) * dy.sum(axis=1, keepdims=True)

    @staticmethod
    def batch_statistics(x):
        axes = (0, *range(2, x.ndim))
        return x.mean(axis=axes), x.var(axis=axes)

    @staticmethod
    def unbiased(x, variance):
        n = x.size // x.shape[1]
        return variance * n / (n - 1)

    @staticmethod
    def channels(v, x):
        return v.reshape(-1, *[1] * (x.ndim - 2))

    @classmethod
    def normalise(cls, x, mean, variance, eps):
        return (x - cls.channels(mean, x)) / np.sqrt(cls.channels(variance, x) + eps)

    @classmethod
    def batchnorm_grads(cls, normalised, dy, gamma, variance, eps, constant):
        """The gradients of x, gamma and beta; `constant`: the statistics are not those of x."""
        axes = (0, *range(2, dy.ndim))
        dgamma, dbeta = (dy * normalised).sum(axis=axes), dy.sum(axis=axes)
        scale = cls.channels(gamma / np.sqrt(variance + eps), dy)
        if constant:
            return dy * scale, dgamma, dbeta
        n = dy.size // dy.shape[1]
        mean, along = cls.channels(dbeta / n, dy), cls.channels(dgamma / n, dy)
        return (dy - mean - normalised * along) * scale, dgamma, dbeta

    @staticmethod
    def mask(x, p):
        return (np.random.random(x.shape) >= p).astype(x.dtype) / x.dtype.type(1 - p or 1)

    @staticmethod
    def mse(x, target):
        return np.mean((x - target) ** 2)

    @staticmethod
    def mse_grad(x, target):
        return 2 * (x - target) / x.size

    @staticmethod
    def nll(log_p, target):
        return -np.mean(np.take_along_axis(log_p, target[:, None], 1))

    @staticmethod
    def nll_grad(log_p, target):
        dx = np.zeros_like(log_p)
        np.put_along_axis(dx, target[:, None], -1 / target.size, 1)
        return dx


class WrongFormulas(Formulas):
    """The same with one mistake each in Linear, ReLU and MSELoss."""

    @staticmethod
    def linear_grads(x, weight, dy):
        dx, dw, db = Formulas.linear_grads(x, weight, dy)
        return dx, dw / len(dy), db

    @staticmethod
    def relu_grad(x, dy):
        return dy * (x >= -1)

    @staticmethod
    def mse_grad(x, target):
        return (x - target) / x.size
