"""Slow: a whole study goes on after its inputs changed. A redrawn mask is computed again, and what depends on it."""

import os
import re
import shutil
from types import SimpleNamespace

import pandas as pd
import pytest
import SimpleITK as sitk
from study import UNDRAWN, executed, run_all, tables, tiny

from vcfnb import preprocessing, radiomics
from vcfnb.params import PreprocessingParams, RadiomicsParams
from vcfnb.runs import Run

pytestmark = pytest.mark.study


def when(folder, pattern):
    """Time of the last change of files, by name."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob(pattern)}


def changed(before, after):
    return {name for name in after if before.get(name) != after[name]}


@pytest.fixture
def redrawn(uninterrupted, tmp_path):
    """A test case whose mask is eroded, under its old name, and afterwards put back."""
    table = pd.read_csv(uninterrupted.study / "00_cohort" / "cohort.csv", dtype=str)
    case = table[(table["split"] == "test") & table["mask"].str.endswith("_a.nii.gz")].iloc[0]
    mask = uninterrupted.study / "00_cohort" / case["mask"]
    shutil.copy2(mask, tmp_path / "kept")
    sitk.WriteImage(sitk.BinaryErode(sitk.ReadImage(str(mask)), (1, 1, 1)), str(mask))
    yield SimpleNamespace(case=case["case_id"], mask=mask, kept=tmp_path / "kept")
    shutil.copy2(tmp_path / "kept", mask)


def test_files_that_were_only_touched_change_nothing(uninterrupted, tiny_copy):
    for path in uninterrupted.csv.parent.rglob("*"):
        os.utime(path)
    finished = run_all(tiny_copy, *tiny(uninterrupted.csv))
    assert "Nothing to do" in finished.stdout and executed(finished) == []


def features_of(study):
    return pd.read_csv(study / "03_radiomics" / "features.csv", dtype={"case_id": str}).set_index("case_id")


def features_anew(run, case, folder):
    """Radiomics of one case from its image and its masks, without anything that a study has stored."""
    settings = PreprocessingParams(**run.settings("preprocessing"))
    row = run.cohort().query("case_id == @case").reset_index(drop=True)
    preprocessing.preprocess_cohort(row, folder, settings, [6], cores=1)
    found = preprocessing.cases(folder, [case]).iloc[0]
    extraction = radiomics.Settings.from_params(RadiomicsParams(**run.settings("radiomics")))
    return radiomics.extract_features(found["image"], found["mask"], extraction)


def test_a_redrawn_mask_is_computed_again_and_nothing_else(uninterrupted, tiny_copy, redrawn, tmp_path):
    study = tiny_copy / "tiny"
    images, features = when(study / "01_preprocessing", "*.nii.gz"), when(study / "03_radiomics" / "cases", "*")
    finished = run_all(tiny_copy, *tiny(uninterrupted.csv), "--until", "radiomics", **UNDRAWN)
    assert f"images or masks of {redrawn.case}" in finished.stdout
    assert set(executed(finished)) == {"00_cohort", "01_preprocessing", "03_radiomics"}
    again = changed(images, when(study / "01_preprocessing", "*.nii.gz"))
    assert again and all(name.startswith(f"{redrawn.case}_") for name in again)
    cases = when(study / "03_radiomics" / "cases", "*")
    assert changed(features, cases) == {f"{redrawn.case}-{redrawn.case}_mask.nii.gz.json"}
    # The case has the features of the new mask, and every other case its old ones.
    before, after = features_of(uninterrupted.study), features_of(study)
    pd.testing.assert_frame_equal(before.drop(redrawn.case), after.drop(redrawn.case))
    fresh = features_anew(Run("tiny", tiny_copy), redrawn.case, tmp_path / "anew")[after.columns]
    assert (after.loc[redrawn.case] == fresh).all() and (before.loc[redrawn.case] != fresh).any()
    # A test case has no part in the agreement of repeat segmentations.
    planned = run_all(tiny_copy, *tiny(uninterrupted.csv), "--dry-run").stdout
    assert set(re.findall(r"^(\w+) +1$", planned, re.M)) == {
        *("dtl", "selection", "fusion", "statistics", "robustness", "leakage", "predict", "report", "all")
    }


@pytest.mark.long
def test_with_the_old_mask_the_tables_are_the_old_ones(uninterrupted, tiny_copy, redrawn):
    call, old = tiny(uninterrupted.csv), tables(uninterrupted.study)
    run_all(tiny_copy, *call, **UNDRAWN)
    assert tables(tiny_copy / "tiny")["06_fusion/scores.csv"] != old["06_fusion/scores.csv"]
    shutil.copy2(redrawn.kept, redrawn.mask)
    finished = run_all(tiny_copy, *call, **UNDRAWN)
    assert "02_icc" not in executed(finished)
    again = tables(tiny_copy / "tiny")
    assert set(again) == set(old)
    assert [name for name in old if old[name] != again[name]] == []
