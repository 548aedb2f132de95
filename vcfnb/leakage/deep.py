"""In-sample against out-of-fold deep features: how much of a training AUC is memory."""

import numpy as np

from vcfnb import statistics
from vcfnb.leakage.permutation import audit_row
from vcfnb.statistics.bootstrap import interval, with_original


def feature_mode_rows(scores, patients, seed=0, n_bootstrap=2000, alpha=0.05):
    """Three lines of the audit: the training AUC's inflation, and the gap between training and test of both modes.

    `scores` is ``06_fusion/feature_mode_scores.csv``, `patients` a Series by case_id. AUCs are means over the
    expansions; the bootstrap draws the same patients for both modes and all expansions.
    """
    gap, train, test = {}, {}, {}
    for mode, part in scores.groupby("mode"):
        train[mode], test[mode] = (
            _mean_auc(part[part["split"] == split], patients, seed, n_bootstrap) for split in ("train", "test")
        )
        gap[mode] = train[mode] - test[mode]
    inflation = train["in_sample"] - train["out_of_fold"]
    told = (
        f"training AUC {train['in_sample'][0]:.3f} with features of networks that saw the case, "
        f"{train['out_of_fold'][0]:.3f} with features of networks and a regression that did not"
    )
    check = "training AUC, in-sample minus out-of-fold deep features"
    rows = [audit_row("training-inflation", check, interval(inflation, alpha), "measured", told)]
    for mode, name in (("in_sample", "in-sample"), ("out_of_fold", "out-of-fold")):
        told = f"training AUC {train[mode][0]:.3f}, test AUC {test[mode][0]:.3f}"
        check = f"training minus test AUC, {name} deep features"
        rows.append(audit_row(f"gap-{name}", check, interval(gap[mode], alpha), "measured", told))
    return rows


def _mean_auc(scores, patients, seed, n_bootstrap):
    """Mean AUC over expansions: as it is, then of each bootstrap sample."""
    wide = scores.pivot(index="case_id", columns="expansion", values="score")
    y = scores.drop_duplicates("case_id").set_index("case_id").loc[wide.index, "label"].to_numpy()
    counts = statistics.draw_counts(y, patients.loc[wide.index].to_numpy(), n_boot=n_bootstrap, seed=seed)
    counts = with_original(counts)
    return np.mean([statistics.resampled_auc(y, wide[name].to_numpy(), counts) for name in wide], axis=0)
