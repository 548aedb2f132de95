"""Slow: whole studies, on the smallest simulated cohorts and (--all) on real CT, run as a user runs them."""

import contextlib
import json
import re
import time

import nbformat
import numpy as np
import pandas as pd
import pytest
from study import ROOT, columns, contract_files, executed, run_all, run_side_by_side, tables, tiny

from vcfnb import cli, fusion, prediction
from vcfnb.params import load_params
from vcfnb.runs import Run

pytestmark = pytest.mark.study

NOTEBOOKS = [
    *("00_cohort", "01_preprocessing", "02_icc", "03_radiomics", "04_dtl_00", "04_dtl_06"),
    *("05_selection", "06_fusion", "07_statistics", "08_robustness", "09_leakage", "10_predict"),
]


def test_every_file_of_the_contract_is_there(smoke):
    folder = smoke / "smoke"
    missing = [name for name in contract_files([0, 6]) if not (folder / name).is_file()]
    assert not missing
    assert sorted(path.stem for path in (folder / "notebooks").glob("*.ipynb")) == NOTEBOOKS


def test_the_console_shows_a_line_a_notebook_and_the_result(uninterrupted):
    finished = uninterrupted.finished
    assert sorted(executed(finished)) == [name for name in NOTEBOOKS if name != "04_dtl_00"]
    assert len(finished.stdout.splitlines()) <= len(NOTEBOOKS) + 8
    assert "SIMULATED patients" in finished.stdout
    assert re.search(r"fusion +AUC [01]\.\d{3} \(", finished.stdout)
    assert "report/index.html" in finished.stdout


def test_columns_of_the_contract(smoke):
    folder = smoke / "smoke"
    assert {"patient_id", "case_id", "image", "mask", "label", "split", "age", "sex", "bmd"} <= set(
        columns(folder, "00_cohort/cohort.csv")
    )
    assert columns(folder, "00_cohort/exclusions.csv")[:2] == ["case_id", "reason"]
    assert columns(folder, "02_icc/icc.csv") == [
        *("feature", "icc_intra", "icc_intra_low", "icc_intra_high"),
        *("icc_inter", "icc_inter_low", "icc_inter_high", "stable"),
    ]
    assert len(columns(folder, "03_radiomics/features.csv")) == 1835
    assert columns(folder, "04_dtl/expansion_06/features.csv")[:2] == ["case_id", "dtl_000"]
    assert columns(folder, "04_dtl/expansion_06/scores.csv") == ["case_id", "label", "split", "score"]
    assert columns(folder, "05_selection/radiomics_selected.csv")[:2] == ["feature", "coefficient"]
    assert columns(folder, "05_selection/radiomics_steps.csv")[:2] == ["step", "n_features"]
    assert columns(folder, "06_fusion/scores.csv") == ["case_id", "label", "split", *fusion.MODELS]
    assert columns(folder, "07_statistics/auc.csv") == [
        *("model", "split", "n", "auc", "ci_low", "ci_high"),
        *("newcombe_low", "newcombe_high"),
    ]


def test_the_report_holds_every_notebook_and_says_simulated(smoke):
    page = (smoke / "smoke" / "report" / "index.html").read_text()
    for name in NOTEBOOKS:
        assert re.search(rf'<section\b[^>]* id="{name}"', page)
        assert f"../notebooks/{name}.ipynb" in page
    assert "The patients are SIMULATED: the numbers say nothing about patients." in page
    assert "Research use only" in page
    # Self-contained: nothing is fetched when the page is opened.
    assert not re.search(r'(?:src|href)="(?:https?:)?//(?!doi\.org)', page.replace('href="https://doi.org', ""))
    assert "<script" not in page


def test_the_checklists_are_filled_from_the_run(smoke):
    """METRICS and CLEAR with a proof that is there for every yes, and no claim about simulated patients."""
    report = smoke / "smoke" / "report"
    page = (report / "checklists.html").read_text()
    links = [link for link in re.findall(r'href="([^"#]+)"', page) if not link.startswith("https://doi.org/")]
    assert [link for link in links if not (report / link).is_file()] == []
    assert "The patients are simulated" in page
    assert "<script" not in page
    for name, n in (("metrics", 30), ("clear", 58)):
        table = pd.read_csv(report / f"checklist_{name}.csv", keep_default_na=False)
        assert len(table) == n
        assert (table.loc[table["answer"] == "yes", "proof"] != "").all()
    metrics = pd.read_csv(report / "checklist_metrics.csv").set_index("item")["answer"]
    assert metrics.loc[[3, 14, 17, 22, 26, 27, 29]].tolist() == ["no", "yes", "na", "yes", "yes", "no", "needs you"]
    index = (report / "index.html").read_text()
    assert 'href="checklists.html"' in index
    assert "simulated patients, no claim about quality" in index


def test_provenance(smoke):
    provenance = json.loads((smoke / "smoke" / "provenance.json").read_text())
    assert provenance["simulated"] is True
    assert provenance["params"]["study"] == "smoke"
    assert {"torch", "pyradiomics-bhklab", "scikit-learn"} <= set(provenance["versions"])
    assert len(provenance["input_sha256"]) == 2 * load_params(ROOT / "params" / "smoke.yaml").cohort.n_patients
    assert set(provenance["notebook_seconds"]) == set(NOTEBOOKS)
    assert set(provenance["weights"]) == {"expansion_00", "expansion_06"}
    assert all(start["source"].startswith("shipped with vcfnb") for start in provenance["weights"].values())
    assert "shipped with vcfnb" in (smoke / "smoke" / "report" / "index.html").read_text()


def test_a_second_run_does_nothing_and_says_so(smoke_copy):
    before = tables(smoke_copy / "smoke")
    begin = time.monotonic()
    finished = run_all(smoke_copy, "params/smoke.yaml")
    # The limit is 30 s; this guards against running notebooks again, not against a slow machine.
    assert time.monotonic() - begin < 60
    assert "Nothing to do" in finished.stdout
    assert executed(finished) == []
    assert tables(smoke_copy / "smoke") == before


# ---- test cases that are others


def nothing_fitted_differs(study, other):
    """Selection, models and thresholds are those of another study whose test labels are flipped.

    Each test case has the score of the next one, whose image or features it got.
    """
    for name in ("radiomics_selected", "dtl_00_selected", "dtl_06_selected", "radiomics_lasso_path"):
        left, right = (folder / "05_selection" / f"{name}.csv" for folder in (study, other))
        assert left.read_bytes() == right.read_bytes(), name
    left, right = (pd.read_csv(folder / "06_fusion" / "scores.csv") for folder in (study, other))
    train, names = left.split == "train", list(fusion.SAVED_MODELS)
    pd.testing.assert_frame_equal(left[train], right[train])
    assert (left.label[~train] == 1 - right.label[~train]).all()
    np.testing.assert_allclose(right.loc[~train, names], np.roll(left.loc[~train, names], -1, axis=0), rtol=1e-4)
    assert not np.allclose(right.loc[~train, names], left.loc[~train, names], rtol=1e-3)
    left, right = (json.loads((folder / "06_fusion" / "model" / "model.json").read_text()) for folder in (study, other))
    assert left["models"] == right["models"] and left["thresholds"] == right["thresholds"]


@pytest.fixture(scope="module")
def flipped_and_real(smoke, request, tmp_path_factory):
    """Two more studies, side by side: smoke with other test labels and images, and real CT where it is there."""
    flipped, real = tmp_path_factory.mktemp("flipped"), tmp_path_factory.mktemp("real")
    calls = [(flipped, flipped_cohort(smoke / "smoke", flipped))]
    # Without real CT its test skips by itself, saying why.
    with contextlib.suppress(pytest.skip.Exception):
        calls.append((real, real_cohort(request.getfixturevalue("shared"), real)))
    finished = run_side_by_side(*calls)
    return {"flipped": (flipped, finished[0]), "real": (real, finished[-1])}


def flipped_cohort(study, folder):
    """Every test case gets the other label, and the images of the next test case."""
    table = pd.read_csv(study / "00_cohort" / "cohort.csv")
    test = table.index[table.split == "test"]
    table.loc[test, "label"] = 1 - table.loc[test, "label"]
    for column in ("image", "mask", "mask_reader_a2", "mask_reader_b"):
        table.loc[test, column] = np.roll(table.loc[test, column], -1)
        table[column] = [str(study / "00_cohort" / name) for name in table[column]]
    table.to_csv(folder / "cohort.csv", index=False)
    return "params/smoke.yaml", "--cores", 1, "--set", "study=flipped", "--set", f"cohort.csv={folder / 'cohort.csv'}"


@pytest.mark.long
def test_test_labels_and_test_images_change_nothing_that_was_fitted(smoke, flipped_and_real):
    """The whole study, from the images on."""
    study, other = smoke / "smoke", flipped_and_real["flipped"][0] / "flipped"
    nothing_fitted_differs(study, other)
    left, right = (pd.read_csv(folder / "07_statistics" / "operating_points.csv") for folder in (study, other))
    assert left.threshold.equals(right.threshold)


def real_cohort(shared, folder):
    source = shared / "real" / "sarcoma"
    table = pd.read_csv(source / "cases.csv")
    for column in ("image", "mask"):
        table[column] = [str(source / name) for name in table[column]]
    table = table[["patient_id", "image", "mask", "pet_avid"]].rename(columns={"pet_avid": "label"})
    table.to_csv(folder / "cohort.csv", index=False)
    short = [
        *("study=sarcoma", f"cohort.csv={folder / 'cohort.csv'}", "cohort.test_fraction=0.375", "expansions=[0,6]"),
        *("preprocessing.margin_mm=20", "dtl.epochs=2", "selection.lasso_folds=3"),
    ]
    return "params/smoke.yaml", *(part for value in short for part in ("--set", value))


def test_the_saved_model_gives_each_test_case_the_score_of_the_study(smoke):
    """Radiomics to the bit, the network to single precision. Training cases differ: their features are out-of-fold."""
    run = Run("smoke", smoke)
    table = run.cohort().set_index("case_id")
    scores = pd.read_csv(run.needs("fusion", "scores.csv"), dtype={"case_id": str}).set_index("case_id")
    names = list(fusion.SAVED_MODELS)
    test, train = (table.index[table.split == split] for split in ("test", "train"))
    for case in test[:2]:
        found = prediction.predict(run.needs("fusion", "model"), table.image[case], table["mask"][case])
        assert found.probability["radiomics"] == scores.radiomics[case]
        np.testing.assert_allclose([found.probability[name] for name in names], scores.loc[case, names], atol=1e-5)
        assert "was a training case" not in str(found)
    found = prediction.predict(run.needs("fusion", "model"), table.image[train[0]], table["mask"][train[0]])
    assert found.probability["radiomics"] == scores.radiomics[train[0]]
    assert found.probability["dtl"] != pytest.approx(scores.dtl[train[0]], abs=1e-5)
    assert "was a training case" in str(found)
    note = json.loads((run.folder / "10_predict" / "prediction.json").read_text())
    np.testing.assert_allclose(
        [note["probability"][name] for name in names], scores.loc[note["name"], names], atol=1e-5
    )
    points = pd.read_csv(run.folder / "07_statistics" / "operating_points.csv").query("method == 'youden'")
    assert note["thresholds"] == points.drop_duplicates("model").set_index("model").threshold[names].to_dict()
    ranges = pd.read_csv(run.folder / "07_statistics" / "uncertain.csv").query("split == 'test'").set_index("model")
    assert note["uncertain"] == {name: ranges.loc[name, ["low", "high"]].tolist() for name in names}


@pytest.mark.usefixtures("no_drawing")
def test_validated_on_its_own_cohort_a_model_has_the_auc_of_its_test_set(smoke, tmp_path, capsys):
    """All training cases are refused, and nobody else (that they stop it: test_validate.py)."""
    study = smoke / "smoke"
    scores = pd.read_csv(study / "06_fusion" / "scores.csv", dtype={"case_id": str})
    call = ["validate", str(study / "06_fusion" / "model"), str(study / "00_cohort" / "cohort.csv")]
    assert cli.main([*call, "--out", str(tmp_path), "--exclude-bad", "--bootstrap", "100", "--cores", "1"]) == 0
    excluded = pd.read_csv(tmp_path / "exclusions.csv", dtype={"case_id": str})
    assert set(excluded.case_id) == set(scores.case_id[scores.split == "train"])
    found = pd.read_csv(tmp_path / "auc.csv").query("cases == 'all'").set_index("model")
    expected = pd.read_csv(study / "07_statistics" / "auc.csv").query("split == 'test'").set_index("model")
    expected = expected.drop(index="baseline")  # which stays in the study
    columns_ = ["n", "auc", "ci_low", "ci_high", "newcombe_low", "newcombe_high"]
    pd.testing.assert_frame_equal(found[columns_], expected[columns_], check_names=False)
    assert "SIMULATED cases" in capsys.readouterr().out


# ---- running again


def test_a_changed_section_reruns_only_what_depends_on_it(uninterrupted, tiny_copy):
    """From the plan (other sections: test_steps.py); that a plan is kept to: test_changed_inputs.py."""
    call = (*tiny(uninterrupted.csv), "--set", "selection.lasso_folds=3", "--dry-run")
    rules = set(re.findall(r"^(\w+) +1$", run_all(tiny_copy, *call).stdout, re.M))
    assert rules == {"selection", "fusion", "statistics", "robustness", "leakage", "predict", "report", "all"}


def test_wrong_parameters_stop_before_the_first_notebook(tmp_path):
    finished = run_all(tmp_path, "params/smoke.yaml", "--set", "statistics.alpha=2", check=False)
    assert finished.returncode != 0
    assert "statistics.alpha: 2 is not allowed" in finished.stderr
    assert not (tmp_path / "smoke").exists()


def test_a_bad_cohort_stops_at_once_with_all_its_problems(tmp_path):
    """The failed notebook is kept, and its message shown; that the next call goes on: test_interruption.py."""
    csv = tmp_path / "cohort.csv"
    csv.write_text("patient_id,image,mask,label\nP1,a.nii.gz,b.nii.gz,1\n../x,c.nii.gz,d.nii.gz,2\n")
    finished = run_all(tmp_path, "params/smoke.yaml", "--set", f"cohort.csv={csv}", check=False)
    assert finished.returncode != 0
    assert "FAILED" in finished.stdout and "| " in finished.stdout
    assert "2 cases (P1, ../x): the file is missing" in finished.stdout
    assert "../x: label is '2'" in finished.stdout
    kept = nbformat.read(tmp_path / "smoke" / "notebooks" / "00_cohort.failed.ipynb", 4)
    assert any(cell.get("outputs") for cell in kept.cells)


@pytest.mark.long
def test_real_ct(shared, flipped_and_real):
    """Sixteen real patients with a label from PET: no repeat segmentations, no age, sex or BMD."""
    folder, finished = flipped_and_real["real"]
    study = folder / "sarcoma"
    assert "SIMULATED" not in finished.stdout
    assert "your cohort" in finished.stdout
    features = pd.read_csv(study / "03_radiomics" / "features.csv").set_index("case_id")
    assert features.shape == (16, 1834)
    assert np.isfinite(features.to_numpy()).all()
    assert len(pd.read_csv(study / "02_icc" / "icc.csv")) == 0
    said = " ".join(
        output.get("text", "")
        for cell in nbformat.read(study / "notebooks" / "02_icc.ipynb", 4).cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream"
    )
    assert "Without repeat segmentations" in said
    assert "not recorded" in (study / "00_cohort" / "table1.csv").read_text()
    assert "is SIMULATED" not in (study / "report" / "index.html").read_text()
    assert "SIMULATED" not in said
    assert not [name for name in contract_files([0, 6]) if not (study / name).is_file()]
    assert (ROOT / "runs" / "sarcoma").exists() is False
