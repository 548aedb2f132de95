"""Proportions with Wilson's confidence interval."""

import numpy as np
from statsmodels.stats.proportion import proportion_confint


def wilson(count, total, alpha=0.05):
    """Share, low and high, NaN where there is nothing to count. Source: Wilson 1927, J Am Stat Assoc 22:209."""
    count, total = np.asarray(count, float), np.asarray(total, float)
    total = np.where(total > 0, total, np.nan)
    share = count / total
    low, high = proportion_confint(count, total, alpha, method="wilson")
    # Never low > share or share > high, not even by a rounding error.
    return share, np.fmin(low, share), np.fmax(high, share)
