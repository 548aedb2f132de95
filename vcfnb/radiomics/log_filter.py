"""Laplacian of Gaussian (LoG) by recursive filters, as ITK computes it, in the ROI's box only.

Deriche 1993 (INRIA research report 1893) approximates the Gaussian and its derivatives by filters of fourth order that
run along a line forwards and backwards; their cost does not depend on sigma. The Laplacian is the sum over axes of the
second derivative along the axis, smoothed along the other two. Arithmetic is double, images between passes are
float32, and the order of passes is ITK's, so that values agree to the last bit but for rare roundings.
"""

import numpy as np
from numba import njit

from vcfnb.radiomics.passes import filter_along

# Deriche's constants: frequencies and decays (shared), and amplitudes for smoothing and for the second derivative.
_W1, _L1, _W2, _L2 = 0.6681, -1.3932, 2.0787, -1.3732
_SMOOTH = (1.3530, 1.8151, -0.3531, 0.0902)
_SECOND = (-1.3563, 5.2318, 0.3446, -2.2355)


def _waves(sigma):
    first = np.sin(_W1 / sigma), np.cos(_W1 / sigma), np.exp(_L1 / sigma)
    second = np.sin(_W2 / sigma), np.cos(_W2 / sigma), np.exp(_L2 / sigma)
    return first, second


def _numerator(sigma, a1, b1, a2, b2):
    (s1, c1, e1), (s2, c2, e2) = _waves(sigma)
    return np.array(
        [
            a1 + a2,
            e2 * (b2 * s2 - (a2 + 2 * a1) * c2) + e1 * (b1 * s1 - (a1 + 2 * a2) * c1),
            2 * e1 * e2 * ((a1 + a2) * c2 * c1 - b1 * c2 * s1 - b2 * c1 * s2) + a2 * e1 * e1 + a1 * e2 * e2,
            e2 * e1 * e1 * (b2 * s2 - a2 * c2) + e1 * e2 * e2 * (b1 * s1 - a1 * c1),
        ]
    )


def _denominator(sigma):
    (_, c1, e1), (_, c2, e2) = _waves(sigma)
    return np.array(
        [
            -2 * (e2 * c2 + e1 * c1),
            4 * c2 * c1 * e1 * e2 + e1 * e1 + e2 * e2,
            -2 * c1 * e1 * e2 * e2 - 2 * c2 * e2 * e1 * e1,
            e1 * e1 * e2 * e2,
        ]
    )


def _coefficients(sigma, scale):
    """Causal numerators of smoothing and of the second derivative (times `scale`), and the denominator.

    Smoothing keeps a constant; the second derivative is right for a parabola, and 0 for a constant. `sigma` in voxels.
    """
    d = _denominator(sigma)
    order = np.arange(1, 5)
    sd, dd, ed = 1 + d.sum(), (order * d).sum(), (order**2 * d).sum()
    smooth, second = _numerator(sigma, *_SMOOTH), _numerator(sigma, *_SECOND)
    beta = -(2 * second.sum() - sd * second[0]) / (2 * smooth.sum() - sd * smooth[0])
    second = second + beta * smooth
    order = np.arange(4)
    sn, dn, en = second.sum(), (order * second).sum(), (order**2 * second).sum()
    alpha = (en * sd**2 - ed * sn * sd - 2 * dn * dd * sd + 2 * dd**2 * sn) / sd**3
    smooth = smooth / (2 * smooth.sum() / sd - smooth[0])
    return smooth, second * (scale / alpha), d


@njit(cache=True)
def _recursive_filter(image, n, d, start, stop):
    """Filter (lines, length, columns) along the middle axis, and keep start to stop. Ends go on with their value."""
    lines, length, columns = image.shape
    m = np.array([n[1] - d[0] * n[0], n[2] - d[1] * n[0], n[3] - d[2] * n[0], -d[3] * n[0]])
    # What a constant 1 gives forwards and backwards, for the state before the first and after the last value.
    scale = 1 + d[0] + d[1] + d[2] + d[3]
    before, after = (n[0] + n[1] + n[2] + n[3]) / scale, (m[0] + m[1] + m[2] + m[3]) / scale
    result = np.empty((lines, stop - start, columns), dtype=np.float32)
    forward = np.empty((stop - start, columns))
    x = np.empty((4, columns))
    y = np.empty((4, columns))
    for line in range(lines):
        for column in range(columns):
            value = float(image[line, 0, column])
            for k in range(4):
                x[k, column] = value
                y[k, column] = value * before
        for i in range(stop):
            a, b, c, e = i % 4, (i + 3) % 4, (i + 2) % 4, (i + 1) % 4
            for column in range(columns):
                value = float(image[line, i, column])
                total = value * n[0] + x[b, column] * n[1] + x[c, column] * n[2] + x[e, column] * n[3]
                total -= y[b, column] * d[0] + y[c, column] * d[1] + y[e, column] * d[2] + y[a, column] * d[3]
                x[a, column] = value
                y[a, column] = total
                if i >= start:
                    forward[i - start, column] = total
        for column in range(columns):
            value = float(image[line, length - 1, column])
            for k in range(4):
                x[k, column] = value
                y[k, column] = value * after
        for i in range(length - 1, start - 1, -1):
            j = length - 1 - i
            a, b, c, e = j % 4, (j + 3) % 4, (j + 2) % 4, (j + 1) % 4
            for column in range(columns):
                total = x[b, column] * m[0] + x[c, column] * m[1] + x[e, column] * m[2] + x[a, column] * m[3]
                total -= y[b, column] * d[0] + y[c, column] * d[1] + y[e, column] * d[2] + y[a, column] * d[3]
                x[a, column] = float(image[line, i, column])
                y[a, column] = total
                if i < stop:
                    result[line, i - start, column] = np.float32(forward[i - start, column] + total)
    return result


def laplacian_of_gaussian(image, sigma, spacing, inner):
    """LoG, scaled by sigma squared, of a part of an image.

    Parameters
    ----------
    image : array (z, y, x)
        The part with what lies around it (18 sigma make the result that of the whole image).
    sigma : float
        mm.
    spacing : tuple of 3 float
        mm, (z, y, x).
    inner : tuple of 3 slices
        The part.

    Returns
    -------
    array of float32, shape of the part
    """
    image = np.ascontiguousarray(image, dtype=np.float32)
    result = 0.0
    for axis in (2, 1, 0):
        passed = image
        for step in (axis, *(other for other in (2, 1, 0) if other != axis)):
            smooth, second, d = _coefficients(sigma / spacing[step], sigma**2)
            passed = filter_along(_recursive_filter, passed, step, inner[step], second if step == axis else smooth, d)
        result = (result + passed.astype(np.float64) * (1 / spacing[axis] ** 2)).astype(np.float32)
    return result
