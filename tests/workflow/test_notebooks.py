"""The committed notebooks: how they are written, and whether they give again what they show. Slow: all of them run."""

import json
import re

import nbformat
import pytest
import replay
from study import ROOT, UNDRAWN, contract_files, executed, tables

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
            # A parameter a line.
            most = 35 if "parameters" in cell.metadata.get("tags", []) else 30
            assert len(cell.source.splitlines()) <= most, cell.source[:80]
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
    assert any("interactive.show(" in cell.source for cell in cells if cell.cell_type == "code")


def test_it_shows_no_path_of_a_machine(notebook):
    text = json.dumps([cell.get("outputs", []) for cell in notebook.cells])
    assert not re.search(r"/(home|root|Users|tmp|work)/", text)


def test_links_to_other_notebooks_exist(notebook):
    for cell in notebook.cells:
        for target in re.findall(r"\]\((\w+\.ipynb)\)", cell.source):
            assert (ROOT / "notebooks" / target).is_file()


# ---- executed again


def test_each_notebook_is_compared_with_a_number_of_the_study():
    """The reference holds the texts of the compared cells; ``make_notebook_reference.py`` makes it anew."""
    texts = replay.reference()
    assert list(texts) == [title for title, _, _ in replay.steps()]
    for title, name, _ in replay.steps():
        assert list(texts[title]) == [cell.id for cell in replay.compared(replay.committed(name))], title
        assert replay.has_a_number(texts[title].values()), title


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    """All notebooks with smoke's parameters, one after the other on one core: folder of all runs, notebooks, nbval."""
    folder, runs = tmp_path_factory.mktemp("composed"), tmp_path_factory.mktemp("replayed")
    texts = replay.reference()
    for title, name, values in replay.steps():
        nbformat.write(replay.composed(name, values, texts[title]), folder / f"{title}.ipynb")
    paths = [folder / f"{title}.ipynb" for title in texts]
    return runs, paths, replay.nbval(runs, *paths, cores=1, **UNDRAWN)


@pytest.mark.study
def test_notebooks_give_again_what_they_showed_on_smoke(replayed):
    _, paths, finished = replayed
    assert finished.returncode == 0, finished.stdout[-6000:]
    n_cells = sum(cell.cell_type == "code" for path in paths for cell in nbformat.read(path, as_version=4).cells)
    assert re.search(rf"\b{n_cells} passed", finished.stdout)


@pytest.mark.study
def test_another_run_in_another_folder_on_one_core_gives_the_same_tables(smoke, replayed):
    """Papermill on two cores, killed on its way, and nbval on one: the same bytes. nbval writes no report."""
    first, second = tables(smoke / "smoke"), tables(replayed[0] / "smoke")
    assert len(second) > 60
    assert {name for name in first if not name.startswith("report/")} == set(second)
    assert [name for name in second if first[name] != second[name]] == []


@pytest.mark.parametrize(("stored", "passes"), [("12 cases", True), ("13 cases", False)])
def test_a_changed_number_fails(tmp_path, stored, passes):
    """The comparison is real: nbval fails where a compared cell gives another number than it stored."""
    notebook = replay.committed("00_cohort")
    cell = replay.compared(notebook)[0]
    cell.source, cell.outputs = 'print("12 cases")', [nbformat.v4.new_output("stream", text=f"{stored}\n")]
    notebook.cells = [cell]
    nbformat.write(notebook, tmp_path / "one.ipynb")
    finished = replay.nbval(tmp_path, tmp_path / "one.ipynb")
    assert ("1 passed" if passes else "13 cases") in finished.stdout and (finished.returncode == 0) is passes


@pytest.mark.study
@pytest.mark.long
def test_run_all_without_arguments_is_the_demonstration(demo):
    runs, said = demo
    assert len(executed(said)) == len(NOTEBOOKS) - 1 + 6
    assert not [name for name in contract_files([0, 2, 4, 6, 8, 10]) if not (runs / "demo" / name).is_file()]


@pytest.mark.study
@pytest.mark.long
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_gives_again_what_it_shows(path, demo):
    """The committed notebooks as they are, on the demonstration."""
    finished = replay.nbval(demo[0], path)
    assert finished.returncode == 0, finished.stdout[-6000:]
    assert re.search(r"\d+ passed", finished.stdout)
