"""Convolutions 1x1x1 and depthwise 3x3x3 that are quick on a CPU; values agree with torch's to float32 rounding.

torch's own backward of a depthwise Conv3d takes 30 to 100 times its forward pass on a CPU and made up 60 % of a
training step. Both gradients are written here with operations that are quick: the input's as one more forward
convolution, the weights' as 27 sums of products. A convolution 1x1x1 is a product of matrices; on the few voxels that
these networks have, torch's Conv3d spends more time on its set-up than on the product.
"""

import torch
from torch import nn
from torch.nn import functional


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, stride):
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return functional.conv3d(x, weight, stride=stride, padding=1, groups=len(weight))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        to_x = _input_gradient(gradient, weight, ctx.stride, x.shape) if ctx.needs_input_grad[0] else None
        to_weight = _weight_gradient(x, gradient, ctx.stride) if ctx.needs_input_grad[1] else None
        return to_x, to_weight, None


def _input_gradient(gradient, weight, stride, shape):
    """Convolution of the gradient, spread to the input's grid, with the mirrored kernel."""
    if stride > 1:
        spread = gradient.new_zeros(shape[0], *shape[2:], shape[1]).permute(0, 4, 1, 2, 3)
        spread[:, :, ::stride, ::stride, ::stride] = gradient
        gradient = spread
    return functional.conv3d(gradient, weight.flip(2, 3, 4), padding=1, groups=len(weight))


def _weight_gradient(x, gradient, stride):
    """For each of the 27 positions in the kernel, the sum of input times gradient; three positions at a time."""
    channels = x.shape[1]
    padded = functional.pad(x, (1,) * 6).permute(0, 2, 3, 4, 1).contiguous()
    gradient = gradient.permute(0, 2, 3, 4, 1).unsqueeze(-2).contiguous()
    step_b, step_z, step_y, step_x, _ = padded.stride()
    # The windows of three neighbours along x are one more axis of the same memory.
    shape = (*gradient.shape[:4], 3, channels)
    strides = (step_b, stride * step_z, stride * step_y, stride * step_x, step_x, 1)
    product = gradient.new_empty(shape)
    sums = []
    for z in range(3):
        for y in range(3):
            windows = padded.as_strided(shape, strides, z * step_z + y * step_y)
            torch.mul(windows, gradient, out=product)
            sums.append(product.view(-1, 3 * channels).sum(0))
    return torch.stack(sums).view(27, channels).t().reshape(channels, 1, 3, 3, 3)


class PointwiseConv3d(nn.Conv3d):
    """nn.Conv3d(inputs, outputs, 1, bias=False)."""

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, 1, bias=False)

    def forward(self, x):
        if x.is_cuda:
            return super().forward(x)
        # The channels are the last axis in memory (``channels_last_3d``).
        return functional.linear(x.permute(0, 2, 3, 4, 1), self.weight.flatten(1)).permute(0, 4, 1, 2, 3)


class DepthwiseConv3d(nn.Conv3d):
    """nn.Conv3d(channels, channels, 3, stride, padding=1, groups=channels, bias=False)."""

    def __init__(self, channels, stride):
        super().__init__(channels, channels, 3, stride, padding=1, groups=channels, bias=False)

    def forward(self, x):
        if x.is_cuda or not torch.is_grad_enabled():
            return super().forward(x)
        return _Depthwise.apply(x, self.weight, self.stride[0])
