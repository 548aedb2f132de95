"""Pages that vcfnb writes: nothing on them is run or fetched, whoever writes them."""

import ast
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from study import ROOT

from vcfnb.report import page

TEMPLATES = ROOT / "vcfnb" / "report" / "templates"
PAGES = ("contact", "checklists", "patient", "report", "validation")


class Metas(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = {}
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "meta" and "http-equiv" in dict(attrs):
            self.found[dict(attrs)["http-equiv"]] = dict(attrs)["content"]


def test_a_page_has_a_policy_that_allows_only_what_is_inside_it(tmp_path):
    content = {"study": "<a>", "simulated": True, "tables": {}, "summary": {"metrics": "<b>"}, "checklists": []}
    page.write_page(tmp_path / "a.html", "checklists.html.j2", **content)
    written = (tmp_path / "a.html").read_text()
    policy = Metas(written).found["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';") and "script-src" not in policy
    assert "<title>vcfnb: checklists of &lt;a&gt;</title>" in written
    assert "<h1>Checklists of study “&lt;a&gt;”</h1>" in written and "&lt;b&gt;" in written
    assert written.count((TEMPLATES / "style.css").read_text().strip()) == 1


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_the_same_frame(name):
    """Its head stands in one place, so that no page lacks the policy."""
    assert '{% extends "page.html.j2" %}' in (TEMPLATES / f"{name}.html.j2").read_text()
    assert {path.name for path in TEMPLATES.glob("*.j2")} == {f"{name}.html.j2" for name in (*PAGES, "page", "macros")}


@pytest.mark.parametrize("folder", ["vcfnb", "workflow"])
def test_no_page_is_written_elsewhere(folder):
    heads = [
        path.name
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "<!doctype" in node.value.lower()
    ]
    assert heads == []
    heads = [path for path in TEMPLATES.rglob("*.j2") if "<!doctype" in path.read_text().lower()]
    assert heads == [TEMPLATES / "page.html.j2"]


def test_no_template_takes_a_value_as_html():
    """Except the sections of the notebooks, which nbconvert made: what is HTML there says so itself."""
    for path in TEMPLATES.glob("*.j2"):
        assert not re.search(r"\|\s*safe\b|autoescape", path.read_text()), path


def test_tables_of_a_page_are_escaped():
    frame = pd.DataFrame({"<i>": ["<script>", None], "x": [0.00123456, float("nan")], "n": [3, 12345]})
    table = page.render("validation.html.j2", **{**VALIDATION, "exclusions": frame})
    table = table[table.index("<h2>Excluded</h2>") :]
    assert "<script>" not in table and "<i>" not in table
    assert ">0.00123</td>" in table and ">–</td>" in table and ">12345</td>" in table


class Drawn:
    """In place of a figure."""

    @staticmethod
    def savefig(stream, **_):
        stream.write(b"drawn")


VALIDATION = {
    "note": {
        **{"notice": "n", "simulated": True, "n_cases": 2, "n_patients": 2, "n_acute": 1, "n_excluded": 0, "made": ""},
        **{"model": {"study": "<b>", "sha256": "0" * 64}, "versions": {"vcfnb": "0"}},
    },
    "trained": "t",
    "verdict": ["v"],
    "benefit": "b",
    "tables": {name: pd.DataFrame({"model": ["m"]}) for name in ("auc", "calibration", "recalibration", "outside")}
    | {"operating_points": pd.DataFrame(), "uncertain": pd.DataFrame()},
    "figures": dict.fromkeys(
        ("roc", "calibration", "decision_curves", "dca_differences", "scores", "recalibration"), Drawn
    ),
}


def test_a_validation_without_operating_points_or_exclusions():
    written = page.render("validation.html.j2", **VALIDATION, exclusions=pd.DataFrame())
    assert "The model brings no operating point." in written and "<p>No case.</p>" in written
    assert "of study &lt;b&gt;" in written and "Validated on: SIMULATED" in written
    assert written.count('src="data:image/png;base64,') == 6
