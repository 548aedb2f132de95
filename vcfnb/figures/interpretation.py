"""What a model weighs: odds ratios, nomogram, SHAP values."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from vcfnb.figures.names import feature_rows, short_name, source, source_color
from vcfnb.figures.parts import canvas, finish, panels, require
from vcfnb.figures.theme import BLACK, GREY, TWO_COLUMNS, model_name

MOST_ROWS = 20  # of a model, in the forest plot and the SHAP figure
MOST_AXES = 12  # of a nomogram
_PROBABILITIES = (0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)


def forest(coefficients, *, simulated=False):
    """Odds ratio of each feature per standard deviation, with its bootstrap interval, one panel per model.

    Of many features the ``MOST_ROWS`` farthest from 1 are drawn, and the panel says so. `coefficients`: model, feature,
    odds_ratio, odds_ratio_low, odds_ratio_high.
    """
    columns = ("odds_ratio", "odds_ratio_low", "odds_ratio_high")
    require(coefficients, "model", "feature", *columns, what="the coefficients")
    parts = {model: _largest(part) for model, part in coefficients.groupby("model", sort=False)}
    rows = [max(len(part), 2) for part in parts.values()]
    height = 3.6 * sum(rows) + 14 * len(rows)
    figure, axes = canvas(TWO_COLUMNS * 0.75, height, len(parts), sharex=True, squeeze=False, height_ratios=rows)
    for axis, (model, part) in zip(axes[:, 0], parts.items(), strict=True):
        whole = int((coefficients["model"] == model).sum())
        positions = feature_rows(axis, part["feature"], margin=0.7, least=2, fontsize=7)
        for position, row in zip(positions, part.itertuples(), strict=True):
            color = source_color(row.feature)
            axis.plot([row.odds_ratio_low, row.odds_ratio_high], [position] * 2, color=color, linewidth=1)
            axis.plot(row.odds_ratio, position, "o", color=color, markersize=3)
        axis.axvline(1, color=BLACK, linewidth=0.6)
        axis.set_xscale("log")
        shown = f", the {len(part)} farthest from 1 of {whole}" if len(part) < whole else f", {whole} features"
        axis.set_title(f"{model_name(model)}{shown if whole > 1 else ', 1 feature'}", loc="left")
    low, high = coefficients[columns[1]].min(), coefficients[columns[2]].max()
    ticks = [tick for tick in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= tick <= high]
    axes[-1, 0].set_xticks(ticks if len(ticks) > 2 else [0.5, 1, 2], minor=False)
    axes[-1, 0].minorticks_off()
    axes[-1, 0].xaxis.set_major_formatter("{x:g}")
    axes[-1, 0].set_xlabel("Odds ratio of acute per SD, with bootstrap interval (logarithmic)")
    return finish(figure, simulated)


def _largest(part):
    order = part["odds_ratio"].map(np.log).abs().sort_values(ascending=False, kind="stable").index
    return part.loc[order[:MOST_ROWS]]


def nomogram(chart, *, simulated=False):
    """A nomogram: read the points of each feature off the upper axis, add them, read the probability below.

    `chart` is a :class:`vcfnb.fusion.Nomogram`. Of many features the ``MOST_AXES`` with the widest range are drawn; the
    points of the others, which its table gives, have to be added.
    """
    require(chart.axes, "feature", "low", "high", "at_low", "at_high", "range", what="the nomogram")
    shown, others = chart.axes.iloc[:MOST_AXES], chart.axes.iloc[MOST_AXES:]
    names = [short_name(name) for name in shown["feature"]]
    names += [f"{len(others)} more features"] if len(others) else []
    rows = ["Points", *names, "", "Total points", "Probability of acute"]
    figure, axis = canvas(TWO_COLUMNS, 8 + 7.5 * len(rows))
    heights = np.arange(len(rows))[::-1]
    _ruler(axis, heights[0], range(0, 101, 10), [str(n) for n in range(0, 101, 10)], minor=range(0, 101, 5))
    for height, row in zip(heights[1:], shown.itertuples(), strict=False):
        at, labels = _ticks(row)
        _ruler(axis, height, at, labels, ends=(row.at_low, row.at_high), color=source_color(row.feature))
    if len(others):
        text = f"0 to {others['range'].sum():.0f} points together, by the table of this figure"
        axis.text(0, heights[1 + len(shown)], text, va="center", fontsize=6.5, color=GREY)
    _totals(axis, heights[-2:], chart)
    axis.set_yticks(heights, rows)
    axis.tick_params(axis="y", length=0)
    for label in axis.get_yticklabels()[:1] + axis.get_yticklabels()[-2:]:
        label.set_fontweight("bold")
    axis.set_xlim(-4, 104)
    axis.set_ylim(-0.9, len(rows) - 0.3)
    axis.set_xticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)
    return finish(figure, simulated)


def _ticks(row):
    """Points and labels of readable values on one feature's axis."""
    if row.range == 0:
        return [0], ["any value"]
    values, digits = np.array([row.low, row.high]), 3
    yes_or_no = source(row.feature) == "clinical" and (row.low, row.high) == (0, 1)
    if row.range >= 12 and not yes_or_no:
        nice = _nice(row.low, row.high, int(np.clip(row.range // 12, 2, 6)))
        values, digits = (nice, 6) if len(nice) >= 2 else (values, digits)
    at = row.at_low + (values - row.low) / (row.high - row.low) * (row.at_high - row.at_low)
    return at, [f"{value:.{digits}g}" for value in values]


def _nice(low, high, n):
    """About n round numbers from low to high."""
    found = MaxNLocator(n, steps=(1, 2, 2.5, 5, 10)).tick_values(low, high)
    return found[(found >= low) & (found <= high)]


def _ruler(axis, height, at, labels, ends=None, minor=(), color=BLACK):
    """A horizontal scale with labels above its ticks."""
    at = np.asarray(at, dtype=float)
    axis.plot([at.min(), at.max()] if ends is None else ends, [height, height], color=color, linewidth=1)
    axis.vlines(minor, height, height + 0.1, color=color, linewidth=0.5)
    axis.vlines(at, height, height + 0.18, color=color, linewidth=0.8)
    narrow = len(at) == 2 and np.ptp(at) < 12
    for place, label in zip(at, labels, strict=True):
        side = "center" if not narrow else ("right" if place == at.min() else "left")
        axis.text(place, height + 0.22, label, ha=side, va="bottom", fontsize=6)


def _totals(axis, heights, chart):
    """The scales of total points and of probability, as far as training ranges allow and probabilities differ."""
    most = float(chart.axes["range"].sum())
    if most == 0:
        axis.text(0, heights[0], "0, whatever the features are", va="center", fontsize=6.5)
        axis.text(0, heights[1], f"{float(chart.probability(0)):.3f}", va="center", fontsize=6.5)
        return
    first, last = np.clip(chart.total(np.array(_PROBABILITIES)[[0, -1]]), 0, most)
    if last - first < 0.01 * most:
        first, last = 0, most
    scale = 100 / (last - first)
    nice = _nice(first, last, 10)
    _ruler(axis, heights[0], scale * (nice - first), [f"{value:g}" for value in nice], ends=(0, 100))
    at = scale * (chart.total(np.array(_PROBABILITIES)) - first)
    shown = []
    # The middle first; a label that would touch one that is there is left out.
    for i in np.argsort(np.abs(np.array(_PROBABILITIES) - 0.5), kind="stable"):
        if -1e-6 <= at[i] <= 100 + 1e-6 and all(abs(at[i] - at[other]) > 4.5 for other in shown):
            shown.append(i)
    if shown:
        _ruler(axis, heights[1], at[shown], [f"{_PROBABILITIES[i]:g}" for i in shown], ends=(0, 100))
    else:
        ends = [f"{float(chart.probability(points)):.3g}" for points in (first, last)]
        _ruler(axis, heights[1], [0, 100], ends)


def shap_summary(values, *, simulated=False):
    """SHAP values: a, of every case, by feature; b, their mean size.

    `values`: feature, z (the feature in training SDs), shap (log odds), a row per case and feature. The ``MOST_ROWS``
    features with the largest mean size are drawn.
    """
    require(values, "feature", "z", "shap", what="the SHAP values")
    size = values["shap"].abs().groupby(values["feature"]).mean().sort_values(ascending=False, kind="stable")
    shown = size.index[:MOST_ROWS]
    figure, (left, right) = panels(2, 28 + 5 * max(len(shown), 3), sharey=True, width_ratios=(1.6, 1))
    positions = feature_rows(left, shown, margin=0.7)
    for position, feature in zip(positions, shown, strict=True):
        part = values[values["feature"] == feature].sort_values("shap")
        height = position + 0.36 * _swarm(part["shap"].to_numpy(), values["shap"])
        left.scatter(part["shap"], height, c=part["z"], cmap="cividis", vmin=-2, vmax=2, s=7, linewidths=0)
    left.axvline(0, color=BLACK, linewidth=0.6)
    left.set_xlabel("SHAP value (log odds); positive: acute")
    colors = mpl.colormaps["cividis"]([0.0, 0.5, 1.0])
    named = zip(colors, ("2 SD or more below the mean", "mean", "2 SD or more above"), strict=True)
    dots = [Line2D([], [], color=color, label=name, marker="o", markersize=3, linewidth=0) for color, name in named]
    figure.legend(handles=dots, title="Feature value", loc="outside upper left", ncols=3, alignment="left")
    right.barh(positions, size[shown], color=[source_color(name) for name in shown], height=0.7)
    right.set_xlabel("Mean |SHAP| (log odds)")
    kinds = sorted({(source(name), source_color(name)) for name in shown})
    bars = [Patch(color=color, label=name) for name, color in kinds]
    right.legend(handles=bars, loc="lower right")
    if len(shown) < len(size):
        right.set_title(f"the {len(shown)} largest of {len(size)}", loc="right")
    return finish(figure, simulated)


def _swarm(values, scale):
    """Offsets from -1 to 1 that part points of nearly equal value: sorted `values`, the middle of a pile first."""
    width = max(float(np.ptp(scale)), 1e-12) / 60
    pile = pd.Series(np.floor(values / width))
    rank = pile.groupby(pile).cumcount().to_numpy()
    offset = np.where(rank % 2, 1, -1) * ((rank + 1) // 2)
    return offset / max(int(np.abs(offset).max()), 6)
