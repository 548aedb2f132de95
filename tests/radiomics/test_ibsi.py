"""The standard ibsi: every feature against the reference values of the Image Biomarker Standardisation Initiative."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from cases import ball, image, texture
from pydantic import ValidationError
from study import ROOT, script

from vcfnb import images
from vcfnb.errors import BadInput
from vcfnb.radiomics import Settings, extract_features, ibsi
from vcfnb.radiomics.firstorder import discretise
from vcfnb.radiomics.settings import described

PHANTOM = ROOT / "tests" / "reference" / "ibsi"
ORIGINAL = {"standard": "ibsi", "image_types": ("Original",)}


@pytest.fixture(scope="module")
def conformance():
    return script("experiments/ibsi", "conformance")


def test_ibsi_1_digital_phantom(conformance):
    found = conformance.compare(PHANTOM, "digital phantom")
    assert len(found) == 101 and found["ibsi_within"].all()
    departs = found.loc[~found["pyradiomics_within"], "feature"].tolist()
    assert departs == ["shape_LeastAxisLength", "shape_MinorAxisLength", "firstorder_Kurtosis"]


@pytest.mark.parametrize(("configuration", "n_pyradiomics"), [("C", 79), ("D", 100), ("E", 100)])
def test_ibsi_1_chest_ct(conformance, shared, configuration, n_pyradiomics):
    found = conformance.compare(shared / "ibsi", f"chest CT, {configuration}")
    assert len(found) == 101 and found.loc[~found["ibsi_within"], "feature"].tolist() == []
    assert found["pyradiomics_within"].sum() == n_pyradiomics


def test_the_page_shows_what_the_engine_gives(conformance):
    known = pd.read_csv(ROOT / "docs" / "benchmarks" / "ibsi.csv")
    part = known[known["data"] == "digital phantom"].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, conformance.compare(PHANTOM, "digital phantom"))
    page = (ROOT / "docs" / "ibsi.md").read_text()
    assert all(f"| {row.feature} | {row.tag} |" in page for row in known.itertuples())
    assert known["ibsi_within"].all() and "| digital phantom | 101 | 101 | 98 |" in page


def test_a_value_beyond_the_tolerance_does_not_conform(conformance):
    assert conformance.within(1.4946, 1.49, 0) and not conformance.within(1.496, 1.49, 0)
    assert conformance.within(1.515, 1.49, 0.03) and not conformance.within(1.54, 1.49, 0.03)


def test_every_tag_and_section_once():
    rows = [row for row in described() if row["tag"]]
    assert len(rows) == 101
    for name in ("tag", "section"):
        assert len({row[name] for row in rows}) == 101


def test_the_grid_has_the_images_centre_and_covers_it():
    ct = images.Grid((5, 6, 7), (0.9, 0.8, 3.0), (10.0, -5.0, 3.0), (1, 0, 0, 0, 1, 0, 0, 0, 1)).placed(
        np.arange(7 * 6 * 5, dtype=np.int16).reshape(7, 6, 5)
    )
    mask = images.Grid.of(ct).placed(np.ones((7, 6, 5), np.uint8))
    new, inside = ibsi.interpolated(ct, mask, 2.0, "linear")
    assert new.GetSize() == (3, 3, 11) == inside.GetSize()
    middles = [
        grid.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in grid.GetSize()]) for grid in (ct, new)
    ]
    np.testing.assert_allclose(*middles)
    same, _ = ibsi.interpolated(new, inside, 2.0, "linear")
    assert same is new


def test_a_mask_holds_where_half_of_it_is_inside():
    array = np.zeros((4, 4, 4), np.uint8)
    array[:, :, :2] = 1
    ct = image(np.zeros((4, 4, 4)))
    mask = images.Grid.of(ct).placed(array)
    _, inside = ibsi.interpolated(ct, mask, 0.5, "cubic")
    # Half way between the last voxel inside (at 1) and the first outside (at 2) is 1.5: position 3.5 of 8.
    assert sitk.GetArrayFromImage(inside)[4, 4].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]


def test_a_range_then_outliers():
    array = np.array([[[0.0, 1.0, 2.0, 3.0, 50.0, -900.0]]])
    mask = np.array([[[True, True, True, True, True, True]]])
    assert ibsi.resegmented(array, mask, (-10, 60), None, "i").tolist() == [[[True] * 5 + [False]]]
    # Without the range the 50 would lie within 1.5 SD of the mean.
    assert ibsi.resegmented(array, mask, (-10, 60), 1.5, "i").tolist() == [[[True] * 4 + [False] * 2]]
    with pytest.raises(BadInput, match="leaves no voxel of the ROI"):
        ibsi.resegmented(array, mask, (100, 200), None, "i")


def test_grey_levels_by_hand():
    values = np.array([-995.0, -975.0, -974.9, 400.0])
    assert discretise(values, 25, first=-1000).tolist() == [1, 2, 2, 57]
    assert discretise(values, 25, first=values.min()).tolist() == [1, 1, 1, 56]
    assert discretise(np.array([0.0, 1.0, 2.0, 4.0]), 5, 4).tolist() == [1, 2, 3, 4]


def test_the_shape_is_that_of_the_whole_mask():
    ct, mask = image(texture()), image(ball())
    whole = extract_features(ct, mask, Settings(**ORIGINAL))
    low, high = whole["original_firstorder_10Percentile"], whole["original_firstorder_90Percentile"]
    part = extract_features(ct, mask, Settings(**ORIGINAL, resegment_range=(low, high)))
    shape = [name for name in whole.index if "_shape_" in name]
    assert (whole[shape] == part[shape]).all()
    assert part["original_firstorder_Minimum"] >= low and part["original_firstorder_Maximum"] <= high


def test_what_few_levels_give_is_defined_without_pyradiomics():
    ct, mask = image(np.full((24, 26, 28), 7, np.int16)), image(ball())
    found = extract_features(ct, mask, Settings(**ORIGINAL))
    assert np.isfinite(found).all() and found.attrs["by_pyradiomics"] == []
    assert found["original_firstorder_Kurtosis"] == found["original_glcm_Imc2"] == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"resegment_range": (0, 1)}, "resegment_range belongs to standard ibsi"),
        ({"spacing_mm": 2}, "spacing_mm belongs to standard ibsi"),
        (ORIGINAL | {"resegment_range": (1, 1)}, "the lower limit comes first"),
        (ORIGINAL | {"others": {"normalize": True}}, "standard ibsi is the engine's alone"),
        (ORIGINAL | {"features": {"glcm": ("MCC",)}}, "standard ibsi is the engine's alone"),
    ],
)
def test_settings_that_do_not_go_together(given, message):
    with pytest.raises(ValidationError, match=message):
        Settings(**given)
