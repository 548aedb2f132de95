"""Recursive filters along the lines of a volume: cubic spline as SciPy's, Laplacian of Gaussian (LoG) as ITK's.

Spline: IEEE Signal Process Mag 1999, 16(6):22 (doi 10.1109/79.799930), the image mirrored at its faces.
LoG: Deriche 1993 (INRIA research report 1893) approximates the Gaussian and its derivatives by filters of fourth order
that run along a line forwards and backwards; their cost does not depend on sigma. The Laplacian is the sum over axes of
the second derivative along the axis, smoothed along the other two. Arithmetic is double, images between passes are
float32, and the order of passes is ITK's, so that values agree to the last bit but for rare roundings.
"""

import numpy as np
from numba import njit

# Voxels that a sample may lie from its centre, and the spline reaches farther.
MARGIN = 3
# Columns that are filtered together, in whole steps of what the processor takes at once.
_COLUMNS, _STEP = 128, 16
# Deriche's constants: frequencies and decays (shared), and amplitudes for smoothing and for the second derivative.
_W1, _L1, _W2, _L2 = 0.6681, -1.3932, 2.0787, -1.3732
_SMOOTH = (1.3530, 1.8151, -0.3531, 0.0902)
_SECOND = (-1.3563, 5.2318, 0.3446, -2.2355)


def filter_along(function, volume, axis, cut, *arguments):
    """Filter along one axis, and keep the part `cut` of it.

    `function` takes an array (lines, length, columns), the `arguments`, start and stop, and filters along the middle
    axis. Columns are neighbours in memory, so it handles all of a line side by side.
    """
    if axis == 2:
        # Along the last axis no two lines would lie side by side: turned plane by plane, which stays in the cache.
        planes = [
            function(np.ascontiguousarray(plane.T)[None], *arguments, cut.start, cut.stop)[0].T for plane in volume
        ]
        return np.stack(planes)
    shape = volume.shape
    lines, columns = int(np.prod(shape[:axis])), int(np.prod(shape[axis + 1 :]))
    filtered = function(volume.reshape(lines, shape[axis], columns), *arguments, cut.start, cut.stop)
    return filtered.reshape(*shape[:axis], cut.stop - cut.start, *shape[axis + 1 :])


def weights_at(t):
    """Weights of the four neighbours of a point, at the distance t behind the second one."""
    return np.array([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6


def coefficients_around(image, voxels):
    """Coefficients of the spline in the box of some voxels and :data:`MARGIN` around it.

    The first of the voxels (3 index arrays) along each axis lies at :data:`MARGIN`.
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
    # Some columns at a time, which the cache holds: values, and what they give both ways, each with four rows of state.
    many = min(columns, _COLUMNS)
    width = -(-many // _STEP) * _STEP
    x = np.zeros((length + 8, width))
    forward, backward = np.zeros((stop + 4, width)), np.zeros((length - start + 4, width))
    for line in range(lines):
        for first in range(0, columns, many):
            n_columns = min(many, columns - first)
            for i in range(length):
                x[i + 4, :n_columns] = image[line, i, first : first + n_columns]
            for k in range(4):
                x[k], x[length + 4 + k] = x[4], x[length + 3]
                forward[k], backward[k] = x[4] * before, x[length + 3] * after
            for i in range(stop):
                _recur(x[i + 4], x[i + 3], x[i + 2], x[i + 1], n, forward[i : i + 5], d)
            for i in range(length - start):
                j = length - i
                _recur(x[j + 4], x[j + 5], x[j + 6], x[j + 7], m, backward[i : i + 5], d)
            for i in range(start, stop):
                _add(forward[i + 4], backward[length + 3 - i], result[line, i - start, first : first + n_columns])
    return result


@njit(cache=True)
def _recur(x0, x1, x2, x3, n, y, d):
    """The fifth row of y from the four before it, and from four rows of values."""
    y0, y1, y2, y3, y4 = y[4], y[3], y[2], y[1], y[0]
    n0, n1, n2, n3 = n[0], n[1], n[2], n[3]
    d1, d2, d3, d4 = d[0], d[1], d[2], d[3]
    for k in range(len(y0)):
        total = x0[k] * n0 + x1[k] * n1 + x2[k] * n2 + x3[k] * n3
        y0[k] = total - (y1[k] * d1 + y2[k] * d2 + y3[k] * d3 + y4[k] * d4)


@njit(cache=True)
def _add(a, b, out):
    for k in range(len(out)):
        out[k] = np.float32(a[k] + b[k])


def laplacian_of_gaussian(image, sigma, spacing, inner):
    """LoG, scaled by sigma squared, of the part `inner` (3 slices) of an image: array of float32.

    `sigma` and `spacing` in mm. 18 sigma of image around the part make the result that of the whole image.
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
