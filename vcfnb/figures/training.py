"""Fine-tuning of the networks, and the choice of an expansion."""

import numpy as np

from vcfnb.figures.theme import GREY, MODELS, ONE_COLUMN, TWO_COLUMNS, canvas, finish, letters, require

_MEASURES = {
    "loss": "Loss (cross-entropy)",
    "val_loss": "Validation loss",
    "train_auc": "AUC in training",
    "learning_rate": "Learning rate",
}
_NETWORKS = ("network", "fold")
_FINAL = ("final", "all", "full")


def training_curves(history, *, simulated=False):
    """Loss, AUC and learning rate over the epochs, for the final network and those of the folds.

    Parameters
    ----------
    history : pandas.DataFrame
        epoch, loss, and optionally val_loss, train_auc, learning_rate, kept (marks the epoch whose weights stay);
        ``network`` (or ``fold``) names the network.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
    """
    require(history, "epoch", "loss", what="the history")
    measures = [name for name in _MEASURES if name in history and history[name].notna().any()]
    column = next((name for name in _NETWORKS if name in history), None)
    networks = list(history.groupby(column, sort=False)) if column else [("final", history)]
    figure, axes = canvas(min(TWO_COLUMNS, 20 + 56 * len(measures)), 55, 1, len(measures), squeeze=False)
    folds = 0
    for name, part in networks:
        part = part.sort_values("epoch")
        final = len(networks) == 1 or str(name) in _FINAL
        look = {"color": MODELS["dtl"], "linewidth": 1.8, "zorder": 3} if final else {"color": GREY, "linewidth": 0.8}
        label = "final network" if final else ("networks of the folds" if folds == 0 else None)
        folds += not final
        for axis, measure in zip(axes[0], measures, strict=True):
            axis.plot(part["epoch"], part[measure], label=label, marker="o" if len(part) == 1 else "", **look)
            if measure == "val_loss" and "kept" in part:
                kept = part[part["kept"]]
                axis.scatter(kept["epoch"], kept[measure], s=14, color=look["color"], zorder=look.get("zorder", 2) + 1)
    for axis, measure in zip(axes[0], measures, strict=True):
        axis.set(xlabel="Epoch", ylabel=_MEASURES[measure])
        axis.xaxis.get_major_locator().set_params(integer=True)
        if measure != "train_auc":
            axis.set_ylim(bottom=0)
    if len(networks) > 1:
        axes[0, 0].legend()
    if len(measures) > 1:
        letters(axes)
    return finish(figure, simulated)


def cv_by_expansion(cv, choice=None, *, simulated=False):
    """Cross-validated AUC of each expansion's networks within the training cases; one point per repeat.

    Parameters
    ----------
    cv : pandas.DataFrame
        expansion (voxels of 1 mm), repeat, auc.
    choice : pandas.DataFrame, optional
        expansion, ci_low, ci_high, share_best, chosen (:func:`vcfnb.selection.best_expansion`): intervals, how often
        each was the best, and the one that goes on.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
    """
    require(cv, "expansion", "repeat", "auc", what="the cross-validation")
    expansions = sorted(cv["expansion"].unique())
    about = {} if choice is None else choice.set_index("expansion").to_dict("index")
    figure, axis = canvas(ONE_COLUMN, 66)
    for position, expansion in enumerate(expansions):
        values = np.sort(cv.loc[cv["expansion"] == expansion, "auc"].dropna())
        if not len(values):
            continue
        row, mean = about.get(expansion, {}), values.mean()
        color = MODELS["dtl"] if row.get("chosen") else GREY
        spread = (np.arange(len(values)) * 0.6180339887 + 0.5) % 1 - 0.5
        axis.scatter(position + 0.4 * spread, values, s=9, color=color, alpha=0.7, linewidths=0)
        if row:
            interval = [[mean - row["ci_low"]], [row["ci_high"] - mean]]
            axis.errorbar(position, mean, interval, color=color, linewidth=0.9, marker="")
            text = f"{100 * row['share_best']:.0f} %"
            axis.annotate(
                text, (position, 1), (0, 2), ("data", "axes fraction"), "offset points", ha="center", fontsize=7
            )
        axis.plot([position - 0.25, position + 0.25], [mean] * 2, color="black", linewidth=1.5)
    axis.set_xticks(range(len(expansions)), [f"{expansion:g}" for expansion in expansions])
    label = "Cross-validated AUC" + (" (95% CI)" if about else "")
    axis.set(xlabel="ROI expansion (mm)", ylabel=label, xlim=(-0.6, len(expansions) - 0.4))
    axis.margins(y=0.08)
    if axis.get_ylim()[0] < 0.5:
        axis.axhline(0.5, color="black", linewidth=0.6, linestyle=":")
    if about:
        chosen = [f"{expansion:g} mm" for expansion, row in about.items() if row["chosen"]]
        axis.set_title(f"chosen: {', '.join(chosen)}; above: share of draws in which it was best", pad=14, fontsize=7)
    return finish(figure, simulated)


def alignment(table, *, simulated=False):
    """Agreement of fold networks with the final one on test cases, before and after their spaces were aligned.

    Parameters
    ----------
    table : pandas.DataFrame
        network, dimension, before, after (Pearson correlations over cases that neither network was trained on).
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
        One thin line a network, the mean over networks thick.
    """
    require(table, "network", "dimension", "before", "after", what="the alignment")
    figure, axis = canvas(ONE_COLUMN, 62)
    looks = {"before": (GREY, "as they come"), "after": (MODELS["dtl"], "aligned")}
    for name, (color, label) in looks.items():
        wide = table.pivot(index="dimension", columns="network", values=name).abs()
        axis.plot(wide.index + 1, wide, color=color, linewidth=0.5, alpha=0.5)
        axis.plot(wide.index + 1, wide.mean(axis=1), color=color, marker="o", label=label)
    axis.set(xlabel="Dimension of the deep features", ylabel="|r| with the final network", ylim=(0, 1.02))
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.legend(loc="lower left")
    return finish(figure, simulated)


def weights_comparison(results, summary, *, simulated=False):
    """Test AUC by where the weights came from, one panel per number of training cases.

    Parameters
    ----------
    results : pandas.DataFrame
        weights, n_train, seed, auc.
    summary : pandas.DataFrame
        weights, n_train, auc, auc_low, auc_high (95% interval over seeds).
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
        One grey line a seed: the same cases and the same order of training for all weights.
    """
    require(results, "weights", "n_train", "seed", "auc", what="the results")
    require(summary, "weights", "n_train", "auc", "auc_low", "auc_high", what="the summary")
    sizes, names = sorted(results["n_train"].unique()), list(results["weights"].unique())
    figure, axes = canvas(min(TWO_COLUMNS, 30 + 60 * len(sizes)), 62, 1, len(sizes), squeeze=False, sharey=True)
    for axis, size in zip(axes[0], sizes, strict=True):
        wide = results[results["n_train"] == size].pivot(index="weights", columns="seed", values="auc").loc[names]
        axis.plot(range(len(names)), wide, color=GREY, linewidth=0.6, marker="o", markersize=2, alpha=0.7)
        part = summary[summary["n_train"] == size].set_index("weights").loc[names]
        interval = np.abs(part[["auc_low", "auc_high"]].sub(part["auc"], axis=0)).to_numpy().T
        axis.errorbar(range(len(names)), part["auc"], interval, color=MODELS["dtl"], marker="o", linestyle="", zorder=3)
        for position, value in enumerate(part["auc"]):
            axis.annotate(f"{value:.3f}", (position, value), (5, 2), textcoords="offset points")
        axis.set_xticks(range(len(names)), names)
        axis.set(xlabel="Weights before fine-tuning", xlim=(-0.4, len(names) - 0.4))
        axis.set_title(f"{size} training cases")
    axes[0, 0].set_ylabel("Test AUC (95% CI over seeds)")
    if len(sizes) > 1:
        letters(axes)
    return finish(figure, simulated)
