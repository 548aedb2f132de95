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
def _sample(coefficients, voxels, offsets, weights, outside):
    """Spline values at the sphere's points of every voxel, rounded half away from zero; 0 outside the image."""
    samples = np.zeros((len(voxels), len(offsets)))
    for k in range(len(voxels)):
        for point in range(len(offsets)):
            if outside[k, point]:
                continue
            value = 0.0
            for tap in range(64):
                value += weights[point, tap] * coefficients[voxels[k] + offsets[point, tap]]
            samples[k, point] = np.floor(value + 0.5) if value > 0 else np.ceil(value - 0.5)
    return samples


def lbp3d(image, inside, shape):
    """Values of the three LBP images in the ROI.

    Parameters
    ----------
    image : array of a signed integer type (z, y, x)
        The ROI's box with at least :data:`PAD` voxels around it, or less where the image itself ends. On whole numbers
        the comparisons are decided by data; on floats rounding would decide, so they are not taken.
    inside : tuple of 3 index arrays
        The ROI's voxels in `image`.
    shape : tuple of 3 pairs of bool
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
    offsets, weights = _taps(strides)
    samples = _sample(coefficients.ravel(), voxels, offsets, weights, _outside(inside, image.shape, shape))
    bits = samples >= image[inside][:, None]
    mean = samples.mean(axis=1, keepdims=True)
    second = np.mean((samples - mean) ** 2, axis=1)
    fourth = np.mean((samples - mean) ** 4, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        kurtosis = np.where(second > 0, fourth / second**2 - 3, np.nan)
    return *_harmonic_images(bits), kurtosis


def _outside(inside, size, shape):
    """Which sphere points of which voxels lie beyond the whole image, where PyRadiomics' sampling gives 0."""
    vertices, _ = _sphere()
    outside = np.zeros((len(inside[0]), len(vertices)), dtype=bool)
    for axis, (first, last) in enumerate(shape):
        position = inside[axis][:, None] + vertices[None, :, axis]
        if first:
            outside |= position < 0
        if last:
            outside |= position > size[axis] - 1
    return outside


def _harmonic_images(bits):
    _, harmonics = _sphere()
    kernel = harmonics[:, 1:] @ harmonics[:, 1:].T
    gram = kernel @ kernel.T
    patterns = bits.astype(float)
    square = np.sum((patterns @ gram) * patterns, axis=1)
    m2 = np.sqrt(square).real
    small = np.abs(square) < _NOISE
    if small.any():
        m2[small] = _in_their_order(bits[small])[1]
    return _m1_by_count()[bits.sum(axis=1)], m2


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
