"""Layers of the torch7 kind, written by hand."""

import numpy as np


def layers(f):
    class Module:
        def __init__(self):
            self.output, self.gradInput, self.is_training = None, None, True

        def forward(self, input):
            return self.updateOutput(input)

        def backward(self, input, gradOutput):
            self.updateGradInput(input, gradOutput)
            self.accGradParameters(input, gradOutput)
            return self.gradInput

        def accGradParameters(self, input, gradOutput):
            pass

        def zeroGradParameters(self):
            for gradient in self.getGradParameters():
                gradient[...] = 0

        def getParameters(self):
            return []

        def getGradParameters(self):
            return []

        def train(self):
            self.is_training = True

        def evaluate(self):
            self.is_training = False

    class Sequential(Module):
        def __init__(self):
            super().__init__()
            self.modules = []

        def add(self, module):
            self.modules.append(module)

        def updateOutput(self, input):
            self.inputs = []
            for module in self.modules:
                self.inputs.append(input)
                input = module.forward(input)
            self.output = input
            return input

        def backward(self, input, gradOutput):
            for module, x in zip(reversed(self.modules), reversed(self.inputs), strict=True):
                gradOutput = module.backward(x, gradOutput)
            self.gradInput = gradOutput
            return gradOutput

        def zeroGradParameters(self):
            for module in self.modules:
                module.zeroGradParameters()

        def getParameters(self):
            return [module.getParameters() for module in self.modules]

        def __len__(self):
            return len(self.modules)

        def __getitem__(self, i):
            return self.modules[i]

        def train(self):
            for module in self.modules:
                module.train()

        def evaluate(self):
            for module in self.modules:
                module.evaluate()

    class Linear(Module):
        def __init__(self, n_in, n_out):
            super().__init__()
            stdv = 1 / np.sqrt(n_in)
            self.W = np.random.uniform(-stdv, stdv, size=(n_out, n_in))
            self.b = np.random.uniform(-stdv, stdv, size=n_out)
            self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)

        def updateOutput(self, input):
            self.output = f.linear(input, self.W, self.b)
            return self.output

        def updateGradInput(self, input, gradOutput):
            self.gradInput = f.linear_grads(input, self.W, gradOutput)[0]
            return self.gradInput

        def accGradParameters(self, input, gradOutput):
            _, dw, db = f.linear_grads(input, self.W, gradOutput)
            self.gradW += dw
            self.gradb += db

        def getParameters(self):
            return [self.W, self.b]

        def getGradParameters(self):
            return [self.gradW, self.gradb]

    class ReLU(Module):
        def updateOutput(self, input):
            self.output = f.relu(input)
            return self.output

        def updateGradInput(self, input, gradOutput):
            self.gradInput = f.relu_grad(input, gradOutput)
            return self.gradInput

    class SoftMax(Module):
        def updateOutput(self, input):
            self.output = f.softmax(input)
            return self.output

        def updateGradInput(self, input, gradOutput):
            self.gradInput = f.softmax_grad(self.output, gradOutput)
            return self.gradInput

    class LogSoftMax(Module):
        def updateOutput(self, input):
            self.output = f.log_softmax(input)
            return self.output

        def updateGradInput(self, input, gradOutput):
            self.gradInput = f.log_softmax_grad(self.output, gradOutput)
            return self.gradInput

    class ChannelwiseScaling(Module):
        def __init__(self, n_out):
            super().__init__()
            self.gamma, self.beta = np.ones(n_out), np.zeros(n_out)
            self.gradGamma, self.gradBeta = np.zeros(n_out), np.zeros(n_out)

        def updateOutput(self, input):
            if input.ndim not in (2, 4):
                raise ValueError("input must have 2 or 4 axes")
            if input.shape[1] != len(self.gamma):
                raise ValueError("wrong number of channels")
            self.output = input * f.channels(self.gamma, input) + f.channels(self.beta, input)
            return self.output

        def updateGradInput(self, input, gradOutput):
            self.gradInput = gradOutput * f.channels(self.gamma, input)
            return self.gradInput

        def accGradParameters(self, input, gradOutput):
            axes = (0, *range(2, input.ndim))
            self.gradGamma += (gradOutput * input).sum(axis=axes)
            self.gradBeta += gradOutput.sum(axis=axes)

        def getParameters(self):
            return [self.gamma, self.beta]

        def getGradParameters(self):
            return [self.gradGamma, self.gradBeta]

    class Dropout(Module):
        def __init__(self, p=0.5):
            super().__init__()
            if not 0 <= p <= 1:
                raise ValueError("p must lie between 0 and 1")
            self.p, self.mask = p, None

        def updateOutput(self, input):
            self.mask = f.mask(input, self.p) if self.is_training else np.ones_like(input)
            self.output = input * self.mask
            return self.output

        def updateGradInput(self, input, gradOutput):
            self.gradInput = gradOutput * self.mask
            return self.gradInput

    class MSECriterion:
        def forward(self, input, target):
            if input.shape != target.shape:
                raise ValueError("shapes differ")
            return f.mse(input, target)

        def backward(self, input, target):
            return f.mse_grad(input, target)

    class ClassNLLCriterion:
        def forward(self, input, target):
            if target.shape != input.shape:
                raise ValueError("targets are one-hot rows")
            return -np.sum(input * target) / len(input)

        def backward(self, input, target):
            return -target / len(input)

    return {cls.__name__: cls for cls in locals().values() if isinstance(cls, type)} | {
        "ReLU": ReLU
    }
