"""The tables of notebook 07: one row per model and split, made from the scores of notebook 06.

`scores` is a wide table with case_id, label (1 acute, 0 chronic), split (train, test, and resubstitution where
:func:`with_out_of_fold` made it), one column of probabilities per model, and patient_id where patients may have several
cases; its row order does not matter.
"""

import warnings
from functools import partial

import numpy as np
import pandas as pd

from vcfnb import statistics

SPLITS = ("train", "test")
RESUBSTITUTION = "resubstitution"
AREA = ("auc", "ci_low", "ci_high", "newcombe_low", "newcombe_high")
# Cases that share a point of a calibration figure, at least.
CASES_PER_POINT = 10
# Of a smooth calibration curve, at most: each is a fit of its own.
BOOTSTRAP_CURVES = 500
RATES = ("sensitivity", "specificity", "ppv", "npv")


def with_out_of_fold(scores, out_of_fold):
    """Scores whose training rows are out-of-fold; the models' own of the cases they were fitted to are kept beside.

    `out_of_fold` holds case_id and a column for each model. Rows of split ``train`` get its probabilities; those that
    `scores` has of training cases become rows of split ``resubstitution``.
    """
    models = [name for name in out_of_fold if name in scores and name not in ("case_id", "label")]
    train = scores[scores["split"] == "train"]
    honest = train.drop(columns=models).merge(out_of_fold[["case_id", *models]], on="case_id", validate="1:1")
    parts = [train.assign(split=RESUBSTITUTION), honest[scores.columns], scores[scores["split"] == "test"]]
    return pd.concat(parts, ignore_index=True)


def _parts(scores, models, splits=(RESUBSTITUTION, *SPLITS)):
    for model in models:
        for split in splits:
            part = scores[scores["split"] == split]
            if len(part):
                yield model, split, part["label"].to_numpy(), part[model].to_numpy(), part.get("patient_id")


def _rows(scores, models, of):
    """One row per model and split: model, split, n, and what `of` (labels, probabilities, patients) gives."""
    rows = [
        {"model": model, "split": split, "n": len(y)} | of(y, *given)
        for model, split, y, *given in _parts(scores, models)
    ]
    return pd.DataFrame(rows)


def curves(scores, models, of):
    """One set of cases: the points that `of` (labels, probabilities) gives for each model, and the model."""
    points = [of(scores["label"].to_numpy(), scores[model].to_numpy()).assign(model=model) for model in models]
    return pd.concat(points, ignore_index=True)


def area(y, score, patients=None, alpha=0.05):
    """AUC with DeLong's interval (the paper's) and Newcombe's, as columns of a table."""
    _, *newcombe = statistics.auc_interval(y, score, patients, alpha)
    return dict(zip(AREA, (*statistics.auc_ci(y, score, alpha), *newcombe), strict=True))


def auc(scores, models, alpha=0.05):
    """AUC with DeLong's and Newcombe's interval: model, split, n, auc, ci_low, ci_high, newcombe_low, newcombe_high."""
    return _rows(scores, models, partial(area, alpha=alpha))


def roc(scores, models, seed, n_bootstrap=2000, alpha=0.05):
    """ROC curves with a stratified bootstrap band: fpr, tpr, low, high, model, split."""
    drawn = {"seed": seed, "n_boot": n_bootstrap, "alpha": alpha}
    bands = [
        statistics.roc_band(y, score, patients=patients, **drawn).assign(model=model, split=split)
        for model, split, y, score, patients in _parts(scores, models)
    ]
    return pd.concat(bands, ignore_index=True)


def feature_modes(scores, alpha=0.05):
    """AUC by how the deep features of training cases were taken: mode, expansion, split, n and columns of :func:`area`.

    `scores` is long: label, split, expansion (voxels of 1 mm), mode, score.
    """
    rows = []
    for (mode, expansion), part in scores.groupby(["mode", "expansion"]):
        table = auc(part, ["score"], alpha).drop(columns="model")
        rows.append(table.assign(mode=mode, expansion=expansion)[["mode", "expansion", *table.columns]])
    return pd.concat(rows, ignore_index=True)


def examples(scores, threshold=0.5):
    """Cases worth looking at: of each class the one most clearly right and the one most clearly wrong.

    Rows of `scores` (case_id, label, score: probability of acute), right ones first; a class without a wrong answer has
    one row. From `threshold` on the answer is acute.
    """
    sure = np.where(scores["label"] == 1, scores["score"], 1 - scores["score"])
    right = (scores["score"] >= threshold) == (scores["label"] == 1)
    ranked = scores.assign(sure=sure, right=right).sort_values(["sure", "case_id"])
    best = ranked[ranked["right"]].groupby("label").tail(1)
    worst = ranked[~ranked["right"]].groupby("label").head(1)
    chosen = [part.sort_values("label", ascending=False) for part in (best, worst)]
    return pd.concat(chosen, ignore_index=True).drop(columns=["sure", "right"])


def expansion_scores(scores, out_of_fold):
    """Scores of the deep models by expansion (long); training rows are those of `out_of_fold`, columns dtl_06, ..."""
    return pd.concat(
        [
            with_out_of_fold(part, out_of_fold.rename(columns={f"dtl_{n:02d}": "score"})[["case_id", "score"]])
            for n, part in scores.groupby("expansion")
        ]
    )


def expansions(scores, choice, alpha=0.05):
    """The deep models by expansion, for Figure 8 and the supplement's table.

    `scores` is long (case_id, label, split, expansion in voxels of 1 mm, score); `choice` (expansion, chosen) is what
    the training cases chose. expansion, split, n, auc, ci_low, ci_high, threshold (Youden, training cases),
    sensitivity, specificity, ppv, npv, accuracy, chosen, newcombe_low, newcombe_high.
    """
    chosen = set(choice.loc[choice["chosen"].astype(bool), "expansion"])
    shown = ["threshold", *RATES, "accuracy"]
    found = []
    for expansion, group in scores.groupby("expansion"):
        points = operating(group, ["score"], ("youden",))[["split", *shown]]
        table = auc(group, ["score"], alpha).merge(points, on="split")
        found.append(table.assign(expansion=expansion, chosen=expansion in chosen))
    columns = ["expansion", "split", "n", *AREA[:3], *shown, "chosen", *AREA[3:]]
    return pd.concat(found, ignore_index=True)[columns]


def dca(scores, models, thresholds):
    """Decision curves of one set of cases: threshold, net_benefit, treat_all, treat_none, model."""
    return curves(scores, models, partial(statistics.decision_curve, thresholds=thresholds))


def dca_bands(scores, models, thresholds, seed, n_bootstrap=2000, alpha=0.05):
    """Bootstrap bands of decision curves, by patient if `scores` has patient_id: threshold, low, high, model."""
    drawn = {"patients": scores.get("patient_id"), "seed": seed, "n_boot": n_bootstrap, "alpha": alpha}
    return curves(scores, models, partial(statistics.decision_curve_band, thresholds=thresholds, **drawn))


def dca_differences(scores, models, primary, thresholds, seed, n_bootstrap=2000, alpha=0.05):
    """Net benefit of the primary model minus that of treat_all, treat_none and each other model, intervals by patient.

    threshold, model_a, model_b, difference, low, high, for one set of cases.
    """
    drawn = {"patients": scores.get("patient_id"), "seed": seed, "n_boot": n_bootstrap, "alpha": alpha}
    strategies = scores.assign(treat_all=1.0, treat_none=0.0)
    found = []
    for other in ("treat_all", "treat_none", *(model for model in models if model != primary)):
        pair = strategies[primary], strategies[other]
        table = statistics.net_benefit_difference(scores["label"], *pair, thresholds, **drawn)
        found.append(table.assign(model_a=primary, model_b=other))
    return pd.concat(found, ignore_index=True)[["threshold", "model_a", "model_b", "difference", "low", "high"]]


def calibration_row(y, probability, *notes):
    """Calibration as columns of a table, with a note instead of a warning.

    n, brier, slope, intercept, predicted (mean probability), observed (proportion of acute cases), note (`notes` and
    why there is no slope).
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        found = statistics.calibration(y, probability)
    told = [*notes, *(str(warning.message) for warning in caught)]
    means = {"predicted": float(np.mean(probability)), "observed": float(np.mean(y))}
    return {"n": len(y)} | found._asdict() | means | {"note": "; ".join(filter(None, told))}


def calibration(scores, models, seed, n_bootstrap=2000, alpha=0.05):
    """Calibration: model, split, n, brier, slope, intercept (NaN where there is none), and intervals by patient.

    They and what else follows are those of :func:`vcfnb.statistics.calibration_measures`.
    """
    drawn = {"seed": seed, "n_boot": n_bootstrap, "alpha": alpha}

    def of(y, score, patients):
        own = calibration_row(y, score)
        more = statistics.calibration_measures(y, score, patients, **drawn)
        return {name: own[name] for name in ("brier", "slope", "intercept")} | more

    return _rows(scores, models, of)


def calibration_points(scores, models, seed=None, n_bootstrap=0, alpha=0.05):
    """What a calibration figure shows of one set of cases: bin, n, predicted, observed, low, high, kind, model.

    kind: ``smooth`` (a curve, with a band by patient where there are bootstrap samples), ``grouped`` (at most five
    points, each of at least ten cases), ``case`` (its label and probability).
    """
    n_boot = min(n_bootstrap, BOOTSTRAP_CURVES)
    drawn = {"patients": scores.get("patient_id"), "seed": seed, "n_boot": n_boot, "alpha": alpha}
    return curves(scores, models, partial(calibration_shown, **drawn))


def calibration_shown(y, probability, **drawn):
    """:func:`calibration_points` of one model; `drawn` is for :func:`vcfnb.statistics.smooth_calibration`."""
    grouped = pd.DataFrame()
    for bins in range(min(5, len(y) // CASES_PER_POINT), 0, -1):
        points = statistics.calibration_curve_points(y, probability, bins, patients=drawn.get("patients"))
        if points["n"].min() >= CASES_PER_POINT:
            grouped = points
            break
    parts = {
        "grouped": grouped,
        "smooth": statistics.smooth_calibration(y, probability, **drawn),
        "case": pd.DataFrame({"predicted": probability, "observed": y}).sort_values(["predicted", "observed"]),
    }
    table = pd.concat([part.assign(kind=kind) for kind, part in parts.items()], ignore_index=True)
    return table.reindex(columns=["bin", "n", "predicted", "observed", "low", "high", "kind"])


def recalibration(scores, models, training):
    """Calibration of test cases before and after recalibration on training cases.

    `training` holds label and one column per model: probabilities of training cases from models that had not seen them.

    Returns
    -------
    table : pandas.DataFrame
        model, method (none, intercept, intercept and slope), done (the same, or less where the note says why),
        added_intercept, factor (what the log odds are changed by), n_train, n_test, and what :func:`calibration_row`
        says of the test cases.
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
            row = {"model": model, "method": method, "done": rule.method, "added_intercept": rule.intercept}
            row |= {"factor": rule.slope, "n_train": len(training)}
            rows.append(row | calibration_row(test["label"], new[model], rule.note))
        changed.append(new)
    table = pd.DataFrame(rows).rename(columns={"n": "n_test"})
    table = table.sort_values("model", key=lambda column: column.map(models.index), kind="stable")
    columns = ["model", "method", "done", "added_intercept", "factor", "n_train", "n_test", "predicted", "observed"]
    columns += ["brier", "slope", "intercept", "note"]
    return table[columns].reset_index(drop=True), pd.concat(changed, ignore_index=True)


def operating(scores, models, methods=("youden", "sensitivity"), target=0.9, alpha=0.05):
    """Operating points chosen on training cases (out-of-fold) and applied to both sets, with Wilson intervals.

    A row per method, model and split: model, split, method, threshold, and the columns of
    :func:`vcfnb.statistics.operating_metrics`. `target` is the sensitivity to reach on training cases, for method
    ``sensitivity``.
    """
    rows = []
    train = scores[scores["split"] == "train"]
    for method in methods:
        for model, split, y, score, patients in _parts(scores, models, SPLITS):
            threshold = statistics.operating_point(train["label"], train[model], method, target)
            metrics = statistics.operating_metrics(y, score, threshold, alpha, patients)
            rows.append({"model": model, "split": split, "method": method, "threshold": threshold} | metrics)
    return pd.DataFrame(rows)


def uncertain(scores, models, rate=0.9, alpha=0.05):
    """The uncertain class of each model: its range, chosen on training cases (out-of-fold), and what is left of it.

    model, split, low, high (:func:`vcfnb.statistics.uncertain_range`), and the columns of
    :func:`vcfnb.statistics.uncertain_metrics`.
    """
    rows, train = [], scores[scores["split"] == "train"]
    for model, split, y, score, patients in _parts(scores, models, SPLITS):
        low, high = statistics.uncertain_range(train["label"], train[model], rate)
        found = statistics.uncertain_metrics(y, score, low, high, alpha, patients)
        rows.append({"model": model, "split": split, "low": low, "high": high} | found)
    return pd.DataFrame(rows)


def misses(scores, primary, thresholds):
    """Cases that the primary model classifies wrongly, the worst (lowest probability of its class) first.

    `scores` holds a column of probabilities for each model in `thresholds` (by model: acute from there on). Its rows
    are kept, with n_wrong, the number of models that are wrong, and predicted, the primary model's predicted class.
    """
    wrong = pd.DataFrame(
        {name: (scores[name] >= limit) != (scores["label"] == 1) for name, limit in thresholds.items()}
    )
    predicted = np.where(scores[primary] >= thresholds[primary], "acute", "chronic")
    of_its_class = np.where(scores["label"] == 1, scores[primary], 1 - scores[primary])
    found = scores.assign(predicted=predicted, n_wrong=wrong.sum(axis=1), worst=of_its_class)
    return found[wrong[primary]].sort_values(["worst", "case_id"]).drop(columns="worst").reset_index(drop=True)


def readable_rates(points):
    """Operating points for reading: each rate as text with its interval, such as "0.75 (0.47 to 0.91)".

    "no such prediction" stands where no case was classified as positive (ppv) or negative (npv).
    """
    shown = points[["model", "split", "method", "threshold", "tp", "fp", "tn", "fn"]].copy()
    for name in RATES:
        values = points[[name, f"{name}_low", f"{name}_high"]].to_numpy()
        shown[name] = [
            "no such prediction" if np.isnan(value) else f"{value:.2f} ({low:.2f} to {high:.2f})"
            for value, low, high in values
        ]
    return shown


def comparison(reported, auc_table, n_features, lambdas):
    """The paper's numbers (:func:`vcfnb.leakage.paper.reported`) beside this run's, as text rounded for reading.

    model, quantity, paper, this_run; `n_features` and `lambdas` are by model.
    """
    rows = []
    for row in reported.to_dict("records"):
        model = row["model"]
        rows.append((model, "features", f"{row['n_features']}", f"{n_features[model]}"))
        rows.append((model, "lambda", f"{row['lambda']:.4f}", f"{lambdas[model]:.4f}"))
        # The paper's training AUC is of the cases that the models were fitted to.
        for split, own in (("train", RESUBSTITUTION), ("test", "test")):
            paper = (row[f"auc_{split}"], row[f"auc_{split}_low"], row[f"auc_{split}_high"])
            ours = auc_table[(auc_table["model"] == model) & (auc_table["split"] == own)]
            ours = tuple(np.ravel(ours[["auc", "ci_low", "ci_high"]]))
            rows.append((model, f"AUC {own} (95% CI)", *("{:.3f} ({:.3f}-{:.3f})".format(*v) for v in (paper, ours))))
    return pd.DataFrame(rows, columns=["model", "quantity", "paper", "this_run"])
