"""Every common input: DICOM series, compressed, of many frames; masks as SEG and RTSTRUCT; also on real CT."""

import locale
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from cases import ball, image, texture, write
from dicom_files import AXIAL, dice, slices_of, write_segmentation, write_series, write_structures

from vcfnb import images, phantom
from vcfnb.errors import BadInput

REFERENCE = Path(__file__).parents[1] / "reference"
SHAPE = (12, 26, 28)
SPACING = (0.8, 1.1, 2.0)
SLICES = 5  # of a series, where all take long
OBLIQUE = (0.8, 0.6, 0, -0.36, 0.48, 0.8)


def body(shape=SHAPE, hole=False):
    mask = ball(shape, radius=5)
    if hole:
        mask &= 1 - ball(shape, radius=2)
    return mask


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """One simulated patient as a DICOM series, its mask, and the series' datasets."""
    folder = tmp_path_factory.mktemp("simulated")
    table = phantom.simulate_cohort(
        folder,
        n_patients=4,
        acute_fraction=0.5,
        n_repeat_segmentations=0,
        voxel_mm=(3, 3, 3),
        image_format="dicom",
        cores=1,
    )
    ct = images.read_image(folder / table.image[0])
    mask = images.read_mask(folder / table["mask"][0], ct)
    return folder / table.image[0], ct, mask


@pytest.fixture(scope="module")
def real(shared):
    """The real series, its mask, and its place: JPEG 2000, with empty identifiers."""
    folder = shared / "real" / "vertebrae"
    ct = images.read_image(folder / "dicom")
    return folder / "dicom", ct, images.read_mask(folder / "dicom_T12_mask.nii.gz", ct)


@pytest.fixture(params=["simulated", "real"])
def patient(request):
    return request.getfixturevalue(request.param)


# ---- series


@pytest.mark.parametrize("orientation", [AXIAL, OBLIQUE])
def test_a_series_lies_where_its_headers_say(tmp_path, orientation):
    array = texture(SHAPE)
    read = images.read_image(write_series(tmp_path / "ct", array, SPACING, orientation=orientation))
    assert np.array_equal(sitk.GetArrayFromImage(read), array)
    normal = np.cross(orientation[:3], orientation[3:])
    axes = np.column_stack([orientation[:3], orientation[3:], normal])
    assert images.same_grid(read, image(array, SPACING, direction=axes.ravel().astype(float)))
    assert not read.GetMetaDataKeys()


def re_encoded(source, target, syntax):
    """Some slices of a series in another transfer syntax."""
    target.mkdir()
    for number, slice_ in enumerate(slices_of(source)[:SLICES]):
        if slice_.file_meta.TransferSyntaxUID.is_compressed:
            slice_.decompress()
        if syntax in ("RLELossless", "JPEGLSLossless"):
            slice_.compress(getattr(pydicom.uid, syntax))
            slice_.save_as(target / f"{number:03d}.dcm")
            continue
        # GDCM, which comes with SimpleITK, has encoders for the two that pydicom lacks here.
        slice_.save_as(target / "plain.dcm")
        writer = sitk.ImageFileWriter()
        writer.UseCompressionOn()
        writer.SetCompressor({"JPEGLosslessSV1": "JPEG", "JPEG2000Lossless": "JPEG2000"}[syntax])
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(target / f"{number:03d}.dcm"))
        # Its encoder leaves the process in the locale C, in which Python reads files as ASCII.
        before = locale.setlocale(locale.LC_CTYPE)
        writer.Execute(sitk.ReadImage(str(target / "plain.dcm")))
        locale.setlocale(locale.LC_CTYPE, before)
        (target / "plain.dcm").unlink()
        # The writer derives positions and rescaling of its own.
        stored = pydicom.dcmread(target / f"{number:03d}.dcm")
        for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SeriesInstanceUID"):
            setattr(stored, name, slice_.get(name))
        stored.save_as(target / f"{number:03d}.dcm")
    syntaxes = {pydicom.dcmread(path).file_meta.TransferSyntaxUID for path in target.iterdir()}
    assert syntaxes == {getattr(pydicom.uid, syntax)}
    return target


@pytest.mark.parametrize("syntax", ["RLELossless", "JPEGLSLossless", "JPEGLosslessSV1", "JPEG2000Lossless"])
def test_compressed_series_hold_the_same_values(patient, tmp_path, syntax):
    folder, ct, _ = patient
    read = images.read_image(re_encoded(folder, tmp_path / "ct", syntax))
    assert np.array_equal(sitk.GetArrayFromImage(read), sitk.GetArrayFromImage(ct)[:SLICES])
    assert images.same_grid(read, ct[:, :, :SLICES])


def test_a_compression_that_cannot_be_decoded_is_named(tmp_path):
    folder = write_series(tmp_path / "ct", texture(SHAPE))
    path = sorted(folder.iterdir())[3]
    damaged = pydicom.dcmread(path)
    damaged.file_meta.TransferSyntaxUID = pydicom.uid.HTJ2KLossless
    damaged.PixelData = pydicom.encaps.encapsulate([b"\0\1" * 50])
    damaged["PixelData"].is_undefined_length = True
    damaged.save_as(path)
    with pytest.raises(BadInput, match="pixel data of a slice cannot be decoded"):
        images.read_image(folder)


def test_one_of_several_series_is_named_by_number(tmp_path):
    first, second = texture(SHAPE), texture((9, 20, 22), seed=1)
    write_series(tmp_path, first, SPACING, number=3, SeriesDescription="CANARY", PatientName="CANARY")
    write_series(tmp_path, second, (1.0, 1.0, 3.0), number=4, SeriesDescription="CANARY")
    with pytest.raises(BadInput) as caught:
        images.read_image(tmp_path)
    said = str(caught.value)
    assert "#1: 12 slices of 28 x 26, 0.8 x 1.1 mm, axial, 2 mm apart" in said
    assert "#2: 9 slices of 22 x 20, 1 x 1 mm, axial, 3 mm apart" in said
    assert f"{tmp_path.name}#1" in said
    assert "CANARY" not in said
    for number, array in ((1, first), (2, second)):
        assert np.array_equal(sitk.GetArrayFromImage(images.read_image(f"{tmp_path}#{number}")), array)
    with pytest.raises(BadInput, match="there is no series #3"):
        images.read_image(f"{tmp_path}#3")


def test_a_scout_with_the_series_own_identifier_is_another_series(tmp_path):
    write_series(tmp_path, texture(SHAPE), SPACING)
    uid = pydicom.dcmread(next(tmp_path.iterdir())).SeriesInstanceUID
    write_series(tmp_path, texture((1, 40, 30)), number=2, orientation=(1, 0, 0, 0, 0, -1), SeriesInstanceUID=uid)
    with pytest.raises(BadInput, match="holds 2 DICOM series.*1 slice of 30 x 40"):
        images.read_image(tmp_path)
    assert images.read_image(f"{tmp_path}#1").GetSize() == (28, 26, 12)


def bad_series(folder, kind):
    array = texture(SHAPE)
    tags = {
        "screenshots": {"ImagePositionPatient": None, "PixelSpacing": None},
        "not CT": {"Modality": "MR"},
    }.get(kind, {})
    # 15 degrees, as a gantry tilts: slices rise along z, their rows and columns lean.
    tilt = (1, 0, 0, 0, np.cos(np.radians(15)), np.sin(np.radians(15)))
    geometry = {"step": (0, 0, 2.0), "orientation": tilt} if kind == "tilted" else {}
    if kind == "two slices":
        array = array[:2]
    folder = write_series(folder / "ct", array, SPACING, **geometry, **tags)
    paths = sorted(folder.iterdir())
    if kind == "missing":
        paths[5].unlink()
    elif kind == "two missing":
        paths[5].unlink()
        paths[8].unlink()
    elif kind == "twice":
        shutil.copy(paths[5], folder / "again.dcm")
    elif kind == "all twice":
        for path in paths:
            shutil.copy(path, folder / f"again_{path.name}")
    elif kind == "truncated":
        paths[5].write_bytes(paths[5].read_bytes()[:-600])
    elif kind == "header damaged":
        # A sequence without an end.
        meta = b"\x02\x00\x10\x00UI\x14\x00" + b"\1" * 20
        paths[5].write_bytes(bytes(128) + b"DICM" + meta + b"\x08\x00\x05\x00SQ\0\0" + b"\xff" * 4 + b"zz" * 40)
    elif kind == "one slice":
        return paths[5]
    elif kind == "only sub-folders":
        return folder.parent
    elif kind == "no DICOM":
        for path in paths:
            path.write_text("x")
    return folder


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "2.00 mm apart, but 4.00 mm between slices 5 and 6; 1 missing?"),
        ("two missing", "4.00 mm between slices 5 and 6, 4.00 mm between slices 7 and 8; 2 missing?"),
        ("twice", "1 of 13 slices lie at the place of another"),
        ("all twice", "12 of 24 slices lie at the place of another"),
        ("tilted", "tilted against their stack by 15.0 degrees (gantry tilt)"),
        ("screenshots", "say nothing of where they lie"),
        ("two slices", "holds 2 slices, which make no volume"),
        ("not CT", "is not CT: its DICOM modality is another"),
        ("truncated", "pixel data of a slice cannot be decoded"),
        ("header damaged", "the header of one of its DICOM files cannot be read"),
        ("one slice", "is one slice of a DICOM series"),
        ("only sub-folders", "holds no DICOM series -> give the folder that holds the slices themselves: one of its 1"),
        ("no DICOM", "holds no DICOM series"),
    ],
)
def test_a_series_that_makes_no_box_is_refused(tmp_path, kind, message):
    with pytest.raises(BadInput) as caught:
        images.read_image(bad_series(tmp_path, kind))
    assert message in str(caught.value)
    if kind not in ("truncated",):
        # What headers show is found without reading voxels.
        with pytest.raises(BadInput):
            images.look(bad_series(tmp_path / "again", kind))


def test_headers_that_deserve_a_look_are_named(tmp_path):
    folder = write_series(tmp_path, texture(SHAPE), LossyImageCompression="01")
    for path in folder.iterdir():
        slice_ = pydicom.dcmread(path)
        del slice_.RescaleIntercept, slice_.RescaleSlope
        slice_.save_as(path)
    _, warnings = images.look(folder)
    assert ["no rescale" in problem or "with loss" in problem for _, problem, _, _ in warnings] == [True, True]


def test_no_text_of_a_header_is_printed(tmp_path, capfd, recwarn):
    """Values that break the standard make pydicom and GDCM talk; here they must not."""
    folder = write_series(tmp_path / "ct", texture(SHAPE))
    for path in folder.iterdir():
        slice_ = pydicom.dcmread(path)
        with pydicom.config.disable_value_validation():
            for name in (
                "PatientName",
                "PatientID",
                "StudyDescription",
                "SeriesInstanceUID",
                "PatientAge",
                "StudyDate",
            ):
                setattr(slice_, name, "CANARY")
            slice_.save_as(path)
    read = images.read_image(folder)
    sorted(folder.iterdir())[3].unlink()
    with pytest.raises(BadInput) as caught:
        images.read_image(folder)
    shown = capfd.readouterr()
    said = [str(caught.value), shown.out, shown.err, *(str(warning.message) for warning in recwarn)]
    assert not any("CANARY" in text for text in said)
    assert not read.GetMetaDataKeys()


def test_an_enhanced_multi_frame_ct_is_the_series_it_was_made_from(patient, tmp_path):
    from highdicom.legacy import LegacyConvertedEnhancedCTImage

    folder, ct, _ = patient
    slices, ct = slices_of(folder)[: 2 * SLICES], ct[:, :, : 2 * SLICES]
    for slice_ in slices:
        if slice_.file_meta.TransferSyntaxUID.is_compressed:
            slice_.decompress()
    uid = pydicom.uid.generate_uid
    LegacyConvertedEnhancedCTImage(slices, uid(), 1, uid(), 1).save_as(tmp_path / "ct.dcm")
    for path in (tmp_path / "ct.dcm", tmp_path):
        read = images.read_image(path)
        assert images.same_grid(read, ct)
        assert np.array_equal(sitk.GetArrayFromImage(read), sitk.GetArrayFromImage(ct))
    with pytest.raises(BadInput, match="do not make one box"):
        gap = LegacyConvertedEnhancedCTImage(slices[:3] + slices[5:], uid(), 1, uid(), 1)
        gap.save_as(tmp_path / "gap.dcm")
        images.read_image(tmp_path / "gap.dcm")


# ---- SEG


def test_a_segmentation_reads_back_whole(patient, tmp_path):
    folder, ct, mask = patient
    path = write_segmentation(tmp_path / "seg.dcm", slices_of(folder), {"T12": sitk.GetArrayFromImage(mask)})
    for given in (path, tmp_path):
        read = images.read_mask(given, ct)
        assert images.same_grid(read, ct)
        assert dice(read, mask) == 1.0
    # On the same CT in another order of axes, as after a conversion to NIfTI.
    turned = sitk.Flip(sitk.PermuteAxes(ct, (2, 0, 1)), (True, False, True))
    moved = images.read_mask(path, turned)
    assert dice(moved, sitk.Flip(sitk.PermuteAxes(mask, (2, 0, 1)), (True, False, True))) == 1.0


def test_a_segment_is_named_by_number_or_name(tmp_path):
    folder = write_series(tmp_path / "ct", texture(SHAPE), SPACING)
    ct = images.read_image(folder)
    one, other = ball(SHAPE, (6, 8, 8), 4), ball(SHAPE, (6, 16, 18), 4)
    path = write_segmentation(tmp_path / "seg.dcm", slices_of(folder), {"L1": one, "CANARY": other})
    for label, mask in ((1, one), ("L1", one), (2, other), ("CANARY", other), ("2", other), (2.0, other)):
        assert np.array_equal(sitk.GetArrayFromImage(images.read_mask(path, ct, label)), mask)
    for label, message in ((None, "holds 2 segments, numbers 1, 2"), ("L9", "no segment has"), (5, "no segment has")):
        with pytest.raises(BadInput, match=message) as caught:
            images.read_mask(path, ct, label)
        assert "CANARY" not in str(caught.value)


def test_probabilities_and_other_images_are_no_mask(tmp_path):
    folder = write_series(tmp_path / "ct", texture(SHAPE), SPACING)
    slices, ct = slices_of(folder), images.read_image(folder)
    path = write_segmentation(tmp_path / "seg.dcm", slices, {"L1": body() * 0.7}, kind="FRACTIONAL")
    with pytest.raises(BadInput, match="holds probabilities"):
        images.read_mask(path, ct)
    with pytest.raises(BadInput, match="is a DICOM segmentation, not an image"):
        images.read_image(path)
    whole = write_segmentation(tmp_path / "whole.dcm", slices, {"L1": body()})
    with pytest.raises(BadInput, match="do not share a grid"):
        images.read_mask(whole, image(texture(SHAPE), (0.9, 1.1, 2.0)))


# ---- RTSTRUCT


def test_contours_between_voxels_read_back_whole(patient, tmp_path):
    _, ct, mask = patient
    path = write_structures(tmp_path / "rt.dcm", ct, {"T12": sitk.GetArrayFromImage(mask)})
    read = images.read_mask(path, ct)
    assert images.same_grid(read, ct)
    assert dice(read, mask) >= 0.98
    turned = sitk.Flip(sitk.PermuteAxes(ct, (2, 0, 1)), (True, False, True))
    moved = images.read_mask(path, turned)
    assert dice(moved, sitk.Flip(sitk.PermuteAxes(mask, (2, 0, 1)), (True, False, True))) >= 0.98


@pytest.mark.parametrize(
    ("name", "least"), [("ball", 0.99), ("body", 0.98), ("ball, pin hole", 0.95), ("body, pin hole", 0.97)]
)
def test_contours_that_rt_utils_wrote_read_back(name, least):
    """Kept from rt-utils 1.2.7 (tests/reference/make_rtstruct.py): a ball with a hole, an uneven body.

    rt-utils draws through the centres of the outermost voxels, leaves out contours of a single voxel, and with a "pin
    hole" cuts a slit into a ring: voxels are lost there, and none are won.
    """
    ct = sitk.ReadImage(str(REFERENCE / f"rtstruct_{name.split(',')[0]}.nii.gz"))
    read = images.read_mask(REFERENCE / "rtstruct_rt_utils.dcm", ct, name)
    assert dice(read, ct) >= least
    assert not (sitk.GetArrayFromImage(read) > sitk.GetArrayFromImage(ct)).any()


def test_a_ball_that_rt_utils_wrote_lacks_its_poles_alone():
    ct = sitk.ReadImage(str(REFERENCE / "rtstruct_ball.nii.gz"))
    read = images.read_mask(REFERENCE / "rtstruct_rt_utils.dcm", ct, "ball")
    assert np.count_nonzero(sitk.GetArrayFromImage(read) != sitk.GetArrayFromImage(ct)) == 2


@pytest.mark.parametrize("orientation", [AXIAL, OBLIQUE])
def test_a_hole_is_cut_by_a_contour_in_a_contour(tmp_path, orientation):
    ct = images.read_image(write_series(tmp_path / "ct", texture(SHAPE), SPACING, orientation=orientation))
    mask = body(hole=True)
    read = images.read_mask(write_structures(tmp_path / "rt.dcm", ct, {"L1": mask}), ct)
    assert np.array_equal(sitk.GetArrayFromImage(read), mask)


def test_coarsely_rounded_coordinates_are_accepted(tmp_path):
    ct = image(texture(SHAPE), SPACING)
    mask = body()
    read = images.read_mask(write_structures(tmp_path / "rt.dcm", ct, {"L1": mask}, decimals=1), ct)
    assert dice(read, image(mask)) >= 0.98


def structure_set(folder, kind):
    ct, mask = image(texture(SHAPE), SPACING), body()
    structures = {"L1": mask, "CANARY": mask} if kind == "several" else {"CANARY": mask * (kind != "empty")}
    options = {"between": {"shift": 0.4}, "every second slice": {"every": 2}}.get(kind, {})
    if kind == "elsewhere":
        ct.SetOrigin((9.0, 0.0, 0.0))
    return write_structures(folder / "rt.dcm", ct, structures, **options)


@pytest.mark.parametrize(
    ("kind", "label", "message"),
    [
        ("several", None, "holds 2 structures, numbers 1, 2"),
        ("fine", "L7", "no structure has the number or name 'L7'"),
        ("empty", None, "the structure has no closed contours"),
        ("between", None, "do not lie in the planes of the image's slices"),
        ("every second slice", None, "no contour on 5 slice"),
        ("elsewhere", None, "lie outside the image"),
    ],
)
def test_contours_that_make_no_mask_are_refused(tmp_path, kind, label, message):
    with pytest.raises(BadInput, match=message) as caught:
        images.read_mask(structure_set(tmp_path, kind), image(texture(SHAPE), SPACING), label)
    assert "CANARY" not in str(caught.value)


def test_a_structure_set_is_no_image(tmp_path):
    with pytest.raises(BadInput, match="is a DICOM structure set, not an image"):
        images.read_image(structure_set(tmp_path, "fine"))


# ---- files


@pytest.mark.parametrize("suffix", ["nii.gz", "nii", "nrrd", "mha"])
def test_truncated_files_are_found(tmp_path, suffix):
    """Wherever they end: in the header, in the middle, at the last byte."""
    path = write(image(texture()), tmp_path / f"ct.{suffix}")
    whole = path.read_bytes()
    for kept in (40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:kept])
        with pytest.raises(BadInput):
            images.read_image(path)


def test_a_truncated_nifti_is_found_by_its_header_alone(tmp_path):
    for name in ("ct.nii.gz", "ct.nii"):
        path = write(image(texture()), tmp_path / name)
        images.look(path)
        path.write_bytes(path.read_bytes()[:-1000])
        with pytest.raises(BadInput, match="ends too early"):
            images.look(path)


def test_a_nifti_with_slanted_axes_says_so(tmp_path):
    path = write(image(texture()), tmp_path / "ct.nii")
    header = bytearray(path.read_bytes())
    # qform off; sform with a sheared second axis (rows srow_x, srow_y, srow_z at byte 280).
    header[252:254], header[254:256] = np.int16(0).tobytes(), np.int16(1).tobytes()
    header[280:328] = np.float32([1, 0, 0, 0, 0, 1, 0, 0, 0, 0.3, 1, 0]).tobytes()
    path.write_bytes(header)
    with pytest.raises(BadInput, match="not at right angles"):
        images.read_image(path)


def test_a_nifti_without_a_position_deserves_a_look(tmp_path):
    path = write(image(texture()), tmp_path / "ct.nii")
    header = bytearray(path.read_bytes())
    header[252:256] = bytes(4)
    path.write_bytes(header)
    _, warnings = images.look(path)
    assert "qform and sform codes are 0" in warnings[0][1]


def test_an_image_given_as_mask_is_named(tmp_path):
    ct = image(texture(sd=300))
    with pytest.raises(BadInput, match="which are no labels"):
        images.read_mask(write(ct, tmp_path / "ct.nii.gz"), ct)
    probability = image(ball().astype(np.float32) * 0.4)
    with pytest.raises(BadInput, match="1 values from 0.4 to 0.4, which are no labels"):
        images.read_mask(write(probability, tmp_path / "p.nii.gz"), ct)
    labels = write(image(ball()), tmp_path / "mask.nii.gz")
    with pytest.raises(BadInput, match="label 'L1' is a name, and this format has numbers only"):
        images.read_mask(labels, ct, "L1")


@pytest.mark.parametrize(
    ("given", "label"), [(None, None), (np.nan, None), ("", None), ("20", 20), (20.0, 20), ("L1", "L1")]
)
def test_labels_from_a_table(given, label):
    assert images.as_label(given) == label


def test_a_path_with_a_number_sign_of_its_own_is_that_file(tmp_path):
    path = write(image(texture()), tmp_path / "ct.nii.gz")
    named = path.rename(tmp_path / "ct#2")
    assert images.location(named) == (named, None)
    assert images.location(tmp_path / "ct#3") == (tmp_path / "ct", 3)
