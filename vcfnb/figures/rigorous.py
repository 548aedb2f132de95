"""Rigorous evaluation and leakage audit: how much of a result survives."""

import numpy as np

from vcfnb.figures.names import short_name, source_color
from vcfnb.figures.theme import (
    BLACK,
    BLUE,
    GREY,
    MODELS,
    ONE_COLUMN,
    PURPLE,
    SKY,
    TWO_COLUMNS,
    VERMILLION,
    canvas,
    finish,
    letters,
    model_name,
    require,
    strips,
)

_ORDERS = {
    ("true", "after"): ("selected\nafter", SKY),
    ("true", "before"): ("selected\nbefore", VERMILLION),
    ("random", "before"): ("before,\nrandom labels", PURPLE),
}


def rigorous_auc(areas, single=None, *, simulated=False):
    """AUC of nested cross-validation, with that of the one split beside it.

    Parameters
    ----------
    areas : pandas.DataFrame
        model, repeat (a number, or "mean"), auc, ci_low, ci_high.
    single : pandas.DataFrame, optional
        model, auc, ci_low, ci_high of the paper's way: the test cases of one split.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
        Small points are repeats, the large one their mean with its interval.
    """
    require(areas, "model", "repeat", "auc", "ci_low", "ci_high", what="the table of AUCs")
    figure, axis = canvas(ONE_COLUMN, 68)
    names = list(dict.fromkeys(areas["model"]))
    for position, model in enumerate(names):
        part, color = areas[areas["model"] == model], MODELS.get(model, PURPLE)
        repeats = part.loc[part["repeat"] != "mean", "auc"].to_numpy()
        spread = position - 0.3 + 0.1 * (np.arange(len(repeats)) / max(1, len(repeats) - 1) - 0.5)
        axis.scatter(spread, repeats, s=8, color=color, alpha=0.6, linewidths=0)
        _with_interval(axis, position - 0.1, part[part["repeat"] == "mean"], color, "o", color)
        if single is not None:
            _with_interval(axis, position + 0.18, single[single["model"] == model], GREY, "s", "white")
    axis.axhline(0.5, color=BLACK, linewidth=0.6, linestyle=":")
    axis.plot([], [], "o", color=BLACK, label="nested cross-validation, mean (small: repeats)")
    if single is not None:
        axis.plot([], [], "s", color=GREY, markerfacecolor="white", label="test set of the one split")
    axis.set_xticks(range(len(names)), [model_name(name) for name in names])
    lowest = np.nanmin(areas[["auc", "ci_low"]].to_numpy())
    if single is not None:
        lowest = min(lowest, single["ci_low"].min())
    axis.set(
        ylabel="AUC (95% CI)", xlabel="Model", xlim=(-0.5, len(names) - 0.5), ylim=(min(0.45, lowest - 0.03), 1.02)
    )
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1))
    return finish(figure, simulated)


def _with_interval(axis, x, row, color, marker, face):
    if len(row):
        value, low, high = row[["auc", "ci_low", "ci_high"]].iloc[0]
        error = np.abs([[value - low], [high - value]])
        axis.errorbar(x, value, error, color=color, marker=marker, markerfacecolor=face, linewidth=0.9, zorder=3)


def auc_differences(differences, *, simulated=False):
    """Differences between the models' AUCs with their bootstrap intervals.

    Parameters
    ----------
    differences : pandas.DataFrame
        model_a, model_b, difference (a less b), ci_low, ci_high.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
    """
    columns = ("model_a", "model_b", "difference", "ci_low", "ci_high")
    require(differences, *columns, what="the table of differences")
    figure, axis = canvas(ONE_COLUMN, 26 + 8 * len(differences))
    positions = np.arange(len(differences))[::-1]
    error = np.abs(differences[["ci_low", "ci_high"]].sub(differences["difference"], axis=0)).to_numpy().T
    axis.errorbar(
        differences["difference"], positions, xerr=error, color=BLACK, marker="o", linestyle="", linewidth=0.9
    )
    axis.axvline(0, color=BLACK, linewidth=0.6, linestyle=":")
    names = [f"{model_name(row.model_a)} - {model_name(row.model_b)}" for row in differences.itertuples()]
    axis.set_yticks(positions, names)
    axis.set(xlabel="Difference of AUC (95% CI, bootstrap)", ylabel="Models", ylim=(-0.6, len(differences) - 0.4))
    return finish(figure, simulated)


def selection_frequency(frequency, index=None, most=25, *, simulated=False):
    """How often each feature was chosen.

    Parameters
    ----------
    frequency : pandas.DataFrame
        feature, share, n_runs: of one model, from often to seldom.
    index : pandas.Series, optional
        index, ci_low, ci_high of Nogueira's measure, for the title.
    most : int
        Features shown.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
    """
    require(frequency, "feature", "share", "n_runs", what="the table of chosen features")
    shown = frequency.iloc[:most].iloc[::-1]
    figure, axis = canvas(120, 24 + 3.6 * max(4, len(shown)))
    axis.barh(
        range(len(shown)), 100 * shown["share"], color=[source_color(name) for name in shown["feature"]], height=0.7
    )
    axis.set_yticks(range(len(shown)), [short_name(name) for name in shown["feature"]], fontsize=6)
    runs, more = int(frequency["n_runs"].iloc[0]), len(frequency) - len(shown)
    axis.set(
        xlabel=f"Chosen in % of {runs} outer folds", ylabel="Feature", xlim=(0, 100), ylim=(-0.6, len(shown) - 0.4)
    )
    title = f"{len(frequency)} features chosen at least once" + (f", the {most} most frequent" if more > 0 else "")
    if index is not None:
        title += f"\nNogueira's index {index['index']:.2f} ({index['ci_low']:.2f} to {index['ci_high']:.2f})"
    axis.set_title(title)
    return finish(figure, simulated)


def learning_curve(curve, *, simulated=False):
    """AUC of held-out cases over the number of training cases.

    Parameters
    ----------
    curve : pandas.DataFrame
        n_train, auc, ci_low, ci_high.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
    """
    require(curve, "n_train", "auc", "ci_low", "ci_high", what="the learning curve")
    curve = curve.sort_values("n_train")
    figure, axis = canvas(ONE_COLUMN, 60)
    axis.fill_between(curve["n_train"], curve["ci_low"], curve["ci_high"], color=BLUE, alpha=0.2, linewidth=0)
    axis.plot(curve["n_train"], curve["auc"], marker="o", color=BLUE)
    axis.axhline(0.5, color=BLACK, linewidth=0.6, linestyle=":")
    axis.set(xlabel="Training cases", ylabel="AUC of held-out cases (95% CI)")
    axis.set_ylim(min(0.45, curve["ci_low"].min() - 0.03), 1.02)
    axis.set_title("Radiomics")
    return finish(figure, simulated)


def leakage_audit(permuted, audit, order, *, simulated=False):
    """The audit's three measurements: permuted labels, in-sample deep features, selection before the split.

    Parameters
    ----------
    permuted : pandas.DataFrame
        run (0: true labels), model, auc.
    audit : pandas.DataFrame
        code, value, low, high: of which the lines on deep features are drawn.
    order : pandas.DataFrame
        labels (true, random), order (after, before), auc.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
        a: test AUC with permuted training labels, lines: with the true ones; b: training minus test AUC by how deep
        features were taken; c: AUC over random splits by when features were selected.
    """
    require(permuted, "run", "model", "auc", what="the permutations")
    require(audit, "code", "value", "low", "high", what="the audit")
    require(order, "labels", "order", "auc", what="the orders of selection")
    figure, axes = canvas(TWO_COLUMNS, 68, 1, 3, width_ratios=(1.15, 0.8, 1.05))
    _permutations(axes[0], permuted)
    _deep_gap(axes[1], audit)
    groups = {
        label: order.loc[(order["labels"] == key[0]) & (order["order"] == key[1]), "auc"]
        for key, (label, _) in _ORDERS.items()
    }
    colors = dict(_ORDERS.values())
    strips(axes[2], groups, colors)
    axes[2].axhline(0.5, color=BLACK, linewidth=0.6, linestyle=":")
    axes[2].set_xticks(range(len(groups)), list(groups), fontsize=6)
    axes[2].set(ylabel="AUC of held-out cases", xlabel="Order of selection and split", ylim=(0, 1.03))
    letters(axes)
    return finish(figure, simulated)


def _permutations(axis, permuted):
    bins = np.linspace(0, 1, 21)
    for model, part in permuted.groupby("model", sort=False):
        color = MODELS.get(model, SKY)
        axis.hist(
            part.loc[part["run"] > 0, "auc"], bins, histtype="step", color=color, linewidth=1.1, label=model_name(model)
        )
        axis.axvline(part.loc[part["run"] == 0, "auc"].iloc[0], color=color, linewidth=1, linestyle="--")
    axis.axvline(0.5, color=BLACK, linewidth=0.6, linestyle=":")
    axis.plot([], [], color=BLACK, linestyle="--", linewidth=1, label="true labels")
    axis.set(xlabel="Test AUC, permuted training labels", ylabel="Permutations", xlim=(0, 1.02))
    axis.yaxis.get_major_locator().set_params(integer=True)
    axis.set_ylim(0, 1.5 * axis.get_ylim()[1])  # room for the legend
    axis.legend(fontsize=6, loc="upper left", frameon=True, framealpha=0.85, edgecolor="none")


def _deep_gap(axis, audit):
    names = {"in-sample": VERMILLION, "out-of-fold": SKY}
    for position, (name, color) in enumerate(names.items()):
        row = audit[audit["code"] == f"gap-{name}"]
        renamed = row.rename(columns={"value": "auc", "low": "ci_low", "high": "ci_high"})
        _with_interval(axis, position, renamed, color, "o", color)
    axis.axhline(0, color=BLACK, linewidth=0.6, linestyle=":")
    axis.set_xticks(range(len(names)), list(names))
    axis.set(xlabel="Deep features", ylabel="Training minus test AUC (95% CI)", xlim=(-0.5, len(names) - 0.5))
