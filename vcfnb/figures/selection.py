"""From many features to a few: steps and LASSO (Figures 5 to 7)."""

import numpy as np
from matplotlib.lines import Line2D

from vcfnb.figures.names import feature_rows, source, source_color
from vcfnb.figures.parts import canvas, finish, letters, merged, require
from vcfnb.figures.theme import BLACK, BLUE, GREY, ONE_COLUMN, TWO_COLUMNS

MOST_BARS = 60
_DASHED = {"color": BLACK, "linestyle": "--", "linewidth": 0.8}
_LEGEND = {"fontsize": 6, "frameon": True, "framealpha": 0.85, "edgecolor": "none"}


def selection_steps(steps, *, simulated=False):
    """Features left after each step of the selection; `steps`: step, n_features; in order."""
    require(steps, "step", "n_features", what="the steps")
    counts = steps["n_features"].to_numpy(dtype=float)
    ends = np.maximum(counts, 0.8)
    positions = np.arange(len(counts))[::-1]
    figure, axis = canvas(ONE_COLUMN, max(40, 20 + 6 * len(counts)))
    axis.hlines(positions, 0.8, ends, color=GREY, linewidth=0.8)
    axis.plot(ends, positions, "o", color=BLUE)
    for position, end, count in zip(positions, ends, counts, strict=True):
        axis.annotate(f"{count:.0f}", (end, position), (5, 0), textcoords="offset points", va="center", fontsize=7)
    axis.set_xscale("log")
    axis.set_xlim(0.8, 2.5 * max(counts.max(), 10))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set_yticks(positions, steps["step"])
    axis.set_ylim(-0.6, len(counts) - 0.4)
    axis.set(xlabel="Features left (logarithmic)", ylabel="Step")
    return finish(figure, simulated)


def lasso_figure(error, path, selected, title="", *, simulated=False):
    """Figures 5 to 7: a, error over lambda; b, coefficients over lambda; c, coefficients at the chosen lambda.

    `error`: lambda, mse_mean, mse_sd (mean and SD over folds), chosen. `path`: lambda, feature, coefficient; grey where
    it is zero at the chosen lambda. `selected`: feature, coefficient (per SD; positive speaks for acute).
    """
    require(selected, "feature", "coefficient", what="the selected features")
    height = max(95, 22 + 3.3 * max(4, min(len(selected), MOST_BARS)))  # keeps names of bars apart
    figure, axes = canvas(TWO_COLUMNS, height, 2, 2, width_ratios=(1, 0.95))
    right = merged(axes[:, 1])
    chosen = _error(axes[0, 0], error)
    _path(axes[1, 0], path, chosen)
    axes[1, 0].set_xlim(axes[0, 0].get_xlim())
    _bars(right, selected)
    letters((axes[0, 0], axes[1, 0], right))
    if title:
        figure.suptitle(title, fontsize=9, fontweight="bold")
    return finish(figure, simulated)


def _error(axis, error):
    """Draw the error; return the chosen lambda, or None."""
    require(error, "lambda", "mse_mean", "mse_sd", "chosen", what="LASSO's errors")
    error = error.sort_values("lambda")
    x, mean, sd = (error[name].to_numpy(dtype=float) for name in ("lambda", "mse_mean", "mse_sd"))
    axis.fill_between(x, mean - sd, mean + sd, color=GREY, alpha=0.25, linewidth=0, label="mean ± SD over folds")
    axis.plot(x, mean, color=BLACK, marker="o", markersize=2, linewidth=0.8)
    axis.set_xscale("log")
    axis.set(xlabel="λ (logarithmic)", ylabel="Cross-validated MSE")
    chosen = next(iter(error.loc[error["chosen"].astype(bool), "lambda"]), None)
    if chosen is not None:
        axis.axvline(chosen, label=f"λ = {chosen:.4f}", **_DASHED)
    axis.legend(**_LEGEND)
    return chosen


def _path(axis, path, chosen):
    require(path, "lambda", "feature", "coefficient", what="LASSO's path")
    table = path.pivot(index="lambda", columns="feature", values="coefficient").sort_index()
    kept = set(table.columns)
    if chosen is not None:
        nearest = table.index[np.argmin(np.abs(np.log(table.index / chosen)))]
        kept = set(table.columns[table.loc[nearest] != 0])
        axis.axvline(chosen, **_DASHED)
    for feature in table:
        look = {"color": source_color(feature), "linewidth": 0.9, "zorder": 2}
        if feature not in kept:
            look = {"color": GREY, "linewidth": 0.5, "alpha": 0.5, "zorder": 1}
        axis.plot(table.index, table[feature], marker="o" if len(table) == 1 else "", markersize=2, **look)
    axis.axhline(0, color=BLACK, linewidth=0.5)
    axis.set_xscale("log")
    axis.set(xlabel="λ (logarithmic)", ylabel="Coefficient (per SD)")
    kinds = sorted({(source(feature), source_color(feature)) for feature in kept})
    handles = [Line2D([], [], color=color, label=name) for name, color in kinds]
    if len(kept) < table.shape[1]:
        handles.append(Line2D([], [], color=GREY, alpha=0.5, label="zero at the chosen λ"))
    axis.legend(handles=handles, **_LEGEND)


def _bars(axis, selected):
    order = selected["coefficient"].abs().sort_values(ascending=False, kind="stable").index
    shown = selected.loc[order[:MOST_BARS]]
    positions = feature_rows(axis, shown["feature"], least=4)
    axis.barh(positions, shown["coefficient"], color=[source_color(name) for name in shown["feature"]], height=0.72)
    axis.axvline(0, color=BLACK, linewidth=0.6)
    axis.set_xlabel("Coefficient (per SD); positive: acute")
    text = f"{len(selected)} features" if len(selected) != 1 else "1 feature"
    axis.set_title(text + (f", the {MOST_BARS} largest" if len(selected) > MOST_BARS else ""))
