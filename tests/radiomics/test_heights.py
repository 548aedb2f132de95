"""Heights of a vertebral body: drawn shapes of known size, phantoms, and a tool's own report on real CT."""

import json

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from vcfnb import radiomics
from vcfnb.errors import BadInput, VcfnbError
from vcfnb.radiomics.heights import body_heights

NAMES = ["height_anterior_mm", "height_middle_mm", "height_posterior_mm", "height_loss"]


def drawn(front, middle, back, tilt=0.0, depth=32.0, spacing=(1.0, 1.0, 1.0), arch=False):
    """A body of such heights (mm; straight between front and middle, middle and back), turned by degrees."""
    size = [int(np.ceil(n / edge)) for n, edge in zip((40, 90, 90), spacing, strict=True)]
    x, y, z = np.meshgrid(
        *(np.arange(n) * edge - n * edge / 2 for n, edge in zip(size, spacing, strict=True)), indexing="ij"
    )
    turn = np.deg2rad(tilt)
    along, up = y * np.cos(turn) + z * np.sin(turn), z * np.cos(turn) - y * np.sin(turn)
    height = np.interp(along, [-depth / 2, 0, depth / 2], [front, middle, back])
    inside = (np.abs(along) <= depth / 2) & (np.abs(up) <= height / 2) & (np.abs(x) <= 15)
    if arch:  # a spinous process, joined to the body beside the canal
        inside |= (np.abs(along - 36) <= 8) & (np.abs(up) <= 12) & (np.abs(x) <= 4)
        inside |= (along > 0) & (along < 30) & (np.abs(up) <= 4) & (np.abs(np.abs(x) - 12) <= 2)
    mask = sitk.GetImageFromArray(inside.transpose(2, 1, 0).astype(np.uint8))
    mask.SetSpacing(spacing)
    return mask


def heights(mask):
    found = body_heights(mask)
    assert list(found) == NAMES
    return list(found.values())


@pytest.mark.parametrize("tilt", [-40, -15, 0, 10, 30])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 0.7, 1.5), (3.0, 3.0, 3.0)])
def test_a_box_has_its_height_however_it_lies(tilt, spacing):
    front, middle, back, loss = heights(drawn(24, 24, 24, tilt, spacing=spacing))
    assert [front, middle, back] == pytest.approx([24, 24, 24], abs=1.2 * max(spacing))
    assert loss < 0.1 * max(spacing)


def test_a_wedge_loses_height_in_front_and_a_biconcave_body_in_the_middle():
    # The thirds' middles lie a third of the half depth away from the ends.
    front, middle, back, loss = heights(drawn(14, 21, 28))
    assert [front, middle, back] == pytest.approx([16.3, 19.1, 25.7], abs=1.5)
    assert loss == pytest.approx(1 - front / back)
    front, middle, back, loss = heights(drawn(26, 15, 26))
    assert min(front, back) > 20 > 17 > middle and loss == pytest.approx(1 - middle / max(front, back))


def test_the_arch_does_not_count():
    alone, whole = heights(drawn(20, 22, 24)), heights(drawn(20, 22, 24, arch=True))
    assert whole == pytest.approx(alone, abs=1e-9)


def test_the_order_of_voxels_does_not_matter():
    mask = drawn(16, 22, 24, tilt=12)
    expected = heights(mask)
    for orientation in ("RAS", "LPI", "PIR"):
        assert heights(sitk.DICOMOrient(mask, orientation)) == pytest.approx(expected, abs=1e-9)


def test_a_mask_without_heights_is_an_error_that_names_its_case(tmp_path):
    with pytest.raises(VcfnbError, match="the mask is empty"):
        body_heights(sitk.Image(9, 9, 9, sitk.sitkUInt8))
    flat = drawn(20, 20, 20, depth=1.0)
    with pytest.raises(VcfnbError, match="too flat"):
        body_heights(flat)
    sitk.WriteImage(flat, str(tmp_path / "P7_mask.nii.gz"))
    cases = pd.DataFrame({"case_id": ["P7"], "mask": [str(tmp_path / "P7_mask.nii.gz")]})
    with pytest.raises(BadInput, match="P7.*too flat"):
        radiomics.simple_measurements(pd.DataFrame({"case_id": ["P7"]}), cases, cores=1)


def test_heights_on_real_ct_are_those_of_totalsegmentator(shared):
    """Its own report, half voxels of 3 mm apart: anterior, middle and posterior heights of L1 to L5."""
    folder = shared / "real" / "segmentations" / "totalsegmentator"
    report = json.loads((folder / "spine_report.json").read_text())["results"]
    bodies = sitk.ReadImage(str(folder / "vertebrae_pp_refined.nii.gz"))
    for label, level in zip(range(20, 25), ("L1", "L2", "L3", "L4", "L5"), strict=True):
        expected = [report[f"vertebrae_{level}_height_{where}_mm"] for where in ("anterior", "middle", "posterior")]
        assert heights(bodies == label)[:3] == pytest.approx(expected, abs=3), level
