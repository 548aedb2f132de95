"""Rigorous evaluation and leakage audit: how much of a result survives."""

import numpy as np

from vcfnb.figures.names import feature_rows, source_color
from vcfnb.figures.parts import canvas, finish, intervals, label_rows, panels, require, strips
from vcfnb.figures.theme import BLACK, BLUE, DOTTED, GREY, MODELS, ONE_COLUMN, PURPLE, SKY, VERMILLION, model_name

_ORDERS = {
    ("true", "after"): ("selected\nafter", SKY),
    ("true", "before"): ("selected\nbefore", VERMILLION),
    ("random", "before"): ("before,\nrandom labels", PURPLE),
}


def rigorous_auc(areas, single, *, simulated=False):
    """AUC of nested cross-validation: small points are repeats, the large one their mean with its interval.

    `areas`: model, repeat (a number, or "mean"), auc, ci_low, ci_high. `single`, the paper's way, drawn beside it:
    model, auc, newcombe_low, newcombe_high of the test cases of one split.
    """
    require(areas, "model", "repeat", "auc", "ci_low", "ci_high", what="the table of AUCs")
    figure, axis = canvas(ONE_COLUMN, 68)
    names = list(dict.fromkeys(areas["model"]))
    means = areas[areas["repeat"] == "mean"]
    for position, model in enumerate(names):
        color = MODELS.get(model, PURPLE)
        repeats = areas.loc[(areas["model"] == model) & (areas["repeat"] != "mean"), "auc"].to_numpy()
        spread = position - 0.3 + 0.1 * (np.arange(len(repeats)) / max(1, len(repeats) - 1) - 0.5)
        axis.scatter(spread, repeats, s=8, color=color, alpha=0.6, linewidths=0)
        _with_interval(axis, position - 0.1, means[means["model"] == model], color=color)
        row = single[single["model"] == model]
        look = {"color": GREY, "marker": "s", "markerfacecolor": "white"}
        _with_interval(axis, position + 0.18, row, ends=("newcombe_low", "newcombe_high"), **look)
    axis.axhline(0.5, **DOTTED)
    axis.plot([], [], "o", color=BLACK, label="nested cross-validation, mean (small: repeats)")
    axis.plot([], [], "s", color=GREY, markerfacecolor="white", label="test set of the one split")
    axis.set_xticks(range(len(names)), [model_name(name).replace(" ", "\n") for name in names])
    lowest = min(areas["auc"].min(), areas["ci_low"].min(), single["newcombe_low"].min())
    axis.set(ylabel="AUC (95% CI)", xlabel="Model", xlim=(-0.5, len(names) - 0.5))
    axis.set_ylim(min(0.45, lowest - 0.03), 1.02)
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1))
    return finish(figure, simulated)


def _with_interval(axis, position, rows, value="auc", ends=("ci_low", "ci_high"), **look):
    """The first of the rows, if there is one."""
    if len(rows):
        intervals(axis, [position], rows.head(1), value, ends, zorder=3, **look)


def auc_differences(differences, *, simulated=False):
    """Differences between the models' AUCs with their bootstrap intervals.

    `differences`: model_a, model_b, difference (a less b), ci_low, ci_high.
    """
    columns = ("model_a", "model_b", "difference", "ci_low", "ci_high")
    require(differences, *columns, what="the table of differences")
    figure, axis = canvas(ONE_COLUMN, 26 + 8 * len(differences))
    positions = np.arange(len(differences))[::-1]
    intervals(axis, positions, differences, "difference", across=True, color=BLACK, linestyle="")
    axis.axvline(0, **DOTTED)
    names = [f"{model_name(row.model_a)} - {model_name(row.model_b)}" for row in differences.itertuples()]
    axis.set_yticks(positions, names)
    axis.set(xlabel="Difference of AUC (95% CI, bootstrap)", ylabel="Models", ylim=(-0.6, len(differences) - 0.4))
    return finish(figure, simulated)


def instability(scores, *, simulated=False):
    """Each repeat's probability over the case's mean, one panel per model (Riley and Collins 2023, Biom J 65:2200302).

    `scores`: model, case_id, score, mean; lines join a case's lowest and highest probability.
    """
    require(scores, "model", "case_id", "score", "mean", what="the scores of the repeats")
    models = list(dict.fromkeys(scores["model"]))
    figure, axes = panels(len(models), 68, 62 * len(models) + 27)
    for axis, model in zip(axes, models, strict=True):
        color, part = MODELS.get(model, PURPLE), scores[scores["model"] == model]
        ends = part.groupby("case_id").agg(mean=("mean", "first"), low=("score", "min"), high=("score", "max"))
        axis.vlines(ends["mean"], ends["low"], ends["high"], color=color, alpha=0.35, linewidth=0.8)
        axis.scatter(part["mean"], part["score"], s=8, color=color, alpha=0.7, linewidths=0, zorder=3)
        axis.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=0.8)
        axis.axhline(0.5, **DOTTED)
        axis.axvline(0.5, **DOTTED)
        axis.set(xlabel="Mean probability of the case", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axis.set_title(f"{model_name(model)}, {len(ends)} cases")
    label_rows(axes, "Probability of acute, each repeat")
    return finish(figure, simulated)


def selection_frequency(frequency, index=None, most=25, *, simulated=False):
    """How often each feature was chosen; the `most` frequent are shown.

    `frequency`: feature, share, n_runs, of one model, from often to seldom. `index`, for the title: index, ci_low,
    ci_high of Nogueira's measure.
    """
    require(frequency, "feature", "share", "n_runs", what="the table of chosen features")
    shown = frequency.iloc[:most]
    figure, axis = canvas(120, 24 + 3.6 * max(4, len(shown)))
    positions = feature_rows(axis, shown["feature"])
    colors = [source_color(name) for name in shown["feature"]]
    axis.barh(positions, 100 * shown["share"], color=colors, height=0.7)
    runs, more = int(frequency["n_runs"].iloc[0]), len(frequency) - len(shown)
    axis.set(xlabel=f"Chosen in % of {runs} outer folds", xlim=(0, 100))
    title = f"{len(frequency)} features chosen at least once" + (f", the {most} most frequent" if more > 0 else "")
    if index is not None:
        title += f"\nNogueira's index {index['index']:.2f} ({index['ci_low']:.2f} to {index['ci_high']:.2f})"
    axis.set_title(title)
    return finish(figure, simulated)


def learning_curve(curve, *, simulated=False):
    """AUC of held-out cases over the number of training cases; `curve`: n_train, auc, ci_low, ci_high."""
    require(curve, "n_train", "auc", "ci_low", "ci_high", what="the learning curve")
    curve = curve.sort_values("n_train")
    figure, axis = canvas(ONE_COLUMN, 60)
    axis.fill_between(curve["n_train"], curve["ci_low"], curve["ci_high"], color=BLUE, alpha=0.2, linewidth=0)
    axis.plot(curve["n_train"], curve["auc"], marker="o", color=BLUE)
    axis.axhline(0.5, **DOTTED)
    axis.set(xlabel="Training cases", ylabel="AUC of held-out cases (95% CI)")
    axis.set_ylim(min(0.45, curve["ci_low"].min() - 0.03), 1.02)
    axis.set_title("Radiomics")
    return finish(figure, simulated)


def leakage_audit(permuted, audit, order, *, simulated=False):
    """The audit's three measurements: permuted labels, in-sample deep features, selection before the split.

    a: test AUC with permuted training labels, lines: with the true ones; `permuted`: run (0: true labels), model, auc.
    b: training minus test AUC by how deep features were taken; `audit`: code, value, low, high.
    c: AUC over random splits by when features were selected; `order`: labels (true, random), order (after, before),
    auc.
    """
    require(permuted, "run", "model", "auc", what="the permutations")
    require(audit, "code", "value", "low", "high", what="the audit")
    require(order, "labels", "order", "auc", what="the orders of selection")
    figure, axes = panels(3, 68, width_ratios=(1.15, 0.8, 1.05))
    _permutations(axes[0], permuted)
    _deep_gap(axes[1], audit)
    groups = {
        label: order.loc[(order["labels"] == labels) & (order["order"] == when), "auc"]
        for (labels, when), (label, _) in _ORDERS.items()
    }
    strips(axes[2], groups, dict(_ORDERS.values()))
    axes[2].axhline(0.5, **DOTTED)
    axes[2].set_xticks(range(len(groups)), list(groups), fontsize=6)
    axes[2].set(ylabel="AUC of held-out cases", xlabel="Order of selection and split", ylim=(0, 1.03))
    return finish(figure, simulated)


def _permutations(axis, permuted):
    bins = np.linspace(0, 1, 21)
    for model, part in permuted.groupby("model", sort=False):
        look = {"color": MODELS.get(model, SKY), "label": model_name(model)}
        axis.hist(part.loc[part["run"] > 0, "auc"], bins, histtype="step", linewidth=1.1, **look)
        axis.axvline(part.loc[part["run"] == 0, "auc"].iloc[0], color=look["color"], linewidth=1, linestyle="--")
    axis.axvline(0.5, **DOTTED)
    axis.plot([], [], color=BLACK, linestyle="--", linewidth=1, label="true labels")
    axis.set(xlabel="Test AUC, permuted training labels", ylabel="Permutations", xlim=(0, 1.02))
    axis.yaxis.get_major_locator().set_params(integer=True)
    axis.set_ylim(0, 1.5 * axis.get_ylim()[1])  # room for the legend
    axis.legend(fontsize=6, loc="upper left", frameon=True, framealpha=0.85, edgecolor="none")


def _deep_gap(axis, audit):
    names = {"in-sample": VERMILLION, "out-of-fold": SKY}
    for position, (name, color) in enumerate(names.items()):
        _with_interval(axis, position, audit[audit["code"] == f"gap-{name}"], "value", ("low", "high"), color=color)
    axis.axhline(0, **DOTTED)
    axis.set_xticks(range(len(names)), list(names))
    axis.set(xlabel="Deep features", ylabel="Training minus test AUC (95% CI)", xlim=(-0.5, len(names) - 0.5))
