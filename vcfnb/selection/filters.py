"""Steps 1 to 3, 6 and 7 of the selection: scaling, stability, correlation, collinearity."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted

from vcfnb.errors import VcfnbError
from vcfnb.selection.checks import check_features


class FeatureStep(SelectorMixin, BaseEstimator):
    """A scikit-learn transformer from DataFrame to DataFrame that keeps the features that ``_choose`` says.

    It works by feature name, so that the order of columns in later tables does not matter. ``support_`` is kept or
    not, by input feature; ``note_`` is one line on what was done.
    """

    _remedy = "loosen its setting"

    def fit(self, x, y=None, **options):
        """Decide on training cases which features stay; that none is left is an error."""
        check_features(x)
        self.feature_names_in_ = np.asarray(x.columns, dtype=object)
        self.n_features_in_ = x.shape[1]
        self.note_ = ""
        self.support_ = np.asarray(self._choose(x, y, **options))
        if not self.support_.any():
            raise VcfnbError(
                f"selection: no feature passed {type(self).__name__}", self._remedy, code="no-feature-left"
            )
        return self

    def _get_support_mask(self):
        check_is_fitted(self, "support_")
        return self.support_

    def transform(self, x):
        """The kept features of any cases, as a DataFrame."""
        names = self.get_feature_names_out()
        missing = [name for name in names if name not in x]
        if missing:
            raise VcfnbError(
                f"features: {missing[0]!r} is missing ({len(missing)} in all)",
                "compute all features",
                code="feature-missing",
            )
        return x[list(names)]


class ZScore(FeatureStep):
    """Step 1: subtract the training mean, divide by the training SD; constant features leave.

    The SD divides by n (``ddof=0``), as scikit-learn and glmnet scale before a LASSO. A feature whose range over the
    training cases is at most 1e-10 of its size is constant but for rounding. ``mean_`` and ``sd_`` are those of the
    kept features, in their own units.
    """

    _remedy = "all features are constant over the training cases"

    def _choose(self, x, y):
        values = x.to_numpy(dtype=float)
        kept = np.ptp(values, axis=0) > 1e-10 * np.abs(values).max(axis=0)
        self.mean_ = x.loc[:, kept].mean()
        self.sd_ = x.loc[:, kept].std(ddof=0)
        if not kept.all():
            self.note_ = f"{np.sum(~kept)} constant"
        return kept

    def transform(self, x):
        return (super().transform(x) - self.mean_) / self.sd_


class StableFeatures(FeatureStep):
    """Step 2: keep the features named in `stable`, those with intra- and inter-observer ICC above the limit.

    None: there were no repeat segmentations, and all features stay.
    """

    _remedy = "no feature had an ICC above the limit both ways: check the repeat segmentations, or lower icc_threshold"

    def __init__(self, stable=None):
        self.stable = stable

    def _choose(self, x, y):
        if self.stable is None:
            self.note_ = "not applied"
            return np.ones(x.shape[1], dtype=bool)
        return x.columns.isin(list(self.stable))


def association(x, y):
    """Absolute Pearson correlation of each feature with the label (point-biserial), shape (features,)."""
    x, y = _standardised(np.asarray(x, dtype=float)), _standardised(np.asarray(y, dtype=float)[:, None])
    # Rounded, so that equal features tie whatever the order of columns.
    return np.round(np.abs(x.T @ y)[:, 0] / len(y), 12)


def _standardised(values):
    """Mean 0, SD 1 (dividing by n); a constant column becomes 0, so that it correlates with nothing."""
    centred = values - values.mean(axis=0)
    constant = np.ptp(values, axis=0) <= 1e-10 * np.abs(values).max(axis=0)
    return np.where(constant, 0.0, centred / np.where(constant, 1.0, values.std(axis=0)))


class CorrelationFilter(FeatureStep):
    """Steps 3 and 6: of any two features that correlate too much, one stays.

    Features are visited in order of preference; each one that is still there removes all later ones whose
    \\|Pearson r\\| with it is above the threshold. So no two kept features correlate above it, and every removed one
    does with a kept one.

    Order of preference: the feature more associated with the label in training cases (``label``); the one with the
    smaller mean \\|r\\| with all features (``mean``, the criterion of R's ``caret::findCorrelation``, without labels);
    or the order of columns (``first``). Ties: the first.
    """

    def __init__(self, threshold=0.9, keep="label"):
        self.threshold = threshold
        self.keep = keep

    def _choose(self, x, y):
        values = _standardised(x.to_numpy(dtype=float))
        size = np.abs(values.T @ values) / len(values)
        too_close, order = size > self.threshold, self._order(values, size, y)
        kept = np.ones(x.shape[1], dtype=bool)
        for position, feature in enumerate(order):
            if kept[feature]:
                later = order[position + 1 :]
                kept[later[too_close[feature, later]]] = False
        return kept

    def _order(self, values, size, y):
        """Columns from the most to the least preferred."""
        if self.keep == "label":
            return np.argsort(-association(values, y), kind="stable")
        if self.keep == "mean":
            return np.argsort(np.round(size.mean(axis=0), 12), kind="stable")
        if self.keep == "first":
            return np.arange(values.shape[1])
        raise VcfnbError(
            f"correlation_keep: {self.keep!r} is not known", "use label, mean or first", code="unknown-choice"
        )


# Above this a feature is a linear combination of others, and the size of the number is rounding.
_EXACT = 1e8


def variance_inflation(x):
    """Variance inflation factor (VIF) of each feature: 1 / (1 - R^2) of its regression on all others.

    It is the diagonal of the inverse correlation matrix, at most 1e8 (exactly collinear, or constant).
    """
    values = _standardised(np.asarray(x, dtype=float))
    eigenvalues, vectors = np.linalg.eigh(values.T @ values / len(values))
    return np.minimum((vectors**2 / np.maximum(eigenvalues, 1e-12)).sum(axis=1), _EXACT)


class CollinearityFilter(FeatureStep):
    """Step 7: the features that enter a multivariable logistic regression without being collinear.

    While the largest VIF is above the limit, its feature leaves (of equally large ones the one less associated with
    the label). The paper speaks of a last multivariable LR that keeps features without nonlinear relationships;
    read here as: not collinear. The other reading is :class:`vcfnb.selection.BackwardElimination`. An infinite limit
    leaves the step out.
    """

    def __init__(self, limit=10.0):
        self.limit = limit

    def _choose(self, x, y):
        if np.isinf(self.limit):
            self.note_ = "not applied"
            return np.ones(x.shape[1], dtype=bool)
        strength = association(x, y)
        kept = np.arange(x.shape[1])
        while len(kept) > 1:
            inflation = variance_inflation(x.to_numpy(dtype=float)[:, kept])
            if inflation.max() <= self.limit:
                break
            worst = np.flatnonzero(inflation >= inflation.max() * (1 - 1e-9))
            kept = np.delete(kept, worst[np.argmin(strength[kept[worst]])])
        return np.isin(np.arange(x.shape[1]), kept)
