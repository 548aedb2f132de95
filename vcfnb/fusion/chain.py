"""The tabular part of the study, notebooks 05 and 06 in one call: selection, fusion, logistic regressions.

Out-of-fold probabilities, the nested cross-validation and the leakage audit run it hundreds of times on other cases or
other labels, so it must be the same procedure that the notebooks show; a test compares both.
"""

from dataclasses import dataclass
from functools import partial

import pandas as pd

from vcfnb import selection
from vcfnb.agreement import icc_of_segmentations
from vcfnb.cohort.clinical import ClinicalEncoder
from vcfnb.errors import BadInput, VcfnbError
from vcfnb.fusion.baseline import baseline_features, fit_baseline_encoder
from vcfnb.fusion.logistic import FittedLogistic, fit_logistic
from vcfnb.fusion.ridge import fit_ridge_fusion
from vcfnb.params import FusionParams, SelectionParams
from vcfnb.radiomics.baseline import PREFIX
from vcfnb.selection.harmonisation import fit_combat

MODELS = ("radiomics", "dtl", "fusion", "ridge_fusion", "baseline")


@dataclass(frozen=True)
class TabularModel:
    """One model of the study: its selected features, its regression, and what could not be done as asked.

    When no feature is left, every case gets the proportion of acute training cases (`prevalence`).
    """

    features: list
    regression: FittedLogistic | None
    prevalence: float
    note: str = ""

    def score(self, x):
        """Probability of label 1 of any cases, by the index of `x`."""
        if self.regression is None:
            return pd.Series(self.prevalence, index=x.index, name="score")
        return self.regression.score(x)


@dataclass(frozen=True)
class TabularStudy:
    """The models of one set of training cases, with what their features went through before.

    `models` are ``radiomics``, with deep features also ``dtl``, ``fusion`` and ``ridge_fusion``, and with simple
    measurements ``baseline``. `harmonisers` (ComBat) are those of radiomic and of deep features, `encoder` that of the
    clinical variables which both fusions may use, `baseline` that of the baseline model.
    """

    models: dict
    harmonisers: list
    encoder: ClinicalEncoder | None
    baseline: ClinicalEncoder | None = None

    def features(self, radiomics, deep, cases):
        """All features of any cases as the models take them: harmonised, with clinical ones."""
        tables = [table.loc[cases.index] for table in (radiomics, deep) if table is not None]
        x = tables[0] if len(tables) == 1 else pd.concat(tables, axis=1)
        for combat in self.harmonisers:
            x = combat.transform(x, cases)
        more = [] if self.encoder is None else [self.encoder.transform(cases)]
        more += [] if self.baseline is None else [baseline_features(cases, self.baseline)]
        return pd.concat([x, *more], axis=1)

    def score(self, radiomics, deep, cases):
        """Probabilities of any cases, one column per model."""
        x = self.features(radiomics, deep, cases)
        return pd.DataFrame({name: model.score(x) for name, model in self.models.items()})


def fit_models(radiomics, deep, cases, stable=None, lasso=None, fusion=None, seed=0):
    """Select features and fit the models (:class:`TabularStudy`) on training cases.

    `radiomics` and `deep` are all features of the cases (deep None: no model that needs them), `cases` their label,
    patient_id, simple measurements, clinical columns and site, as far as known and asked for; `stable` the radiomic
    features that pass the ICC step (None leaves it out).

    When no feature passes a step, the model's answer is the training proportion of acute cases for everybody (AUC 0.5),
    and its note says so: in a cross-validation one such fold must not stop the others. Labels, patients and values that
    cannot be used are errors, as in :func:`vcfnb.selection.select_features`.
    """
    lasso, fusion = lasso or SelectionParams(), fusion or FusionParams()
    selection.check_labels(radiomics, cases["label"], cases["patient_id"])
    harmonisers = []
    if lasso.harmonise == "combat":
        sources = [x for x in (radiomics, deep) if x is not None]
        harmonisers = [fit_combat(x, cases, lasso.harmonise_covariates) for x in sources]
        radiomics, *others = (combat.transform(x, cases) for combat, x in zip(harmonisers, sources, strict=True))
        deep = others[0] if others else None
    fit = partial(_select_and_fit, cases, lasso, fusion, seed)
    fitted, encoder = {"radiomics": fit(radiomics, partial(selection.select_features, stable=stable))}, None
    if deep is not None:
        fitted["dtl"] = fit(deep, selection.select_features)
        patient = []
        if fusion.clinical:
            encoder = ClinicalEncoder.fit(cases, fusion.clinical, fusion.clinical_missing)
            patient = [encoder.transform(cases)]
        both = pd.concat([radiomics[fitted["radiomics"].features], deep[fitted["dtl"].features], *patient], axis=1)
        nothing = "neither radiomic nor deep features were selected"
        fitted["fusion"] = fit(both, selection.lasso_again) if both.shape[1] else _without_features(cases, nothing)
        fitted["ridge_fusion"] = _ridge_fusion(radiomics, [deep, *patient], cases, stable, lasso, fusion, seed)
    of_baseline = None
    if any(name.startswith(PREFIX) for name in cases):
        of_baseline = fit_baseline_encoder(cases)
        x = baseline_features(cases, of_baseline)
        regression = fit_logistic(x, cases["label"], fusion, groups=cases["patient_id"], seed=seed)
        fitted["baseline"] = _model(regression, cases)
    return TabularStudy(fitted, harmonisers, encoder, of_baseline)


def fit_alone(name, x, cases, lasso, fusion, seed, stable=None):
    """As :func:`fit_models`, for the radiomics or the deep model (`name`) alone, on all of its features `x`."""
    selection.check_labels(x, cases["label"], cases["patient_id"])
    harmonisers = [fit_combat(x, cases, lasso.harmonise_covariates)] if lasso.harmonise == "combat" else []
    for combat in harmonisers:
        x = combat.transform(x, cases)
    fitted = _select_and_fit(cases, lasso, fusion, seed, x, partial(selection.select_features, stable=stable))
    return TabularStudy({name: fitted}, harmonisers, None)


def _select_and_fit(cases, lasso, fusion, seed, x, select):
    y, groups = cases["label"], cases["patient_id"]
    try:
        found = select(x, y, lasso, groups=groups, seed=seed)
    except BadInput:
        raise
    except VcfnbError as error:
        return _without_features(cases, error)
    names = list(found.selected["feature"])
    fitted = fit_logistic(x[names], y, fusion, groups=groups, seed=seed)
    return _model(fitted, cases, *found.steps.loc[found.steps["step"] == "lasso", "note"])


def _model(regression, cases, *notes):
    told = "; ".join(filter(None, [*notes, regression.note]))
    return TabularModel(regression.features, regression, float(cases["label"].mean()), told)


def _ridge_fusion(radiomics, others, cases, stable, lasso, fusion, seed):
    note = ""
    try:
        others = [radiomics[selection.uncorrelated_features(radiomics, lasso, stable)], *others]
    except BadInput:
        raise
    except VcfnbError as error:
        note = f"no radiomic feature ({error})"
    return _model(fit_ridge_fusion(others, cases["label"], fusion, cases["patient_id"], seed), cases, note)


def _without_features(cases, why):
    note = f"no feature: the proportion of acute cases for all ({why})"
    return TabularModel([], None, float(cases["label"].mean()), note)


def stable_features(segmentations, among, form="ICC(2,1)", threshold=0.8, criterion="estimate"):
    """Features that pass the ICC step by the repeat segmentations among the given cases, and a note.

    None leaves the step out. `segmentations` are tables by reading (``a``, ``a2``, ``b``), case_id and features, empty
    when nobody drew again; what lies outside `among` (training cases) is not looked at.
    """
    if not segmentations:
        return None, ""
    among = set(among)
    inside = {name: table[table["case_id"].isin(among)] for name, table in segmentations.items()}
    if len(inside["a"]) < 3:
        return None, f"ICC step not applied: {len(inside['a'])} repeat segmentations among the training cases"
    table = icc_of_segmentations(inside, form, threshold, criterion)
    return set(table.loc[table["stable"], "feature"]), ""
