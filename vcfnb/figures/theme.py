"""What all figures share: size, colours, names, and the note that patients are simulated."""

import itertools

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from vcfnb.errors import VcfnbError

# Okabe and Ito's palette, which colour-blind readers can tell apart (jfly.uni-koeln.de/color).
BLACK, GREY = "#000000", "#7F7F7F"
ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    *("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"),
)
MODELS = {"radiomics": BLUE, "dtl": ORANGE, "fusion": GREEN}
MODEL_NAMES = {"radiomics": "Radiomics", "dtl": "DTL", "fusion": "Fusion"}
CLASSES = {"acute": VERMILLION, "chronic": SKY}
SPLITS = {"train": "Training", "test": "Test"}
READINGS = {"reader A": YELLOW, "reader A again": SKY, "reader B": PURPLE}

ONE_COLUMN, TWO_COLUMNS = 89, 183  # mm; widths of a journal's column and page
SIMULATED = "simulated data"


def style():
    """Set seaborn's theme and matplotlib's parameters for all figures of the study.

    Text of 8 pt (7 pt on axes) stays readable at the printed width; SVG files keep text as text. The font comes with
    matplotlib, so every machine draws the same picture. In a notebook, figures are shown as PNG pictures even where
    the environment asks for a backend without display (``MPLBACKEND=Agg``). Styled tables show texts as they are: a
    site may be called anything, and is no HTML.
    """
    pd.set_option("styler.format.escape", "html")
    sns.set_theme(context="paper", style="ticks", palette=[*MODELS.values(), PURPLE, VERMILLION, SKY, GREY])
    mpl.rcParams.update(
        {
            "font.family": "sans-serif",
            "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica", "sans-serif"],
            "font.size": 8,
            "axes.titlesize": 8,
            "axes.labelsize": 8,
            "xtick.labelsize": 7,
            "ytick.labelsize": 7,
            "legend.fontsize": 7,
            "legend.title_fontsize": 7,
            "legend.frameon": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.linewidth": 0.6,
            "xtick.major.width": 0.6,
            "ytick.major.width": 0.6,
            "xtick.minor.width": 0.4,
            "ytick.minor.width": 0.4,
            "xtick.major.size": 3,
            "ytick.major.size": 3,
            "xtick.minor.size": 1.5,
            "ytick.minor.size": 1.5,
            "lines.linewidth": 1.2,
            "lines.markersize": 4,
            "patch.linewidth": 0.6,
            "errorbar.capsize": 2,
            "figure.dpi": 120,
            "savefig.dpi": 300,
            "savefig.pad_inches": 0.02,
            "svg.fonttype": "none",
            "pdf.fonttype": 42,
        }
    )
    _show_pictures_in_notebooks()


def _show_pictures_in_notebooks():
    from IPython import get_ipython
    from IPython.core.pylabtools import select_figure_formats

    shell = get_ipython()
    if shell is not None:
        select_figure_formats(shell, {"png"})


def canvas(width_mm, height_mm, rows=1, columns=1, **options):
    """Figure and axes of a size in mm, laid out without overlaps, and closed to pyplot.

    A closed figure can be shown and saved, but is not shown a second time at the end of a notebook's cell.
    """
    figure, axes = plt.subplots(
        rows, columns, figsize=(width_mm / 25.4, height_mm / 25.4), layout="constrained", **options
    )
    plt.close(figure)
    return figure, axes


def finish(figure, simulated):
    """Put the note on figures of simulated patients (room is made for it), and return the figure."""
    if simulated:
        figure.supxlabel(SIMULATED, x=0.998, ha="right", fontsize=6, color=GREY, fontstyle="italic")
    return figure


def letters(axes):
    """Name panels a, b, c... at their upper left."""
    for letter, axis in zip("abcdefghijklmnop", np.ravel(axes), strict=False):
        axis.set_title(letter, loc="left", fontweight="bold")


def require(table, *columns, what="the table"):
    """Refuse a table without rows or without the columns that a figure needs.

    Raises
    ------
    VcfnbError
    """
    missing = [column for column in columns if column not in table]
    if missing:
        raise VcfnbError(
            f"{what} has no column {', '.join(missing)}", f"it has {', '.join(map(str, table))}", code="column-missing"
        )
    if not len(table):
        raise VcfnbError(f"{what} has no rows", "there is nothing to draw", code="empty-table")


def class_names(labels):
    """``acute`` for label 1, ``chronic`` for 0; names stay."""
    return pd.Series(labels).map(lambda label: label if label in CLASSES else ("chronic", "acute")[int(label)])


def split_name(split, n=None):
    """Title of a panel that shows one split."""
    return SPLITS.get(split, str(split)) + (f" (n = {n})" if n is not None else "")


def model_name(model):
    return MODEL_NAMES.get(model, str(model))


def model_styles(models):
    """Colour and line of each model, by name; models other than the study's three get what is left."""
    lines = dict(zip(MODELS, ("-", (0, (5, 1.5)), (0, (5, 1, 1, 1))), strict=True))
    others = itertools.cycle((PURPLE, VERMILLION, SKY, GREY))
    return {
        model: {
            "color": MODELS[model] if model in MODELS else next(others),
            "linestyle": lines.get(model, (0, (1, 1))),
        }
        for model in models
    }


def strips(axis, groups, colors, width=0.32, size=9):
    """Points of each group beside each other, spread evenly (no random jitter), with median and quartiles.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    groups : dict of str to array
        Values by name, drawn at 0, 1, 2...
    colors : dict of str to color
    width : float
        Half width over which points spread.
    size : float
        Area of a point, pt^2.
    """
    for position, (name, values) in enumerate(groups.items()):
        values = np.asarray(values, dtype=float)
        values = values[np.isfinite(values)]
        # The golden ratio's multiples fill the width evenly; sorted, neighbours in value come to lie far apart.
        spread = (np.arange(len(values)) * 0.6180339887 + 0.5) % 1 - 0.5 if len(values) > 1 else np.zeros(len(values))
        axis.scatter(
            position + 2 * width * spread,
            np.sort(values),
            s=size,
            color=colors[name],
            alpha=0.75,
            linewidths=0,
            rasterized=len(values) > 500,
        )
        if len(values) > 1:
            low, middle, high = np.percentile(values, (25, 50, 75))
            axis.plot([position, position], [low, high], color=BLACK, linewidth=1, zorder=3)
            axis.plot([position - 0.18, position + 0.18], [middle] * 2, color=BLACK, linewidth=1.6, zorder=3)
    axis.set_xlim(-0.6, len(groups) - 0.4)
    axis.set_xticks(range(len(groups)), [f"{name}\n(n = {len(values)})" for name, values in groups.items()])
