"""Could this be a CT of a spine, in HU, and the mask a vertebra? Each finding says how sure it is.

Limits are wide: an error is what no CT of a vertebra can be, a warning is what deserves a look.
"""

import numpy as np
import SimpleITK as sitk

# Voxels, mm: beyond these the header is wrong.
_SPACING_MM = (0.05, 10.0)
_EXTENT_MM = (10.0, 2500.0)
# A vertebral body is 25 mm high; the quality table of notebook 01 warns from 3 mm on.
_THICK_MM = 5.0
_FEWEST_SLICES = 3
# Metal ends at 3071 HU in 12 bits and at 30710 in extended scales; air is -1000, padding outside the field of view
# -3024 or so.
_MOST_HU = 32000
# 50 HU of fatty old bone to 600 of a dense young one; cement and sclerosis go further.
_BONE_HU = (-200, 1000)
_LARGE_ML = 400.0
_FILLED = 0.9


def implausible_grid(grid):
    """Findings (severity, problem, remedy, code) on size and spacing of a Grid."""
    extent = np.multiply(grid.size, grid.spacing)
    remedy = "export the image again, with its geometry"
    found = []
    if min(grid.size) < _FEWEST_SLICES:
        found.append(
            ("error", f"is no volume: {grid.extent}", "give all slices of the series as one image", "not-a-volume")
        )
    elif not (_SPACING_MM[0] <= min(grid.spacing) and max(grid.spacing) <= _SPACING_MM[1]):
        found.append(("error", f"the voxel size is implausible: {grid.extent}", remedy, "implausible-spacing"))
    elif not (_EXTENT_MM[0] <= extent.min() and extent.max() <= _EXTENT_MM[1]):
        found.append(("error", f"the image's extent is implausible: {grid.extent}", remedy, "implausible-extent"))
    elif max(grid.spacing) > _THICK_MM:
        problem = f"voxels are up to {max(grid.spacing):.3g} mm long: texture along that axis is interpolated"
        found.append(("warning", problem, "give the thinnest reconstruction there is", "thick-slices"))
    return found


def implausible_values(image):
    """Findings on the values of an image that should be in HU."""
    values = sitk.GetArrayViewFromImage(image)
    low, high = float(values.min()), float(values.max())
    span = f"values from {low:.4g} to {high:.4g}"
    severity, as_exported = "error", "give the CT as it was exported, in HU"
    if low == high:
        problem, remedy = f"all voxels have the same value ({low:.4g})", "export the image again"
    elif high - low <= 20:
        problem, remedy = f"{span} are not HU (normalised?)", as_exported
    elif low >= 0 and high <= 255:
        problem, remedy = f"{span} are not HU (a picture of 8 bits?)", as_exported
    elif high > _MOST_HU or low < -_MOST_HU:
        problem, remedy = f"{span} are not HU (signed read as unsigned?)", "export the image again, in HU"
    elif low >= 0:
        severity, remedy = "warning", "check the HU; give the CT as it was exported"
        problem = f"{span}: no value below 0, as if the rescale intercept was left out, or it were no CT"
    else:
        return []
    return [(severity, problem, remedy, "implausible-values")]


def implausible_roi(image, mask):
    """Findings on the values and the volume of an ROI; image and mask on one grid, the mask 1 inside and not empty."""
    inside = sitk.GetArrayViewFromImage(mask) != 0
    n_voxels = np.count_nonzero(inside)
    found = []
    if n_voxels > _FILLED * inside.size:
        problem = f"the mask fills {n_voxels / inside.size:.0%} of the image"
        return [("error", problem, "is it inverted, or another label? Draw the vertebral body only", "mask-too-large")]
    values = sitk.GetArrayViewFromImage(image)
    median, lowest = float(np.median(values[inside])), float(values.min())
    if median > _BONE_HU[1] and lowest >= 0:
        problem = f"the ROI's median is {median:.0f} and nothing is below 0: values are not HU (rescale missing)"
        found.append(("error", problem, "export the CT again with its rescale intercept", "implausible-values"))
    elif median < _BONE_HU[0]:
        problem = f"the ROI's median is {median:.0f} HU, which is no bone"
        found.append(
            ("error", problem, "check that image and mask belong together, and that values are HU", "mask-not-on-bone")
        )
    elif median > _BONE_HU[1]:
        found.append(
            ("warning", f"the ROI's median is {median:.0f} HU (cement, metal?)", "look at the case", "mask-very-dense")
        )
    volume = n_voxels * float(np.prod(image.GetSpacing())) / 1000
    if volume > _LARGE_ML:
        problem = f"the ROI has {volume:.0f} ml, more than a vertebral body can have"
        found.append(("warning", problem, "check the mask and its label", "mask-too-large"))
    return found
