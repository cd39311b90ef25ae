"""Losses: how far a prediction is from its target, as one number or as one per sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .module import Array, working_dtype
from .softmax import log_softmax


class Loss:
    """Base of all losses.

    A loss implements `_forward(x, target)`, which returns the losses before reduction and what
    their sum is divided by to get the mean, and `_backward(grad_losses)`, which returns the
    gradient of the input. Both see arrays in the working precision.
    """

    _saved: Any = None
    _reduced: tuple[tuple[int, ...], Any, np.dtype[Any]] | None = None  # by the last forward

    def __init__(self, reduction: str = "mean") -> None:
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"{self._name}: reduction={reduction!r}, expected mean, sum or none")
        self.reduction = reduction

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        raise NotImplementedError

    def _backward(self, grad_losses: Array) -> Array:
        raise NotImplementedError

    def forward(self, input: npt.ArrayLike, target: npt.ArrayLike) -> Array:
        """Return the loss in the dtype of `input`; 0-D unless reduction is "none"."""
        x, target = np.asarray(input), np.asarray(target)
        if x.dtype.kind != "f":
            raise TypeError(f"{self._name}: input has dtype {x.dtype}, expected floating point")
        # As in PyTorch, log(0) is -inf and the mean of nothing is NaN, without a warning.
        with np.errstate(all="ignore"):
            losses, count = self._forward(x.astype(working_dtype(x.dtype), copy=False), target)
            divisor = np.asarray(count if self.reduction == "mean" else 1, losses.dtype)
            loss = losses if self.reduction == "none" else losses.sum() / divisor
            self._reduced = losses.shape, divisor, x.dtype
            return np.asarray(loss, x.dtype)

    def backward(self, grad_output: npt.ArrayLike = 1.0) -> Array:
        """Return the gradient of the last forward's input; targets get none."""
        if self._reduced is None:
            raise RuntimeError(f"{self._name}: backward called before forward")
        shape, divisor, dtype = self._reduced
        gradient = np.asarray(grad_output, divisor.dtype)
        expected = shape if self.reduction == "none" else ()
        if gradient.shape not in (expected, ()):
            raise ValueError(
                f"{self._name}: grad_output has shape {gradient.shape}, expected {expected}"
            )
        with np.errstate(all="ignore"):
            return np.asarray(self._backward(np.broadcast_to(gradient / divisor, shape)), dtype)

    def __call__(self, input: npt.ArrayLike, target: npt.ArrayLike) -> Array:
        """Do the same as `forward`."""
        return self.forward(input, target)

    @property
    def _name(self) -> str:
        return type(self).__name__


class MSELoss(Loss):
    """Squared error.

    loss_i = (x_i - target_i)²

    input, target and unreduced loss of the same, arbitrary shape.
    Source: https://pytorch.org/docs/stable/generated/torch.nn.MSELoss.html
    """

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        if target.shape != x.shape:
            raise ValueError(
                f"MSELoss: target has shape {target.shape}, expected the input's {x.shape}"
            )
        self._saved = x - target.astype(x.dtype, copy=False)
        return np.square(self._saved), x.size

    def _backward(self, grad_losses: Array) -> Array:
        return 2 * self._saved * grad_losses


def _weigh(coefficients: Array, values: Array) -> Array:
    """Return the product, and 0 where the coefficient is 0: there even log 0 has no say."""
    return np.where(coefficients == 0, 0, coefficients * values)


class _ClassLoss(Loss):
    """A loss that is linear in the logarithms of the class probabilities.

    loss_n = -Σ_c T[n, c] · log p[n, c]

    A class index y_n means T[n, y_n] = weight[y_n] and zero for all other classes; a distribution
    t_n over the classes means T[n, c] = weight[c] · t_n[c]. Subclasses say what log p is.
    """

    label_smoothing: float = 0.0

    def __init__(
        self,
        weight: npt.ArrayLike | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.weight = None if weight is None else np.array(weight)
        self.ignore_index = ignore_index

    def _log_p(self, x: Array, axis: int) -> Array:
        raise NotImplementedError

    def _grad_input(self, grad_log_p: Array, axis: int) -> Array:
        raise NotImplementedError

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        if x.ndim == 0:
            raise ValueError(f"{self._name}: input is 0-D, expected a dimension of classes")
        axis = min(x.ndim - 1, 1)  # of the classes, in (C,) or (N, C, ...)
        weight = self._class_weights(x, axis)
        if target.shape == x.shape:
            index = None
            coefficients, divisor = self._from_distributions(target, weight)
        elif target.shape == x.shape[:axis] + x.shape[axis + 1 :]:
            target = np.expand_dims(target, axis)
            index, coefficients, divisor = self._from_indices(target, weight)
        else:
            raise ValueError(
                f"{self._name}: target has shape {target.shape}, "
                f"which does not fit input of shape {x.shape}"
            )
        log_p = self._log_p(x, axis)
        if index is not None:
            log_p = np.take_along_axis(log_p, index, axis)
        self._linear = x.shape, axis, index, coefficients
        return -_weigh(coefficients, log_p).sum(axis), divisor

    def _backward(self, grad_losses: Array) -> Array:
        shape, axis, index, coefficients = self._linear
        grad_log_p = -_weigh(coefficients, np.expand_dims(grad_losses, axis))
        if index is not None:
            chosen, grad_log_p = grad_log_p, np.zeros(shape, grad_log_p.dtype)
            np.put_along_axis(grad_log_p, index, chosen, axis)
        return self._grad_input(grad_log_p, axis)

    def _class_weights(self, x: Array, axis: int) -> Array:
        """Return one weight per class, shaped to broadcast along `axis` of x."""
        classes = x.shape[axis]
        weight = np.ones(classes) if self.weight is None else self.weight
        if weight.shape != (classes,):
            raise ValueError(
                f"{self._name}: weight has shape {weight.shape}, but input has {classes} classes"
            )
        return weight.astype(x.dtype).reshape(-1, *[1] * (x.ndim - 1 - axis))

    def _from_indices(self, target: Array, weight: Array) -> tuple[Array | None, Array, Any]:
        """Return the classes whose log p has a say (None: all), T there, and the mean's divisor."""
        classes = weight.size
        if target.dtype.kind not in "iu":
            raise TypeError(f"{self._name}: target has dtype {target.dtype}, expected integers")
        counted = target != self.ignore_index
        wrong = target[counted & ((target < 0) | (target >= classes))]
        if wrong.size:
            raise IndexError(
                f"{self._name}: target {wrong[0]} is not a class index from 0 to {classes - 1}"
            )
        index = np.where(counted, target, 0)
        chosen = counted * weight.ravel()[index]
        if not self.label_smoothing:
            return index, chosen, chosen.sum()
        one_hot = index == np.arange(classes).reshape(weight.shape)
        return None, self._smooth(one_hot * chosen, counted * weight / classes), chosen.sum()

    def _from_distributions(self, target: Array, weight: Array) -> tuple[Array, Any]:
        """Return T and the mean's divisor, here the number of samples."""
        if target.dtype.kind != "f":
            raise TypeError(
                f"{self._name}: target has dtype {target.dtype} and the input's shape, "
                "expected floating-point probabilities"
            )
        if self.ignore_index >= 0:
            raise ValueError(f"{self._name}: ignore_index needs targets that are class indices")
        coefficients = self._smooth(target.astype(weight.dtype) * weight, weight / weight.size)
        return coefficients, target.size / weight.size

    def _smooth(self, coefficients: Array, uniform: Array) -> Array:
        share = self.label_smoothing
        return (1 - share) * coefficients + share * uniform


class NLLLoss(_ClassLoss):
    """Negative log-likelihood, for input that is log-probabilities already.

    loss_n = -weight[y_n] · x[n, y_n], and zero where y_n is ignore_index

    The mean is over the weights: Σ_n loss_n / Σ_n weight[y_n].

    input (N, C, ...) or (C,); target (N, ...) or () with class indices, or one-hot and shaped like
    the input; weight (C).
    Source: https://pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html
    """

    def _log_p(self, x: Array, axis: int) -> Array:
        return x

    def _grad_input(self, grad_log_p: Array, axis: int) -> Array:
        return grad_log_p

    def _from_distributions(self, target: Array, weight: Array) -> tuple[Array, Any]:
        # One-hot targets agree with class indices, so those of the ignored class do not count.
        counted = np.arange(weight.size).reshape(weight.shape) != self.ignore_index
        coefficients = target.astype(weight.dtype) * (weight * counted)
        return coefficients, coefficients.sum()


class CrossEntropyLoss(_ClassLoss):
    """Cross-entropy between the target distribution and the softmax of the input.

    loss_n = -Σ_c weight[c] · t_n[c] · log softmax(x_n)[c]

    For a class index y_n, t_n is one-hot (and zero for ignore_index). Label smoothing e turns t_n
    into (1 - e) · t_n + e / C. The mean is Σ_n loss_n / Σ_n weight[y_n] for class indices, and
    over the samples for distributions.

    input (N, C, ...) or (C,); target (N, ...) or () with class indices, or distributions shaped
    like the input; weight (C).
    Source: https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
    """

    def __init__(
        self,
        weight: npt.ArrayLike | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, ignore_index, reduction)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"{self._name}: label_smoothing={label_smoothing} is not in [0, 1]")
        self.label_smoothing = label_smoothing

    def _log_p(self, x: Array, axis: int) -> Array:
        self._saved = log_softmax(x, axis)
        return self._saved

    def _grad_input(self, grad_log_p: Array, axis: int) -> Array:
        return grad_log_p - np.exp(self._saved) * grad_log_p.sum(axis, keepdims=True)


class _OnProbabilities(_ClassLoss):
    """Takes the logarithm of the input as it is: no softmax, no epsilon."""

    def _log_p(self, x: Array, axis: int) -> Array:
        self._saved = x.copy()
        return np.log(x)

    def _grad_input(self, grad_log_p: Array, axis: int) -> Array:
        return np.where(grad_log_p == 0, 0, grad_log_p / self._saved)


class NLLLossOnProbabilities(_OnProbabilities, NLLLoss):
    """Negative log-likelihood, for input that is probabilities.

    loss_n = -weight[y_n] · log x[n, y_n], and all else as in NLLLoss
    """


class CrossEntropyLossOnProbabilities(_OnProbabilities, CrossEntropyLoss):
    """Cross-entropy between the target distribution and input that is probabilities.

    loss_n = -Σ_c weight[c] · t_n[c] · log x[n, c], and all else as in CrossEntropyLoss
    """
