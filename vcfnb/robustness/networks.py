"""Networks trained anew inside every outer fold, so that deep features are nested as completely as radiomics."""

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from vcfnb import runs


def nested_networks(data, crops, params, folds, folder, cores=None):
    """Deep features of all cases in each outer fold, from networks that never saw its held-out cases.

    A fold's training part is treated as notebook 04 treats the training cases: the same network, weights and recipe;
    with ``feature_mode: out_of_fold`` an inner cross-validation gives its cases features from networks that did not see
    them, and the held-out cases get theirs from one network trained on the whole training part. The reduction to a
    few dimensions and the rotation of the inner networks' features are fitted on the training part.

    Parameters
    ----------
    data : StudyData
    crops : array (n, 1, size, size, size)
        All cases, of one expansion fixed beforehand (choosing it would have to be nested too).
    params : vcfnb.params.DtlParams
        Settings of notebook 04. Where a training part is too small for its folds or dimensions, the largest possible
        numbers are used.
    folds : list of OuterFold
    folder : path
        Each fold's features are kept there, and while it trains, the state of its networks.
    cores : int, optional

    Returns
    -------
    dict of str to pandas.DataFrame
        By the fold's name: one row per case, columns dtl_000, dtl_001, ...
    """
    key = runs.digest(data.key, np.asarray(crops), params.model_dump(mode="json"))
    found = {}
    for fold in tqdm(folds, desc="outer folds of networks"):
        work = partial(_train, data, crops, params, fold, Path(folder) / f"{fold.name}_networks", cores)
        values = np.asarray(fold.kept(folder, "_networks", __name__, [key], work))
        names = [f"dtl_{index:03d}" for index in range(values.shape[1])]
        found[fold.name] = pd.DataFrame(values, data.cases.index, names)
    return found


def nested_settings(params, cases, seed):
    """Settings of notebook 04 for an outer fold's training part, with the folds and dimensions that it allows."""
    from vcfnb import dtl

    patients = [cases.loc[cases["label"] == label, "patient_id"].nunique() for label in (0, 1)]
    changed = {
        "n_folds": max(2, min(params.n_folds, *patients)),
        "n_repeats": 1 if params.feature_mode == "out_of_fold" else 0,
        "n_dimensions": min(params.n_dimensions, len(cases) - 1),
    }
    return dtl.TrainSettings.from_params(params, seed=seed).model_copy(update=changed)


def _train(data, crops, params, fold, checkpoints, cores):
    from vcfnb import dtl

    labels, groups = data.cases["label"].to_numpy(), data.cases["patient_id"].to_numpy()
    split = np.full(len(labels), "test", dtype=object)
    split[fold.train] = "train"
    settings = nested_settings(params, data.cases.iloc[fold.train], fold.seed)
    # Labels of held-out cases are blanked, so that nothing can look at them.
    labels = np.where(split == "train", labels, -1)
    result = dtl.run_expansion(crops, labels, split, settings, groups, checkpoints, cores)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return result.features.tolist()
