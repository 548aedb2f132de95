"""Tables of notebook 07 that compare the models two by two: AUC differences, calls, reclassification.

`scores` is a wide table as in :mod:`vcfnb.statistics.tables`, with patient_id where patients may have several cases.
"""

from itertools import combinations

import pandas as pd

from vcfnb import statistics
from vcfnb.statistics.tables import SPLITS


def auc_differences(scores, models, seed, n_bootstrap=2000, alpha=0.05, whole="fusion"):
    """Differences of AUC between all pairs of models, with paired bootstrap intervals by patient.

    Parameters
    ----------
    scores : pandas.DataFrame
        label, split, one column per model, and optionally patient_id.
    models : list of str
    seed : int
    n_bootstrap : int
    alpha : float
    whole : str
        The model that contains the others.

    Returns
    -------
    pandas.DataFrame
        model_a, model_b, split, nested (one of them contains the other), n, difference (AUC of a minus AUC of b),
        ci_low, ci_high, p, p_holm (over the pairs of one split).
    """
    rows = []
    for split in SPLITS:
        part = scores[scores["split"] == split]
        found = [
            {"model_a": a, "model_b": b, "split": split, "nested": whole in (a, b), "n": len(part)}
            | statistics.auc_difference(
                part["label"], part[a], part[b], _patients(part), seed=seed, n_boot=n_bootstrap, alpha=alpha
            )
            for a, b in combinations(models, 2)
        ]
        adjusted = statistics.holm([row["p"] for row in found])
        rows += [row | {"p_holm": p} for row, p in zip(found, adjusted, strict=True)]
    return pd.DataFrame(rows).rename(columns={"low": "ci_low", "high": "ci_high"})


def mcnemar(scores, models, thresholds):
    """McNemar's exact tests between the calls of all pairs of models, for one set of cases.

    Parameters
    ----------
    scores : pandas.DataFrame
        label and one column per model.
    models : list of str
    thresholds : dict or pandas.Series
        By model, chosen on training cases.

    Returns
    -------
    pandas.DataFrame
        model_a, model_b, cases (all; acute, which compares sensitivities; chronic, which compares specificities), n,
        a_right, b_right (cases that only this model calls right), p, p_holm (over all rows).
    """
    rows = []
    for a, b in combinations(models, 2):
        for cases, labels in (("all", (0, 1)), ("acute", (1,)), ("chronic", (0,))):
            part = scores[scores["label"].isin(labels)]
            calls = [part[model] >= thresholds[model] for model in (a, b)]
            rows.append({"model_a": a, "model_b": b, "cases": cases} | statistics.mcnemar_test(part["label"], *calls))
    table = pd.DataFrame(rows)
    return table.assign(p_holm=statistics.holm(table["p"]))


def reclassification(scores, models, thresholds, seed, n_bootstrap=2000, alpha=0.05):
    """Net reclassification and integrated discrimination of all pairs of models, for one set of cases.

    Parameters
    ----------
    scores : pandas.DataFrame
        label, one column per model, and optionally patient_id.
    models : list of str
        Of a pair, the later is the new model.
    thresholds : dict or pandas.Series
        By model, chosen on training cases.
    seed : int
    n_bootstrap : int
    alpha : float

    Returns
    -------
    pandas.DataFrame
        old, new, measure (as :func:`vcfnb.statistics.reclassification` names them), value, ci_low, ci_high.
    """
    rows = []
    for old, new in combinations(models, 2):
        found = statistics.reclassification(
            scores["label"],
            scores[old],
            scores[new],
            thresholds[old],
            thresholds[new],
            _patients(scores),
            seed=seed,
            n_boot=n_bootstrap,
            alpha=alpha,
        )
        rows += [(old, new, measure, *values) for measure, values in found.items()]
    return pd.DataFrame(rows, columns=["old", "new", "measure", "value", "ci_low", "ci_high"])


def _patients(scores):
    return scores.get("patient_id")
