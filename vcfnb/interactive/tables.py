"""Numbers behind a choice: size of a test set, readers of a feature, LASSO's penalty, one case's score, a threshold."""

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix

from vcfnb import statistics
from vcfnb.errors import VcfnbError
from vcfnb.figures import patient, performance, selection
from vcfnb.figures.description import split_power
from vcfnb.figures.names import short_name
from vcfnb.figures.parts import canvas, finish, merged, panels
from vcfnb.figures.theme import BLACK, CLASSES, GREY, TWO_COLUMNS, class_names, model_name

_READINGS = {"a2": ("Reader A again", "icc_intra"), "b": ("Reader B", "icc_inter")}


def test_size(n_test, acute_share, auc, width, simulated=False):
    """Expected width of an AUC's 95% interval by the size of the test set, for an AUC and a `width` to aim at."""
    table = statistics.auc_width_by_size(auc, acute_share, sizes=range(10, 401))
    return split_power(table, n_test=n_test, target=width, simulated=simulated)


def segmentations(features, icc, labels, feature, simulated=False):
    """One feature as it was measured from each reader's contour: a point a case; on the line both give the same.

    `features` by reading (a, a2, b): case_id and one column per feature, the same cases in each. `icc` is
    ``02_icc/icc.csv``, `labels` (1 acute, 0 chronic) has case_id as index.
    """
    values = {name: table.set_index("case_id")[feature] for name, table in features.items()}
    row = icc.set_index("feature").loc[feature]
    names = class_names(labels.loc[values["a"].index])
    ends = [min(table.min() for table in values.values()), max(table.max() for table in values.values())]
    figure, axes = panels(2, 80)
    for axis, (reading, (title, column)) in zip(axes, _READINGS.items(), strict=True):
        for name in CLASSES:
            here = (names == name).to_numpy()
            axis.scatter(values["a"][here], values[reading][here], s=12, color=CLASSES[name], linewidths=0, label=name)
        axis.plot(ends, ends, color=GREY, linewidth=0.8, zorder=0)
        axis.set(xlabel="Reader A", ylabel=title)
        axis.ticklabel_format(scilimits=(-3, 4))
        low, high = row[f"{column}_low"], row[f"{column}_high"]
        axis.set_title(f"ICC {row[column]:.2f} ({low:.2f}–{high:.2f})")
    axes[0].legend(loc="upper left")
    figure.suptitle(short_name(feature) + ("" if row["stable"] else ": not stable"), fontsize=8)
    return finish(figure, simulated)


def lasso(results, source, penalty, simulated=False):
    """Figures 5 to 7 with another penalty: the nearest lambda of the grid that leaves a feature.

    `results` by source: lasso_error, lasso_path, chosen_lambda, as :mod:`vcfnb.selection` gives them.
    """
    error, path = results[source].lasso_error, results[source].lasso_path
    kept = path[path["coefficient"] != 0]
    if kept.empty:
        problem = f"LASSO keeps no feature of {source} at any λ"
        raise VcfnbError(problem, "lower selection.lambda_min_log10", code="no-feature-left")
    # Beyond the largest λ that leaves a feature there is nothing to draw.
    grid = error.loc[error["lambda"] <= kept["lambda"].max() * (1 + 1e-9), "lambda"].to_numpy()
    nearest = grid[np.argmin(np.abs(np.log(grid / penalty)))]
    at = kept[np.isclose(kept["lambda"], nearest)]
    error = error.assign(chosen=error["lambda"] == nearest)
    title = f"{source}, λ = {nearest:.4f} (the study's: {results[source].chosen_lambda:.4f})"
    if penalty > grid.max() * (1 + 1e-9):
        title += ": the largest that leaves a feature"
    return selection.lasso_figure(error, path, at[["feature", "coefficient"]], title, simulated=simulated)


def contributions(shap, scores, case_id, simulated=False):
    """What moved one training case's score, and where its values lie among the training cases.

    `shap` (:func:`vcfnb.fusion.shap_table` of the training cases): case_id, feature, value, z, shap. `scores`, indexed
    by case_id: label and score (probability of acute).
    """
    own = shap[shap["case_id"] == case_id]
    if own.empty:
        raise VcfnbError(f"case {case_id} has no SHAP values", "take a training case", code="unknown-case")
    ranges = shap.groupby("feature")["value"].agg(low="min", high="max")
    own = own.merge(ranges, on="feature").rename(columns={"shap": "contribution"}).assign(beyond=False)
    order = own["contribution"].abs().sort_values(ascending=False, kind="stable").index
    figure = patient.contributions(own.loc[order], simulated=simulated)
    case = scores.loc[case_id]
    name = class_names([case["label"]]).iloc[0]
    figure.suptitle(f"{case_id}, {name}: probability of acute {case['score']:.2f}", fontsize=8)
    return figure


def threshold(scores, curves, threshold, simulated=False):
    """Confusion matrices of the models at one threshold (acute from it on), and the decision curves with it.

    `scores` of test cases: label and one column of probabilities a model. `curves`: as for
    :func:`vcfnb.figures.decision_curves`.
    """
    models = list(pd.unique(curves["model"]))
    figure, axes = canvas(TWO_COLUMNS, 128, 2, len(models), squeeze=False, height_ratios=(1, 1.25))
    for axis, model in zip(axes[0], models, strict=True):
        counts = confusion_matrix(scores["label"] == 1, scores[model] >= threshold, labels=[True, False])
        performance.draw_confusion(axis, counts)
        axis.set_title(f"{model_name(model)}, threshold {threshold:.2f}")
    below = merged(axes[1])
    performance.draw_decision_curves(below, curves)
    below.axvline(threshold, color=BLACK, linestyle="--", linewidth=0.8)
    return finish(figure, simulated)
