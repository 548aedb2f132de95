"""Results are never older than their inputs: which steps run again after which change, without running one."""

import os
import shutil

import pandas as pd
import pytest

from vcfnb import runs
from vcfnb.errors import VcfnbError
from vcfnb.params import load_params
from vcfnb.runs import contents, steps

EXPANSIONS = ("04_dtl_00", "04_dtl_06")
ORDER = (
    *("00_cohort", "01_preprocessing", "02_icc", "03_radiomics", *EXPANSIONS),
    *("05_selection", "06_fusion", "07_statistics", "08_robustness", "09_leakage", "10_predict", "report"),
)
FILES = ("image", "mask", "mask_reader_a2", "mask_reader_b")
LAST = {"07_statistics", "08_robustness", "09_leakage"}
AFTER_05 = {"05_selection", "06_fusion", *LAST, "10_predict", "report"}


class Study:
    """A study of eight cases whose steps all say that they ran; their files are a few bytes."""

    def __init__(self, folder, monkeypatch):
        self.files = folder / "files"
        self.files.mkdir(parents=True)
        rows = []
        for number in range(8):
            row = {"patient_id": f"P{number}", "case_id": f"P{number}", "label": number % 2, "age": 50 + number}
            row["split"] = "train" if number < 6 else "test"
            # The first three training cases and a test case have repeat segmentations.
            given = (
                ("image", "mask", "mask_reader_a2", "mask_reader_b") if number in (0, 1, 2, 7) else ("image", "mask")
            )
            for name in given:
                path = self.files / f"P{number}_{name}.nii.gz"
                path.write_text(f"{number} {name}")
                row[name] = f"files/{path.name}"
            rows.append(row)
        self.csv = folder / "cohort.csv"
        pd.DataFrame(rows).to_csv(self.csv, index=False)
        monkeypatch.setenv("VCFNB_RUNS", str(folder / "runs"))
        self.params = load_params("params/smoke.yaml", [f"cohort.csv={self.csv}"])
        self.run = runs.Run("smoke")
        self.ran()

    def ran(self, *titles, files="../../..", **changed):
        """Begin and finish steps, as their notebooks do."""
        for title in titles or ORDER:
            if title == "report":
                parts = steps.State.planned(runs.Run("smoke"), self.params).parts("report")
                made = {"values": self.params.model_dump(mode="json"), "parts": parts}
                steps.write_record(self.run, "report", made)
                continue
            run = self.begin(title, **changed)
            path = steps.record_of(run, title).parent
            runs.make_folder(path)
            (path / "table.csv").write_text(title)
            if title == "00_cohort":
                table = pd.read_csv(self.csv)
                for name in FILES:
                    table[name] = table[name].map(lambda file: f"{files}/{file}", na_action="ignore")
                table.to_csv(path / "cohort.csv", index=False)
            steps.finish(run)

    def begin(self, title, **changed):
        name = title.rpartition("_")[0] if title in EXPANSIONS else title
        values = self.params.for_notebook(name) | changed
        return steps.begin(name, values | {"expansion": int(title[-2:])} if name == "04_dtl" else values)

    def state(self, *assignments):
        params = load_params("params/smoke.yaml", [f"cohort.csv={self.csv}", *assignments])
        return steps.State.planned(runs.Run("smoke"), params)

    def stale(self, *assignments):
        return set(self.state(*assignments).stale())

    def edit(self, file, column, value):
        """Change a column of one case, in the user's table or in the study's."""
        table = pd.read_csv(file)
        table.loc[2, column] = value
        table.to_csv(file, index=False)


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(steps.runs.REPOSITORY)
    return Study(tmp_path, monkeypatch)


def test_after_a_whole_run_nothing_is_stale(study):
    assert study.state().stale() == {}
    assert steps.record_of(study.run, "04_dtl_06").parent.name == "expansion_06"


def test_files_that_were_touched_copied_or_moved_are_the_same(study):
    for path in study.files.iterdir():
        os.utime(path, (1, 1))
    shutil.copytree(study.files, study.files.with_name("copy"))
    shutil.rmtree(study.files)
    shutil.copytree(study.files.with_name("copy"), study.files)
    assert study.stale() == set()
    moved = study.csv.with_name("moved")
    moved.mkdir()
    shutil.move(study.files, moved / "files")
    study.csv = shutil.move(study.csv, moved / "cohort.csv")
    study.params = load_params("params/smoke.yaml", [f"cohort.csv={study.csv}"])
    study.ran("00_cohort", files="../../../moved")
    # The table of cases has other paths, and the report shows the parameters: nothing else runs again.
    assert study.stale() == {"report"}


def test_unchanged_files_are_not_read_again(study, monkeypatch):
    monkeypatch.setattr(contents, "_content", lambda place: pytest.fail(f"read {place}"))
    assert study.stale() == set()


def test_a_redrawn_mask_concerns_its_case_and_what_comes_after(study):
    path = study.files / "P4_mask.nii.gz"
    before = path.stat()
    path.write_text("4 MASK")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    found = study.state().stale()
    assert set(found) == set(ORDER) - {"02_icc"}
    assert found["03_radiomics"] == {"files": ["P4"]}
    assert steps.told_of(found["03_radiomics"]) == "images or masks of P4"


def test_a_redrawn_repeat_segmentation_leaves_radiomics_and_networks_alone(study):
    (study.files / "P1_mask_reader_b.nii.gz").write_text("other")
    assert study.stale() == {"00_cohort", "01_preprocessing", "02_icc", *AFTER_05}
    (study.files / "P1_mask_reader_b.nii.gz").write_text("1 mask_reader_b")
    assert study.stale() == set()
    # A test case's repeat segmentation is preprocessed, and used by nobody.
    (study.files / "P7_mask_reader_b.nii.gz").write_text("other")
    assert study.stale() == {"00_cohort", "01_preprocessing"}


def test_values_of_the_table_concern_who_uses_them(study):
    study.edit(study.csv, "age", 33)
    assert study.stale() == {"00_cohort"}
    study.ran("00_cohort")
    assert study.stale() == {"06_fusion", *LAST, "10_predict", "report"}
    study.ran()
    study.edit(study.csv, "label", 1)
    study.ran("00_cohort")
    state = study.state()
    assert set(state.stale()) == set(ORDER) - {"00_cohort"}
    # No feature depends on a label: these notebooks only show it.
    for title in ("01_preprocessing", "02_icc", "03_radiomics"):
        assert state.changes(title) == {"figures": ["label"]} and state.changes(title, shown=False) == {}
    assert state.changes("04_dtl_06") == {"table": ["label"]}


def test_a_notebook_sees_the_columns_that_it_says_it_uses(study):
    files = set(FILES)
    assert {"age", "patient_id"} <= set(study.begin("07_statistics").cohort())
    assert set(study.begin("04_dtl_06").cohort()) == {"case_id", "patient_id", "label", "split"} | files
    assert set(study.begin("03_radiomics").cohort()) == {"case_id", "label", "split"} | files


def test_parameters_concern_their_step_and_what_comes_after(study):
    assert study.stale("statistics.alpha=0.1") == {*LAST, "report"}
    assert study.stale("robustness.outer_repeats=3") == {"08_robustness", "report"}
    assert study.stale("selection.lasso_folds=4") == AFTER_05
    assert study.stale("dtl.epochs=3") == {*EXPANSIONS, *AFTER_05}
    changed = study.state("dtl.epochs=3").stale()["05_selection"]
    assert steps.told_of(changed) == "parameters 04_dtl_00.epochs, 04_dtl_06.epochs"


def test_weights_in_a_file_are_compared_by_content(study, tmp_path):
    (tmp_path / "mine.safetensors").write_text("a")
    chosen = f"dtl.weights={tmp_path / 'mine.safetensors'}"
    study.params = load_params("params/smoke.yaml", [f"cohort.csv={study.csv}", chosen])
    study.ran()
    assert study.stale(chosen) == set()
    (tmp_path / "mine.safetensors").write_text("b")
    assert study.stale(chosen) == {*EXPANSIONS, *AFTER_05}


def test_a_missing_result_is_made_again(study):
    (study.run.folder / "03_radiomics" / "table.csv").unlink()
    assert study.state().stale() == {"03_radiomics": {"missing": ["03_radiomics/table.csv"]}}


def test_temporary_files_of_a_killed_run_are_no_results(study):
    folder = steps.record_of(study.run, "04_dtl_06").parent
    left = folder / f"{runs.aside_prefix()}0-model.safetensors"
    left.write_text("")
    study.ran("04_dtl_06")
    left.unlink()
    assert not study.stale()


def test_an_interrupted_notebook_has_no_record(study):
    study.begin("05_selection")
    assert study.state().stale() == {"05_selection": {"unfinished": ["05_selection"]}}


def test_a_notebook_run_by_hand_refuses_results_older_than_their_inputs(study):
    study.begin("05_selection")
    (study.files / "P4_mask.nii.gz").write_text("redrawn")
    message = r"notebook 00_cohort of study 'smoke' is older than its inputs: images or masks of P4 -> run it"
    with pytest.raises(VcfnbError, match=message):
        study.begin("05_selection")
    study.ran("00_cohort", "01_preprocessing")
    # Its own step has nothing to do with that case.
    study.begin("02_icc")
    study.ran("02_icc")
    with pytest.raises(VcfnbError, match="notebook 03_radiomics .* images or masks of P4"):
        study.begin("05_selection")


def test_a_notebook_run_by_hand_takes_the_parameters_that_earlier_ones_had(study):
    study.ran("01_preprocessing", window_width=400)
    with pytest.raises(VcfnbError, match=r"02_icc .* older than its inputs: parameters 01_preprocessing.window_width"):
        study.begin("05_selection")
    study.ran("02_icc", "03_radiomics", *EXPANSIONS)
    study.begin("05_selection")
    # The study's own parameters are others: all of it runs again.
    assert "01_preprocessing" in study.stale()


def test_a_notebook_whose_predecessor_never_ran_names_it(study):
    shutil.rmtree(study.run.folder / "03_radiomics")
    with pytest.raises(VcfnbError, match="notebook 03_radiomics of study 'smoke' has not run to its end -> run it"):
        study.begin("05_selection")


def test_a_series_folder_is_compared_file_by_file(tmp_path):
    folder = tmp_path / "series"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.dcm").write_text(str(number))
    names = [str(folder), f"{folder}#2", str(tmp_path / "missing.nii")]

    def look():
        found = contents.digests_of(tmp_path / "kept.json", names)
        return [found[name] for name in names]

    first = look()
    assert first[0] != first[1] and first == look()
    (folder / "1.dcm").write_text("other")
    second = look()
    assert second[0] != first[0] and second[1] != first[1] and second[2] == first[2]
    (folder / "3.dcm").write_text("3")
    assert look()[0] != second[0]
