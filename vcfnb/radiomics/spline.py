"""Cubic spline through an image that is mirrored at its faces, as SciPy's.

Method: IEEE Signal Process Mag 1999, 16(6):22 (doi 10.1109/79.799930).
"""

import numpy as np
from numba import njit

from vcfnb.radiomics.passes import filter_along

# Voxels that a sample may lie from its centre, and the spline reaches farther.
MARGIN = 3


def weights_at(t):
    """Weights of the four neighbours of a point, at the distance t behind the second one."""
    return np.array([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6


def coefficients_around(image, voxels):
    """Coefficients of the spline in the box of some voxels and :data:`MARGIN` around it.

    Parameters
    ----------
    image : array (z, y, x)
    voxels : tuple of 3 index arrays

    Returns
    -------
    array of float64
        The first of the voxels along each axis lies at :data:`MARGIN`.
    """
    coefficients = np.ascontiguousarray(image, dtype=np.float64)
    beyond = []
    for axis, (index, n) in enumerate(zip(voxels, image.shape, strict=True)):
        start, stop = index.min() - MARGIN, index.max() + 1 + MARGIN
        cut = slice(max(start, 0), min(stop, n))
        coefficients = filter_along(_filter, coefficients, axis, cut)
        beyond.append((cut.start - start, stop - cut.stop))
    # SciPy mirrors the coefficients beyond the image.
    return np.pad(coefficients, beyond, mode="reflect")


@njit(cache=True)
def _filter(lines, start, stop):
    """Filter (lines, length, columns) along the middle axis forwards and backwards, and keep start to stop."""
    n_lines, length, columns = lines.shape
    result = np.empty((n_lines, stop - start, columns))
    if length == 1:
        result[:] = lines
        return result
    pole = np.sqrt(3.0) - 2
    rows = np.empty((length, columns))
    for line in range(n_lines):
        # What the mirrored line gives from its far past up to its first value.
        rows[0] = 0
        for i in range(length):
            weight = pole**i + (pole ** (2 * length - 2 - i) if 0 < i < length - 1 else 0.0)
            _combine(1.0, rows[0], 6 * weight / (1 - pole ** (2 * length - 2)), lines[line, i], rows[0])
        for i in range(1, length):
            _combine(6.0, lines[line, i], pole, rows[i - 1], rows[i])
        last = pole / (pole * pole - 1)
        _combine(last, rows[length - 1], last * pole, rows[length - 2], rows[length - 1])
        for i in range(length - 2, start - 1, -1):
            _combine(-pole, rows[i], pole, rows[i + 1], rows[i])
        result[line] = rows[start:stop]
    return result


@njit(cache=True)
def _combine(p, a, q, b, out):
    for k in range(len(out)):
        out[k] = p * a[k] + q * b[k]
