"""The report's page: every link to a place on it finds that place, once; outputs of any kind are taken."""

from collections import Counter
from html.parser import HTMLParser
from urllib.parse import unquote

import nbformat

from vcfnb.report import notebooks as executed


class Page(HTMLParser):
    """Ids, links within the page, alternative texts, tags, styles and text."""

    def __init__(self, page):
        super().__init__()
        self.ids, self.targets, self.alts, self.tags, self.text = Counter(), [], [], Counter(), []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags[tag] += 1
        if "id" in attrs:
            self.ids[attrs["id"]] += 1
        if attrs.get("href", "").startswith("#"):
            self.targets.append(unquote(attrs["href"][1:]))
        if tag == "img":
            self.alts.append(attrs.get("alt"))

    def handle_data(self, data):
        self.text.append(data)


def output(**data):
    return nbformat.v4.new_output("display_data", {kind.replace("_", "/"): value for kind, value in data.items()})


def cell(*outputs):
    return nbformat.v4.new_code_cell("draw()", outputs=list(outputs))


def sections(folder, **notebooks):
    """The sections of notebooks; texts are cells of Markdown."""
    paths = [folder / f"{name}.ipynb" for name in notebooks]
    for path in paths:
        cells = [nbformat.v4.new_markdown_cell(c) if isinstance(c, str) else c for c in notebooks[path.stem]]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return "".join(section.html for section in executed.sections(paths, 6))


def test_every_link_on_the_page_finds_its_place_once(tmp_path):
    shared = (
        "## What *to* see: `a` & b?",
        "See [above](#What-to-see:-a-&-b?), [ä](#Größe-·-Maß) and [next](05_selection.ipynb).",
    )
    page = Page(
        sections(
            tmp_path,
            **{
                "00_cohort": ("# 00 · Cohort", *shared, "## Größe · Maß", "## Twice", "## Twice"),
                "04_dtl_00": ("# 04 · Network", *shared, "## Größe · Maß"),
                "04_dtl_06": ("# 04 · Network", *shared, "## Größe · Maß"),
                "05_selection": ("# 05 · Selection", "[there](04_dtl.ipynb#04-·-Network), [up](00_cohort.ipynb#Twice)"),
            },
        )
    )
    assert len(page.targets) == 3 * 3 + 2
    assert [page.ids[target] for target in page.targets] == [1] * len(page.targets)
    assert set(page.ids.values()) == {1}
    assert page.targets[-2:] == ["04_dtl_06-04-·-Network", "00_cohort-Twice"]
    assert "00_cohort-Twice-2" in page.ids


def test_a_link_to_a_file_that_the_report_lacks_is_its_text(tmp_path):
    cells = ("# Title", "See [docs/leakage.md](../docs/leakage.md), [a paper](https://doi.org/10.1/x).")
    page = sections(tmp_path, **{"00_cohort": cells})
    assert "See docs/leakage.md, <a" in page and 'href="https://doi.org/10.1/x"' in page and "../docs" not in page


def test_tables_keep_their_style_and_have_ids_of_their_own(tmp_path):
    table = '<style>#T_{0}_row0 {{ color: red }}</style><table id="T_{0}"><tr><td id="T_{0}_row0">1</td></tr></table>'
    two = cell(output(text_html=table.format("0a1b2")), output(text_html=table.format("0a1b3")))
    made = {name: ("# Title", two) for name in ("00_cohort", "05_selection")}
    page = Page(sections(tmp_path, **made))
    tables = [name for name in page.ids if name.startswith("T_")]
    assert len(tables) == 8 and set(page.ids.values()) == {1}
    css = "".join(page.text)
    assert all(f"#{name} " in css for name in tables if name.endswith("_row0"))


def test_pictures_are_described_whatever_else_is_shown(tmp_path):
    drawn = output(image_png="iVBORw0KGgo=", text_plain="<Figure>")
    vector = nbformat.v4.new_output("display_data", {"image/svg+xml": "<svg></svg>"})
    table = nbformat.v4.new_output("display_data", {"text/html": "<p>shown</p>", "image/png": "iVBORw0KGgo="})
    cells = ("# Title", "## One", cell(table, vector), '## "Two"', cell(drawn), "*What to see:* <b>.")
    page = Page(sections(tmp_path, **{"00_cohort": cells}))
    assert page.alts == ["No description has been provided for this image", '"Two". What to see: <b>.']


def test_nothing_of_an_output_is_run(tmp_path):
    script = "<script>alert(1)</script>"
    shown = cell(output(text_html=f"<p>a</p>{script}"), output(application_javascript="alert(1)"))
    page = Page(sections(tmp_path, **{"00_cohort": ("# Title", script, shown)}))
    assert page.tags["script"] == 0 and "alert(1)" not in "".join(page.text)
    assert page.tags["main"] == 0
