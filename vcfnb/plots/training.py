"""Fine-tuning of the networks, and the choice of an expansion."""

import numpy as np

from vcfnb.plots.theme import GREY, MODELS, ONE_COLUMN, TWO_COLUMNS, canvas, finish, letters, require

_MEASURES = {"loss": "Loss (cross-entropy)", "train_auc": "AUC in training", "learning_rate": "Learning rate"}
_NETWORKS = ("network", "fold")
_FINAL = ("final", "all", "full")


def training_curves(history, *, simulated=False):
    """Loss, AUC and learning rate over the epochs, for the final network and those of the folds.

    Parameters
    ----------
    history : pandas.DataFrame
        epoch, loss, and optionally train_auc, learning_rate; ``network`` (or ``fold``) names the network.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
    """
    require(history, "epoch", "loss", what="the history")
    measures = [name for name in _MEASURES if name in history]
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


def cv_by_expansion(cv, chosen=None, *, simulated=False):
    """Cross-validated AUC of each expansion within the training cases; one point a repeat.

    Parameters
    ----------
    cv : pandas.DataFrame
        expansion (voxels of 1 mm), repeat, auc.
    chosen : int, optional
        The expansion that goes on.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
    """
    require(cv, "expansion", "repeat", "auc", what="the cross-validation")
    figure, axis = canvas(ONE_COLUMN, 62)
    for position, (expansion, part) in enumerate(cv.groupby("expansion")):
        values = np.sort(part["auc"].dropna())
        color = MODELS["dtl"] if expansion == chosen else GREY
        spread = (np.arange(len(values)) * 0.6180339887 + 0.5) % 1 - 0.5
        axis.scatter(position + 0.5 * spread, values, s=7, color=color, alpha=0.7, linewidths=0)
        if len(values):
            axis.plot([position - 0.3, position + 0.3], [values.mean()] * 2, color="black", linewidth=1.5)
            axis.annotate(
                f"{values.mean():.3f}",
                (position, values.max()),
                (0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=6,
            )
    expansions = sorted(cv["expansion"].unique())
    axis.set_xticks(range(len(expansions)), [f"{expansion:g}" for expansion in expansions])
    axis.set(
        xlabel="ROI expansion (mm)", ylabel="Cross-validated AUC, training cases", xlim=(-0.6, len(expansions) - 0.4)
    )
    axis.margins(y=0.12)
    if chosen is not None:
        axis.set_title(f"chosen: {chosen:g} mm", color=MODELS["dtl"])
    return finish(figure, simulated)
