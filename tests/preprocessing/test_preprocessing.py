"""The preprocessed cohort on disk."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from cases import ball, image, texture, write

from vcfnb import preprocessing
from vcfnb.errors import BadInput
from vcfnb.params import PreprocessingParams

SETTINGS = PreprocessingParams()


@pytest.fixture
def table(tmp_path):
    rows = []
    for number in range(3):
        row = {"case_id": f"C{number}", "label": number % 2}
        row["image"] = str(write(image(texture(seed=number), (1.0, 1.0, 2.0)), tmp_path / f"ct{number}.nii.gz"))
        for column, radius in (("mask", 7), ("mask_reader_a2", 7), ("mask_reader_b", 6)):
            path = tmp_path / f"{column}{number}.nii.gz"
            row[column] = str(write(image(ball(radius=radius), (1.0, 1.0, 2.0)), path))
        rows.append(row)
    return pd.DataFrame(rows)


def test_images_and_all_readings_share_a_grid(table, tmp_path):
    out = tmp_path / "out"
    quality = preprocessing.preprocess_cohort(table, out, SETTINGS, [0, 6], cores=1)
    assert quality.case_id.tolist() == ["C0", "C1", "C2"]
    assert {"outside_0", "outside_6", "warnings"} <= set(quality)
    read = [sitk.ReadImage(str(out / f"C0_{name}.nii.gz")) for name in ("ct", "mask", "mask_a2", "mask_b")]
    assert {made.GetSize() for made in read} == {(28, 26, 48)}
    assert {made.GetSpacing() for made in read} == {(1.0, 1.0, 1.0)}
    segmentations = preprocessing.segmentations(out, ["C0", "C1"])
    dice = preprocessing.dice_of_segmentations(segmentations)
    intra, inter = (dice.loc[dice.comparison == name, "dice"] for name in ("intra", "inter"))
    assert (intra == 1).all()
    assert (inter < 0.95).all()


def test_a_second_call_computes_nothing_a_changed_file_one_case(table, tmp_path):
    out = tmp_path / "out"
    first = preprocessing.preprocess_cohort(table, out, SETTINGS, [0], cores=1)
    written = {path.name: path.stat().st_mtime_ns for path in out.glob("*.nii.gz")}
    again = preprocessing.preprocess_cohort(table, out, SETTINGS, [0], cores=1)
    assert again.equals(first)
    assert written == {path.name: path.stat().st_mtime_ns for path in out.glob("*.nii.gz")}
    write(image(texture(seed=9), (1.0, 1.0, 2.0)), table["image"][1])
    preprocessing.preprocess_cohort(table, out, SETTINGS, [0], cores=1)
    changed = {path.name for path in out.glob("*.nii.gz") if written[path.name] != path.stat().st_mtime_ns}
    assert {name.split("_")[0] for name in changed} == {"C1"}


def test_all_bad_cases_are_named_at_once(table, tmp_path):
    write(image(ball() * 0, (1.0, 1.0, 2.0)), table["mask"][0])
    (tmp_path / "ct2.nii.gz").write_text("no image")
    with pytest.raises(BadInput) as caught:
        preprocessing.preprocess_cohort(table, tmp_path / "out", SETTINGS, [0], cores=1)
    assert caught.value.problems.case_id.tolist() == ["C0", "C2"]
    assert (tmp_path / "out" / "C1_ct.nii.gz").exists()


def test_read_case_gives_arrays(table, tmp_path):
    preprocessing.preprocess_cohort(table, tmp_path / "out", SETTINGS, [0], cores=1)
    case = preprocessing.read_case(tmp_path / "out", next(table.itertuples()))
    assert case["image"].dtype == np.int16
    assert case["image"].shape == case["mask"].shape
    assert case["spacing"] == (1.0, 1.0, 1.0)


def test_real_vertebrae_to_deep_features(shared, tmp_path):
    """NIfTI, DICOM, masks at the border and of another voxel order, through preprocessing, crops and a network."""
    from vcfnb.dtl.features import features_and_scores
    from vcfnb.dtl.networks import build_network
    from vcfnb.preprocessing import crops

    folder = shared / "real" / "vertebrae"
    rows = [
        ("L3", "lumbar_ct.nii.gz", "lumbar_L3_body_mask.nii.gz"),
        ("L2", "lumbar_ct.nii.gz", "lumbar_L2_body_mask.nii.gz"),
        ("T12", "thoracolumbar_ct.nii.gz", "thoracolumbar_T12_mask.nii.gz"),
        ("D12", "dicom", "dicom_T12_mask.nii.gz"),
    ]
    table = pd.DataFrame([{"case_id": a, "image": str(folder / b), "mask": str(folder / c)} for a, b, c in rows])
    quality = preprocessing.preprocess_cohort(table, tmp_path, SETTINGS, [0, 6], cores=1).set_index("case_id")
    assert quality.touches_border.tolist() == [False, True, True, True]
    assert quality.loc["L2", "outside_6"] > 0
    x = crops.load_crops(preprocessing.cases(tmp_path, table.case_id), 6, 32, 500, 1200, cores=1)
    network = build_network("shufflenet_v2_x0_5_3d", "random", seed=1)[0]
    deep, scores = features_and_scores(network, x)
    assert deep.shape[0] == 4
    assert np.isfinite(deep).all()
    assert np.ptp(deep, axis=0).max() > 0
    assert ((scores > 0) & (scores < 1)).all()
