"""Radiomic features: how many, how stable, how different between the classes."""

import textwrap

import numpy as np
from matplotlib.lines import Line2D

from vcfnb.figures.names import FAMILIES, family, image_type_order, short_image_type, short_name
from vcfnb.figures.parts import by_class, canvas, finish, panels, require, strips
from vcfnb.figures.theme import BLACK, ONE_COLUMN, REPEATS
from vcfnb.radiomics.settings import image_type_of

_COMPARISONS = {"intra": "same reader\nagain", "inter": "another\nreader"}


def icc_overview(icc, threshold=0.8, *, simulated=False):
    """Intra- against inter-observer ICC of every feature, and the proportion of stable features per image type.

    `icc`: feature, icc_intra, icc_inter (drawn at 0 where lower; NaN is counted in the title), stable: both above
    `threshold`.
    """
    require(icc, "feature", "icc_intra", "icc_inter", "stable", what="the ICC table")
    types = icc["feature"].map(image_type_of)
    figure, (left, right) = panels(2, max(72, 22 + 3.6 * types.nunique()), width_ratios=(1.05, 1))
    _scatter(left, icc, types, threshold)
    stable = icc["stable"].astype(bool).groupby(types).agg(["sum", "size"])
    texts = stable["sum"].astype(str) + "/" + stable["size"].astype(str)
    _type_bars(right, 100 * stable["sum"] / stable["size"], texts)
    right.set(xlabel=f"Stable features: ICC > {threshold:g} both ways (%)", xlim=(0, 118))
    right.set_xticks(range(0, 101, 20))
    return finish(figure, simulated)


def _type_bars(axis, values, texts):
    """A bar for each image type, the index of both series, with a text at its end."""
    order = image_type_order(values.index)[::-1]
    colors = [FAMILIES[family(name)] for name in order]
    bars = axis.barh(range(len(order)), values[order], color=colors, height=0.72)
    axis.bar_label(bars, texts[order], padding=2, fontsize=6)
    axis.set_yticks(range(len(order)), [short_image_type(name) for name in order])
    axis.set_ylabel("Image type")


def _scatter(axis, icc, types, threshold):
    x, y = icc["icc_intra"].clip(lower=0), icc["icc_inter"].clip(lower=0)
    families = types.map(family)
    look = {"s": 7, "alpha": 0.6, "linewidths": 0, "rasterized": len(icc) > 500, "clip_on": False}
    handles = []
    for name, color in FAMILIES.items():
        here = families == name
        if here.any():
            axis.scatter(x[here], y[here], color=color, **look)
            handles.append(Line2D([], [], marker="o", linestyle="", color=color, label=name))
    for line in (axis.axvline, axis.axhline):
        line(threshold, color=BLACK, linewidth=0.8, linestyle="--", zorder=0)
    axis.legend(handles=handles, loc="lower left", fontsize=6, handletextpad=0.1, borderaxespad=0.2)
    missing = int((x.isna() | y.isna()).sum())
    title = f"{int(icc['stable'].sum())} of {len(icc)} features stable"
    axis.set_title(title + (f", {missing} not estimable" if missing else ""))
    # Most features lie high: the axes begin at 0 only when some feature is that low.
    low = np.nanmin([x.min(), y.min(), threshold - 0.1])
    axis.set(xlabel="ICC, same reader again", ylabel="ICC, another reader", xlim=(low, 1), ylim=(low, 1))
    axis.set_box_aspect(1)


def dice(dice, *, simulated=False):
    """Overlap of the repeat segmentations with the first; `dice`: comparison (``intra``, ``inter``), dice."""
    require(dice, "comparison", "dice", what="the Dice table")
    groups = dict(list(dice.groupby("comparison")["dice"]))
    found = [name for name in _COMPARISONS if name in groups]
    colors = dict(zip(_COMPARISONS.values(), (REPEATS["reader A again"], REPEATS["reader B"]), strict=True))
    figure, axis = canvas(ONE_COLUMN, 62)
    strips(axis, {_COMPARISONS[name]: groups[name] for name in found}, colors)
    axis.set(xlabel="Repeat segmentation", ylabel="Dice coefficient")
    axis.set_ylim(min(0.8, np.floor(20 * dice["dice"].min()) / 20), 1.0)
    return finish(figure, simulated)


def feature_counts(counts, *, simulated=False):
    """Number of features per image type; `counts`: image_type, n_features."""
    require(counts, "image_type", "n_features", what="the table of counts")
    counts = counts.set_index("image_type")["n_features"]
    figure, axis = canvas(ONE_COLUMN, max(30, 18 + 3.4 * len(counts)))
    _type_bars(axis, counts, counts.astype(str))
    axis.set(xlabel="Features", xlim=(0, 1.12 * counts.max()))
    title = f"{counts.sum()} features"
    axis.set_title(title if "shape" in counts else f"{title}, {len(counts)} image types")
    return finish(figure, simulated)


def feature_by_class(values, *, simulated=False):
    """Values of a few features by class, one panel each; `values`: feature, label (1 acute, 0 chronic), value."""
    require(values, "feature", "label", "value", what="the table of features")
    parts = dict(list(values.groupby("feature", sort=False)))
    columns = min(3, len(parts))
    rows = -(-len(parts) // columns)
    figure, axes = canvas(61 * columns, 55 * rows, rows, columns, squeeze=False)
    for axis, (feature, part) in zip(axes.flat, parts.items(), strict=False):
        by_class(axis, part["label"], part["value"])
        axis.set_title(textwrap.fill(short_name(feature), 30), fontsize=7)
        axis.set_ylabel("Feature value")
        axis.ticklabel_format(axis="y", scilimits=(-3, 4))
    for axis in axes.flat[len(parts) :]:
        axis.set_visible(False)
    return finish(figure, simulated)
