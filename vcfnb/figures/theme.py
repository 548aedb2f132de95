"""How all figures look: colours, names, widths."""

import itertools

import matplotlib as mpl
import pandas as pd
import seaborn as sns

from vcfnb.statistics.sentences import MODEL_NAMES

# From Tol's muted scheme (personal.sron.nl/~pault), for the models beyond the paper's three.
WINE, OLIVE = "#882255", "#999933"
# Okabe and Ito's palette, which colour-blind readers can tell apart (jfly.uni-koeln.de/color).
BLACK, GREY = "#000000", "#7F7F7F"
ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    *("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"),
)
MODELS = {"radiomics": BLUE, "dtl": ORANGE, "fusion": GREEN, "ridge_fusion": WINE, "baseline": OLIVE}
CLASSES = {"acute": VERMILLION, "chronic": SKY}
SPLITS = {"resubstitution": "Resubstitution", "train": "Training", "test": "Test"}
DOTTED = {"color": BLACK, "linewidth": 0.6, "linestyle": ":"}  # where there is no effect
REPEATS = {"reader A": YELLOW, "reader A again": SKY, "reader B": PURPLE}

ONE_COLUMN, TWO_COLUMNS = 89, 183  # mm; widths of a journal's column and page
SIMULATED = "simulated data"


def style():
    """Set seaborn's theme and matplotlib's parameters: text of 8 pt, on axes 7 pt, in a font that matplotlib brings.

    SVG files keep text as text. Notebooks show PNG pictures even where ``MPLBACKEND=Agg`` asks for no display, and
    tables with headings in words (:mod:`vcfnb.figures.tables`). Styled tables show texts as they are: a site may be
    called anything, and is no HTML.
    """
    from IPython import get_ipython
    from IPython.core.pylabtools import select_figure_formats

    pd.set_option("styler.format.escape", "html")
    sns.set_theme(context="paper", style="ticks", palette=[*MODELS.values(), PURPLE, VERMILLION, SKY, GREY])
    mpl.rc("font", family="sans-serif", size=8)
    mpl.rc("font", **{"sans-serif": ["DejaVu Sans", "Arial", "Helvetica", "sans-serif"]})
    mpl.rc("axes", titlesize=8, labelsize=8, linewidth=0.6)
    mpl.rc("axes.spines", top=False, right=False)
    mpl.rc(("xtick", "ytick"), labelsize=7)
    mpl.rc(("xtick.major", "ytick.major"), width=0.6, size=3)
    mpl.rc(("xtick.minor", "ytick.minor"), width=0.4, size=1.5)
    mpl.rc("legend", fontsize=7, title_fontsize=7, frameon=False)
    mpl.rc("lines", linewidth=1.2, markersize=4)
    mpl.rc("patch", linewidth=0.6)
    mpl.rc("errorbar", capsize=2)
    mpl.rc("figure", dpi=120)
    mpl.rc("savefig", dpi=300, pad_inches=0.02)
    mpl.rc("svg", fonttype="none")
    mpl.rc("pdf", fonttype=42)
    if get_ipython() is not None:
        from vcfnb.figures.tables import show_readable

        select_figure_formats(get_ipython(), {"png"})
        show_readable(get_ipython())


def class_names(labels):
    """``acute`` for label 1, ``chronic`` for 0; names stay."""
    return pd.Series(labels).map(lambda label: label if label in CLASSES else ("chronic", "acute")[int(label)])


def model_name(model):
    return MODEL_NAMES.get(model, str(model))


def in_order(values, order):
    """The distinct values, those of `order` first."""
    found = list(dict.fromkeys(values))
    return [name for name in order if name in found] + [name for name in found if name not in order]


def model_styles(models):
    """Colour and line by model, the study's first; others get what is left."""
    lines = dict(zip(MODELS, ("-", (0, (5, 1.5)), (0, (5, 1, 1, 1)), (0, (3, 1)), (0, (1, 1))), strict=True))
    others = itertools.cycle((PURPLE, VERMILLION, SKY, GREY))
    return {
        model: {
            "color": MODELS[model] if model in MODELS else next(others),
            "linestyle": lines.get(model, (0, (1, 1))),
        }
        for model in in_order(models, MODELS)
    }
