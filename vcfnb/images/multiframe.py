"""DICOM files of many frames: enhanced CT, and segmentations (DICOM SEG). highdicom knows their geometry."""

import numpy as np

from vcfnb.errors import BadInput
from vcfnb.images import dicom


def read_enhanced(path):
    """Read an enhanced (multi-frame) CT, in HU: int16 where all values are whole numbers, else float64."""
    import highdicom

    problem = "its frames cannot be decoded, or do not make one box of equally spaced slices"
    with dicom.parsing(path, problem, "export one series per file, or as single slices"):
        volume = highdicom.imread(path).get_volume()
    values = volume.array
    if np.array_equal(values, values.astype(np.int16)):
        volume = volume.astype(np.int16)
    return _upright(volume)


def read_segment(path, label=None):
    """Read one segment of a DICOM SEG: uint8, 1 inside, on the segmentation's own grid (often a part of the CT's)."""
    import highdicom

    with dicom.parsing(path, "the DICOM segmentation cannot be read"):
        stored = highdicom.seg.segread(path)
        segments = {int(item.SegmentNumber): str(item.get("SegmentLabel", "")) for item in stored.SegmentSequence}
        fractional = stored.SegmentationType == "FRACTIONAL"
    if fractional:
        problem = "holds probabilities (a fractional segmentation), not a mask"
        raise BadInput.of(path, problem, "export a binary segmentation", code="mask-without-labels")
    number = choose_part(segments, label, path, "segment")
    problem = "the segment's frames cannot be decoded, or do not lie on one regular grid"
    with dicom.parsing(path, problem, "export the mask as NIfTI instead"):
        volume = stored.get_volume(segment_numbers=[number], combine_segments=True, relabel=True, dtype=np.uint8)
    return _upright(volume)


def choose_part(parts, label, path, kind):
    """Number of the segment or contour that a label means, of names by number; names are compared, and never shown."""
    numbers = ", ".join(map(str, list(parts)[:20])) or "none"
    remedy = f"give the {kind}'s number or name in the column mask_label of cohort.csv"
    if label is None:
        if len(parts) == 1:
            return next(iter(parts))
        raise BadInput.of(path, f"holds {len(parts)} {kind}s, numbers {numbers}", remedy, code="mask-label-needed")
    if label in parts:
        return label
    named = [number for number, name in parts.items() if name.strip() == str(label).strip()]
    if len(named) == 1:
        return named[0]
    problem = f"{len(named) or 'no'} {kind}{'s have' if named else ' has'} the number or name {label!r}"
    raise BadInput.of(path, f"{problem}; it holds the numbers {numbers}", remedy, code="mask-label-unknown")


def _upright(volume):
    """SimpleITK image whose axes are right-handed, as those of a series of slices."""
    import highdicom

    # highdicom counts slices, rows, columns; SimpleITK columns, rows, slices.
    volume = volume.permute_spatial_axes((2, 1, 0))
    return volume.ensure_handedness(highdicom.AxisHandedness.RIGHT_HANDED, flip_axis=2).to_simpleitk()
