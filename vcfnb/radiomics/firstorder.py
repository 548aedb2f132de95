"""Grey levels, entropies of counts, first-order features of the values in an ROI (definitions: PyRadiomics 3)."""

import numpy as np
from numba import njit

# Parts of the range of values, to find percentiles without sorting them all.
_PARTS = 2048
# What PyRadiomics adds to a probability before its logarithm.
EPS = np.spacing(1.0)
LN2 = np.log(2.0)
# c log2(c) of small counts.
C_LOG_C = np.arange(4096) * np.log2(np.maximum(np.arange(4096), 1))


@njit(cache=True, inline="always")
def c_log_c(count, table=C_LOG_C):
    """c log2(c) of a count."""
    return table[count] if count < len(table) else count * np.log2(count)


@njit(cache=True)
def entropy(counts):
    """-sum p log2(p + EPS) of the probabilities that counts stand for."""
    total, present, weighted = 0, 0, 0.0
    for count in counts:
        if count > 0:
            total += count
            present += 1
            weighted += c_log_c(count)
    return entropy_of(total, present, weighted)


@njit(cache=True)
def entropy_of(total, present, weighted):
    """The same from the sum of counts, the number of those above 0, and the sum of c log2(c)."""
    if present == 1:
        return -np.log2(1 + EPS)
    # log2(p + EPS) = log2(p) + EPS / (p ln 2): small, but PyRadiomics adds it.
    return np.log2(total) - weighted / total - present * EPS / LN2


def discretise(values, bin_width, bin_count=None, first=None):
    """Grey levels, from 1: of fixed width, or of a fixed number.

    The edges of a fixed width lie at its multiples (PyRadiomics), or at `first` plus its multiples (IBSI, section 2.7).
    """
    if bin_count is not None:
        edges = np.histogram(values, bin_count)[1]
        edges[-1] += 1
        return np.digitize(values, edges)
    low, high = values.min(), values.max()
    edges = np.arange(low - (low % bin_width) if first is None else first, high + 2 * bin_width, bin_width)
    return _levels(values, edges, bin_width)


@njit(cache=True)
def _levels(values, edges, bin_width):
    """numpy.digitize without its search: one division, put right where rounding crossed an edge."""
    levels = np.empty(len(values), dtype=np.int64)
    last = len(edges) - 2
    for k in range(len(values)):
        value = values[k]
        level = min(max(int((value - edges[0]) / bin_width), 0), last)
        while value < edges[level]:
            level -= 1
        while value >= edges[level + 1]:
            level += 1
        levels[k] = level + 1
    return levels


def firstorder(values, levels, voxel_volume, normal_kurtosis=0):
    """18 features in the order of settings.CLASSES, of float64 values and their grey levels; the volume in mm3.

    The kurtosis is that above `normal_kurtosis`.
    """
    n = len(values)
    low, high = values.min(), values.max()
    p10, p25, p50, p75, p90 = _percentiles(values, low, high, np.array([0.1, 0.25, 0.5, 0.75, 0.9]))
    total, energy = _sums(values)
    mean = total / n
    absolute, second, third, fourth = _moments(values, mean) / n
    # In NumPy's order of summation: where most values are equal, it decides.
    robust = values[(values >= p10) & (values <= p90)]
    counts = np.bincount(levels)
    p = counts / n
    return np.array(
        [
            *(
                p10,
                p90,
                energy,
                entropy(counts),
                p75 - p25,
                0.0 if second == 0 else fourth / second**2 - normal_kurtosis,
                high,
            ),
            *(absolute, mean, p50, low, high - low, np.abs(robust - robust.mean()).mean(), np.sqrt(energy / n)),
            *(0.0 if second == 0 else third / second**1.5, energy * voxel_volume, np.sum(p * p), second),
        ]
    )


# Sums may be taken in any order: several values at once.
@njit(cache=True, fastmath={"reassoc", "contract"})
def _sums(values):
    total, energy = 0.0, 0.0
    for value in values:
        total += value
        energy += value * value
    return total, energy


@njit(cache=True, fastmath={"reassoc", "contract"})
def _moments(values, mean):
    """Sums of absolute, squared, cubed and fourth powers of deviations."""
    absolute, second, third, fourth = 0.0, 0.0, 0.0, 0.0
    for value in values:
        d = value - mean
        square = d * d
        absolute += abs(d)
        second += square
        third += square * d
        fourth += square * square
    return np.array([absolute, second, third, fourth])


@njit(cache=True)
def _percentiles(values, low, high, fractions):
    """Percentiles as numpy.percentile gives them: only the parts of the range that they lie in are sorted."""
    scale = (_PARTS - 1) / (high - low) if high > low else 0.0
    part = np.empty(len(values), dtype=np.uint32)
    first = np.zeros(_PARTS + 1, dtype=np.int64)
    for k in range(len(values)):
        part[k] = np.uint32((values[k] - low) * scale)
        first[part[k] + np.uint32(1)] += 1
    first = np.cumsum(first)
    end = first[:-1].astype(np.uint64)
    ordered = np.empty(len(values))
    for k in range(len(values)):
        ordered[end[part[k]]] = values[k]
        end[part[k]] += np.uint64(1)
    is_sorted = np.zeros(_PARTS, dtype=np.bool_)
    found = np.empty(len(fractions))
    for number, fraction in enumerate(fractions):
        place = (len(values) - 1) * fraction
        before = int(place)
        pair = np.empty(2)
        for side in range(2):
            rank = min(before + side, len(values) - 1)
            index = np.searchsorted(first, rank, side="right") - 1
            if not is_sorted[index]:
                ordered[first[index] : first[index + 1]].sort()
                is_sorted[index] = True
            pair[side] = ordered[rank]
        # As numpy does it, from the nearer side.
        t, step = place - before, pair[1] - pair[0]
        found[number] = pair[0] + step * t if t < 0.5 else pair[1] - step * (1 - t)
    return found
