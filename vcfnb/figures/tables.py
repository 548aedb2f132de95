"""How tables look in notebooks: headings in words, three significant digits, p as p, models by their names."""

import csv
from pathlib import Path

import numpy as np
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


def significant(value, digits=3):
    """A number with that many significant digits and no exponent where it can be; a dash where there is none."""
    if value is None:
        return "–"
    if not isinstance(value, float):
        return value
    if value == 0 or not np.isfinite(value):
        return "–" if np.isnan(value) else f"{value:g}"
    rounded = f"{value:.{digits - 1}e}"
    decimals = digits - 1 - int(rounded.partition("e")[2])
    return f"{value:.{max(decimals, 0)}f}" if decimals <= 2 * digits else rounded


def _counts(column):
    """Whether a column of floats holds whole numbers, and perhaps gaps."""
    return pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all()


def readable(table):
    """HTML of a DataFrame or Styler with headings in words; its values and their formats stay, but for p and models."""
    if not isinstance(table, Styler):
        if len(table) > _ROWS or len(table.columns) > _COLUMNS:
            return table._repr_html_()
        table = table.style.format(significant, escape="html")
        if table.columns.is_unique:
            counts = [name for name in table.columns if _counts(table.data[name])]
            table = table.format(precision=0, na_rep="–", subset=counts)
    columns = table.data.columns
    if columns.is_unique and columns.nlevels == 1:
        for names, look in ((_P, p_value), (_MODELS, model_name)):
            table = table.format(look, subset=[name for name in names if name in columns], escape="html")
        table = table.format_index(heading, axis="columns", escape="html")
    # A Styler's own formats leave what is missing as it is.
    return table.to_html().replace(">nan</td>", ">–</td>")


def show_readable(shell):
    """Let an IPython shell show tables so."""
    html = shell.display_formatter.formatters["text/html"]
    for kind in (pd.DataFrame, Styler):
        html.for_type(kind, readable)
