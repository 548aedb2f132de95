"""Proportions with Wilson's confidence interval."""

import numpy as np
from statsmodels.stats.proportion import proportion_confint


def wilson(count, total, alpha=0.05):
    """Proportion and its Wilson interval, NaN where there is nothing to count.

    Parameters
    ----------
    count, total : int or array_like of int
        0 <= count <= total.
    alpha : float
        The interval is ``1 - alpha``.

    Returns
    -------
    share, low, high : numpy.ndarray
        Never low > share or share > high, not even by a rounding error.

    References
    ----------
    Wilson 1927, J Am Stat Assoc 22:209.
    """
    count, total = np.asarray(count, float), np.asarray(total, float)
    total = np.where(total > 0, total, np.nan)
    share = count / total
    low, high = proportion_confint(count, total, alpha, method="wilson")
    return share, np.fmin(low, share), np.fmax(high, share)
