"""Texture features of one discretised ROI: GLCM, GLRLM, GLSZM, GLDM, NGTDM.

All functions take the grey levels as a volume with a border of zeros (0: outside the ROI; 1 to n_levels: inside),
raveled, with the flat index of every ROI voxel, so that a neighbour is one addition away. Matrices are never stored:
their cells are counted in a scratch table, visited once, and cleared.

Definitions: PyRadiomics 3 (https://pyradiomics.readthedocs.io/en/latest/features.html), distance 1, 26 neighbours,
no weighting, alpha 0. Values are averaged over angles in which the ROI has at least one pair (GLCM) or line (GLRLM).
"""

import numpy as np
from numba import njit

# What PyRadiomics adds to a probability before its logarithm.
EPS = np.spacing(1.0)
LN2 = np.log(2.0)
# Base-2 logarithms of counts.
LOGS = np.log2(np.maximum(np.arange(4096), 1))


def neighbours(shape):
    """Flat offsets of the 13 directions of a volume (z, y, x); the other 13 are their opposites."""
    steps = [(z, y, x) for z in (0, 1) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    steps = [step for step in steps if step > (0, 0, 0)]
    return np.array([(z * shape[1] + y) * shape[2] + x for z, y, x in steps], dtype=np.int64)


@njit(cache=True)
def glcm(levels, voxels, offsets, n_levels, used, logs=LOGS):
    """22 features of the symmetric grey-level co-occurrence matrix (order of settings.CLASSES).

    Parameters
    ----------
    levels : array of int32, raveled volume
    voxels : array of int64
        Flat indices of the ROI.
    offsets : array of int64, shape (13,)
    n_levels : int
        Largest level.
    used : int
        Number of different levels.
    """
    size = n_levels + 1
    table = np.zeros((size, size), dtype=np.int32)
    marginal = np.zeros(size)
    sums = np.zeros(2 * size)
    differences = np.zeros(size)
    features = np.zeros(22)
    n_angles = 0
    for offset in offsets:
        marginal[:] = 0
        sums[:] = 0
        differences[:] = 0
        pairs = 0
        for v in voxels:
            j = levels[v + offset]
            if j:
                i = levels[v]
                pairs += 1
                marginal[i] += 1
                marginal[j] += 1
                sums[i + j] += 1
                differences[abs(i - j)] += 1
                if i > j:
                    i, j = j, i
                table[i, j] += 1
        if pairs == 0:
            continue
        n_angles += 1
        total = 2.0 * pairs
        mean, square, hx = 0.0, 0.0, 0.0
        for i in range(1, size):
            p = marginal[i] / total
            if p > 0:
                mean += i * p
                square += i * i * p
                hx -= p * np.log2(p + EPS)
            marginal[i] = p
        variance = 0.0
        for i in range(1, size):
            variance += (i - mean) ** 2 * marginal[i]
        auto, covariance, energy, hxy, largest, tail, cells = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0
        log_total = np.log2(total)
        for v in voxels:
            j = levels[v + offset]
            if j == 0:
                continue
            i = levels[v]
            if i > j:
                i, j = j, i
            count = table[i, j]
            if count == 0:
                continue
            table[i, j] = 0
            # Off the diagonal the symmetric matrix has two cells of this size, on it one of twice the size.
            times = 2 if i != j else 1
            p = count / total if i != j else 2 * count / total
            auto += times * p * i * j
            covariance += times * p * (i - mean) * (j - mean)
            energy += times * p * p
            # p log2(p) from whole numbers: p is a count by the total.
            whole = count if i != j else 2 * count
            hxy -= times * p * ((logs[whole] if whole < len(logs) else np.log2(whole)) - log_total)
            cells += times
            if p > largest:
                largest = p
            rest = EPS / (marginal[i] * marginal[j])
            tail += times * p * (rest - 0.5 * rest * rest)
        prominence, shade, tendency, sum_entropy = 0.0, 0.0, 0.0, 0.0
        for k in range(2, 2 * size):
            if sums[k] > 0:
                p = sums[k] / pairs
                d = k - 2 * mean
                tendency += p * d * d
                shade += p * d * d * d
                prominence += p * d * d * d * d
                sum_entropy -= p * np.log2(p + EPS)
        contrast, average, difference_entropy = 0.0, 0.0, 0.0
        idm, idmn, inverse, idn, inverse_variance = 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(size):
            if differences[k] > 0:
                p = differences[k] / pairs
                contrast += p * k * k
                average += p * k
                difference_entropy -= p * np.log2(p + EPS)
                inverse += p / (1 + k)
                idm += p / (1 + k * k)
                idn += p / (1 + k / n_levels)
                idmn += p / (1 + (k * k) / (n_levels * n_levels))
                if k > 0:
                    inverse_variance += p / (k * k)
        spread = 0.0
        for k in range(size):
            if differences[k] > 0:
                spread += differences[k] / pairs * (k - average) ** 2
        # log2(p + eps) = log2(p) + eps / (p ln 2): small, but PyRadiomics adds it; for px py it matters at rare levels.
        hxy -= cells * EPS / LN2
        hxy1 = 2 * _plain_entropy(marginal) - tail / LN2
        hxy2 = 2 * _plain_entropy(marginal) - used * used * EPS / LN2
        correlation = covariance / (variance + EPS) if variance > 0 else 1.0
        imc1 = 0.0 if largest == 1 else (hxy - hxy1) / hx
        imc2 = 0.0 if largest == 1 else np.sqrt(1 - np.exp(-2 * (hxy2 - hxy)))
        values = (
            *(auto, prominence, shade, tendency, contrast, correlation, average, difference_entropy, spread),
            *(inverse, idm, idmn, idn, imc1, imc2, inverse_variance, mean, energy, hxy, largest, sum_entropy, variance),
        )
        for k in range(22):
            features[k] += values[k]
    return features / n_angles if n_angles else np.full(22, np.nan)


@njit(cache=True)
def _plain_entropy(p):
    entropy = 0.0
    for value in p:
        if value > 0:
            entropy -= value * np.log2(value)
    return entropy


@njit(cache=True)
def _sizes(counts, levels, sizes):
    """16 features of a matrix of grey level and size (run length, zone size, dependence), from its cells.

    Parameters
    ----------
    counts, levels, sizes : arrays
        One entry a cell that is not empty.

    Returns
    -------
    array, shape (16,)
        Small and large size emphasis, level non-uniformity (and normalised), size non-uniformity (and normalised),
        level and size variance, entropy, percentage, low and high level emphasis, and the four joint emphases:
        small low, small high, large low, large high.
    """
    by_level = np.zeros(levels.max() + 1)
    total, voxels = 0.0, 0.0
    small, large, low, high = 0.0, 0.0, 0.0, 0.0
    small_low, small_high, large_low, large_high = 0.0, 0.0, 0.0, 0.0
    mean_level, mean_size = 0.0, 0.0
    by_size = np.zeros(sizes.max() + 1)
    for k in range(len(counts)):
        count, i, j = float(counts[k]), float(levels[k]), float(sizes[k])
        total += count
        voxels += count * j
        by_level[levels[k]] += count
        by_size[sizes[k]] += count
        ii, jj = i * i, j * j
        small += count / jj
        large += count * jj
        low += count / ii
        high += count * ii
        small_low += count / (ii * jj)
        small_high += count * ii / jj
        large_low += count * jj / ii
        large_high += count * ii * jj
        mean_level += count * i
        mean_size += count * j
    mean_level /= total
    mean_size /= total
    level_square, size_square = 0.0, 0.0
    for value in by_level:
        level_square += value * value
    for value in by_size:
        size_square += value * value
    level_variance, size_variance, entropy = 0.0, 0.0, 0.0
    for k in range(len(counts)):
        p = counts[k] / total
        level_variance += p * (levels[k] - mean_level) ** 2
        size_variance += p * (sizes[k] - mean_size) ** 2
        entropy -= p * np.log2(p + EPS)
    result = np.array(
        [
            *(small / total, large / total, level_square / total, level_square / total**2),
            *(size_square / total, size_square / total**2, level_variance, size_variance, entropy, total / voxels),
            *(low / total, high / total, small_low / total, small_high / total, large_low / total, large_high / total),
        ]
    )
    return result


@njit(cache=True)
def _cells(table, levels, sizes, n):
    """Collect the counted cells among the n listed (level, size) pairs, clearing the table."""
    counts = np.empty(n, dtype=np.int64)
    cell_levels = np.empty(n, dtype=np.int64)
    cell_sizes = np.empty(n, dtype=np.int64)
    found = 0
    for k in range(n):
        count = table[levels[k], sizes[k]]
        if count:
            counts[found], cell_levels[found], cell_sizes[found] = count, levels[k], sizes[k]
            table[levels[k], sizes[k]] = 0
            found += 1
    return counts[:found], cell_levels[:found], cell_sizes[:found]


@njit(cache=True)
def glrlm(levels, voxels, offsets, n_levels, longest):
    """16 features of the grey-level run-length matrix; `longest` is the largest edge of the volume."""
    table = np.zeros((n_levels + 1, longest + 1), dtype=np.int32)
    run_levels = np.empty(len(voxels), dtype=np.int64)
    run_lengths = np.empty(len(voxels), dtype=np.int64)
    features = np.zeros(16)
    n_angles = 0
    for offset in offsets:
        n = 0
        joined = False
        for v in voxels:
            level = levels[v]
            before = levels[v - offset]
            if before:
                joined = True
            if before == level:
                continue
            length = 1
            step = v + offset
            while levels[step] == level:
                length += 1
                step += offset
            run_levels[n], run_lengths[n] = level, length
            table[level, length] += 1
            n += 1
        counts, cell_levels, cell_sizes = _cells(table, run_levels, run_lengths, n)
        # An angle in which no line meets the ROI twice is left out.
        if joined or _line_meets_twice(levels, voxels, offset, longest):
            features += _sizes(counts, cell_levels, cell_sizes)
            n_angles += 1
    return features / n_angles if n_angles else np.full(16, np.nan)


@njit(cache=True)
def _line_meets_twice(levels, voxels, offset, longest):
    inside = np.zeros(len(levels), dtype=np.bool_)
    for v in voxels:
        inside[v] = True
    for v in voxels:
        step = v
        for _ in range(longest):
            step += offset
            if step < 0 or step >= len(levels) or levels[step] < 0:
                break
            if inside[step]:
                return True
    return False


@njit(cache=True)
def glszm(levels, voxels, offsets, n_levels):
    """16 features of the grey-level size-zone matrix (26 neighbours)."""
    n = len(voxels)
    seen = np.zeros(len(levels), dtype=np.bool_)
    stack = np.empty(n, dtype=np.int64)
    zone_levels = np.empty(n, dtype=np.int64)
    zone_sizes = np.empty(n, dtype=np.int64)
    zones = 0
    for start in voxels:
        if seen[start]:
            continue
        level = levels[start]
        seen[start] = True
        stack[0] = start
        waiting, size = 1, 0
        while waiting:
            waiting -= 1
            v = stack[waiting]
            size += 1
            for offset in offsets:
                for other in (v + offset, v - offset):
                    if levels[other] == level and not seen[other]:
                        seen[other] = True
                        stack[waiting] = other
                        waiting += 1
        zone_levels[zones], zone_sizes[zones] = level, size
        zones += 1
    # Equal zones are brought together by sorting: sizes can be as large as the ROI.
    keys = np.sort(zone_levels[:zones] * (n + 1) + zone_sizes[:zones])
    counts = np.empty(zones, dtype=np.int64)
    cells = 0
    for k in range(zones):
        if k and keys[k] == keys[k - 1]:
            counts[cells - 1] += 1
            continue
        keys[cells] = keys[k]
        counts[cells] = 1
        cells += 1
    keys = keys[:cells]
    return _sizes(counts[:cells], keys // (n + 1), keys % (n + 1))


@njit(cache=True)
def gldm_and_ngtdm(levels, voxels, offsets, n_levels):
    """16 features of the grey-level dependence matrix (14 are PyRadiomics') and 5 of the NGTDM, in one walk."""
    table = np.zeros((n_levels + 1, 28), dtype=np.int32)
    dependence = np.empty(len(voxels), dtype=np.int64)
    own = np.empty(len(voxels), dtype=np.int64)
    number = np.zeros(n_levels + 1)
    difference = np.zeros(n_levels + 1)
    for k in range(len(voxels)):
        v = voxels[k]
        level = levels[v]
        same, around, total = 1, 0, 0
        for offset in offsets:
            for other in (levels[v + offset], levels[v - offset]):
                if other:
                    around += 1
                    total += other
                    if other == level:
                        same += 1
        own[k], dependence[k] = level, same
        table[level, same] += 1
        number[level] += 1
        if around:
            difference[level] += abs(level - total / around)
    counts, cell_levels, cell_sizes = _cells(table, own, dependence, len(voxels))
    return _sizes(counts, cell_levels, cell_sizes), _ngtdm(number, difference)


@njit(cache=True)
def _ngtdm(number, difference):
    present = np.flatnonzero(number)
    n = len(present)
    voxels = number.sum()
    p = number[present] / voxels
    s = difference[present]
    product = (p * s).sum()
    contrast, busy, complexity, strength = 0.0, 0.0, 0.0, 0.0
    for a in range(n):
        for b in range(n):
            distance = float(present[a] - present[b])
            contrast += p[a] * p[b] * distance * distance
            busy += abs(present[a] * p[a] - present[b] * p[b])
            complexity += abs(distance) * (p[a] * s[a] + p[b] * s[b]) / (p[a] + p[b])
            strength += (p[a] + p[b]) * distance * distance
    contrast *= s.sum() / voxels
    if n > 1:
        contrast /= n * (n - 1)
    else:
        contrast = 0.0
    return np.array(
        [
            1 / product if product != 0 else 1e6,
            contrast,
            product / busy if busy != 0 else 0.0,
            complexity / voxels,
            strength / s.sum() if s.sum() != 0 else 0.0,
        ]
    )
