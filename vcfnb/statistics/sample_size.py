"""How many test cases an AUC needs, and what a given number of cases can show."""

import math
from bisect import bisect_left

import numpy as np
import pandas as pd
from scipy.stats import norm

from vcfnb.errors import VcfnbError
from vcfnb.statistics import checks


def auc_standard_error(auc, n_positive, n_negative):
    """Standard error expected for an AUC, of (arrays of) counts that need not be whole.

    Source: Hanley and McNeil 1982, Radiology 143:29, equations 1 and 2.
    """
    checks.between(auc, "auc")
    n_positive, n_negative = np.asarray(n_positive, float), np.asarray(n_negative, float)
    if not ((n_positive >= 1).all() and (n_negative >= 1).all()):
        raise VcfnbError("fewer than one case in a class: an AUC needs both", code="one-class")
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (auc * (1 - auc) + (n_positive - 1) * (q1 - auc**2) + (n_negative - 1) * (q2 - auc**2)) / (
        n_positive * n_negative
    )
    return np.sqrt(variance)[()]


def auc_power(auc, n_positive, n_negative, alpha=0.05, null=0.5):
    """Probability that a two-sided test tells an AUC from a null value: chance, or another model's fixed AUC.

    Power of the normal approximation, with the standard errors of both hypotheses. Source: Hanley and McNeil 1982,
    Radiology 143:29; Obuchowski 1998, Stat Methods Med Res 7:371.
    """
    checks.between(alpha, "alpha")
    expected = auc_standard_error(auc, n_positive, n_negative)
    under_null = auc_standard_error(null, n_positive, n_negative)
    reach = norm.ppf(1 - alpha / 2) * under_null
    return norm.sf((reach - (auc - null)) / expected) + norm.cdf((-reach - (auc - null)) / expected)


def auc_width_by_size(auc, positive_share, sizes, alpha=0.05):
    """Expected width of the AUC's confidence interval for test sets of several sizes.

    n, n_positive, n_negative (expected, not whole), standard_error, width (not cut at 0 and 1). Sizes that give less
    than one expected case in a class are left out. Source: Hanley and McNeil 1982, Radiology 143:29.
    """
    checks.between(positive_share, "proportion of positive cases")
    checks.between(alpha, "alpha")
    n = np.asarray(list(sizes), dtype=int)
    n = n[n * min(positive_share, 1 - positive_share) >= 1]
    table = pd.DataFrame({"n": n, "n_positive": n * positive_share, "n_negative": n * (1 - positive_share)})
    error = auc_standard_error(auc, table["n_positive"], table["n_negative"])
    return table.assign(standard_error=error, width=2 * norm.ppf(1 - alpha / 2) * error)


def auc_sample_size(auc, positive_share, width=None, power=None, null=0.5, alpha=0.05):
    """Smallest test set (cases of both classes, at least one expected in each) that meets an aim.

    The aim is either `width`, the largest full width of the ``1 - alpha`` interval, or `power` against a null value
    (:func:`auc_power`). Source: Hanley and McNeil 1982, Radiology 143:29; Obuchowski 1998, Stat Methods Med Res 7:371.
    """
    if (width is None) == (power is None):
        raise VcfnbError("give either the width of the interval or the power, not both", code="options-conflict")
    for value, name in (
        (auc, "auc"),
        (positive_share, "proportion of positive cases"),
        (alpha, "alpha"),
        (null, "null"),
    ):
        checks.between(value, name)
    checks.between(power if width is None else width, "power" if width is None else "width")
    if power is not None and auc == null:
        raise VcfnbError(f"auc and null are both {auc}: no number of cases tells them apart", code="options-conflict")

    def enough(n):
        counts = n * positive_share, n * (1 - positive_share)
        if width is None:
            return auc_power(auc, *counts, alpha=alpha, null=null) >= power
        return 2 * norm.ppf(1 - alpha / 2) * auc_standard_error(auc, *counts) <= width

    sizes = range(math.ceil(1 / min(positive_share, 1 - positive_share)), 10_000_001)
    at = bisect_left(sizes, True, key=enough)
    if at == len(sizes):
        raise VcfnbError(
            "more than 10 million cases would be needed: ask for a wider interval or less power",
            code="sample-too-large",
        )
    return sizes[at]
