"""Logistic recalibration: probabilities put right on training cases, before other cases are judged."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from vcfnb.errors import VcfnbError
from vcfnb.statistics import checks
from vcfnb.statistics.recalibration import logistic_coefficients, no_recalibration

METHODS = ("none", "intercept", "intercept and slope")


class Recalibration(NamedTuple):
    """``logit(new) = intercept + slope * logit(old)``.

    method is what was done ("none", "intercept", "intercept and slope"); note says why it is less than was asked for,
    or what to beware of, and is otherwise empty.
    """

    method: str
    intercept: float
    slope: float
    note: str = ""

    def apply(self, probability):
        """Recalibrated probabilities of any cases.

        Parameters
        ----------
        probability : array_like, shape (n,)
            Probabilities exactly 0 or 1 stay as they are (for a positive slope).

        Returns
        -------
        numpy.ndarray, shape (n,)

        Raises
        ------
        VcfnbError
            Probabilities that are not finite or outside [0, 1].
        """
        probability = checks.probabilities(probability)
        if self.method == "none":
            return probability
        with np.errstate(divide="ignore", invalid="ignore"):
            return expit(self.intercept + self.slope * logit(probability))


def recalibrate(y_train, probability_train, method="intercept and slope"):
    """Logistic recalibration of a model's probabilities, fitted on training cases only.

    ``intercept`` moves all log odds by one number, so that as many positives are expected as there are (it corrects
    another prevalence). ``intercept and slope`` also stretches or shrinks them (it corrects over- and underfitting).

    Parameters
    ----------
    y_train : array_like of 0 and 1, shape (n,)
    probability_train : array_like, shape (n,)
        Probabilities from models that had not seen the case (out-of-fold). Those that a model gives its own training
        cases say little: they are calibrated by construction, or too extreme.
    method : {"none", "intercept", "intercept and slope"}

    Returns
    -------
    Recalibration
        Where the regression has no finite solution, something simpler is done and the note says why: if the
        probabilities separate the classes or are all equal, the intercept alone; if any is exactly 0 or 1, none.
        A slope of zero or below, which turns the ranking around, is kept and noted.

    Raises
    ------
    VcfnbError
        Unknown method, probabilities outside [0, 1], and as :func:`vcfnb.statistics.auc_ci`.

    References
    ----------
    Cox 1958, Biometrika 45:562; Steyerberg et al. 2004, Stat Med 23:2567. Values as R ``glm(y ~ offset(qlogis(p)))``
    and ``glm(y ~ qlogis(p))``, family binomial.
    """
    if method not in METHODS:
        raise VcfnbError(f"unknown method {method!r}: use one of {', '.join(METHODS)}", code="unknown-choice")
    positive, probability = checks.labels_and_probabilities(y_train, probability_train)
    if method == "none":
        return Recalibration("none", 0.0, 1.0)
    with np.errstate(divide="ignore"):
        x = logit(probability)
    if not np.isfinite(x).all():
        return Recalibration("none", 0.0, 1.0, f"not recalibrated: {no_recalibration(positive, x)}")
    if method == "intercept":
        return Recalibration("intercept", _intercept(positive, x), 1.0)
    problem = no_recalibration(positive, x)
    if problem:
        return Recalibration("intercept", _intercept(positive, x), 1.0, f"intercept only: {problem}")
    intercept, slope = logistic_coefficients(positive, x)
    note = "the slope is not positive: recalibrated probabilities rank the cases the other way round"
    return Recalibration("intercept and slope", intercept, slope, "" if slope > 0 else note)


def _intercept(positive, x):
    """The shift of log odds x after which the expected number of positives is the observed one."""
    share = logit(positive.mean())
    # Shifted to all below, or all above, the share's log odds, the expected number is too small, or too large.
    low, high = share - x.max() - 1, share - x.min() + 1
    return float(brentq(lambda shift: expit(x + shift).mean() - positive.mean(), low, high, xtol=1e-13, rtol=1e-14))
