"""Bootstrap by patient: how far would a number move with other patients?

The models stay as they were fitted: only the patients that judge them are drawn anew.
"""

import numpy as np
import pandas as pd

from vcfnb.errors import VcfnbError
from vcfnb.statistics import checks

# Counts of one block of bootstrap samples: 20 million numbers, 160 MB.
_BLOCK = 20_000_000


def draw_counts(y, patients=None, *, n_boot, seed, stratify=True):
    """Draw patients with replacement: how often each case is in each bootstrap sample.

    Whole patients are drawn, with all their cases. With `stratify`, patients with acute cases only, with chronic
    cases only and with both are drawn separately, each kind keeping its number, so that no sample lacks a class.

    Parameters
    ----------
    y : array_like of 0 and 1, shape (n,)
    patients : array_like, shape (n,), optional
        Patient of each case; by default each case is a patient of its own. Named patients are drawn in the order of
        their names, so the order of the cases does not matter.
    n_boot : int
        Bootstrap samples, at least 1.
    seed : int
        Same seed, same samples: statistics of several models, drawn with one seed, are paired.
    stratify : bool
        False: any patient may replace any other, and the share of acute cases varies from sample to sample.

    Returns
    -------
    numpy.ndarray of int, shape (n_boot, n)

    Raises
    ------
    VcfnbError
        Fewer than one sample, missing patients, lengths that differ, and as :func:`vcfnb.statistics.auc_ci`.

    References
    ----------
    Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 8 (drawing whole units); stratified by class
    as R ``pROC::ci.auc(boot.stratified = TRUE)``.
    """
    positive = checks.labels(y)
    if n_boot < 1:
        raise VcfnbError(f"{n_boot} bootstrap samples: at least one is needed", code="out-of-range")
    number, n_patients = _patient_numbers(patients, len(positive))
    kind = np.zeros(n_patients, dtype=int)
    if stratify:
        np.bitwise_or.at(kind, number, np.where(positive, 2, 1))
    rng = np.random.default_rng(seed)
    times = np.zeros((n_boot, n_patients), dtype=int)
    for value in np.unique(kind):
        alike = np.flatnonzero(kind == value)
        times[:, alike] = rng.multinomial(len(alike), np.full(len(alike), 1 / len(alike)), size=n_boot)
    return times[:, number]


def _patient_numbers(patients, n):
    """Number of each case's patient, and how many patients there are."""
    if patients is None:
        return np.arange(n), n
    patients = pd.Series(np.asarray(patients))
    if len(patients) != n:
        raise VcfnbError(f"{n} labels and {len(patients)} patients: give one patient a case", code="length-mismatch")
    if patients.isna().any():
        raise VcfnbError(
            f"{int(patients.isna().sum())} cases without a patient: name the patient of every case", code="id-missing"
        )
    number, names = pd.factorize(patients, sort=True)
    return number, len(names)


def resampled_auc(y, score, counts):
    """AUC of bootstrap samples, all at once: O(samples x cases).

    Parameters
    ----------
    y : array_like of 0 and 1, shape (n,)
    score : array_like, shape (n,)
        Higher means more likely positive. Ties count half.
    counts : array of int, shape (samples, n)
        From :func:`draw_counts`.

    Returns
    -------
    numpy.ndarray, shape (samples,)
        NaN for a sample without one of the classes.

    Raises
    ------
    VcfnbError
        As :func:`vcfnb.statistics.auc_ci`.
    """
    positive, score = checks.labels_and_scores(y, score)
    order = np.argsort(score, kind="stable")
    _, first = np.unique(score[order], return_index=True)
    areas, step = [], max(1, _BLOCK // len(score))
    for start in range(0, len(counts), step):
        drawn = counts[start : start + step][:, order]
        # Cases by class at each distinct score; a positive beats the negatives below it and half of those beside it.
        hits = np.add.reduceat(np.where(positive[order], drawn, 0), first, axis=1)
        alarms = np.add.reduceat(np.where(positive[order], 0, drawn), first, axis=1)
        below = np.cumsum(alarms, axis=1) - alarms
        pairs = hits.sum(axis=1) * alarms.sum(axis=1)
        with np.errstate(invalid="ignore"):
            areas.append((hits * (2 * below + alarms)).sum(axis=1) / (2 * pairs))
    return np.concatenate(areas)


def auc(y, score):
    """Area under the ROC curve; ties count half.

    Parameters
    ----------
    y : array_like of 0 and 1, shape (n,)
    score : array_like, shape (n,)
        Higher means more likely positive.

    Returns
    -------
    float
        As :func:`vcfnb.statistics.auc_ci` gives it, without the interval.

    Raises
    ------
    VcfnbError
        As :func:`vcfnb.statistics.auc_ci`.
    """
    return float(resampled_auc(y, score, np.ones((1, len(y)), dtype=int))[0])


def percentile_interval(values, alpha=0.05):
    """Percentile interval of bootstrap values, by column if there are several; NaN values are left out.

    Parameters
    ----------
    values : array, shape (samples,) or (samples, k)
    alpha : float

    Returns
    -------
    low, high : float or array of shape (k,)

    References
    ----------
    Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """
    low, high = np.nanquantile(values, [alpha / 2, 1 - alpha / 2], axis=0)
    return low, high


def percentile_p(values):
    """Two-sided p that a bootstrapped difference is zero: the level at which its percentile interval reaches zero.

    Parameters
    ----------
    values : array, shape (samples,)
        Bootstrap values of the difference.

    Returns
    -------
    float
        At least 2 / (samples + 1), as the truth itself counts as one more sample; 1 if all values are zero.

    References
    ----------
    Efron and Tibshirani 1993, An Introduction to the Bootstrap, 15.4; Davison and Hinkley 1997, Bootstrap Methods and
    Their Application, 4.2 (counting the sample itself).
    """
    tail = min((values <= 0).sum(), (values >= 0).sum())
    return float(min(1, 2 * (tail + 1) / (len(values) + 1)))


def auc_difference(y, score_a, score_b, patients=None, *, seed, n_boot=2000, alpha=0.05):
    """Difference between the AUCs of two scores of the same cases, with its paired bootstrap interval and p.

    Parameters
    ----------
    y : array_like of 0 and 1, shape (n,)
    score_a, score_b : array_like, shape (n,)
        The two models' scores, in the order of `y`.
    patients : array_like, shape (n,), optional
        Patient of each case; by default each case is a patient of its own. See :func:`draw_counts`.
    seed : int
    n_boot : int
    alpha : float
        The interval is ``1 - alpha``.

    Returns
    -------
    dict
        difference (AUC of a minus AUC of b), low, high (percentiles), p (two-sided; below alpha where the interval
        leaves zero out). Scores that rank all cases alike have difference 0, interval (0, 0), p 1. If both models
        separate the classes without error, the interval is (0, 0) too: that is no certainty, every sample of these
        patients is separated as well.

    Raises
    ------
    VcfnbError
        As :func:`vcfnb.statistics.auc_ci` and :func:`draw_counts`.

    Notes
    -----
    Unlike DeLong's, this interval assumes no normal distribution, which the difference between nested models lacks
    where the added part is worthless, and it keeps the cases of a patient together.

    References
    ----------
    Efron and Tibshirani 1993, An Introduction to the Bootstrap; Demler et al. 2012, Stat Med 31:2577.
    """
    checks.labels_and_scores(y, score_a, score_b)
    checks.between(alpha, "alpha")
    counts = draw_counts(y, patients, n_boot=n_boot, seed=seed)
    values = resampled_auc(y, score_a, counts) - resampled_auc(y, score_b, counts)
    low, high = percentile_interval(values, alpha)
    return {
        "difference": auc(y, score_a) - auc(y, score_b),
        "low": float(low),
        "high": float(high),
        "p": percentile_p(values),
    }
