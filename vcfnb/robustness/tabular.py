"""The tabular part of the study, notebooks 05 and 06 in one call: selection, fusion, three logistic regressions.

The rigorous evaluation and the leakage audit run it hundreds of times on other cases or other labels, so it must be
the same procedure that the notebooks show; a test compares both.
"""

from dataclasses import dataclass
from functools import partial

import pandas as pd

from vcfnb import selection
from vcfnb.agreement import icc_of_readings
from vcfnb.cohort.clinical import ClinicalEncoder
from vcfnb.errors import BadInput, VcfnbError
from vcfnb.fusion import FittedLogistic, fit_logistic
from vcfnb.params import FusionParams, SelectionParams
from vcfnb.selection.harmonisation import fit_combat

MODELS = ("radiomics", "dtl", "fusion")


@dataclass(frozen=True)
class TabularModel:
    """One model of the study, or what takes its place when no feature is left.

    Attributes
    ----------
    features : list of str
        Selected ones; empty when none passed.
    regression : vcfnb.fusion.FittedLogistic or None
    prevalence : float
        Share of acute training cases: the probability of every case when there is no regression.
    note : str
        What could not be done as asked.
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

    Attributes
    ----------
    models : dict of str to TabularModel
        ``radiomics``; with deep features also ``dtl`` and ``fusion``.
    harmonisers : list of vcfnb.selection.harmonisation.ComBat
        Of radiomic and of deep features; empty without harmonisation.
    encoder : vcfnb.cohort.clinical.ClinicalEncoder or None
        Of the clinical variables that the fusion may use.
    """

    models: dict
    harmonisers: list
    encoder: ClinicalEncoder | None

    def features(self, radiomics, deep, cases):
        """All features of any cases as the models take them: harmonised, with clinical ones."""
        x = radiomics if deep is None else pd.concat([radiomics, deep], axis=1)
        for combat in self.harmonisers:
            x = combat.transform(x, cases)
        return x if self.encoder is None else pd.concat([x, self.encoder.transform(cases.loc[x.index])], axis=1)

    def score(self, radiomics, deep, cases):
        """Probabilities of any cases, one column per model."""
        x = self.features(radiomics, deep, cases)
        return pd.DataFrame({name: model.score(x) for name, model in self.models.items()})


def fit_models(radiomics, deep, cases, stable=None, lasso=None, fusion=None, seed=0):
    """Select features and fit the three models on training cases.

    Parameters
    ----------
    radiomics : pandas.DataFrame
        Training cases, all radiomic features.
    deep : pandas.DataFrame or None
        Deep features of the same cases; None gives the radiomics model alone.
    cases : pandas.DataFrame
        The same cases: label, patient_id, and the clinical columns and the site where the settings use them.
    stable : iterable of str, optional
        Radiomic features that pass the ICC step; None leaves the step out.
    lasso : vcfnb.params.SelectionParams, optional
    fusion : vcfnb.params.FusionParams, optional
    seed : int
        Of all folds inside.

    Returns
    -------
    TabularStudy

    Raises
    ------
    VcfnbError
        Labels or patients that do not fit the cases, and missing values: as :func:`vcfnb.selection.select_features`;
        sites that cannot be harmonised: as :func:`vcfnb.selection.harmonisation.fit_combat`.

    Notes
    -----
    When no feature passes a step, the model's answer is the training share of acute cases for everybody (AUC 0.5), and
    its note says so: in a cross-validation one such fold must not stop the others.
    """
    lasso, fusion = lasso or SelectionParams(), fusion or FusionParams()
    selection.check_labels(radiomics, cases["label"], cases["patient_id"])
    harmonisers = []
    if lasso.harmonise == "combat":
        sources = [x for x in (radiomics, deep) if x is not None]
        harmonisers = [fit_combat(x, cases, lasso.harmonise_covariates) for x in sources]
        radiomics, *others = (combat.transform(x, cases) for combat, x in zip(harmonisers, sources, strict=True))
        deep = others[0] if others else None
    work = partial(_select_and_fit, cases, lasso, fusion, seed)
    fitted, encoder = {"radiomics": work(radiomics, stable)}, None
    if deep is not None:
        fitted["dtl"] = work(deep, None)
        parts = [radiomics[fitted["radiomics"].features], deep[fitted["dtl"].features]]
        if fusion.clinical:
            encoder = ClinicalEncoder.fit(cases, fusion.clinical, fusion.clinical_missing)
            parts.append(encoder.transform(cases))
        fitted["fusion"] = _fuse(pd.concat(parts, axis=1), cases, lasso, fusion, seed)
    return TabularStudy(fitted, harmonisers, encoder)


def _select_and_fit(cases, lasso, fusion, seed, x, stable):
    y, groups = cases["label"], cases["patient_id"]
    try:
        found = selection.select_features(x, y, lasso, groups=groups, stable=stable, seed=seed)
    except BadInput:
        raise
    except VcfnbError as error:
        return _without_features(y, error)
    return _fit(x, found, cases, fusion, seed)


def _fuse(both, cases, lasso, fusion, seed):
    if not both.shape[1]:
        return _without_features(cases["label"], "neither radiomic nor deep features were selected")
    try:
        found = selection.lasso_again(both, cases["label"], lasso, groups=cases["patient_id"], seed=seed)
    except BadInput:
        raise
    except VcfnbError as error:
        return _without_features(cases["label"], error)
    return _fit(both, found, cases, fusion, seed)


def _fit(x, found, cases, fusion, seed):
    names, y = list(found.selected["feature"]), cases["label"]
    fitted = fit_logistic(x[names], y, fusion, groups=cases["patient_id"], seed=seed)
    notes = [*found.steps.loc[found.steps["step"] == "lasso", "note"], fitted.note]
    return TabularModel(names, fitted, float(y.mean()), "; ".join(note for note in notes if note))


def _without_features(y, why):
    return TabularModel([], None, float(y.mean()), f"no feature: the share of acute cases for all ({why})")


def stable_features(readings, among, form="ICC(2,1)", threshold=0.8):
    """Features that pass the ICC step, judged by the repeat segmentations among the given ones.

    Parameters
    ----------
    readings : dict of pandas.DataFrame
        By reading (``a``, ``a2``, ``b``): case_id and features; empty when nobody drew again.
    among : iterable of str
        Training cases; repeat segmentations outside are not looked at.
    form, threshold
        As :func:`vcfnb.agreement.icc_of_readings`.

    Returns
    -------
    stable : set of str or None
        None leaves the ICC step out.
    note : str
    """
    if not readings:
        return None, ""
    among = set(among)
    inside = {name: table[table["case_id"].isin(among)] for name, table in readings.items()}
    if len(inside["a"]) < 3:
        return None, f"ICC step not applied: {len(inside['a'])} repeat segmentations among the training cases"
    table = icc_of_readings(inside, form=form, threshold=threshold)
    return set(table.loc[table["stable"], "feature"]), ""
