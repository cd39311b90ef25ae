"""Conv2d misread."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from conformance.misreadings.catalogue import misreading, mistake_of
from conformance.misreadings.parameters import Misshapen, Reread
from reference_impls import numpy_reference as reference
from reference_impls.numpy_reference.module import Array
from reference_impls.numpy_reference.windows import Pair, as_batch, crop, pad, taps


class ConvInPatches(reference.Conv2d):
    """Conv2d as one matrix product of kernels and patches, which mistakes can get at.

    The reference works on strips of the images instead, which is faster and shows less.
    """

    def _forward(self, x: Array) -> Array:
        images = as_batch(x, "Conv2d")
        n, c, h, w = images.shape
        if c != self.in_channels:
            raise ValueError(
                f"Conv2d: input has {c} channels, expected in_channels={self.in_channels}"
            )
        windows = self._windows(h, w)
        padded = pad(images, *self._margins, value=0)
        patches = np.empty((n, c, *self.kernel_size, *windows), x.dtype)
        for i, j, seen in taps(self.kernel_size, self.stride, self.dilation, windows):
            patches[:, :, i, j] = padded[seen]
        # One matrix product per image and group: (outputs, cells) times (cells, windows).
        cells = math.prod(self.weight.shape[1:])
        columns = patches.reshape(n, self.groups, cells, math.prod(windows))
        weight = self.weight.astype(x.dtype).reshape(self.groups, -1, cells)
        self._saved = columns, weight, patches.shape, padded.shape
        y = (weight @ columns).reshape(n, self.out_channels, *windows)
        if self.bias is not None:
            y += self.bias.astype(x.dtype)[:, None, None]
        return y if x.ndim == 4 else y[0]

    def _backward(self, grad_output: Array) -> Array:
        columns, weight, patches_shape, padded_shape = self._saved
        n, groups, _, positions = columns.shape
        dy = grad_output.reshape(n, groups, self.out_channels // groups, positions)
        grad_weight = (dy @ columns.swapaxes(-1, -2)).sum(0)
        self._accumulate(
            weight=grad_weight.reshape(self.weight.shape),
            bias=dy.sum((0, 3)).reshape(self.out_channels),
        )
        grad_patches = (weight.swapaxes(-1, -2) @ dy).reshape(patches_shape)
        grad_padded = np.zeros(padded_shape, dy.dtype)
        windows = patches_shape[-2:]
        for i, j, seen in taps(self.kernel_size, self.stride, self.dilation, windows):
            grad_padded[seen] += grad_patches[:, :, i, j]  # windows overlap, so their shares add up
        dx = crop(grad_padded, *self._margins)
        return dx if grad_output.ndim == 4 else dx[0]


# --- sizes and margins ----------------------------------------------------------------------------

# `_resolve` is the constructor's last step before it draws the weight.


@misreading("Conv2d", "kernel-width-by-height")
class KernelWidthByHeight(reference.Conv2d):
    """kernel_size is taken for (width, height)."""

    def _resolve(self, padding: Any) -> tuple[Pair, Pair]:
        self.kernel_size = self.kernel_size[::-1]
        return super()._resolve(padding)


@misreading("Conv2d", "width-stride-for-height")
class WidthStrideForHeight(reference.Conv2d):
    """Both strides are that of the width."""

    def _resolve(self, padding: Any) -> tuple[Pair, Pair]:
        self.stride = (self.stride[1], self.stride[1])
        return super()._resolve(padding)


@misreading("Conv2d", "padding-width-by-height")
class PaddingWidthByHeight(reference.Conv2d):
    """padding is taken for (width, height)."""

    def _resolve(self, padding: Any) -> tuple[Pair, Pair]:
        rows, columns = super()._resolve(padding)
        return (rows, columns) if isinstance(padding, str) else (columns, rows)


@misreading("Conv2d", "dilation-width-by-height")
class DilationWidthByHeight(reference.Conv2d):
    """dilation is taken for (width, height)."""

    def _resolve(self, padding: Any) -> tuple[Pair, Pair]:
        self.dilation = self.dilation[::-1]
        return super()._resolve(padding)


@misreading("Conv2d", "same-pads-the-start")
class SamePadsTheStart(reference.Conv2d):
    """The odd cell of padding = "same" stands above and to the left."""

    def _resolve(self, padding: Any) -> tuple[Pair, Pair]:
        rows, columns = super()._resolve(padding)
        return rows[::-1], columns[::-1]


@misreading("Conv2d", "same-pads-half-the-kernel")
class SamePadsHalfTheKernel(reference.Conv2d):
    """padding = "same" adds half the kernel on all sides, one too many for an even kernel."""

    def _resolve(self, padding: Any) -> tuple[Pair, Pair]:
        rows, columns = super()._resolve(padding)
        return (rows[1], rows[1]), (columns[1], columns[1])


@misreading("Conv2d", "same-ignores-dilation")
class SameIgnoresDilation(reference.Conv2d):
    """padding = "same" adds what an undilated kernel needs."""

    def _resolve(self, padding: Any) -> tuple[Pair, Pair]:
        if padding != "same":
            return super()._resolve(padding)
        dilation, self.dilation = self.dilation, (1, 1)
        margins = super()._resolve(padding)
        self.dilation = dilation
        return margins


@misreading("Conv2d", "same-with-stride")
class SameWithStride(reference.Conv2d):
    """padding = "same" is accepted with any stride."""

    def _resolve(self, padding: Any) -> tuple[Pair, Pair]:
        stride, self.stride = self.stride, (1, 1)
        margins = super()._resolve(padding)
        self.stride = stride
        return margins


@misreading("Conv2d", "unknown-padding-ignored")
class UnknownPaddingIgnored(reference.Conv2d):
    """A string other than "same" means no padding."""

    def _resolve(self, padding: Any) -> tuple[Pair, Pair]:
        unknown = isinstance(padding, str) and padding != "same"
        return super()._resolve("valid" if unknown else padding)


@misreading("Conv2d", "kernel-too-large-accepted")
class KernelTooLargeAccepted(ConvInPatches):
    """Where the kernel does not fit, the output is empty."""

    def _windows(self, h: int, w: int) -> Pair:
        try:
            return super()._windows(h, w)
        except ValueError:
            return 0, 0


# --- forward --------------------------------------------------------------------------------------


@misreading("Conv2d", "flipped-kernel")
class FlippedKernel(Reread, reference.Conv2d):
    """A convolution instead of a correlation."""

    def _read(self, values: Array) -> Array:
        return values[..., ::-1, ::-1]

    _unread = _read


@misreading("Conv2d", "kernel-by-columns")
class KernelByColumns(Reread, reference.Conv2d):
    """The cells of the image's patches are collected column by column, those of the kernel not."""

    def _read(self, values: Array) -> Array:
        outputs, channels, height, width = values.shape
        return values.reshape(outputs, channels, width, height).swapaxes(2, 3)

    def _unread(self, values: Array) -> Array:
        return values.swapaxes(2, 3).reshape(values.shape)


@misreading("Conv2d", "channels-last-in-patches")
class ChannelsLastInPatches(Reread, reference.Conv2d):
    """The patches hold the channels last, the kernel first."""

    def _read(self, values: Array) -> Array:
        outputs, channels, height, width = values.shape
        return values.reshape(outputs, height, width, channels).transpose(0, 3, 1, 2)

    def _unread(self, values: Array) -> Array:
        return values.transpose(0, 2, 3, 1).reshape(values.shape)


@misreading("Conv2d", "first-kernel-for-all-channels")
class FirstKernelForAllChannels(Reread, reference.Conv2d):
    """All input channels meet the kernel of the first one."""

    def _read(self, values: Array) -> Array:
        return np.repeat(values[:, :1], values.shape[1], axis=1)

    def _unread(self, values: Array) -> Array:
        first = np.zeros_like(values)
        first[:, 0] = values.sum(1)
        return first


@misreading("Conv2d", "output-channels-last")
class OutputChannelsLast(reference.Conv2d):
    """The output has the shape (N, H, W, F)."""

    def _forward(self, x: Array) -> Array:
        return np.moveaxis(super()._forward(x), -3, -1).copy()

    def _backward(self, grad_output: Array) -> Array:
        return super()._backward(np.moveaxis(grad_output, -1, -3))


@misreading("Conv2d", "reshaped-not-transposed")
class ReshapedNotTransposed(reference.Conv2d):
    """The output is brought from (N, H, W, F) to (N, F, H, W) by a reshape."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        return np.moveaxis(y, -3, -1).reshape(y.shape)

    def _backward(self, grad_output: Array) -> Array:
        *leading, filters, rows, columns = grad_output.shape
        by_pixels = grad_output.reshape(*leading, rows, columns, filters)
        return super()._backward(np.moveaxis(by_pixels, -1, -3))


@misreading("Conv2d", "edge-repeated")
class EdgeRepeated(reference.Conv2d):
    """The padding repeats the edge of the image."""

    def _forward(self, x: Array) -> Array:
        margins, self._margins = self._margins, ((0, 0), (0, 0))
        try:
            return super()._forward(np.pad(x, [(0, 0)] * (x.ndim - 2) + list(margins), "edge"))
        finally:
            self._margins = margins


@misreading("Conv2d", "groups-see-the-first-channels")
class GroupsSeeTheFirstChannels(reference.Conv2d):
    """Every group reads the input channels of the first one."""

    def _forward(self, x: Array) -> Array:
        super()._forward(x)  # for its errors
        first = x[..., : self.in_channels // self.groups, :, :]
        return super()._forward(np.concatenate([first] * self.groups, axis=-3))

    def _backward(self, grad_output: Array) -> Array:
        grad_tiled = super()._backward(grad_output)
        grad_input = np.zeros_like(grad_tiled)
        for share in np.split(grad_tiled, self.groups, axis=-3):
            grad_input[..., : share.shape[-3], :, :] += share
        return grad_input


@misreading("Conv2d", "groups-interleaved")
class GroupsInterleaved(Reread, reference.Conv2d):
    """Output channel f belongs to group f modulo groups."""

    def _forward(self, x: Array) -> Array:
        # The filters of a group stand `groups` apart; the layer wants them side by side.
        self._order = np.arange(self.out_channels).reshape(-1, self.groups).T.ravel()
        bias = self.bias
        self.bias = None if bias is None else bias[self._order]
        try:
            return super()._forward(x)[..., np.argsort(self._order), :, :]
        finally:
            self.bias = bias

    def _backward(self, grad_output: Array) -> Array:
        return super()._backward(grad_output[..., self._order, :, :])

    def _read(self, values: Array) -> Array:
        return values[self._order]

    def _unread(self, values: Array) -> Array:
        return values[np.argsort(self._order)]

    def _accumulate(self, **gradients: Array) -> None:
        gradients["bias"] = self._unread(gradients["bias"])
        super()._accumulate(**gradients)


@mistake_of(reference.Conv2d, reference.MaxPool2d, id="strides-assumed")
class StridesAssumed(reference.Module):
    """The input's memory is read as if it were contiguous, as with strides made up by hand."""

    def forward(self, x: npt.ArrayLike) -> Array:
        x = np.asarray(x)
        return super().forward(x.ravel(order="K").reshape(x.shape))


@misreading("Conv2d", "extra-channels-ignored")
class ExtraChannelsIgnored(reference.Conv2d):
    """Channels beyond in_channels are left out of the sum."""

    def _forward(self, x: Array) -> Array:
        return super()._forward(x[..., : self.in_channels, :, :])


@mistake_of(reference.Conv2d, reference.MaxPool2d, id="unbatched-output-batched")
class UnbatchedOutputBatched(reference.Module):
    """A single image comes out as a batch of one."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        return y[None] if y.ndim == 3 else y


# --- parameter gradients --------------------------------------------------------------------------


@misreading("Conv2d", "weight-gradient-mean")
class WeightGradientMean(ConvInPatches):
    """grad_weight is divided by the batch size."""

    def _accumulate(self, **gradients: Array) -> None:
        batch = max(1, len(self._saved[0]))
        super()._accumulate(weight=gradients["weight"] / batch, bias=gradients["bias"])


@misreading("Conv2d", "bias-gradient-mean")
class BiasGradientMean(ConvInPatches):
    """grad_bias is the mean over batch and image."""

    def _accumulate(self, **gradients: Array) -> None:
        images, _, _, positions = self._saved[0].shape
        count = max(1, images * positions)
        super()._accumulate(weight=gradients["weight"], bias=gradients["bias"] / count)


@misreading("Conv2d", "bias-gradient-over-the-batch-only")
class BiasGradientOverTheBatchOnly(Misshapen, reference.Conv2d):
    """grad_bias is not summed over height and width."""

    def _backward(self, grad_output: Array) -> Array:
        self._images = as_batch(grad_output, "grad_output")
        return super()._backward(grad_output)

    def _accumulate(self, **gradients: Array) -> None:
        super()._accumulate(weight=gradients["weight"], bias=self._images.sum(0))


@misreading("Conv2d", "first-patches-kept")
class FirstPatchesKept(ConvInPatches):
    """The patches are remembered for a shape, not for a forward."""

    def _forward(self, x: Array) -> Array:
        before = self._saved
        y = super()._forward(x)
        if before is not None and before[0].shape == self._saved[0].shape:
            self._saved = before[0], *self._saved[1:]
        return y


class OtherPatches(ConvInPatches):
    """grad_weight is computed from patches that other windows see."""

    def _forward(self, x: Array) -> Array:
        self._padded = pad(as_batch(x, "input"), *self._margins, value=0)
        return super()._forward(x)

    def _backward(self, grad_output: Array) -> Array:
        columns, weight, shape, padded_shape = self._saved
        patches = np.empty(shape, columns.dtype)
        for i, j, seen in taps(self.kernel_size, *self._step(), shape[-2:]):
            patches[:, :, i, j] = self._padded[seen]
        self._saved = patches.reshape(columns.shape), weight, shape, padded_shape
        return super()._backward(grad_output)

    def _step(self) -> tuple[Pair, Pair]:
        return self.stride, self.dilation


@misreading("Conv2d", "stride-ignored-in-weight-gradient")
class StrideIgnoredInWeightGradient(OtherPatches):
    """grad_weight correlates as if the stride were 1."""

    def _step(self) -> tuple[Pair, Pair]:
        return (1, 1), self.dilation


@misreading("Conv2d", "dilation-ignored-in-weight-gradient")
class DilationIgnoredInWeightGradient(OtherPatches):
    """grad_weight correlates as if the dilation were 1."""

    def _step(self) -> tuple[Pair, Pair]:
        return self.stride, (1, 1)


# --- input gradient -------------------------------------------------------------------------------


class InputGradientInPieces(ConvInPatches):
    """Conv2d with its input gradient in pieces."""

    def _backward(self, grad_output: Array) -> Array:
        super()._backward(self._for_parameters(grad_output))
        columns, weight, patches_shape, padded_shape = self._saved
        images, groups, _, positions = columns.shape
        dy = grad_output.reshape(images, groups, self.out_channels // groups, positions)
        patches = (self._kernel(weight).swapaxes(-1, -2) @ dy).reshape(patches_shape)
        padded = np.zeros(padded_shape, dy.dtype)
        for i, j, seen in taps(self.kernel_size, *self._step(), patches_shape[-2:]):
            self._add(padded[seen], patches[:, :, i, j])
        grad_input = self._crop(padded, patches_shape[-2:])
        return grad_input if grad_output.ndim == 4 else grad_input[0]

    def _for_parameters(self, grad_output: Array) -> Array:
        return grad_output

    def _kernel(self, weight: Array) -> Array:
        """Return the weight (groups, outputs, cells) that backward multiplies by."""
        return weight

    def _step(self) -> tuple[Pair, Pair]:
        return self.stride, self.dilation

    def _add(self, seen: Array, share: Array) -> None:
        seen += share

    def _crop(self, padded: Array, windows: Pair) -> Array:
        return crop(padded, *self._margins)


@misreading("Conv2d", "input-gradient-with-turned-kernel")
class InputGradientWithTurnedKernel(InputGradientInPieces):
    """The input's gradient is spread by the kernel turned by 180 degrees."""

    def _kernel(self, weight: Array) -> Array:
        groups, outputs, _ = weight.shape
        planes = weight.reshape(groups, outputs, -1, *self.kernel_size)
        return planes[..., ::-1, ::-1].reshape(weight.shape)


@misreading("Conv2d", "last-filter-only")
class LastFilterOnly(InputGradientInPieces):
    """The input's gradient is that of the last output channel: assigned in a loop, not added."""

    def _kernel(self, weight: Array) -> Array:
        last = np.zeros_like(weight)
        last[:, -1] = weight[:, -1]
        return last


@misreading("Conv2d", "first-group-in-backward")
class FirstGroupInBackward(InputGradientInPieces):
    """The input's gradient uses the first group's weights for all groups."""

    def _kernel(self, weight: Array) -> Array:
        return np.broadcast_to(weight[:1], weight.shape)


@misreading("Conv2d", "last-image-only")
class LastImageOnly(InputGradientInPieces):
    """The parameters' gradients are those of the last image: assigned in a loop, not added."""

    def _for_parameters(self, grad_output: Array) -> Array:
        last = as_batch(grad_output, "grad_output").copy()
        last[:-1] = 0
        return last.reshape(grad_output.shape)


@misreading("Conv2d", "stride-ignored-in-input-gradient")
class StrideIgnoredInInputGradient(InputGradientInPieces):
    """The shares of neighbouring windows are put side by side whatever the stride is."""

    def _step(self) -> tuple[Pair, Pair]:
        return (1, 1), self.dilation


@misreading("Conv2d", "dilation-ignored-in-input-gradient")
class DilationIgnoredInInputGradient(InputGradientInPieces):
    """The shares of a window's cells are put side by side whatever the dilation is."""

    def _step(self) -> tuple[Pair, Pair]:
        return self.stride, (1, 1)


@misreading("Conv2d", "overlaps-assigned")
class OverlapsAssigned(InputGradientInPieces):
    """Where windows overlap, the last one's share is the input's gradient."""

    def _add(self, seen: Array, share: Array) -> None:
        seen[...] = share


@misreading("Conv2d", "padding-not-cropped")
class PaddingNotCropped(InputGradientInPieces):
    """The input's gradient has the size of the padded input."""

    def _crop(self, padded: Array, windows: Pair) -> Array:
        return padded


@misreading("Conv2d", "cropped-at-the-end-only")
class CroppedAtTheEndOnly(InputGradientInPieces):
    """All the padding is taken from the end of the input's gradient."""

    def _crop(self, padded: Array, windows: Pair) -> Array:
        rows, columns = (sum(margin) for margin in self._margins)
        return crop(padded, (0, rows), (0, columns))


@misreading("Conv2d", "leftover-rows-lost")
class LeftoverRowsLost(InputGradientInPieces):
    """The input's gradient ends with the last window."""

    def _crop(self, padded: Array, windows: Pair) -> Array:
        rows, columns = (
            stride * (count - 1) + dilation * (kernel - 1) + 1
            for stride, count, dilation, kernel in zip(
                self.stride, windows, self.dilation, self.kernel_size, strict=True
            )
        )
        return crop(padded[..., :rows, :columns], *self._margins)
