"""Sentences about results, computed from them: what an interval, a slope or a gap shows, and what stays undecided."""

import re
from functools import wraps

import pandas as pd
from scipy import stats

from vcfnb.errors import VcfnbError

# Of the models in figures, tables and sentences.
MODEL_NAMES = {"radiomics": "Radiomics", "dtl": "DTL", "fusion": "Early fusion", "ridge_fusion": "Ridge fusion"}
MODEL_NAMES |= {"baseline": "Baseline"}


def in_words(told):
    """A sentence that names models as figures do; names of features (dtl_000) stay."""

    def name(found):
        words = MODEL_NAMES[found[0]]
        return words if words.isupper() else words.lower()

    told = re.sub(r"\b(ridge_fusion|fusion|dtl)\b", name, told)
    return told[:1].upper() + told[1:]


def models_in_words(written):
    """Let a function write its sentence :func:`in_words`."""

    @wraps(written)
    def sentence(*args, **kwargs):
        return in_words(written(*args, **kwargs))

    return sentence


def _listed(parts):
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + f" and {parts[-1]}"


def patients(table, excluded):
    """Who is in the study, from ``cohort.csv`` and the number of excluded cases."""

    def counted(part):
        acute = int((part["label"] == 1).sum())
        return (
            f"{len(part)} cases of {part['patient_id'].nunique()} patients ({acute} acute, {len(part) - acute} chronic)"
        )

    train, test = (table[table["split"] == name] for name in ("train", "test"))
    return (
        f"{counted(table)}; {len(train)} to train on ({int(train['label'].sum())} acute), {len(test)} in the test set "
        f"({int(test['label'].sum())} acute); {excluded or 'none'} excluded."
    )


def balance(table, alpha=0.05):
    """Which characteristics differ between training and test cases, from ``table1.csv``."""
    rows = table.dropna(subset="p_holm")
    if rows.empty:
        return "Nothing was tested: the table of cases has no clinical variable."
    uneven = list(rows.loc[rows["p_holm"] < alpha, "characteristic"])
    told = f"adjusted p below {alpha:g} for {_listed(uneven)}" if uneven else f"no adjusted p is below {alpha:g}"
    return f"{len(rows)} test{'s' if len(rows) > 1 else ''}, {told}."


def sample_sizes(table):
    """What development and validation need, by the criterion that asks for most, from ``sample_size.csv``."""
    most = table.loc[table.groupby(["purpose", "predictors"], dropna=False, sort=False)["needed"].idxmax()]
    told = [
        f"{row['needed']} for {'validation' if pd.isna(row['predictors']) else str(row['predictors']) + ' predictors'} "
        f"({row['criterion']}; here {row['here']}{', enough' if row['here'] >= row['needed'] else ''})"
        for _, row in most.iterrows()
    ]
    return f"Patients needed at least: {_listed(told)}."


def reproducibility(icc):
    """The image types with the largest and the smallest proportion of stable features, from ``icc.csv``."""
    by_type = icc["stable"].groupby(icc["feature"].str.split("_").str[0]).agg(["mean", "sum", "size"])
    ends = [by_type.loc[name] for name in (by_type["mean"].idxmax(), by_type["mean"].idxmin())]
    most, fewest = (f"{end.name} ({end['sum']:.0f} of {end['size']:.0f})" for end in ends)
    return f"Most stable features: {most}; fewest: {fewest}."


def early_stopping(history):
    """Which epoch the final network's weights are from, and whether its validation loss rose afterwards."""
    final = history[history["network"] == "final"].set_index("epoch")
    kept = final.index[final["kept"].astype(bool)][-1]
    told = f"The final network has the weights of epoch {kept} of {final.index[-1]}"
    validation = final["val_loss"].dropna()
    if validation.empty:
        return f"{told}; no case was held out for early stopping."
    rose = validation.iloc[-1] - validation[kept]
    return f"{told}; by its last epoch the validation loss was {rose:.3f} higher than there."


def regions(shares):
    """Regions that get more of the attribution than their size, from ``attribution.csv`` (means over cases)."""
    means = shares.groupby(["method", "region"], sort=False)[["share", "volume_share"]].mean().dropna()
    told = [
        f"{region} by {method.replace('_', ' ')} ({row['share']:.2f}, size {row['volume_share']:.2f})"
        for (method, region), row in means.iterrows()
        if row["share"] > row["volume_share"]
    ]
    return (
        f"More of the attribution than their size: {_listed(told)}." if told else "No region gets more than its size."
    )


def deletion(table, alpha=0.05):
    """Whether hiding the hottest places takes more of the evidence than hiding others, from ``deletion.csv``."""
    more = (table["hot"] - table["random"]).dropna()
    if len(more) < 2:
        return "Fewer than two cases have a heat map: it cannot be tested."
    half = stats.t.ppf(1 - alpha / 2, len(more) - 1) * more.sem()
    low, high = more.mean() - half, more.mean() + half
    decided = "what is hot counts more" if low > 0 else "these cases do not show that what is hot counts more"
    return (
        f"Hiding the hottest tenth of the crop takes {more.mean():+.3f} ({low:+.3f} to {high:+.3f}) more of the "
        f"evidence (log odds) than hiding other places of the same shape, {len(more)} cases; {decided}."
    )


def largest_step(steps):
    """The step of the selection that removed most features, from ``*_steps.csv``."""
    removed = -steps["n_features"].diff()
    row = removed.idxmax()
    before, after = steps["n_features"].loc[row - 1], steps["n_features"].loc[row]
    return f"{steps['step'].loc[row]} removes most: {before} features before it, {after} after."


def edge(name, value, grid):
    """Whether a chosen value lies at an edge of its grid, where a wider grid might have led to another."""
    ends = {min(grid): "lower", max(grid): "upper"}
    if value not in ends:
        return f"{name} = {value:.4g} lies inside its grid."
    return f"{name} = {value:.4g} lies at the {ends[value]} edge of its grid: a wider one might lead to another value."


def expansions(choice):
    """How many expansions the cross-validation cannot distinguish from the chosen one (``expansion_choice.csv``)."""
    chosen, others = choice[choice["chosen"]].iloc[0], choice[~choice["chosen"]]
    alike = others[(others["ci_low"] <= chosen["auc_mean"]) & (chosen["auc_mean"] <= others["ci_high"])]
    return f"The intervals of {len(alike)} of the {len(others)} other expansions include the chosen one's AUC."


@models_in_words
def coefficients(weights, model):
    """How many odds ratios of a model have an interval without 1, from ``selected_features.csv``."""
    rows = weights[weights["model"] == model]
    clear = ((rows["odds_ratio_low"] > 1) | (rows["odds_ratio_high"] < 1)).sum()
    return f"{clear} of the {len(rows)} odds ratios of {model} have an interval without 1."


@models_in_words
def optimism(auc):
    """Out-of-fold training AUC minus test AUC of each model, from ``auc.csv``."""
    found = auc.pivot(index="model", columns="split", values="auc").loc[list(auc["model"].unique())]
    told = [f"{model} {gap:+.3f}" for model, gap in (found["train"] - found["test"]).items()]
    return f"Out-of-fold AUC of training cases minus test AUC: {_listed(told)}."


@models_in_words
def signs(weights, selected, model):
    """Features whose sign differs between LASSO and the regression that follows, of one model.

    From ``selected_features.csv`` and ``<model>_selected.csv``.
    """
    regression = weights[weights["model"] == model].set_index("feature")["coefficient"]
    lasso = selected.set_index("feature")["coefficient"].reindex(regression.index)
    other = list(regression.index[regression * lasso < 0])
    if not other:
        return f"No feature of {model} has one sign in LASSO and the other in the regression."
    return (
        f"{len(other)} of the {len(regression)} features of {model} ({_listed(other)}) have one sign in LASSO and the "
        "other in the regression: given the other features, the data do not decide for which class they count."
    )


@models_in_words
def uncertain(table, model, rate):
    """How many test cases a model leaves uncertain, and how the others are classified, from ``uncertain.csv``."""
    row = table[(table["split"] == "test") & (table["model"] == model)].iloc[0]
    if row["low"] == row["high"]:
        return f"One threshold of {model} reaches {rate:.0%} of both classes of training cases: no case is uncertain."
    rates = [
        f"{name} {row[name]:.2f} ({row[f'{name}_low']:.2f} to {row[f'{name}_high']:.2f})"
        for name in ("sensitivity", "specificity")
        if pd.notna(row[name])
    ]
    rest = f"of the others: {_listed(rates)}" if rates else "no other is left"
    return (
        f"From {row['low']:.3f} to {row['high']:.3f} {model} is uncertain: {row['n_uncertain']:.0f} of {row['n']:.0f} "
        f"test cases; {rest}."
    )


@models_in_words
def misses(table, model, n_models):
    """How many test cases the primary model classifies wrongly, and how many of them all do, from ``misses.csv``."""
    if table.empty:
        return f"{model} classifies every test case correctly."
    acute = int((table["label"] == 1).sum())
    return (
        f"{model} classifies {acute} acute and {len(table) - acute} chronic test cases wrongly; all {n_models} models "
        f"are wrong in {int((table['n_wrong'] == n_models).sum())} of these."
    )


@models_in_words
def subgroups(table):
    """Which differences between subgroups have an interval without zero, and their median width."""
    if table.empty:
        return "No variable has two subgroups with enough cases: no difference can be computed."
    clear = table[(table["low"] > 0) | (table["high"] < 0)]
    told = [
        f"{row.model} {row.subgroup_a} minus {row.subgroup_b} {row.difference:+.3f} ({row.low:+.3f} to {row.high:+.3f})"
        for row in clear.itertuples()
    ]
    beyond = _listed(told) if told else "none"
    width = (table["high"] - table["low"]).median()
    return f"Intervals beyond zero, of {len(table)} differences: {beyond}. Their median width is {width:.2f}."


@models_in_words
def benefit(differences):
    """At how many thresholds the interval of a net benefit's difference lies above zero (``dca_differences.csv``)."""
    above = differences.assign(above=differences["low"] > 0).pivot(index="threshold", columns="model_b", values="above")
    rules = {"treat all": above["treat_all"], "treat none": above["treat_none"]}
    rules["both"] = above["treat_all"] & above["treat_none"]
    rules |= {model: above[model] for model in above if model not in ("treat_all", "treat_none")}
    told = _listed([f"{found.sum()} against {name}" for name, found in rules.items()])
    model, ends = differences["model_a"].iloc[0], f"{above.index.min():.2f} to {above.index.max():.2f}"
    return (
        f"Of {len(above)} thresholds from {ends}, the interval of the net benefit of {model} minus the other's lies "
        f"above zero at {told}."
    )


@models_in_words
def recalibrated(table, model):
    """Brier score of a model's test cases before and after recalibration, from ``recalibration.csv``."""
    brier = table[table["model"] == model].set_index("method")["brier"]
    told = [f"{value:.3f} ({method})" for method, value in brier.drop("none").items()]
    return f"The Brier score of {model} is {brier['none']:.3f} before, and {_listed(told)} after recalibration."


def adjusted_p(table, alpha=0.05):
    """How many adjusted p of a table are below alpha."""
    low = int((table["p_holm"] < alpha).sum())
    return f"{low or 'None'} of {len(table)} adjusted p {'are' if low > 1 else 'is'} below {alpha:g}."


@models_in_words
def instability(summary):
    """How far probabilities move between repeats, in how many cases the class flips (``instability_summary.csv``)."""
    told = [
        f"{row.model}: median range {row.range_median:.2f}, the predicted class at 0.5 changes in {row.n_flips} of "
        f"{row.n} cases"
        for row in summary.dropna(subset="n").itertuples()
    ]
    alone = list(summary.loc[summary["n"].isna(), "model"])
    told += [f"one repeat only, left out: {_listed(alone)}"] if alone else []
    return f"{'; '.join(told)}."


def stability(row):
    """Nogueira's index in words (Nogueira et al. 2018, section 5), with its interval: poor, intermediate, excellent."""
    if pd.isna(row["index"]):
        return "The index is not defined: every fold chose all features, or none."
    word = "poor" if row["index"] < 0.4 else "excellent" if row["index"] > 0.75 else "intermediate"
    return f"The index is {row['index']:.2f} ({row['ci_low']:.2f} to {row['ci_high']:.2f}): {word}."


def learning(curve):
    """What the last step of a learning curve added, and whether its intervals overlap."""
    if len(curve) < 2:
        return "One size only: there is no curve."
    before, last = (row for _, row in curve.sort_values("n_train").iloc[-2:].iterrows())
    overlap = "overlap" if before["ci_high"] >= last["ci_low"] and last["ci_high"] >= before["ci_low"] else "are apart"
    return (
        f"From {before['n_train']:.0f} to {last['n_train']:.0f} training cases the AUC changes by "
        f"{last['auc'] - before['auc']:+.3f}; the intervals {overlap}."
    )


def audit(rows):
    """How many findings of the leakage audit pass and fail, and which fail, from ``audit.csv``."""
    result = rows["result"]
    failed = list(rows.loc[result == "FAIL", "check"])
    told = f"failed: {_listed(failed)}" if failed else "none failed"
    return f"{(result == 'pass').sum()} checks passed, {told}."


@models_in_words
def verdict(auc, model):
    """The AUC of one model, named beforehand, on test cases with Newcombe's interval, from ``auc.csv``."""
    found = auc[(auc["split"] == "test") & (auc["model"] == model)]
    if found.empty:
        raise VcfnbError(f"no AUC of {model} on test cases", "run notebook 06 again", code="result-missing")
    row = found.iloc[0]
    decided = (
        "the interval lies above 0.5: better than chance"
        if row["newcombe_low"] > 0.5
        else "the interval holds 0.5: these cases do not show that it is better than chance"
        if row["newcombe_high"] >= 0.5
        else "the interval lies below 0.5: worse than chance"
    )
    return (
        f"On {int(row['n'])} test cases the primary model, {model}, has an AUC of {row['auc']:.3f} "
        f"(Newcombe's interval {row['newcombe_low']:.3f} to {row['newcombe_high']:.3f}); {decided}."
    )


def openings(register):
    """How often the test set was opened with other parameters, from ``test_set_register.csv`` (None: no register)."""
    if register is None:
        return "How often the test set was opened is not recorded."
    n = len(register[["parameters", "cases"]].drop_duplicates())
    if n == 1:
        return "In this run folder the test set was opened with one set of parameters."
    return (
        f"In this run folder the test set was opened with {n} different sets of parameters or cases: "
        "no interval here includes a choice among them."
    )


@models_in_words
def differences(table, split="test"):
    """Which AUC differences (``auc_differences.csv``, ``rigorous_differences.csv``) have an interval without zero.

    With a column ``split`` only rows of `split` count.
    """
    rows = table[table["split"] == split] if "split" in table else table
    rows = rows.dropna(subset=["ci_low", "ci_high"])
    if rows.empty:
        return "No difference has an interval."
    clear = [row for row in rows.itertuples() if row.ci_low > 0 or row.ci_high < 0]
    told = [
        f"{row.model_a} minus {row.model_b} {row.difference:+.3f} ({row.ci_low:+.3f} to {row.ci_high:+.3f})"
        for row in clear
    ]
    if not told:
        return (
            f"Of {len(rows)} differences none has an interval beyond zero: these cases do not distinguish the models."
        )
    return f"Intervals beyond zero, of {len(rows)} differences: {_listed(told)}."


@models_in_words
def against_baseline(table, model):
    """Whether a model's test AUC is higher than the baseline's, by the interval (``auc_differences.csv``)."""
    rows = table[(table["split"] == "test") & (table["model_a"] == model) & (table["model_b"] == "baseline")]
    if rows.empty or rows[["ci_low", "ci_high"]].isna().any(axis=None):
        return f"{model} was not compared with the baseline: no interval."
    row = rows.iloc[0]
    decided = (
        "it beats the simple measurements"
        if row["ci_low"] > 0
        else "the simple measurements beat it"
        if row["ci_high"] < 0
        else "these cases do not show that it beats the simple measurements"
    )
    return (
        f"AUC of {model} minus that of the baseline: {row['difference']:+.3f} ({row['ci_low']:+.3f} to "
        f"{row['ci_high']:+.3f}); {decided}."
    )


@models_in_words
def slopes(table, cases="test cases"):
    """Calibration slopes on test cases, from ``calibration.csv``: whose interval lies below 1, or includes it."""
    rows = table[table["split"] == "test"] if "split" in table else table
    rows = rows.dropna(subset="slope")
    if rows.empty:
        return f"No calibration slope can be computed on these {cases}."
    told = [f"{row.model} {row.slope:.2f} ({row.slope_low:.2f} to {row.slope_high:.2f})" for row in rows.itertuples()]
    kinds = {"lies below 1 (too extreme probabilities)": [], "includes 1": [], "lies above 1 (not extreme enough)": []}
    below, holds, above = kinds.values()
    for row in rows.itertuples():
        (below if row.slope_high < 1 else above if row.slope_low > 1 else holds).append(row.model)
    what = [f"{kind} for {_listed(names)}" for kind, names in kinds.items() if names]
    told = _listed(told).replace("-inf", "no limit").replace("inf", "no limit")
    return f"Slopes on {cases} are {told}. The interval {_listed(what)}."


def gap(table):
    """Training minus test AUC of deep features, in-sample against out-of-fold, from ``feature_modes.csv``; Markdown."""
    mean = table.pivot_table(index="mode", columns="split", values="auc")
    found = mean["train"] - mean["test"]
    larger = "larger" if found["in_sample"] > found["out_of_fold"] else "not larger"
    return (
        f"Mean over the expansions, training minus test AUC: **{found['in_sample']:+.3f} in-sample**, "
        f"**{found['out_of_fold']:+.3f} out-of-fold**. The in-sample gap is {larger}."
    )
