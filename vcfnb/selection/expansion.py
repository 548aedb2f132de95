"""Which ROI expansion? Asked of the training cases."""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vcfnb.errors import VcfnbError
from vcfnb.selection.checks import check_features, check_labels, folds


def cv_auc(x, y, groups=None, seed=0, repeats=20, n_folds=5):
    """Cross-validated AUC of a logistic regression within training cases.

    Each repeat shuffles the folds anew; its AUC is the mean over folds. Scaling and regression (L2, C = 1) are fitted
    inside the folds.

    Parameters
    ----------
    x : pandas.DataFrame
        Training cases, one column a feature.
    y : pandas.Series or array of 0 and 1
    groups : pandas.Series or array, optional
        Patients, kept together.
    seed : int
        The same seed gives the same folds, so that two feature sets of the same cases can be compared repeat by repeat.
    repeats, n_folds : int

    Returns
    -------
    pandas.DataFrame
        repeat, auc. The spread over repeats shows how much the choice of folds matters; with few patients the true
        uncertainty is larger.

    Raises
    ------
    BadInput, VcfnbError
        As :func:`vcfnb.selection.select_features`.
    """
    check_features(x)
    y, groups = check_labels(x, y, groups)
    values = x.to_numpy(dtype=float)
    rows = []
    for repeat, child in enumerate(np.random.SeedSequence(seed).spawn(repeats)):
        splits, _ = folds(y, groups, n_folds, int(child.generate_state(1)[0]))
        rows.append((repeat, np.mean([_auc_of_fold(values, y, *split) for split in splits])))
    return pd.DataFrame(rows, columns=["repeat", "auc"])


def _auc_of_fold(x, y, train, test):
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=10_000)).fit(x[train], y[train])
    return roc_auc_score(y[test], model.decision_function(x[test]))


def best_expansion(cv_scores):
    """The expansion with the highest mean cross-validated AUC; of equal ones the smallest.

    Parameters
    ----------
    cv_scores : pandas.DataFrame
        expansion (voxels), repeat, auc: :func:`cv_auc` of every expansion.

    Returns
    -------
    pandas.DataFrame
        expansion, auc_mean, auc_sd (over repeats), auc_low, auc_high (2.5 and 97.5 percentile of the repeats),
        share_best (share of repeats in which no other expansion is better), chosen.

    Raises
    ------
    VcfnbError
        Without scores, or when expansions differ in their repeats.
    """
    wide = cv_scores.pivot(index="repeat", columns="expansion", values="auc")
    if wide.empty or wide.isna().any(axis=None):
        raise VcfnbError("expansions: every expansion needs an AUC in every repeat -> run cv_auc alike for each")
    best = wide.eq(wide.max(axis=1), axis=0)
    table = pd.DataFrame(
        {
            "auc_mean": wide.mean(),
            "auc_sd": wide.std(ddof=1),
            "auc_low": wide.quantile(0.025),
            "auc_high": wide.quantile(0.975),
            "share_best": best.mean(),
        }
    )
    # Equal means can differ by a rounding error.
    table["chosen"] = table.index == table.index[np.argmax(table["auc_mean"].round(12))]
    return table.reset_index()
