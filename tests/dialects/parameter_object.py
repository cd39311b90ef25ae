"""Layers whose parameters are objects with `.weights` and `.grad`, without modes, by hand."""

import numpy as np


def layers(f):
    class Param:
        def __init__(self, weights):
            self.weights, self.grad = weights, np.zeros_like(weights)

    class Linear:
        def __init__(self, n_in, n_out):
            self.w = Param(np.random.randn(n_in, n_out))
            self.bias = Param(np.zeros((1, n_out)))

        def forward(self, X):
            self.X = X
            return f.linear(X, self.w.weights.T, self.bias.weights[0])

        def backward(self, dLdy):
            dx, dw, db = f.linear_grads(self.X, self.w.weights.T, dLdy)
            self.w.grad += dw.T
            self.bias.grad += db
            return dx

    class ReLU:
        def forward(self, X):
            self.X = X
            return f.relu(X)

        def backward(self, dLdy):
            return f.relu_grad(self.X, dLdy)

    class Dropout:
        def __init__(self, p=0.5):
            if not 0 <= p <= 1:
                raise ValueError("p must lie between 0 and 1")
            self.p = p

        def forward(self, X):
            self.mask = f.mask(X, self.p)
            return X * self.mask

        def backward(self, dLdy):
            return dLdy * self.mask

    class Conv2d:
        """Odd kernels and "same" padding only."""

        def __init__(self, in_channels, out_channels, filter_size):
            assert filter_size % 2 == 1, "the filter must be odd"
            self.w = Param(np.random.randn(filter_size, filter_size, in_channels, out_channels))
            self.bias = Param(np.zeros((1, out_channels)))
            self.pad = filter_size // 2

        def forward(self, X):
            p = self.pad
            self.padded = np.pad(X, ((0, 0), (0, 0), (p, p), (p, p)))
            k = self.w.weights.shape[0]
            windows = np.lib.stride_tricks.sliding_window_view(self.padded, (k, k), axis=(2, 3))
            self.windows = windows
            out = np.einsum("nchwuv,uvco->nohw", windows, self.w.weights)
            return out + self.bias.weights.reshape(1, -1, 1, 1)

        def backward(self, dLdy):
            self.w.grad += np.einsum("nchwuv,nohw->uvco", self.windows, dLdy)
            self.bias.grad += dLdy.sum(axis=(0, 2, 3))
            k, p = self.w.weights.shape[0], self.pad
            padded = np.pad(dLdy, ((0, 0), (0, 0), (p, p), (p, p)))
            windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(2, 3))
            return np.einsum("nohwuv,uvco->nchw", windows, self.w.weights[::-1, ::-1])

    class MSE:
        def forward(self, prediction, target):
            if prediction.shape != target.shape:
                raise ValueError("shapes differ")
            self.saved = prediction, target
            return f.mse(prediction, target)

        def backward(self):
            return f.mse_grad(*self.saved)

    class CrossEntropy:
        def forward(self, logits, target):
            self.y, self.target = f.log_softmax(logits), target
            return f.nll(self.y, target)

        def backward(self):
            return f.log_softmax_grad(self.y, f.nll_grad(self.y, self.target))

    class SGD:
        def __init__(self, lr, momentum=0):
            self.lr, self.momentum, self.velocity = lr, momentum, {}

        def update(self, layer, layer_id):
            for name, p in (("w", layer.w), ("bias", layer.bias)):
                v = self.momentum * self.velocity.get((layer_id, name), 0) + p.grad
                self.velocity[layer_id, name] = v
                p.weights = p.weights - self.lr * v

    return {cls.__name__: cls for cls in locals().values() if isinstance(cls, type)}
