"""Nested, repeated, stratified, patient-grouped cross-validation of the whole tabular pipeline."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from vcfnb import fusion, runs, selection, statistics
from vcfnb.robustness.tabular import MODELS, fit_models, stable_features
from vcfnb.runs.cache import cached


@dataclass(frozen=True)
class OuterFold:
    """One outer fold: which cases are fitted on, and which are held out.

    Attributes
    ----------
    repeat, fold : int
        From 1.
    train, test : numpy.ndarray of int
        Positions of the cases.
    seed : int
        Of everything random inside this fold.
    """

    repeat: int
    fold: int
    train: np.ndarray
    test: np.ndarray
    seed: int

    @property
    def name(self):
        return f"repeat_{self.repeat:02d}_fold_{self.fold:02d}"


@dataclass(frozen=True)
class NestedResult:
    """What the outer folds gave.

    Attributes
    ----------
    scores : pandas.DataFrame
        model, repeat, fold, case_id, patient_id, label, score: every case once per model and repeat, scored by a model
        that was selected and fitted without it and its patient.
    selected : pandas.DataFrame
        model, repeat, fold, feature.
    weighting : pandas.DataFrame
        The radiomics model with and without class weights: weights (none, balanced), repeat, fold, case_id, patient_id,
        label, score, youden (threshold chosen on the fold's training cases), share (acute share of its training cases).
    notes : pandas.DataFrame
        repeat, fold, model, note: where something could not be done as asked.
    """

    scores: pd.DataFrame
    selected: pd.DataFrame
    weighting: pd.DataFrame
    notes: pd.DataFrame


def outer_folds(y, groups, n_folds, n_repeats, seed):
    """Deal the cases into outer folds, again and again.

    Parameters
    ----------
    y : array of 0 and 1, shape (n,)
    groups : array, shape (n,)
        Patients; all cases of one are in the same fold.
    n_folds, n_repeats : int
    seed : int

    Returns
    -------
    folds : list of OuterFold
    note : str
        Says so when there were too few patients for that many folds (:func:`vcfnb.selection.folds`).

    Raises
    ------
    VcfnbError
        When not even two folds hold both classes inside and outside.
    """
    dealt, note = [], ""
    for repeat in range(1, n_repeats + 1):
        splits, note = selection.folds(np.asarray(y), np.asarray(groups), n_folds, _seed(seed, repeat))
        dealt += [OuterFold(repeat, k, *split, _seed(seed, repeat, k)) for k, split in enumerate(splits, start=1)]
    return dealt, note


def _seed(*parts):
    """A seed of its own for each repeat and fold."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0] % 2**31)


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
        Worker processes; all usable cores by default.

    Returns
    -------
    NestedResult
    """
    deep = deep or {}
    jobs = [(fold, deep.get(fold.name)) for fold in folds]
    done = runs.parallel_map(partial(_fold_result, data, Path(folder)), jobs, cores, desc="nested cross-validation")
    parts = {"scores": [], "selected": [], "weighting": [], "notes": []}
    for fold, found in zip(folds, done, strict=True):
        held_out = data.cases.iloc[fold.test].reset_index()[["case_id", "patient_id", "label"]]
        about = {"repeat": fold.repeat, "fold": fold.fold}
        for model in (name for name in MODELS if name in found["models"]):
            values = found["models"][model]
            parts["scores"].append(held_out.assign(model=model, score=values["scores"], **about))
            parts["selected"].append(pd.DataFrame({"feature": values["features"]}).assign(model=model, **about))
            if values["note"]:
                parts["notes"].append(pd.DataFrame([about | {"model": model, "note": values["note"]}]))
        for weights, values in found["weighting"].items():
            parts["weighting"].append(held_out.assign(weights=weights, **values, **about))
    first = {
        "scores": ["model", "repeat", "fold", "case_id", "patient_id", "label", "score"],
        "selected": ["model", "repeat", "fold", "feature"],
        "weighting": ["weights", "repeat", "fold", "case_id", "patient_id", "label", "score", "youden", "share"],
        "notes": ["repeat", "fold", "model", "note"],
    }
    return NestedResult(**{name: _stacked(tables, first[name]) for name, tables in parts.items()})


def _stacked(tables, columns):
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    return table[columns]


def _fold_result(data, folder, job):
    fold, deep = job
    inputs = [data.key, fold.train, fold.test, fold.seed, deep]
    return cached(folder / f"{fold.name}.json", __name__, inputs, partial(_run_fold, data, fold, deep))


def _run_fold(data, fold, deep):
    train, test = data.cases.iloc[fold.train], data.cases.iloc[fold.test]
    stable, icc_note = stable_features(data.readings, train.index, data.icc.icc_form, data.icc.icc_threshold)
    x = [(data.radiomics.loc[part.index], None if deep is None else deep.loc[part.index]) for part in (train, test)]
    fitted = fit_models(*x[0], train, stable, data.lasso, data.fusion, fold.seed)
    scores = fitted.score(*x[1], test)
    found = {
        name: {
            "scores": scores[name].tolist(),
            "features": model.features,
            "note": "; ".join(note for note in (icc_note if name == "radiomics" else "", model.note) if note),
        }
        for name, model in fitted.models.items()
    }
    before, after = (fitted.features(*part, cases) for part, cases in zip(x, (train, test), strict=True))
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
