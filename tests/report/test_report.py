"""The report's page from executed notebooks: texts of pictures, links between notebooks, what is folded."""

import base64
import re

import nbformat
import pytest
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
    assert [re.search('<section .*?id="(.+?)"', section)[1] for section in sections] == list(texts)
    cohort, other, chosen, _ = sections
    assert 'href="#04_dtl_06"' in cohort and 'href="#05_selection"' in cohort
    assert 'alt="00 · &lt;Cohort&gt;"' in cohort
    assert "../notebooks/00_cohort.ipynb" in cohort
    assert "<summary>The same with an expansion of 0 mm (04_dtl_00)</summary>" in other
    assert "<summary>" not in chosen
    page = "".join(sections)
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    # A study without the chosen expansion among its notebooks opens the first.
    assert "<summary>" not in notebooks.sections(paths[:2], 6)[1]


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
