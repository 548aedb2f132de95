"""Learning curve: would more patients help?"""

from functools import partial

import numpy as np
import pandas as pd

from vcfnb import runs
from vcfnb.errors import VcfnbError
from vcfnb.fusion.folds import stacked
from vcfnb.fusion.study_data import fit_radiomics, stable_in
from vcfnb.robustness.areas import BootstrappedAreas
from vcfnb.statistics.bootstrap import patient_strata


def share_of_patients(y, groups, share, rng):
    """Positions of the cases of a share (0 < share <= 1) of the patients, each stratum keeping its part.

    At least two patients of each stratum (acute, chronic, both) are kept where there are two. Smaller shares drawn with
    an equal generator are parts of larger ones.
    """
    number, stratum = patient_strata(y, groups)
    kept = np.zeros(len(stratum), dtype=bool)
    for value in np.unique(stratum):
        alike = rng.permutation(np.flatnonzero(stratum == value))
        kept[alike[: max(min(2, len(alike)), round(share * len(alike)))]] = True
    return np.flatnonzero(kept[number])


def learning_cases(cases, share, seed):
    """Positions of the cases that the learning curve takes of an outer fold's training part, of that fold's seed."""
    return share_of_patients(cases["label"], cases["patient_id"], share, np.random.default_rng([seed, 7]))


def learning_scores(data, folds, shares, folder, cores=None):
    """The radiomics model fitted on proportions of each outer fold's training patients, scored on its held-out cases.

    share, n_train, repeat, fold, case_id, patient_id, label, score; each result is kept in `folder`. The whole training
    part is what :func:`vcfnb.robustness.nested_cross_validation` gives.
    """
    jobs = [(fold, float(share)) for share in shares for fold in folds]
    done = runs.parallel_map(partial(_share_result, data, folder), jobs, cores, desc="learning curve")
    tables = [
        fold.held_out(data.cases).assign(share=share, **found) for (fold, share), found in zip(jobs, done, strict=True)
    ]
    return stacked(tables, ["share", "n_train", "repeat", "fold", "case_id", "patient_id", "label", "score"])


def _share_result(data, folder, job):
    fold, share = job
    work = partial(_run, data, fold, share)
    return fold.kept(folder, f"_share_{share:.3f}", __name__, [data.key, share], work)


def _run(data, fold, share):
    cases, test = data.cases.iloc[fold.train], data.cases.iloc[fold.test]
    few = cases.iloc[learning_cases(cases, share, fold.seed)]
    stable, _ = stable_in(data, few)
    scores = fit_radiomics(data, few, stable, fold.seed).score(data.radiomics, None, test)["radiomics"]
    return {"n_train": len(few), "score": scores.tolist()}


def learning_curve(scores, seed=0, n_bootstrap=2000, alpha=0.05):
    """AUC of the held-out cases by the number of training cases.

    `scores` are those of :func:`learning_scores`, with the whole training part as share 1. share, n_train (mean over
    folds), repeats, auc (mean over repeats), auc_sd (over repeats; NaN with one), ci_low, ci_high (bootstrap over
    patients and repeats).
    """
    if scores.empty:
        raise VcfnbError("learning curve: there are no scores", "give learning_shares", code="scores-incomplete")
    areas = BootstrappedAreas(scores.assign(model=scores["share"]), seed, n_bootstrap, alpha).table()
    sizes = scores.drop_duplicates(["share", "repeat", "fold"]).groupby("share")["n_train"].mean()
    rows = []
    for share, part in areas.groupby("model"):
        mean, single = part[part["repeat"] == "mean"].iloc[0], part.loc[part["repeat"] != "mean", "auc"]
        row = {"share": share, "n_train": sizes[share], "repeats": len(single), "auc": mean["auc"]}
        rows.append(row | {"auc_sd": single.std(ddof=1), "ci_low": mean["ci_low"], "ci_high": mean["ci_high"]})
    return pd.DataFrame(rows)
