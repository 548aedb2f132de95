"""What came in, what goes on, and what deserves a look."""

import numpy as np
import SimpleITK as sitk

# Limits beyond which a warning is given.
_THICK_MM = 3.0
_ROI_ML = (1.0, 150.0)


def quality(image, mask, processed, processed_mask, expansions=(), window=None):
    """Quality row of one case.

    Parameters
    ----------
    image, mask : SimpleITK.Image
        As read.
    processed, processed_mask : SimpleITK.Image
        As :func:`vcfnb.images.preprocess` gives them.
    expansions : sequence of int
        ROI expansions, voxels.
    window : (low, high), optional
        HU to which the image was clipped.

    Returns
    -------
    dict
        spacing_in (mm) and size_in, size_out (voxels) as text x y z; roi_voxels_in, roi_voxels_out, roi_volume_ml_in,
        roi_volume_ml_out; hu_p5, hu_p50, hu_p95, hu_mean, hu_sd of the processed ROI; clipped_fraction (share of the
        ROI at an end of the window; 0 without a window); pieces (connected by faces, edges or corners);
        touches_border; outside_N (voxels by which the box of expansion N leaves the image); warnings (text, separated
        by "; ", empty when there are none).
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
    box = tuple(slice(span[0], span[-1] + 1) for span in _spans(inside))
    labelled = sitk.ConnectedComponent(sitk.GetImageFromArray(inside[box].astype(np.uint8)), True)
    return int(sitk.GetArrayViewFromImage(labelled).max())


def touches_border(mask):
    """Whether the mask has a voxel on a face of the image."""
    inside = sitk.GetArrayViewFromImage(mask) != 0
    faces = (np.take(inside, end, axis) for axis in range(3) for end in (0, -1))
    return bool(any(face.any() for face in faces))


def _spans(inside):
    """Indices along z, y and x at which a mask has voxels."""
    return [np.flatnonzero(inside.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]


def _outside(inside, expansions):
    spans = _spans(inside)
    nearest = min(min(span[0], n - 1 - span[-1]) for span, n in zip(spans, inside.shape, strict=True))
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
