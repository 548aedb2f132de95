"""AUCs of cross-validated scores, their differences, and how sure both are."""

import numpy as np
import pandas as pd

from vcfnb import statistics
from vcfnb.errors import VcfnbError
from vcfnb.statistics.bootstrap import interval, percentile_p, with_original
from vcfnb.statistics.comparisons import pairs


class BootstrappedAreas:
    """AUC of every model and repeat, on the same cases and on the same bootstrap samples of patients.

    `scores` holds model, repeat, fold, case_id, patient_id, label, score: every case once per model and repeat.

    Two AUCs are taken of each repeat. ``auc`` ranks all its cases together; as scores of different folds come from
    different models, and a fold with more acute cases leaves fewer to train on, it is rather too small than too large.
    ``auc_within`` counts pairs of an acute and a chronic case of the same fold alone, scored by the same model.

    The interval draws patients anew (stratified by class, the same draws for all models) and, for the mean over
    repeats, repeats. It says how far the AUC would move with other *test* patients; the models are those that
    were fitted, so what other patients to be *fitted* on would change enters only by way of the repeats.

    References
    ----------
    Airola et al. 2011, Comput Stat Data Anal 55:1828 (pooling); LeDell et al. 2015, Electron J Stat 9:1583 (intervals
    of cross-validated AUCs).
    """

    def __init__(self, scores, seed=0, n_bootstrap=2000, alpha=0.05):
        self.alpha, self.models = alpha, list(dict.fromkeys(scores["model"]))
        cases = scores.drop_duplicates("case_id").sort_values("case_id").set_index("case_id")
        self.y = cases["label"].to_numpy()
        counts = statistics.draw_counts(self.y, cases["patient_id"].to_numpy(), n_boot=n_bootstrap, seed=seed)
        self.counts = with_original(counts)
        self._rng = np.random.default_rng([seed, 1])
        self.repeats, self.pooled, self.within = {}, {}, {}
        for (model, repeat), part in scores.groupby(["model", "repeat"], sort=False):
            part = part.set_index("case_id")
            if not part.index.is_unique or len(part) != len(cases):
                raise VcfnbError(
                    f"scores: model {model}, repeat {repeat} has {len(part)} scores of {len(cases)} cases",
                    "give one of every case",
                    code="scores-incomplete",
                )
            part = part.loc[cases.index]
            self.repeats.setdefault(model, []).append(repeat)
            self.pooled[model, repeat] = statistics.resampled_auc(self.y, part["score"].to_numpy(), self.counts)
            self.within[model, repeat] = self._within(part["score"].to_numpy(), part["fold"].to_numpy())

    def _within(self, score, fold):
        """AUC over pairs of the same fold, each fold weighing by its pairs."""
        right, pairs = 0.0, 0.0
        for value in np.unique(fold):
            inside = fold == value
            if len(np.unique(self.y[inside])) < 2:
                continue
            drawn = self.counts[:, inside]
            n = drawn[:, self.y[inside] == 1].sum(axis=1) * drawn[:, self.y[inside] == 0].sum(axis=1)
            area = statistics.resampled_auc(self.y[inside], score[inside], drawn)
            right, pairs = right + np.where(n > 0, area, 0) * n, pairs + n
        return np.divide(right, pairs, out=np.full(len(self.counts), np.nan), where=np.asarray(pairs) > 0)

    def _mean(self, values, drawn):
        """Mean over repeats: as it is, and of each bootstrap sample with repeats drawn anew."""
        stacked = np.stack(values)
        return np.concatenate([stacked[:, :1].mean(axis=0), (stacked[:, 1:] * drawn).sum(axis=0) / len(values)])

    def _draw_repeats(self, n):
        return self._rng.multinomial(n, np.full(n, 1 / n), size=len(self.counts) - 1).T

    def table(self):
        """AUC a model, of each repeat and their mean.

        model, repeat (a number, or "mean"), n (cases), auc, ci_low, ci_high, auc_within, within_low, within_high.
        """
        rows = []
        for model in self.models:
            repeats = self.repeats[model]
            drawn = self._draw_repeats(len(repeats))
            for repeat in [*repeats, "mean"]:
                row = {"model": model, "repeat": str(repeat), "n": len(self.y)}
                for names, source in (
                    (("auc", "ci_low", "ci_high"), self.pooled),
                    (("auc_within", "within_low", "within_high"), self.within),
                ):
                    mean = repeat == "mean"
                    values = self._mean([source[model, r] for r in repeats], drawn) if mean else source[model, repeat]
                    # NaN where no fold holds both classes.
                    known = np.isfinite(values[1:]).any()
                    found = interval(values, self.alpha) if known else (values[0], np.nan, np.nan)
                    row |= dict(zip(names, found, strict=True))
                rows.append(row)
        return pd.DataFrame(rows)

    def differences(self, primary):
        """Differences between the models' mean AUCs, over the repeats that both have, on the same bootstrap samples.

        Of which pairs: :func:`vcfnb.statistics.comparisons.pairs`.
        model_a, model_b, repeats, difference (a less b), ci_low, ci_high, p (two-sided, bootstrap). DeLong's test is
        too conservative for nested models, as a fusion that contains the other two (Demler et al. 2012, Stat Med
        31:2577), and knows no cross-validation; hence the bootstrap.
        """
        rows = []
        for a, b in pairs(self.models, primary):
            repeats = [repeat for repeat in self.repeats[a] if repeat in self.repeats[b]]
            if not repeats:
                continue
            values = [self.pooled[a, r] - self.pooled[b, r] for r in repeats]
            values = self._mean(values, self._draw_repeats(len(repeats)))
            rows.append((a, b, len(repeats), *interval(values, self.alpha), percentile_p(values[1:])))
        return pd.DataFrame(rows, columns=["model_a", "model_b", "repeats", "difference", "ci_low", "ci_high", "p"])
