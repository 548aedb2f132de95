"""Reading, geometry, resampling and quality; on real CT where it is there."""

import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from cases import ball, image, texture, write
from scipy import ndimage

from vcfnb import images
from vcfnb.errors import BadInput, VcfnbError

# Axes swapped and flipped: x runs to the head, y to the left, z to the front.
OTHER_ORDER = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0, 1.0, 0.0, 0.0)


def test_a_nifti_file_keeps_its_whole_numbers_and_geometry(tmp_path):
    made = image(texture(), (0.5, 0.7, 2.0), (3.0, -4.0, 5.0))
    read = images.read_image(write(made, tmp_path / "ct.nii.gz"))
    assert read.GetPixelID() == sitk.sitkInt16
    assert np.array_equal(sitk.GetArrayFromImage(read), sitk.GetArrayFromImage(made))
    assert read.GetSpacing() == pytest.approx(made.GetSpacing())
    assert images.same_grid(read, made)


@pytest.mark.parametrize("suffix", ["nii", "nrrd", "mha"])
def test_formats(tmp_path, suffix):
    made = image(texture(), (0.5, 0.7, 2.0))
    read = images.read_image(write(made, tmp_path / f"ct.{suffix}"))
    assert np.array_equal(sitk.GetArrayFromImage(read), sitk.GetArrayFromImage(made))


def test_nothing_of_the_header_is_kept(tmp_path):
    made = image(texture())
    made.SetMetaData("PatientName", "CANARY")
    read = images.read_image(write(made, tmp_path / "ct.nrrd"))
    assert not read.GetMetaDataKeys()


def broken(folder, kind):
    path = folder / "ct.nii.gz"
    if kind == "truncated":
        whole = write(image(texture()), path).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "truncated, not compressed":
        path = write(image(texture()), folder / "ct.nii")
        path.write_bytes(path.read_bytes()[:-1])
    elif kind == "not an image":
        path.write_text("patient,label")
    elif kind == "four dimensions":
        write(sitk.JoinSeries([image(texture()), image(texture())]), path)
    elif kind == "not finite":
        array = texture().astype(np.float32)
        array[3, 4, 5] = np.nan
        # NIfTI readers turn such values into 0; other formats keep them.
        path = write(image(array), folder / "ct.mha")
    elif kind == "colour":
        write(sitk.Compose(image(texture()), image(texture())), path)
    elif kind == "empty folder":
        path = folder / "series"
        path.mkdir()
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "the file is missing"),
        ("truncated", "ends too early"),
        ("truncated, not compressed", "ends too early"),
        ("not an image", "cannot be read"),
        ("four dimensions", "4 dimensions"),
        ("not finite", "1 voxels are not finite"),
        ("colour", "several values a voxel"),
        ("empty folder", "holds no DICOM series"),
    ],
)
def test_what_cannot_be_read_is_named_with_a_remedy(tmp_path, kind, message):
    path = broken(tmp_path, kind)
    with pytest.raises(BadInput, match=message) as caught:
        images.read_image(path)
    assert str(path) in str(caught.value)
    assert caught.value.problems["remedy"][0]


def test_a_mask_of_another_voxel_order_lands_on_the_image(tmp_path):
    mask = ball(centre=(8, 10, 19))
    ct = image(texture(), (0.5, 0.7, 2.0), (3.0, -4.0, 5.0))
    flat = image(mask, (0.5, 0.7, 2.0), (3.0, -4.0, 5.0))
    turned = sitk.Flip(sitk.PermuteAxes(flat, (2, 0, 1)), (True, False, True))
    assert turned.GetSize() != ct.GetSize()
    read = images.read_mask(write(turned, tmp_path / "mask.nii.gz"), ct)
    assert np.array_equal(sitk.GetArrayFromImage(read), mask)
    assert images.same_grid(read, ct)


def test_a_mask_of_a_part_of_the_image_is_put_in_its_place(tmp_path):
    mask = ball()
    part = sitk.RegionOfInterest(image(mask), (20, 20, 20), (4, 3, 2))
    read = images.read_mask(write(part, tmp_path / "mask.nii.gz"), image(texture()))
    assert np.array_equal(sitk.GetArrayFromImage(read), mask)


def test_one_label_of_several_is_taken(tmp_path):
    mask = ball(centre=(8, 8, 8), radius=4) * 20 + ball(centre=(8, 8, 20), radius=3) * 21
    path = write(image(mask), tmp_path / "mask.nii.gz")
    ct = image(texture())
    read = images.read_mask(path, ct, label=21)
    assert np.array_equal(sitk.GetArrayFromImage(read), mask == 21)
    with pytest.raises(BadInput, match="holds 2 labels: 20, 21"):
        images.read_mask(path, ct)
    with pytest.raises(BadInput, match="label 5 is not in the mask; it holds 20, 21"):
        images.read_mask(path, ct, label=5)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (image(ball() * 0), "the mask is empty"),
        (image(ball(), spacing=(1.0, 1.0, 1.1)), "do not share a grid"),
        (image(ball(), origin=(0.4, 0.0, 0.0)), "do not share a grid"),
        (image(ball(), direction=(0.99, -0.141, 0, 0.141, 0.99, 0, 0, 0, 1)), "do not share a grid"),
        (image(ball(), origin=(200.0, 0.0, 0.0)), "lie outside the image"),
        (image(ball(), origin=(15.0, 0.0, 0.0)), "lie outside the image"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(tmp_path, mask, message):
    path = write(mask, tmp_path / "mask.nii.gz")
    with pytest.raises(BadInput, match=message) as caught:
        images.read_mask(path, image(texture()))
    assert str(path) in str(caught.value)


def test_resampling_gives_the_voxel_size_and_keeps_the_extent():
    ct, mask = image(texture(), (0.7, 0.9, 2.5), (5.0, 6.0, 7.0)), image(ball(), (0.7, 0.9, 2.5), (5.0, 6.0, 7.0))
    processed, masks = images.preprocess(ct, {"a": mask}, clip=False)
    assert processed.GetSpacing() == (1.0, 1.0, 1.0)
    assert processed.GetPixelID() == sitk.sitkInt16
    for made in (ct, processed):
        made.middle = made.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in made.GetSize()])
    assert processed.middle == pytest.approx(ct.middle)
    extent = np.multiply(ct.GetSize(), ct.GetSpacing())
    assert np.abs(np.array(processed.GetSize()) - extent).max() <= 0.5
    before = np.count_nonzero(sitk.GetArrayFromImage(mask)) * 0.7 * 0.9 * 2.5
    after = np.count_nonzero(sitk.GetArrayFromImage(masks["a"]))
    assert after == pytest.approx(before, rel=0.05)


def test_the_spline_is_the_cubic_b_spline_of_an_independent_implementation():
    array = ndimage.gaussian_filter(texture(sd=100).astype(float), 1.0).round().astype(np.int16)
    ct, mask = image(array, (1.6, 1.3, 2.0)), image(ball(), (1.6, 1.3, 2.0))
    processed, _ = images.preprocess(ct, {"a": mask}, clip=False)
    found = sitk.GetArrayFromImage(processed)
    index = [
        np.array(
            [
                processed.TransformIndexToPhysicalPoint([n if a == axis else 0 for a in range(3)])[axis]
                for n in range(size)
            ]
        )
        / ct.GetSpacing()[axis]
        for axis, size in enumerate(processed.GetSize())
    ]
    grid = np.meshgrid(*index[::-1], indexing="ij")
    expected = np.rint(ndimage.map_coordinates(array.astype(float), grid, order=3, mode="mirror"))
    inside = tuple(slice(3, -3) for _ in range(3))
    assert np.array_equal(found[inside], expected[inside])


def test_an_image_that_has_the_grid_is_not_interpolated():
    array = texture(sd=300)
    processed, masks = images.preprocess(image(array), {"a": image(ball())}, clip=False)
    assert np.array_equal(sitk.GetArrayFromImage(processed), array)
    assert np.array_equal(sitk.GetArrayFromImage(masks["a"]), ball())


def test_the_window_clips():
    array = texture(sd=800)
    processed, _ = images.preprocess(image(array), {"a": image(ball())}, window_level=500, window_width=1200)
    assert np.array_equal(sitk.GetArrayFromImage(processed), np.clip(array, -100, 1100))


@pytest.mark.parametrize("interpolator", ["nearest", "label"])
def test_a_margin_changes_no_voxel_that_is_kept(interpolator):
    # Spacings at which new voxels fall halfway between old ones.
    shape = (60, 64, 68)
    ct, mask = (
        image(texture(shape), (1.5, 1.5, 2.0), (1.0, 2.0, 3.0)),
        image(ball(shape), (1.5, 1.5, 2.0), (1.0, 2.0, 3.0)),
    )
    whole, whole_masks = images.preprocess(ct, {"a": mask}, mask_interpolator=interpolator)
    part, part_masks = images.preprocess(ct, {"a": mask}, mask_interpolator=interpolator, margin_mm=6)
    assert np.prod(part.GetSize()) < 0.5 * np.prod(whole.GetSize())
    start = [round(v) for v in whole.TransformPhysicalPointToContinuousIndex(part.GetOrigin())]
    for big, small in ((whole, part), (whole_masks["a"], part_masks["a"])):
        cut = sitk.RegionOfInterest(big, small.GetSize(), start)
        assert np.array_equal(sitk.GetArrayFromImage(cut), sitk.GetArrayFromImage(small))
    assert sitk.GetArrayFromImage(part_masks["a"]).sum() == sitk.GetArrayFromImage(whole_masks["a"]).sum()


def test_the_margin_does_not_depend_on_repeat_segmentations():
    shape = (60, 64, 68)
    ct, mask = image(texture(shape)), image(ball(shape, radius=8))
    alone, _ = images.preprocess(ct, {"a": mask}, margin_mm=6)
    for radius, same in ((12, True), (16, False)):
        again = image(ball(shape, radius=radius))
        both, made = images.preprocess(ct, {"a": mask, "b": again}, margin_mm=6)
        assert (both.GetSize() == alone.GetSize()) == same
        assert sitk.GetArrayFromImage(made["b"]).sum() == sitk.GetArrayFromImage(again).sum()


def test_label_interpolation_is_smoother_than_nearest_between_thick_slices():
    mask = image(ball((12, 40, 40), radius=5), (1.0, 1.0, 4.0))
    ct = image(texture((12, 40, 40)), (1.0, 1.0, 4.0))
    _, nearest = images.preprocess(ct, {"a": mask})
    _, label = images.preprocess(ct, {"a": mask}, mask_interpolator="label")
    areas = [np.diff(sitk.GetArrayFromImage(m["a"]).sum(axis=(1, 2)).astype(int)) for m in (nearest, label)]
    assert np.abs(areas[1]).max() < np.abs(areas[0]).max()


def test_a_mask_that_vanishes_is_an_error():
    mask = np.zeros((24, 26, 28), np.uint8)
    mask[12, 13, 14] = 1
    with pytest.raises(VcfnbError, match="is lost at 4 mm"):
        images.preprocess(image(texture()), {"a": image(mask)}, spacing_mm=4)


def test_quality_counts_and_warns():
    array, mask = np.full((20, 22, 24), 90, np.int16), np.zeros((20, 22, 24), np.uint8)
    mask[0:10, 5:15, 5:15] = 1
    mask[15:17, 18:20, 20:22] = 1
    array[5:10, 5:15, 5:15] = 1100
    made, roi = image(array), image(mask)
    row = images.quality(made, roi, made, roi, [0, 3, 6], window=(-100, 1100))
    assert row["roi_voxels_out"] == 1008
    assert row["roi_volume_ml_out"] == pytest.approx(1.008)
    assert row["clipped_fraction"] == pytest.approx(500 / 1008)
    assert row["pieces"] == 2
    assert row["touches_border"] is True
    assert (row["outside_0"], row["outside_3"], row["outside_6"]) == (0, 3, 6)
    assert "touches the image's border" in row["warnings"]
    assert "2 separate pieces" in row["warnings"]


def test_dicom_series_and_its_mask_of_another_voxel_order(shared):
    folder = shared / "real" / "vertebrae"
    ct = images.read_image(folder / "dicom")
    assert ct.GetSize() == (512, 512, 20)
    assert ct.GetSpacing()[2] == pytest.approx(2.0)
    assert not ct.GetMetaDataKeys()
    stored = sitk.ReadImage(str(folder / "dicom_T12_mask.nii.gz"))
    assert not images.same_grid(stored, ct)
    mask = images.read_mask(folder / "dicom_T12_mask.nii.gz", ct)
    assert images.same_grid(mask, ct)
    assert sitk.GetArrayFromImage(mask).sum() == (sitk.GetArrayFromImage(stored) != 0).sum()
    # Bone, not air: image and mask meet in physical space.
    assert np.median(sitk.GetArrayFromImage(ct)[sitk.GetArrayFromImage(mask) != 0]) > 100


def test_a_dicom_series_with_a_missing_or_repeated_slice_is_refused(shared, tmp_path):
    slices = sorted((shared / "real" / "vertebrae" / "dicom").iterdir())
    for name in slices[:8] + slices[9:]:
        shutil.copy(name, tmp_path)
    with pytest.raises(BadInput, match="not equally spaced"):
        images.read_image(tmp_path)


def test_real_masks_at_the_border_say_so(shared):
    folder = shared / "real" / "vertebrae"
    ct = images.read_image(folder / "lumbar_ct.nii.gz")
    touching = [
        images.touches_border(images.read_mask(folder / f"lumbar_{n}_body_mask.nii.gz", ct)) for n in ("L2", "L3", "L4")
    ]
    assert touching == [True, False, True]
