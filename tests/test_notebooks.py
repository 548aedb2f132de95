"""The committed notebooks: how they are written, and whether they still give what they show (nbval)."""

import json
import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from study import ROOT, contract_files, executed

from vcfnb.params import NOTEBOOKS

FILES = [ROOT / "notebooks" / f"{name}.ipynb" for name in NOTEBOOKS]


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def test_no_notebook_is_left_out():
    assert sorted((ROOT / "notebooks").glob("*.ipynb")) == FILES


def test_it_opens_with_its_question_and_names_its_files(notebook):
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# \d\d · ", first.source)
    assert "*Reads:*" in first.source
    assert "*Writes:*" in first.source


def test_cells_are_short_and_hold_no_functions(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 30, cell.source[:80]
            assert not re.search(r"^\s*(def|class) ", cell.source, re.M), cell.source[:80]


def test_it_is_committed_executed_and_clean(notebook):
    """Whole outputs without errors, in order, with no trace of how it was run."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not any("injected-parameters" in cell.metadata.get("tags", []) for cell in notebook.cells)
    assert "papermill" not in notebook.metadata
    for cell in code:
        assert "papermill" not in cell.metadata
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
    assert notebook.metadata.kernelspec.name == "python3"


def test_it_holds_no_widget_and_no_state_of_one(notebook):
    """Controls and viewers appear in JupyterLab alone; what is committed are their pictures."""
    assert "widgets" not in notebook.metadata
    kinds = {kind for cell in notebook.cells for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert not [kind for kind in kinds if "widget" in kind]


# The steps of the study; notebook 08 shows a single patient.
@pytest.mark.parametrize("path", [path for path in FILES if path.stem < "08"], ids=lambda path: path.stem)
def test_each_step_has_a_part_to_explore(path):
    cells = nbformat.read(path, as_version=4).cells
    assert any("explore.show(" in cell.source for cell in cells if cell.cell_type == "code")


def test_it_shows_no_path_of_a_machine(notebook):
    text = json.dumps([cell.get("outputs", []) for cell in notebook.cells])
    assert not re.search(r"/(home|root|Users|tmp|work)/", text)


def test_links_to_other_notebooks_exist(notebook):
    for cell in notebook.cells:
        for target in re.findall(r"\]\((\w+\.ipynb)\)", cell.source):
            assert (ROOT / "notebooks" / target).is_file()


def nbval(notebook, runs, *options):
    """Re-execute one notebook against what it shows; results go to `runs`, never to the reader's."""
    call = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval-lax", *options, str(notebook)]
    environment = os.environ | {"VCFNB_RUNS": str(runs), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    return subprocess.run(call, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.study
def test_run_all_without_arguments_is_the_demonstration(demo):
    runs, said = demo
    assert len(executed(said)) == 14
    assert not [name for name in contract_files([0, 2, 4, 6, 8, 10]) if not (runs / "demo" / name).is_file()]


@pytest.mark.study
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_gives_again_what_it_shows(path, demo):
    finished = nbval(path, demo[0])
    assert finished.returncode == 0, finished.stdout[-6000:]
    assert re.search(r"\d+ passed", finished.stdout)


@pytest.mark.study
def test_a_changed_number_fails(demo, tmp_path):
    """The comparison is real: one digit of a stored, compared output is changed, and nbval fails."""
    notebook = nbformat.read(ROOT / "notebooks" / "03_radiomics.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if "nbval-check-output" in cell.metadata.get("tags", [])]
    assert "total 1834" in cell.outputs[0].text
    cell.outputs[0].text = cell.outputs[0].text.replace("total 1834", "total 1835")
    changed = tmp_path / "03_radiomics.ipynb"
    nbformat.write(notebook, changed)
    finished = nbval(changed, demo[0])
    assert finished.returncode != 0
    assert "1835" in finished.stdout
    shutil.copy2(ROOT / "notebooks" / "03_radiomics.ipynb", changed)
    assert nbval(changed, demo[0]).returncode == 0
