"""Calibration: can the predicted probabilities be believed, and how are they put right on training cases?"""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import rankdata
from statsmodels.discrete.discrete_model import Logit

from vcfnb.errors import VcfnbError
from vcfnb.statistics import checks
from vcfnb.statistics.proportions import wilson

RECALIBRATIONS = ("none", "intercept", "intercept and slope")


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

    Examples
    --------
    >>> [round(value, 3) for value in calibration([0, 0, 1, 0, 1, 1], [0.2, 0.3, 0.4, 0.6, 0.7, 0.9])]
    [0.158, 1.617, -0.077]
    """
    positive, probability = checks.labels_and_probabilities(y, probability)
    brier = float(np.mean((probability - positive) ** 2))
    x, problem = _log_odds(positive, probability)
    if problem:
        warnings.warn(f"calibration slope and intercept are NaN: {problem}", RuntimeWarning, stacklevel=2)
        return Calibration(brier, np.nan, np.nan)
    intercept, slope = _logistic_coefficients(positive, x)
    return Calibration(brier, slope, intercept)


def _logistic_coefficients(positive, x):
    """Intercept and slope of the logistic regression of the label (bool, shape (n,)) on log odds x (shape (n,))."""
    # Standardised, so that Newton's steps are well scaled for very small and very large logits.
    centre, scale = x.mean(), x.std()
    design = np.column_stack([np.ones_like(x), (x - centre) / scale])
    fit = Logit(positive.astype(float), design).fit(method="newton", tol=1e-12, maxiter=200, disp=False)
    slope = float(fit.params[1] / scale)
    return float(fit.params[0] - slope * centre), slope


def _log_odds(positive, probability):
    """Log odds, and why the logistic regression of the label on them has no finite solution, or None."""
    with np.errstate(divide="ignore"):
        x = logit(probability)
    if not np.isfinite(x).all():
        return x, f"{int((~np.isfinite(x)).sum())} probabilities are exactly 0 or 1"
    if np.ptp(x) == 0:
        return x, "all probabilities are equal"
    higher, lower = x[positive], x[~positive]
    if higher.min() >= lower.max() or higher.max() <= lower.min():
        return x, "the probabilities separate the classes"
    return x, None


def calibration_curve_points(y, probability, bins=5, alpha=0.05):
    """Observed against predicted proportion of positives, in bins of (nearly) equal size.

    bin, n, predicted (mean probability), observed (proportion of positives), low, high (Wilson). Equal probabilities
    are never torn apart, so bins may differ in size and some may be absent.
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


class Recalibration(NamedTuple):
    """``logit(new) = intercept + slope * logit(old)``.

    method is what was done (:data:`RECALIBRATIONS`); note says why it is less than was asked for, or what to beware of,
    and is otherwise empty.
    """

    method: str
    intercept: float
    slope: float
    note: str = ""

    def apply(self, probability):
        """Recalibrated probabilities (n,) of any cases; exactly 0 and 1 stay as they are (for a positive slope)."""
        probability = checks.probabilities(probability)
        if self.method == "none":
            return probability
        with np.errstate(divide="ignore", invalid="ignore"):
            return expit(self.intercept + self.slope * logit(probability))


def recalibrate(y_train, probability_train, method="intercept and slope"):
    """Logistic recalibration (:class:`Recalibration`) of a model's probabilities, fitted on training cases only.

    ``intercept`` moves all log odds by one number, so that as many positives are expected as there are (it corrects
    another prevalence). ``intercept and slope`` also stretches or shrinks them (it corrects over- and underfitting).

    The probabilities are those of models that had not seen the case (out-of-fold). What a model gives its own training
    cases says little: it is calibrated by construction, or too extreme. Where the regression has no finite solution,
    something simpler is done and the note says why: if the probabilities separate the classes or are all equal, the
    intercept alone; if any is exactly 0 or 1, none. A slope of zero or below, which turns the ranking around, is kept
    and noted.

    Source: Cox 1958, Biometrika 45:562; Steyerberg et al. 2004, Stat Med 23:2567. Values as R
    ``glm(y ~ offset(qlogis(p)))`` and ``glm(y ~ qlogis(p))``, family binomial.
    """
    if method not in RECALIBRATIONS:
        raise VcfnbError(f"unknown method {method!r}: use one of {', '.join(RECALIBRATIONS)}", code="unknown-choice")
    positive, probability = checks.labels_and_probabilities(y_train, probability_train)
    if method == "none":
        return Recalibration("none", 0.0, 1.0)
    x, problem = _log_odds(positive, probability)
    if not np.isfinite(x).all():
        return Recalibration("none", 0.0, 1.0, f"not recalibrated: {problem}")
    if method == "intercept":
        return Recalibration("intercept", _intercept(positive, x), 1.0)
    if problem:
        return Recalibration("intercept", _intercept(positive, x), 1.0, f"intercept only: {problem}")
    intercept, slope = _logistic_coefficients(positive, x)
    note = "the slope is not positive: recalibrated probabilities rank the cases the other way round"
    return Recalibration("intercept and slope", intercept, slope, "" if slope > 0 else note)


def _intercept(positive, x):
    """The shift of log odds x after which the expected number of positives is the observed one."""
    share = logit(positive.mean())
    # Shifted to all below, or all above, the share's log odds, the expected number is too small, or too large.
    low, high = share - x.max() - 1, share - x.min() + 1
    return float(brentq(lambda shift: expit(x + shift).mean() - positive.mean(), low, high, xtol=1e-13, rtol=1e-14))
