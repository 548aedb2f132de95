"""Fine-tuning of the networks, and the choice of an expansion."""

import numpy as np

from vcfnb.figures.parts import canvas, expansion_ticks, finish, panels, require, spread
from vcfnb.figures.theme import DOTTED, GREY, MODELS, ONE_COLUMN

_MEASURES = {
    "loss": "Loss (cross-entropy)",
    "val_loss": "Validation loss",
    "train_auc": "AUC in training",
    "learning_rate": "Learning rate",
}


def training_curves(history, *, simulated=False):
    """Loss, AUC and learning rate over the epochs, for the final network and those of the folds.

    `history`: epoch, loss, and optionally network, val_loss, train_auc, learning_rate, kept (marks the epoch whose
    weights stay).
    """
    require(history, "epoch", "loss", what="the history")
    measures = [name for name in _MEASURES if name in history and history[name].notna().any()]
    networks = list(history.groupby("network", sort=False)) if "network" in history else [("final", history)]
    figure, axes = panels(len(measures), 55, 20 + 56 * len(measures))
    folds = 0
    for name, part in networks:
        part = part.sort_values("epoch")
        final = len(networks) == 1 or name == "final"
        look = {"color": MODELS["dtl"], "linewidth": 1.8, "zorder": 3} if final else {"color": GREY, "linewidth": 0.8}
        label = "final network" if final else ("networks of the folds" if folds == 0 else None)
        folds += not final
        for axis, measure in zip(axes, measures, strict=True):
            axis.plot(part["epoch"], part[measure], label=label, marker="o" if len(part) == 1 else "", **look)
            if measure == "val_loss" and "kept" in part:
                kept = part[part["kept"]]
                axis.scatter(kept["epoch"], kept[measure], s=14, color=look["color"], zorder=look.get("zorder", 2) + 1)
    for axis, measure in zip(axes, measures, strict=True):
        axis.set(xlabel="Epoch", ylabel=_MEASURES[measure])
        axis.xaxis.get_major_locator().set_params(integer=True)
        if measure != "train_auc":
            axis.set_ylim(bottom=0)
    if len(networks) > 1:
        axes[0].legend()
    return finish(figure, simulated)


def cv_by_expansion(cv, choice, *, simulated=False):
    """Cross-validated AUC of each expansion's networks within the training cases; one point per repeat.

    `cv`: expansion (voxels of 1 mm), repeat, auc. `choice` (:func:`vcfnb.selection.best_expansion`): expansion, ci_low,
    ci_high, share_best (how often it was the best), chosen.
    """
    require(cv, "expansion", "repeat", "auc", what="the cross-validation")
    choice = choice.sort_values("expansion")
    figure, axis = canvas(ONE_COLUMN, 66)
    place = {"xytext": (0, 2), "xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
    for position, row in enumerate(choice.itertuples()):
        values = np.sort(cv.loc[cv["expansion"] == row.expansion, "auc"])
        color, mean = MODELS["dtl"] if row.chosen else GREY, values.mean()
        axis.scatter(position + 0.4 * spread(len(values)), values, s=9, color=color, alpha=0.7, linewidths=0)
        interval = [[mean - row.ci_low], [row.ci_high - mean]]
        axis.errorbar(position, mean, interval, color=color, linewidth=0.9, marker="")
        axis.annotate(f"{100 * row.share_best:.0f} %", (position, 1), ha="center", fontsize=7, **place)
        axis.plot([position - 0.25, position + 0.25], [mean] * 2, color="black", linewidth=1.5)
    expansion_ticks(axis, choice["expansion"])
    axis.set(ylabel="Cross-validated AUC (95% CI)", xlim=(-0.6, len(choice) - 0.4))
    axis.margins(y=0.08)
    if axis.get_ylim()[0] < 0.5:
        axis.axhline(0.5, **DOTTED)
    chosen = ", ".join(f"{expansion:g} mm" for expansion in choice.loc[choice["chosen"], "expansion"])
    axis.set_title(f"chosen: {chosen}; above: proportion of draws in which it was best", pad=14, fontsize=7)
    return finish(figure, simulated)


def alignment(table, *, simulated=False):
    """Agreement of fold networks with the final one on test cases, before and after their spaces were aligned.

    One thin line a network, the mean over networks thick. `table`: network, dimension, before, after (Pearson
    correlations over cases that neither network was trained on).
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
