"""How far a case's probability moves from one repeat of the cross-validation to the next.

Source: Riley and Collins 2023, Biom J 65:2200302, with repeats of the cross-validation in place of their bootstrap
samples, and the case's mean in place of the original model's probability.
"""


def with_mean(scores):
    """`scores` (model, repeat, case_id, score) of models with several repeats, with each case's ``mean`` over them."""
    several = scores[scores.groupby("model")["repeat"].transform("nunique") > 1]
    return several.assign(mean=several.groupby(["model", "case_id"])["score"].transform("mean"))


def instability(scores, threshold=0.5):
    """Instability of each case's probability over the repeats; a model with a single repeat has no rows.

    model, case_id, patient_id, label, repeats, mean, range, sd, mean_difference (mean absolute difference from the
    case's mean), flips (proportion of repeats whose predicted class at `threshold` differs from the majority's; 0.5
    where there is none).
    """
    scores = with_mean(scores)
    scores = scores.assign(gap=(scores["score"] - scores["mean"]).abs(), positive=scores["score"] >= threshold)
    found = scores.groupby(["model", "case_id", "patient_id", "label"], sort=False).agg(
        repeats=("repeat", "nunique"),
        mean=("score", "mean"),
        low=("score", "min"),
        high=("score", "max"),
        sd=("score", "std"),
        mean_difference=("gap", "mean"),
        flips=("positive", "mean"),
    )
    found.insert(2, "range", found.pop("high") - found.pop("low"))
    return found.assign(flips=found["flips"].where(found["flips"] <= 0.5, 1 - found["flips"])).reset_index()


def instability_summary(scores, table):
    """Of each model: repeats, n (cases), n_flips (cases whose predicted class changes), medians and means over cases.

    Models with a single repeat have NaN: nothing can be said of them. `table` is that of :func:`instability`.
    """
    by_model = table.groupby("model").agg(
        n=("case_id", "size"),
        n_flips=("flips", lambda flips: (flips > 0).sum()),
        range_median=("range", "median"),
        range_max=("range", "max"),
        sd_mean=("sd", "mean"),
        mean_difference=("mean_difference", "mean"),
    )
    repeats = scores.groupby("model", sort=False)["repeat"].nunique().rename("repeats")
    return repeats.to_frame().join(by_model).astype({"n": "Int64", "n_flips": "Int64"}).reset_index()
