"""Who is simulated, and the folder that is written: the paper's table, signs, second vertebrae, sites, DICOM series."""

import numpy as np
import pandas as pd
import pydicom
import pytest
import SimpleITK as sitk

from vcfnb import cohort, images, phantom, runs
from vcfnb.errors import VcfnbError
from vcfnb.phantom import dicom, folder
from vcfnb.phantom.patients import AROUND, DEFAULTS, DEFORMITY, LEVELS, TRAITS, draw_patients

# Small and quick: voxels of 3 mm, and every option in use.
FOUR = {"n_patients": 4, "acute_fraction": 0.5, "seed": 3, "voxel_mm": (3, 3, 3.5), "cores": 1}
ALL = FOUR | {"several_vertebrae": 0.25, "n_sites": 2, "metal": 0.25}


def drawn(n=218, acute_fraction=171 / 218, difficulty=1.0, seed=1, **options):
    return draw_patients(n, acute_fraction, difficulty, np.random.default_rng(seed), **options)


@pytest.fixture(scope="module")
def nifti(tmp_path_factory):
    made = tmp_path_factory.mktemp("nifti")
    phantom.simulate_cohort(made, **ALL)
    return made


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    made = tmp_path_factory.mktemp("dicom")
    phantom.simulate_cohort(made, **ALL, image_format="dicom")
    return made


def test_a_relative_folder_is_the_caller_s_even_for_workers_that_started_elsewhere(tmp_path, monkeypatch):
    list(runs.parallel_map(abs, [1, 2, 3], cores=2))
    monkeypatch.chdir(tmp_path)
    phantom.simulate_cohort("made", **FOUR | {"cores": 2})
    assert len(list((tmp_path / "made" / "images").iterdir())) == 4


def failing_after(n, function):
    """The function, for n calls; then the disk is full."""
    calls = iter(range(n))

    def call(*arguments, **options):
        if next(calls, None) is None:
            raise OSError("No space left on device")
        return function(*arguments, **options)

    return call


# ---- the clinical table


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_is_the_paper_s_table_1(seed):
    table = drawn(seed=seed)
    assert table.label.value_counts().to_dict() == {1: 171, 0: 47}
    assert table.sex.value_counts().to_dict() == {"F": 119, "M": 99}
    assert (table.age.min(), table.age.max()) == (21, 97)
    assert table.age.mean() == pytest.approx(63.14, abs=0.05)
    assert table.age.std() == pytest.approx(15.72, abs=0.05)
    # T-scores of its training and test set together.
    counts, means, sds = np.array([175, 43]), np.array([-2.30, -2.20]), np.array([1.27, 1.22])
    mean = np.average(means, weights=counts)
    sd = np.sqrt((((counts - 1) * sds**2).sum() + (counts * (means - mean) ** 2).sum()) / (counts.sum() - 1))
    assert table.bmd.mean() == pytest.approx(mean, abs=0.05)
    assert table.bmd.std() == pytest.approx(sd, abs=0.05)


@pytest.mark.parametrize("n", [4, 5, 12, 60, 400])
def test_other_numbers_of_patients_have_the_same_means_and_sds(n):
    table = drawn(n, 0.5)
    assert table.age.between(21, 97).all()
    assert table.age.mean() == pytest.approx(63.14, abs=0.5)
    assert table.age.std() == pytest.approx(15.72, abs=0.6)
    assert table.bmd.mean() == pytest.approx(-2.28, abs=0.05)
    assert table.bmd.std() == pytest.approx(1.26, abs=0.05)
    assert (table.sex == "F").sum() == round(119 / 218 * n)
    assert table.label.sum() == round(0.5 * n)


def test_age_sex_and_bone_density_belong_together():
    table = drawn(2000, 0.5)
    women = table.sex == "F"
    assert -0.55 < np.corrcoef(table.age, table.bmd)[0, 1] < -0.3
    assert table.age[women].mean() > table.age[~women].mean() + 2
    # Of the same age, women have a little less bone.
    slope = np.linalg.lstsq(np.column_stack([np.ones(2000), table.age, women]), table.bmd, rcond=None)[0]
    assert -0.8 < slope[2] < -0.1
    assert table.level.isin(["T12", "L1"]).mean() == pytest.approx(0.46, abs=0.04)


def test_nothing_but_the_signs_depends_on_the_label():
    table = drawn(4000, 0.5, n_sites=2, metal=0.3)
    clinical = table[["age", "bmd", "size", "fat", "sharpness", "dose", "metal", "loss", "genant"]].astype(float)
    clinical = clinical.join(pd.get_dummies(table[["sex", "level", "site", "kind"]], dtype=float))
    between = clinical[table.label == 1].mean() - clinical[table.label == 0].mean()
    error = clinical.std() * np.sqrt(1 / 2000 + 1 / 2000)
    # 26 comparisons: one of 3.5 standard errors comes once in 80 seeds.
    assert (between.abs() < 3.5 * error).all(), between / error


# ---- signs


def test_signs_and_their_groups():
    assert len(phantom.SIGNS) == 11
    assert set(AROUND) == {"swelling", "stranding"}
    table = drawn(4000, 0.5)
    assert table[list(phantom.SIGNS)].min().min() >= 0
    assert table[list(phantom.SIGNS)].max().max() <= 1
    for sign, of_class in phantom.SIGNS.items():
        acute, chronic = (table.loc[table.label == label, sign].mean() for label in (1, 0))
        assert (acute > chronic) == (of_class == "acute"), sign


def test_signs_of_a_group_share_more_than_signs_of_two_groups():
    table = drawn(4000, 0.5)
    acute = table[table.label == 1]
    correlation = acute[["impaction", "marrow_oedema", "swelling", "stranding"]].corr(method="spearman")
    within = [correlation.loc["impaction", "marrow_oedema"], correlation.loc["swelling", "stranding"]]
    across = correlation.loc[["impaction", "marrow_oedema"], list(AROUND)].to_numpy()
    assert across.min() > 0.1
    assert across.max() + 0.1 < min(within)
    assert max(within) < 0.9
    # Acute and chronic signs of the bone exclude each other.
    assert acute["impaction"].corr(acute["sclerosis"], method="spearman") < -0.3


def test_osteophytes_come_with_age_and_clefts_are_rare():
    table = drawn(4000, 0.5)
    chronic = table[table.label == 0]
    assert chronic.age.corr(chronic.osteophytes, method="spearman") > 0.3
    assert (table.cleft > 0.05).mean() < 0.12
    assert (chronic.cleft > 0.5).mean() > 2.5 * (table.cleft[table.label == 1] > 0.5).mean()


def test_a_dial_changes_one_sign_only(nifti, tmp_path):
    phantom.simulate_cohort(tmp_path, **ALL, signs={"stranding": 0, "sclerosis": 0.5})
    before, after = pd.read_csv(nifti / "truth.csv"), pd.read_csv(tmp_path / "truth.csv")
    assert (after.stranding == 0).all()
    assert np.allclose(after.sclerosis, before.sclerosis * 0.5)
    rest = before.columns.drop(["stranding", "sclerosis"])
    pd.testing.assert_frame_equal(after[rest], before[rest])


# ---- several vertebrae, sites, metal


def test_options_change_nothing_else():
    plain = drawn().drop(columns="case_id")
    other = drawn(several_vertebrae=0.3, n_sites=2, metal=0.2)
    first = other[other.vertebra == 1].reset_index(drop=True)
    changed = ["site", "sharpness", "dose", "metal"]
    pd.testing.assert_frame_equal(first[plain.columns].drop(columns=changed), plain.drop(columns=changed))
    assert first.metal.sum() == round(0.2 * 218)
    assert (plain.site == "simulated").all()
    assert not plain.metal.any()


def test_second_vertebrae():
    table = drawn(1000, 0.65, several_vertebrae=0.4)
    assert len(table) == 1400
    second = table[table.vertebra == 2].set_index("patient_id")
    first = table[table.vertebra == 1].set_index("patient_id")
    assert first.label.sum() == 650
    first = first.loc[second.index]
    for trait in ("age", "sex", "bmd", "site", *TRAITS):
        assert (second[trait] == first[trait]).all(), trait
    assert (second.label == first.label).mean() == pytest.approx(0.8, abs=0.06)
    levels = list(LEVELS)
    away = [abs(levels.index(a) - levels.index(b)) for a, b in zip(first.level, second.level, strict=True)]
    assert set(away) == {2, 3}
    assert (second.kind.ne(first.kind) | second.impaction.ne(first.impaction)).mean() > 0.7
    both = (second.impaction > 0) & (first.impaction > 0)
    assert (second.impaction != first.impaction)[both].mean() > 0.9
    same = second.label == first.label
    # Signs of their own: what the label does not explain is not shared.
    own = [part.impaction[same & (second.label == 1)] for part in (first, second)]
    assert abs(own[0].corr(own[1], method="spearman")) < 0.2
    single = table[~table.patient_id.duplicated(keep=False)]
    assert (single.case_id == single.patient_id).all()
    both = table[table.patient_id.duplicated(keep=False)]
    assert (both.case_id == both.patient_id + "_" + both.level).all()
    assert table.case_id.is_unique


def test_two_sites_differ_in_kernel_and_dose():
    table = drawn(500, 0.5, n_sites=2)
    assert table.site.value_counts().to_dict() == {"simulated-1": 300, "simulated-2": 200}
    one, two = (table[table.site == f"simulated-{number}"] for number in (1, 2))
    assert one.sharpness.between(0, 0.5).all()
    assert two.sharpness.between(0.6, 1).all()
    assert one.dose.between(0.5, 1).all()
    assert two.dose.between(0.2, 0.6).all()
    only = drawn(500, 0.5)
    assert only.sharpness.between(0.2, 0.8).all()
    assert only.dose.between(0.3, 1).all()


def test_grades_of_deformity():
    table = drawn(2000, 0.5)
    assert table.loss.between(0.12, 0.5).all()
    ends = table.groupby("genant").loss.agg(["min", "max"])
    assert ends.index.tolist() == [0, 1, 2, 3]
    assert (ends["max"] <= [0.2, 0.25, 0.4, 0.5]).all()
    assert (ends["min"] >= [0.12, 0.2, 0.25, 0.4]).all()
    assert table.kind.value_counts(normalize=True)["wedge"] == pytest.approx(0.55, abs=0.04)


def test_a_patient_without_traits_has_the_usual_ones():
    patient = {"label": 1, "age": 65, "sex": "F", "bmd": -2.0, "level": "L1"} | dict.fromkeys(phantom.SIGNS, 0.5)
    image, masks = folder.simulate_case(patient, (3, 3, 3), [1])
    again, _ = folder.simulate_case(patient | DEFAULTS, (3, 3, 3), [1])
    assert np.array_equal(image, again)
    assert sorted(masks) == ["a", "a2", "b"]


# ---- the folder


def test_the_folder_reads_as_a_user_s_cohort(nifti):
    table = cohort.read_cohort(nifti / "cohort.csv")
    assert cohort.is_simulated(table)
    assert set(table.site) == {"simulated-1", "simulated-2"}
    assert len(cohort.check_files(table, cores=1)) == 0
    assert (table.patient_id.nunique(), len(table)) == (4, 5)
    truth = pd.read_csv(nifti / "truth.csv")
    assert truth.columns.tolist() == ["case_id", *phantom.SIGNS, *TRAITS, *DEFORMITY]
    assert truth.case_id.tolist() == table.case_id.tolist()
    several = table[table.patient_id.duplicated(keep=False)]
    one, two = (sitk.GetArrayFromImage(sitk.ReadImage(path)) for path in several.image)
    assert not np.array_equal(one, two)


def test_second_vertebrae_leave_the_first_s_image_as_it_is(nifti, tmp_path):
    phantom.simulate_cohort(tmp_path, **ALL | {"several_vertebrae": 0})
    table = pd.read_csv(nifti / "cohort.csv")
    for patient, case in table.groupby("patient_id", sort=False).case_id.first().items():
        with_second, without = (
            images.read_image(root / "images" / f"{name}.nii.gz") for root, name in ((nifti, case), (tmp_path, patient))
        )
        assert np.array_equal(sitk.GetArrayFromImage(with_second), sitk.GetArrayFromImage(without))


def test_second_readings_are_counted_in_patients(tmp_path):
    table = phantom.simulate_cohort(tmp_path, **FOUR, several_vertebrae=1, n_repeat_segmentations=2)
    assert len(table) == 8
    assert table.patient_id[table.mask_reader_b.notna()].tolist() == ["P001", "P001", "P002", "P002"]


def test_a_note_never_outlives_its_files(tmp_path, monkeypatch):
    """Interrupted on the way to another cohort in the same folder, and back: nothing of the other one stays."""
    phantom.simulate_cohort(tmp_path, **FOUR)
    paths = sorted((tmp_path / "images").iterdir())
    before = [sitk.GetArrayFromImage(sitk.ReadImage(str(path))) for path in paths]
    with monkeypatch.context() as patched:
        patched.setattr(folder, "_write", failing_after(3, folder._write))
        with pytest.raises(OSError, match="No space"):
            phantom.simulate_cohort(tmp_path, **FOUR | {"seed": 4})
    phantom.simulate_cohort(tmp_path, **FOUR)
    for path, array in zip(paths, before, strict=True):
        assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), array)


def test_a_user_s_own_site_is_not_simulated():
    assert not cohort.is_simulated(pd.DataFrame({"site": ["Berlin", np.nan]}))
    assert cohort.is_simulated(pd.DataFrame({"site": ["Berlin", "simulated-2"]}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"signs": {"swelling": -1}}, "sign swelling has the factor -1 -> give 0"),
        ({"several_vertebrae": 1.5}, "several_vertebrae is 1.5 -> give a proportion"),
        ({"metal": -0.1}, "metal is -0.1 -> give a proportion"),
        ({"n_sites": 3}, "n_sites is 3 -> give 1 or 2"),
        ({"image_format": "dcm"}, "image_format is 'dcm' -> give one of nifti, dicom"),
    ],
)
def test_wrong_options_are_named(tmp_path, options, message):
    with pytest.raises(VcfnbError, match=message):
        phantom.simulate_cohort(tmp_path / "none", **options)
    assert not (tmp_path / "none").exists()


# ---- DICOM

# Type 1 of the CT Image IOD's mandatory modules (PS3.3, table A.3-1), and type 2, which may be empty.
TYPE_1 = [
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "FrameOfReferenceUID",
    "PatientPosition",
    "ImageType",
    "PixelSpacing",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelData",
    "RescaleIntercept",
    "RescaleSlope",
    "WindowCenter",
    "WindowWidth",
]
TYPE_2 = [
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
    "SeriesNumber",
    "PositionReferenceIndicator",
    "Manufacturer",
    "InstanceNumber",
    "SliceThickness",
    "AcquisitionNumber",
    "KVP",
]


def headers(series):
    return [pydicom.dcmread(path) for path in sorted(series.iterdir())]


def test_dicom_and_nifti_are_the_same_image(nifti, series):
    """Read through GDCM, the same HU lie at the same places, and the same voxels are in the mask."""
    table, other = (cohort.read_cohort(root / "cohort.csv") for root in (series, nifti))
    assert len(cohort.check_files(table, cores=1)) == 0
    assert cohort.is_simulated(table)
    for ours, theirs in zip(table.to_dict("records"), other.to_dict("records"), strict=True):
        image, expected = images.read_image(ours["image"]), images.read_image(theirs["image"])
        # A sagittal series: the stack goes from left to right, rows go to the back.
        assert np.allclose(np.reshape(image.GetDirection(), (3, 3)).T, [[0, 1, 0], [0, 0, -1], [-1, 0, 0]])
        oriented = sitk.DICOMOrient(image, "LPS")
        assert images.same_grid(oriented, expected)
        assert np.array_equal(sitk.GetArrayFromImage(oriented), sitk.GetArrayFromImage(expected))
        mask = sitk.DICOMOrient(images.read_mask(ours["mask"], image), "LPS")
        assert np.array_equal(
            sitk.GetArrayFromImage(mask), sitk.GetArrayFromImage(images.read_mask(theirs["mask"], expected))
        )


def test_pydicom_finds_the_same_hu_at_the_same_places(nifti, series):
    """From the headers alone, by the standard's equation (PS3.3, C.7.6.2.1.1)."""
    image = sitk.ReadImage(str(nifti / "images" / "P001.nii.gz"))
    for header in headers(series / "images" / "P001")[::7]:
        hu = header.pixel_array * header.RescaleSlope + header.RescaleIntercept
        along, down = np.reshape(header.ImageOrientationPatient, (2, 3))
        for row, column in ((0, 0), (3, 20), (header.Rows - 1, header.Columns - 1)):
            place = np.array(header.ImagePositionPatient, float)
            place = place + along * column * header.PixelSpacing[1] + down * row * header.PixelSpacing[0]
            assert hu[row, column] == image[image.TransformPhysicalPointToIndex(place.tolist())]


def test_series_hold_what_the_standard_asks_for(series):
    table = pd.read_csv(series / "cohort.csv")
    uids = []
    for case in table.itertuples():
        slices = headers(series / case.image)
        for header in slices:
            assert all(header.get(name) not in (None, "") for name in TYPE_1)
            assert all(name in header for name in TYPE_2)
            assert header.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
            assert header.file_meta.MediaStorageSOPInstanceUID == header.SOPInstanceUID
            assert header.SOPClassUID == pydicom.uid.CTImageStorage
            assert str(header.PatientName) == f"SIMULATED^{case.patient_id}"
            assert (header.PatientID, header.PatientSex) == (case.patient_id, case.sex)
            assert header.SeriesDescription.startswith("SIMULATED")
            assert "not a patient" in header.ImageComments
            assert (header.WindowCenter, header.WindowWidth) == (500, 1200)
            assert header.PixelSpacing == [3, 3]
            assert header.SliceThickness == header.SpacingBetweenSlices == 3.5
        assert [header.InstanceNumber for header in slices] == list(range(1, len(slices) + 1))
        for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
            assert len({header[name].value for header in slices}) == 1
            uids.append(slices[0][name].value)
        uids += [header.SOPInstanceUID for header in slices]
    assert len(uids) == len(set(uids))
    assert all(pydicom.uid.UID(uid).is_valid for uid in uids)


def test_a_series_is_made_again_byte_for_byte(series, tmp_path):
    phantom.simulate_cohort(tmp_path, **ALL, image_format="dicom")
    files = sorted(path.relative_to(series) for path in series.rglob("*.dcm"))
    assert len(files) == 5 * 24
    assert files == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.dcm"))
    assert all((series / path).read_bytes() == (tmp_path / path).read_bytes() for path in files)


def test_other_images_have_other_uids(series, tmp_path):
    phantom.simulate_cohort(tmp_path, **ALL | {"seed": 4}, image_format="dicom")
    ours, theirs = (
        {pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in root.rglob("*.dcm")}
        for root in (series, tmp_path)
    )
    assert not ours & theirs


def test_an_interrupted_series_is_not_there_and_is_made_next_time(tmp_path, monkeypatch):
    """The disk is full after ten slices of the second case."""
    with monkeypatch.context() as patched:
        patched.setattr(pydicom.Dataset, "save_as", failing_after(34, pydicom.Dataset.save_as))
        with pytest.raises(OSError, match="No space"):
            phantom.simulate_cohort(tmp_path, **FOUR, image_format="dicom")
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["P001"]
    first = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.dcm")}
    phantom.simulate_cohort(tmp_path, **FOUR, image_format="dicom")
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == ["P001", "P002", "P003", "P004"]
    assert all(path.stat().st_mtime_ns == time for path, time in first.items())
    # Without its note a case is made again, in the place of the old one.
    (tmp_path / "made" / "P001.json").unlink()
    phantom.simulate_cohort(tmp_path, **FOUR, image_format="dicom")
    assert all(path.stat().st_mtime_ns != time for path, time in first.items())
    assert len(list((tmp_path / "images").iterdir())) == 4


def test_the_format_of_images_can_be_changed(tmp_path):
    phantom.simulate_cohort(tmp_path, **FOUR)
    phantom.simulate_cohort(tmp_path, **FOUR, image_format="dicom")
    table = cohort.read_cohort(tmp_path / "cohort.csv")
    assert len(cohort.check_files(table, cores=1)) == 0


def test_values_beyond_12_bits_are_refused(tmp_path):
    hu = np.full((4, 4, 4), 4000, dtype=np.int16)
    patient = {"patient_id": "P1", "case_id": "P1", "age": 60, "sex": "F"}
    with pytest.raises(VcfnbError, match="P1: HU 4000 to 4000 -> DICOM takes -1024 to 3071"):
        dicom.write_series(hu, (1, 1, 1), (0, 0, 0), tmp_path / "P1", patient, "key")
    assert not list(tmp_path.iterdir())
