"""The run folder: atomic writes, stable hashes, parallel map, reproducible figures."""

import json
import os

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from vcfnb import runs
from vcfnb.errors import BadInput, VcfnbError


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), runs.atomic(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]


def test_written_files_have_the_usual_rights(tmp_path):
    umask = os.umask(0o022)
    try:
        runs.write_json({"a": np.float64(1)}, tmp_path / "a.json")
    finally:
        os.umask(umask)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o644


def test_csv_keeps_every_bit(tmp_path):
    table = pd.DataFrame({"x": np.random.default_rng(0).normal(size=100) * 10.0 ** np.arange(-50, 50)})
    runs.write_csv(table, tmp_path / "x.csv")
    back = pd.read_csv(tmp_path / "x.csv")
    assert (back.x == table.x).all()


def test_json_refuses_nan(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        runs.write_json({"a": float("nan")}, tmp_path / "a.json")
    assert not (tmp_path / "a.json").exists()


def test_figures_are_the_same_bytes_each_time(tmp_path):
    files = []
    for name in ("one", "two"):
        figure, axes = plt.subplots()
        axes.plot([1, 2], label="a")
        axes.legend()
        plt.close(figure)
        runs.save_figure(figure, tmp_path / name, pd.DataFrame({"y": [1, 2]}))
        files.append([(tmp_path / f"{name}{suffix}").read_bytes() for suffix in (".png", ".svg", ".csv")])
    assert files[0] == files[1]


def test_digest_sees_content_not_names(tmp_path):
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").write_text("x")
    (tmp_path / "c").write_text("y")
    digests = [runs.digest(tmp_path / name, {"k": 1}) for name in "abc"]
    assert digests[0] == digests[1] != digests[2]
    assert runs.digest("ab", "c") != runs.digest("a", "bc")


def _square(x):
    return x * x


@pytest.mark.parametrize("cores", [1, 2])
def test_parallel_map_keeps_the_order(cores):
    assert list(runs.parallel_map(_square, range(7), cores=cores)) == [x * x for x in range(7)]


def _threads(_):
    return os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"]


def test_workers_use_one_thread():
    assert set(runs.parallel_map(_threads, range(2), cores=2)) == {("1", "1")}


def _refuse(_):
    raise BadInput([{"case_id": "P1", "file": "P1.nii", "problem": "is empty", "remedy": "draw it"}])


def test_errors_of_workers_keep_their_table():
    with pytest.raises(BadInput, match="P1 P1.nii: is empty -> draw it") as error:
        list(runs.parallel_map(_refuse, range(2), cores=2))
    assert error.value.problems.case_id.tolist() == ["P1"]


@pytest.mark.parametrize("name", ["", "..", "a/b"])
def test_a_study_cannot_leave_the_results_folder(name, tmp_path):
    with pytest.raises(VcfnbError, match="not a folder name"):
        runs.Run(name, tmp_path)


def test_a_missing_result_names_the_notebook(tmp_path):
    with pytest.raises(VcfnbError, match="run notebook 02_icc of study 'x' first"):
        runs.Run("x", tmp_path).needs("icc", "icc.csv")


def test_cohort_paths_are_seen_from_the_table(tmp_path):
    run = runs.Run("x", tmp_path)
    table = pd.DataFrame(
        {"case_id": ["001"], "image": ["simulated/a.nii.gz"], "mask": ["/elsewhere/m.nii.gz"], "mask_reader_a2": [None]}
    )
    runs.write_csv(table, run.path("cohort", "cohort.csv"))
    back = run.cohort()
    assert back.case_id.tolist() == ["001"]
    assert back.image.tolist() == [str(run.step("cohort") / "simulated/a.nii.gz")]
    assert back["mask"].tolist() == ["/elsewhere/m.nii.gz"]
    assert back.mask_reader_a2.isna().all()


def test_settings_are_kept_beside_the_results(tmp_path):
    run = runs.Run("x", tmp_path)
    run.settings("dtl", {"epochs": 3})
    assert runs.Run("x", tmp_path).settings("dtl") == {"epochs": 3}
    assert json.loads((tmp_path / "x" / "04_dtl" / "settings.json").read_text()) == {"epochs": 3}


def test_what_later_notebooks_ask_for_most(tmp_path):
    run = runs.Run("demo", tmp_path)
    icc = pd.DataFrame({"feature": ["f", "g", "h"], "stable": [True, False, True]})
    runs.write_csv(icc, run.path("icc", "icc.csv"))
    runs.write_csv(
        pd.DataFrame({"expansion": [0, 6], "chosen": [False, True]}), run.path("selection", "expansion_choice.csv")
    )
    assert run.stable_features() == {"f", "h"}
    assert run.chosen_expansion() == 6
    runs.write_csv(icc.iloc[:0], run.path("icc", "icc.csv"))
    assert run.stable_features() is None
