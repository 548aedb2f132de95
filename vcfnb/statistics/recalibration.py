"""Calibration: can the predicted probabilities be believed, and how are they put right on training cases?"""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import rankdata
from statsmodels.discrete.discrete_model import Logit
from statsmodels.nonparametric.smoothers_lowess import lowess

from vcfnb.errors import VcfnbError
from vcfnb.statistics import checks
from vcfnb.statistics.bootstrap import draw_counts, percentile_interval
from vcfnb.statistics.proportions import design_effect, wilson

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


def calibration_measures(y, probability, patients=None, *, seed, n_boot=2000, alpha=0.05):
    """What :func:`calibration` does not say: level, intervals, distance from a smooth curve.

    Parameters
    ----------
    y, probability : as for :func:`calibration`
    patients : array_like, shape (n,), optional
        Patients are drawn, acute or not: the number of acute cases varies.
    seed, n_boot, alpha : of the bootstrap; percentile intervals.

    Returns
    -------
    dict
        slope_low, slope_high; in_the_large (calibration-in-the-large: the intercept with the log odds as offset, above
        0 where the probabilities are too low) and o_e (observed by expected number of positives), each with _low and
        _high; ici, e50, e90 (mean, median and 90 % quantile of the distances from the smooth curve). In a sample that
        separates the classes the slope is infinite, and so may a limit be. NaN as in :func:`calibration`.

    References
    ----------
    Van Calster et al. 2019, BMC Med 17:230; Austin and Steyerberg 2019, Stat Med 38:4051 (ICI, E50, E90; the curve is
    that of R ``rms::val.prob``, whose Eavg and E90 these are).
    """
    positive, probability = checks.labels_and_probabilities(y, probability)
    checks.between(alpha, "alpha")
    x, problem = _log_odds(positive, probability)
    drawn = draw_counts(y, patients, n_boot=n_boot, seed=seed, stratify=False)
    values = {"o_e": positive.mean() / probability.mean() if probability.any() else np.nan, "in_the_large": np.nan}
    samples = dict.fromkeys(("slope", "in_the_large"), np.full(n_boot, np.nan))
    with np.errstate(divide="ignore", invalid="ignore"):
        samples["o_e"] = drawn @ positive / (drawn @ probability)
    if np.isfinite(x).all():
        values["in_the_large"] = _intercept(positive, x)
        samples["in_the_large"] = _resampled_intercepts(positive, x, drawn)
        if not problem:
            samples["slope"] = _resampled_slopes(positive, x, drawn)
    found = {}
    for name in ("slope", "in_the_large", "o_e"):
        # No interpolation between samples: next to an infinite slope it would give NaN.
        ends = np.full(2, np.nan)
        if not np.isnan(samples[name]).all():
            ends = np.nanquantile(samples[name], [alpha / 2, 1 - alpha / 2], method="inverted_cdf")
        found |= {name: values[name]} if name in values else {}
        found |= {f"{name}_low": float(ends[0]), f"{name}_high": float(ends[1])}
    errors = np.abs(probability - np.interp(probability, *_smooth(positive, probability)))
    quantiles = np.quantile(errors, [0.5, 0.9])
    return found | dict(zip(("ici", "e50", "e90"), map(float, (errors.mean(), *quantiles)), strict=True))


def _resampled_intercepts(positive, x, counts):
    """Calibration-in-the-large of bootstrap samples (samples,); infinite where a class is missing."""
    hits = counts @ positive
    mixed = (hits > 0) & (hits < counts.sum(axis=1))
    shifts = np.where(hits > 0, np.inf, -np.inf)
    shifts[mixed] = _regressions(positive, np.ones((len(x), 1)), counts[mixed], x)[:, 0]
    return shifts


def _resampled_slopes(positive, x, counts):
    """Calibration slopes of bootstrap samples (samples,); infinite where the classes are separated."""
    there = counts > 0
    lowest, highest = (
        [function(np.where(there & group, x, empty), axis=1) for group in (positive, ~positive)]
        for function, empty in ((np.min, np.inf), (np.max, -np.inf))
    )
    up, down = lowest[0] >= highest[1], highest[0] <= lowest[1]
    # Both: one class, or all probabilities equal.
    slopes = np.select([up & down, up, down], [np.nan, np.inf, -np.inf], 0.0)
    overlap, scale = ~(up | down), x.std()
    design = np.column_stack([np.ones_like(x), (x - x.mean()) / scale])
    slopes[overlap] = _regressions(positive, design, counts[overlap])[:, 1] / scale
    return slopes


def _regressions(positive, design, counts, offset=0.0):
    """Logistic regressions on a design (n, k), one per row of counts: coefficients (samples, k) by Newton's steps.

    A step after which the likelihood would be smaller is halved.
    """
    squares = (design[:, :, np.newaxis] * design[:, np.newaxis]).reshape(len(design), -1)
    found, scale = np.zeros((len(counts), design.shape[1])), np.ones((len(counts), 1))
    ridge = 1e-12 * np.eye(design.shape[1])

    def likelihood(coefficients):
        odds = offset + coefficients @ design.T
        return odds, (counts * (positive * odds - np.logaddexp(0, odds))).sum(axis=1)

    odds, best = likelihood(found)
    for _ in range(200):
        p = expit(odds)
        gradient = (counts * (positive - p)) @ design
        information = (counts * p * (1 - p) @ squares).reshape(-1, *ridge.shape) + ridge
        step = scale * np.linalg.solve(information, gradient[..., np.newaxis])[..., 0]
        if np.abs(step).max(initial=0) < 1e-10:
            break
        new_odds, value = likelihood(found + step)
        better = value >= best - 1e-12 * np.abs(best)
        found[better] += step[better]
        odds[better], best[better] = new_odds[better], value[better]
        scale = np.where(better[:, np.newaxis], 1, scale / 2)
    return found


def smooth_calibration(y, probability, patients=None, *, seed=None, n_boot=0, alpha=0.05):
    """Smooth calibration curve with a pointwise bootstrap band by patient: predicted, observed, low, high.

    101 probabilities from the smallest to the largest; as a local line it may leave [0, 1]. NaN without `n_boot`, and
    where two thirds of the probabilities are equal. Source: Harrell 2015, Regression Modeling Strategies, 10.9, as R
    ``rms::val.prob``.
    """
    positive, probability = checks.labels_and_probabilities(y, probability)
    checks.between(alpha, "alpha")
    grid = np.linspace(probability.min(), probability.max(), 101)
    table = pd.DataFrame({"predicted": grid, "observed": np.interp(grid, *_smooth(positive, probability))})
    if not n_boot:
        return table.assign(low=np.nan, high=np.nan)
    curves = []
    for counts in draw_counts(y, patients, n_boot=n_boot, seed=seed, stratify=False):
        sample = np.repeat(np.arange(len(counts)), counts)
        curve = _smooth(positive[sample], probability[sample])
        curves.append(np.interp(grid, *curve, left=np.nan, right=np.nan))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        low, high = percentile_interval(np.array(curves), alpha)
    return table.assign(low=low, high=high)


def _smooth(positive, probability):
    """Distinct probabilities in order, and the proportion of positives there: R ``lowess(iter = 0)``."""
    values, times = np.unique(probability, return_counts=True)
    if times.max() >= int(2 / 3 * len(probability) + 1e-7):
        return values, np.full(len(values), np.nan)
    curve = lowess(positive.astype(float), probability, frac=2 / 3, it=0, delta=0.01 * np.ptp(probability))
    return values, curve[np.unique(curve[:, 0], return_index=True)[1], 1]


def calibration_curve_points(y, probability, bins=5, alpha=0.05, patients=None):
    """Observed against predicted proportion of positives, in bins of (nearly) equal size.

    bin, n, predicted (mean probability), observed (proportion of positives), low, high (Wilson, with a design effect
    where a patient has several cases in a bin). Equal probabilities are never torn apart, so bins may differ in size
    and some may be absent.
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
    patients = np.arange(len(which)) if patients is None else np.asarray(patients)
    effects = np.array([design_effect(positive[which == b], patients[which == b]) for b in points["bin"]])
    points["observed"], points["low"], points["high"] = wilson(points["hits"], points["n"], alpha, effects)
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
