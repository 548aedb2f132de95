"""In-sample against out-of-fold deep features: how much of a training AUC is memory."""

import numpy as np

from vcfnb import statistics
from vcfnb.statistics.bootstrap import percentile_interval


def feature_mode_rows(scores, patients, seed=0, n_bootstrap=2000, alpha=0.05):
    """Three lines of the audit: the training AUC's inflation, and the gap between training and test of both modes.

    Parameters
    ----------
    scores : pandas.DataFrame
        case_id, label, split, expansion, mode (in_sample, out_of_fold), score: ``06_fusion/feature_mode_scores.csv``.
    patients : pandas.Series
        Patient by case_id.
    seed, n_bootstrap, alpha
        Of the bootstrap: patients are drawn anew, the same for both modes and all expansions.

    Returns
    -------
    list of dict
        check, value, low, high, finding, code. AUCs are means over the expansions.
    """
    means = {
        (mode, split): _mean_auc(
            scores[(scores["mode"] == mode) & (scores["split"] == split)], patients, seed, n_bootstrap
        )
        for mode in ("in_sample", "out_of_fold")
        for split in ("train", "test")
    }
    train = {mode: means[mode, "train"] for mode in ("in_sample", "out_of_fold")}
    gap = {mode: train[mode] - means[mode, "test"] for mode in train}
    inflation = train["in_sample"] - train["out_of_fold"]
    rows = [
        (
            "training-inflation",
            "training AUC, in-sample minus out-of-fold deep features",
            inflation,
            f"measured: training AUC {train['in_sample'][0]:.3f} with features of networks that saw the case, "
            f"{train['out_of_fold'][0]:.3f} with features of networks that did not",
        )
    ]
    for mode, name in (("in_sample", "in-sample"), ("out_of_fold", "out-of-fold")):
        text = f"measured: training AUC {train[mode][0]:.3f}, test AUC {means[mode, 'test'][0]:.3f}"
        rows.append((f"gap-{name}", f"training minus test AUC, {name} deep features", gap[mode], text))
    found = []
    for code, check, values, finding in rows:
        low, high = percentile_interval(values[1:], alpha)
        found.append({"check": check, "value": values[0], "low": low, "high": high, "finding": finding, "code": code})
    return found


def _mean_auc(scores, patients, seed, n_bootstrap):
    """Mean AUC over expansions: as it is, then of each bootstrap sample."""
    wide = scores.pivot(index="case_id", columns="expansion", values="score")
    y = scores.drop_duplicates("case_id").set_index("case_id").loc[wide.index, "label"].to_numpy()
    counts = statistics.draw_counts(y, patients.loc[wide.index].to_numpy(), n_boot=n_bootstrap, seed=seed)
    counts = np.vstack([np.ones((1, len(y)), dtype=int), counts])
    return np.mean([statistics.resampled_auc(y, wide[name].to_numpy(), counts) for name in wide], axis=0)
