"""Layers that PyTorch has no class for, composed of its operations, as oracles for their specs.

Importing this file imports PyTorch.
"""

from __future__ import annotations

import torch


class ChannelwiseScaling(torch.nn.Module):  # type: ignore[misc]
    """Scale and shift each channel of (N, C) or (N, C, H, W): the affine half of BatchNorm."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(num_features))
        self.bias = torch.nn.Parameter(torch.zeros(num_features))

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return weight[c] * input[:, c] + bias[c]."""
        if input.ndim not in (2, 4) or input.shape[1] != len(self.weight):
            raise ValueError(
                f"expected (N, {len(self.weight)}) or (N, {len(self.weight)}, H, W), "
                f"got {tuple(input.shape)}"
            )
        per_channel = (-1,) + (1,) * (input.ndim - 2)
        return input * self.weight.reshape(per_channel) + self.bias.reshape(per_channel)


class MSELoss(torch.nn.MSELoss):  # type: ignore[misc]
    """PyTorch's, with its warning that a target would be broadcast turned into an error."""

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the squared error of tensors of one and the same shape."""
        if target.shape != input.shape:
            raise ValueError(f"target has shape {target.shape}, but input has {input.shape}")
        return super().forward(input, target)


class NLLLoss(torch.nn.NLLLoss):  # type: ignore[misc]
    """PyTorch's, for one-hot targets too."""

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss of log-probabilities."""
        if target.shape == input.shape:
            target = target.argmax(_class_axis(input))
        return super().forward(input, target)


class NLLLossOnProbabilities(NLLLoss):
    """The logarithm, then NLLLoss."""

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss of probabilities."""
        return super().forward(input.log(), target)


class CrossEntropyLossOnProbabilities(torch.nn.CrossEntropyLoss):  # type: ignore[misc]
    """CrossEntropyLoss with the logarithm in place of its log_softmax."""

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss of probabilities."""
        if self.reduction not in ("none", "mean", "sum"):
            raise ValueError(f"{self.reduction} is not a valid value for reduction")
        if not 0 <= self.label_smoothing <= 1:
            raise ValueError(f"label_smoothing must be between 0 and 1, got {self.label_smoothing}")
        axis, log_p = _class_axis(input), input.log()
        weight = log_p.new_ones(input.shape[axis]) if self.weight is None else self.weight
        # Label smoothing takes a share of this: the loss if every class were the target.
        all_classes = -torch.tensordot(log_p, weight, dims=([axis], [0]))
        losses: torch.Tensor
        if target.shape == input.shape:
            losses = -torch.tensordot(log_p * target, weight, dims=([axis], [0]))
            divisor = losses.new_tensor(losses.numel())
        else:
            losses = torch.nn.functional.nll_loss(
                log_p, target, self.weight, ignore_index=self.ignore_index, reduction="none"
            )
            counted = target != self.ignore_index
            all_classes = all_classes * counted
            divisor = weight[target[counted]].sum()
        share = self.label_smoothing
        losses = (1 - share) * losses + share / len(weight) * all_classes
        if self.reduction == "none":
            return losses
        return losses.sum() / divisor if self.reduction == "mean" else losses.sum()


def _class_axis(input: torch.Tensor) -> int:
    """The axis of the classes in (C), (N, C) or (N, C, d1, ...)."""
    if input.ndim == 0:
        raise ValueError("input has no axis of classes")
    return 1 if input.ndim > 1 else 0
