"""How stable is the selection: how often each feature was chosen, and Nogueira's index."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from vcfnb.errors import VcfnbError
from vcfnb.statistics import checks


class Stability(NamedTuple):
    """Nogueira's index with its interval (high is cut at 1) and variance.

    1: always the same features; 0: as often as with features drawn at random. Fleiss' reading, which the authors adopt:
    below 0.40 poor, above 0.75 excellent.
    """

    index: float
    low: float
    high: float
    variance: float


def nogueira(chosen, alpha=0.05):
    """Stability of a feature selection over several runs; `chosen` holds 0 and 1, shape (runs, features).

    Also features that never were chosen count. NaN when every run chose nothing, or every run everything: there is then
    nothing to be stable. The index equals Fleiss' kappa with features as subjects and runs as raters. The interval
    assumes independent runs. Runs of a cross-validation share most of their training cases: selections on new patients
    would agree less.

    Source: Nogueira, Sechidis and Brown 2018, J Mach Learn Res 18(174):1: definition 4 (index), theorem 7 (variance),
    corollary 9 (interval).
    """
    chosen = np.asarray(chosen, dtype=float)
    checks.between(alpha, "alpha")
    if chosen.ndim != 2 or len(chosen) < 2:
        raise VcfnbError(
            f"stability: array of shape {chosen.shape}", "give at least two runs, one row each", code="wrong-shape"
        )
    if not np.isin(chosen, (0, 1)).all():
        raise VcfnbError(
            "stability: values other than 0 and 1", "1 where a run chose a feature, else 0", code="invalid-value"
        )
    n_runs, n_features = chosen.shape
    share = chosen.mean(axis=0)
    count, mean_count = chosen.sum(axis=1) / n_features, share.mean()
    chance = mean_count * (1 - mean_count)
    if chance == 0:
        return Stability(np.nan, np.nan, np.nan, np.nan)
    index = 1 - n_runs / (n_runs - 1) * (share * (1 - share)).mean() / chance
    by_run = (
        chosen @ share / n_features - count * mean_count + index / 2 * (2 * count * mean_count - count - mean_count + 1)
    ) / chance
    variance = 4 / n_runs**2 * ((by_run - by_run.mean()) ** 2).sum()
    half = stats.norm.ppf(1 - alpha / 2) * np.sqrt(variance)
    return Stability(float(index), float(index - half), float(min(index + half, 1)), float(variance))


def selection_stability(selected, runs, universe, alpha=0.05):
    """How often each feature was chosen, and Nogueira's index, by model.

    `selected` names model, repeat, fold, feature (a run that chose nothing has no row), `runs` every model, repeat and
    fold, `universe` all features that a model could have chosen, by model.

    Returns
    -------
    frequency : pandas.DataFrame
        model, feature, n_chosen, n_runs, share: features that were chosen at least once, from often to seldom.
    index : pandas.DataFrame
        model, n_runs, n_universe, n_selected_mean, index, ci_low, ci_high. Models with a single run are left out.
    """
    frequency, rows = [], []
    for model, part in runs.drop_duplicates(["model", "repeat", "fold"]).groupby("model", sort=False):
        names = pd.Index(universe[model])
        run = pd.MultiIndex.from_frame(part[["repeat", "fold"]])
        mine = selected[selected["model"] == model]
        chosen = np.zeros((len(run), len(names)), dtype=int)
        at = run.get_indexer(pd.MultiIndex.from_frame(mine[["repeat", "fold"]])), names.get_indexer(mine["feature"])
        if (np.concatenate(at) < 0).any():
            raise VcfnbError(
                f"stability: model {model} chose a feature, or in a run, that is not among those given",
                code="feature-missing",
            )
        chosen[at] = 1
        times = pd.DataFrame({"model": model, "feature": names, "n_chosen": chosen.sum(axis=0), "n_runs": len(run)})
        times = times[times["n_chosen"] > 0].assign(share=lambda table: table["n_chosen"] / table["n_runs"])
        frequency.append(times.sort_values(["n_chosen", "feature"], ascending=[False, True]))
        if len(run) > 1:
            found = nogueira(chosen, alpha)
            row = {"model": model, "n_runs": len(run), "n_universe": len(names)}
            row["n_selected_mean"] = chosen.sum(axis=1).mean()
            rows.append(row | {"index": found.index, "ci_low": found.low, "ci_high": found.high})
    columns = ["model", "n_runs", "n_universe", "n_selected_mean", "index", "ci_low", "ci_high"]
    return pd.concat(frequency, ignore_index=True), pd.DataFrame(rows, columns=columns)
