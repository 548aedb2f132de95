"""Logistic regression with a grid search: plain numbers that can be written as JSON."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linprog
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from vcfnb import selection
from vcfnb.errors import VcfnbError
from vcfnb.params import FusionParams


@dataclass(frozen=True)
class FittedLogistic:
    """A multivariable logistic regression (LR), fitted on training cases."""

    features: list  # names, in the order of the coefficients
    mean: pd.Series  # of the training cases, in each feature's own units
    sd: pd.Series  # likewise (ddof=0); 1 for a constant feature
    coefficients: pd.Series  # log odds of label 1 per SD of the feature
    intercept: float  # log odds at the training mean
    chosen_c: float  # inverse strength of the L2 penalty
    grid: pd.DataFrame  # C, log_loss_mean (cross-validated, over folds), chosen
    n_cases: int
    n_positive: int  # with label 1
    note: str = ""  # what could not be done as asked, such as fewer folds; or that the classes are separable

    def z_scores(self, x):
        """Features of any cases, scaled with training mean and SD; columns in the model's order."""
        missing = [name for name in self.features if name not in x]
        if missing:
            raise VcfnbError(
                f"features: {missing[0]!r} is missing ({len(missing)} of {len(self.features)})",
                "compute the features with the settings of the model",
                code="feature-missing",
            )
        selection.check_features(x[self.features])
        return (x[self.features] - self.mean) / self.sd

    def contributions(self, x):
        """What each feature adds to the log odds, coefficient times z-score: one row per case."""
        return self.z_scores(x) * self.coefficients

    def score(self, x):
        """Probability of label 1 (acute), by the index of `x`: any cases, columns in any order, others are ignored."""
        # A sum a row, not a matrix product: one case alone gets the same bits as among others.
        log_odds = np.ascontiguousarray(self.contributions(x)).sum(axis=1) + self.intercept
        return pd.Series(expit(log_odds), index=x.index, name="score")

    def to_dict(self):
        """Plain lists and numbers, for JSON; floats survive exactly."""
        by_feature = {name: getattr(self, name).tolist() for name in _BY_FEATURE}
        return vars(self) | by_feature | {"grid": self.grid.to_dict("list")}

    @classmethod
    def from_dict(cls, values):
        """Inverse of :meth:`to_dict`."""
        by_feature = {name: pd.Series(values[name], values["features"], float) for name in _BY_FEATURE}
        return cls(**values | by_feature | {"grid": pd.DataFrame(values["grid"])})


_BY_FEATURE = ("mean", "sd", "coefficients")


def regression(settings, **options):
    """An unfitted logistic regression, by Newton's method: with few features exact, in a fraction of L-BFGS' time."""
    return LogisticRegression(
        solver="newton-cg", class_weight=settings.class_weight, max_iter=1000, tol=1e-8, **options
    )


def _log_losses(values, y, weights, settings, cs, fitted_on, held_out):
    """Log loss of the held-out cases by C, from regressions and a scaling of the others.

    What scikit-learn's grid search gives, without the two thirds of its time that its checks take.
    """
    scaler = StandardScaler().fit(values[fitted_on])
    inside, outside = (scaler.transform(values[rows]) * weights for rows in (fitted_on, held_out))
    models = [regression(settings, C=c).fit(inside, y[fitted_on]) for c in cs]
    own = [model.predict_proba(outside)[np.arange(len(held_out)), y[held_out]] for model in models]
    return [-np.log(np.maximum(p, np.finfo(float).eps)).mean() for p in own]


def fit_logistic(x, y, settings=None, groups=None, seed=0, weights=None):
    """Multivariable logistic regression with L2 penalty, its strength from a grid search.

    Parameters
    ----------
    x : pandas.DataFrame
        Training cases only, one column per feature, in the features' own units; scaled here.
    y : pandas.Series or array of 0 and 1
    settings : vcfnb.params.FusionParams, optional
    groups : pandas.Series or array, optional
        Patients, kept together in the folds.
    seed : int
        Of the folds.
    weights : pandas.Series, optional
        By feature, what its z-scores are multiplied by before the fit: the smaller, the more its coefficient is
        shrunken. Coefficients are per SD all the same.

    Returns
    -------
    FittedLogistic

    Notes
    -----
    The grid is evaluated by cross-validated log loss, with scaling inside the folds. The paper does not name its score.
    The AUC would not do: it cannot tell a good probability from one shrunken to the prevalence, and with few cases
    often prefers the latter.

    A constant feature gets the coefficient 0. Where a plane separates the classes (Albert and Anderson 1984, doi
    10.1093/biomet/71.1.1), coefficients without penalty would grow without end; here the penalty alone decides how
    large they are, and ``note`` says so.
    """
    settings = settings or FusionParams()
    selection.check_features(x)
    y, groups = selection.check_labels(x, y, groups)
    splits, note = selection.folds(y, groups, settings.grid_folds, seed)
    weights = np.ones(x.shape[1]) if weights is None else weights[x.columns].to_numpy()
    values, cs = x.to_numpy(dtype=float), np.logspace(settings.c_min_log10, settings.c_max_log10, settings.n_c)
    loss = np.mean([_log_losses(values, y, weights, settings, cs, *split) for split in splits], axis=0)
    # Of equal ones the smallest C.
    best = int(np.argmin(loss.round(12)))
    scaler = StandardScaler().fit(values)
    z = scaler.transform(values)
    fitted = regression(settings, C=cs[best]).fit(z * weights, y)
    if separable(z, y):
        note = "; ".join(
            filter(None, [note, "the classes can be separated perfectly: the penalty sets the coefficients"])
        )
    return FittedLogistic(
        features=list(x.columns),
        mean=pd.Series(scaler.mean_, x.columns),
        sd=pd.Series(scaler.scale_, x.columns),
        coefficients=pd.Series(fitted.coef_[0] * weights, x.columns),
        intercept=float(fitted.intercept_[0]),
        chosen_c=float(cs[best]),
        grid=pd.DataFrame({"C": cs, "log_loss_mean": loss, "chosen": np.arange(len(cs)) == best}),
        n_cases=len(y),
        n_positive=int(y.sum()),
        note=note,
    )


def cross_validated_scores(x, y, settings=None, groups=None, seed=0):
    """Probabilities of training cases, each from a regression (with its grid search) fitted without the case's patient.

    Features are taken as they are: if they were selected with the help of the held-out cases, the probabilities are too
    good; :func:`vcfnb.fusion.out_of_fold_scores` selects anew.

    Parameters and errors as for :func:`fit_logistic`; ``settings.grid_folds`` is the number of folds of both the outer
    and the inner cross-validation, and a fold with too few cases of a class for its own grid search is an error. Gives
    the probability of label 1, by the index of `x`.
    """
    settings = settings or FusionParams()
    selection.check_features(x)
    y, groups = selection.check_labels(x, y, groups)
    splits, _ = selection.folds(y, groups, settings.grid_folds, seed)
    score = np.empty(len(y))
    for fitted_on, held_out in splits:
        model = fit_logistic(x.iloc[fitted_on], y[fitted_on], settings, groups=groups[fitted_on], seed=seed)
        score[held_out] = model.score(x.iloc[held_out])
    return pd.Series(score, index=x.index, name="score")


def separable(x, y):
    """Whether a plane has all cases of label 1 on one side and all others on the other.

    As a linear programme: Konis 2007, thesis, University of Oxford. Always true with at least as many features as cases
    less one, in general position.
    """
    signed = np.where(np.asarray(y) == 1, 1.0, -1.0)[:, None] * np.column_stack([np.ones(len(x)), x])
    # Feasible when some coefficients give every case a margin of at least 1.
    found = linprog(np.zeros(signed.shape[1]), -signed, -np.ones(len(signed)), bounds=(None, None), method="highs")
    return found.status == 0
