"""torchvision's two-dimensional ShuffleNetV2 on three orthogonal slices of a crop ("2.5D"), for comparison.

The slices go through the middle of the crop; one network with one set of weights sees all three, and their feature
vectors are averaged before the classifier (Roth et al. 2014, arXiv 1406.2639, feed three orthogonal views to one
network; Su et al. 2015, arXiv 1505.00880, share the weights among views and pool before the classifier).
"""

import torch
from torch import nn

from vcfnb.dtl.networks.shufflenet import activation_layer
from vcfnb.dtl.networks.weights import import_torchvision
from vcfnb.errors import VcfnbError

# Axis (z, y, x) of a crop that each slice is perpendicular to: axial, coronal, sagittal.
SLICE_AXES = (0, 1, 2)


def middle_slices(crops):
    """Axial, coronal and sagittal slice through the middle of crops (n, 1, z, y, x), which must be cubes.

    Returns (3 * n, 1, edge, edge): first all axial slices (y, x), then all coronal (z, x), then all sagittal ones (z,
    y). Where the edge is even, the slice behind the middle is taken (index edge // 2).
    """
    if len(set(crops.shape[2:])) != 1:
        raise VcfnbError(
            f"crops of {tuple(crops.shape[2:])} voxels are no cubes",
            "resize them, or take a 3D network",
            code="wrong-shape",
        )
    return torch.cat([crops.select(2 + axis, crops.shape[2 + axis] // 2) for axis in SLICE_AXES])


def on_slices(maps):
    """Maps (3 * n, edge, edge) where the slices were: (n, edge, edge, edge); inverse of :func:`middle_slices`.

    Zero off the slices. Where slices cross, their values are summed: the network sees these voxels several times.
    """
    parts = maps.chunk(len(SLICE_AXES))
    edge = maps.shape[-1]
    volume = maps.new_zeros(len(parts[0]), edge, edge, edge)
    for axis, part in zip(SLICE_AXES, parts, strict=True):
        volume.select(1 + axis, edge // 2).add_(part)
    return volume


class SliceShuffleNetV2(nn.Module):
    """torchvision's ShuffleNetV2 with one grey channel, on three slices.

    All modules are torchvision's, under its names; its ReLU gives way to the activation asked for (negative slope; 0 is
    ReLU). Layers before the classifier give 3 * n rows for n crops, in the order of :func:`middle_slices`.
    """

    default_layer = "conv5"
    cam_layer = "stage2"
    head = ("conv5", "fc")
    n_slices = len(SLICE_AXES)
    # torchvision's own shuffle leaves torch's default format whatever it is given.
    memory_format = torch.contiguous_format

    def __init__(self, name, n_classes=1, slope=0.0):
        super().__init__()
        flat = getattr(import_torchvision().models, name)(num_classes=n_classes)
        for module_name, module in flat.named_children():
            self.add_module(module_name, module)
        rgb = self.conv1[0]
        self.conv1[0] = nn.Conv2d(1, rgb.out_channels, rgb.kernel_size, rgb.stride, rgb.padding, bias=False)
        if slope:
            for parent in list(self.modules()):
                for module_name, module in parent.named_children():
                    if isinstance(module, nn.ReLU):
                        setattr(parent, module_name, activation_layer(slope))

    def __reduce__(self):
        # A worker's pickle finds torchvision's classes by their names: torchvision must be imported our way first.
        return _blank, (type(self),), self.__dict__

    def forward(self, x):
        x = self.maxpool(self.conv1(middle_slices(x)))
        x = self.conv5(self.stage4(self.stage3(self.stage2(x)))).mean((2, 3))
        return self.fc(x.unflatten(0, (self.n_slices, -1)).mean(0))


def _blank(kind):
    import_torchvision()
    return kind.__new__(kind)
