"""An interval of the AUC for small test sets, also with several vertebrae per patient."""

import numpy as np
from scipy import optimize, stats

from vcfnb.statistics import checks
from vcfnb.statistics.bootstrap import patient_strata
from vcfnb.statistics.roc import obuchowski, placements, variance_of_mean

_CLOSE = 1e-12


def auc_interval(y, score, patients=None, alpha=0.05):
    """Area under the ROC curve with Newcombe's interval (method 5), for any number of vertebrae per patient.

    DeLong's interval is too short where cases are few or the AUC is high, and has no width at an AUC of 1
    (docs/coverage.md). Here the variance is taken at the limits of the interval instead of at the estimate.

    Parameters
    ----------
    y : array_like of 0 and 1, shape (n,)
    score : array_like, shape (n,)
        Higher means more likely positive. Ties count half.
    patients : array_like, shape (n,), optional
        Cases of one patient are correlated: the variance is multiplied by the design effect. By default each case is
        a patient.
    alpha : float
        The interval is ``1 - alpha``, two-sided.

    Returns
    -------
    auc, low, high : float

    Raises
    ------
    VcfnbError
        As :func:`vcfnb.statistics.auc_ci`; a case without a patient.

    References
    ----------
    Newcombe 2006, Stat Med 25:559 (method 5); Hanley and McNeil 1982, Radiology 143:29 (the variance); Obuchowski
    1997, Biometrics 53:567 (clusters).

    Examples
    --------
    >>> [round(value, 3) for value in auc_interval([0, 0, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.7, 0.8, 0.9])]
    [1.0, 0.501, 1.0]
    """
    positive, score = checks.labels_and_scores(y, score)
    checks.between(alpha, "alpha")
    components = placements(positive, score)
    number, _ = patient_strata(positive, patients)
    width = stats.norm.ppf(1 - alpha / 2) ** 2 * design_effect(positive, number, *components)
    auc = float(components[0].mean())
    return auc, *limits(auc, *map(len, components), width)


def independent_difference(a, b):
    """Difference of two independent estimates, each given with its interval: difference, low, high.

    `a` and `b` are (estimate, low, high) of other patients. Each side of the interval is the root of the sum of squares
    of the two distances that could move the difference there.

    Source: Newcombe 1998, Stat Med 17:873 (method 10); Zou and Donner 2008, Stat Med 27:1693 (any estimates).
    """
    difference = a[0] - b[0]
    low, high = np.hypot(a[0] - a[1], b[2] - b[0]), np.hypot(a[2] - a[0], b[0] - b[1])
    return float(difference), float(difference - low), float(difference + high)


def limits(auc, n_positive, n_negative, width):
    """The AUCs whose squared distance from the estimate is `width` times their variance, below and above it."""

    def distance(area):
        return (area - auc) ** 2 - width * _hanley_mcneil(area, n_positive, n_negative)

    # At an AUC of 0 or 1 the estimate itself is a root; the other one is the limit.
    low = 0.0 if auc == 0 else optimize.brentq(distance, 0, min(auc, 1 - _CLOSE))
    high = 1.0 if auc == 1 else optimize.brentq(distance, max(auc, _CLOSE), 1)
    return low, high


def _hanley_mcneil(area, n_positive, n_negative):
    """Variance of an AUC with Newcombe's N* in place of both class sizes, which keeps it symmetric in the classes."""
    extra = (n_positive + n_negative) / 2 - 1
    spread = 1 + extra * (1 - area) / (2 - area) + extra * area / (1 + area)
    return area * (1 - area) * spread / (n_positive * n_negative)


def design_effect(positive, number, above, below):
    """How many times larger the AUC's variance is because patients have several cases: Obuchowski's over DeLong's.

    At least 1. Where one of the two is 0 or unknown, the largest possible one: as if a patient's cases were all alike.
    """
    if number.max() + 1 == len(number):
        return 1.0
    clustered, single = obuchowski(positive, number, above, below), variance_of_mean(above, below)
    if single > 0 and np.isfinite(clustered):
        return max(1.0, clustered / single)
    return max((np.bincount(number[group]) ** 2).sum() / group.sum() for group in (positive, ~positive))
