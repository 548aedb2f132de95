"""How good the models are: AUC, ROC, decision curves, calibration, scores (Figures 8 to 10)."""

import numpy as np
import pandas as pd

from vcfnb.figures.theme import (
    BLACK,
    CLASSES,
    GREY,
    MODELS,
    ONE_COLUMN,
    SKY,
    SPLITS,
    TWO_COLUMNS,
    VERMILLION,
    canvas,
    class_names,
    finish,
    letters,
    model_name,
    model_styles,
    require,
    split_name,
    strips,
)

_TOTAL_MM = 61  # width of one of three panels on a page
_RECALIBRATIONS = {
    "none": "before",
    "intercept": "intercept recalibrated",
    "intercept and slope": "intercept and slope recalibrated",
}


def auc_by_expansion(table, *, simulated=False):
    """Figure 8: AUC of the deep models by ROI expansion, with confidence intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        expansion (voxels of 1 mm), split, auc, ci_low, ci_high, chosen. An interval that is NaN is left out.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
        The chosen expansion has a filled marker.
    """
    require(table, "expansion", "split", "auc", "ci_low", "ci_high", "chosen", what="the table of expansions")
    expansions = sorted(table["expansion"].unique())
    splits = _in_order(table["split"], SPLITS)
    figure, axis = canvas(ONE_COLUMN, 68)
    for number, split in enumerate(splits):
        part = table[table["split"] == split].sort_values("expansion")
        x = part["expansion"].map(expansions.index) + 0.16 * (number - (len(splits) - 1) / 2)
        color = {"train": GREY, "test": MODELS["dtl"]}.get(split, BLACK)
        interval = np.abs(part[["ci_low", "ci_high"]].sub(part["auc"], axis=0)).to_numpy().T
        axis.errorbar(x, part["auc"], interval, color=color, linewidth=0.9, marker="", label=split_name(split))
        chosen = part["chosen"].astype(bool)
        axis.scatter(x, part["auc"], s=22, facecolors=np.where(chosen, color, "white"), edgecolors=color, zorder=3)
    lowest = np.nanmin(table[["auc", "ci_low"]].to_numpy())
    axis.set_ylim(min(0.8, np.floor(10 * lowest) / 10), 1.01)
    if lowest < 0.55:
        axis.axhline(0.5, color=BLACK, linewidth=0.6, linestyle=":")
    axis.set_xticks(range(len(expansions)), [f"{expansion:g}" for expansion in expansions])
    axis.set_xlim(-0.5, len(expansions) - 0.5)
    axis.set(xlabel="ROI expansion (mm)", ylabel="AUC (95% CI)")
    axis.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0), title="filled: chosen on training cases")
    return finish(figure, simulated)


def feature_modes(table, *, simulated=False):
    """What in-sample deep features do to the AUC: training and test by expansion, one panel per mode.

    Parameters
    ----------
    table : pandas.DataFrame
        mode (``in_sample``, ``out_of_fold``), expansion (voxels of 1 mm), split, auc, ci_low, ci_high.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
    """
    require(table, "mode", "expansion", "split", "auc", "ci_low", "ci_high", what="the table of modes")
    titles = {"in_sample": "in-sample features (the paper's way)", "out_of_fold": "out-of-fold features"}
    modes = _in_order(table["mode"], titles)
    expansions = sorted(table["expansion"].unique())
    figure, axes = canvas(TWO_COLUMNS if len(modes) > 1 else ONE_COLUMN, 66, 1, len(modes), squeeze=False, sharey=True)
    for axis, mode in zip(axes[0], modes, strict=True):
        for number, split in enumerate(_in_order(table["split"], SPLITS)):
            part = table[(table["mode"] == mode) & (table["split"] == split)].sort_values("expansion")
            x = part["expansion"].map(expansions.index) + 0.16 * (number - 0.5)
            color = {"train": GREY, "test": MODELS["dtl"]}.get(split, BLACK)
            interval = np.abs(part[["ci_low", "ci_high"]].sub(part["auc"], axis=0)).to_numpy().T
            label = f"{split_name(split)} (mean {part['auc'].mean():.3f})"
            axis.errorbar(x, part["auc"], interval, color=color, linewidth=0.9, marker="o", label=label)
        axis.axhline(0.5, color=BLACK, linewidth=0.6, linestyle=":")
        axis.set_xticks(range(len(expansions)), [f"{expansion:g}" for expansion in expansions])
        axis.set(xlabel="ROI expansion (mm)", ylim=(min(0.45, table["ci_low"].min() - 0.02), 1.02))
        axis.set_title(titles.get(mode, mode))
        axis.legend(loc="lower left")
    axes[0, 0].set_ylabel("AUC (95% CI)")
    if len(modes) > 1:
        letters(axes)
    return finish(figure, simulated)


def roc(bands, auc=None, *, simulated=False):
    """Figure 9: ROC curves of the models with their bands; one panel per split.

    Parameters
    ----------
    bands : pandas.DataFrame
        model, split, fpr, tpr, low, high (pointwise 95% band of tpr).
    auc : pandas.DataFrame, optional
        model, split, auc, ci_low, ci_high, and n: written into the legend and the titles.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
    """
    require(bands, "model", "split", "fpr", "tpr", "low", "high", what="the ROC curves")
    if auc is not None:
        require(auc, "model", "split", "auc", "ci_low", "ci_high", what="the table of AUCs")
    splits, styles = _in_order(bands["split"], SPLITS), model_styles(_in_order(bands["model"], MODELS))
    figure, axes = canvas(TWO_COLUMNS if len(splits) > 1 else ONE_COLUMN, 88, 1, len(splits), squeeze=False)
    for axis, split in zip(axes[0], splits, strict=True):
        labels, n = _auc_labels(auc, split)
        for model, look in styles.items():
            part = bands[(bands["model"] == model) & (bands["split"] == split)]
            if len(part):
                axis.fill_between(part["fpr"], part["low"], part["high"], color=look["color"], alpha=0.13, linewidth=0)
                axis.plot(part["fpr"], part["tpr"], label=labels.get(model, model_name(model)), **look)
        axis.plot([0, 1], [0, 1], color=GREY, linewidth=0.6, linestyle=":")
        axis.set(xlabel="1 - specificity", ylabel="Sensitivity", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axis.set_title(split_name(split, n))
        axis.set_box_aspect(1)
        axis.legend(loc="lower right", title="AUC (95% CI)" if labels else None, alignment="left")
    if len(splits) > 1:
        letters(axes)
    return finish(figure, simulated)


def _auc_labels(auc, split):
    """Legend text by model, and the number of cases, of one split."""
    if auc is None:
        return {}, None
    part = auc[auc["split"] == split]
    labels = {}
    for row in part.itertuples():
        interval = f" ({row.ci_low:.3f}–{row.ci_high:.3f})" if np.isfinite([row.ci_low, row.ci_high]).all() else ""
        labels[row.model] = f"{model_name(row.model)} {row.auc:.3f}{interval}"
    return labels, int(part["n"].iloc[0]) if "n" in part and len(part) else None


def decision_curves(curves, *, simulated=False):
    """Figure 10: net benefit of each model over the threshold probability.

    Parameters
    ----------
    curves : pandas.DataFrame
        model, threshold, net_benefit, treat_all, treat_none, and optionally low, high (pointwise band).
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
        The axis ends a little below zero: curves fall far below where a model is of no use.
    """
    figure, axis = canvas(ONE_COLUMN + 30, 78)
    draw_decision_curves(axis, curves)
    return finish(figure, simulated)


def draw_decision_curves(axis, curves):
    """Draw :func:`decision_curves` on one axis."""
    require(curves, "model", "threshold", "net_benefit", "treat_all", "treat_none", what="the decision curves")
    styles = model_styles(_in_order(curves["model"], MODELS))
    banded = {"low", "high"} <= set(curves)
    first = curves[curves["model"] == next(iter(styles))].sort_values("threshold")
    axis.plot(first["threshold"], first["treat_all"], color=GREY, linewidth=0.9, label="treat all as acute")
    axis.plot(first["threshold"], first["treat_none"], color=BLACK, linewidth=0.9, label="treat none as acute")
    for model, look in styles.items():
        part = curves[curves["model"] == model].sort_values("threshold")
        if banded:
            axis.fill_between(
                part["threshold"], part["low"], part["high"], color=look["color"], alpha=0.13, linewidth=0
            )
        axis.plot(part["threshold"], part["net_benefit"], label=model_name(model), **look)
    top = max(curves["high" if banded else "net_benefit"].max(), curves["treat_all"].max(), 0.05)
    axis.set(xlabel="Threshold probability of acute fracture", ylabel="Net benefit", xlim=(0, 1))
    axis.set_ylim(-0.15 * top, 1.08 * top)
    # Above the axes: inside, bands would lie under it.
    title = "shaded: 95% band" if banded else None
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, title=title)


def calibration(points, scores=None, *, simulated=False):
    """Observed against predicted share of acute fractures, one panel per model.

    Parameters
    ----------
    points : pandas.DataFrame
        model, predicted (or mean_predicted), observed, low, high, n.
    scores : pandas.DataFrame, optional
        label and one column of probabilities a model: drawn as histograms below the curves.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
    """
    points = points.rename(columns={"mean_predicted": "predicted"})
    require(points, "model", "predicted", "observed", "low", "high", "n", what="the calibration points")
    styles = model_styles(_in_order(points["model"], MODELS))
    if scores is not None:
        require(scores, "label", *styles, what="the scores")
    rows = 2 if scores is not None else 1
    figure, axes = canvas(
        max(ONE_COLUMN, _TOTAL_MM * len(styles)),
        66 + 24 * (rows - 1),
        rows,
        len(styles),
        squeeze=False,
        sharex=True,
        sharey="row",
        height_ratios=(3, 1)[:rows],
    )
    for (model, look), column in zip(styles.items(), axes.T, strict=True):
        _calibration_curve(column[0], points[points["model"] == model], look["color"])
        column[0].set_title(model_name(model))
        if rows == 2:
            for name, label in (("acute", 1), ("chronic", 0)):
                values = scores.loc[scores["label"] == label, model]
                column[1].hist(values, bins=np.linspace(0, 1, 21), color=CLASSES[name], alpha=0.6, label=name)
        column[-1].set_xlabel("Predicted probability of acute")
    axes[0, 0].set_ylabel("Observed share of acute (95% CI)")
    if rows == 2:
        axes[1, 0].set_ylabel("Cases")
        axes[1, 0].legend(loc="upper left", fontsize=6)
    letters(axes[0])
    return finish(figure, simulated)


def recalibration(points, *, simulated=False):
    """Observed against predicted share of acute fractures before and after recalibration, one panel per model.

    Parameters
    ----------
    points : pandas.DataFrame
        model, method (``none``: before), predicted, observed, low, high, n.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
    """
    require(points, "model", "method", "predicted", "observed", "low", "high", "n", what="the calibration points")
    models, methods = _in_order(points["model"], MODELS), _in_order(points["method"], _RECALIBRATIONS)
    looks = dict(
        zip(methods, ((GREY, "o", "-"), (SKY, "s", "--"), (VERMILLION, "^", "-."), (BLACK, "D", ":")), strict=False)
    )
    figure, axes = canvas(max(ONE_COLUMN, _TOTAL_MM * len(models)), 78, 1, len(models), squeeze=False, sharey=True)
    for axis, model in zip(axes[0], models, strict=True):
        for method, (color, marker, line) in looks.items():
            part = points[(points["model"] == model) & (points["method"] == method)]
            _calibration_curve(
                axis, part, color, marker=marker, linestyle=line, label=_RECALIBRATIONS.get(method, method)
            )
        axis.set_title(model_name(model))
        axis.set_xlabel("Predicted probability of acute")
    axes[0, 0].set_ylabel("Observed share of acute (95% CI)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    letters(axes)
    return finish(figure, simulated)


def _calibration_curve(axis, part, color, marker="o", **look):
    part = part.sort_values("predicted")
    axis.plot([0, 1], [0, 1], color=GREY, linewidth=0.6, linestyle=":")
    interval = np.abs(part[["low", "high"]].sub(part["observed"], axis=0)).to_numpy().T
    axis.errorbar(part["predicted"], part["observed"], interval, color=color, marker=marker, linewidth=1, **look)
    axis.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))


def score_distribution(scores, thresholds=None, *, simulated=False):
    """Scores of every case by class, one panel per model, with the operating threshold.

    Parameters
    ----------
    scores : pandas.DataFrame
        Long: label, score (probability of acute), and optionally model.
    thresholds : float, dict or pandas.Series, optional
        One for all models, or by model; drawn as a line.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
    """
    require(scores, "label", "score", what="the scores")
    models = _in_order(scores["model"], MODELS) if "model" in scores else [None]
    figure, axes = canvas(max(ONE_COLUMN, _TOTAL_MM * len(models)), 62, 1, len(models), squeeze=False, sharey=True)
    for axis, model in zip(axes[0], models, strict=True):
        part = scores if model is None else scores[scores["model"] == model]
        names = class_names(part["label"]).to_numpy()
        strips(axis, {name: part.loc[names == name, "score"] for name in CLASSES if (names == name).any()}, CLASSES)
        threshold = thresholds.get(model) if hasattr(thresholds, "get") else thresholds
        if threshold is not None and np.isfinite(threshold):
            axis.axhline(threshold, color=BLACK, linestyle="--", linewidth=0.8, label=f"threshold {threshold:.2f}")
            axis.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.1)
        axis.set_xlabel("Fracture")
        if model is not None:
            axis.set_title(model_name(model), loc="right" if threshold is not None else "center")
    inside = scores["score"].between(0, 1).all()
    axes[0, 0].set_ylabel("Predicted probability of acute" if inside else "Score")
    if inside:
        axes[0, 0].set_ylim(-0.03, 1.03)
    return finish(figure, simulated)


def draw_confusion(axis, row):
    """Draw a confusion matrix from a dict with tp, fp, tn, fn, model, threshold; shade: share of the row."""
    counts = np.array([[row["tp"], row["fn"]], [row["fp"], row["tn"]]], dtype=float)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axis.imshow(share, cmap="Greys", vmin=0, vmax=1.4)
    for (i, j), count in np.ndenumerate(counts):
        text = f"{count:.0f}\n{100 * share[i, j]:.0f} %"
        axis.text(j, i, text, ha="center", va="center", color="white" if share[i, j] > 0.75 else BLACK)
    axis.set_xticks([0, 1], list(CLASSES))
    axis.set_yticks([0, 1], list(CLASSES), rotation=90, va="center")
    axis.set(xlabel="Predicted", ylabel="MRI")
    axis.set_title(f"{model_name(row['model'])}, threshold {row['threshold']:.2f}")
    axis.tick_params(length=0)


def _in_order(values, order):
    """The distinct values, those of `order` first."""
    found = list(pd.unique(values))
    return [name for name in order if name in found] + [name for name in found if name not in order]
