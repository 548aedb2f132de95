"""Step 5 of the selection: LASSO with its penalty from a grid, by cross-validation."""

import numpy as np
import pandas as pd
from sklearn.linear_model import LassoCV, lasso_path

from vcfnb.errors import VcfnbError
from vcfnb.selection.checks import check_labels, folds
from vcfnb.selection.filters import FeatureStep

# Inferred from the three lambdas that the paper reports.
PAPER_LAMBDAS = tuple(np.logspace(-3, 0, 50))
# The same for the folds and for the whole: near the smallest penalties many features share the work.
_SOLVER = {"max_iter": 100_000, "tol": 1e-6}


class LassoSelector(FeatureStep):
    """Keep the features with a non-zero coefficient in a LASSO of the 0/1 label.

    Minimises ``1/(2n) * |y - b0 - X b|^2 + lambda * |b|_1`` (scikit-learn's alpha is the paper's lambda). The error is
    the mean squared error (MSE) of the held-out cases.

    The rule ``min`` takes the lambda of the smallest mean error over folds, of equal ones the largest; ``1se`` the
    largest lambda whose error is at most one standard error above that. ``lambda_`` is the chosen one,
    ``coefficients_`` are those at it by kept feature, ``error_`` and ``path_`` are tables over the grid, from large to
    small lambda.

    When the chosen lambda keeps no feature, the largest one that keeps any is taken instead, and ``note_`` says so.
    Steps before this one have seen all training cases, so the error is too small by some amount, and the chosen lambda
    rather too small than too large.
    """

    _remedy = "no feature enters even at the smallest lambda: lower lambda_min_log10"

    def __init__(self, lambdas=PAPER_LAMBDAS, rule="min", n_folds=10, seed=0):
        self.lambdas = lambdas
        self.rule = rule
        self.n_folds = n_folds
        self.seed = seed

    def _choose(self, x, y, groups=None):
        y, groups = check_labels(x, y, groups)
        splits, note = folds(y, groups, self.n_folds, self.seed)
        lambdas = np.sort(np.asarray(self.lambdas, dtype=float))[::-1]
        values = x.to_numpy(dtype=float)
        fitted = LassoCV(alphas=lambdas, cv=splits, **_SOLVER).fit(values, y)
        mean, sd = fitted.mse_path_.mean(axis=1), fitted.mse_path_.std(axis=1, ddof=1)
        # lasso_path fits no intercept: centring both sides is the same.
        _, coefficients, _ = lasso_path(values - values.mean(axis=0), y - y.mean(), alphas=lambdas, **_SOLVER)
        chosen, fallback = self._rule(mean, sd / np.sqrt(len(splits)), (coefficients != 0).any(axis=0))
        self.note_ = "; ".join(text for text in (note, fallback) if text)
        self._keep_tables(x, lambdas, mean, sd, coefficients, chosen)
        return coefficients[:, chosen] != 0

    def _rule(self, error, standard_error, any_feature):
        """Index of the chosen lambda, and what to note; lambdas fall with the index."""
        chosen = int(np.argmin(error))
        if self.rule == "1se":
            chosen = int(np.argmax(error <= error[chosen] + standard_error[chosen]))
        elif self.rule != "min":
            raise VcfnbError(f"lasso_rule: {self.rule!r} is not known", "use min or 1se", code="unknown-choice")
        if any_feature[chosen] or not any_feature.any():
            return chosen, ""
        note = f"the {self.rule} rule keeps no feature: took the largest lambda that keeps any"
        return int(np.argmax(any_feature)), note

    def _keep_tables(self, x, lambdas, mean, sd, coefficients, chosen):
        self.lambda_ = float(lambdas[chosen])
        # Over folds, SD with ddof=1.
        self.error_ = pd.DataFrame(
            {"lambda": lambdas, "mse_mean": mean, "mse_sd": sd, "chosen": np.arange(len(lambdas)) == chosen}
        )
        # Fitted on all training cases.
        self.path_ = pd.DataFrame(
            {
                "lambda": np.repeat(lambdas, x.shape[1]),
                "feature": np.tile(x.columns.to_numpy(), len(lambdas)),
                "coefficient": coefficients.T.ravel(),
            }
        )
        at_chosen = pd.Series(coefficients[:, chosen], index=x.columns)
        self.coefficients_ = at_chosen[at_chosen != 0]
