"""Out-of-fold probabilities of the training cases: the whole chain refitted without the case's patient."""

from dataclasses import dataclass
from functools import partial

import pandas as pd

from vcfnb import runs, selection
from vcfnb.fusion.chain import MODELS, fit_alone
from vcfnb.fusion.folds import outer_folds, stacked
from vcfnb.fusion.study_data import fit_on, stable_in


@dataclass(frozen=True)
class OutOfFold:
    """What :func:`out_of_fold_scores` gives.

    - scores: case_id, label, and a probability for each model (:data:`vcfnb.fusion.MODELS`, and ``dtl_06`` and so on
      for each expansion);
    - folds: fold, model, expansion (that the fold's training cases chose), n_features, C, note.
    """

    scores: pd.DataFrame
    folds: pd.DataFrame


def out_of_fold_scores(data, deep, networks, n_folds, folder, cores=None):
    """Probability of each training case by every model, from a chain that was refitted without the case's patient.

    z-score, ICC step, correlation filter, wrapper, LASSO with its penalty, the choice of the expansion, the fusion and
    the regression with its C see the other folds alone. Deep features are taken as they are: each case's come from a
    network that was not trained on its patient.

    Parameters
    ----------
    data : StudyData
        Of all cases; test cases are not used.
    deep : dict of int to pandas.DataFrame
        Out-of-fold deep features by expansion (voxels of 1 mm), indexed by case_id.
    networks : pandas.DataFrame
        Cross-validated scores of the networks, as for :func:`vcfnb.selection.best_expansion`.
    n_folds : int
        Fewer where a class has fewer patients.
    folder : path
        Each fold's result is cached there.
    cores : int, optional

    Returns
    -------
    OutOfFold

    Raises
    ------
    VcfnbError
        There are too few patients of a class for two folds.
    """
    cases = data.cases[data.cases["split"] == "train"]
    folds, note = outer_folds(cases["label"], cases["patient_id"], n_folds, 1, data.seed)
    work = partial(_fold, data, cases, deep, networks, folder)
    done = runs.parallel_map(work, folds, cores, desc="out-of-fold")
    scores, rows = [], []
    for fold, found in zip(folds, done, strict=True):
        held_out = cases.iloc[fold.test]
        scores.append(pd.DataFrame(found["scores"], index=held_out.index).assign(label=held_out["label"]))
        rows.append(pd.DataFrame(found["rows"]).assign(fold=fold.fold))
    table = pd.concat(scores).loc[cases.index].rename_axis("case_id").reset_index()
    names = [*(name for name in MODELS if name in table), *(f"dtl_{n:02d}" for n in deep)]
    by_fold = stacked(rows, ["fold", "model", "expansion", "n_features", "C", "note"])
    if note:
        by_fold["note"] = [f"{own}; {note}" if own else note for own in by_fold["note"]]
    return OutOfFold(table[["case_id", "label", *names]], by_fold)


def _fold(data, cases, deep, networks, folder, fold):
    inputs = [data.key, *deep.values(), networks]
    return fold.kept(folder, "_out_of_fold", __name__, inputs, partial(_run, data, cases, deep, networks, fold))


def _run(data, cases, deep, networks, fold):
    train, test = cases.iloc[fold.train], cases.iloc[fold.test]
    expansion = selection.highest_auc(networks[networks["case_id"].isin(train.index)])
    stable, icc_note = stable_in(data, train)
    fitted = fit_on(data, train, stable, fold.seed, deep[expansion])
    scores = fitted.score(data.radiomics, deep[expansion], test)
    rows = [_row(name, model, expansion, icc_note) for name, model in fitted.models.items()]
    for n, features in deep.items():
        if n == expansion:
            model, scores[f"dtl_{n:02d}"] = fitted.models["dtl"], scores["dtl"]
        else:
            alone = fit_alone("dtl", features.loc[train.index], train, data.lasso, data.fusion, fold.seed)
            model, scores[f"dtl_{n:02d}"] = alone.models["dtl"], alone.score(None, features, test)["dtl"]
        rows.append(_row(f"dtl_{n:02d}", model, n))
    return {"scores": scores.to_dict("list"), "rows": rows}


def _row(name, model, expansion, icc_note=""):
    note = "; ".join(filter(None, [icc_note if name == "radiomics" else "", model.note]))
    chosen_c = model.regression.chosen_c if model.regression else None
    expansion = None if name in ("radiomics", "baseline") else expansion
    return {"model": name, "expansion": expansion, "n_features": len(model.features), "C": chosen_c, "note": note}
