"""Grey-level co-occurrence matrix (GLCM): symmetric, distance 1, averaged over the directions in which there are pairs.

Definitions: PyRadiomics 3 (https://pyradiomics.readthedocs.io/en/latest/features.html).

The matrix itself is only a scratch table: most features follow from how often i, i + j and |i - j| occur, the rest from
the cells that are not empty.
"""

import numpy as np
from numba import njit

from vcfnb.radiomics.firstorder import EPS, LN2, c_log_c, entropy, entropy_of

N_FEATURES = 22
# Mutual information (bits) that is nothing but rounding.
_NOISE = 1e-12


def glcm(levels, roi, n_levels):
    """22 features of a volume of grey levels (see :class:`Roi`), in the order of settings.CLASSES.

    Imc2 is NaN where rounding decides.
    """
    # A cell's index is the lower level, and the higher one in the last bits.
    shift = np.uint32(int(n_levels).bit_length())
    table = np.zeros((n_levels + 1) << int(shift), dtype=np.int32)
    cells = np.empty(len(roi.voxels) + 1, dtype=np.uint32)
    total = np.zeros(N_FEATURES)
    for offset in roi.offsets[roi.paired]:
        n_cells = _count(levels, roi.lines, offset, shift, table, cells)
        total += _features(table, cells[:n_cells], shift, n_levels)
    n_directions = np.count_nonzero(roi.paired)
    return total / n_directions if n_directions else np.full(N_FEATURES, np.nan)


@njit(cache=True)
def _count(levels, lines, offset, shift, table, cells):
    """Count every voxel with the one before it in `table`; list the cells that are not empty, and return how many.

    Pairs with the outside (level 0) are counted like others, in cells of their own: to ask would take longer. For the
    same reason every cell is written at the end of the list, and stays there if it is new.
    """
    n_cells = np.uint64(0)
    for line in range(len(lines)):
        for v in range(lines[line, 0], lines[line, 1]):
            here, before = levels[v], levels[v - offset]
            cell = np.uint32((min(here, before) << shift) | max(here, before))
            count = table[cell]
            table[cell] = count + 1
            cells[n_cells] = cell
            n_cells += np.uint64(count == 0)
    return n_cells


@njit(cache=True)
def _features(table, cells, shift, n_levels):
    """Features of one direction; clears the table."""
    marginal = np.zeros(n_levels + 1, dtype=np.int64)
    sums = np.zeros(2 * n_levels + 1, dtype=np.int64)
    differences = np.zeros(n_levels + 1, dtype=np.int64)
    counts = np.empty(len(cells), dtype=np.int64)
    pairs, on_diagonal, squares, largest, weighted, present = 0, 0, 0.0, 0, 0.0, 0
    for k in range(len(cells)):
        cell = cells[k]
        low, high = cell >> shift, cell & np.uint32((1 << shift) - 1)
        count = np.int64(table[cell])
        table[cell] = 0
        if low == 0:
            counts[k] = 0
            continue
        counts[k] = count
        pairs += count
        marginal[low] += count
        marginal[high] += count
        sums[low + high] += count
        differences[high - low] += count
        weighted += c_log_c(count)
        # Off the diagonal the symmetric matrix has two cells of this size, on it one of twice the size.
        if low == high:
            on_diagonal += count
            squares += 4.0 * count * count
            largest = max(largest, 2 * count)
            present += 1
        else:
            squares += 2.0 * count * count
            largest = max(largest, count)
            present += 2
    total = 2 * pairs
    mean, variance, tendency, shade, prominence = _moments(marginal, sums, total)
    contrast, average, spread, inverses = _of_differences(differences, pairs, n_levels)
    # E[ij] from E[(i + j)^2] and E[(i - j)^2].
    covariance = (tendency - contrast) / 4
    correlation = covariance / (variance + EPS) if variance > 0 else 1.0
    joint = entropy_of(total, present, 2 * weighted + 2 * on_diagonal)
    imc1, imc2 = 0.0, 0.0
    if largest < total:
        imc1, imc2 = _information(marginal, cells, counts, shift, total, joint)
    idm, idmn, inverse, idn, inverse_variance = inverses
    return np.array(
        [
            *(covariance + mean * mean, prominence, shade, tendency, contrast, correlation),
            *(average, entropy(differences), spread, inverse, idm, idmn, idn, imc1, imc2, inverse_variance),
            *(mean, squares / total / total, joint, largest / total, entropy(sums), variance),
        ]
    )


@njit(cache=True)
def _moments(marginal, sums, total):
    """Mean and variance of i; second, third and fourth moment of i + j around its mean."""
    mean, variance = 0.0, 0.0
    for i in range(len(marginal)):
        mean += i * marginal[i]
    mean /= total
    for i in range(len(marginal)):
        variance += (i - mean) ** 2 * marginal[i]
    second, third, fourth = 0.0, 0.0, 0.0
    for k in range(len(sums)):
        d = k - 2 * mean
        weighted = sums[k] * d * d
        second += weighted
        third += weighted * d
        fourth += weighted * d * d
    pairs = total / 2
    return mean, variance / total, second / pairs, third / pairs, fourth / pairs


@njit(cache=True)
def _of_differences(differences, pairs, n_levels):
    """Mean square, mean and variance of |i - j|, and the five inverse features."""
    square, mean, spread = 0.0, 0.0, 0.0
    idm, idmn, inverse, idn, inverse_variance = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(len(differences)):
        if differences[k] > 0:
            p = differences[k] / pairs
            square += p * k * k
            mean += p * k
            inverse += p / (1 + k)
            idm += p / (1 + k * k)
            idn += p / (1 + k / n_levels)
            idmn += p / (1 + (k * k) / (n_levels * n_levels))
            if k > 0:
                inverse_variance += p / (k * k)
    for k in range(len(differences)):
        spread += differences[k] / pairs * (k - mean) ** 2
    return square, mean, spread, (idm, idmn, inverse, idn, inverse_variance)


@njit(cache=True)
def _information(marginal, cells, counts, shift, total, joint):
    """Informational measures of correlation 1 and 2."""
    inverse = np.zeros(len(marginal))
    present, weighted = 0, 0.0
    for i in range(len(marginal)):
        if marginal[i] > 0:
            inverse[i] = 1 / marginal[i]
            present += 1
            weighted += c_log_c(marginal[i])
    # What EPS adds to the logarithms of p(i) p(j): nearly nothing, but at rare levels.
    added = 0.0
    for k in range(len(cells)):
        low, high = cells[k] >> shift, cells[k] & np.uint32((1 << shift) - 1)
        added += 2 * counts[k] * inverse[low] * inverse[high]
    single = np.log2(total) - weighted / total
    hxy1 = 2 * single - added * total * EPS / LN2
    hxy2 = 2 * single - present * present * EPS / LN2
    hx = single - present * EPS / LN2
    # Of independent levels, rounding would decide.
    shared = hxy2 - joint if hxy2 - joint > _NOISE else np.nan
    return (joint - hxy1) / hx, np.sqrt(1 - np.exp(-2 * shared))
