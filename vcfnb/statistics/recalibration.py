"""Calibration: can the predicted probabilities be believed?"""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import logit
from scipy.stats import rankdata
from statsmodels.discrete.discrete_model import Logit

from vcfnb.errors import VcfnbError
from vcfnb.statistics import checks
from vcfnb.statistics.proportions import wilson


class Calibration(NamedTuple):
    """Brier score, and slope and intercept of the logistic recalibration."""

    brier: float
    slope: float
    intercept: float


def calibration(y, probability):
    """Brier score and logistic recalibration of predicted probabilities.

    Slope and intercept are the two coefficients of one logistic regression of the label on the logit of the
    probability, as R ``rms::val.prob`` gives them (its Intercept is not calibration-in-the-large, for which the slope
    would be held at 1). Ideal are slope 1 and intercept 0; a slope below 1 means probabilities that are too extreme.

    Parameters
    ----------
    y : array_like of 0 and 1, shape (n,)
    probability : array_like, shape (n,)
        Predicted probabilities of class 1.

    Returns
    -------
    Calibration
        Named tuple brier, slope, intercept. Slope and intercept are NaN, with a warning that says why, where the
        regression has no finite solution: the probabilities separate the classes, are all equal, or are exactly 0 or 1.

    Raises
    ------
    VcfnbError
        Probabilities outside [0, 1], and as :func:`vcfnb.statistics.auc_ci`.

    References
    ----------
    Cox 1958, Biometrika 45:562; Brier 1950, Mon Weather Rev 78:1; Harrell 2015, Regression Modeling Strategies, 10.9.
    """
    positive, probability = checks.labels_and_probabilities(y, probability)
    brier = float(np.mean((probability - positive) ** 2))
    with np.errstate(divide="ignore"):
        x = logit(probability)
    problem = no_recalibration(positive, x)
    if problem:
        warnings.warn(f"calibration slope and intercept are NaN: {problem}", RuntimeWarning, stacklevel=2)
        return Calibration(brier, np.nan, np.nan)
    intercept, slope = logistic_coefficients(positive, x)
    return Calibration(brier, slope, intercept)


def logistic_coefficients(positive, x):
    """Intercept and slope of the logistic regression of the label (bool, shape (n,)) on log odds x (shape (n,))."""
    # Standardised, so that Newton's steps are well scaled for very small and very large logits.
    centre, scale = x.mean(), x.std()
    design = np.column_stack([np.ones_like(x), (x - centre) / scale])
    fit = Logit(positive.astype(float), design).fit(method="newton", tol=1e-12, maxiter=200, disp=False)
    slope = float(fit.params[1] / scale)
    return float(fit.params[0] - slope * centre), slope


def no_recalibration(positive, x):
    """Why the logistic regression of the label on log odds x has no finite solution, or None."""
    if not np.isfinite(x).all():
        return f"{int((~np.isfinite(x)).sum())} probabilities are exactly 0 or 1"
    if np.ptp(x) == 0:
        return "all probabilities are equal"
    higher, lower = x[positive], x[~positive]
    if higher.min() >= lower.max() or higher.max() <= lower.min():
        return "the probabilities separate the classes"
    return None


def calibration_curve_points(y, probability, bins=5, alpha=0.05):
    """Observed against predicted share of positives, in bins of (nearly) equal size.

    Parameters
    ----------
    y : array_like of 0 and 1, shape (n,)
    probability : array_like, shape (n,)
    bins : int
        Number of bins. Equal probabilities are never torn apart, so bins may differ in size and some may be absent.
    alpha : float
        Wilson intervals are ``1 - alpha``.

    Returns
    -------
    pandas.DataFrame
        bin, n, predicted (mean probability), observed (share of positives), low, high.

    Raises
    ------
    VcfnbError
        Fewer than one bin, probabilities outside [0, 1], and as :func:`vcfnb.statistics.auc_ci`.

    References
    ----------
    Wilson 1927, J Am Stat Assoc 22:209.
    """
    positive, probability = checks.labels_and_probabilities(y, probability)
    checks.between(alpha, "alpha")
    if bins < 1:
        raise VcfnbError(f"{bins} bins: at least one is needed", code="out-of-range")
    which = ((rankdata(probability) - 0.5) * bins // len(probability)).astype(int)
    points = (
        pd.DataFrame({"bin": which, "predicted": probability, "observed": positive})
        .groupby("bin", as_index=False)
        .agg(n=("observed", "size"), predicted=("predicted", "mean"), hits=("observed", "sum"))
    )
    points["observed"], points["low"], points["high"] = wilson(points["hits"], points["n"], alpha)
    return points[["bin", "n", "predicted", "observed", "low", "high"]]
