"""The tables of notebook 07: one row per model and split, made from the scores of notebook 06.

`scores` is always a wide table with case_id, label (1 acute, 0 chronic), split (train, test) and one column of
probabilities a model; its row order does not matter.
"""

import warnings
from itertools import combinations

import numpy as np
import pandas as pd

from vcfnb import statistics

SPLITS = ("train", "test")


def _parts(scores, models):
    for model in models:
        for split in SPLITS:
            part = scores[scores["split"] == split]
            yield model, split, part["label"].to_numpy(), part[model].to_numpy()


def auc(scores, models, alpha=0.05):
    """AUC with DeLong interval: model, split, n, auc, ci_low, ci_high."""
    rows = []
    for model, split, y, score in _parts(scores, models):
        value, low, high = statistics.auc_ci(y, score, alpha=alpha)
        rows.append({"model": model, "split": split, "n": len(y), "auc": value, "ci_low": low, "ci_high": high})
    return pd.DataFrame(rows)


def roc(scores, models, seed, n_bootstrap=2000, alpha=0.05):
    """ROC curves with a stratified bootstrap band: model, split, fpr, tpr, low, high."""
    return pd.concat(
        [
            statistics.roc_band(y, score, seed=seed, n_boot=n_bootstrap, alpha=alpha).assign(model=model, split=split)
            for model, split, y, score in _parts(scores, models)
        ],
        ignore_index=True,
    )


def delong(scores, models):
    """Paired DeLong tests of all pairs: model_a, model_b, split, n, auc_a, auc_b, z, p, p_holm (over one split)."""
    rows = []
    for split in SPLITS:
        part = scores[scores["split"] == split]
        y = part["label"].to_numpy()
        for a, b in combinations(models, 2):
            z, p = statistics.delong_test(y, part[a].to_numpy(), part[b].to_numpy())
            areas = [statistics.auc_ci(y, part[model].to_numpy())[0] for model in (a, b)]
            rows.append(
                {
                    "model_a": a,
                    "model_b": b,
                    "split": split,
                    "n": len(y),
                    "auc_a": areas[0],
                    "auc_b": areas[1],
                    "z": z,
                    "p": p,
                }
            )
    table = pd.DataFrame(rows)
    return table.assign(p_holm=table.groupby("split")["p"].transform(lambda p: statistics.holm(p)))


def feature_modes(scores, alpha=0.05):
    """Training and test AUC by how the deep features of training cases were taken.

    Parameters
    ----------
    scores : pandas.DataFrame
        Long: label, split, expansion (voxels of 1 mm), mode, score.

    Returns
    -------
    pandas.DataFrame
        mode, expansion, split, n, auc, ci_low, ci_high (DeLong).
    """
    rows = []
    for (mode, expansion), part in scores.groupby(["mode", "expansion"]):
        table = auc(part, ["score"], alpha).drop(columns="model")
        rows.append(table.assign(mode=mode, expansion=expansion)[["mode", "expansion", *table.columns]])
    return pd.concat(rows, ignore_index=True)


def examples(scores, threshold=0.5):
    """Cases worth looking at: of each class the one most clearly right and the one most clearly wrong.

    Parameters
    ----------
    scores : pandas.DataFrame
        case_id, label, score (probability of acute).
    threshold : float
        From which on the answer is acute.

    Returns
    -------
    pandas.DataFrame
        Rows of `scores`, right ones first; a class without a wrong answer has one row.
    """
    sure = np.where(scores["label"] == 1, scores["score"], 1 - scores["score"])
    right = (scores["score"] >= threshold) == (scores["label"] == 1)
    ranked = scores.assign(sure=sure, right=right).sort_values(["sure", "case_id"])
    best = ranked[ranked["right"]].groupby("label").tail(1)
    worst = ranked[~ranked["right"]].groupby("label").head(1)
    chosen = [part.sort_values("label", ascending=False) for part in (best, worst)]
    return pd.concat(chosen, ignore_index=True).drop(columns=["sure", "right"])


def expansions(scores, choice, alpha=0.05):
    """The deep models by expansion, for Figure 8 and the supplement's table.

    Parameters
    ----------
    scores : pandas.DataFrame
        Long: case_id, label, split, expansion (voxels of 1 mm), score.
    choice : pandas.DataFrame
        expansion, chosen: what the training cases chose.

    Returns
    -------
    pandas.DataFrame
        expansion, split, n, auc, ci_low, ci_high, threshold (Youden, training cases), sensitivity, specificity, ppv,
        npv, accuracy, chosen.
    """
    rows = []
    chosen = set(choice.loc[choice["chosen"].astype(bool), "expansion"])
    for expansion, group in scores.groupby("expansion"):
        train = group[group["split"] == "train"]
        threshold = statistics.operating_point(train["label"].to_numpy(), train["score"].to_numpy(), method="youden")
        for split in SPLITS:
            part = group[group["split"] == split]
            y, score = part["label"].to_numpy(), part["score"].to_numpy()
            value, low, high = statistics.auc_ci(y, score, alpha=alpha)
            metrics = statistics.operating_metrics(y, score, threshold)
            row = {"expansion": expansion, "split": split, "n": len(y), "auc": value, "ci_low": low, "ci_high": high}
            row["threshold"] = threshold
            row |= {name: metrics[name] for name in ("sensitivity", "specificity", "ppv", "npv", "accuracy")}
            rows.append(row | {"chosen": expansion in chosen})
    return pd.DataFrame(rows)


def dca(scores, models, thresholds):
    """Decision curves of one set of cases: model, threshold, net_benefit, treat_all, treat_none."""
    y = scores["label"].to_numpy()
    return pd.concat(
        [statistics.decision_curve(y, scores[model].to_numpy(), thresholds).assign(model=model) for model in models],
        ignore_index=True,
    )


def dca_bands(scores, models, thresholds, seed, n_bootstrap=2000, alpha=0.05):
    """Bootstrap bands of decision curves, by patient if `scores` has patient_id: model, threshold, low, high."""
    patients = scores.get("patient_id")
    return pd.concat(
        [
            statistics.decision_curve_band(
                scores["label"], scores[model], thresholds, patients, seed=seed, n_boot=n_bootstrap, alpha=alpha
            ).assign(model=model)
            for model in models
        ],
        ignore_index=True,
    )


def calibration(scores, models):
    """Calibration: model, split, n, brier, slope, intercept (NaN where there is none)."""
    rows = []
    for model, split, y, score in _parts(scores, models):
        brier, slope, intercept = _calibration(y, score)[0]
        rows.append(
            {"model": model, "split": split, "n": len(y), "brier": brier, "slope": slope, "intercept": intercept}
        )
    return pd.DataFrame(rows)


def calibration_points(scores, models, bins=5):
    """Observed against predicted share of acute cases, in bins of equal size, for one set of cases."""
    y = scores["label"].to_numpy()
    return pd.concat(
        [
            statistics.calibration_curve_points(y, scores[model].to_numpy(), bins=bins).assign(model=model)
            for model in models
        ],
        ignore_index=True,
    )


def _calibration(y, probability):
    """Calibration, and why it has no slope and intercept (in a table a note tells more than a warning)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        found = statistics.calibration(y, probability)
    return found, "; ".join(str(warning.message) for warning in caught)


def recalibration(scores, models, training):
    """Calibration of test cases before and after recalibration on training cases.

    Parameters
    ----------
    scores : pandas.DataFrame
        label, split, one column per model. Only test cases are used.
    models : list of str
    training : pandas.DataFrame
        label and one column per model: probabilities of training cases from models that had not seen them.

    Returns
    -------
    table : pandas.DataFrame
        model, method (none, intercept, intercept and slope), done (the same, or less where the note says why),
        added_intercept, factor (what the log odds are changed by), n_train, n_test, predicted, observed (mean
        probability and share of acute test cases), brier, slope, intercept (of test cases, as :func:`calibration`),
        note.
    probabilities : pandas.DataFrame
        Test cases: the columns of `scores`, with the recalibrated probabilities in place of the models', and method.
    """
    test = scores[scores["split"] == "test"]
    rows, changed = [], []
    for method in statistics.RECALIBRATIONS:
        new = test.assign(method=method)
        for model in models:
            rule = statistics.recalibrate(training["label"], training[model], method)
            new[model] = rule.apply(test[model])
            (brier, slope, intercept), problem = _calibration(test["label"], new[model])
            rows.append(
                {
                    "model": model,
                    "method": method,
                    "done": rule.method,
                    "added_intercept": rule.intercept,
                    "factor": rule.slope,
                    "n_train": len(training),
                    "n_test": len(test),
                    "predicted": new[model].mean(),
                    "observed": test["label"].mean(),
                    "brier": brier,
                    "slope": slope,
                    "intercept": intercept,
                    "note": "; ".join(filter(None, (rule.note, problem))),
                }
            )
        changed.append(new)
    table = pd.DataFrame(rows).sort_values("model", key=lambda column: column.map(models.index), kind="stable")
    return table.reset_index(drop=True), pd.concat(changed, ignore_index=True)


def operating(scores, models, methods=("youden", "sensitivity"), target=0.9, alpha=0.05):
    """Operating points chosen on training cases and applied to both sets, with Wilson intervals.

    Parameters
    ----------
    scores : pandas.DataFrame
    models : list of str
    methods : sequence of str
        As :func:`vcfnb.statistics.operating_point` names them; each gives a row per model and split.
    target : float
        Sensitivity to reach on training cases, for method ``sensitivity``.
    alpha : float

    Returns
    -------
    pandas.DataFrame
        model, split, method, threshold, and the columns of :func:`vcfnb.statistics.operating_metrics`.
    """
    rows = []
    train = scores[scores["split"] == "train"]
    for method in methods:
        for model, split, y, score in _parts(scores, models):
            threshold = statistics.operating_point(
                train["label"].to_numpy(), train[model].to_numpy(), method=method, target=target
            )
            metrics = statistics.operating_metrics(y, score, threshold, alpha=alpha)
            rows.append({"model": model, "split": split, "method": method, "threshold": threshold} | metrics)
    return pd.DataFrame(rows)


def readable_rates(points, names=("sensitivity", "specificity", "ppv", "npv")):
    """Operating points for reading: each rate as text with its interval, such as "0.75 (0.47 to 0.91)".

    Returns
    -------
    pandas.DataFrame
        model, split, method, threshold, tp, fp, tn, fn, and a column of text a rate; "no such call" where nobody was
        called positive (ppv) or negative (npv).
    """
    shown = points[["model", "split", "method", "threshold", "tp", "fp", "tn", "fn"]].copy()
    for name in names:
        values = points[[name, f"{name}_low", f"{name}_high"]].to_numpy()
        shown[name] = [
            "no such call" if np.isnan(value) else f"{value:.2f} ({low:.2f} to {high:.2f})"
            for value, low, high in values
        ]
    return shown


def comparison(reported, auc_table, n_features, lambdas):
    """The paper's numbers beside this run's.

    Parameters
    ----------
    reported : pandas.DataFrame
        :func:`vcfnb.leakage.paper.reported`.
    auc_table : pandas.DataFrame
        :func:`auc`.
    n_features, lambdas : dict
        By model.

    Returns
    -------
    pandas.DataFrame
        model, quantity, paper, this_run (text, rounded for reading).
    """
    rows = []
    for row in reported.to_dict("records"):
        model = row["model"]
        rows.append((model, "features", f"{row['n_features']}", f"{n_features[model]}"))
        rows.append((model, "lambda", f"{row['lambda']:.4f}", f"{lambdas[model]:.4f}"))
        for split in SPLITS:
            paper = (row[f"auc_{split}"], row[f"auc_{split}_low"], row[f"auc_{split}_high"])
            ours = auc_table[(auc_table["model"] == model) & (auc_table["split"] == split)]
            ours = tuple(np.ravel(ours[["auc", "ci_low", "ci_high"]]))
            rows.append((model, f"AUC {split} (95% CI)", *("{:.3f} ({:.3f}-{:.3f})".format(*v) for v in (paper, ours))))
    return pd.DataFrame(rows, columns=["model", "quantity", "paper", "this_run"])
