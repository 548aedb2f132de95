"""How tables look in notebooks: headings in words, three decimals, p as p, models by their names."""

import csv
from pathlib import Path

import pandas as pd
from pandas.io.formats.style import Styler

from vcfnb.figures.theme import MODEL_NAMES, model_name

# pandas shortens what is longer or wider than this.
_ROWS, _COLUMNS = 60, 20
_P = ("p", "p_holm")
_MODELS = ("model", "model_a", "model_b")


def _read():
    with Path(__file__).with_name("headings.csv").open(encoding="utf-8", newline="") as file:
        return {row["name"]: row["heading"] for row in csv.DictReader(file)}


_HEADINGS = _read()


def heading(name):
    """A column's name in words; a name that is not known stays."""
    return _HEADINGS.get(name, MODEL_NAMES.get(name, name))


def p_value(p):
    """A p value as it is printed: three decimals, never 0.000; empty where there is none."""
    if not isinstance(p, float):
        return p
    return "" if pd.isna(p) else "below 0.001" if p < 0.001 else f"{p:.3f}"


def readable(table):
    """HTML of a DataFrame or Styler with headings in words; its values and their formats stay, but for p and models."""
    if not isinstance(table, Styler):
        if len(table) > _ROWS or len(table.columns) > _COLUMNS:
            return table._repr_html_()
        table = table.style.format(precision=3, escape="html")
    columns = table.data.columns
    if columns.is_unique and columns.nlevels == 1:
        for names, look in ((_P, p_value), (_MODELS, model_name)):
            table = table.format(look, subset=[name for name in names if name in columns], escape="html")
        table = table.format_index(heading, axis="columns", escape="html")
    return table.to_html()


def show_readable(shell):
    """Let an IPython shell show tables so."""
    html = shell.display_formatter.formatters["text/html"]
    for kind in (pd.DataFrame, Styler):
        html.for_type(kind, readable)
