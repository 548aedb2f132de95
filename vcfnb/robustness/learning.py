"""Learning curve: would more patients help?"""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from vcfnb import runs
from vcfnb.errors import VcfnbError
from vcfnb.robustness.areas import BootstrappedAreas
from vcfnb.robustness.tabular import fit_models, stable_features
from vcfnb.runs.cache import cached


def share_of_patients(y, groups, share, rng):
    """Positions of the cases of a share of the patients, each class keeping its part.

    Parameters
    ----------
    y : array of 0 and 1, shape (n,)
    groups : array, shape (n,)
        Patients.
    share : float
        Above 0, at most 1. At least two patients of each kind (acute, chronic, both) are kept where there are two.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray of int
        In their old order. Smaller shares drawn with an equal generator are parts of larger ones.
    """
    names, number = np.unique(groups, return_inverse=True)
    kind = np.zeros(len(names), dtype=int)
    np.bitwise_or.at(kind, number, np.where(np.asarray(y) == 1, 2, 1))
    kept = np.zeros(len(names), dtype=bool)
    for value in np.unique(kind):
        alike = rng.permutation(np.flatnonzero(kind == value))
        kept[alike[: max(min(2, len(alike)), round(share * len(alike)))]] = True
    return np.flatnonzero(kept[number])


def learning_cases(cases, share, seed):
    """Positions of the cases that the learning curve takes of an outer fold's training part, of that fold's seed."""
    return share_of_patients(cases["label"], cases["patient_id"], share, np.random.default_rng([seed, 7]))


def learning_scores(data, folds, shares, folder, cores=None):
    """The radiomics model fitted on shares of each outer fold's training patients, scored on its held-out cases.

    Parameters
    ----------
    data : StudyData
    folds : list of OuterFold
    shares : iterable of float
        Between 0 and 1. The whole training part is what :func:`vcfnb.robustness.nested_cross_validation` gives.
    folder : path
        Each result is kept there.
    cores : int, optional

    Returns
    -------
    pandas.DataFrame
        share, n_train, repeat, fold, case_id, patient_id, label, score.
    """
    jobs = [(fold, float(share)) for share in shares for fold in folds]
    done = runs.parallel_map(partial(_share_result, data, Path(folder)), jobs, cores, desc="learning curve")
    tables = []
    for (fold, share), found in zip(jobs, done, strict=True):
        held_out = data.cases.iloc[fold.test].reset_index()[["case_id", "patient_id", "label"]]
        tables.append(held_out.assign(share=share, repeat=fold.repeat, fold=fold.fold, **found))
    columns = ["share", "n_train", "repeat", "fold", "case_id", "patient_id", "label", "score"]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def _share_result(data, folder, job):
    fold, share = job
    path = folder / f"{fold.name}_share_{share:.3f}.json"
    inputs = [data.key, fold.train, fold.test, fold.seed, share]
    return cached(path, __name__, inputs, partial(_run, data, fold, share))


def _run(data, fold, share):
    cases = data.cases.iloc[fold.train]
    few = cases.iloc[learning_cases(cases, share, fold.seed)]
    stable, _ = stable_features(data.readings, few.index, data.icc.icc_form, data.icc.icc_threshold)
    fitted = fit_models(data.radiomics.loc[few.index], None, few, stable, data.lasso, data.fusion, fold.seed)
    test = data.cases.iloc[fold.test]
    scores = fitted.score(data.radiomics.loc[test.index], None, test)["radiomics"]
    return {"n_train": len(few), "score": scores.tolist()}


def learning_curve(scores, seed=0, n_bootstrap=2000, alpha=0.05):
    """AUC of the held-out cases by the number of training cases.

    Parameters
    ----------
    scores : pandas.DataFrame
        As :func:`learning_scores` gives it, with the whole training part as share 1.
    seed, n_bootstrap, alpha
        As :class:`vcfnb.robustness.BootstrappedAreas`.

    Returns
    -------
    pandas.DataFrame
        share, n_train (mean over folds), repeats, auc (mean over repeats), auc_sd (over repeats; NaN with one),
        ci_low, ci_high (bootstrap over patients and repeats).

    Raises
    ------
    VcfnbError
        Without scores.
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
