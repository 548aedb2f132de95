"""Radiomic features: how many, how stable, how different between the classes."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from vcfnb.figures.names import FAMILIES, family, image_type, image_type_order, short_image_type, short_name
from vcfnb.figures.theme import (
    BLACK,
    CLASSES,
    GREY,
    ONE_COLUMN,
    READINGS,
    TWO_COLUMNS,
    canvas,
    class_names,
    finish,
    letters,
    require,
    strips,
)

_COMPARISONS = {"intra": "same reader,\na week later", "inter": "another\nreader"}


def icc_overview(icc, threshold=0.8, *, simulated=False):
    """Intra- against inter-observer ICC of every feature, and the share of stable features per image type.

    Parameters
    ----------
    icc : pandas.DataFrame
        feature, icc_intra, icc_inter, stable (``02_icc/icc.csv``).
    threshold : float
        A feature is stable above it, both ways.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
        ICC below 0 is drawn at 0; features whose ICC cannot be estimated are counted in the title.
    """
    require(icc, "feature", "icc_intra", "icc_inter", "stable", what="the ICC table")
    types = icc["feature"].map(image_type)
    order = image_type_order(types)
    figure, (left, right) = canvas(TWO_COLUMNS, max(72, 22 + 3.6 * len(order)), 1, 2, width_ratios=(1.05, 1))
    _scatter(left, icc, types, threshold)
    stable = icc["stable"].astype(bool).groupby(types).agg(["sum", "size"]).loc[order[::-1]]
    right.barh(
        range(len(stable)),
        100 * stable["sum"] / stable["size"],
        color=[FAMILIES[family(name)] for name in stable.index],
        height=0.72,
    )
    for position, (count, size) in enumerate(stable.to_numpy()):
        right.annotate(
            f"{count}/{size}",
            (100 * count / size, position),
            (2, 0),
            textcoords="offset points",
            va="center",
            fontsize=6,
        )
    right.set_yticks(range(len(stable)), [short_image_type(name) for name in stable.index])
    right.set(xlabel=f"Stable features: ICC > {threshold:g} both ways (%)", ylabel="Image type", xlim=(0, 118))
    right.set_xticks(range(0, 101, 20))
    letters((left, right))
    return finish(figure, simulated)


def _scatter(axis, icc, types, threshold):
    x, y = icc["icc_intra"].clip(lower=0), icc["icc_inter"].clip(lower=0)
    families = types.map(family)
    shown = [name for name in FAMILIES if (families == name).any()]
    for name in shown:
        here = (families == name).to_numpy()
        axis.scatter(
            x[here],
            y[here],
            s=7,
            color=FAMILIES[name],
            alpha=0.6,
            linewidths=0,
            rasterized=len(icc) > 500,
            clip_on=False,
        )
    for line in (axis.axvline, axis.axhline):
        line(threshold, color=BLACK, linewidth=0.8, linestyle="--", zorder=0)
    handles = [Line2D([], [], marker="o", linestyle="", color=FAMILIES[name], label=name) for name in shown]
    axis.legend(handles=handles, loc="lower left", fontsize=6, handletextpad=0.1, borderaxespad=0.2)
    missing = int((x.isna() | y.isna()).sum())
    title = f"{int(icc['stable'].sum())} of {len(icc)} features stable"
    axis.set_title(title + (f", {missing} not estimable" if missing else ""))
    # Most features lie high: the axes begin at 0 only when some feature is that low.
    low = np.nanmin([x.min(), y.min(), threshold - 0.1])
    axis.set(xlabel="ICC, same reader again", ylabel="ICC, another reader", xlim=(low, 1), ylim=(low, 1))
    axis.set_box_aspect(1)


def dice(dice, *, simulated=False):
    """Overlap of the repeat segmentations with the first.

    Parameters
    ----------
    dice : pandas.DataFrame
        case_id, comparison (``intra``, ``inter``), dice.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
    """
    require(dice, "comparison", "dice", what="the Dice table")
    found = [name for name in _COMPARISONS if (dice["comparison"] == name).any()]
    found += [name for name in dice["comparison"].unique() if name not in _COMPARISONS]
    labels = {name: _COMPARISONS.get(name, str(name)) for name in found}
    colors = dict(zip(labels.values(), (*list(READINGS.values())[1:], *[GREY] * len(found)), strict=False))
    figure, axis = canvas(ONE_COLUMN, 62)
    strips(axis, {labels[name]: dice.loc[dice["comparison"] == name, "dice"] for name in found}, colors)
    axis.set(xlabel="Second reading", ylabel="Dice coefficient with the first reading")
    axis.set_ylim(min(0.8, np.floor(20 * dice["dice"].min()) / 20), 1.0)
    return finish(figure, simulated)


def feature_counts(counts, *, simulated=False):
    """Number of features per image type.

    Parameters
    ----------
    counts : pandas.DataFrame
        image_type, n_features.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
    """
    require(counts, "image_type", "n_features", what="the table of counts")
    counts = counts.set_index("image_type")["n_features"]
    counts = counts.loc[image_type_order(counts.index)[::-1]]
    figure, axis = canvas(ONE_COLUMN, max(30, 18 + 3.4 * len(counts)))
    axis.barh(range(len(counts)), counts, color=[FAMILIES[family(name)] for name in counts.index], height=0.72)
    for position, count in enumerate(counts):
        axis.annotate(str(count), (count, position), (2, 0), textcoords="offset points", va="center", fontsize=6)
    axis.set_yticks(range(len(counts)), [short_image_type(name) for name in counts.index])
    axis.set(xlabel="Features", ylabel="Image type", xlim=(0, 1.12 * counts.max()))
    axis.set_title(
        f"{counts.sum()} features, {len(counts)} image types" if "shape" not in counts else f"{counts.sum()} features"
    )
    return finish(figure, simulated)


def feature_by_class(values, *, simulated=False):
    """Values of a few features by class, one panel per feature.

    Parameters
    ----------
    values : pandas.DataFrame
        Long: feature, label (1 acute, 0 chronic), value; one row per case and feature.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
    """
    require(values, "feature", "label", "value", what="the table of features")
    features = list(pd.unique(values["feature"]))
    columns = min(3, len(features))
    rows = -(-len(features) // columns)
    figure, axes = canvas(61 * columns, 55 * rows, rows, columns, squeeze=False)
    for axis, feature in zip(axes.flat, features, strict=False):
        here = values[values["feature"] == feature]
        names = class_names(here["label"]).to_numpy()
        groups = {name: here.loc[names == name, "value"] for name in CLASSES if (names == name).any()}
        strips(axis, groups, CLASSES)
        axis.set_title(textwrap.fill(short_name(feature), 30), fontsize=7)
        axis.set(ylabel="Feature value", xlabel="Fracture")
        axis.ticklabel_format(axis="y", scilimits=(-3, 4))
    for axis in axes.flat[len(features) :]:
        axis.set_visible(False)
    return finish(figure, simulated)
