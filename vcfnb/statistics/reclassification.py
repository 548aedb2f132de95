"""Does a second model put the same cases elsewhere? McNemar's test, net reclassification, integrated discrimination."""

import math

import numpy as np
from statsmodels.stats.contingency_tables import mcnemar

from vcfnb.errors import VcfnbError
from vcfnb.statistics import checks
from vcfnb.statistics.bootstrap import draw_counts, patient_strata, percentile_interval


def mcnemar_test(y, class_a, class_b, patients=None):
    """McNemar's exact test that two models classify equally many cases correctly.

    n, a_right, b_right (cases that only this model classifies correctly), p.

    Classes are bool, or 0 and 1, at a threshold chosen on other cases. Labels of one class are allowed: the test
    compares sensitivities, or specificities. The exact test needs no minimum of discordant cases. With few of them it
    cannot reject: five against none give p = 0.0625; without any p is 1.

    Where `patients` have several cases, the statistic is the sum over patients of (a_right - b_right) / n of each
    (Durkalski et al. 2003), and p the proportion of all ways to exchange the two models within patients that give one
    at least as large: exact, and McNemar's own for one case per patient.

    Source: McNemar 1947, Psychometrika 12:153, values as R ``binom.test(a_right, a_right + b_right)``; Durkalski et al.
    2003, Stat Med 22:2417.
    """
    y, a, b = (
        _zeros_and_ones(values, name) for values, name in ((y, "labels"), (class_a, "classes"), (class_b, "classes"))
    )
    if not len(y) == len(a) == len(b):
        raise VcfnbError(
            f"{len(y)} labels, {len(a)} and {len(b)} predicted classes: give one of each a case", code="length-mismatch"
        )
    if not len(y):
        raise VcfnbError("no cases: McNemar's test needs at least one", code="no-cases")
    right_a, right_b = a == y, b == y
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    number, strata = patient_strata(y, patients)
    if len(strata) < len(y):
        p = _exchanged_within_patients(np.bincount(number, 1 * right_a - right_b), np.bincount(number))
    else:
        p = float(mcnemar([[0, only_a], [only_b, 0]], exact=True).pvalue) if only_a + only_b else 1.0
    return {"n": len(y), "a_right": only_a, "b_right": only_b, "p": p}


def _exchanged_within_patients(difference, sizes):
    """Two-sided p of the sum of difference / sizes under all changes of the patients' signs, each as likely."""
    common = math.lcm(*map(int, sizes))
    parts = np.rint(difference * common / sizes).astype(int)
    # How likely each sum is, from its lowest to its highest value.
    chances = np.ones(1)
    for part in abs(parts):
        apart = np.zeros(2 * part)
        chances = (np.concatenate([chances, apart]) + np.concatenate([apart, chances])) / 2
    sums = np.arange(len(chances)) - len(chances) // 2
    return float(min(1, chances[abs(sums) >= abs(parts.sum())].sum()))


def _zeros_and_ones(values, name):
    values = checks.numbers(values, name)
    other = values[(values != 0) & (values != 1)]
    if len(other):
        raise VcfnbError(
            f"{name}: {other[0]:g} is neither 0 nor 1", "give 1 (acute) or 0 (chronic)", code="invalid-label"
        )
    return values == 1


def reclassification(
    y, probability_old, probability_new, threshold_old, threshold_new, patients=None, *, seed, n_boot=2000, alpha=0.05
):
    """Net reclassification (NRI) and integrated discrimination (IDI) of a new model over an old one.

    Thresholds are chosen on other cases; a case is classified as positive at or above its model's. Intervals are
    percentiles of a bootstrap by patient (:func:`vcfnb.statistics.draw_counts`), in which thresholds and models stay as
    they are.

    Returns
    -------
    dict of tuple
        Each (value, low, high), of

        - ``nri_categorical``: classes moved up minus classes moved down, among acute cases, plus the opposite among
        chronic
          ones. With two categories that is the change of sensitivity + specificity;
        - ``nri_categorical_acute``, ``nri_categorical_chronic``: its two parts, the changes of sensitivity and of
          specificity;
        - ``nri_continuous``: the same with any rise or fall of the probability as the move, from -2 to 2;
        - ``nri_continuous_acute``, ``nri_continuous_chronic``: its two parts;
        - ``idi``: rise of the mean probability of acute cases less the rise of that of chronic ones.

    Notes
    -----
    Known weakness: continuous NRI and IDI tend to be positive for markers without information where models are fitted
    to few cases, can be raised by miscalibration alone, and their usual tests reject too often. They are given because
    readers ask for them; the AUC difference, calibration and net benefit are what to go by.

    References
    ----------
    Pencina et al. 2008, Stat Med 27:157 (NRI, IDI), and 2011, Stat Med 30:11 (continuous NRI); values as R
    ``Hmisc::improveProb``. Weaknesses: Kerr et al. 2014, Epidemiology 25:114; Hilden and Gerds 2014, Stat Med 33:3405.
    """
    positive, old = checks.labels_and_probabilities(y, probability_old)
    _, new = checks.labels_and_probabilities(y, probability_new)
    checks.between(alpha, "alpha")
    if np.isnan([threshold_old, threshold_new]).any():
        raise VcfnbError(
            "a threshold is NaN: choose one on training cases with operating_point", code="threshold-missing"
        )
    moves = {
        "nri_categorical": (new >= threshold_new).astype(float) - (old >= threshold_old),
        "nri_continuous": np.sign(new - old),
        "idi": new - old,
    }
    once = np.ones((1, len(positive)))
    counts = draw_counts(y, patients, n_boot=n_boot, seed=seed).astype(float)
    found = {}
    for name, move in moves.items():
        acute, chronic = _mean_moves(move, positive, once), _mean_moves(move, ~positive, once)
        acutes, chronics = _mean_moves(move, positive, counts), _mean_moves(move, ~positive, counts)
        found[name] = _with_interval(acute - chronic, acutes - chronics, alpha)
        if name != "idi":
            found[f"{name}_acute"] = _with_interval(acute, acutes, alpha)
            found[f"{name}_chronic"] = _with_interval(-chronic, -chronics, alpha)
    return found


def _mean_moves(move, group, counts):
    """Mean move of a group of cases in each sample."""
    drawn = counts[:, group]
    return drawn @ move[group] / drawn.sum(axis=1)


def _with_interval(value, values, alpha):
    # Zero, not minus zero, where nothing moves.
    return tuple(float(number) + 0.0 for number in (value[0], *percentile_interval(values, alpha)))
