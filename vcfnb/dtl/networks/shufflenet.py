"""ShuffleNet v1 and v2 in three dimensions, for one input channel.

Sources: Zhang et al. 2018 (v1, arXiv 1707.01083), Ma et al. 2018 (v2, arXiv 1807.11164); the third dimension as
Koepueklue et al. 2019 (arXiv 1904.02422). Version 2 keeps torchvision's names of modules, version 1 names its last
convolution ``layer3.3.conv3``, the feature layer that the paper gives.
"""

import torch
from torch import nn
from torch.nn import functional

from vcfnb.dtl.networks.convolutions import DepthwiseConv3d, PointwiseConv3d


def channel_shuffle(x, groups):
    """Interleave the channels of `groups` groups: (b, g * n, z, y, x) read as (g, n), written as (n, g).

    The channels move as the last axis, where ``channels_last_3d`` keeps them; torch's own operator falls back to
    another memory format in its backward pass (7 times slower on a CPU).
    """
    shape = x.shape
    x = x.permute(0, 2, 3, 4, 1).unflatten(-1, (groups, shape[1] // groups))
    return x.transpose(-1, -2).flatten(-2).permute(0, 4, 1, 2, 3)


def activation_layer(slope):
    """ReLU for slope 0, LeakyReLU otherwise."""
    return nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)


def _pointwise(inputs, outputs, groups=1):
    if groups == 1:
        return PointwiseConv3d(inputs, outputs)
    return nn.Conv3d(inputs, outputs, 1, groups=groups, bias=False)


class _ShuffleNet(nn.Module):
    """Stem and three stages of units, which both versions share; what a subclass adds comes behind them."""

    n_slices = 1
    memory_format = torch.channels_last_3d

    def __init__(self, stages, channels, unit, slope):
        super().__init__()
        stem = nn.Conv3d(1, channels[0], 3, 2, padding=1, bias=False)
        self.conv1 = nn.Sequential(stem, nn.BatchNorm3d(channels[0]), activation_layer(slope))
        self.maxpool = nn.MaxPool3d(3, 2, padding=1)
        for stage, repeats, inputs, outputs in zip(stages, (4, 8, 4), channels, channels[1:], strict=False):
            first = unit(inputs, outputs, 2, slope)
            rest = [unit(outputs, outputs, 1, slope) for _ in range(repeats - 1)]
            setattr(self, stage, nn.Sequential(first, *rest))


class UnitV2(nn.Module):
    """Unit of ShuffleNet v2: half of the channels pass, the other half is convolved, then both are shuffled."""

    def __init__(self, inputs, outputs, stride, slope):
        super().__init__()
        half = outputs // 2
        self.stride = stride
        self.branch1 = nn.Sequential()
        if stride > 1:
            self.branch1 = nn.Sequential(
                DepthwiseConv3d(inputs, stride),
                nn.BatchNorm3d(inputs),
                _pointwise(inputs, half),
                nn.BatchNorm3d(half),
                activation_layer(slope),
            )
        self.branch2 = nn.Sequential(
            _pointwise(inputs if stride > 1 else half, half),
            nn.BatchNorm3d(half),
            activation_layer(slope),
            DepthwiseConv3d(half, stride),
            nn.BatchNorm3d(half),
            _pointwise(half, half),
            nn.BatchNorm3d(half),
            activation_layer(slope),
        )

    def forward(self, x):
        passed, convolved = x.chunk(2, dim=1) if self.stride == 1 else (self.branch1(x), x)
        return channel_shuffle(torch.cat((passed, self.branch2(convolved)), dim=1), 2)


class ShuffleNetV2(_ShuffleNet):
    """torchvision's ShuffleNetV2, every two-dimensional layer replaced by its three-dimensional one.

    `channels` are the outputs of conv1, stages 2, 3, 4 and conv5; a `slope` of 0 is ReLU.
    """

    default_layer = "conv5"
    cam_layer = "stage2"
    head = ("conv5", "fc")

    def __init__(self, channels, n_classes=1, slope=0.0):
        super().__init__(("stage2", "stage3", "stage4"), channels, UnitV2, slope)
        last = _pointwise(channels[3], channels[4])
        self.conv5 = nn.Sequential(last, nn.BatchNorm3d(channels[4]), activation_layer(slope))
        self.fc = nn.Linear(channels[4], n_classes)

    def forward(self, x):
        x = self.maxpool(self.conv1(x))
        x = self.conv5(self.stage4(self.stage3(self.stage2(x))))
        return self.fc(x.mean((2, 3, 4)))


class UnitV1(nn.Module):
    """Unit of ShuffleNet v1: two grouped 1x1x1 convolutions around a channel shuffle and a depthwise convolution."""

    def __init__(self, inputs, outputs, stride, slope, groups=3):
        super().__init__()
        self.stride, self.groups = stride, groups
        middle = outputs // 4
        # With stride 2 the shortcut is concatenated, and gives `inputs` of the outputs.
        own = outputs - inputs if stride == 2 else outputs
        # The 24 channels of the stem are too few to be grouped (v1, table 1).
        self.conv1 = _pointwise(inputs, middle, groups=1 if inputs == 24 else groups)
        self.bn1 = nn.BatchNorm3d(middle)
        self.conv2 = DepthwiseConv3d(middle, stride)
        self.bn2 = nn.BatchNorm3d(middle)
        self.conv3 = _pointwise(middle, own, groups)
        self.bn3 = nn.BatchNorm3d(own)
        self.activation = activation_layer(slope)

    def forward(self, x):
        out = self.activation(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(channel_shuffle(out, self.groups)))
        out = self.bn3(self.conv3(out))
        if self.stride == 1:
            return self.activation(out + x)
        # Padding by hand: avg_pool3d with padding refuses inputs of 2 voxels.
        shortcut = functional.avg_pool3d(functional.pad(x, (1,) * 6), 3, 2)
        return self.activation(torch.cat((out, shortcut), dim=1))


class ShuffleNetV1(_ShuffleNet):
    """ShuffleNet v1 with 3 groups: stages of 4, 8, 4 units with 240, 480, 960 channels.

    The stem halves all three axes, as crops have isotropic voxels; networks for videos keep time whole.
    """

    default_layer = "layer3.3.conv3"
    cam_layer = "layer1"
    head = ("fc",)

    def __init__(self, n_classes=1, slope=0.0):
        super().__init__(("layer1", "layer2", "layer3"), (24, 240, 480, 960), UnitV1, slope)
        self.fc = nn.Linear(960, n_classes)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.maxpool(self.conv1(x)))))
        return self.fc(x.mean((2, 3, 4)))
