"""Build the documentation as a searchable site: every Markdown page and the committed notebooks, without a network.

    .venv/bin/python workflow/site/build.py [FOLDER]

writes build/site (or FOLDER), which any web server can show as it is. A broken link or heading is an error.
"""

import argparse
import contextlib
import re
import shutil
import tempfile
from functools import partial
from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config

ROOT = Path(__file__).resolve().parents[2]
# Where pages and what they link to lie; code and data are shown as they are.
_PLACES = ("docs", "notebooks", "params", "experiments", "tests", "vcfnb", "workflow")
_LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
# Made by a run or by an experiment, and big.
_LEFT_OUT = {"__pycache__", "work", "site", ".ipynb_checkpoints"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "site")
    build_site(parser.parse_args().folder)


def build_site(folder):
    """Put pages, notebooks and linked files into one folder, with the layout that they have, and build the site."""
    folder = folder.resolve()
    # The notebook plugin keeps a cache where it runs.
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
        pages = Path(place) / "pages"
        for source in _sources():
            target = pages / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.suffix == ".md":
                shown = _LINK.sub(partial(_link, source), source.read_text(encoding="utf-8"))
                target.write_text(shown, encoding="utf-8")
            else:
                shutil.copyfile(source, target)
        config = str(Path(__file__).with_name("mkdocs.yml"))
        build(load_config(config, docs_dir=str(pages), site_dir=str(folder), strict=True))


def _sources():
    """Markdown pages, notebooks and pictures, and files that pages link to."""
    pages = list(ROOT.glob("*.md"))
    for place in _PLACES:
        for path in (ROOT / place).rglob("*"):
            if path.suffix in (".md", ".ipynb") and not _LEFT_OUT & set(path.relative_to(ROOT).parts):
                pages.append(path)
    linked = set()
    for page in pages:
        if page.suffix == ".md":
            targets = (page.parent / found[2] for found in _LINK.finditer(page.read_text(encoding="utf-8")))
            linked |= {target.resolve() for target in targets if target.is_file()}
    return sorted({*pages, *linked})


def _link(page, found):
    """A link as it is; one to a folder leads to its README, and is its text where it has none."""
    text, target, heading = found.groups()
    if "://" in target or not (page.parent / target).is_dir():
        return found[0]
    return f"[{text}]({target.rstrip('/')}/README.md)" if (page.parent / target / "README.md").is_file() else text


if __name__ == "__main__":
    main()
