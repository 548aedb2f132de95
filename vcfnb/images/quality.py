"""What came in, what goes on, and what deserves a look."""

import numpy as np
import SimpleITK as sitk

from vcfnb.errors import VcfnbError
from vcfnb.images.grids import Grid, bounding_box, same_grid

# Limits beyond which a warning is given.
_THICK_MM = 3.0
_ROI_ML = (1.0, 150.0)


def quality(image, mask, processed, processed_mask, expansions=(), window=None):
    """Quality row of one case: of image and mask as read, and as :func:`vcfnb.images.preprocess` gives them.

    `window` (low, high) is that to which the image was clipped. Sizes (voxels) and spacing (mm) are text x y z, volumes
    ml; clipped_fraction is the proportion of the ROI at an end of the window, pieces are connected by faces, edges or
    corners, and outside_N is by how many voxels the box of expansion N leaves the image.
    """
    inside = sitk.GetArrayFromImage(processed_mask) != 0
    values = sitk.GetArrayFromImage(processed)[inside].astype(float)
    low, high = window if window is not None else (-np.inf, np.inf)
    n_in = int(np.count_nonzero(sitk.GetArrayViewFromImage(mask)))
    p5, p50, p95 = np.percentile(values, [5, 50, 95])
    row = {
        "spacing_in": " x ".join(f"{value:.4g}" for value in image.GetSpacing()),
        "size_in": " x ".join(map(str, image.GetSize())),
        "size_out": " x ".join(map(str, processed.GetSize())),
        "roi_voxels_in": n_in,
        "roi_voxels_out": int(np.count_nonzero(inside)),
        "roi_volume_ml_in": n_in * float(np.prod(image.GetSpacing())) / 1000,
        "roi_volume_ml_out": int(np.count_nonzero(inside)) * float(np.prod(processed.GetSpacing())) / 1000,
        "hu_p5": float(p5),
        "hu_p50": float(p50),
        "hu_p95": float(p95),
        "hu_mean": float(values.mean()),
        "hu_sd": float(values.std()),
        "clipped_fraction": float(np.mean((values <= low) | (values >= high))),
        "pieces": pieces(processed_mask),
        "touches_border": touches_border(mask),
    }
    row |= _outside(inside, expansions)
    return row | {"warnings": "; ".join(_warnings(row, image))}


def pieces(mask):
    """Number of connected pieces of a mask (26 neighbours)."""
    inside = sitk.GetArrayViewFromImage(mask) != 0
    if not inside.any():
        return 0
    # The box of the mask is enough, and quick in a CT of the whole body.
    box = tuple(map(slice, *bounding_box(inside)))
    labelled = sitk.ConnectedComponent(sitk.GetImageFromArray(inside[box].astype(np.uint8)), True)
    return int(sitk.GetArrayViewFromImage(labelled).max())


def touches_border(mask):
    """Whether the mask has a voxel on a face of the image."""
    inside = sitk.GetArrayViewFromImage(mask) != 0
    faces = (np.take(inside, end, axis) for axis in range(3) for end in (0, -1))
    return bool(any(face.any() for face in faces))


def dice(a, b):
    """Dice coefficient of two masks, 2 |A and B| / (|A| + |B|) (Dice 1945, Ecology 26:297).

    Masks are arrays or SimpleITK images on one grid, or else VcfnbError; every value other than zero is inside. NaN if
    both are empty.
    """
    both = isinstance(a, sitk.Image) and isinstance(b, sitk.Image)
    if both and a.GetSize() == b.GetSize() and not same_grid(a, b):
        problem = f"masks lie on different grids, {Grid.of(a)} and {Grid.of(b)}"
        raise VcfnbError(f"{problem}: resample one of them to the other's grid", code="grid-mismatch")
    a, b = (sitk.GetArrayViewFromImage(m) if isinstance(m, sitk.Image) else np.asarray(m) for m in (a, b))
    if a.shape != b.shape:
        problem = f"masks of shape {a.shape} and {b.shape}: resample them to one grid first"
        raise VcfnbError(problem, code="grid-mismatch")
    a, b = a != 0, b != 0
    total = np.count_nonzero(a) + np.count_nonzero(b)
    return 2 * np.count_nonzero(a & b) / total if total else float("nan")


def _outside(inside, expansions):
    start, stop = bounding_box(inside)
    nearest = min(start.min(), (inside.shape - stop).min())
    return {f"outside_{n}": int(max(0, n - nearest)) for n in expansions}


def _warnings(row, image):
    if row["touches_border"]:
        yield "the mask touches the image's border: the vertebra may be cut off"
    if row["pieces"] > 1:
        yield f"the mask has {row['pieces']} separate pieces"
    if max(image.GetSpacing()) > _THICK_MM:
        yield f"voxels up to {max(image.GetSpacing()):.3g} mm: texture along that axis is interpolated"
    if not _ROI_ML[0] <= row["roi_volume_ml_out"] <= _ROI_ML[1]:
        yield f"the ROI has {row['roi_volume_ml_out']:.3g} ml, unusual for a vertebral body"
    if row["hu_p95"] <= 0:
        yield "95 % of the ROI lies below 0 HU: not bone, or not in HU"
