"""Bootstrap by patient: how far would a number move with other patients?

The models stay as they were fitted: only the patients that they are evaluated on are resampled.
"""

import numpy as np
import pandas as pd

from vcfnb.errors import VcfnbError
from vcfnb.statistics import checks

# Counts of one block of bootstrap samples: 20 million numbers, 160 MB.
_BLOCK = 20_000_000


def draw_counts(y, patients=None, *, n_boot, seed, stratify=True):
    """Draw patients with replacement: how often each case is in each bootstrap sample, shape (n_boot, n).

    Whole patients are drawn, with all their cases, in the order of their names, so the order of the cases does not
    matter; by default each case is a patient of its own. With `stratify` each stratum (:func:`patient_strata`) keeps
    its number of patients, so that no sample lacks a class; without it the proportion of acute cases varies. Statistics
    of several models, drawn with one seed, are paired.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 8 (drawing whole units); stratified by
    class as R ``pROC::ci.auc(boot.stratified = TRUE)``.
    """
    positive = checks.labels(y)
    if n_boot < 1:
        raise VcfnbError(f"{n_boot} bootstrap samples: at least one is needed", code="out-of-range")
    number, stratum = patient_strata(positive, patients)
    if not stratify:
        stratum = np.zeros_like(stratum)
    rng = np.random.default_rng(seed)
    times = np.zeros((n_boot, len(stratum)), dtype=int)
    for value in np.unique(stratum):
        alike = np.flatnonzero(stratum == value)
        times[:, alike] = rng.multinomial(len(alike), np.full(len(alike), 1 / len(alike)), size=n_boot)
    return times[:, number]


def patient_strata(y, patients=None):
    """Number of each case's patient (n,), and each patient's stratum: chronic cases only (1), acute only (2), both (3).

    Patients are numbered in the order of their names; without names each case is a patient.
    """
    n = len(y)
    patients = pd.Series(np.arange(n) if patients is None else np.asarray(patients))
    if len(patients) != n:
        raise VcfnbError(f"{n} labels and {len(patients)} patients: give one patient a case", code="length-mismatch")
    if patients.isna().any():
        raise VcfnbError(
            f"{int(patients.isna().sum())} cases without a patient: name the patient of every case", code="id-missing"
        )
    number, names = pd.factorize(patients, sort=True)
    stratum = np.zeros(len(names), dtype=int)
    np.bitwise_or.at(stratum, number, np.where(np.asarray(y) == 1, 2, 1))
    return number, stratum


def with_original(counts):
    """Counts of bootstrap samples (samples, n) below a row of ones: the cases as they are, for :func:`interval`."""
    return np.vstack([np.ones((1, counts.shape[1]), dtype=int), counts])


def interval(values, alpha=0.05):
    """Value, low, high: the first value, of the cases as they are, and the percentiles of the others, NaN left out."""
    return values[0], *percentile_interval(values[1:], alpha)


def resampled_auc(y, score, counts):
    """AUC of bootstrap samples (samples,), all at once: O(samples x cases).

    `counts` has the shape (samples, n), see :func:`draw_counts`; ties of scores count half. NaN for a sample without
    one of the classes.
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
    """Area under the ROC curve, as :func:`vcfnb.statistics.auc_ci` gives it; ties count half."""
    return float(resampled_auc(y, score, np.ones((1, len(y)), dtype=int))[0])


def percentile_interval(values, alpha=0.05):
    """Percentile interval of bootstrap values (samples,), by column if there are several; NaN values are left out.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """
    low, high = np.nanquantile(values, [alpha / 2, 1 - alpha / 2], axis=0)
    return low, high


def percentile_p(values):
    """Two-sided p that a bootstrapped difference is zero: the level at which its percentile interval reaches zero.

    At least 2 / (samples + 1), as the truth itself counts as one more sample; 1 if all values are zero. Source: Efron
    and Tibshirani 1993, An Introduction to the Bootstrap, 15.4; Davison and Hinkley 1997, Bootstrap Methods and Their
    Application, 4.2 (counting the sample itself).
    """
    tail = min((values <= 0).sum(), (values >= 0).sum())
    return float(min(1, 2 * (tail + 1) / (len(values) + 1)))


def auc_difference(y, score_a, score_b, patients=None, *, seed, n_boot=2000, alpha=0.05):
    """Difference between the AUCs of two scores of the same cases, with its paired bootstrap interval and p.

    Unlike DeLong's, this interval assumes no normal distribution, which the difference between nested models lacks
    where the added part is worthless, and it keeps the cases of a patient together.

    Returns
    -------
    dict
        difference (AUC of a minus AUC of b), low, high (percentiles), p (two-sided; below alpha where the interval
        leaves zero out). Scores that rank all cases alike have difference 0, interval (0, 0), p 1. If both models
        separate the classes without error, the interval is (0, 0) too: that is no certainty, every sample of these
        patients is separated as well.

    References
    ----------
    Efron and Tibshirani 1993, An Introduction to the Bootstrap; Demler et al. 2012, Stat Med 31:2577.
    """
    checks.labels_and_scores(y, score_a, score_b)
    checks.between(alpha, "alpha")
    counts = with_original(draw_counts(y, patients, n_boot=n_boot, seed=seed))
    values = resampled_auc(y, score_a, counts) - resampled_auc(y, score_b, counts)
    found = dict(zip(("difference", "low", "high"), map(float, interval(values, alpha)), strict=True))
    return found | {"p": percentile_p(values[1:])}
