"""The paper's seven steps in one pipeline, run on training cases.

Wang et al. 2025, doi 10.1186/s12880-025-01573-9, Methods (feature selection).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline, make_pipeline

from vcfnb import runs
from vcfnb.params import SelectionParams
from vcfnb.selection.checks import check_features, check_labels
from vcfnb.selection.filters import CollinearityFilter, CorrelationFilter, StableFeatures, ZScore
from vcfnb.selection.lasso import LassoSelector
from vcfnb.selection.wrapper import BackwardElimination, LogisticWrapper


@dataclass(frozen=True)
class SelectionResult:
    """What one selection kept, and how."""

    selected: pd.DataFrame  # feature, coefficient (LASSO's, per SD of the feature), from large to small
    steps: pd.DataFrame  # step, n_features (left after it), note
    lasso_path: pd.DataFrame  # lambda, feature, coefficient
    lasso_error: pd.DataFrame  # lambda, mse_mean, mse_sd, chosen
    chosen_lambda: float
    scaler: pd.DataFrame  # feature, mean, sd of the selected, in their own units (training cases, ddof=0)

    def write(self, folder, name):
        """Write ``<name>_{selected,steps,lasso_path,lasso_error,scaler}.csv``."""
        for table in ("selected", "steps", "lasso_path", "lasso_error", "scaler"):
            runs.write_csv(getattr(self, table), Path(folder) / f"{name}_{table}.csv")


def _lasso(settings, seed):
    lambdas = np.logspace(settings.lambda_min_log10, settings.lambda_max_log10, settings.n_lambdas)
    return LassoSelector(lambdas, rule=settings.lasso_rule, n_folds=settings.lasso_folds, seed=seed)


def _last_step(settings):
    if settings.last_step == "backward":
        return BackwardElimination(settings.p_stay)
    return CollinearityFilter(settings.vif_limit if settings.last_step == "vif" else np.inf)


def selection_pipeline(settings=None, stable=None, seed=0):
    """The paper's seven steps as one scikit-learn Pipeline; arguments as for :func:`select_features`.

    Fit it on training cases with ``fit(X, y, lasso__groups=patients)``; ``transform`` gives the selected features of
    any cases, scaled with training mean and SD.
    """
    settings = settings or SelectionParams()
    return Pipeline(
        [
            ("z-score", ZScore()),
            ("icc", StableFeatures(stable)),
            ("correlation", CorrelationFilter(settings.correlation_threshold, settings.correlation_keep)),
            ("wrapper", LogisticWrapper(settings.wrapper, settings.wrapper_features)),
            ("lasso", _lasso(settings, seed)),
            ("redundancy", CorrelationFilter(settings.redundancy_threshold, settings.correlation_keep)),
            ("collinearity", _last_step(settings)),
        ]
    )


def select_features(x, y, settings=None, groups=None, stable=None, seed=0):
    """Select features on training cases.

    Parameters
    ----------
    x : pandas.DataFrame
        Training cases only: one row per case, one column per feature, in the features' own units.
    y : pandas.Series or array of 0 and 1
        1 acute, 0 chronic.
    settings : vcfnb.params.SelectionParams, optional
    groups : pandas.Series or array, optional
        The patient of each case; by default every case is a patient.
    stable : iterable of str, optional
        Names of the features that pass the ICC step; None leaves the step out, and ``steps`` says so.
    seed : int
        Of the LASSO's folds.

    Returns
    -------
    SelectionResult
        The same whatever the order of columns, unless ``correlation_keep`` is ``"first"``.

    Raises
    ------
    BadInput
        Values that are missing or infinite, by case and feature.
    VcfnbError
        Labels or patients that do not fit the cases; a step that no feature passes.
    """
    settings = settings or SelectionParams()
    return _run(selection_pipeline(settings, stable, seed), x, y, groups, settings.correlation_keep == "first")


def uncorrelated_features(x, settings=None, stable=None):
    """Names of the features that steps 1 to 3 leave without a label: z-score, ICC, correlation (``mean``).

    Parameters and errors as for :func:`select_features`.
    """
    settings = settings or SelectionParams()
    filters = [ZScore(), StableFeatures(stable), CorrelationFilter(settings.correlation_threshold, "mean")]
    return list(make_pipeline(*filters).fit(x[sorted(x.columns)]).get_feature_names_out())


def lasso_again(x, y, settings=None, groups=None, seed=0):
    """The LASSO alone, on features that were selected before: step 8 of the paper, early fusion.

    Parameters and result as :func:`select_features`.
    """
    settings = settings or SelectionParams()
    pipeline = Pipeline([("z-score", ZScore()), ("lasso", _lasso(settings, seed))])
    return _run(pipeline, x, y, groups, settings.correlation_keep == "first")


def _run(pipeline, x, y, groups, columns_matter):
    check_features(x)
    y, groups = check_labels(x, y, groups)
    # One order of columns, so that sums are rounded the same way whatever order the table came in.
    x = x if columns_matter else x[sorted(x.columns)]
    # One block of memory: pandas is slow where integer and float columns alternate.
    x = pd.DataFrame(x.to_numpy(dtype=float), x.index, x.columns)
    pipeline.fit(x, y, lasso__groups=groups)
    rows = [("all", x.shape[1], "")]
    rows += [(name, int(step.support_.sum()), step.note_) for name, step in pipeline.steps]
    lasso, scaler = pipeline["lasso"], pipeline["z-score"]
    selected = lasso.coefficients_[list(pipeline[-1].get_feature_names_out())]
    selected = selected.iloc[np.argsort(-selected.abs().to_numpy(), kind="stable")]
    return SelectionResult(
        selected=selected.rename_axis("feature").reset_index(name="coefficient"),
        steps=pd.DataFrame(rows, columns=["step", "n_features", "note"]),
        lasso_path=lasso.path_,
        lasso_error=lasso.error_,
        chosen_lambda=lasso.lambda_,
        scaler=pd.DataFrame(
            {"feature": selected.index, "mean": scaler.mean_[selected.index], "sd": scaler.sd_[selected.index]}
        ).reset_index(drop=True),
    )
