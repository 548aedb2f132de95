"""What a fitted logistic regression weighs: coefficients with intervals, a nomogram, SHAP values."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from vcfnb import selection
from vcfnb.fusion.logistic import regression
from vcfnb.fusion.words import describe


def coefficient_intervals(fitted, x, y, settings, groups=None, n_bootstrap=1000, seed=0, alpha=0.05):
    """Coefficients and odds ratios of a penalised regression, with bootstrap intervals.

    Patients are drawn anew with replacement, within the classes, and the regression is fitted to each draw with the
    same features, the same C and the same scaling; the interval is that of the percentiles.

    Parameters
    ----------
    fitted : FittedLogistic
    x, y, settings, groups
        As :func:`fit_logistic` had them; a patient with vertebrae of both classes is drawn with the acute ones, and
        brings all of them.
    n_bootstrap, seed, alpha
        Of the intervals, which are 1 - alpha.

    Returns
    -------
    pandas.DataFrame
        feature, in_words, coefficient (log odds per training SD), low, high, odds_ratio, odds_ratio_low,
        odds_ratio_high; from the largest to the smallest coefficient by size.

    Notes
    -----
    The usual (Wald) intervals do not hold for a regression with penalty, and none of either kind holds for features
    that were chosen with the same labels: these are conditional on the selection, so too narrow and too far from 0.
    They say how far a coefficient hangs on single patients, not whether the feature matters. The penalty shrinks the
    coefficients, and the draws with them.

    References
    ----------
    Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13 (percentiles); Goeman 2010, doi
    10.1002/bimj.200900028, on standard errors of penalised estimates.
    """
    z = fitted.z_scores(x).to_numpy()
    y, groups = selection.check_labels(x, y, groups)
    rng = np.random.default_rng(seed)
    model = regression(settings, C=fitted.chosen_c)
    drawn = np.full((n_bootstrap, z.shape[1]), np.nan)
    members, strata = _patients(y, groups)
    for i in range(n_bootstrap):
        chosen = np.concatenate([rng.choice(stratum, len(stratum)) for stratum in strata])
        cases = np.concatenate([members[patient] for patient in chosen])
        # Where every patient has an acute fracture, a draw may happen to hold no chronic one; it then says nothing.
        if len(np.unique(y[cases])) == 2:
            drawn[i] = model.fit(z[cases], y[cases]).coef_[0]
    low, high = np.nanquantile(drawn, [alpha / 2, 1 - alpha / 2], axis=0)
    table = pd.DataFrame(
        {
            "feature": fitted.features,
            "in_words": [describe(name) for name in fitted.features],
            "coefficient": fitted.coefficients.to_numpy(),
            "low": low,
            "high": high,
        }
    )
    for name, odds in (("coefficient", "odds_ratio"), ("low", "odds_ratio_low"), ("high", "odds_ratio_high")):
        table[odds] = np.exp(table[name])
    return table.sort_values("coefficient", key=abs, ascending=False, kind="stable", ignore_index=True)


def _patients(y, groups):
    """Cases of each patient, and the patients of each stratum (any acute fracture, or chronic ones only)."""
    names, patient = np.unique(groups, return_inverse=True)
    members = [np.flatnonzero(patient == i) for i in range(len(names))]
    acute = np.array([y[cases].max() == 1 for cases in members])
    return members, [np.flatnonzero(acute == value) for value in (True, False) if (acute == value).any()]


@dataclass(frozen=True)
class Nomogram:
    """A logistic regression as points that are added up on paper.

    A feature gives 0 points at that end of its training range that speaks for chronic, and the feature that can move
    the prediction most gives 100 at its other end. So each point is worth the same in log odds, whatever the feature.

    Iasonos et al. 2008, doi 10.1200/JCO.2007.12.9791; the scale is that of R's ``rms::nomogram``.
    """

    # feature, low, high (training range, own units), at_low, at_high (points there), range (points from end to end);
    # the feature with the widest range first.
    axes: pd.DataFrame
    log_odds_per_point: float  # 1 where no feature weighs anything
    log_odds_at_zero: float  # of a patient with 0 points
    model: object  # FittedLogistic

    @classmethod
    def of(cls, fitted, x):
        """The nomogram of a :class:`FittedLogistic`; the smallest and largest values in `x` end its axes."""
        values = x[fitted.features]
        low, high = values.min(), values.max()
        ends = fitted.contributions(pd.concat([low, high], axis=1).T)
        lowest, width = ends.min(), (ends.max() - ends.min()).clip(lower=0)
        per_point = float(width.max()) / 100 or 1.0
        axes = pd.DataFrame(
            {
                "feature": fitted.features,
                "low": low.to_numpy(),
                "high": high.to_numpy(),
                "at_low": ((ends.iloc[0] - lowest) / per_point).to_numpy(),
                "at_high": ((ends.iloc[1] - lowest) / per_point).to_numpy(),
                "range": (width / per_point).to_numpy(),
            }
        ).sort_values("range", ascending=False, kind="stable", ignore_index=True)
        return cls(axes, per_point, fitted.intercept + float(lowest.sum()), fitted)

    def points(self, x):
        """Points of any cases: one row per case, one column per feature, in the order of :attr:`axes`.

        Beyond the training range they go on below 0 or above the axis' end.
        """
        axes = self.axes.set_index("feature")
        z_low = (axes["low"] - self.model.mean) / self.model.sd * self.model.coefficients
        points = (self.model.contributions(x) - z_low[self.model.features]) / self.log_odds_per_point
        return points[axes.index] + axes["at_low"]

    def probability(self, total):
        """Probability of an acute fracture for a total of points."""
        return expit(self.log_odds_at_zero + self.log_odds_per_point * np.asarray(total, dtype=float))

    def total(self, probability):
        """Points that give a probability: the inverse of :meth:`probability`."""
        probability = np.asarray(probability, dtype=float)
        return (np.log(probability / (1 - probability)) - self.log_odds_at_zero) / self.log_odds_per_point

    def value(self, feature, points):
        """The feature's value that gives some points; NaN for a feature without weight."""
        axis = self.axes.set_index("feature").loc[feature]
        if axis["range"] == 0:
            return np.full(np.shape(points), np.nan)
        share = (np.asarray(points, dtype=float) - axis["at_low"]) / (axis["at_high"] - axis["at_low"])
        return axis["low"] + share * (axis["high"] - axis["low"])


def shap_table(fitted, x):
    """SHAP values: what each feature adds to a case's log odds against the average training case.

    Returns
    -------
    pandas.DataFrame
        case_id, feature, value (own units), z (training SDs from the training mean), shap (log odds). A case's values
        and ``fitted.intercept``, the log odds of the average case, add up to the case's log odds.

    Notes
    -----
    For features taken one by one (interventional expectation), the Shapley value of a linear model is
    ``w_i (x_i - E[x_i])``: with training cases as background these are the contributions that :func:`vcfnb.predict`
    names, exactly, so the package shap is not needed; the tests compare with it. Correlated features share what they
    tell in whatever way the regression divided it.

    References
    ----------
    Lundberg and Lee 2017, arXiv 1705.07874, corollary 1; Strumbelj and Kononenko 2014, doi 10.1007/s10115-013-0679-x.
    """
    tables = {"value": x[fitted.features], "z": fitted.z_scores(x), "shap": fitted.contributions(x)}
    columns = [table.rename_axis("case_id").stack().rename(name) for name, table in tables.items()]
    return pd.concat(columns, axis=1).rename_axis(["case_id", "feature"]).reset_index()
