"""Nested, repeated, stratified, patient-grouped cross-validation of the whole tabular pipeline."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from vcfnb import fusion, runs, statistics
from vcfnb.fusion.chain import MODELS
from vcfnb.fusion.folds import stacked
from vcfnb.fusion.study_data import fit_on, stable_in

_CASES = ["repeat", "fold", "case_id", "patient_id", "label", "score"]
_COLUMNS = {
    "scores": ["model", *_CASES],
    "selected": ["model", "repeat", "fold", "feature"],
    "weighting": ["weights", *_CASES, "youden", "share"],
    "notes": ["repeat", "fold", "model", "note"],
}


@dataclass(frozen=True)
class NestedResult:
    """What the outer folds gave.

    - scores: model, repeat, fold, case_id, patient_id, label, score: every case once per model and repeat, scored by a
      model that was selected and fitted without it and its patient;
    - selected: model, repeat, fold, feature;
    - weighting: the radiomics model with and without class weights: weights (none, balanced), repeat, fold, case_id,
      patient_id, label, score, youden (threshold chosen on the fold's training cases), share (of them that is acute);
    - notes: repeat, fold, model, note: where something could not be done as asked.
    """

    scores: pd.DataFrame
    selected: pd.DataFrame
    weighting: pd.DataFrame
    notes: pd.DataFrame


def nested_cross_validation(data, folds, folder, deep=None, cores=None):
    """Run the whole tabular pipeline in every outer fold, and score its held-out cases.

    Inside a fold the z-score, the ICC step (of repeat segmentations that are not held out), the correlation filter,
    the wrapper, the LASSO with the choice of its penalty, the fusion and the regression with the choice of C see the
    training part alone.

    Parameters
    ----------
    data : StudyData
    folds : list of OuterFold
    folder : path
        Each fold's result is kept there; what is there and still valid is not computed again.
    deep : dict of str to pandas.DataFrame, optional
        Deep features of all cases by the name of an outer fold (:func:`vcfnb.robustness.nested_networks`). Folds
        that it lacks give the radiomics model alone.
    cores : int, optional

    Returns
    -------
    NestedResult
    """
    deep = deep or {}
    jobs = [(fold, deep.get(fold.name)) for fold in folds]
    done = runs.parallel_map(partial(_fold_result, data, Path(folder)), jobs, cores, desc="nested cross-validation")
    parts = {name: [] for name in _COLUMNS}
    for fold, found in zip(folds, done, strict=True):
        held_out = fold.held_out(data.cases)
        for model in (name for name in MODELS if name in found["models"]):
            values = found["models"][model]
            chosen = pd.DataFrame({"feature": values["features"]})
            parts["scores"].append(held_out.assign(model=model, score=values["scores"]))
            parts["selected"].append(chosen.assign(model=model, **fold.number))
            if values["note"]:
                parts["notes"].append(pd.DataFrame([fold.number | {"model": model, "note": values["note"]}]))
        for weights, values in found["weighting"].items():
            parts["weighting"].append(held_out.assign(weights=weights, **values))
    return NestedResult(**{name: stacked(tables, _COLUMNS[name]) for name, tables in parts.items()})


def _fold_result(data, folder, job):
    fold, deep = job
    return fold.kept(folder, "", __name__, [data.key, deep], partial(_run_fold, data, fold, deep))


def _run_fold(data, fold, deep):
    train, test = data.cases.iloc[fold.train], data.cases.iloc[fold.test]
    stable, icc_note = stable_in(data, train)
    fitted = fit_on(data, train, stable, fold.seed, deep)
    scores = fitted.score(data.radiomics, deep, test)
    found = {
        name: {
            "scores": scores[name].tolist(),
            "features": model.features,
            "note": "; ".join(note for note in (icc_note if name == "radiomics" else "", model.note) if note),
        }
        for name, model in fitted.models.items()
    }
    before, after = (fitted.features(data.radiomics, deep, cases) for cases in (train, test))
    return {"models": found, "weighting": _weighting(fitted.models["radiomics"], data, before, after, train, fold.seed)}


def _weighting(model, data, x_train, x_test, train, seed):
    """The selected radiomic features once without and once with class weights."""
    found = {}
    for name, weight in (("none", None), ("balanced", "balanced")):
        fitted = model
        if model.features:
            settings = data.fusion.model_copy(update={"class_weight": weight})
            x = x_train[model.features]
            fitted = fusion.fit_logistic(x, train["label"], settings, groups=train["patient_id"], seed=seed)
        found[name] = {
            "score": fitted.score(x_test).tolist(),
            "youden": statistics.operating_point(train["label"], fitted.score(x_train)),
            "share": float(train["label"].mean()),
        }
    return found
