"""Entropies from counts."""

import numpy as np
from numba import njit

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
