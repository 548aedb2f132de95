"""Decision curve analysis: would acting on the model help?"""

import numpy as np
import pandas as pd

from vcfnb.errors import VcfnbError
from vcfnb.statistics import checks
from vcfnb.statistics.bootstrap import draw_counts, interval, percentile_interval, with_original


def decision_curve(y, probability, thresholds):
    """Net benefit of acting on a model, of treating everybody and of treating nobody.

    ``net benefit = TP / n - FP / n * t / (1 - t)`` at threshold probability t: a false positive costs the odds of
    the threshold, which is how a decision maker who acts from t upwards weighs it.

    Parameters
    ----------
    y : array_like of 0 and 1, shape (n,)
    probability : array_like, shape (n,)
        Predicted probabilities of class 1. A case is positive at or above the threshold.
    thresholds : array_like
        Threshold probabilities, 0 <= t < 1.

    Returns
    -------
    pandas.DataFrame
        threshold, net_benefit, treat_all, treat_none (0 everywhere), in the order of `thresholds`.

    Raises
    ------
    VcfnbError
        Thresholds or probabilities out of range, and as :func:`vcfnb.statistics.auc_ci`.

    References
    ----------
    Vickers and Elkin 2006, Med Decis Making 26:565. Values as R ``dcurves::dca``
    (which at threshold 0 leaves cases with probability 0 untreated; by the definition they are treated).

    Examples
    --------
    >>> decision_curve([0, 1, 1, 1], [0.1, 0.4, 0.8, 0.9], [0.2, 0.5])[["net_benefit", "treat_all"]].values.tolist()
    [[0.75, 0.6875], [0.5, 0.5]]
    """
    positive, probability = checks.labels_and_probabilities(y, probability)
    thresholds = _checked(thresholds)
    n, odds = len(positive), thresholds / (1 - thresholds)
    # Number of cases at or above each threshold, by class.
    hits, alarms = (
        group.sum() - np.searchsorted(np.sort(probability[group]), thresholds) for group in (positive, ~positive)
    )
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "net_benefit": hits / n - alarms / n * odds,
            "treat_all": positive.mean() - (~positive).mean() * odds,
            "treat_none": 0.0,
        }
    )


def decision_curve_band(y, probability, thresholds, patients=None, *, seed, n_boot=2000, alpha=0.05):
    """Pointwise bootstrap band of a model's net benefit: threshold, low, high (percentiles of the samples).

    Patients are drawn anew from all patients, acute or not, as net benefit depends on how many cases are acute. It is
    no band for the whole curve at once, and the models are not fitted anew.

    Source: Vickers et al. 2008, BMC Med Inform Decis Mak 8:53 (bootstrap of decision curves); draws as R
    ``rmda::decision_curve(bootstraps = ...)``, by patient.
    """
    positive, probability = checks.labels_and_probabilities(y, probability)
    checks.between(alpha, "alpha")
    thresholds = _checked(thresholds)
    counts = draw_counts(y, patients, n_boot=n_boot, seed=seed, stratify=False)
    low, high = percentile_interval(_resampled(positive, probability, thresholds, counts), alpha)
    return pd.DataFrame({"threshold": thresholds, "low": low, "high": high})


def net_benefit_difference(
    y, probability_a, probability_b, thresholds, patients=None, *, seed, n_boot=2000, alpha=0.05
):
    """Net benefit of a minus that of b, with a paired bootstrap interval by patient at each threshold above 0.

    A probability of 1 for every case is *treat all*, of 0 *treat none*.

    Returns
    -------
    pandas.DataFrame
        threshold, difference, low, high (pointwise percentiles).

    References
    ----------
    Vickers et al. 2008, BMC Med Inform Decis Mak 8:53 (bootstrap of the difference between two strategies).
    """
    positive, a = checks.labels_and_probabilities(y, probability_a)
    positive, b = checks.labels_and_probabilities(y, probability_b)
    checks.between(alpha, "alpha")
    thresholds = _checked(thresholds)
    counts = with_original(draw_counts(y, patients, n_boot=n_boot, seed=seed, stratify=False))
    benefit = [_resampled(positive, probability, thresholds, counts) for probability in (a, b)]
    found = interval(benefit[0] - benefit[1], alpha)
    return pd.DataFrame({"threshold": thresholds} | dict(zip(("difference", "low", "high"), found, strict=True)))


def _resampled(positive, probability, thresholds, counts):
    """Net benefit of bootstrap samples, shape (samples, thresholds)."""
    counts, predicted = counts.astype(float), probability[:, np.newaxis] >= thresholds
    hits, alarms = (counts[:, group] @ predicted[group] for group in (positive, ~positive))
    return (hits - alarms * thresholds / (1 - thresholds)) / counts.sum(axis=1, keepdims=True)


def _checked(thresholds):
    thresholds = checks.numbers(np.atleast_1d(thresholds), "thresholds")
    if len(thresholds) == 0 or thresholds.min() < 0 or thresholds.max() >= 1:
        raise VcfnbError(
            "thresholds must be at least one number, each at least 0 and below 1 (at 1 the odds are infinite)",
            code="out-of-range",
        )
    return thresholds
