"""Decision curve analysis: would acting on the model help?"""

import numpy as np
import pandas as pd

from vcfnb.errors import VcfnbError
from vcfnb.evaluation import checks


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
        Thresholds or probabilities out of range, and as :func:`vcfnb.evaluation.auc_ci`.

    References
    ----------
    Vickers and Elkin 2006, Med Decis Making 26:565. Values as R ``dcurves::dca``
    (which at threshold 0 leaves cases with probability 0 untreated; by the definition they are treated).
    """
    positive, probability = checks.labels_and_probabilities(y, probability)
    thresholds = checks.numbers(np.atleast_1d(thresholds), "thresholds")
    if len(thresholds) == 0 or thresholds.min() < 0 or thresholds.max() >= 1:
        raise VcfnbError(
            "thresholds must be at least one number, each at least 0 and below 1 (at 1 the odds are infinite)"
        )
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
