"""Overlap of two masks."""

import numpy as np
import SimpleITK as sitk

from vcfnb.errors import VcfnbError


def dice(a, b):
    """Dice coefficient of two masks, 2 |A and B| / (|A| + |B|).

    Parameters
    ----------
    a, b : array_like or SimpleITK.Image
        Masks on one grid; every value other than zero is inside.

    Returns
    -------
    float
        0 (no overlap) to 1 (the same mask); NaN if both are empty.

    Raises
    ------
    VcfnbError
        The masks differ in shape, or, for two images, in origin, spacing or direction.

    References
    ----------
    Dice 1945, Ecology 26:297.
    """
    if isinstance(a, sitk.Image) and isinstance(b, sitk.Image):
        _check_same_grid(a, b)
    a, b = (sitk.GetArrayViewFromImage(m) if isinstance(m, sitk.Image) else np.asarray(m) for m in (a, b))
    if a.shape != b.shape:
        raise VcfnbError(
            f"masks of shape {a.shape} and {b.shape}: resample them to one grid first", code="grid-mismatch"
        )
    a, b = a != 0, b != 0
    total = np.count_nonzero(a) + np.count_nonzero(b)
    return 2 * np.count_nonzero(a & b) / total if total else float("nan")


def _check_same_grid(a, b, tolerance=1e-3):
    """Same origin (mm), spacing (mm) and direction: equal shapes alone can lie in different places."""
    for name in ("Origin", "Spacing", "Direction"):
        first, second = (getattr(mask, f"Get{name}")() for mask in (a, b))
        if len(first) == len(second) and not np.allclose(first, second, rtol=0, atol=tolerance):
            raise VcfnbError(
                f"masks differ in {name.lower()}, {first} and {second}: resample one of them to the other's grid",
                code="grid-mismatch",
            )
