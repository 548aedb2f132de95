"""DICOM files of many frames: enhanced CT, and segmentations (DICOM SEG). highdicom knows their geometry."""

import numpy as np

from vcfnb.errors import BadInput
from vcfnb.images import dicom


def read_enhanced(path):
    """Read an enhanced (multi-frame) CT, in HU.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    SimpleITK.Image
        int16 where all values are whole numbers, else float64.

    Raises
    ------
    BadInput
        Its frames make no box, or cannot be decoded.
    """
    import highdicom

    with dicom.silent():
        try:
            volume = highdicom.imread(path).get_volume()
        except Exception:
            raise BadInput.of(
                path,
                "its frames cannot be decoded, or do not make one box of equally spaced slices",
                "export one series per file, or as single slices",
                code="file-unreadable",
            ) from None
    values = volume.array
    if np.array_equal(values, values.astype(np.int16)):
        volume = volume.astype(np.int16)
    return _upright(volume)


def read_segment(path, label=None):
    """Read one segment of a DICOM SEG.

    Parameters
    ----------
    path : pathlib.Path
    label : int or str, optional
        Number or name of the segment; may be left out where there is one.

    Returns
    -------
    SimpleITK.Image
        uint8, 1 inside, on the segmentation's own grid, which may cover a part of the CT.

    Raises
    ------
    BadInput
        It cannot be read, holds probabilities, the segment is not in it, or several are and none is named.
    """
    import highdicom

    with dicom.silent():
        try:
            stored = highdicom.seg.segread(path)
            segments = {int(item.SegmentNumber): str(item.get("SegmentLabel", "")) for item in stored.SegmentSequence}
            fractional = stored.SegmentationType == "FRACTIONAL"
        except Exception:
            raise BadInput.of(
                path, "the DICOM segmentation cannot be read", "export it again", code="file-unreadable"
            ) from None
        if fractional:
            problem = "holds probabilities (a fractional segmentation), not a mask"
            raise BadInput.of(path, problem, "export a binary segmentation", code="mask-without-labels")
        number = choose_part(segments, label, path, "segment")
        try:
            volume = stored.get_volume(segment_numbers=[number], combine_segments=True, relabel=True, dtype=np.uint8)
        except Exception:
            problem = "the segment's frames cannot be decoded, or do not lie on one regular grid"
            raise BadInput.of(path, problem, "export the mask as NIfTI instead", code="file-unreadable") from None
    return _upright(volume)


def choose_part(parts, label, path, kind):
    """Number of the segment or contour that a label means.

    Parameters
    ----------
    parts : dict
        Names by number, of what the file holds. Names are compared, and never shown.
    label : int, str or None
    path : path
    kind : str
        What errors call a part.

    Raises
    ------
    BadInput
        The label is in none, or in several, or is needed and missing.
    """
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
