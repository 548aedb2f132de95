"""Matrices of grey level and size: run lengths (GLRLM), zones (GLSZM), dependence (GLDM); and the NGTDM beside them.

Definitions: PyRadiomics 3 (https://pyradiomics.readthedocs.io/en/latest/features.html), distance 1, 26 neighbours,
alpha 0. The GLRLM is averaged over the directions in which a line meets the ROI twice.

All functions take the grey levels as a volume of a :class:`vcfnb.radiomics.roi.Roi`: 0 outside, 1 to n_levels inside.
"""

from functools import cache

import numpy as np
from numba import njit

from vcfnb.radiomics.firstorder import c_log_c, entropy_of
from vcfnb.radiomics.roi import STEPS

# Zones smaller than this are counted in a table, the few others sorted.
_SMALL_ZONE = 32
# Voxels that are compared with all their neighbours before the next ones: what is in use stays in the nearest cache.
_CHUNK = 1024


def glrlm_glszm_gldm_ngtdm(levels, roi, n_levels):
    """16 features of the run-length, size-zone and dependence matrices each (14 are PyRadiomics' GLDM), 5 of the NGTDM.

    The order of the 16 is that of :func:`_features`.
    """
    n_equal, total, earlier = (np.zeros(roi.size, dtype=np.uint32) for _ in range(3))
    _compare_with_neighbours(levels, roi.offsets, n_equal, total, earlier)
    links, first = _links()
    zones = _zones(levels, roi.voxels, roi.offsets, earlier, links, first, n_levels)
    dependence, number, difference = _by_level(levels, roi.voxels, n_equal, total, roi.n_around, n_levels)
    runs = _run_lengths(levels, roi, earlier, first, number.astype(np.int32))
    return runs, _features(*zones), _features(*_cells(dependence)), _ngtdm(number, difference)


def _run_lengths(levels, roi, earlier, first, by_level):
    """Features of the run-length matrix; `by_level` is the number of voxels of each level."""
    pairs, n_pairs = _equal_pairs(roi.voxels, earlier, first)
    counted = np.zeros((len(by_level), roi.longest + 2), dtype=np.int32)
    length = np.zeros(roi.size, dtype=np.uint32)
    total = np.zeros(16)
    for number in np.flatnonzero(roi.lined):
        counted[:, 1] = by_level
        _count_runs(levels, pairs[number, : n_pairs[number]], roi.offsets[number], length, counted)
        total += _features(*_runs(counted))
    n_directions = np.count_nonzero(roi.lined)
    return total / n_directions if n_directions else np.full(16, np.nan)


@njit(cache=True)
def _equal_pairs(voxels, earlier, first):
    """Of each direction the voxels whose neighbour before them has their level, and how many they are."""
    pairs, n_pairs = np.empty((len(STEPS), len(voxels)), dtype=np.uint32), np.zeros(len(STEPS), dtype=np.uint64)
    for v in voxels:
        bits = earlier[v]
        while bits:
            number = first[bits]
            bits &= bits - np.uint32(1)
            pairs[number, n_pairs[number]] = v
            n_pairs[number] += np.uint64(1)
    return pairs, n_pairs


@njit(cache=True)
def _count_runs(levels, pairs, offset, length, counted):
    """Move every voxel that continues a run from length 1 in `counted` to its place in the run.

    So `counted`, at first all voxels at length 1, gets the number of runs of at least each length. `length` is cleared.
    """
    for v in pairs:
        n = length[v - offset] + np.uint32(1)
        length[v] = n
        counted[levels[v], 1] -= 1
        counted[levels[v], n + np.uint32(1)] += 1
    for v in pairs:
        length[v] = 0


@njit(cache=True)
def _runs(counted):
    """Count, level and length of runs from the numbers of runs of at least each length, which are cleared."""
    n = np.count_nonzero(counted)
    counts, levels, lengths = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    n = 0
    for level in range(len(counted)):
        length = 1
        while counted[level, length]:
            count = counted[level, length] - counted[level, length + 1]
            counted[level, length] = 0
            if count:
                counts[n], levels[n], lengths[n] = count, level, length
                n += 1
            length += 1
    return counts[:n], levels[:n], lengths[:n]


@njit(cache=True)
def _compare_with_neighbours(levels, offsets, n_equal, total, earlier):
    """Of every voxel: equal neighbours, sum of all neighbours, and which of the 13 earlier ones are equal (bits)."""
    margin = offsets[-1]
    for start in range(margin, len(levels) - margin, _CHUNK):
        stop = min(start + _CHUNK, len(levels) - margin)
        for number, offset in enumerate(offsets):
            here, before = levels[start:stop], levels[start - offset : stop - offset]
            after = levels[start + offset : stop + offset]
            _compare(
                here, before, after, np.uint32(1 << number), n_equal[start:stop], total[start:stop], earlier[start:stop]
            )


@njit(cache=True)
def _compare(here, before, after, bit, n_equal, total, earlier):
    for k in range(len(here)):
        same = np.uint32(here[k] == before[k])
        n_equal[k] += same + np.uint32(here[k] == after[k])
        total[k] += before[k] + after[k]
        earlier[k] += bit * same


@cache
def _links():
    """For every set of equal earlier neighbours (bits), those to join a voxel with; and the first of every set.

    Two neighbours that touch each other are joined already, so one of them is enough.
    """
    # A neighbour across a face touches most others.
    order = np.argsort(np.abs(STEPS).sum(axis=1), kind="stable")
    touches = np.abs(STEPS[:, None] - STEPS[None]).max(axis=2) <= 1
    links = np.zeros(1 << len(STEPS), dtype=np.uint32)
    first = np.zeros(1 << len(STEPS), dtype=np.uint32)
    for bits in range(1, len(links)):
        first[bits] = (bits & -bits).bit_length() - 1
        waiting = [number for number in order if bits >> number & 1]
        while waiting:
            links[bits] |= 1 << waiting[0]
            waiting = [number for number in waiting if not touches[waiting[0], number]]
    return links, first


@njit(cache=True)
def _root(parent, v):
    while parent[v] != v:
        v = parent[v]
    return v


@njit(cache=True)
def _zones(levels, voxels, offsets, earlier, links, first, n_levels):
    """Count, level and size of zones, voxels of one level that hang together.

    Every voxel has a parent in its zone; the first voxel of a zone is its own (union-find).
    """
    parent = np.empty(len(levels), dtype=np.uint32)
    for v in voxels:
        root = np.uint32(v)
        bits = links[earlier[v]]
        while bits:
            other = _root(parent, np.uint32(v - offsets[first[bits]]))
            bits &= bits - np.uint32(1)
            parent[max(root, other)] = min(root, other)
            root = min(root, other)
        parent[v] = root
    sizes = np.zeros(len(levels), dtype=np.int32)
    for v in voxels:
        parent[v] = parent[parent[v]]
        sizes[parent[v]] += 1
    small = np.zeros((n_levels + 1, _SMALL_ZONE), dtype=np.int32)
    # One number for level and size, so that equal zones lie together after sorting.
    base = len(voxels) + 1
    large = np.empty(len(voxels) // _SMALL_ZONE + 1, dtype=np.int64)
    n_large = 0
    for v in voxels:
        if parent[v] == v:
            if sizes[v] < _SMALL_ZONE:
                small[levels[v], sizes[v]] += 1
            else:
                large[n_large] = levels[v] * base + sizes[v]
                n_large += 1
    counts, zone_levels, zone_sizes = _cells(small)
    large = np.sort(large[:n_large])
    new = np.append(True, large[1:] != large[:-1])[: len(large)]
    places = np.flatnonzero(new)
    large_counts = np.append(places[1:], n_large)[: len(places)] - places
    return (
        np.append(counts, large_counts),
        np.append(zone_levels, large[places] // base),
        np.append(zone_sizes, large[places] % base),
    )


@njit(cache=True)
def _cells(table):
    """Count, level and size of the cells of a table that are not empty."""
    n = np.count_nonzero(table)
    counts, levels, sizes = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    n = 0
    for level in range(table.shape[0]):
        for size in range(table.shape[1]):
            if table[level, size]:
                counts[n], levels[n], sizes[n] = table[level, size], level, size
                n += 1
    return counts, levels, sizes


@njit(cache=True)
def _by_level(levels, voxels, n_equal, total, n_around, n_levels):
    """Voxels by level and dependence; voxels, and summed distance to the mean of their neighbours, by level."""
    dependence = np.zeros((n_levels + 1, 28), dtype=np.int32)
    number = np.zeros(n_levels + 1)
    difference = np.zeros(n_levels + 1)
    for v in voxels:
        level = levels[v]
        dependence[level, n_equal[v] + np.uint32(1)] += 1
        number[level] += 1
        if n_around[v]:
            difference[level] += abs(level - total[v] / n_around[v])
    return dependence, number, difference


@njit(cache=True)
def _ngtdm(number, difference):
    """Coarseness, contrast, busyness, complexity and strength of the neighbouring grey tone difference matrix."""
    present = np.flatnonzero(number)
    n = len(present)
    voxels = number.sum()
    p = number[present] / voxels
    s = difference[present]
    product = (p * s).sum()
    contrast, busy, complexity, strength = 0.0, 0.0, 0.0, 0.0
    for a in range(n):
        for b in range(a):
            distance = float(present[a] - present[b])
            contrast += p[a] * p[b] * distance * distance
            busy += abs(present[a] * p[a] - present[b] * p[b])
            complexity += distance * (p[a] * s[a] + p[b] * s[b]) / (p[a] + p[b])
            strength += (p[a] + p[b]) * distance * distance
    # Pairs of levels count in both orders.
    contrast = 2 * contrast * s.sum() / voxels / (n * (n - 1)) if n > 1 else 0.0
    return np.array(
        [
            1 / product if product != 0 else 1e6,
            contrast,
            product / (2 * busy) if busy != 0 else 0.0,
            2 * complexity / voxels,
            2 * strength / s.sum() if s.sum() != 0 else 0.0,
        ]
    )


@njit(cache=True)
def _features(counts, levels, sizes):
    """16 features of a matrix of grey level and size, from its cells that are not empty.

    Small and large size emphasis, level non-uniformity (and normalised), size non-uniformity (and normalised), level
    and size variance, entropy, percentage, low and high level emphasis, and the four joint emphases: small low, small
    high, large low, large high.
    """
    by_level, by_size = np.zeros(levels.max() + 1), np.zeros(sizes.max() + 1)
    small_by_level, large_by_level = np.zeros(len(by_level)), np.zeros(len(by_level))
    total, weighted = 0, 0.0
    for k in range(len(counts)):
        count, size = counts[k], float(sizes[k])
        total += count
        weighted += c_log_c(count)
        by_level[levels[k]] += count
        by_size[sizes[k]] += count
        small_by_level[levels[k]] += count / (size * size)
        large_by_level[levels[k]] += count * (size * size)
    low, high, small_low, small_high, large_low, large_high = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(1, len(by_level)):
        square = float(i * i)
        low += by_level[i] / square
        high += by_level[i] * square
        small_low += small_by_level[i] / square
        small_high += small_by_level[i] * square
        large_low += large_by_level[i] / square
        large_high += large_by_level[i] * square
    level_square, level_variance, _ = _spread(by_level, total)
    size_square, size_variance, voxels = _spread(by_size, total)
    return np.array(
        [
            *(small_by_level.sum() / total, large_by_level.sum() / total),
            *(level_square / total, level_square / total / total, size_square / total, size_square / total / total),
            *(level_variance, size_variance, entropy_of(total, len(counts), weighted), total / voxels),
            *(low / total, high / total, small_low / total, small_high / total, large_low / total, large_high / total),
        ]
    )


@njit(cache=True)
def _spread(counts, total):
    """Sum of squares of counts; variance and sum of what is counted."""
    square, weighted, variance = 0.0, 0.0, 0.0
    for k in range(len(counts)):
        square += counts[k] * counts[k]
        weighted += k * counts[k]
    mean = weighted / total
    for k in range(len(counts)):
        variance += counts[k] * (k - mean) ** 2
    return square, variance / total, weighted
