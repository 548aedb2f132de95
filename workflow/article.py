"""Commit the demonstration's notebooks, made to read like articles.

After ./run_all.sh, ``.venv/bin/python workflow/article.py`` copies runs/demo/notebooks to notebooks/, and README's
picture to docs/figures.
"""

import shutil
import sys
from pathlib import Path

import nbformat

from vcfnb.params import NOTEBOOKS
from vcfnb.report.notebooks import article
from vcfnb.runs import Run, atomic

ROOT = Path(__file__).resolve().parents[1]


def main():
    run = Run("demo")
    for name in NOTEBOOKS:
        source = run.folder / "notebooks" / ("04_dtl_06.ipynb" if name == "04_dtl" else f"{name}.ipynb")
        if not source.exists():
            sys.exit(f"{source} is missing -> run ./run_all.sh first")
        notebook = article(nbformat.read(source, as_version=4))
        with atomic(ROOT / "notebooks" / f"{name}.ipynb") as temporary:
            nbformat.write(notebook, temporary)
        print(f"notebooks/{name}.ipynb")
    with atomic(ROOT / "docs" / "figures" / "roc_demo.png") as temporary:
        shutil.copyfile(run.needs("statistics", "figure9_roc.png"), temporary)


if __name__ == "__main__":
    main()
