"""The tables of an external validation: one row per model, made from the scores of the new cohort."""

import warnings
from functools import partial

import numpy as np
import pandas as pd

from vcfnb import selection, statistics
from vcfnb.errors import VcfnbError
from vcfnb.statistics import tables
from vcfnb.statistics.bootstrap import percentile_interval
from vcfnb.statistics.proportions import wilson

# How the new cases are called where notebook 07 has training and test.
SPLIT = "validation"
ALL, WITHIN = "all", "within the training data"
OWN = "model's own"
_FOLDS = 5


def judge(scores, model, seed=1, n_bootstrap=2000, alpha=0.05):
    """Discrimination, calibration, usefulness and calls of a frozen model on new cases.

    Parameters
    ----------
    scores : pandas.DataFrame
        :func:`vcfnb.prediction.score_cohort`.
    model : vcfnb.fusion.SavedModel
    seed : int
        Of bootstrap samples and folds.
    n_bootstrap : int
    alpha : float
        Intervals are ``1 - alpha``.

    Returns
    -------
    dict of str to pandas.DataFrame
        auc (model, cases, n, n_acute, auc, ci_low, ci_high by DeLong, patient_low, patient_high by a bootstrap of
        patients; of all cases, and of those within the training data), roc, calibration (model, n, brier, slope,
        intercept, predicted, observed, note), calibration_curve, decision_curves, operating_points (at the thresholds
        that were chosen on training cases; empty where the model has none), recalibration and recalibration_curve
        (:func:`recalibration`), outside (what, n, of, share, low, high).

    Raises
    ------
    VcfnbError
        Without a case of each class.
    """
    names = list(model.models)
    y, thresholds = scores["label"].to_numpy(), np.linspace(0.01, 0.99, 99)
    drawn = {"seed": seed, "n_boot": n_bootstrap, "alpha": alpha}
    counts = statistics.draw_counts(y, scores["patient_id"], n_boot=n_bootstrap, seed=seed)
    bands = tables.dca_bands(scores, names, thresholds, seed, n_bootstrap, alpha)
    recalibrated, curve = recalibration(scores, model, seed)
    return {
        "auc": pd.DataFrame([row for name in names for row in _aucs(scores, name, counts, alpha)]),
        "roc": tables.curves(scores, names, partial(statistics.roc_band, **drawn)).assign(split=SPLIT),
        "calibration": pd.DataFrame([{"model": name} | tables.calibration_row(y, scores[name]) for name in names]),
        "calibration_curve": tables.curves(scores, names, _points),
        "decision_curves": tables.dca(scores, names, thresholds).merge(bands),
        "operating_points": pd.DataFrame(
            [
                {"model": name, "split": SPLIT, "method": "chosen on training cases", "threshold": threshold}
                | statistics.operating_metrics(y, scores[name], threshold, alpha)
                for name, threshold in model.thresholds.items()
            ]
        ),
        "recalibration": recalibrated,
        "recalibration_curve": curve,
        "outside": _outside(scores, alpha),
    }


def recalibration(scores, model, seed=1):
    """Calibration of new cases before and after recalibration, by what is fitted and on whom.

    ``model's own`` applies the recalibration that the model brings, fitted on its training cases. ``intercept`` and
    ``intercept and slope`` are fitted on the new cohort itself, as one would to use the model there. Judged on the very
    cases that they were fitted to they would look perfect; so each case is judged by a recalibration that was fitted
    without its patient (cross-validation). The coefficients given are those of all cases: what to use on further ones.

    Parameters
    ----------
    scores : pandas.DataFrame
    model : vcfnb.fusion.SavedModel
    seed : int
        Of the folds.

    Returns
    -------
    table : pandas.DataFrame
        model, method (none, model's own, intercept, intercept and slope), added_intercept, factor (of the log odds), n,
        brier, slope, intercept, predicted, observed, note.
    curve : pandas.DataFrame
        model, method, and the columns of :func:`vcfnb.statistics.calibration_curve_points`.

    References
    ----------
    Steyerberg et al. 2004, Stat Med 23:2567.
    """
    y, rows, curves = scores["label"].to_numpy(), [], []
    try:
        splits, note = selection.folds(y, scores["patient_id"].to_numpy(), _FOLDS, seed)
    except VcfnbError as error:
        splits, note = None, error.problem
    for name in model.models:
        old = scores[name].to_numpy()
        for method, (rule, new, told) in _updates(y, old, model.cohort.calibration.get(name), splits, note).items():
            rows.append(
                {"model": name, "method": method, "added_intercept": rule.intercept, "factor": rule.slope}
                | tables.calibration_row(y, new, *dict.fromkeys((rule.note, told)))
            )
            curves.append(_points(y, new).assign(model=name, method=method))
    return pd.DataFrame(rows), pd.concat(curves, ignore_index=True)


def _updates(y, old, known, splits, note):
    """By method: the rule, the probabilities to judge it by, a note."""
    found = {"none": (statistics.Recalibration("none", 0.0, 1.0), old, "")}
    if known:
        rule = statistics.Recalibration(known["method"], known["intercept"], known["slope"], known["note"])
        found[OWN] = rule, rule.apply(old), ""
    for method in ("intercept", "intercept and slope") if splits else ():
        new = np.empty(len(y))
        for fitted_on, held_out in splits:
            new[held_out] = statistics.recalibrate(y[fitted_on], old[fitted_on], method).apply(old[held_out])
        found[method] = statistics.recalibrate(y, old, method), new, note
    if not splits:
        rule, probability, _ = found["none"]
        found["none"] = rule, probability, f"not recalibrated on the new cohort: {note}"
    return found


def _aucs(scores, name, counts, alpha):
    """AUC of all cases, and of those within the training data where some are not."""
    parts = {ALL: np.ones(len(scores), dtype=bool)}
    inside = ~scores["outside"].to_numpy(dtype=bool)
    if not inside.all():
        parts[WITHIN] = inside
    for cases, part in parts.items():
        y, score = scores.loc[part, "label"].to_numpy(), scores.loc[part, name].to_numpy()
        row = {"model": name, "cases": cases, "n": len(y), "n_acute": int(y.sum())}
        if len(np.unique(y)) < 2:
            yield row | dict.fromkeys(("auc", "ci_low", "ci_high", "patient_low", "patient_high"), np.nan)
            continue
        with warnings.catch_warnings():
            # One case in a class: the table then has no interval.
            warnings.simplefilter("ignore", RuntimeWarning)
            value, low, high = statistics.auc_ci(y, score, alpha)
        drawn = statistics.resampled_auc(y, score, counts[:, part])
        patient_low, patient_high = percentile_interval(drawn, alpha)
        yield row | {
            "auc": value,
            "ci_low": low,
            "ci_high": high,
            "patient_low": float(patient_low),
            "patient_high": float(patient_high),
        }


def _points(y, probability):
    return statistics.calibration_curve_points(y, probability, bins=int(np.clip(len(y) // 8, 1, 5)))


def _outside(scores, alpha):
    rows = {
        "farther from the training cases than the limit": scores["outside"].astype(bool),
        "image unlike the training images": scores["unlike"] != "",
        "a feature beyond the range of the training cases": scores["beyond"] != "",
    }
    table = []
    for what, found in rows.items():
        share, low, high = (float(value) for value in wilson(int(found.sum()), len(scores), alpha))
        table.append({"what": what, "n": int(found.sum()), "of": len(scores), "share": share, "low": low, "high": high})
    return pd.DataFrame(table)
