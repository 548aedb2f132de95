"""Operating points: a threshold chosen on training cases, and what it does to other cases."""

import numpy as np

from vcfnb.errors import VcfnbError
from vcfnb.statistics import checks
from vcfnb.statistics.bootstrap import patient_strata
from vcfnb.statistics.proportions import design_effect, wilson
from vcfnb.statistics.roc import roc_points


def operating_point(y_train, score_train, method="youden", target=0.9):
    """A threshold for calling cases positive (at or above it), chosen on training cases only.

    ``youden``: largest sensitivity + specificity - 1; of equally good thresholds the lowest, which is the most
    sensitive. ``sensitivity``: the highest threshold whose sensitivity reaches `target`, 0 < target <= 1. It lies
    halfway between the lowest score classified as positive and the next score below (on the lowest score itself where
    there is none below).

    Source: Youden 1950, Cancer 3:32. Thresholds as R ``pROC::coords``.
    """
    points = roc_points(y_train, score_train).iloc[1:]
    if method == "youden":
        youden = (points["tpr"] - points["fpr"]).to_numpy()
        # The same counts can differ by a rounding error.
        at = np.flatnonzero(youden >= youden.max() - 1e-12)[-1]
    elif method == "sensitivity":
        if not 0 < target <= 1:
            raise VcfnbError(f"target sensitivity is {target}: it must be above 0 and at most 1", code="out-of-range")
        at = np.flatnonzero(points["tpr"] >= target)[0]
    else:
        raise VcfnbError(f'unknown method {method!r}: use "youden" or "sensitivity"', code="unknown-choice")
    return _just_below(points["threshold"].to_numpy(), at)


def uncertain_range(y_train, score_train, rate=0.9):
    """Low and high: scores from `low` to below `high` are *uncertain*, by training cases only.

    Labels (0, 1) and scores are those of the training cases, shape (n,). At `low` the sensitivity still reaches `rate`,
    at `high` the specificity does. Where one threshold reaches both, low equals high, and nothing is uncertain.
    VcfnbError as :func:`operating_point`.

    Source: Greiner, Sohr and Göbel 1995, J Immunol Methods 185:123 (two-graph ROC analysis, intermediate range).
    """
    low = operating_point(y_train, score_train, "sensitivity", rate)
    points = roc_points(y_train, score_train)
    at = np.flatnonzero(points["fpr"] <= 1 - rate + 1e-12)[-1]
    scores = points["threshold"].to_numpy()
    # Where even the highest score is too often that of a chronic case, nothing is certainly acute.
    high = _just_below(scores, at) if at else float(np.nextafter(scores[1], np.inf))
    return low, max(low, high)


def _just_below(scores, at):
    """Halfway from a score to the next lower one, if there is one; `scores` fall."""
    if at + 1 == len(scores):
        return float(scores[at])
    middle = scores[at + 1] + (scores[at] - scores[at + 1]) / 2
    # Between neighbouring floating-point numbers there is no middle.
    return float(middle if middle > scores[at + 1] else scores[at])


def operating_metrics(y, score, threshold, alpha=0.05, patients=None):
    """Confusion counts and rates at a threshold chosen on other cases, with Wilson intervals.

    Where `patients` have several cases, the intervals are those of an effective sample size: the cases that a rate is
    of, divided by the design effect (Rao and Scott 1992, Biometrics 48:577).

    n, tp, fp, tn, fn; sensitivity, specificity, ppv, npv, accuracy and f1, each followed by ``<name>_low`` and
    ``<name>_high``. A rate without cases (ppv when no case is classified as positive) is NaN, as is its interval.

    Source: Wilson 1927, J Am Stat Assoc 22:209. F1 is no proportion, but ``F* = TP / (TP + FP + FN)`` is, and
    ``F1 = 2 F* / (1 + F*)`` (Hand et al. 2021, Mach Learn 110:451): its interval is the transformed one of F*.
    """
    positive, score = checks.labels_and_scores(y, score)
    checks.between(alpha, "alpha")
    if np.isnan(threshold):
        raise VcfnbError(
            "the threshold is NaN: choose one on training cases with operating_point", code="threshold-missing"
        )
    predicted = score >= threshold
    tp, fp = int((predicted & positive).sum()), int((predicted & ~positive).sum())
    fn, tn = int((~predicted & positive).sum()), int((~predicted & ~positive).sum())
    # Of each rate: the cases that count, and those that it is a rate of.
    rates = {
        "sensitivity": (predicted, positive),
        "specificity": (~predicted, ~positive),
        "ppv": (positive, predicted),
        "npv": (~positive, ~predicted),
        "accuracy": (predicted == positive, np.full(len(score), True)),
        "f1": (predicted & positive, predicted | positive),
    }
    patients, _ = patient_strata(positive, patients)
    metrics = {"n": len(score), "tp": tp, "fp": fp, "tn": tn, "fn": fn}
    for name, (hit, of) in rates.items():
        found = _rate(name, hit, of, patients, alpha)
        if name == "f1":
            found = {column: 2 * value / (1 + value) for column, value in found.items()}
        metrics |= found
    return metrics


def uncertain_metrics(y, score, low, high, alpha=0.05, patients=None):
    """How many cases are uncertain (:func:`uncertain_range`), and how many of the others are classified correctly.

    n, n_uncertain; of the cases that are not uncertain, sensitivity (acute ones at or above `high`) and specificity
    (chronic ones below `low`), each followed by ``<name>_low`` and ``<name>_high``, as in :func:`operating_metrics`.
    """
    positive, score = checks.labels_and_scores(y, score)
    patients, _ = patient_strata(positive, patients)
    certain = (score < low) | (score >= high)
    found = {"n": len(score), "n_uncertain": int((~certain).sum())}
    found |= _rate("sensitivity", score >= high, positive & certain, patients, alpha)
    return found | _rate("specificity", score < low, ~positive & certain, patients, alpha)


def _rate(name, hit, of, patients, alpha):
    """Proportion of the cases `of` that are a `hit`, with Wilson's interval, as columns of a table."""
    effect = design_effect(hit[of], patients[of]) if of.any() else 1.0
    values = map(float, wilson(hit[of].sum(), of.sum(), alpha, effect))
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
