"""Tables as notebooks show them: headings in words, p as p, models by name, and nothing that a reader wrote as HTML."""

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from IPython.core.interactiveshell import InteractiveShell

from vcfnb import figures
from vcfnb.figures import tables


@pytest.fixture(autouse=True)
def styled():
    figures.style()


def cells(html):
    table = BeautifulSoup(html, "html.parser").table
    heads = [cell.get_text(strip=True) for cell in table.select("thead th.col_heading")]
    return heads, [[cell.get_text(strip=True) for cell in row("td")] for row in table.select("tbody tr")]


def test_headings_are_words_and_values_keep_their_format():
    table = pd.DataFrame({"model": ["ridge_fusion", "x"], "p_holm": [1e-5, np.nan], "newcombe_low": [0.12345, 0.5]})
    heads, rows = cells(tables.readable(table.style.hide(axis="index").format(precision=2)))
    assert heads == ["model", "p, adjusted (Holm)", "Newcombe's from"]
    assert rows == [["Ridge fusion", "below 0.001", "0.12"], ["x", "", "0.50"]]
    assert cells(tables.readable(table))[1][0][2] == "0.123"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *((0.05, "0.0500"), (12.345, "12.3"), (99.96, "100"), (1234.5, "1234"), (-0.1234, "-0.123"), (1.0, "1.00")),
        *((0.00099, "0.000990"), (1.2e-7, "1.20e-07"), (0.0, "0"), (float("inf"), "inf"), (float("nan"), "–")),
        *((None, "–"), (5, 5), ("text", "text")),
    ],
)
def test_three_significant_digits(value, shown):
    assert tables.significant(value) == shown


def test_counts_stay_whole_and_gaps_are_dashes():
    table = pd.DataFrame({"n": [43.0, np.nan], "auc": [0.8461, 1.0], "x": ["a", None]})
    assert cells(tables.readable(table))[1] == [["43", "0.846", "a"], ["–", "1.00", "–"]]
    styled = table[["auc"]].assign(auc=np.nan).style.hide(axis="index").format(precision=2)
    assert cells(tables.readable(styled))[1] == [["–"], ["–"]]
    table.columns = ["n", "n", "x"]
    assert cells(tables.readable(table))[1][0] == ["43.0", "0.846", "a"]


def test_a_text_is_no_html_and_an_unknown_heading_stays():
    heads, rows = cells(tables.readable(pd.DataFrame({"<b>site</b>": ["<i>A</i>"], "model": ["<u>"]})))
    assert heads == ["<b>site</b>", "model"] and rows == [["<i>A</i>", "<u>"]]


def test_large_tables_and_those_with_two_rows_of_headings_are_shown_as_pandas_does():
    wide = pd.DataFrame(np.zeros((2, 30)), columns=[f"f{number}" for number in range(30)])
    assert tables.readable(wide) == wide._repr_html_()
    two = pd.DataFrame({"a": [1, 2]}).groupby("a").agg({"a": ["min", "max"]})
    assert "min" in tables.readable(two)


def test_a_shell_shows_them_so():
    shell = InteractiveShell.instance()
    tables.show_readable(shell)
    shown, _ = shell.display_formatter.format(pd.DataFrame({"auc": [0.5]}))
    assert ">AUC<" in shown["text/html"] and "auc" in shown["text/plain"]


def test_every_heading_has_other_words_than_another():
    words = list(tables._HEADINGS.values())
    assert {word for word in words if words.count(word) > 1} == {"95% CI from", "95% CI to"}
