"""The network's input: boxes, expansions, resizing, orientation, and what is wrong with a case."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from cases import ball, image, texture, write
from scipy import ndimage

from vcfnb import images
from vcfnb.errors import BadInput, VcfnbError
from vcfnb.preprocessing import crops

WINDOW = {"level": 500, "width": 1200}


def table(*rows):
    return pd.DataFrame(rows, columns=["case_id", "image", "mask"]).astype(str)


def load(*rows, expansion=2, size=16):
    return crops.load_crops(table(*rows), expansion, size, **WINDOW, cores=1)


@pytest.fixture
def case(tmp_path):
    """A ball off the middle, so that no two orientations look alike."""
    picture = write(image(texture()), tmp_path / "ct.nii.gz")
    mask = write(image(ball(centre=(10, 12, 15), radius=6)), tmp_path / "mask.nii.gz")
    return "P1", picture, mask


def test_bounding_box_holds_the_mask_and_no_more():
    mask = np.zeros((9, 10, 11), dtype=np.uint8)
    mask[2, 3, 4] = mask[5, 3, 8] = 255
    start, stop = crops.bounding_box(mask)
    assert (start.tolist(), stop.tolist()) == ([2, 3, 4], [6, 4, 9])


@pytest.mark.parametrize("expansion", [0, 2, 4])
def test_expansion_grows_the_box_on_every_side(expansion):
    array = np.random.default_rng(0).normal(size=(20, 22, 24))
    mask = np.zeros(array.shape, dtype=bool)
    mask[6:9, 7:12, 8:15] = True
    found, outside = crops.crop(array, mask, expansion)
    low, high = 6 - expansion, 9 + expansion
    np.testing.assert_array_equal(found, array[low:high, low + 1 : high + 3, low + 2 : high + 6])
    assert outside == 0


@pytest.mark.parametrize(
    "expansion, outside", [(0, 0), (1, 0), (2, 1), (6, 5)], ids=["tight", "just_inside", "just_outside", "far_outside"]
)
def test_beyond_the_image_the_edge_is_repeated(expansion, outside):
    array = np.random.default_rng(1).integers(-100, 1100, size=(8, 9, 10)).astype(np.int16)
    mask = np.zeros(array.shape, dtype=bool)
    mask[2:6, 3:6, 4:9] = True  # nearest to the image's end along x: 1 voxel
    found, by = crops.crop(array, mask, expansion)
    padded = np.pad(array, 10, mode="edge")
    inside = [slice(10 + a - expansion, 10 + b + expansion) for a, b in ((2, 6), (3, 6), (4, 9))]
    np.testing.assert_array_equal(found, padded[tuple(inside)])
    assert (by, found.dtype) == (outside, np.int16)


def test_outside_counts_the_side_where_the_box_leaves_most():
    mask = np.zeros((10, 10, 10), dtype=bool)
    mask[0:9, 3:7, 3:7] = True  # 0 voxels before, 1 behind
    assert crops.crop(np.zeros(mask.shape), mask, 4)[1] == 4
    assert crops.crop(np.zeros(mask.shape), mask[::-1], 4)[1] == 4


def test_crop_refuses_what_it_cannot_cut():
    array, mask = np.zeros((5, 5, 5)), np.ones((5, 5, 5))
    for arguments, message in [
        ((array, mask * 0, 2), "the mask is empty"),
        ((array, mask[1:], 2), r"\(5, 5, 5\) and mask \(4, 5, 5\) differ in size"),
        ((array, mask, -1), "expansion -1 is negative"),
    ]:
        with pytest.raises(VcfnbError, match=f"{message}.* -> "):
            crops.crop(*arguments)


def test_enlarging_is_linear_interpolation():
    array = np.random.default_rng(2).normal(size=(7, 16, 11))
    size = 16
    places = [(np.arange(size) + 0.5) * n / size - 0.5 for n in array.shape]
    expected = ndimage.map_coordinates(array, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest")
    found = crops.resize(array, size)
    assert (found.shape, found.dtype) == ((size,) * 3, np.float32)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def triangle(n, size):
    """Weights (size, n) of linear interpolation whose triangle is as wide as the cells of the coarser grid."""
    step = n / size
    distance = (np.arange(n) + 0.5)[None] - (np.arange(size) + 0.5)[:, None] * step
    weights = np.maximum(0, 1 - np.abs(distance) / max(step, 1))
    return weights / weights.sum(1, keepdims=True)


@pytest.mark.parametrize("shape", [(40, 33, 57), (9, 16, 50)], ids=["shrunk", "mixed"])
def test_shrinking_averages_over_a_triangle(shape):
    array = np.random.default_rng(3).normal(size=shape)
    expected = np.einsum("zyx,az,by,cx->abc", array, *(triangle(n, 16) for n in shape), optimize=True)
    np.testing.assert_allclose(crops.resize(array, 16), expected, atol=1e-5)


def test_resizing_keeps_constants_and_means():
    np.testing.assert_allclose(crops.resize(np.full((13, 40, 16), 7.5), 16), 7.5, rtol=1e-6)
    blob = np.zeros((48, 48, 48))
    blob[12:36, 12:36, 12:36] = np.random.default_rng(4).random((24, 24, 24))
    assert crops.resize(blob, 16).mean() == pytest.approx(blob.mean(), rel=1e-5)


def test_resizing_leaves_its_input_and_takes_views():
    array = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    array.flags.writeable = False
    mirrored = crops.resize(array[:, :, ::-1], 8)
    np.testing.assert_allclose(mirrored[:, :, ::-1], crops.resize(array, 8), rtol=1e-6)


def test_scale_windows_and_standardises():
    hu = np.array([-2000, -100, 500, 1100, 3000])
    expected = (np.array([0, 0, 0.5, 1, 1]) - crops.GREY_MEAN) / crops.GREY_SD
    np.testing.assert_allclose(crops.scale(hu, **WINDOW), expected, rtol=1e-6)


def test_loaded_crop_is_the_three_steps_one_after_another(case):
    array, mask = (sitk.GetArrayFromImage(sitk.ReadImage(str(path))) for path in case[1:])
    expected = crops.resize(crops.scale(crops.crop(array, mask, 2)[0], **WINDOW), 16)
    found = load(case)
    assert (found.shape, found.dtype) == ((1, 1, 16, 16, 16), np.float32)
    np.testing.assert_allclose(found[0, 0], expected, atol=1e-6)


@pytest.mark.parametrize("flip", [(True, False, False), (False, True, True), (False, False, True)])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 1, 0)])
def test_stored_order_of_voxels_does_not_matter(case, flip, order, tmp_path):
    turned = []
    for path in case[1:]:
        picture = sitk.PermuteAxes(sitk.Flip(sitk.ReadImage(str(path)), flip, False), order)
        turned.append(write(picture, tmp_path / f"turned_{path.name}"))
    # Resizing takes the axes one after another: orders differ by rounding at most.
    np.testing.assert_allclose(load(("P1", *turned)), load(case), atol=1e-6)


def test_a_mirrored_patient_is_not_the_same_patient(case, tmp_path):
    mirrored = []
    for path in case[1:]:
        picture = sitk.ReadImage(str(path))
        flipped = image(sitk.GetArrayFromImage(picture)[:, :, ::-1])
        flipped.CopyInformation(picture)
        mirrored.append(write(flipped, tmp_path / f"mirrored_{path.name}"))
    there = load(("P1", *mirrored))
    assert np.abs(there - load(case)).max() > 0.1
    np.testing.assert_allclose(there[..., ::-1], load(case), atol=1e-6)


def test_axes_run_to_the_head_the_back_and_the_left(tmp_path):
    # Stored in RAI: x to the right, y to the front, z to the feet.
    array = np.zeros((8, 8, 8), dtype=np.int16)
    array[0, 3:5, 3:5], array[3:5, 0, 3:5], array[3:5, 3:5, 0] = 300, 600, 900  # head, back, left
    direction = (-1, 0, 0, 0, -1, 0, 0, 0, -1)
    picture = write(image(array, direction=direction), tmp_path / "ct.nii.gz")
    mask = write(image(np.ones_like(array, dtype=np.uint8), direction=direction), tmp_path / "mask.nii.gz")
    found = load(("P1", picture, mask), expansion=0, size=8)[0, 0]
    expected = crops.scale(np.array([300, 600, 900]), **WINDOW)
    np.testing.assert_allclose([found[-1, 3, 3], found[3, -1, 3], found[3, 3, -1]], expected, rtol=1e-5)


def test_every_bad_case_is_named_with_its_file(case, tmp_path):
    _, picture, mask = case
    empty = write(image(np.zeros((24, 26, 28), dtype=np.uint8)), tmp_path / "empty.nii.gz")
    small = write(image(ball((20, 26, 28))), tmp_path / "small.nii.gz")
    array = texture().astype(np.float32)
    array[10, 12, 15] = np.nan
    holed = write(image(array), tmp_path / "holed.mha")
    (tmp_path / "page.nii.gz").write_text("not found")
    bad = {
        "empty": (picture, empty, empty, "the mask is empty"),
        "small": (picture, small, small, "differ in size"),
        "gone": (tmp_path / "gone.nii.gz", mask, tmp_path / "gone.nii.gz", "cannot be read"),
        "page": (picture, tmp_path / "page.nii.gz", tmp_path / "page.nii.gz", "cannot be read"),
        "holed": (holed, mask, holed, "1 voxels of the crop are not finite"),
    }
    with pytest.raises(BadInput) as error:
        load(case, *[(name, *row[:2]) for name, row in bad.items()])
    problems = error.value.problems.set_index("case_id")
    assert list(problems.index) == list(bad)
    for name, (_, _, file, problem) in bad.items():
        assert problems.loc[name, "file"] == str(file)
        assert problem in problems.loc[name, "problem"]
        assert problems.loc[name, "remedy"]


def test_holes_outside_the_crop_do_not_matter(case, tmp_path):
    array = texture().astype(np.float32)
    array[0, 0, 0] = np.nan
    holed = write(image(array), tmp_path / "holed.mha")
    np.testing.assert_allclose(load(("P1", holed, case[2])), load(case), atol=1e-6)


@pytest.mark.parametrize("name, cut_by_border", [("L3_body", False), ("L2_body", True)])
def test_real_vertebra(shared, tmp_path, name, cut_by_border):
    folder = shared / "real" / "vertebrae"
    picture = images.read_image(folder / "lumbar_ct.nii.gz")
    mask = images.read_mask(folder / f"lumbar_{name}_mask.nii.gz", picture)
    picture, masks = images.preprocess(picture, {"a": mask})
    array, inside = sitk.GetArrayFromImage(picture), sitk.GetArrayFromImage(masks["a"])
    tight, outside = crops.crop(array, inside, 0)
    wide, outside_wide = crops.crop(array, inside, 6)
    assert outside == 0 and (outside_wide > 0) == cut_by_border
    assert np.array_equal(wide[6:-6, 6:-6, 6:-6], tight)
    # A body of a vertebra, in mm.
    assert 30 <= max(tight.shape) <= 70
    case = (name, write(picture, tmp_path / "ct.nii.gz"), write(masks["a"], tmp_path / "mask.nii.gz"))
    found = load(case, expansion=6, size=32)
    low, high = crops.scale(np.array([-100, 1100]), **WINDOW)
    assert low <= found.min() < found.mean() < found.max() <= high
    assert found.mean() == pytest.approx(crops.scale(wide, **WINDOW).mean(), abs=0.02)


def framed(box, shape=(24, 26, 28)):
    """Mask of a box: (first, behind the last) along z, y, x."""
    mask = np.zeros(shape, dtype=np.uint8)
    mask[tuple(slice(*edges) for edges in box)] = 1
    return mask


@pytest.mark.parametrize(
    "box, message",
    [
        (((9, 10), (5, 9), (5, 9)), r"thick along z \(head to feet\): its box is 1 x 4 x 4 voxels \(z, y, x\)"),
        (((2, 9), (5, 6), (5, 9)), r"thick along y \(front to back\): its box is 7 x 1 x 4"),
        (((4, 5), (5, 6), (7, 8)), r"along z .*, y .*, x \(left to right\): its box is 1 x 1 x 1"),
    ],
    ids=["one_slice", "one_row", "one_voxel"],
)
def test_a_roi_of_a_single_voxel_along_an_axis_is_refused(box, message):
    with pytest.raises(VcfnbError, match=f"{message}.* -> draw the whole vertebra"):
        crops.check_box(framed(box), 6)


def test_half_of_a_crop_must_lie_in_the_image():
    # At the image's corner: grown by n voxels, a box of 8 has (8 + n) of its (8 + 2 n) voxels inside, along each axis.
    mask = framed([(0, 8)] * 3)
    assert (10 / 12) ** 3 > crops.MIN_REAL_SHARE > (11 / 14) ** 3
    crops.check_box(mask, 2)
    expected = (
        r"only 49% of the crop lies in the image: it is 14 x 14 x 14 voxels \(z, y, x\) with an expansion of 3, the "
        "image 24 x 26 x 28 -> choose a smaller expansion"
    )
    with pytest.raises(VcfnbError, match=expected):
        crops.check_box(mask, 3)
    # An image that is the vertebra and no more: the crop is larger than the image.
    with pytest.raises(VcfnbError, match="only 30% .* 30 x 30 x 30 .* the image 20 x 20 x 20"):
        crops.check_box(np.ones((20, 20, 20)), 5)


def test_boxes_that_make_no_usable_crop_are_named_all_at_once(case, tmp_path):
    _, picture, _ = case
    masks = {"voxel": [(4, 5), (5, 6), (7, 8)], "slice": [(4, 12), (5, 12), (7, 8)], "corner": [(0, 8)] * 3}
    rows = []
    for name, box in masks.items():
        rows.append((name, picture, write(image(framed(box)), tmp_path / f"{name}.nii.gz")))
    with pytest.raises(BadInput) as error:
        load(case, *rows, expansion=4)
    problems = error.value.problems.set_index("case_id")
    assert list(problems.index) == list(masks) and list(problems["file"]) == [str(row[2]) for row in rows]
    assert list(problems["problem"].str[:20]) == ["the ROI is a single "] * 2 + ["only 42% of the crop"]
    assert list(problems["remedy"].str[:20]) == ["draw the whole verte"] * 2 + ["choose a smaller exp"]


def test_resizing_to_a_box():
    array = np.random.default_rng(5).normal(size=(9, 16, 50))
    expected = np.einsum(
        "zyx,az,by,cx->abc", array, *(triangle(n, m) for n, m in zip(array.shape, (12, 7, 16), strict=True))
    )
    np.testing.assert_allclose(crops.resize(array, (12, 7, 16)), expected, atol=1e-5)
