"""Tables of notebook 07 that compare the models two by two: AUC differences, classification, reclassification.

`scores` is a wide table as in :mod:`vcfnb.statistics.tables`, with patient_id where patients may have several cases.
"""

from itertools import combinations

import numpy as np
import pandas as pd

from vcfnb import statistics
from vcfnb.statistics.tables import PRIMARY, SPLITS


def _rows(scores, models, of, splits):
    """One row per split and pair: model_a, model_b, split, what `of` (cases, a, b) gives, p_holm (over the test rows).

    Training rows have no p: the test set alone was not used for anything.
    """
    rows = []
    for split in splits:
        part = scores[scores["split"] == split]
        rows += [{"model_a": a, "model_b": b, "split": split} | of(part, a, b) for a, b in combinations(models, 2)]
    table = pd.DataFrame(rows).assign(p_holm=np.nan)
    test = table["split"] == "test"
    table.loc[~test, "p"] = np.nan
    table.loc[test, "p_holm"] = statistics.holm(table.loc[test, "p"])
    return table


def delong(scores, models):
    """Paired DeLong tests of all pairs on test cases: model_a, model_b, split, n, auc_a, auc_b, z, p, p_holm."""

    def of(part, a, b):
        y = part["label"]
        z, p = statistics.delong_test(y, part[a], part[b])
        areas = [statistics.auc_ci(y, part[model])[0] for model in (a, b)]
        return {"n": len(y), "auc_a": areas[0], "auc_b": areas[1], "z": z, "p": p}

    return _rows(scores, models, of, ("test",))


def auc_differences(scores, models, seed, n_bootstrap=2000, alpha=0.05, whole=PRIMARY):
    """Differences of AUC (a minus b) between all pairs of models, with paired bootstrap intervals by patient.

    model_a, model_b, split, nested (one of them is `whole`, which contains the others), n, difference, ci_low, ci_high,
    p, p_holm (of test cases, over their pairs).
    """

    def of(part, a, b):
        found = statistics.auc_difference(
            part["label"], part[a], part[b], part.get("patient_id"), seed=seed, n_boot=n_bootstrap, alpha=alpha
        )
        return {"nested": whole in (a, b), "n": len(part)} | found

    return _rows(scores, models, of, SPLITS).rename(columns={"low": "ci_low", "high": "ci_high"})


def mcnemar(scores, models, thresholds):
    """McNemar's exact tests between the classifications by all pairs of models, for one set of cases; by patient.

    model_a, model_b, cases (all; acute, which compares sensitivities; chronic, which compares specificities), n,
    a_right, b_right (cases that only this model classifies correctly), p, p_holm (over all rows). `thresholds` are by
    model, chosen on training cases.
    """
    rows = []
    for a, b in combinations(models, 2):
        for cases, labels in (("all", (0, 1)), ("acute", (1,)), ("chronic", (0,))):
            part = scores[scores["label"].isin(labels)]
            classes = [part[model] >= thresholds[model] for model in (a, b)]
            found = statistics.mcnemar_test(part["label"], *classes, part.get("patient_id"))
            rows.append({"model_a": a, "model_b": b, "cases": cases} | found)
    table = pd.DataFrame(rows)
    return table.assign(p_holm=statistics.holm(table["p"]))


def reclassification(scores, models, thresholds, seed, n_bootstrap=2000, alpha=0.05):
    """Net reclassification and integrated discrimination of all pairs of models, for one set of cases.

    old, new (of a pair the later model), measure (as :func:`vcfnb.statistics.reclassification` names them), value,
    ci_low, ci_high. `thresholds` are by model, chosen on training cases.
    """
    drawn = {"patients": scores.get("patient_id"), "seed": seed, "n_boot": n_bootstrap, "alpha": alpha}
    rows = []
    for old, new in combinations(models, 2):
        limits = thresholds[old], thresholds[new]
        found = statistics.reclassification(scores["label"], scores[old], scores[new], *limits, **drawn)
        rows += [(old, new, measure, *values) for measure, values in found.items()]
    return pd.DataFrame(rows, columns=["old", "new", "measure", "value", "ci_low", "ci_high"])
