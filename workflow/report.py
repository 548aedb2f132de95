"""Put all executed notebooks on one self-contained page, fill the checklists, write down where numbers come from."""

import argparse
import html
import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pandas as pd
from article import article
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from vcfnb.dtl import weights_provenance
from vcfnb.images import location
from vcfnb.params import ReportingParams, StudyParams
from vcfnb.report import checklists, html_page
from vcfnb.runs import Run, digest, git_commit, steps, versions, write_csv, write_json
from vcfnb.runs.orphans import end_with_parent

STYLE = (Path(__file__).parent / "report.css").read_text()


class Renderer(IPythonRenderer):
    """Markdown of one notebook as HTML for a page that holds several: ids and links are those of the page.

    Parameters
    ----------
    prefix : str
        Of this notebook's ids.
    links : dict of str to str
        Where links to other notebooks lead on the page, by the notebook's file name.
    taken : collections.Counter
        Names of the headings so far; shared by the notebook's cells.
    """

    def __init__(self, prefix, links, taken):
        super().__init__(escape=False, embed_images=True, exclude_anchor_links=True)
        self.prefix, self.links, self.taken = prefix, links, taken

    def heading(self, text, level, **attributes):
        """A heading whose id is its words, as in JupyterLab, after the prefix."""
        name = "-".join(BeautifulSoup(text, "html.parser").get_text().split())
        self.taken[name] += 1
        again = f"-{self.taken[name]}" if self.taken[name] > 1 else ""
        return f'<h{level} id="{html.escape(f"{self.prefix}-{name}{again}")}">{text}</h{level}>\n'

    def link(self, text, url, title=None):
        """A link; one to a heading, or to another notebook of the page, is turned to its place there."""
        name, _, heading = url.partition("#")
        if not name and heading:
            url = f"#{self.prefix}-{heading}"
        elif name in self.links:
            url = f"{self.links[name]}{heading and '-'}{heading}"
        return super().link(text, url, title)


def body_of(path, links):
    """Title and HTML of one executed notebook: no page around it, no script, pictures embedded and described.

    Parameters
    ----------
    path : pathlib.Path
    links : dict of str to str
        Where links to other notebooks lead on this page, by the notebook's file name.
    """
    notebook = article(nbformat.read(path, as_version=4), f"{path.stem}_")
    for picture, text in zip(pictures(notebook), descriptions(notebook), strict=True):
        picture.metadata["alt"] = text
    taken = Counter()
    exporter = HTMLExporter(
        template_name="report",
        extra_template_basedirs=[str(Path(__file__).parent / "templates")],
        filters={"markdown2html": lambda text: MarkdownWithMath(Renderer(path.stem, links, taken)).render(text)},
    )
    body = BeautifulSoup(exporter.from_notebook_node(notebook)[0], "html.parser")
    # Of an output's own HTML.
    for script in body("script"):
        script.decompose()
    return heading_of(notebook, path.stem), str(body)


def pictures(notebook):
    """Outputs with a picture, in order."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output for output in outputs if "image/png" in output.get("data", {})]


def descriptions(notebook):
    """Text of each picture, in order: the heading above it, and what to see in it."""
    heading, found, since = "", [], 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found += [heading for output in cell.outputs if "image/png" in output.get("data", {})]
            continue
        seen = re.match(r"\*What to see:\*\s+(.+?)(?:\n\n|\Z)", cell.source, re.S)
        if seen:
            told = plain(f"{heading}{'' if heading.endswith('?') else '.'} What to see: {seen[1]}")
            found[since:] = [told] * len(found[since:])
            since = len(found)
        headings = re.findall(r"^#+\s+(.+)$", cell.source, re.M)
        if headings:
            heading, since = plain(headings[-1]), len(found)
    return found


def plain(text):
    """Markdown without its marks, on one line."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"\s+", " ", re.sub(r"[*`]", "", text)).strip()


def heading_of(notebook, default):
    for cell in notebook.cells:
        found = re.match(r"#\s+(.+)", cell.source) if cell.cell_type == "markdown" else None
        if found:
            return found.group(1).strip()
    return default


def results_table(run):
    auc = pd.read_csv(run.needs("statistics", "auc.csv"))
    auc["AUC (95% CI)"] = [f"{r.auc:.3f} ({r.ci_low:.3f}-{r.ci_high:.3f})" for r in auc.itertuples()]
    table = auc.pivot(index="model", columns="split", values="AUC (95% CI)").rename_axis(None, axis=1)
    return table.loc[auc["model"].unique(), ["train", "test"]]


def front_page(run, params, provenance, filled):
    notice = "Research use only; not for diagnosis."
    if run.simulated:
        notice = "Every patient on this page is SIMULATED: the numbers say nothing about patients. " + notice
    commit = provenance["git_commit"] or "not known"
    packages = ", ".join(f"{name} {version}" for name, version in provenance["versions"].items())
    return "\n".join(
        [
            f"<h1>Acute or chronic vertebral fracture on CT: study “{html.escape(run.study)}”</h1>",
            f'<p class="notice"><strong>{notice}</strong></p>',
            "<h2>Result</h2>",
            results_table(run).reset_index().to_html(index=False, border=0),
            "<p>AUC with DeLong interval. How these numbers came about: the notebooks below, in order; "
            "every table and figure is a file in the run's folders.</p>",
            f'<h2>Checklists</h2>{checklists.summary(filled)}<p><a href="checklists.html">Item by item, with proofs</a>'
            + (": simulated patients, no claim about quality.</p>" if run.simulated else "</p>"),
            f"<details><summary>Parameters</summary><pre>{html.escape(json.dumps(params, indent=1))}</pre></details>",
            f"<details><summary>Weights that the networks started from</summary>{weights_table(provenance)}</details>",
            f"<details><summary>Versions</summary><p>{html.escape(packages)}; commit {commit}</p></details>",
        ]
    )


def weights_table(provenance):
    """The start of each expansion's network as HTML."""
    names = {"network": "network", "source": "weights", "sha256": "SHA-256", "activation": "activation"}
    names |= {"left_random": "random parts", "layer": "feature layer", "feature_mode": "features"}
    table = pd.DataFrame(provenance["weights"]).T.rename(columns=names)[list(names.values())]
    return table.rename_axis("expansion").reset_index().to_html(index=False, border=0, na_rep="-")


def durations(notebooks):
    """Seconds each notebook took, as papermill noted them."""
    return {Path(path).stem: nbformat.read(path, 4).metadata.get("papermill", {}).get("duration") for path in notebooks}


def provenance_of(run, params, notebooks):
    cohort = run.cohort()
    return {
        "study": run.study,
        "simulated": run.simulated,
        "params": params,
        "seed": params["seed"],
        "versions": versions(),
        "weights": {folder.name: weights_provenance(folder) for folder in sorted(run.step("dtl").glob("expansion_*"))},
        "git_commit": git_commit(),
        "input_sha256": {
            f"{case} {kind}": digest(location(name)[0])
            for kind in ("image", "mask")
            for case, name in zip(cohort["case_id"], cohort[kind], strict=True)
        },
        "notebook_seconds": durations(notebooks),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "notice": "Research use only.",
    }


def filled_checklists(run, params):
    """METRICS and CLEAR of this run, with the authors' answers; needs provenance.json."""
    reporting = ReportingParams.model_validate(params["reporting"])
    folder = checklists.RunFolder(run.folder)
    return {name: checklists.fill(folder, name, getattr(reporting, name)) for name in checklists.CHECKLISTS}


def write_page(path, title, links, body):
    html_page.write_page(path, title, body, f"<nav><strong>vcfnb</strong>{links}</nav>", STYLE)
    print(f"wrote {path}")


def sections_of(notebooks, expansion):
    """Links and sections of the executed notebooks.

    Notebook 04 was run once per expansion: only that of the chosen one is open, the others unfold at a click and are
    left out in print.
    """
    first = {}
    for path in notebooks:
        first.setdefault(re.sub(r"^(04_dtl)_.*", r"\1", path.stem), path.stem)
    if f"04_dtl_{expansion:02d}" in [path.stem for path in notebooks]:
        first["04_dtl"] = f"04_dtl_{expansion:02d}"
    targets = {f"{name}.ipynb": f"#{stem}" for name, stem in first.items()}
    links, sections = [], []
    for path in notebooks:
        stem = html.escape(path.stem)
        title, body = body_of(path, targets)
        links.append(f'<a href="#{stem}">{stem}</a>')
        source = f'<p class="source">Notebook <a href="../notebooks/{stem}.ipynb">{stem}</a>, as it was executed.</p>'
        if path.stem not in first.values():
            summary = f"The same with an expansion of {int(stem[-2:])} mm ({stem})"
            body = f"<details><summary>{summary}</summary>{body}</details>"
        sections.append(f'<section id="{stem}" aria-label="{html.escape(title)}">{source}{body}</section>')
    return links, sections


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("provenance", type=Path)
    parser.add_argument("params", type=json.loads)
    parser.add_argument("notebooks", type=Path, nargs="+")
    arguments = parser.parse_args()
    end_with_parent()

    run = Run(arguments.params["study"], Path.cwd().parent)
    made = steps.State.planned(run, StudyParams.model_validate(arguments.params)).parts("report")
    provenance = provenance_of(run, arguments.params, arguments.notebooks)
    write_json(provenance, arguments.provenance)
    filled = filled_checklists(run, arguments.params)
    for name, table in filled.items():
        write_csv(table, arguments.page.with_name(f"checklist_{name}.csv"))
    write_page(
        arguments.page.with_name("checklists.html"),
        f"vcfnb: checklists of {run.study}",
        f'<a href="{arguments.page.name}">Report</a><a href="#top">Checklists</a>'
        + "".join(f'<a href="#{name}">{name.upper()}</a>' for name in filled),
        checklists.page_body(run.study, filled, run.simulated),
    )
    links, sections = sections_of(arguments.notebooks, run.chosen_expansion())
    links = [
        '<a href="#top">Result</a><a href="checklists.html">Checklists</a>',
        *links,
        '<label><input type="checkbox" id="code"> show the code</label>',
    ]
    front = front_page(run, arguments.params, provenance, filled)
    write_page(arguments.page, f"vcfnb: {run.study}", "".join(links), front + "".join(sections))
    steps.write_record(run, "report", {"values": arguments.params, "parts": made})


if __name__ == "__main__":
    main()
