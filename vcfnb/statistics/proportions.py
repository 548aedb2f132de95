"""Proportions with Wilson's confidence interval, also with several cases per patient."""

import numpy as np
from statsmodels.stats.proportion import proportion_confint

from vcfnb.statistics.bootstrap import patient_strata


def wilson(count, total, alpha=0.05, effect=1.0):
    """Proportion, low and high, NaN where there is nothing to count. Source: Wilson 1927, J Am Stat Assoc 22:209.

    With a design effect both counts are divided by it for the interval: the effective sample size.
    """
    count, total = np.asarray(count, float), np.asarray(total, float)
    total = np.where(total > 0, total, np.nan)
    share = count / total
    low, high = proportion_confint(count / effect, total / effect, alpha, method="wilson")
    # Never low > share or share > high, not even by a rounding error.
    return share, np.fmin(low, share), np.fmax(high, share)


def design_effect(hit, patients=None):
    """How many times larger the variance of a proportion is because patients have several cases; at least 1.

    The variance between patients over that of independent cases, p (1 - p) / (n - 1), so that it is 1 for one case per
    patient. Where one of the two is 0 or unknown, the largest possible one: as if a patient's cases were all alike.

    Source: Rao and Scott 1992, Biometrics 48:577.
    """
    hit, n = np.asarray(hit, float), len(hit)
    number, strata = patient_strata(hit, patients)
    if n == len(strata):
        return 1.0
    share, sizes = hit.mean(), np.bincount(number)
    between = ((np.bincount(number, hit) - sizes * share) ** 2).sum()
    if between == 0 or len(sizes) == 1:
        return float((sizes**2).sum() / n)
    clustered = len(sizes) / (len(sizes) - 1) * between / n**2
    return float(max(1.0, clustered / (share * (1 - share) / (n - 1))))
