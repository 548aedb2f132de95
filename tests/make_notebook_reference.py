"""Make tests/reference/notebooks.json: what the compared cells of the notebooks show on params/smoke.yaml.

    .venv/bin/python tests/make_notebook_reference.py

Runs smoke in a folder of its own (some three minutes), or with ``--runs`` goes on in a folder of runs. For after a
change of smoke.yaml, of the simulated cohort, of what a compared cell (tagged ``nbval-check-output``) says, or of which
cells are compared.
"""

import argparse
import json
import tempfile
from pathlib import Path

import nbformat
from replay import REFERENCE, SMOKE, compared, steps, text_of
from study import run_all

from vcfnb.runs import atomic


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, help="folder of runs; by default a temporary one")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        run_all(runs or folder, SMOKE)
        texts = {}
        for title, _, _ in steps():
            path = (runs or Path(folder)) / "smoke" / "notebooks" / f"{title}.ipynb"
            texts[title] = {cell.id: text_of(cell) for cell in compared(nbformat.read(path, as_version=4))}
    with atomic(REFERENCE) as temporary:
        temporary.write_text(json.dumps(texts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{sum(map(len, texts.values()))} compared cells of {len(texts)} notebooks -> {REFERENCE}")


if __name__ == "__main__":
    main()
