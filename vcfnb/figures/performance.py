"""How good the models are: AUC, ROC, decision curves, calibration, scores, subgroups (Figures 8 to 10)."""

import numpy as np

from vcfnb.figures.parts import by_class, canvas, expansion_ticks, finish, intervals, label_rows, panels, require
from vcfnb.figures.theme import (
    BLACK,
    CLASSES,
    DOTTED,
    GREY,
    MODELS,
    ONE_COLUMN,
    SKY,
    SPLITS,
    TWO_COLUMNS,
    VERMILLION,
    in_order,
    model_name,
    model_styles,
)

_RECALIBRATIONS = {
    "none": "before",
    "intercept": "intercept recalibrated",
    "intercept and slope": "intercept and slope recalibrated",
}
_MODES = {"in_sample": "in-sample features (the paper's way)", "out_of_fold": "out-of-fold features"}
_NEWCOMBE = ("newcombe_low", "newcombe_high")
_VARIABLES = {"all": "", "sex": "Sex", "age": "Age", "bmd": "BMD", "level": "Level"}


def auc_by_expansion(table, *, simulated=False):
    """Figure 8: AUC of the deep models by ROI expansion; the chosen one has a filled marker.

    `table`: expansion (voxels of 1 mm), split (train: out-of-fold), auc, newcombe_low, newcombe_high (NaN: no
    interval), chosen.
    """
    require(table, "expansion", "split", "auc", *_NEWCOMBE, "chosen", what="the table of expansions")
    expansions = sorted(table["expansion"].unique())
    figure, axis = canvas(ONE_COLUMN, 68)
    names = SPLITS | {"train": "Training, out-of-fold"}
    for split, x, part, color in _by_split(table, expansions):
        intervals(axis, x, part, ends=_NEWCOMBE, color=color, marker="", label=names.get(split, split))
        chosen = part["chosen"].astype(bool)
        axis.scatter(x, part["auc"], s=22, facecolors=np.where(chosen, color, "white"), edgecolors=color, zorder=3)
    lowest = np.nanmin(table[["auc", "newcombe_low"]].to_numpy())
    axis.set_ylim(min(0.8, np.floor(10 * lowest) / 10), 1.01)
    if lowest < 0.55:
        axis.axhline(0.5, **DOTTED)
    expansion_ticks(axis, expansions)
    axis.set(ylabel="AUC (Newcombe's 95% CI)", xlim=(-0.5, len(expansions) - 0.5))
    axis.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0), title="filled: chosen on training cases")
    return finish(figure, simulated)


def _by_split(table, expansions):
    """Of each split: name, places beside those of the others, rows in order, colour."""
    splits = in_order(table["split"], SPLITS)
    for number, split in enumerate(splits):
        part = table[table["split"] == split].sort_values("expansion")
        x = part["expansion"].map(expansions.index) + 0.16 * (number - (len(splits) - 1) / 2)
        yield split, x, part, {"train": GREY, "test": MODELS["dtl"]}.get(split, BLACK)


def feature_modes(table, *, simulated=False):
    """What in-sample deep features do to the AUC: training and test by expansion, one panel per mode.

    `table`: mode (``in_sample``, ``out_of_fold``), expansion (voxels of 1 mm), split, auc, ci_low, ci_high.
    """
    require(table, "mode", "expansion", "split", "auc", "ci_low", "ci_high", what="the table of modes")
    modes = in_order(table["mode"], _MODES)
    expansions = sorted(table["expansion"].unique())
    figure, axes = panels(len(modes), 66, sharey=True)
    for axis, mode in zip(axes, modes, strict=True):
        for split, x, part, color in _by_split(table[table["mode"] == mode], expansions):
            intervals(axis, x, part, color=color, label=f"{SPLITS.get(split, split)} (mean {part['auc'].mean():.3f})")
        axis.axhline(0.5, **DOTTED)
        expansion_ticks(axis, expansions)
        axis.set_ylim(min(0.45, table["ci_low"].min() - 0.02), 1.02)
        axis.set_title(_MODES.get(mode, mode))
        axis.legend(loc="lower left")
    axes[0].set_ylabel("AUC (95% CI)")
    return finish(figure, simulated)


def roc(bands, auc, *, simulated=False):
    """Figure 9: ROC curves of the models with their bands; one panel per split.

    `bands`: model, split, fpr, tpr, low, high (pointwise 95% band of tpr). `auc`, for the legend and the titles: model,
    split, n, auc, newcombe_low, newcombe_high.
    """
    require(bands, "model", "split", "fpr", "tpr", "low", "high", what="the ROC curves")
    require(auc, "model", "split", "n", "auc", *_NEWCOMBE, what="the table of AUCs")
    splits, styles = in_order(bands["split"], SPLITS), model_styles(bands["model"])
    names = SPLITS | ({"train": "Out-of-fold"} if "resubstitution" in splits else {})
    figure, axes = panels(len(splits), 76 + 4 * len(styles))
    for axis, split in zip(axes, splits, strict=True):
        areas = auc[auc["split"] == split]
        labels = _auc_labels(areas)
        _draw_roc(axis, bands[bands["split"] == split], styles, labels)
        axis.set_title(f"{names.get(split, split)} (n = {areas['n'].iloc[0]:.0f})")
        # Below the axes: three panels leave no room beside the curves.
        place = {"loc": "upper left", "bbox_to_anchor": (-0.05, -0.28), "borderaxespad": 0, "handlelength": 1.8}
        axis.legend(title="AUC (Newcombe's 95% CI)", alignment="left", **place)
    return finish(figure, simulated)


def _draw_roc(axis, bands, styles, labels):
    """Curves and bands of one split; legend texts by model."""
    for model, look in styles.items():
        part = bands[bands["model"] == model]
        if len(part):
            axis.fill_between(part["fpr"], part["low"], part["high"], color=look["color"], alpha=0.13, linewidth=0)
            axis.plot(part["fpr"], part["tpr"], label=labels.get(model, model_name(model)), **look)
    axis.plot([0, 1], [0, 1], color=GREY, linewidth=0.6, linestyle=":")
    axis.set(xlabel="1 - specificity", ylabel="Sensitivity", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axis.set_box_aspect(1)


def _auc_labels(areas):
    """Legend text by model."""
    labels = {}
    for row in areas.itertuples():
        ends = row.newcombe_low, row.newcombe_high
        interval = " ({:.3f}–{:.3f})".format(*ends) if np.isfinite(ends).all() else ""
        labels[row.model] = f"{model_name(row.model)} {row.auc:.3f}{interval}"
    return labels


def decision_curves(curves, *, simulated=False):
    """Figure 10: net benefit of each model over the threshold probability; the axis ends a little below zero.

    `curves`: model, threshold, net_benefit, treat_all, treat_none, and optionally low, high (pointwise band).
    """
    figure, axis = canvas(ONE_COLUMN + 30, 78)
    draw_decision_curves(axis, curves)
    return finish(figure, simulated)


def draw_decision_curves(axis, curves):
    """Draw :func:`decision_curves` on one axis."""
    require(curves, "model", "threshold", "net_benefit", "treat_all", "treat_none", what="the decision curves")
    styles = model_styles(curves["model"])
    banded = {"low", "high"} <= set(curves)
    curves = curves.sort_values("threshold")
    first = curves[curves["model"] == next(iter(styles))]
    axis.plot(first["threshold"], first["treat_all"], color=GREY, linewidth=0.9, label="treat all as acute")
    axis.plot(first["threshold"], first["treat_none"], color=BLACK, linewidth=0.9, label="treat none as acute")
    for model, look in styles.items():
        part = curves[curves["model"] == model]
        x = part["threshold"]
        if banded:
            axis.fill_between(x, part["low"], part["high"], color=look["color"], alpha=0.13, linewidth=0)
        axis.plot(x, part["net_benefit"], label=model_name(model), **look)
    top = max(curves["high" if banded else "net_benefit"].max(), curves["treat_all"].max(), 0.05)
    axis.set(xlabel="Threshold probability of acute fracture", ylabel="Net benefit", xlim=(0, 1))
    axis.set_ylim(-0.15 * top, 1.08 * top)
    # Above the axes: inside, bands would lie under it.
    title = "shaded: 95% band" if banded else None
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, title=title)


def draw_overview(axes, bands, curves, points, primary):
    """Test cases in three axes: ROC, decision curve and calibration of the primary model, the ROC beside the baseline.

    `bands` as :func:`roc` takes them, `curves` as :func:`decision_curves`, `points` as :func:`calibration`.
    """
    shown = [primary, "baseline"]
    test = bands[(bands["split"] == "test") & bands["model"].isin(shown)]
    _draw_roc(axes[0], test, model_styles(shown), {})
    axes[0].legend(loc="lower right")
    draw_decision_curves(axes[1], curves[curves["model"] == primary])
    # Between the curves on the left and the line of treating none.
    axes[1].legend(loc="lower left", bbox_to_anchor=(0.0, 0.15))
    axes[1].set_xlabel("Threshold probability")
    _calibration_curve(axes[2], points[points["model"] == primary], color=model_styles(shown)[primary]["color"])
    axes[2].set(xlabel="Predicted probability of acute", ylabel="Observed proportion")
    for axis, title in zip(axes, ("Discrimination", "Usefulness", "Calibration"), strict=True):
        axis.set_title(title)


def net_benefit_differences(table, *, simulated=False):
    """Net benefit of one model minus that of a simple rule or another model, one panel each, with intervals.

    `table`: threshold, model_a, model_b, difference, low, high.
    """
    columns = ("threshold", "model_a", "model_b", "difference", "low", "high")
    require(table, *columns, what="the differences of net benefit")
    others = in_order(table["model_b"], ("treat_all", "treat_none", *MODELS))
    styles = model_styles(others) | {"treat_all": {"color": GREY}, "treat_none": {"color": BLACK}}
    figure, axes = panels(len(others), 66, sharey=True)
    for axis, other in zip(axes, others, strict=True):
        part = table[table["model_b"] == other].sort_values("threshold")
        axis.axhline(0, **DOTTED)
        look = styles[other]
        axis.fill_between(part["threshold"], part["low"], part["high"], color=look["color"], alpha=0.2, linewidth=0)
        axis.plot(part["threshold"], part["difference"], **look)
        axis.set_title(f"{model_name(table['model_a'].iloc[0])} minus {model_name(other).replace('_', ' ')}")
        axis.set_xlabel("Threshold probability")
    label_rows(axes, "Difference of net benefit (95% CI)")
    return finish(figure, simulated)


def calibration(points, *, simulated=False):
    """Observed against predicted proportion of acute fractures: smooth curve, cases by class, one panel per model.

    `points`: model, predicted, observed, low, high, n, kind, as :func:`vcfnb.statistics.tables.calibration_points`.
    """
    figure, axes = _calibration_panels(points, 78)
    for model, look in model_styles(points["model"]).items():
        part, axis = points[points["model"] == model], axes[model]
        _calibration_curve(axis, part, color=look["color"])
        cases = part[part["kind"] == "case"]
        for (name, color), label, ends in zip(CLASSES.items(), (1, 0), ((1.04, 1.09), (-0.09, -0.04)), strict=True):
            x = cases.loc[cases["observed"] == label, "predicted"]
            axis.vlines(x, *ends, color=color, linewidth=0.7, label=f"{name} case")
    handles = axis.get_legend_handles_labels()
    title = "line: smooth curve (lowess), shaded: its 95% band; points: ten cases or more"
    figure.legend(*handles, loc="outside upper center", ncols=2, title=title)
    return finish(figure, simulated)


def recalibration(points, *, simulated=False):
    """Observed against predicted proportion of acute fractures before and after recalibration, one panel per model.

    `points`: method (``none``: before), and the columns of :func:`calibration`.
    """
    require(points, "method", what="the calibration points")
    figure, axes = _calibration_panels(points, 78)
    methods = in_order(points["method"], _RECALIBRATIONS)
    looks = ((GREY, "o", "-"), (SKY, "s", "--"), (VERMILLION, "^", "-."), (BLACK, "D", ":"))
    for model, axis in axes.items():
        for method, (color, marker, line) in zip(methods, looks, strict=False):
            part = points[(points["model"] == model) & (points["method"] == method)]
            label = _RECALIBRATIONS.get(method, method)
            _calibration_curve(axis, part, color=color, marker=marker, linestyle=line, label=label)
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return finish(figure, simulated)


def _calibration_panels(points, height_mm):
    """Figure and axes by model."""
    require(points, "model", "predicted", "observed", "low", "high", "n", "kind", what="the calibration points")
    models = in_order(points["model"], MODELS)
    figure, axes = panels(len(models), height_mm, max(ONE_COLUMN, 61 * len(models)), sharey=True)
    for model, axis in zip(models, axes, strict=True):
        axis.set_title(model_name(model))
        axis.set_xlabel("Predicted probability of acute")
    label_rows(axes, "Observed proportion of acute (95% CI)")
    return figure, dict(zip(models, axes, strict=True))


def _calibration_curve(axis, part, color, marker="o", linestyle="-", label=None):
    axis.plot([0, 1], [0, 1], color=GREY, linewidth=0.6, linestyle=":")
    smooth, grouped = (part[part["kind"] == kind].sort_values("predicted") for kind in ("smooth", "grouped"))
    smooth = smooth.assign(**smooth[["observed", "low", "high"]].clip(0, 1))  # a local line may leave the range
    axis.plot(smooth["predicted"], smooth["observed"], color=color, linestyle=linestyle, label=label)
    if smooth["low"].notna().any():
        axis.fill_between(smooth["predicted"], smooth["low"], smooth["high"], color=color, alpha=0.15, linewidth=0)
    look = {"color": color, "marker": marker, "linestyle": "", "elinewidth": 0.8}
    intervals(axis, grouped["predicted"], grouped, "observed", ("low", "high"), **look)
    axis.set(xlim=(-0.03, 1.03), ylim=(-0.11, 1.11))


def score_distribution(scores, thresholds=None, *, simulated=False):
    """Scores of every case by class, one panel per model, with the operating threshold.

    `scores`: label, score (probability of acute), and optionally model. `thresholds`: by model.
    """
    require(scores, "label", "score", what="the scores")
    models = in_order(scores["model"], MODELS) if "model" in scores else [None]
    width = max(ONE_COLUMN, 61 * len(models))
    figure, axes = panels(len(models), 62, width, lettered=False, sharey=True)
    for axis, model in zip(axes, models, strict=True):
        part = scores if model is None else scores[scores["model"] == model]
        by_class(axis, part["label"], part["score"])
        threshold = None if thresholds is None else thresholds.get(model)
        if threshold is not None and np.isfinite(threshold):
            axis.axhline(threshold, color=BLACK, linestyle="--", linewidth=0.8, label=f"threshold {threshold:.2f}")
            axis.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.1)
        if model is not None:
            axis.set_title(model_name(model), loc="right" if threshold is not None else "center")
    inside = scores["score"].between(0, 1).all()
    label_rows(axes, "Predicted probability of acute" if inside else "Score")
    if inside:
        axes[0].set_ylim(-0.03, 1.03)
    return finish(figure, simulated)


def draw_confusion(axis, counts):
    """Draw a confusion matrix ((TP, FN), (FP, TN)); shade: proportion of the row."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axis.imshow(share, cmap="Greys", vmin=0, vmax=1.4)
    for (i, j), count in np.ndenumerate(counts):
        text = f"{count}\n{100 * share[i, j]:.0f} %"
        axis.text(j, i, text, ha="center", va="center", color="white" if share[i, j] > 0.75 else BLACK)
    axis.set_xticks([0, 1], list(CLASSES))
    axis.set_yticks([0, 1], list(CLASSES), rotation=90, va="center")
    axis.set(xlabel="Predicted", ylabel="MRI")
    axis.tick_params(length=0)


def subgroup_forest(table, *, simulated=False):
    """AUC of each model in each subgroup with its interval; a subgroup without numbers says why.

    `table`: variable, subgroup, model, n_acute, n_chronic, auc, newcombe_low, newcombe_high (NaN where there is a
    note), note.
    """
    columns = ("variable", "subgroup", "model", "n_acute", "n_chronic", "auc", *_NEWCOMBE, "note")
    require(table, *columns, what="the table of subgroups")
    groups = table.drop_duplicates(["variable", "subgroup"])
    looks = _markers(table["model"])
    figure, axis = canvas(TWO_COLUMNS, 22 + max(9.5, 3.2 * len(looks)) * len(groups))
    left = max(0, np.floor(10 * np.nanmin([0.5, table["newcombe_low"].min()])) / 10 - 0.05)
    beside = {"va": "center", "ha": "center", "fontsize": 7, "transform": axis.get_yaxis_transform()}
    for row, group in enumerate(groups.itertuples()):
        part = table[(table["variable"] == group.variable) & (table["subgroup"] == group.subgroup)]
        if group.note:
            axis.text(max(left, 0.5) + 0.01, row, group.note, va="center", fontsize=7, color=GREY, style="italic")
        else:
            _beside_each_other(axis, row, part, looks)
        axis.text(1.07, row, f"{group.n_acute} / {group.n_chronic}", **beside)
    axis.text(1.03, -0.75, "acute / chronic", **beside | {"va": "bottom"})
    titles = [_VARIABLES.get(name, str(name)) for name in groups["variable"]]
    names = zip(titles, groups["subgroup"], strict=True)
    axis.set_yticks(range(len(groups)), [f"{title}: {name}" if title else name.capitalize() for title, name in names])
    axis.tick_params(axis="y", length=0)
    axis.axvline(0.5, **DOTTED)
    # A line between variables.
    for row in np.flatnonzero(groups["variable"].to_numpy()[1:] != groups["variable"].to_numpy()[:-1]):
        axis.axhline(row + 0.5, color=GREY, linewidth=0.3, alpha=0.6)
    axis.set(xlim=(left, 1.005), ylim=(len(groups) - 0.4, -0.6), xlabel="AUC (Newcombe's 95% CI)", ylabel="Test cases")
    handles = [axis.errorbar([], [], [], [], label=model_name(model), **look) for model, look in looks.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(looks))
    return finish(figure, simulated)


def _markers(models):
    """Colour and marker of each model; lines of intervals are whole, so that short ones are seen."""
    styles = model_styles(models)
    return {
        model: {"color": style["color"], "marker": marker, "linestyle": "", "elinewidth": 1}
        for (model, style), marker in zip(styles.items(), "osD^v" * len(styles), strict=False)
    }


def _beside_each_other(axis, row, part, looks):
    for number, (model, look) in enumerate(looks.items()):
        y = row + 0.72 / len(looks) * (number - (len(looks) - 1) / 2)
        intervals(axis, [y], part[part["model"] == model], ends=_NEWCOMBE, across=True, **look)
