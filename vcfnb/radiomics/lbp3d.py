"""Local binary patterns in 3D, as PyRadiomics computes them, on SciPy of any version.

Around each voxel 42 points of a sphere (icosphere, radius 1 voxel) are sampled with a cubic spline and compared with
the voxel; the patterns of ones and zeros are described by spherical harmonics of degree 0 and 1 (images m1 and m2),
the samples by their kurtosis (image k). After Banerjee et al. 2012 (doi 10.1109/ISBI.2012.6235655).
"""

from functools import cache

import numpy as np
from numba import njit
from scipy import ndimage
from scipy.special import sph_harm_y

# Beyond this many voxels the cubic spline's prefilter forgets (4e-11 of the values).
PAD = 24
# m2 is the square root of a sum that cancels to rounding noise in symmetric patterns.
_NOISE = 1e-6


@cache
def _sphere():
    """Vertices (42, 3) and spherical harmonics (42, 4) of degree 0 and 1.

    PyRadiomics hands the polar angle to SciPy's old ``sph_harm`` where that wanted the azimuth, and so do we: the old
    ``sph_harm(m, n, theta, phi)`` is ``sph_harm_y(n, m, phi, theta)``.
    """
    from trimesh.creation import icosphere

    vertices = np.array(icosphere(subdivisions=1, radius=1).vertices)
    theta, phi = np.arccos(vertices[:, 2]), np.arctan2(vertices[:, 1], vertices[:, 0])
    harmonics = [sph_harm_y(n, m, phi, theta) for n, m in ((0, 0), (1, -1), (1, 0), (1, 1))]
    return vertices, np.stack(harmonics, axis=1)


def _spline_weights(t):
    """Weights of the four neighbours of a point, at the distance t behind the second one (cubic B-spline)."""
    return np.array([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6


@njit(cache=True)
def _shifted(flat, weights, first, stride, margin):
    """Spline values of a raveled volume at one offset along one axis; the margin at both ends is left 0."""
    result = np.zeros_like(flat)
    a, b, c, d = weights
    for i in range(margin, len(flat) - margin):
        k = i + first * stride
        result[i] = a * flat[k] + b * flat[k + stride] + c * flat[k + 2 * stride] + d * flat[k + 3 * stride]
    return result


@njit(cache=True)
def _rounded(flat, voxels, weights, first, stride, outside, samples):
    """Spline values at the ROI's voxels, rounded half away from zero as SciPy does for an integer image."""
    a, b, c, d = weights
    for n in range(len(voxels)):
        k = voxels[n] + first * stride
        value = a * flat[k] + b * flat[k + stride] + c * flat[k + 2 * stride] + d * flat[k + 3 * stride]
        samples[n] = 0.0 if outside[n] else np.floor(value + 0.5) if value > 0 else np.ceil(value - 0.5)


def _sample(coefficients, inside, outside, dtype):
    """Rounded spline values (42, voxels) on the sphere around every voxel; axis after axis, as offsets are few.

    `inside` are indices into `coefficients`, at least three from its faces.
    """
    vertices, _ = _sphere()
    low, high = [index.min() - 3 for index in inside], [index.max() + 4 for index in inside]
    part = np.ascontiguousarray(coefficients[tuple(slice(a, b) for a, b in zip(low, high, strict=True))])
    strides = part.shape[1] * part.shape[2], part.shape[2], 1
    voxels = sum((index - start) * stride for index, start, stride in zip(inside, low, strides, strict=True))
    margin = [3 * stride for stride in strides]
    whole = np.floor(np.round(vertices, 9))
    weights = [[_spline_weights(value) for value in vertex] for vertex in np.clip(vertices - whole, 0, 1)]
    key = np.round(vertices, 9)
    flat, along_x, along_yx = part.ravel(), {}, {}
    samples = np.empty((len(vertices), len(voxels)), dtype=dtype)
    for point, (_, y, x) in enumerate(map(tuple, key)):
        first = (whole[point] - 1).astype(int)
        if x not in along_x:
            along_x[x] = _shifted(flat, weights[point][2], first[2], strides[2], margin[2])
        if (y, x) not in along_yx:
            along_yx[y, x] = _shifted(along_x[x], weights[point][1], first[1], strides[1], margin[1])
        given = along_yx[y, x], voxels, weights[point][0], first[0], strides[0], outside[:, point], samples[point]
        _rounded(*given)
    return samples


@njit(cache=True)
def _describe(samples, centres, harmonics, products):
    """Number of ones, kurtosis, and the sum under m2's root, of every voxel."""
    n_points, n_voxels = samples.shape
    ones = np.zeros(n_voxels, dtype=np.int64)
    kurtosis = np.empty(n_voxels)
    square = np.empty(n_voxels, dtype=np.complex128)
    c = np.empty(3, dtype=np.complex128)
    for k in range(n_voxels):
        c[:] = 0
        mean = 0.0
        for point in range(n_points):
            mean += samples[point, k]
            if samples[point, k] >= centres[k]:
                ones[k] += 1
                for m in range(3):
                    c[m] += harmonics[point, m]
        mean /= n_points
        second, fourth = 0.0, 0.0
        for point in range(n_points):
            d = (samples[point, k] - mean) ** 2
            second += d
            fourth += d * d
        kurtosis[k] = n_points * fourth / (second * second) - 3 if second > 0 else np.nan
        total = 0j
        for m in range(3):
            for other in range(3):
                total += c[m] * c[other] * products[m, other]
        square[k] = total
    return ones, kurtosis, square


def lbp3d(image, inside, faces):
    """Values of the three LBP images in the ROI.

    Parameters
    ----------
    image : array of a signed integer type (z, y, x)
        The ROI's box with at least :data:`PAD` voxels around it, or less where the image itself ends. On whole numbers
        the comparisons are decided by data; on floats rounding would decide, so they are not taken.
    inside : tuple of 3 index arrays
        The ROI's voxels in `image`.
    faces : 3 pairs of bool
        Per axis, whether the crop's first and last face are faces of the whole image.

    Returns
    -------
    m1, m2, k : arrays of float64, one value a voxel
        k is NaN where all 42 samples are equal.
    """
    coefficients = ndimage.spline_filter(image, order=3, output=np.float64)
    # SciPy mirrors the coefficients beyond the image; three voxels are needed at most.
    coefficients = np.pad(coefficients, 3, mode="reflect")
    _, harmonics = _sphere()
    degree_1 = np.ascontiguousarray(harmonics[:, 1:])
    # float32 holds 16-bit whole numbers exactly, at half the memory.
    dtype = np.float32 if image.dtype.itemsize <= 2 else np.float64
    samples = _sample(coefficients, [index + 3 for index in inside], _outside(inside, image.shape, faces), dtype)
    centres = image[inside]
    ones, kurtosis, square = _describe(samples, centres, degree_1, degree_1.T @ degree_1)
    m2 = np.sqrt(square).real
    # Where the sum cancels, what is left is rounding of PyRadiomics' order of operations: that order decides.
    small = np.abs(square) < _NOISE
    if small.any():
        m2[small] = _in_their_order((samples[:, small] >= centres[small]).T)[1]
    return _m1_by_count()[ones], m2, kurtosis


def _outside(inside, size, faces):
    """Which sphere points of which voxels lie beyond the whole image, where PyRadiomics' sampling gives 0."""
    vertices, _ = _sphere()
    outside = np.zeros((len(inside[0]), len(vertices)), dtype=bool)
    for axis, (first, last) in enumerate(faces):
        at_edge = np.zeros(len(inside[0]), dtype=bool)
        if first:
            at_edge |= inside[axis] < 1
        if last:
            at_edge |= inside[axis] > size[axis] - 2
        if at_edge.any():
            position = inside[axis][at_edge][:, None] + vertices[None, :, axis]
            outside[at_edge] |= (position < 0) & first | (position > size[axis] - 1) & last
    return outside


@cache
def _m1_by_count():
    """m1 depends on the number of ones alone; 43 values, of which many voxels share each, so ties must stay ties."""
    return _in_their_order(np.tri(43, 42, -1, dtype=bool))[0]


def _in_their_order(bits):
    """m1 and m2 with PyRadiomics' order of operations, which decides where sums cancel or tie."""
    _, harmonics = _sphere()
    c = np.multiply(bits.astype(int)[:, :, None], harmonics[None]).sum(axis=1)
    degree_0 = np.multiply(c[:, None, :1], harmonics[None, :, :1])
    degree_1 = np.sum(np.multiply(c[:, None, 1:], harmonics[None, :, 1:]), axis=2, keepdims=True)
    f = np.concatenate((degree_0, degree_1), axis=2)
    return np.real(np.sqrt(np.sum(f**2, axis=1))).T
