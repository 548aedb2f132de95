"""How many cases a model needs, to be developed and to be tested, and what a given number of cases can show."""

import math
from bisect import bisect_left

import numpy as np
import pandas as pd
from scipy.special import expit, logit, xlog1py, xlogy
from scipy.stats import norm

from vcfnb.errors import VcfnbError
from vcfnb.statistics import checks

_Z = 1.96  # as Riley et al. round it


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


def _linear_predictor(auc, positive_share):
    """Log odds and weights of a calibrated model whose log odds are normal, with one variance, in either class."""
    checks.between(auc, "auc")
    checks.between(positive_share, "proportion of positive cases")
    shift = math.sqrt(2) * norm.ppf(auc)
    node, weight = np.polynomial.hermite_e.hermegauss(100)
    in_class = [logit(positive_share) + shift * (node + side * shift / 2) for side in (-1, 1)]
    return np.concatenate(in_class), np.outer([1 - positive_share, positive_share], weight / weight.sum()).ravel()


def _log_likelihood(probability, positive_share):
    return xlogy(positive_share, probability) + xlog1py(1 - positive_share, -probability)


def cox_snell_r2(auc, positive_share):
    """Cox and Snell's R2 of a calibrated model, from its AUC; normal log odds with one variance in either class.

    Source: Riley et al. 2021, Stat Med 40:859, who simulate what is integrated here.
    """
    x, weight = _linear_predictor(auc, positive_share)
    gain = weight @ _log_likelihood(expit(x), expit(x)) - _log_likelihood(positive_share, positive_share)
    return float(-np.expm1(-2 * gain))


def development_sample_size(predictors, positive_share, r2, shrinkage=0.9, optimism=0.05, margin=0.05):
    """Training cases that a logistic regression needs, by criterion; the largest number counts.

    Shrinkage of at least `shrinkage`, apparent and adjusted Nagelkerke's R2 at most `optimism` apart, the overall risk
    within `margin`. `predictors`: candidate parameters, before any selection; `r2`: Cox and Snell's, as expected.
    Source: Riley et al. 2020, BMJ 368:m441, steps 1, 3 and 4.
    """
    largest = -np.expm1(2 * _log_likelihood(positive_share, positive_share))
    if not 0 < r2 < largest:
        raise VcfnbError(f"r2 is {r2:g}; with these classes it lies between 0 and {largest:.3f}", code="out-of-range")
    shrinkages = {"shrinkage": shrinkage, "optimism": r2 / (r2 + optimism * largest)}
    needed = {name: predictors / ((s - 1) * math.log1p(-r2 / s)) for name, s in shrinkages.items()}
    needed["overall risk"] = (_Z / margin) ** 2 * positive_share * (1 - positive_share)
    return {name: math.ceil(n) for name, n in needed.items()}


def validation_sample_size(auc, positive_share, oe_width=0.2, slope_width=0.2, auc_width=0.1):
    """Test cases that an external validation needs, by criterion, for 95% intervals of these widths.

    Observed / expected, calibration slope (log odds as for :func:`cox_snell_r2`), and AUC (Newcombe's variance).
    Source: Riley et al. 2021, Stat Med 40:4230.
    """
    x, weight = _linear_predictor(auc, positive_share)
    information = weight * expit(x) * expit(-x)
    a, b, c = (information @ x**power for power in (0, 1, 2))
    odds = (1 - positive_share) / positive_share
    needed = {
        "observed / expected": odds * (_Z / math.asinh(oe_width / 2)) ** 2,
        "calibration slope": a / (a * c - b**2) * (2 * _Z / slope_width) ** 2,
    }

    def narrow(n):
        pairs = 1 + (n / 2 - 1) * ((1 - auc) / (2 - auc) + auc / (1 + auc))
        variance = auc * (1 - auc) * pairs / (n**2 * positive_share * (1 - positive_share))
        return 2 * _Z * math.sqrt(variance) <= auc_width

    found = {name: math.ceil(n) for name, n in needed.items()}
    return found | {"AUC": bisect_left(range(10_000_001), True, lo=2, key=narrow)}


def sample_sizes(auc, positive_share, n_train, n_test, predictors):
    """Cases that development (by number of predictors) and external validation need, beside those at hand.

    purpose (development, validation), predictors, criterion, needed, here.
    """
    r2 = cox_snell_r2(auc, positive_share)
    plans = [("development", k, n_train, development_sample_size(k, positive_share, r2)) for k in predictors]
    plans.append(("validation", None, n_test, validation_sample_size(auc, positive_share)))
    rows = [(purpose, k, name, n, here) for purpose, k, here, sizes in plans for name, n in sizes.items()]
    table = pd.DataFrame(rows, columns=["purpose", "predictors", "criterion", "needed", "here"])
    return table.astype({"predictors": "Int64"})
