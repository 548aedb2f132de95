"""./vcfnb.sh lab: a copy to explore, of which nothing gets back into the study."""

import os
import subprocess

import pytest
from study import ROOT

from vcfnb import cli
from vcfnb.cli import lab
from vcfnb.errors import VcfnbError


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "runs" / "made"
    (folder / "notebooks").mkdir(parents=True)
    (folder / "notebooks" / "00_cohort.ipynb").write_text("{}")
    (folder / "00_cohort").mkdir()
    (folder / "00_cohort" / "cohort.csv").write_text("case_id\n")
    return folder


def test_what_is_tried_in_the_copy_stays_there(study):
    place = lab.copy_of(study)
    assert place == study.parents[1] / "runs-explore" / "made"
    (place / "notebooks" / "00_cohort.ipynb").write_text("changed")
    (place / "00_cohort" / "cohort.csv").write_text("changed")
    assert (study / "notebooks" / "00_cohort.ipynb").read_text() == "{}"
    assert (study / "00_cohort" / "cohort.csv").read_text() == "case_id\n"
    assert (lab.copy_of(study) / "notebooks" / "00_cohort.ipynb").read_text() == "changed"
    assert (lab.copy_of(study, fresh=True) / "notebooks" / "00_cohort.ipynb").read_text() == "{}"


def test_a_study_that_has_not_run_is_named(study):
    (study / "notebooks" / "00_cohort.ipynb").unlink()
    with pytest.raises(VcfnbError, match="'made' has no executed notebook .* -> run it first"):
        lab.copy_of(study)


def test_jupyterlab_gets_the_copy(study, monkeypatch, capsys):
    called = []

    def start(call, cwd, env):
        called.append((call, cwd, env["VCFNB_RUNS"]))
        return subprocess.CompletedProcess(call, 0)

    monkeypatch.setenv("VCFNB_RUNS", str(study.parent))
    monkeypatch.setattr(lab.subprocess, "run", start)
    assert cli.main(["lab", "made", "--no-browser"]) == 0
    place = study.parents[1] / "runs-explore" / "made"
    [(call, folder, root)] = called
    assert (
        call[1:] == ["-m", "jupyterlab", "--no-browser"] and folder == place / "notebooks" and root == str(place.parent)
    )
    assert str(place) in capsys.readouterr().out


@pytest.mark.study
def test_a_notebook_of_the_copy_runs_on_its_results(uninterrupted, tmp_path):
    place = lab.copy_of(uninterrupted.study)
    before = (uninterrupted.study / "07_statistics" / "made.json").stat().st_mtime_ns
    call = [str(ROOT / ".venv" / "bin" / "jupyter"), "nbconvert", "--to", "notebook", "--execute"]
    environment = os.environ | {"VCFNB_RUNS": str(place.parent)}
    done = subprocess.run(
        [*call, "07_statistics.ipynb", "--output", str(tmp_path / "tried.ipynb")],
        cwd=place / "notebooks",
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (uninterrupted.study / "07_statistics" / "made.json").stat().st_mtime_ns == before
    assert (place / "07_statistics" / "made.json").stat().st_mtime_ns > before
