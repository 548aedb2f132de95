"""Which ROI expansion? Asked of the training cases, by networks that did not see them."""

import numpy as np
import pandas as pd

from vcfnb.errors import VcfnbError


def best_expansion(scores, n_bootstrap=2000, alpha=0.05, seed=0):
    """The expansion with the highest cross-validated AUC of its networks; of equal ones the smallest.

    The AUC of one repeat is the proportion of pairs of an acute and a chronic case *of the same fold*, thus scored by
    the same network, that are in the right order (ties count half). What another set of patients, another seed of the
    networks and another dealing of the folds would have given is imitated by drawing patients and repeats with
    replacement, the same draws for every expansion.

    Parameters
    ----------
    scores : pandas.DataFrame
        expansion (voxels), repeat, fold, case_id, patient_id, label (1 acute, 0 chronic), score: every training case
        once in every repeat of every expansion.
    n_bootstrap, alpha, seed
        Of the intervals, which are 1 - alpha.

    Returns
    -------
    choice : pandas.DataFrame
        expansion, auc_mean, auc_sd (over repeats; NaN with one), ci_low, ci_high (bootstrap percentiles), share_best
        (proportion of the draws in which no other expansion is better), chosen; of the chosen one, corrected,
        corrected_low, corrected_high: its AUC without the luck of having been chosen.
    repeats : pandas.DataFrame
        expansion, repeat, auc.

    Notes
    -----
    The highest of several AUCs is too high as an estimate. For the corrected one each draw chooses its own expansion,
    and the patients that it left out score it: the mean over the draws, with percentiles (bootstrap bias-corrected
    cross-validation: Tsamardinos, Greasidou and Borboudakis 2018, Mach Learn 107:1895).
    """
    expansions, repeats = sorted(scores["expansion"].unique()), sorted(scores["repeat"].unique())
    patients = sorted(scores["patient_id"].unique())
    tables = _tables(scores, patients)
    expected = scores["case_id"].nunique() * len(expansions) * len(repeats)
    if scores.empty or len(scores) != expected or len(tables) != len(expansions) * len(repeats):
        raise VcfnbError(
            "expansions: every expansion needs a score of every case in every repeat",
            "run notebook 04",
            code="scores-incomplete",
        )
    auc = pd.DataFrame([(*key, _auc(*pairs)) for key, pairs in tables.items()], columns=["expansion", "repeat", "auc"])
    if auc["auc"].isna().any():
        raise VcfnbError("expansions: no fold holds cases of both classes", "lower dtl.n_folds", code="one-class")
    rng = np.random.default_rng(seed)
    drawn, left_out = np.full((n_bootstrap, len(expansions)), np.nan), np.full(n_bootstrap, np.nan)
    for number, row in enumerate(drawn):
        times = np.bincount(rng.integers(len(patients), size=len(patients)), minlength=len(patients))
        chosen = rng.integers(len(repeats), size=len(repeats))
        for k, expansion in enumerate(expansions):
            row[k] = np.mean([_auc(*tables[expansion, repeats[r]], times) for r in chosen])
        if np.isfinite(row).all():
            best, others = expansions[np.argmax(row.round(12))], (times == 0).astype(int)
            left_out[number] = np.mean([_auc(*tables[best, repeats[r]], others) for r in chosen])
    # A draw without a pair of both classes says nothing.
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    by_expansion = auc.groupby("expansion")["auc"]
    choice = pd.DataFrame({"auc_mean": by_expansion.mean(), "auc_sd": by_expansion.std(ddof=1)})
    choice["ci_low"], choice["ci_high"] = np.quantile(drawn, [alpha / 2, 1 - alpha / 2], axis=0)
    choice["share_best"] = (drawn == drawn.max(axis=1, keepdims=True)).mean(axis=0)
    choice["chosen"] = choice.index == _first_highest(choice["auc_mean"])
    # NaN where no draw leaves cases of both classes out.
    known = left_out[np.isfinite(left_out)]
    limits = np.quantile(known, [alpha / 2, 1 - alpha / 2]) if len(known) else (np.nan, np.nan)
    corrected = known.mean() if len(known) else np.nan, *limits
    choice.loc[choice["chosen"], ["corrected", "corrected_low", "corrected_high"]] = corrected
    return choice.reset_index(), auc


def highest_auc(scores):
    """The expansion that :func:`best_expansion` chooses, without the intervals."""
    tables = _tables(scores, sorted(scores["patient_id"].unique()))
    auc = pd.Series({key: _auc(*pairs) for key, pairs in tables.items()})
    return int(_first_highest(auc.groupby(level=0).mean()))


def _first_highest(means):
    """Equal means can differ by a rounding error."""
    return means.index[np.argmax(means.round(12))]


def _tables(scores, patients):
    return {key: _pairs(part.sort_values("case_id"), patients) for key, part in scores.groupby(["expansion", "repeat"])}


def _pairs(table, patients):
    """Pairs of an acute and a chronic case of one fold: the patients' positions, and whether their order is right."""
    number = {patient: position for position, patient in enumerate(patients)}
    acute, chronic = (table[table["label"] == label] for label in (1, 0))
    same = acute["fold"].to_numpy()[:, None] == chronic["fold"].to_numpy()
    a, c = np.nonzero(same)
    first, second = acute["score"].to_numpy()[a], chronic["score"].to_numpy()[c]
    right = (first > second) + 0.5 * (first == second)
    return *(part["patient_id"].map(number).to_numpy()[k] for part, k in ((acute, a), (chronic, c))), right


def _auc(acute, chronic, right, times=None):
    weights = np.ones(len(right)) if times is None else times[acute] * times[chronic]
    return float(right @ weights / weights.sum()) if weights.sum() else np.nan
