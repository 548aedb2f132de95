"""The report's page from executed notebooks: texts of pictures, links between notebooks, what is folded."""

import base64
import json
import re

import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from PIL import Image

from vcfnb.report import notebooks

PIXEL = base64.b64encode(b"\x89PNG").decode()


def picture():
    data = {"image/png": PIXEL, "text/plain": "<Figure>"}
    return nbformat.v4.new_code_cell("draw()", outputs=[nbformat.v4.new_output("display_data", data)])


def notebook(*texts):
    """Markdown from texts; None is a cell with a picture."""
    cells = [picture() if text is None else nbformat.v4.new_markdown_cell(text) for text in texts]
    return nbformat.v4.new_notebook(cells=cells)


def test_a_picture_is_described_by_its_heading_and_what_to_see():
    made = notebook(
        *("# 09 · A title", "## How [wide](x.md)?", None, None, "*What to see:* the *gap*\nof both.\n\n## Next `one`"),
        *(None, "no word on it", None, "*What to see:* later."),
    )
    assert notebooks.descriptions(made) == [
        *("How wide? What to see: the gap of both.", "How wide? What to see: the gap of both."),
        *("Next one. What to see: later.", "Next one. What to see: later."),
    ]


def test_sections_of_a_study_with_several_expansions(tmp_path):
    texts = {
        "00_cohort": ("# 00 · <Cohort>", None, "**Next:** [04](04_dtl.ipynb) and [05](05_selection.ipynb)."),
        "04_dtl_00": ("# 04 · Network", "## Crops", None),
        "04_dtl_06": ("# 04 · Network", "## Crops", None),
        "05_selection": ("# 05 · Selection",),
    }
    paths = [tmp_path / f"{name}.ipynb" for name in texts]
    for path in paths:
        nbformat.write(notebook(*texts[path.stem]), path)
    sections = notebooks.sections(paths, 6)
    assert [section.name for section in sections] == list(texts)
    assert [re.search('<section .*?id="(.+?)"', section.html)[1] for section in sections] == list(texts)
    assert [section.folded for section in sections] == [False, True, False, False]
    cohort, other, chosen, _ = (section.html for section in sections)
    assert 'href="#04_dtl_06"' in cohort and 'href="#05_selection"' in cohort
    assert 'alt="00 · &lt;Cohort&gt;"' in cohort
    assert "../notebooks/00_cohort.ipynb" in cohort
    assert "<summary>The same with an expansion of 0 mm (04_dtl_00)</summary>" in other
    assert "<summary>" not in chosen
    page = "".join(section.html for section in sections)
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    # A study without the chosen expansion among its notebooks opens the first.
    assert "<summary>" not in notebooks.sections(paths[:2], 6)[1].html


def test_the_navigation_has_questions_and_every_figure_and_table(tmp_path):
    table = nbformat.v4.new_code_cell("show()", outputs=[nbformat.v4.new_output("display_data", {"text/html": TABLE})])
    made = notebook("# 07 · Statistics", "## AUC of the models", None, None, "## Calibration", "# For reviewers", None)
    made.cells.insert(5, table)
    nbformat.write(made, tmp_path / "07_statistics.ipynb")
    nbformat.write(notebook("# 01 · Images", None), tmp_path / "01_preprocessing.ipynb")
    sections = notebooks.sections([tmp_path / "01_preprocessing.ipynb", tmp_path / "07_statistics.ipynb"], 6)
    chapters = {one["question"]: one for one in notebooks.chapters(sections)}
    assert list(chapters) == ["Images", "Discrimination", "Calibration", "For reviewers"]
    assert [item["text"] for item in chapters["Discrimination"]["items"]] == [
        *("AUC of the models: figure", "AUC of the models: figure (2)"),
    ]
    assert [item["text"] for item in chapters["Calibration"]["items"]] == ["Calibration: table"]
    assert [item["text"] for item in chapters["For reviewers"]["items"]] == ["For reviewers: figure"]
    page = "".join(section.html for section in sections)
    for chapter in chapters.values():
        assert all(f'id="{item["link"]}"' in page for item in chapter["items"])
    assert f'id="{chapters["Calibration"]["link"]}"' in page


TABLE = """<table class="dataframe"><thead><tr><th>model</th><th>n</th><th>AUC</th><th>low</th></tr></thead><tbody>
<tr><td>radiomics</td><td>18</td><td>0.64 (0.36 to 0.84)</td><td>nan</td></tr>
<tr><td>a word and 3</td><td>-1.5</td><td>+0.041</td><td>95 %</td></tr></tbody></table>"""


def test_tables_mark_numbers_and_text_and_wide_ones_have_headings_at_their_values(tmp_path):
    cell = nbformat.v4.new_code_cell("show()", outputs=[nbformat.v4.new_output("display_data", {"text/html": TABLE})])
    made = notebook("# 08 · Robustness")
    made.cells.append(cell)
    nbformat.write(made, tmp_path / "08_robustness.ipynb")
    table = BeautifulSoup(notebooks.sections([tmp_path / "08_robustness.ipynb"], 6)[0].html, "html.parser").table
    assert {"dataframe", "wide"} <= set(table["class"]) and "widest" not in table["class"]
    first = table.select("tbody tr")[0]("td")
    assert [cell["data-label"] for cell in first] == ["model", "n", "AUC", "low"]
    assert [cell["class"] for cell in first] == [["text"], ["number"], ["number"], ["number"]]
    assert table.th["class"] == ["text"]


def test_what_is_detail_is_printed_behind_the_rest(tmp_path):
    texts = {"05_selection": ("# 05 · Selection",), "07_statistics": ("# 07 · A", "text", "# For reviewers", None)}
    for name, text in texts.items():
        nbformat.write(notebook(*text), tmp_path / f"{name}.ipynb")
    selection, statistics = notebooks.sections([tmp_path / f"{name}.ipynb" for name in texts], 6)
    assert 'class="appendix"' in selection.html
    parts = BeautifulSoup(statistics.html, "html.parser")("section")
    assert [part.get("class") for part in parts] == [None, ["appendix"]]
    assert parts[1].img and not parts[0].img and "For reviewers" not in parts[0].get_text()


@pytest.mark.study
def test_the_first_page_says_what_the_tables_say(smoke):
    folder = smoke / "smoke"
    said = json.loads((folder / "report" / "summary.json").read_text())
    auc = pd.read_csv(folder / "07_statistics" / "auc.csv").set_index(["model", "split"])
    nested = pd.read_csv(folder / "08_robustness" / "rigorous_auc.csv").query("repeat == 'mean'").set_index("model")
    assert [row["model"] for row in said["models"] if row["primary"]] == [said["primary"]] == ["ridge_fusion"]
    for row in said["models"]:
        assert row["test"]["auc"] == pytest.approx(auc.loc[(row["model"], "test"), "auc"])
        assert row["train"]["low"] == pytest.approx(auc.loc[(row["model"], "train"), "newcombe_low"])
        assert row["nested"]["high"] == pytest.approx(nested.loc[row["model"], "ci_high"])
    answers = {row["question"]: row["answer"] for row in said["questions"]}
    assert "20 cases of 20 patients (10 acute, 10 chronic)" in answers["Which patients?"]
    assert answers["May I use it?"].startswith("No.") and "SIMULATED" in said["warnings"][0]
    assert "ridge_fusion" not in " ".join(answers.values())
    page = BeautifulSoup((folder / "report" / "index.html").read_text(), "html.parser")
    shown = page.select_one(".sheet").get_text()
    assert all(text in shown for text in (*answers.values(), *said["warnings"], said["notice"]))
    pdf = (folder / "report" / "summary.pdf").read_bytes()
    assert pdf.startswith(b"%PDF") and len(re.findall(rb"/Type /Page\b", pdf)) == 1
    ids = {element["id"] for element in page.select("[id]")}
    links = [link["href"][1:] for link in page.select("nav a, #contents a") if link["href"].startswith("#")]
    assert len(links) > 50 and set(links) <= ids


@pytest.mark.study
@pytest.mark.long
def test_figures_have_300_dpi(demo):
    figures = [path for path in (demo[0] / "demo").rglob("*.png") if path.parent.name != "checkpoints"]
    assert len(figures) > 30
    for path in figures:
        with Image.open(path) as picture:
            assert round(picture.info["dpi"][0]) == 300, path
            assert picture.width / 300 * 25.4 < 190, path


@pytest.mark.study
def test_figures_fit_a_page_and_have_their_data(uninterrupted):
    """An SVG for each, not too wide, and the table that it shows; diagrams and the picture of a new case show none."""
    figures = [path for path in uninterrupted.study.rglob("*.png") if path.parent.name != "checkpoints"]
    assert len(figures) > 30
    for path in figures:
        points = float(re.search(r'<svg[^>]* width="([\d.]+)pt"', path.with_suffix(".svg").read_text())[1])
        assert 20 < points / 72 * 25.4 < 190, path
        no_data = path.stem in ("figure2_workflow", "flow", "figure4_shufflenet_unit", "case")
        assert path.with_suffix(".csv").is_file() or no_data, path
