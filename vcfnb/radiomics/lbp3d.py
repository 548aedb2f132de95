"""Local binary patterns in 3D, as PyRadiomics computes them, on SciPy of any version.

Around each voxel 42 points of a sphere (icosphere, radius 1 voxel) are sampled with a cubic spline and compared with
the voxel; the patterns of ones and zeros are described by spherical harmonics of degree 0 and 1 (images m1 and m2),
the samples by their kurtosis (image k). After Banerjee et al. 2012 (doi 10.1109/ISBI.2012.6235655).
"""

from functools import cache

import numpy as np
from numba import njit
from scipy.special import sph_harm_y

from vcfnb.radiomics.filters import MARGIN, coefficients_around, weights_at

# Beyond this many voxels the cubic spline's prefilter forgets (4e-11 of the values).
PAD = 24
# m2 is the square root of a sum that cancels to rounding noise in symmetric patterns.
_NOISE = 1e-6
# Voxels that are handled together; gaps in a line of the ROI that are computed with it; longest piece of a line.
_STEP, _GAP, _PIECE = 16, 64, 1024


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


@cache
def _plan():
    """Where and how to sample, for the distinct x of the vertices and for each vertex.

    Of each x: weights (n, 4) and the first of those four voxels relative to the centre. Of the 42 vertices: the number
    of their x; first voxels (42, 2) and weights (42, 2, 4) along z and y.
    """
    vertices = np.round(_sphere()[0], 9)
    whole = np.floor(vertices)
    between = np.clip(_sphere()[0] - whole, 0, 1)
    weights = np.array([[weights_at(t) for t in vertex] for vertex in between])
    first = (whole - 1).astype(np.int64)
    _, shown, which = np.unique(vertices[:, 2], return_index=True, return_inverse=True)
    return weights[shown, 2], first[shown, 2], which, first[:, :2], weights[:, :2]


@njit(cache=True)
def _shifted(flat, weights, first):
    """Spline values of a raveled volume at some offsets along x; 0 at both ends, and for one step more."""
    result = np.zeros((len(weights), len(flat) + _STEP))
    n = len(flat) - 6
    for k in range(len(weights)):
        part = flat[3 + first[k] :]
        _weighted(weights[k], part, part[1:], part[2:], part[3:], result[k, 3 : 3 + n])
    return result


@njit(cache=True)
def _weighted(w, a, b, c, d, out):
    """Add a weighted sum of four rows."""
    p, q, r, s = w[0], w[1], w[2], w[3]
    for k in range(len(out)):
        out[k] += p * a[k] + q * b[k] + r * c[k] + s * d[k]


@njit(cache=True)
def _describe(along_x, which, first, weights, strides, lines, centres, outside, basis):
    """Pattern (bit p: sample p is at least the centre), degree-1 sums and kurtosis of every voxel, line by line.

    `along_x` (distinct x, voxels) are volumes of spline values, shifted along x; the next three come from
    :func:`_plan`. `lines` are the flat index of the first voxel of every line, and its length; the rest has a value for
    each voxel of the lines. `outside` (42, voxels) or (42, 0) are samples that are 0 since they lie beyond the image.
    """
    n_points, n_voxels = len(which), len(centres)
    pattern = np.empty(n_voxels, dtype=np.int64)
    sums = np.empty((3, n_voxels))
    kurtosis = np.empty(n_voxels)
    longest = lines[:, 1].max() + _STEP
    samples, bits = np.empty((n_points, longest)), np.empty(longest, dtype=np.int64)
    # Centres; sums of the basis where samples are at least the centre; sums of samples.
    centre, total = np.zeros(longest), np.empty(longest)
    a, b, c = np.empty(longest), np.empty(longest), np.empty(longest)
    done = 0
    for v, n in lines:
        # The loops run over whole steps, as far as the processor works on several voxels at once.
        m = -(-n // _STEP) * _STEP
        centre[:n] = centres[done : done + n]
        bits[:m], a[:m], b[:m], c[:m], total[:m] = 0, 0, 0, 0, 0
        for p in range(n_points):
            row = samples[p, :m]
            row[:] = 0
            at = v + first[p, 0] * strides[0] + first[p, 1] * strides[1]
            for z in range(4):
                volume = along_x[which[p], at + z * strides[0] :]
                w = weights[p, 0, z] * weights[p, 1]
                _weighted(w, volume, volume[strides[1] :], volume[2 * strides[1] :], volume[3 * strides[1] :], row)
            if outside.shape[1]:
                row[:n][outside[p, done : done + n]] = 0
            _compare(row, centre[:m], 1 << p, basis[:, p], bits[:m], a[:m], b[:m], c[:m], total[:m])
        pattern[done : done + n] = bits[:n]
        sums[0, done : done + n], sums[1, done : done + n], sums[2, done : done + n] = a[:n], b[:n], c[:n]
        _kurtosis(samples, total[:n] / n_points, kurtosis[done : done + n])
        done += n
    return pattern, sums, kurtosis


@njit(cache=True)
def _compare(row, centre, bit, basis, bits, a, b, c, total):
    """Round samples half away from zero, as SciPy does for an integer image, and compare them with their centres."""
    p, q, r = basis
    for k in range(len(row)):
        value = np.floor(row[k] + 0.5) if row[k] > 0 else np.ceil(row[k] - 0.5)
        row[k] = value
        total[k] += value
        one = value >= centre[k]
        bits[k] += bit if one else 0
        a[k] += p if one else 0.0
        b[k] += q if one else 0.0
        c[k] += r if one else 0.0


@njit(cache=True)
def _kurtosis(samples, mean, out):
    """Excess kurtosis of the first columns; NaN where all samples are equal."""
    second, fourth = np.zeros(len(mean)), np.zeros(len(mean))
    for row in samples:
        _add_powers(row, mean, second, fourth)
    for k in range(len(out)):
        out[k] = len(samples) * fourth[k] / (second[k] * second[k]) - 3 if second[k] > 0 else np.nan


@njit(cache=True)
def _add_powers(row, mean, second, fourth):
    for k in range(len(mean)):
        square = (row[k] - mean[k]) ** 2
        second[k] += square
        fourth[k] += square * square


@cache
def _degree_1():
    """Real basis (3, 42) of the harmonics of degree 1, and the form that gives m2 squared from its sums.

    The harmonics of order -1 and 1 are conjugate but for a sign, so that patterns have real sums: with c the sums of
    ones over the basis, f(p) = c0 Y0(p) + 2 c1 Re Y1(p) + 2 c2 Im Y1(p), and m2 is the root of the sum of f squared.
    """
    harmonics = _sphere()[1]
    basis = np.array([harmonics[:, 2].real, harmonics[:, 3].real, -harmonics[:, 3].imag])
    f = basis * np.array([1, 2, 2])[:, None]
    return basis, f @ f.T


def _lines(voxels):
    """First flat index and length of the lines that hold some voxels, short gaps included, and the voxels' places."""
    starts = np.flatnonzero(np.append(True, np.diff(voxels) > _GAP))
    stops = voxels[np.append(starts[1:], len(voxels)) - 1] + 1
    runs = zip(voxels[starts], stops, strict=True)
    lines = np.array([(at, min(_PIECE, stop - at)) for start, stop in runs for at in range(start, stop, _PIECE)])
    before = np.cumsum(lines[:, 1]) - lines[:, 1]
    line = np.searchsorted(lines[:, 0], voxels, side="right") - 1
    return lines, voxels - lines[line, 0] + before[line]


def lbp3d(image, inside, faces):
    """Values m1, m2, k of the three LBP images, one per voxel of the ROI; k is NaN where all 42 samples are equal.

    `image` (z, y, x) is the ROI's box with at least :data:`PAD` voxels around it, or less where the image itself ends;
    `inside` are the ROI's voxels in it (3 index arrays), and `faces` say per axis whether its first and last face are
    faces of the whole image. It must be of a signed integer type: on whole numbers the comparisons are decided by data;
    on floats rounding would decide.
    """
    part = coefficients_around(image, inside)
    strides = part.shape[1] * part.shape[2], part.shape[2]
    places = [index - index.min() + MARGIN for index in inside]
    voxels = places[0] * strides[0] + places[1] * strides[1] + places[2]
    lines, shown = _lines(voxels)
    x_weights, x_first, which, first, weights = _plan()
    along_x = _shifted(part.ravel(), x_weights, x_first)
    outside = _outside(inside, image.shape, faces)
    n = lines[:, 1].sum()
    centres, beyond = np.zeros(n), np.zeros((len(outside), n if outside.size else 0), dtype=bool)
    centres[shown] = image[inside]
    if outside.size:
        beyond[:, shown] = outside
    basis, form = _degree_1()
    found = _describe(along_x, which, first, weights, strides, lines, centres, beyond, basis)
    pattern, sums, kurtosis = (values[..., shown] for values in found)
    square = np.einsum("in,ij,jn->n", sums, form, sums)
    m2 = np.sqrt(np.maximum(square, 0))
    # Where the sum cancels, what is left is rounding of PyRadiomics' order of operations: that order decides.
    small = np.abs(square) < _NOISE
    if small.any():
        m2[small] = _in_their_order(pattern[small][:, None] >> np.arange(42) & 1)[1]
    return _m1_by_count()[np.bitwise_count(pattern)], m2, kurtosis


def _outside(inside, size, faces):
    """Which sphere points (42, voxels) are beyond the whole image, where PyRadiomics samples 0; (42, 0) if none is."""
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
    return outside.T.copy() if outside.any() else np.zeros((len(vertices), 0), dtype=bool)


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
