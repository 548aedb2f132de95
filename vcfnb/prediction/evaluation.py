"""The tables of an external validation: one row per model, made from the scores of the new cohort."""

import warnings

import numpy as np
import pandas as pd

from vcfnb import selection, statistics
from vcfnb.errors import VcfnbError
from vcfnb.params import StatisticsParams
from vcfnb.statistics import tables
from vcfnb.statistics.bootstrap import percentile_interval
from vcfnb.statistics.proportions import design_effect, wilson

# The name of the new cases where notebook 07 has training and test.
SPLIT = "validation"
ALL, WITHIN = "all", "within the training data"
OWN = "model's own"
_FOLDS = 5
_AREA = ("auc", "ci_low", "ci_high", "patient_low", "patient_high", "newcombe_low", "newcombe_high")


def evaluate(scores, model, seed=1, n_bootstrap=2000):
    """Discrimination, calibration, usefulness and classification of a frozen model on new cases.

    Parameters
    ----------
    scores : pandas.DataFrame
        :func:`vcfnb.prediction.score_cohort`.
    model : vcfnb.fusion.SavedModel
    seed : int
        Of bootstrap samples and folds.
    n_bootstrap : int

    Returns
    -------
    dict of str to pandas.DataFrame
        auc (model, cases, n, n_acute, auc, ci_low, ci_high by DeLong, patient_low, patient_high by a bootstrap of
        patients, newcombe_low, newcombe_high; of all cases, and of those within the training data), roc, calibration
        (model, n, brier, slope, intercept, predicted, observed, note, and intervals as in notebook 07),
        calibration_curve (as :func:`vcfnb.statistics.tables.calibration_points`), decision_curves, dca_differences (of
        the primary model, in the range of thresholds of :class:`vcfnb.params.StatisticsParams`), operating_points (at
        the thresholds that were chosen on training cases; empty where the model has none), uncertain (model, low, high,
        and :func:`vcfnb.statistics.uncertain_metrics`; empty likewise), recalibration and
        recalibration_curve (before and after recalibration, by what is fitted and on whom), outside (what, n, of,
        share, low, high).

    Raises
    ------
    VcfnbError
        Without a case of each class.
    """
    names = list(model.models)
    y, patients = scores["label"].to_numpy(), scores["patient_id"]
    thresholds, default = np.linspace(0.01, 0.99, 99), StatisticsParams()
    compared = np.linspace(default.threshold_low, default.threshold_high, 51)
    drawn = {"patients": patients, "seed": seed, "n_boot": n_bootstrap}
    counts = statistics.draw_counts(y, **drawn)
    bands = [statistics.roc_band(y, scores[name], **drawn).assign(model=name, split=SPLIT) for name in names]
    points = [
        {"model": name, "split": SPLIT, "method": "chosen on training cases", "threshold": threshold}
        | statistics.operating_metrics(y, scores[name], threshold, patients=patients)
        for name, threshold in model.thresholds.items()
    ]
    uncertain = [
        {"model": name, "low": low, "high": high}
        | statistics.uncertain_metrics(y, scores[name], low, high, patients=patients)
        for name, (low, high) in model.uncertain.items()
    ]
    recalibrated, curve = _recalibration(scores, model, seed)
    calibration = [
        {"model": name}
        | tables.calibration_row(y, scores[name])
        | statistics.calibration_measures(y, scores[name], **drawn)
        for name in names
    ]
    return {
        "auc": pd.DataFrame([row for name in names for row in _aucs(scores, name, counts)]),
        "roc": pd.concat(bands, ignore_index=True),
        "calibration": pd.DataFrame(calibration),
        "calibration_curve": tables.calibration_points(scores, names, seed, n_bootstrap),
        "decision_curves": tables.dca(scores, names, thresholds).merge(
            tables.dca_bands(scores, names, thresholds, seed, n_bootstrap)
        ),
        "dca_differences": tables.dca_differences(scores, names, model.primary, compared, seed, n_bootstrap),
        "operating_points": pd.DataFrame(points),
        "uncertain": pd.DataFrame(uncertain),
        "recalibration": recalibrated,
        "recalibration_curve": curve,
        "outside": _outside(scores),
    }


def _recalibration(scores, model, seed):
    """Calibration of new cases and its curve, before and after updating (Steyerberg et al. 2004, Stat Med 23:2567).

    ``model's own`` is the recalibration that the model brings, fitted on its training cases. The others are fitted on
    the new cohort, as one would to use the model there. Evaluated on the very cases that they were fitted to they would
    look perfect; so each case is evaluated by one that was fitted without its patient (cross-validation). The
    coefficients given are those of all cases: what to use on further ones.
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
            curves.append(
                tables.calibration_shown(y, new, patients=scores["patient_id"]).assign(model=name, method=method)
            )
    return pd.DataFrame(rows), pd.concat(curves, ignore_index=True)


def _updates(y, old, known, splits, note):
    """By method: the rule, the probabilities to evaluate it by, a note."""
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


def _aucs(scores, name, counts):
    """AUC of all cases, and of those within the training data where some are not."""
    parts = {ALL: np.ones(len(scores), dtype=bool)}
    inside = ~scores["outside"].to_numpy(dtype=bool)
    if not inside.all():
        parts[WITHIN] = inside
    for cases, part in parts.items():
        y, score = scores.loc[part, "label"].to_numpy(), scores.loc[part, name].to_numpy()
        values = [np.nan] * 7
        if len(np.unique(y)) == 2:
            with warnings.catch_warnings():
                # One case in a class: the table then has no interval.
                warnings.simplefilter("ignore", RuntimeWarning)
                area = statistics.auc_ci(y, score)
            limits = percentile_interval(statistics.resampled_auc(y, score, counts[:, part]))
            _, *newcombe = statistics.auc_interval(y, score, scores.loc[part, "patient_id"])
            values = [*area, *map(float, limits), *newcombe]
        row = {"model": name, "cases": cases, "n": len(y), "n_acute": int(y.sum())}
        yield row | dict(zip(_AREA, values, strict=True))


def _outside(scores):
    rows = {
        "farther from the training cases than the limit": scores["outside"].astype(bool),
        "image different from the training images": scores["different"] != "",
        "features far beyond the range of the training cases, or more than usual": scores["beyond"] != "",
    }
    patients, counts = scores["patient_id"], {what: int(found.sum()) for what, found in rows.items()}
    table = [
        (what, n, len(scores), *map(float, wilson(n, len(scores), effect=design_effect(rows[what], patients))))
        for what, n in counts.items()
    ]
    return pd.DataFrame(table, columns=["what", "n", "of", "share", "low", "high"])
