"""Tables of notebook 07 that compare the models two by two: AUC differences, classification, reclassification.

`scores` is a wide table as in :mod:`vcfnb.statistics.tables`, with patient_id where patients may have several cases.
Which pairs are compared is :func:`pairs` of the models and the primary one.
"""

from itertools import combinations

import numpy as np
import pandas as pd

from vcfnb import statistics
from vcfnb.statistics.tables import SPLITS

_PAPER = ("radiomics", "dtl", "fusion")


def pairs(models, primary):
    """The primary model with every other one, and the paper's three with each other: fewer tests than of all pairs.

    All pairs where the primary model is not among them.
    """
    if primary not in models:
        return list(combinations(models, 2))
    others = [pair for pair in combinations(models, 2) if primary not in pair and set(pair) <= set(_PAPER)]
    return [*others, *((primary, model) for model in models if model != primary)]


def nested(a, b):
    """Whether one of two models contains the other's features: a fusion those of radiomics and of DTL."""
    return len({a, b} & {"radiomics", "dtl"}) == 1 and "baseline" not in (a, b)


def _rows(scores, compared, of, splits):
    """One row per split and pair: model_a, model_b, split, what `of` (cases, a, b) gives, p_holm (over the test rows).

    Training rows have no p: the test set alone was not used for anything.
    """
    rows = []
    for split in splits:
        part = scores[scores["split"] == split]
        rows += [{"model_a": a, "model_b": b, "split": split} | of(part, a, b) for a, b in compared]
    table = pd.DataFrame(rows).assign(p_holm=np.nan)
    test = table["split"] == "test"
    table.loc[~test, "p"] = np.nan
    table.loc[test, "p_holm"] = statistics.holm(table.loc[test, "p"])
    return table


def delong(scores, models, primary):
    """Paired DeLong tests on test cases, by patient where some have several.

    model_a, model_b, split, n, auc_a, auc_b, z, p, p_holm.
    """

    def of(part, a, b):
        y = part["label"]
        z, p = statistics.delong_test(y, part[a], part[b], part.get("patient_id"))
        areas = [statistics.auc_ci(y, part[model])[0] for model in (a, b)]
        return {"n": len(y), "auc_a": areas[0], "auc_b": areas[1], "z": z, "p": p}

    return _rows(scores, pairs(models, primary), of, ("test",))


def auc_differences(scores, models, primary, seed, n_bootstrap=2000, alpha=0.05):
    """Differences of AUC (a minus b), with paired bootstrap intervals by patient.

    model_a, model_b, split, nested (:func:`nested`), n, difference, ci_low, ci_high, p, p_holm (of test cases, over
    their pairs).
    """

    def of(part, a, b):
        found = statistics.auc_difference(
            part["label"], part[a], part[b], part.get("patient_id"), seed=seed, n_boot=n_bootstrap, alpha=alpha
        )
        return {"nested": nested(a, b), "n": len(part)} | found

    return _rows(scores, pairs(models, primary), of, SPLITS).rename(columns={"low": "ci_low", "high": "ci_high"})


def mcnemar(scores, models, primary, thresholds):
    """McNemar's exact tests between the models' classifications, for one set of cases; by patient.

    model_a, model_b, cases (all; acute, which compares sensitivities; chronic, which compares specificities), n,
    a_right, b_right (cases that only this model classifies correctly), p, p_holm (over all rows). `thresholds` are by
    model, chosen on training cases.
    """
    rows = []
    for a, b in pairs(models, primary):
        for cases, labels in (("all", (0, 1)), ("acute", (1,)), ("chronic", (0,))):
            part = scores[scores["label"].isin(labels)]
            classes = [part[model] >= thresholds[model] for model in (a, b)]
            found = statistics.mcnemar_test(part["label"], *classes, part.get("patient_id"))
            rows.append({"model_a": a, "model_b": b, "cases": cases} | found)
    table = pd.DataFrame(rows)
    return table.assign(p_holm=statistics.holm(table["p"]))


def reclassification(scores, models, primary, thresholds, seed, n_bootstrap=2000, alpha=0.05):
    """Net reclassification and integrated discrimination from each other model to the primary one, of one set.

    old, new (the primary model), measure (as :func:`vcfnb.statistics.reclassification` names them), value,
    ci_low, ci_high. `thresholds` are by model, chosen on training cases.
    """
    drawn = {"patients": scores.get("patient_id"), "seed": seed, "n_boot": n_bootstrap, "alpha": alpha}
    rows = []
    for old in (model for model in models if model != primary):
        limits = thresholds[old], thresholds[primary]
        found = statistics.reclassification(scores["label"], scores[old], scores[primary], *limits, **drawn)
        rows += [(old, primary, measure, *values) for measure, values in found.items()]
    return pd.DataFrame(rows, columns=["old", "new", "measure", "value", "ci_low", "ci_high"])
