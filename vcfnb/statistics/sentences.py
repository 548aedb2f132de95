"""Sentences about results, computed from them: what an interval, a slope or a gap shows, and what stays undecided."""

from vcfnb.errors import VcfnbError

PRIMARY = "fusion"  # named before the test set is opened


def _listed(parts):
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + f" and {parts[-1]}"


def verdict(auc, model=PRIMARY):
    """The AUC of one model, named beforehand, on test cases, from ``auc.csv``."""
    found = auc[(auc["split"] == "test") & (auc["model"] == model)]
    if found.empty:
        raise VcfnbError(f"no AUC of {model} on test cases", "run notebook 06 again", code="result-missing")
    row = found.iloc[0]
    decided = (
        "the interval lies above 0.5: better than chance"
        if row["ci_low"] > 0.5
        else "the interval holds 0.5: these cases do not show that it is better than chance"
        if row["ci_high"] >= 0.5
        else "the interval lies below 0.5: worse than chance"
    )
    return (
        f"On {int(row['n'])} test cases the primary model, {model}, has an AUC of {row['auc']:.3f} "
        f"({row['ci_low']:.3f} to {row['ci_high']:.3f}); {decided}."
    )


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


def slopes(table):
    """Calibration slopes on test cases, from ``calibration.csv``: whose probabilities are too extreme."""
    rows = table[(table["split"] == "test")].dropna(subset="slope")
    if rows.empty:
        return "No calibration slope can be computed on these test cases."
    told = [f"{row.model} {row.slope:.2f}" for row in rows.itertuples()]
    low = [row.model for row in rows.itertuples() if row.slope < 1]
    what = f"too extreme for {_listed(low)}" if low else "not too extreme for any model"
    return f"Slopes on test cases are {_listed(told)}: the probabilities are {what}. They have no interval here."


def gap(table):
    """Training minus test AUC of deep features, in-sample against out-of-fold, from ``feature_modes.csv``; Markdown."""
    mean = table.pivot_table(index="mode", columns="split", values="auc")
    found = mean["train"] - mean["test"]
    larger = "larger" if found["in_sample"] > found["out_of_fold"] else "not larger"
    return (
        f"Mean over the expansions, training minus test AUC: **{found['in_sample']:+.3f} in-sample**, "
        f"**{found['out_of_fold']:+.3f} out-of-fold**. The in-sample gap is {larger}."
    )
