"""ROC curves: area with DeLong's interval, DeLong's test, the curve and its bootstrap band."""

import warnings

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import roc_curve

from vcfnb.statistics import checks
from vcfnb.statistics.bootstrap import draw_counts, patient_strata


def placements(positive, score):
    """How each case ranks within the other class, ties counting half: DeLong's structural components.

    Returns the proportion of negatives below each positive and the proportion of positives above each negative; the
    mean of either is the AUC. Midranks make it O(n log n) (Sun and Xu 2014, IEEE Signal Process Lett 21:1389).
    """
    everyone = stats.rankdata(score)
    above = (everyone[positive] - stats.rankdata(score[positive])) / (~positive).sum()
    below = 1 - (everyone[~positive] - stats.rankdata(score[~positive])) / positive.sum()
    return above, below


def variance_of_mean(*components):
    """DeLong's variance: the two classes contribute independently. NaN where a class has one case."""
    return sum(part.var(ddof=1) / len(part) if len(part) > 1 else np.nan for part in components)


def obuchowski(positive, number, above, below):
    """Variance of the mean component where cases of one patient are correlated (Obuchowski 1997, section 2).

    `number` is each case's patient, counted from 0; `above` and `below` are components, or differences of them.
    """
    patients, auc = number.max() + 1, above.mean()
    sums = np.bincount(number[positive], above - auc, patients), np.bincount(number[~positive], below - auc, patients)
    sums = sums[0] / len(above), sums[1] / len(below)
    counts = [len(np.unique(number[group])) for group in (positive, ~positive)]
    if min(counts) < 2:
        return np.nan
    within = sum(count / (count - 1) * (part**2).sum() for count, part in zip(counts, sums, strict=True))
    return within + 2 * patients / (patients - 1) * (sums[0] * sums[1]).sum()


def auc_ci(y, score, alpha=0.05):
    """Area under the ROC curve with DeLong's confidence interval.

    Parameters
    ----------
    y : array_like of 0 and 1, shape (n,)
    score : array_like, shape (n,)
        Higher means more likely positive. Ties count half.
    alpha : float
        The interval is ``1 - alpha``, two-sided.

    Returns
    -------
    auc, low, high : float
        The interval is symmetric around the AUC and cut at 0 and 1. Perfect separation has variance 0: (1, 1, 1),
        which is no certainty. With a single case in a class the variance is unknown: low and high are NaN, with a
        warning.

    Raises
    ------
    VcfnbError
        One class only, lengths differ, labels other than 0 and 1, values that are not finite.

    References
    ----------
    DeLong et al. 1988, Biometrics 44:837. Values as R ``pROC::ci.auc``.

    Examples
    --------
    >>> [round(value, 3) for value in auc_ci([0, 0, 0, 1, 1, 1], [0.1, 0.4, 0.6, 0.35, 0.8, 0.9])]
    [0.778, 0.291, 1.0]
    """
    positive, score = checks.labels_and_scores(y, score)
    checks.between(alpha, "alpha")
    components = placements(positive, score)
    auc = float(components[0].mean())
    variance = variance_of_mean(*components)
    if np.isnan(variance):
        warnings.warn("one class has a single case: the AUC has no interval", RuntimeWarning, stacklevel=2)
    half = stats.norm.ppf(1 - alpha / 2) * np.sqrt(variance)
    low, high = np.clip([auc - half, auc + half], 0, 1)
    return auc, float(low), float(high)


def delong_test(y, score_a, score_b, patients=None):
    """DeLong's test that two scores of the same cases have the same AUC, two-sided.

    Parameters
    ----------
    y : array_like of 0 and 1, shape (n,)
    score_a, score_b : array_like, shape (n,)
        The two models' scores, in the order of `y`.
    patients : array_like, shape (n,), optional
        Cases of one patient are correlated: the variance of the difference is Obuchowski's. By default each case is a
        patient.

    Returns
    -------
    z : float
        Positive if `score_a` has the larger AUC.
    p : float
        Scores that rank all cases alike: z 0, p 1. AUCs that differ without variance (1 against 0): infinite z, p 0.
        NaN, with a warning, if a class has a single case, or a single patient.

    Raises
    ------
    VcfnbError
        As :func:`auc_ci`.

    Notes
    -----
    If one model contains the other, as a fusion contains its parts, the test is conservative (Demler et al. 2012,
    Stat Med 31:2577).

    References
    ----------
    DeLong et al. 1988, Biometrics 44:837. Values as R ``pROC::roc.test(paired = TRUE, method = "delong")``. Several
    cases a patient: Obuchowski 1997, Biometrics 53:567.

    Examples
    --------
    >>> y, a, b = [0, 0, 0, 1, 1, 1], [0.1, 0.4, 0.6, 0.35, 0.8, 0.9], [0.2, 0.5, 0.7, 0.3, 0.1, 0.9]
    >>> [round(value, 3) for value in delong_test(y, a, b)]
    [1.0, 0.317]
    """
    positive, score_a, score_b = checks.labels_and_scores(y, score_a, score_b)
    pairs = zip(placements(positive, score_a), placements(positive, score_b), strict=True)
    difference = [a - b for a, b in pairs]
    if not any(part.any() for part in difference):
        return 0.0, 1.0
    number, strata = patient_strata(positive, patients)
    several = len(strata) < len(number)
    variance = obuchowski(positive, number, *difference) if several else variance_of_mean(*difference)
    if np.isnan(variance):
        warnings.warn("one class has a single case: DeLong's test has no variance", RuntimeWarning, stacklevel=2)
    with np.errstate(divide="ignore"):
        z = difference[0].mean() / np.sqrt(variance)
    return float(z), float(2 * stats.norm.sf(abs(z)))


def roc_points(y, score):
    """The corners of the ROC curve: fpr, tpr, threshold (positive at or above it; infinite at the curve's start)."""
    positive, score = checks.labels_and_scores(y, score)
    fpr, tpr, threshold = roc_curve(positive, score, drop_intermediate=False)
    return pd.DataFrame({"fpr": fpr, "tpr": tpr, "threshold": threshold})


def roc_band(y, score, seed, n_boot=2000, alpha=0.05, patients=None):
    """The ROC curve with a pointwise bootstrap band of its sensitivity: fpr, tpr, low, high, ordered along the curve.

    Positives and negatives are drawn anew with replacement, each class keeping its size (stratified); where `patients`
    have several cases, patients are drawn (:func:`vcfnb.statistics.draw_counts`). At each false positive rate the band
    holds ``1 - alpha`` of the samples' curves; it is no band for the whole curve at once.
    Each rate that can occur (201 evenly spaced ones if there are more) has two rows, the foot and the top of the
    curve's vertical step there, so that lines through the rows are the exact curve.

    Source: Fawcett 2006, Pattern Recognit Lett 27:861; stratified bootstrap as R ``pROC::ci.se``.
    """
    positive, score = checks.labels_and_scores(y, score)
    checks.between(alpha, "alpha")
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    # Cases with one score move together along the curve, so only counts a distinct score matter, highest score first.
    _, at = np.unique(-score, return_inverse=True)
    hits, alarms = (np.bincount(at[group], minlength=at.max() + 1) for group in (positive, ~positive))
    grid = np.linspace(0, n_negative, min(n_negative, 200) + 1)

    if len(patient_strata(positive, patients)[1]) < len(positive):
        counts = draw_counts(y, patients, n_boot=n_boot, seed=seed)
        drawn_hits, drawn_alarms = (
            [np.bincount(at[group], row[group], len(hits)) for row in counts] for group in (positive, ~positive)
        )
    else:
        rng = np.random.default_rng(seed)
        drawn_hits = rng.multinomial(n_positive, hits / n_positive, size=n_boot)
        drawn_alarms = rng.multinomial(n_negative, alarms / n_negative, size=n_boot)
    drawn = [_steps(tp, fp, grid, n_positive) for tp, fp in zip(drawn_hits, drawn_alarms, strict=True)]
    low, high = np.quantile(drawn, [alpha / 2, 1 - alpha / 2], axis=0) / n_positive
    tpr = _steps(hits, alarms, grid, n_positive) / n_positive
    return pd.DataFrame({"fpr": np.repeat(grid / n_negative, 2), "tpr": tpr, "low": low, "high": high})


def _steps(hits, alarms, grid, n_positive):
    """True positives at the foot and at the top of the curve's step at each number of false positives.

    A sample of patients has other numbers of cases: its counts are scaled to those of the cases themselves.
    """
    tp = np.concatenate([[0], np.cumsum(hits)]) * n_positive / hits.sum()
    fp = np.concatenate([[0], np.cumsum(alarms)]) * grid[-1] / alarms.sum()
    first, last = np.searchsorted(fp, grid, "left"), np.searchsorted(fp, grid, "right") - 1
    corner, between = fp[first] == grid, np.interp(grid, fp, tp)
    return np.column_stack([np.where(corner, tp[first], between), np.where(corner, tp[last], between)]).ravel()
