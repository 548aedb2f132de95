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


def _taps(strides):
    """Flat offsets (42, 64) and weights (42, 64) of the cubic B-spline at the sphere's points."""
    vertices, _ = _sphere()
    whole = np.floor(vertices)
    t = vertices - whole
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=-1) / 6
    steps = whole[..., None].astype(np.int64) + np.arange(-1, 3)
    z, y, x = (steps[:, axis] * strides[axis] for axis in range(3))
    offsets = z[:, :, None, None] + y[:, None, :, None] + x[:, None, None, :]
    weight = np.einsum("va,vb,vc->vabc", weights[:, 0], weights[:, 1], weights[:, 2])
    return offsets.reshape(len(vertices), 64), weight.reshape(len(vertices), 64)


@njit(cache=True)
def _sample(coefficients, voxel, offsets, weights):
    """Spline value at one point, rounded half away from zero as SciPy does for an integer image."""
    value = 0.0
    for tap in range(64):
        value += weights[tap] * coefficients[voxel + offsets[tap]]
    return np.floor(value + 0.5) if value > 0 else np.ceil(value - 0.5)


@njit(cache=True)
def _describe(coefficients, voxels, centres, offsets, weights, outside, harmonics, products):
    """Number of ones, kurtosis, and the sum under m2's root, of every voxel. Samples outside the image are 0."""
    n_points = len(offsets)
    ones = np.zeros(len(voxels), dtype=np.int64)
    kurtosis = np.empty(len(voxels))
    square = np.empty(len(voxels), dtype=np.complex128)
    samples = np.empty(n_points)
    c = np.empty(3, dtype=np.complex128)
    for k in range(len(voxels)):
        c[:] = 0
        mean = 0.0
        for point in range(n_points):
            value = 0.0 if outside[k, point] else _sample(coefficients, voxels[k], offsets[point], weights[point])
            samples[point] = value
            mean += value
            if value >= centres[k]:
                ones[k] += 1
                for m in range(3):
                    c[m] += harmonics[point, m]
        mean /= n_points
        second, fourth = 0.0, 0.0
        for point in range(n_points):
            d = (samples[point] - mean) ** 2
            second += d
            fourth += d * d
        kurtosis[k] = n_points * fourth / (second * second) - 3 if second > 0 else np.nan
        total = 0j
        for m in range(3):
            for other in range(3):
                total += c[m] * c[other] * products[m, other]
        square[k] = total
    return ones, kurtosis, square


@njit(cache=True)
def _bits(coefficients, voxels, centres, offsets, weights, outside):
    """Patterns of ones and zeros of a few voxels."""
    bits = np.zeros((len(voxels), len(offsets)), dtype=np.bool_)
    for k in range(len(voxels)):
        for point in range(len(offsets)):
            value = 0.0 if outside[k, point] else _sample(coefficients, voxels[k], offsets[point], weights[point])
            bits[k, point] = value >= centres[k]
    return bits


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
    # Two voxels beyond the crop are needed at most; SciPy mirrors the coefficients there.
    coefficients = np.pad(coefficients, 2, mode="reflect")
    strides = np.array([coefficients.shape[1] * coefficients.shape[2], coefficients.shape[2], 1])
    voxels = sum((index + 2) * stride for index, stride in zip(inside, strides, strict=True))
    _, harmonics = _sphere()
    degree_1 = np.ascontiguousarray(harmonics[:, 1:])
    centres = image[inside].astype(np.float64)
    given = (coefficients.ravel(), voxels, centres, *_taps(strides), _outside(inside, image.shape, faces))
    ones, kurtosis, square = _describe(*given, degree_1, degree_1.T @ degree_1)
    m2 = np.sqrt(square).real
    # Where the sum cancels, what is left is rounding of PyRadiomics' order of operations: that order decides.
    small = np.flatnonzero(np.abs(square) < _NOISE)
    if len(small):
        flat, voxels, centres, offsets, weights, outside = given
        m2[small] = _in_their_order(_bits(flat, voxels[small], centres[small], offsets, weights, outside[small]))[1]
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
