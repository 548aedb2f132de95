"""The way of the Image Biomarker Standardisation Initiative: interpolation and re-segmentation.

Zwanenburg et al. 2020, Radiology 295:328; sections are those of its reference manual, arXiv:1612.07003.
"""

import numpy as np
import SimpleITK as sitk

from vcfnb.errors import BadInput
from vcfnb.images.grids import Grid
from vcfnb.images.resampling import isotropic_grid

_INTERPOLATORS = {"linear": sitk.sitkLinear, "cubic": sitk.sitkBSpline3}


def interpolated(image, mask, spacing_mm, interpolator):
    """Image (HU) and mask, both SimpleITK images, on a grid of `spacing_mm` with the image's centre (section 2.4).

    `interpolator` of the image is ``linear`` or ``cubic``; its values are rounded to whole HU. The mask, interpolated
    linearly, holds where at least half of it is inside.
    """
    grid = isotropic_grid(image, spacing_mm, np.ceil)
    if grid == Grid.of(image):
        return image, mask
    values = np.rint(_on(grid, image, _INTERPOLATORS[interpolator]))
    inside = _on(grid, sitk.Cast(mask != 0, sitk.sitkFloat64), sitk.sitkLinear) >= 0.5
    return grid.placed(values.astype(np.int32)), grid.placed(inside.astype(np.uint8))


def _on(grid, image, interpolator):
    """Values of an image on another grid; beyond its outermost voxels' centres the nearest one's."""
    geometry = grid.origin, grid.spacing, grid.direction
    found = sitk.Resample(image, grid.size, sitk.Transform(), interpolator, *geometry, 0.0, sitk.sitkFloat64, True)
    return sitk.GetArrayFromImage(found)


def resegmented(array, mask, value_range, outlier_sigma, name):
    """The voxels whose intensities count: within a range of HU, then within so many SDs of the mean (section 2.5).

    `array` (HU) and `mask` are (z, y, x), as is the mask that comes back. The shape is that of the whole mask.
    BadInput, with the image's `name`, where none is left.
    """
    inside = mask.copy()
    if value_range is not None:
        inside &= (array >= value_range[0]) & (array <= value_range[1])
    if outlier_sigma is not None and inside.any():
        values = array[inside]
        inside &= np.abs(array - values.mean()) <= outlier_sigma * values.std()
    if not inside.any():
        told = f"re-segmentation ({value_range}, {outlier_sigma} SD) leaves no voxel of the ROI"
        raise BadInput.of(name, told, "take a wider range", code="mask-lost")
    return inside
