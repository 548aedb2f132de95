"""Step 4 of the selection: a wrapper around multivariable logistic regression."""

import numpy as np
from scipy import stats
from sklearn.linear_model import LogisticRegression

from vcfnb.errors import VcfnbError
from vcfnb.selection.filters import FeatureStep


class LogisticWrapper(FeatureStep):
    """Keep the features that a multivariable logistic regression (LR) finds useful together.

    Parameters
    ----------
    method : {"rfe", "forward", "none"}
        ``rfe``: :func:`recursive_elimination`. ``forward``: :func:`forward_selection`. ``none``: all features stay.
        The paper names a wrapper around multivariable LR, not which.
    n_features : int
        Features to keep (``rfe``) or at most to keep (``forward``).
    """

    def __init__(self, method="rfe", n_features=64):
        self.method = method
        self.n_features = n_features

    def _choose(self, x, y):
        values, y = x.to_numpy(dtype=float), np.asarray(y)
        chosen = np.arange(x.shape[1])
        if self.method == "rfe":
            chosen = recursive_elimination(values, y, self.n_features)
            if len(chosen) == x.shape[1]:
                self.note_ = f"nothing to remove: up to {self.n_features} may stay"
        elif self.method == "forward":
            chosen, self.note_ = forward_selection(values, y, self.n_features)
        elif self.method == "none":
            self.note_ = "not applied"
        else:
            raise VcfnbError(f"wrapper: {self.method!r} is not known -> use rfe, forward or none")
        return np.isin(np.arange(x.shape[1]), chosen)


def recursive_elimination(x, y, n_features, share=0.02):
    """Recursive feature elimination (RFE) with an L2-penalised multivariable logistic regression, C = 1.

    Fit all features, remove those with the smallest coefficients, repeat.

    Parameters
    ----------
    x : array, shape (n, features)
        Scaled features.
    y : array of 0 and 1, shape (n,)
    n_features : int
        Features to keep.
    share : float
        Share of the remaining features that leave after a fit, at least one: with 2 %, one by one below 100.

    Returns
    -------
    numpy.ndarray of int
        Kept columns.

    References
    ----------
    Guyon et al. 2002, Mach Learn 46:389.
    """
    kept = np.arange(x.shape[1])
    while len(kept) > n_features:
        size = np.abs(LogisticRegression(max_iter=10_000).fit(x[:, kept], y).coef_[0])
        leave = min(max(1, int(share * len(kept))), len(kept) - n_features)
        kept = np.delete(kept, np.argsort(size, kind="stable")[:leave])
    return kept


def score_statistics(x, included, y, probability):
    """Rao's score statistic of each feature for entering a fitted logistic regression.

    Parameters
    ----------
    x : array, shape (n, features)
        Candidates.
    included : array, shape (n, k)
        Columns of the fitted model, with the intercept's ones.
    y : array of 0 and 1, shape (n,)
    probability : array, shape (n,)
        Of the fitted model.

    Returns
    -------
    numpy.ndarray, shape (features,)
        Chi-square with one degree of freedom; 0 for a candidate that the included columns explain.
    """
    root = np.sqrt(probability * (1 - probability))
    basis, _ = np.linalg.qr(included * root[:, None])
    weighted = x * root[:, None]
    left = (weighted**2).sum(axis=0) - ((basis.T @ weighted) ** 2).sum(axis=0)
    gradient = x.T @ (y - probability)
    new = left > 1e-10 * (weighted**2).sum(axis=0)
    return np.divide(gradient**2, left, out=np.zeros(x.shape[1]), where=new)


def forward_selection(x, y, n_features, p_enter=0.05):
    """Forward selection by score test in an unpenalised multivariable logistic regression.

    Parameters
    ----------
    x : array, shape (n, features)
        Scaled features.
    y : array of 0 and 1, shape (n,)
    n_features : int
        Largest number of features.
    p_enter : float
        A feature enters while its p is below.

    Returns
    -------
    chosen : list of int
        Columns, in the order of entry. At least one.
    note : str
        Why it stopped.
    """
    chosen = []
    while len(chosen) < min(n_features, x.shape[1]):
        probability = np.full(len(y), y.mean())
        if chosen:
            model = LogisticRegression(C=np.inf, max_iter=10_000).fit(x[:, chosen], y)
            probability = model.predict_proba(x[:, chosen])[:, 1]
            if np.abs(probability - y).max() < 0.01:
                return chosen, "stopped: the classes are separated"
        included = np.column_stack([np.ones(len(y)), x[:, chosen]])
        statistic = score_statistics(x, included, y, probability)
        best = int(np.argmax(statistic))
        if chosen and stats.chi2.sf(statistic[best], 1) >= p_enter:
            return chosen, f"stopped: no feature adds with p < {p_enter:g}"
        chosen.append(best)
    return chosen, ""
