"""Three ways to treat unequal classes, and what each does to the predicted classes and to the probabilities."""

import pandas as pd

from vcfnb import statistics
from vcfnb.statistics.tables import calibration_row

# What is done to the regression, and where the threshold lies.
OPTIONS = (
    ("nothing", "none", "0.5"),
    ("class weights", "balanced", "0.5"),
    ("threshold at the proportion of acute training cases", "none", "share"),
    ("threshold by Youden on training cases", "none", "youden"),
)


def imbalance_options(weighting):
    """Predicted classes and probabilities of the radiomics model by option: means over repeats of the outer folds.

    option, weights, threshold, auc, sensitivity, specificity, balanced_accuracy, predicted (mean probability), observed
    (proportion of acute cases), brier, slope, intercept (NaN where a repeat's regression has no solution). `weighting`
    is that of :class:`vcfnb.robustness.NestedResult`.

    *Class weights* make both classes count alike while fitting. The probabilities are then those of a population half
    of which is acute: with two thirds acute they are too low throughout, and must not be read as risks nor put into a
    decision curve. *A moved threshold* changes the predicted classes and leaves the probabilities as they are. A
    threshold at the proportion of acute training cases makes nearly the predicted classes that class weights make at
    0.5, without that price.

    Source: van den Goorbergh et al. 2022, J Am Med Inform Assoc 29:1525.
    """
    rows = []
    for option, weights, threshold in OPTIONS:
        part = weighting[weighting["weights"] == weights]
        by_repeat = pd.DataFrame([_measures(repeat, threshold) for _, repeat in part.groupby("repeat")])
        means = by_repeat.mean(skipna=False).to_dict()
        rows.append({"option": option, "weights": weights, "threshold": threshold} | means)
    return pd.DataFrame(rows)


def _measures(scores, threshold):
    y, score = scores["label"].to_numpy(), scores["score"].to_numpy()
    predicted = score >= (0.5 if threshold == "0.5" else scores[threshold].to_numpy())
    sensitivity, specificity = predicted[y == 1].mean(), (~predicted[y == 0]).mean()
    found = calibration_row(y, score)
    return {
        "auc": statistics.auc(y, score),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "balanced_accuracy": (sensitivity + specificity) / 2,
    } | {name: found[name] for name in ("predicted", "observed", "brier", "slope", "intercept")}
