"""Losses: the value from (input, target), and its gradient with respect to the input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .arrays import (
    Array,
    Row,
    divide,
    float_array,
    from_rows,
    log,
    to_array,
    to_rows,
)
from .softmax import log_softmax, log_softmax_backward

Terms = list[tuple[int, float]]  # the (class, factor) pairs of one row's loss


class Loss:
    """A loss with an explicit backward pass.

    `value = loss.forward(input, target)`, then `dx = loss.backward()`, which is the gradient of
    `grad_output * value` (with reduction="none", of the sum over `grad_output[r] * value[r]`).
    """

    def __init__(self, reduction: str = "mean") -> None:
        if reduction not in ("none", "mean", "sum"):
            raise ValueError(f'reduction must be "none", "mean" or "sum", got {reduction!r}')
        self.reduction = reduction
        self._cache: Any = None

    def forward(self, input: ArrayLike, target: ArrayLike) -> Array:
        """Return the loss, and remember what backward needs."""
        raise NotImplementedError

    def backward(self, grad_output: ArrayLike = 1.0) -> Array:
        """Return the gradient of the input."""
        raise NotImplementedError

    def __call__(self, input: ArrayLike, target: ArrayLike) -> Array:
        return self.forward(input, target)

    def _recall(self) -> Any:
        """Return what the last forward remembered."""
        if self._cache is None:
            raise RuntimeError(
                f"{type(self).__name__}.backward was called before any forward: "
                "it needs what forward remembers"
            )
        return self._cache

    def _reduce(self, losses: Row, shape: tuple[int, ...], divisor: float, dtype: Any) -> Array:
        """Return the losses in the given shape, or their sum, or their sum / divisor."""
        if self.reduction == "none":
            return to_array(losses, shape, dtype)
        total = 0.0
        for loss in losses:
            total += loss
        if self.reduction == "mean":
            total = total / divisor if divisor != 0 else math.nan
        return to_array(total, (), dtype)

    def _gradient_of_each(self, grad_output: ArrayLike, shape: tuple[int, ...]) -> Row:
        """Return the gradient of each loss (for "mean": before the division)."""
        gradient = np.asarray(grad_output, dtype=np.float64)
        if gradient.shape != () and (self.reduction != "none" or gradient.shape != shape):
            allowed = f"() or {shape}" if self.reduction == "none" else "()"
            raise ValueError(f"grad_output must have shape {allowed}, got {gradient.shape}")
        return np.broadcast_to(gradient, shape).ravel().tolist()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(reduction={self.reduction!r})"


class MSELoss(Loss):
    """The squared difference of input and target.

        loss[i] = (x[i] - t[i])^2           mean: (1/n) sum_i loss[i]        sum: sum_i loss[i]
        dx[i]   = 2 (x[i] - t[i]) g         with g = 1/n for the mean, 1 for the sum

    Shapes: input and target of one and the same shape with n elements in all; the loss is a
    scalar, or has the shape of the input with reduction="none".

    Source: Goodfellow, Bengio & Courville, Deep Learning (2016), section 5.1.4.
    """

    def forward(self, input: ArrayLike, target: ArrayLike) -> Array:
        x = float_array(input, "input")
        t = np.asarray(target)
        if x.shape != t.shape:
            raise ValueError(f"target must have the input's shape {x.shape}, got {t.shape}")

        differences = []
        losses = []
        for value, wanted in zip(x.ravel().tolist(), t.ravel().tolist(), strict=True):
            difference = value - wanted
            differences.append(difference)
            losses.append(difference * difference)
        self._cache = differences, x.shape, x.dtype
        return self._reduce(losses, x.shape, x.size, x.dtype)

    def backward(self, grad_output: ArrayLike = 1.0) -> Array:
        differences, shape, dtype = self._recall()
        gradients = self._gradient_of_each(grad_output, shape)
        divisor = len(differences) if self.reduction == "mean" else 1
        dx = []
        for difference, g in zip(differences, gradients, strict=True):
            dx.append(2.0 * difference * g / divisor)
        return to_array(dx, shape, dtype)


class _ClassificationLoss(Loss):
    """What NLLLoss and CrossEntropyLoss have in common.

    The input is first turned into log-probabilities logp[r, c], where the rows r run over batch and
    positions and c over the C classes. Each row's loss is a sum over a few of them, its terms:

        loss[r]  = sum_{(c, q) in terms[r]} -q logp[r, c]
        dlogp[r, c] = -q g[r]
        mean: (1/divisor) sum_r loss[r]          sum: sum_r loss[r]

    For class indices t[r], with class weights w (ones unless given) and label smoothing e, the
    terms are (t[r], (1 - e) w[t[r]]) and, for every class c, (c, e / C w[c]); the divisor is
    sum_r w[t[r]]. Rows with t[r] = ignore_index have no terms and no share in the divisor.
    """

    def __init__(
        self,
        weight: ArrayLike | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        if not 0.0 <= label_smoothing <= 1.0:
            raise ValueError(f"label_smoothing must be between 0 and 1, got {label_smoothing}")
        self.weight = None if weight is None else np.array(float_array(weight, "weight"))
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def log_probabilities(self, x: Row) -> Row:
        """Return the log-probabilities of one row of the input."""
        raise NotImplementedError

    def log_probabilities_backward(self, dlogp: Row, x: Row, logp: Row) -> Row:
        """Return the gradient of the row x, given that of its log-probabilities."""
        raise NotImplementedError

    def terms(self, x: Array, target: Array, weight: Row) -> tuple[list[Terms], float]:
        """Return the terms of each row, and the divisor of the mean."""
        smoothing = self.label_smoothing
        terms: list[Terms] = []
        divisor = 0.0
        for t in class_indices(target, x, self.ignore_index):
            terms.append([])
            if t == self.ignore_index:
                continue
            divisor += weight[t]
            terms[-1].append((t, (1.0 - smoothing) * weight[t]))
            if smoothing > 0.0:
                for c in range(len(weight)):
                    terms[-1].append((c, smoothing / len(weight) * weight[c]))
        return terms, divisor

    def forward(self, input: ArrayLike, target: ArrayLike) -> Array:
        x = float_array(input, "input")
        if x.ndim == 0:
            raise ValueError("input must have shape (C,), (N, C) or (N, C, d1, ...), got ()")
        terms, divisor = self.terms(x, np.asarray(target), self._class_weights(x))

        rows = to_rows(x, class_axis(x.shape))
        logp = []
        losses = []
        for r in range(len(rows)):
            logp.append(self.log_probabilities(rows[r]))
            loss = 0.0
            for c, q in terms[r]:
                loss += -q * logp[r][c]
            losses.append(loss)

        self._cache = rows, logp, terms, divisor, x.shape, x.dtype
        return self._reduce(losses, shape_without_classes(x.shape), divisor, x.dtype)

    def backward(self, grad_output: ArrayLike = 1.0) -> Array:
        rows, logp, terms, divisor, shape, dtype = self._recall()
        g = self._gradient_of_each(grad_output, shape_without_classes(shape))
        if self.reduction != "mean":
            divisor = 1.0

        dx = []
        for r in range(len(rows)):
            dlogp = [0.0] * len(rows[r])
            for c, q in terms[r]:
                dlogp[c] += divide(-q * g[r], divisor)
            dx.append(self.log_probabilities_backward(dlogp, rows[r], logp[r]))
        return from_rows(dx, shape, class_axis(shape), dtype)

    def _class_weights(self, x: Array) -> Row:
        classes = x.shape[class_axis(x.shape)]
        if self.weight is None:
            return [1.0] * classes
        if self.weight.shape != (classes,):
            raise ValueError(
                f"weight must have shape ({classes},), one element for each class of the input, "
                f"got {self.weight.shape}"
            )
        return self.weight.tolist()  # type: ignore[no-any-return]


def class_axis(shape: tuple[int, ...]) -> int:
    """Return the axis of the classes in an input (C,), (N, C) or (N, C, d1, ...)."""
    return 0 if len(shape) == 1 else 1


def shape_without_classes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of class indices (and of the unreduced loss) for an input's shape."""
    axis = class_axis(shape)
    return shape[:axis] + shape[axis + 1 :]


def class_indices(target: Array, x: Array, ignore_index: int) -> list[int]:
    """Return the target as one class index per row, after checking shape, dtype and range."""
    shape = shape_without_classes(x.shape)
    if target.shape != shape:
        raise ValueError(
            f"target must have shape {shape} (class indices) or {x.shape} (one value for each "
            f"class) for an input of shape {x.shape}, got {target.shape}"
        )
    if target.dtype.kind not in "iu":
        raise TypeError(f"target must hold integer class indices, got dtype {target.dtype}")
    classes = x.shape[class_axis(x.shape)]
    result: list[int] = target.ravel().tolist()
    for t in result:
        if not 0 <= t < classes and t != ignore_index:
            raise IndexError(f"target {t} is out of range for {classes} classes")
    return result


def indices_of_one_hot(target: Array) -> Array:
    """Return the class indices that the rows of a one-hot target stand for."""
    result = []
    for row in to_rows(target, class_axis(target.shape)):
        if row.count(1) != 1 or row.count(0) != len(row) - 1:
            raise ValueError(
                "target has the input's shape, so its rows must be one-hot "
                f"(a single 1 among zeros), got {row}"
            )
        result.append(row.index(1))
    return np.array(result, dtype=np.int64).reshape(shape_without_classes(target.shape))


class NLLLoss(_ClassificationLoss):
    """The negative log-likelihood of the target classes, from log-probabilities.

        loss[n]  = -w[t[n]] x[n, t[n]]
        dx[n, c] = -w[t[n]] g if c = t[n], else 0

        mean: sum_n loss[n] / sum_n w[t[n]]      g = 1 / sum_n w[t[n]]
        sum:  sum_n loss[n]                      g = 1

    Rows with t[n] = ignore_index are left out everywhere.

    Shapes: input (C,), (N, C) or (N, C, d1, ...); target class indices of the input's shape
    without C, or one-hot rows of the input's shape; weight (C,). The loss is a scalar, or has the
    shape of the class indices with reduction="none".

    Source: Goodfellow, Bengio & Courville, Deep Learning (2016), section 5.5.
    """

    def __init__(
        self, weight: ArrayLike | None = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(weight, ignore_index, reduction)

    def log_probabilities(self, x: Row) -> Row:
        return x

    def log_probabilities_backward(self, dlogp: Row, x: Row, logp: Row) -> Row:
        return dlogp

    def terms(self, x: Array, target: Array, weight: Row) -> tuple[list[Terms], float]:
        if target.shape == x.shape:
            target = indices_of_one_hot(target)
        return super().terms(x, target, weight)


class CrossEntropyLoss(_ClassificationLoss):
    """The cross-entropy between target classes and the softmax of the logits.

        logp[n, c] = log_softmax(x[n])[c]

    for class indices t[n], with class weights w and label smoothing e:

        loss[n] = -(1 - e) w[t[n]] logp[n, t[n]] - (e / C) sum_c w[c] logp[n, c]
        mean: sum_n loss[n] / sum_n w[t[n]]      (rows with t[n] = ignore_index left out)

    for class probabilities t[n, c]:

        loss[n] = -sum_c w[c] ((1 - e) t[n, c] + e / C) logp[n, c]
        mean: sum_n loss[n] / N

    Backward: dlogp[n, c] = g times the factor of logp[n, c], where g divides as the mean does, and
    dx[n, c] = dlogp[n, c] - softmax(x[n])[c] sum_k dlogp[n, k].

    Shapes: input (C,), (N, C) or (N, C, d1, ...); target class indices of the input's shape
    without C, or probabilities of the input's shape; weight (C,). The loss is a scalar, or has
    the shape of the class indices with reduction="none".

    Source: Goodfellow, Bengio & Courville, Deep Learning (2016), section 6.2.2.3; label smoothing:
    Szegedy et al. 2016, arXiv:1512.00567.
    """

    def log_probabilities(self, x: Row) -> Row:
        return log_softmax(x)

    def log_probabilities_backward(self, dlogp: Row, x: Row, logp: Row) -> Row:
        return log_softmax_backward(dlogp, logp)

    def terms(self, x: Array, target: Array, weight: Row) -> tuple[list[Terms], float]:
        if target.shape != x.shape:
            return super().terms(x, target, weight)

        if self.ignore_index >= 0:
            raise ValueError(
                f"ignore_index={self.ignore_index} has no meaning for class probabilities"
            )
        smoothing = self.label_smoothing
        terms: list[Terms] = []
        for probabilities in to_rows(float_array(target, "target"), class_axis(x.shape)):
            terms.append([])
            for c in range(len(weight)):
                smoothed = (1.0 - smoothing) * probabilities[c] + smoothing / len(weight)
                terms[-1].append((c, weight[c] * smoothed))
        return terms, len(terms)


class _OnProbabilities:
    """Takes probabilities instead: logp[c] = log(x[c]), and dx[c] = dlogp[c] / x[c].

    Nothing is added inside the logarithm. As in PyTorch, log(0) is -inf, and the gradient at a
    probability of exactly 0 is infinite, or NaN (0 / 0) for a class that has no part in the loss.
    """

    def log_probabilities(self, x: Row) -> Row:
        return [log(p) for p in x]

    def log_probabilities_backward(self, dlogp: Row, x: Row, logp: Row) -> Row:
        return [divide(dlogp[c], x[c]) for c in range(len(x))]


class NLLLossOnProbabilities(_OnProbabilities, NLLLoss):
    """The negative log-likelihood of the target classes, from probabilities.

        loss[n]  = -w[t[n]] log(x[n, t[n]])
        dx[n, c] = -w[t[n]] g / x[n, c] if c = t[n], else 0

    Everything else is as in NLLLoss.
    """


class CrossEntropyLossOnProbabilities(_OnProbabilities, CrossEntropyLoss):
    """The cross-entropy between target classes and given probabilities, without a softmax.

        logp[n, c] = log(x[n, c])
        dx[n, c]   = dlogp[n, c] / x[n, c]

    Everything else is as in CrossEntropyLoss.
    """
