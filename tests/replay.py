"""The committed notebooks with smoke's parameters, for nbval: how they are composed, and what they are compared with.

``tests/reference/notebooks.json`` holds the texts of the compared cells (tagged ``nbval-check-output``), by notebook of
the run and by cell; ``make_notebook_reference.py`` makes it anew.
"""

import json
import os
import re
import subprocess
import sys

import nbformat
from study import ROOT

from vcfnb.params import NOTEBOOKS, load_params

REFERENCE = ROOT / "tests" / "reference" / "notebooks.json"
SMOKE = ROOT / "params" / "smoke.yaml"


def steps():
    """Notebooks of a run of smoke in order: (name in the run, committed notebook, its parameters)."""
    study = load_params(SMOKE)
    for name in NOTEBOOKS:
        values = study.for_notebook(name)
        if name == "04_dtl":
            for expansion in study.expansions:
                yield f"{name}_{expansion:02d}", name, values | {"expansion": expansion}
        else:
            yield name, name, values


def committed(name):
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def compared(notebook):
    """The cells whose output nbval compares."""
    return [cell for cell in notebook.cells if "nbval-check-output" in cell.metadata.get("tags", [])]


def text_of(cell):
    """What a compared cell shows: what it prints, or its Markdown; a ValueError where there is more, as a progress bar.

    Warnings do not count, as in the committed notebooks.
    """
    shown = [output for output in cell.outputs if output.get("name") != "stderr"]
    if shown and all(output.output_type == "stream" for output in shown):
        return "".join(output.text for output in shown)
    (output,) = shown
    return output.data["text/markdown"]


def composed(name, values, texts):
    """The committed notebook with these parameters as its literals; of outputs only the texts to be compared."""
    notebook = committed(name)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = "\n".join(f"{key} = {value!r}" for key, value in values.items())
        if cell not in compared(notebook):
            cell.outputs = []
        elif cell.outputs[0].output_type == "stream":
            cell.outputs[0].text = texts[cell.id]
        else:
            cell.outputs[0].data["text/markdown"] = texts[cell.id]
    return notebook


def reference():
    """Texts of compared cells, by notebook of the run and by cell."""
    return json.loads(REFERENCE.read_text(encoding="utf-8"))


def nbval(runs, *notebooks, cores="", **environment):
    """Re-execute notebooks in this order against what they show; results go to `runs`, never to the reader's."""
    call = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval-lax", *map(str, notebooks)]
    own = {"VCFNB_RUNS": str(runs), "VCFNB_CORES": str(cores), "PYDEVD_DISABLE_FILE_VALIDATION": "1"} | environment
    # What a worker of pytest-xdist is told is not meant for this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | own
    return subprocess.run(call, cwd=ROOT, env=environment, capture_output=True, text=True)


def has_a_number(texts):
    return any(re.search(r"\d", text) for text in texts)
