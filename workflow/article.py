"""Make an executed notebook read like an article; as a script, commit the demonstration's notebooks.

After ./run_all.sh, ``.venv/bin/python workflow/article.py`` copies runs/demo/notebooks to notebooks/, and README's
picture to docs/figures.
"""

import re
import shutil
import sys
from functools import partial
from pathlib import Path

import nbformat

from vcfnb.params import NOTEBOOKS
from vcfnb.runs import Run, atomic

ROOT = Path(__file__).resolve().parents[1]
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


def _table(tables, number, found):
    """Id in place of a random one; a second table of the same cell gets another."""
    return tables.setdefault(found[0], f"T_{number}{'_' * len(tables)}")


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
