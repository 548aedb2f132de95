"""The documentation as a site: whole, without a network, and no broken link. Slow: it renders eleven notebooks."""

import json
import re
from functools import partial

import pytest
import yaml
from mkdocs.exceptions import Abort
from study import ROOT, script

CONFIG = ROOT / "workflow" / "site" / "mkdocs.yml"


@pytest.fixture(scope="module")
def build():
    return script("workflow/site", "build")


@pytest.fixture(scope="module")
def site(build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build.build_site(folder)
    return folder


def pages(entries):
    """Files that a navigation names."""
    for entry in entries:
        value = next(iter(entry.values())) if isinstance(entry, dict) else entry
        yield from pages(value) if isinstance(value, list) else [value]


def test_every_page_and_notebook_is_in_the_navigation_and_built(site):
    named = set(pages(yaml.safe_load(CONFIG.read_text())["nav"]))
    here = {f"notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    here |= {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert here <= named
    for name in named - {"README.md"}:
        built = re.sub(r"README\.md$|\.(md|ipynb)$", lambda end: "index.html" if "README" in end[0] else ".html", name)
        assert (site / built).is_file(), built
    assert (site / "index.html").is_file()


def test_it_fetches_nothing_and_can_be_searched(site):
    for page in site.rglob("*.html"):
        assert not re.search(r'<(script|link|img)[^>]+(src|href)="https?:', page.read_text()), page
    found = json.loads((site / "search" / "search_index.json").read_text())["docs"]
    assert any("notebooks/07_statistics" in entry["location"] and "Calibration" in entry["title"] for entry in found)


def test_a_broken_link_is_an_error(build, tmp_path, monkeypatch):
    real = build._link
    monkeypatch.setattr(
        build, "_link", lambda page, found: real(page, found).replace("docs/leakage.md", "docs/none.md")
    )
    with pytest.raises(Abort):
        build.build_site(tmp_path / "site")


def test_a_link_to_a_folder_leads_to_its_page_or_is_its_text(build):
    page = ROOT / "docs" / "README.md"
    for text, shown in (
        ("[a](../params)", "a"),
        ("[a](../experiments/rings)", "[a](../experiments/rings/README.md)"),
        ("[a](leakage.md#b)", "[a](leakage.md#b)"),
        ("[a](https://x.org/y)", "[a](https://x.org/y)"),
    ):
        assert build._LINK.sub(partial(build._link, page), text) == shown


def test_the_pages_workflow_calls_what_is_there():
    job = yaml.safe_load((ROOT / ".github" / "workflows" / "site.yml").read_text())["jobs"]["site"]
    calls = [step["run"].split() for step in job["steps"] if "run" in step]
    for path in (word for call in calls for word in call if "/" in word and not word.startswith((".venv", "build"))):
        assert (ROOT / path).is_file(), path
    (published,) = (step["with"]["path"] for step in job["steps"] if "path" in step.get("with", {}))
    assert published in calls[-1] and any(call[0] == "./vcfnb.sh" for call in calls)
