"""Executed notebooks as sections of the report's page."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
from bs4 import BeautifulSoup
from markupsafe import Markup, escape
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from vcfnb.report.page import widths

# Of the report's navigation: what a reader asks for, and in which notebook, from which heading on it stands.
CHAPTERS = {
    "Patients": ("00_cohort", ""),
    "Images": ("01_preprocessing", ""),
    "Agreement": ("02_icc", ""),
    "Features": ("03_radiomics", ""),
    "Deep features": ("04_dtl", ""),
    "Selection": ("05_selection", ""),
    "Fusion": ("06_fusion", ""),
    "Discrimination": ("07_statistics", "AUC of the models"),
    "Calibration": ("07_statistics", "Calibration"),
    "Usefulness": ("07_statistics", "Figure 10: decision curves"),
    "For reviewers": ("07_statistics", "For reviewers"),
    "Robustness": ("08_robustness", ""),
    "Leakage": ("09_leakage", ""),
    "The paper": ("09_leakage", "Does the paper add up?"),
    "Next patient": ("10_predict", ""),
}
# Details that are printed behind the rest.
APPENDIX = ("01", "02", "03", "04", "05", "06")
_NUMBER = re.compile(r"[+\-−–]?[\d.,]+( ?%)?|[\d.+\-]+ \([\d.+\-–]+( to |, |–)[\d.+\-]+\)|nan|–|")
WIDGET = "application/vnd.jupyter.widget-view+json"


def article(notebook, prefix=""):
    """The notebook without injected cells, progress bars, library notices and traces of its execution.

    The ids of styled tables begin with `prefix`.
    """
    notebook.cells = [cell for cell in notebook.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    count = 0
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = {"tags": tags} if tags else {}
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = [
            output for output in cell.outputs if output.get("name") != "stderr" and WIDGET not in output.get("data", {})
        ]
        tables = {}
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count
            # pandas gives each styled table a random id.
            for kind, text in output.get("data", {}).items():
                if kind == "text/html":
                    output.data[kind] = re.sub(r"T_[0-9a-f]{5}", partial(_table, tables, f"{prefix}{count:05d}"), text)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


@dataclass(frozen=True)
class Section:
    """One notebook on the report's page: its HTML, and text, link and chapter of its figures and tables."""

    name: str
    folded: bool
    html: Markup
    items: list


def _table(tables, number, found):
    """Id in place of a random one; a second table of the same cell gets another."""
    return tables.setdefault(found[0], f"T_{number}{'_' * len(tables)}")


def sections(notebooks, expansion):
    """Executed notebooks as a :class:`Section` each, with ids and links of a page that holds them all.

    Notebook 04 was run once per expansion: only that of the chosen one is open, the others unfold at a click and are
    left out in print.
    """
    first = {}
    for path in notebooks:
        first.setdefault(re.sub(r"^(04_dtl)_.*", r"\1", path.stem), path.stem)
    if f"04_dtl_{expansion:02d}" in [path.stem for path in notebooks]:
        first["04_dtl"] = f"04_dtl_{expansion:02d}"
    links = {f"{name}.ipynb": f"#{stem}" for name, stem in first.items()}
    return [_section(path, links, folded=path.stem not in first.values()) for path in notebooks]


def _section(path, links, folded):
    """One notebook: no page around it, no script, pictures embedded and described."""
    notebook = article(nbformat.read(path, as_version=4), f"{path.stem}_")
    for picture, text in zip(_pictures(notebook.cells), descriptions(notebook), strict=True):
        picture.metadata["alt"] = text
    taken = Counter()
    exporter = HTMLExporter(
        template_name="section",
        extra_template_basedirs=[str(Path(__file__).parent / "templates")],
        filters={"markdown2html": lambda text: MarkdownWithMath(_Renderer(path.stem, links, taken)).render(text)},
    )
    about = {"name": path.stem, "title": _title(notebook, path.stem), "folded": folded}
    body = BeautifulSoup(exporter.from_notebook_node(notebook, resources=about)[0], "html.parser")
    # Of an output's own HTML.
    for script in body("script"):
        script.decompose()
    for table in body("table"):
        _readable(table)
    _split(body, path.stem)
    items = _items(body, path.stem)
    return Section(path.stem, folded, Markup(body), items)


def _split(body, name):
    """Mark what is printed as an appendix: the notebooks of :data:`APPENDIX`, and what follows a second title."""
    section = body.section
    if name.startswith(APPENDIX):
        section["class"] = "appendix"
    titles = body("h1")[1:]
    if titles:
        cell = titles[0].find_parent(class_="jp-Cell")
        second = body.new_tag("section", attrs={"class": "appendix", "aria-label": titles[0].get_text()})
        for part in [cell, *cell.find_next_siblings()]:
            second.append(part.extract())
        section.insert_after(second)


def _readable(table):
    """Mark text, numbers that must not be broken, and the heading of each value, which narrow pages show beside it."""
    heads, rows = table.select("thead tr:first-child th"), table.select("tbody tr")
    if all(len(row(["td", "th"])) == len(heads) for row in rows):
        table["class"] = [*table.get("class", []), *widths(len(heads))]
    for head, *column in zip(heads, *(row(["td", "th"]) for row in rows), strict=False):
        numbers = [_NUMBER.fullmatch(cell.get_text(strip=True)) for cell in column]
        for cell, number in zip(column, numbers, strict=True):
            cell["data-label"] = head.get_text(" ", strip=True)
            cell["class"] = [*cell.get("class", []), *["number"] * bool(number)]
        if not all(numbers):
            for cell in (head, *column):
                cell["class"] = [*cell.get("class", []), "text"]


def chapters(sections):
    """The report's navigation: question, link, notebook, and items (text and link of each figure and table).

    Of sections that are not folded, in the order of :data:`CHAPTERS`.
    """
    found = []
    for question, (name, heading) in CHAPTERS.items():
        section = next((one for one in sections if one.name.startswith(name) and not one.folded), None)
        link = section and (_id(section.name, heading) if heading else section.name)
        if section and f'id="{link}"' in section.html:
            items = [item for item in section.items if item["chapter"] == link]
            found.append({"question": question, "link": link, "notebook": section.name, "items": items})
    return found


def _id(name, heading):
    """Of a notebook's heading on the page."""
    return f"{name}-{'-'.join(heading.split())}"


def _items(body, name):
    """Give each figure and table an id, and name it by the heading above it; the chapter is the last that began."""
    links = {_id(name, heading) for stem, heading in CHAPTERS.values() if name.startswith(stem) and heading}
    chapter, heading, counts, found = name, "", Counter(), []
    for element in body(["h1", "h2", "h3", "img", "table"]):
        if element.name.startswith("h"):
            chapter = element.get("id") if element.get("id") in links else chapter
            heading = element.get_text(" ", strip=True)
            continue
        kind = "figure" if element.name == "img" else "table"
        counts[kind] += 1
        counts[kind, heading] += 1
        element.attrs.setdefault("id", f"{name}-{kind}-{counts[kind]}")  # a styled table has one
        again = f" ({counts[kind, heading]})" if counts[kind, heading] > 1 else ""
        found.append({"text": f"{heading}: {kind}{again}", "link": element["id"], "chapter": chapter})
    return found


class _Renderer(IPythonRenderer):
    """Markdown of one notebook as HTML for a page that holds several: ids and links are those of the page.

    Ids begin with `prefix`; `links` says where links to other notebooks lead, by file name; `taken` counts the names of
    headings, for all cells of the notebook.
    """

    def __init__(self, prefix, links, taken):
        super().__init__(escape=False, embed_images=True, exclude_anchor_links=True)
        self.prefix, self.links, self.taken = prefix, links, taken

    def heading(self, text, level, **attributes):
        """A heading whose id is its words, as in JupyterLab, after the prefix."""
        name = _id(self.prefix, Markup(text).striptags())
        self.taken[name] += 1
        again = f"-{self.taken[name]}" if self.taken[name] > 1 else ""
        return f'<h{level} id="{escape(f"{name}{again}")}">{text}</h{level}>\n'

    def link(self, text, url, title=None):
        """A link; one to a heading, or to another notebook of the page, is turned to its place there.

        Of one to another file, which the report does not bring along, the text stays.
        """
        name, _, heading = url.partition("#")
        if not name and heading:
            url = f"#{self.prefix}-{heading}"
        elif name in self.links:
            url = f"{self.links[name]}{heading and '-'}{heading}"
        elif not urlsplit(url).scheme:
            return text
        return super().link(text, url, title)


def _pictures(cells):
    """Outputs with a picture, in order."""
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return [output for output in outputs if "image/png" in output.get("data", {})]


def descriptions(notebook):
    """Text of each picture, in order: the heading above it, and what to see in it."""
    heading, found, since = "", [], 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found += [heading] * len(_pictures([cell]))
            continue
        seen = re.match(r"\*What to see:\*\s+(.+?)(?:\n\n|\Z)", cell.source, re.S)
        if seen:
            told = _plain(f"{heading}{'' if heading.endswith('?') else '.'} What to see: {seen[1]}")
            found[since:] = [told] * len(found[since:])
            since = len(found)
        headings = re.findall(r"^#+\s+(.+)$", cell.source, re.M)
        if headings:
            heading, since = _plain(headings[-1]), len(found)
    return found


def _plain(text):
    """Markdown without its marks, on one line."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"\s+", " ", re.sub(r"[*`]", "", text)).strip()


def _title(notebook, default):
    for cell in notebook.cells:
        found = re.match(r"#\s+(.+)", cell.source) if cell.cell_type == "markdown" else None
        if found:
            return found.group(1).strip()
    return default
