"""One voxel size, whole Hounsfield units, one window."""

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from vcfnb.errors import VcfnbError
from vcfnb.images.grids import Grid, bounding_box

# Beyond this many voxels the cubic B-spline's prefilter forgets: cropped and whole images give the same rounded HU.
_SPLINE_PAD = 16


def preprocess(
    image,
    masks,
    spacing_mm=1.0,
    window_level=500,
    window_width=1200,
    clip=True,
    mask_interpolator="nearest",
    margin_mm=None,
):
    """Resample to isotropic voxels, round to whole HU, clip to the window.

    The new grid has the old one's directions and centre and covers its extent. An image that has this grid already is
    not interpolated.

    Parameters
    ----------
    image : SimpleITK.Image
        CT, HU.
    masks : dict of str to SimpleITK.Image
        Readings of one ROI, non-zero inside, on the image's grid. A margin is taken around the first.
    spacing_mm, window_level, window_width, clip, mask_interpolator, margin_mm
        As in :class:`vcfnb.params.PreprocessingParams`; "label" interpolates the mask's outline by its distance map
        (smooth between thick slices), and voxels within a margin have the same values as without one.

    Returns
    -------
    image : SimpleITK.Image
        int16.
    masks : dict of str to SimpleITK.Image
        uint8, on the same grid.

    Raises
    ------
    VcfnbError
        A mask has no voxel left on the new grid.
    """
    grid = isotropic_grid(image, spacing_mm)
    if margin_mm is not None:
        grid, image, masks = _around_masks(grid, image, masks, margin_mm)
    processed = _interpolated(image, grid, sitk.sitkBSpline3)
    values = np.rint(sitk.GetArrayFromImage(processed))
    low, high = window(window_level, window_width) if clip else (-32768, 32767)
    processed = grid.placed(np.clip(values, low, high).astype(np.int16))
    resampled = {}
    for name, mask in masks.items():
        inside = _nearest(mask, grid) if mask_interpolator == "nearest" else _shape_based(mask, grid)
        resampled[name] = grid.placed(inside.astype(np.uint8))
        if not inside.any():
            problem = f"the mask {name!r} is lost at {spacing_mm:g} mm"
            raise VcfnbError(problem, "take a smaller spacing_mm", code="mask-lost")
    return processed, resampled


def window(level, width):
    """Lowest and highest HU of a window."""
    return level - width / 2, level + width / 2


def isotropic_grid(image, spacing, whole=np.rint):
    """The new grid: old directions, old centre, size rounded to `whole` voxels; an image that fits keeps its own."""
    extent = np.multiply(image.GetSize(), image.GetSpacing())
    size = np.maximum(1, whole(extent / spacing)).astype(int)
    if np.allclose(image.GetSpacing(), spacing, rtol=0, atol=1e-6):
        return Grid.of(image)
    middle = np.array(image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()]))
    direction = np.reshape(image.GetDirection(), (3, 3))
    origin = middle - direction @ ((size - 1) / 2 * spacing)
    return Grid(tuple(size.tolist()), (float(spacing),) * 3, tuple(origin.tolist()), image.GetDirection())


def _around_masks(grid, image, masks, margin_mm):
    """Cut grid, image and masks down to the first mask's box with a margin; the image keeps what its spline needs.

    The other masks lie within, too, without a margin of their own: whether a case was segmented again changes nothing.
    """
    boxes = np.array([bounding_box(sitk.GetArrayViewFromImage(mask)) for mask in masks.values()])[:, :, ::-1]
    margins = np.array([margin_mm, *[0] * (len(boxes) - 1)])[:, np.newaxis]
    old = np.array(image.GetSpacing())
    new = np.array(grid.spacing)
    first = _first(image, grid)
    start, stop = (boxes[:, 0] * old - margins).min(0), ((boxes[:, 1] - 1) * old + margins).max(0)
    low = np.maximum(0, np.floor((start - first) / new)).astype(int)
    high = np.minimum(grid.size, np.ceil((stop - first) / new) + 1).astype(int)
    origin = np.array(grid.origin) + np.reshape(grid.direction, (3, 3)) @ (low * new)
    cut = Grid(tuple((high - low).tolist()), grid.spacing, tuple(origin.tolist()), grid.direction)
    begin = np.maximum(0, np.floor((first + low * new) / old) - _SPLINE_PAD).astype(int)
    end = np.minimum(image.GetSize(), np.ceil((first + (high - 1) * new) / old) + _SPLINE_PAD + 1).astype(int)
    size, begin = [int(n) for n in end - begin], [int(n) for n in begin]
    part = {name: sitk.RegionOfInterest(mask, size, begin) for name, mask in masks.items()}
    return cut, sitk.RegionOfInterest(image, size, begin), part


def _first(image, grid):
    """Centre of a grid's first voxel, mm from that of the image's along their common axes."""
    return np.linalg.solve(np.reshape(grid.direction, (3, 3)), np.subtract(grid.origin, image.GetOrigin()))


def _interpolated(image, grid, interpolator):
    if image.GetSize() == grid.size and image.GetOrigin() == grid.origin:
        return image
    geometry = grid.origin, grid.spacing, grid.direction
    return sitk.Resample(image, grid.size, sitk.Transform(), interpolator, *geometry, 0.0, sitk.sitkFloat64)


def _nearest(mask, grid):
    """Nearest neighbours, axis by axis: halfway between two voxels the second counts, whatever rounding does."""
    first, index = _first(mask, grid), []
    for axis, n in enumerate(grid.size):
        position = (first[axis] + np.arange(n) * grid.spacing[axis]) / mask.GetSpacing()[axis]
        nearest = np.floor(np.round(position, 6) + 0.5).astype(int)
        index.append(np.clip(nearest, 0, mask.GetSize()[axis] - 1))
    return sitk.GetArrayFromImage(mask)[np.ix_(*index[::-1])] != 0


def _shape_based(mask, grid):
    """Linear interpolation of the distance to the outline (Raya and Udupa 1990, IEEE Trans Med Imaging 9:32)."""
    inside = sitk.GetArrayFromImage(mask) != 0
    spacing = mask.GetSpacing()[::-1]
    distance = ndimage.distance_transform_edt(~inside, sampling=spacing)
    distance -= ndimage.distance_transform_edt(inside, sampling=spacing)
    field = Grid.of(mask).placed(distance)
    return np.round(sitk.GetArrayFromImage(_interpolated(field, grid, sitk.sitkLinear)), 6) <= 0
