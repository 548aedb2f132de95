"""Slow: a whole study goes on after its inputs changed. A redrawn mask is computed again, and what depends on it."""

import os
import re
import shutil

import pandas as pd
import pytest
import SimpleITK as sitk
from study import UNDRAWN, executed, run_all, tables, tiny

pytestmark = pytest.mark.study


def when(folder, pattern):
    """Time of the last change of files, by name."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob(pattern)}


def changed(before, after):
    return {name for name in after if before.get(name) != after[name]}


@pytest.fixture
def mask(uninterrupted, tmp_path):
    """A test case and its mask, which is put back."""
    table = pd.read_csv(uninterrupted.study / "00_cohort" / "cohort.csv", dtype=str)
    case = table[(table["split"] == "test") & table["mask"].str.endswith("_a.nii.gz")].iloc[0]
    path = uninterrupted.study / "00_cohort" / case["mask"]
    shutil.copy2(path, tmp_path / "kept")
    yield case["case_id"], path
    shutil.copy2(tmp_path / "kept", path)


def test_files_that_were_only_touched_change_nothing(uninterrupted, tiny_copy):
    for path in uninterrupted.csv.parent.rglob("*"):
        os.utime(path)
    finished = run_all(tiny_copy, *tiny(uninterrupted.csv))
    assert "Nothing to do" in finished.stdout and executed(finished) == []


def test_a_redrawn_mask_is_computed_again_and_nothing_else(uninterrupted, tiny_copy, mask, tmp_path):
    case, path = mask
    study = tiny_copy / "tiny"
    images, features = when(study / "01_preprocessing", "*.nii.gz"), when(study / "03_radiomics" / "cases", "*")
    eroded = sitk.ReadImage(str(path))
    sitk.WriteImage(sitk.BinaryErode(eroded, (1, 1, 1)), str(path))
    finished = run_all(tiny_copy, *tiny(uninterrupted.csv), "--until", "radiomics", **UNDRAWN)
    assert f"images or masks of {case}" in finished.stdout
    assert set(executed(finished)) == {"00_cohort", "01_preprocessing", "03_radiomics"}
    again = changed(images, when(study / "01_preprocessing", "*.nii.gz"))
    assert again and all(name.startswith(f"{case}_") for name in again)
    assert changed(features, when(study / "03_radiomics" / "cases", "*")) == {f"{case}-{case}_mask.nii.gz.json"}
    assert tables(study)["03_radiomics/features.csv"] != tables(uninterrupted.study)["03_radiomics/features.csv"]
    # A test case has no part in the agreement of repeat segmentations.
    planned = run_all(tiny_copy, *tiny(uninterrupted.csv), "--dry-run").stdout
    assert set(re.findall(r"^(\w+) +1$", planned, re.M)) == {
        *("dtl", "selection", "fusion", "statistics", "predict", "report", "all")
    }
    # With the old mask the tables are the old ones, and later steps, which saw no other, have nothing to do.
    shutil.copy2(tmp_path / "kept", path)
    finished = run_all(tiny_copy, *tiny(uninterrupted.csv), "--until", "fusion", **UNDRAWN)
    assert set(executed(finished)) == {"00_cohort", "01_preprocessing", "03_radiomics"}
    first, second = tables(uninterrupted.study), tables(study)
    assert set(first) == set(second)
    assert [name for name in first if first[name] != second[name]] == []
