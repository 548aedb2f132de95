"""Selection before or after the split: what it does to the AUC when test cases help to choose the features."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from vcfnb import fusion, runs, selection, statistics
from vcfnb.fusion.folds import seed_of
from vcfnb.fusion.study_data import fit_radiomics
from vcfnb.leakage.permutation import audit_row, permute_labels
from vcfnb.runs.cache import cached
from vcfnb.statistics.bootstrap import percentile_interval


def selection_order(data, stable, n, folder, cores=None):
    """The radiomics model on n random splits, its features selected on the training part or on all cases.

    Only the selection differs: the regression is fitted on the training part in both orders, with the same seed. It is
    done once with the true labels, and once with labels that were dealt at random among patients, of which nothing can
    be learned. `stable` are the features that passed the ICC step, or None; each run is kept in `folder`.

    Returns
    -------
    pandas.DataFrame
        run, labels (true, random), order (after, before), auc (held-out cases). With random labels ``before`` alone:
        the permutation test is the other.

    References
    ----------
    Ambroise and McLachlan 2002, PNAS 99:6562; Demircioglu 2021, Insights Imaging 12:172.
    """
    if not n:
        return pd.DataFrame(columns=["run", "labels", "order", "auc"])
    inputs = [data.key, sorted(stable or ())]
    # Run 0 is the selection on all cases with their true labels, which all splits share.
    path = Path(folder) / "order_all.json"
    chosen = cached(path, __name__, inputs, partial(_chosen, data, data.cases, stable, data.seed))
    work = partial(_run, data, stable, chosen, inputs, Path(folder))
    done = runs.parallel_map(work, range(1, n + 1), cores, desc="selection before and after the split")
    rows = [(run, *row) for run, found in enumerate(done, start=1) for row in found]
    return pd.DataFrame(rows, columns=["run", "labels", "order", "auc"])


def _chosen(data, cases, stable, seed):
    return fit_radiomics(data, cases, stable, seed).models["radiomics"].features


def _run(data, stable, chosen, inputs, folder, run):
    work = partial(_areas, data, stable, chosen, run)
    return cached(folder / f"order_{run:03d}.json", __name__, [*inputs, chosen, run], work)


def _areas(data, stable, chosen, run):
    seed = seed_of(data.seed, 13, run)
    train, test = _split(data.cases, data.cases, seed)
    after = fit_radiomics(data, train, stable, seed).score(data.radiomics, None, test)["radiomics"]
    found = [
        ("true", "after", statistics.auc(test["label"], after)),
        ("true", "before", _fitted_on(data, chosen, train, test, seed)),
    ]
    random = permute_labels(data.cases, np.random.default_rng(seed))
    train, test = _split(data.cases, random, seed)
    names = _chosen(data, random, stable, seed)
    return [*found, ("random", "before", _fitted_on(data, names, train, test, seed))]


def _split(all_cases, cases, seed):
    """One random split with about the study's proportion of test cases; patients together, stratified."""
    n_folds = max(2, round(len(all_cases) / max(1, (all_cases["split"] == "test").sum())))
    splits, _ = selection.folds(cases["label"].to_numpy(), cases["patient_id"].to_numpy(), n_folds, seed)
    return cases.iloc[splits[0][0]], cases.iloc[splits[0][1]]


def _fitted_on(data, names, train, test, seed):
    if not names:
        return 0.5
    x = data.radiomics[names]
    fitted = fusion.fit_logistic(x.loc[train.index], train["label"], data.fusion, groups=train["patient_id"], seed=seed)
    return statistics.auc(test["label"], fitted.score(x.loc[test.index]))


def order_rows(table, alpha=0.05):
    """Two lines of the audit: mean optimism with the true and with random labels, with percentiles over runs."""
    wide = table[table["labels"] == "true"].pivot(index="run", columns="order", values="auc")
    noise = table.loc[table["labels"] == "random", "auc"]
    if wide.empty:
        return []
    optimism = wide["before"] - wide["after"]
    lifted = (
        f"selecting on all cases raises the AUC of {len(wide)} random splits from "
        f"{wide['after'].mean():.3f} to {wide['before'].mean():.3f}; this study selects after the split"
    )
    nothing = (
        f"where nothing can be learned, selecting on all cases gives a mean AUC of {noise.mean():.3f} instead of 0.5"
    )
    low, high = percentile_interval(noise, alpha)
    return [
        audit_row(
            "selection-before-split",
            "selection before the split, true labels",
            (optimism.mean(), *percentile_interval(optimism, alpha)),
            "measured",
            lifted,
        ),
        audit_row(
            "selection-before-split-random",
            "selection before the split, random labels",
            (noise.mean() - 0.5, low - 0.5, high - 0.5),
            "measured",
            nothing,
        ),
    ]
