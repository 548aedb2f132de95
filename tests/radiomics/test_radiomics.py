"""The 1834 features against PyRadiomics itself, value by value. Slow: PyRadiomics takes ten seconds a vertebra."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import yaml
from cases import ball, image, texture, write
from study import ROOT

from vcfnb import images, radiomics
from vcfnb.errors import BadInput, VcfnbError
from vcfnb.radiomics import lbp3d
from vcfnb.radiomics.reference import extract_with_pyradiomics
from vcfnb.radiomics.settings import _DEPRECATED, _KNOWN
from vcfnb.radiomics.shape import _cubes, _mesh

# Unstable by itself: it changes by 1e-4 between versions of SciPy.
UNSTABLE = "lbp-3D-m2_firstorder_RobustMeanAbsoluteDeviation"
SETTINGS = radiomics.Settings()
# Where a test is not about the features.
FEW = radiomics.Settings(image_types=("Original",))


def compare(ct, mask, settings=SETTINGS, tolerance=1e-6):
    """Assert that every value equals PyRadiomics'."""
    ours = radiomics.extract_features(ct, mask, settings)
    theirs = pd.Series(extract_with_pyradiomics(ct, mask, settings))
    assert sorted(ours.index) == sorted(theirs.index)
    theirs = theirs[ours.index].drop(UNSTABLE, errors="ignore")
    mine = ours.drop(UNSTABLE, errors="ignore")
    both_nan = mine.isna() & theirs.isna()
    # What is 0 but for rounding (1e-12) has no relative deviation.
    deviation = (mine - theirs).abs() / theirs.abs().clip(lower=1e-6)
    wrong = deviation[~both_nan & ~(deviation <= tolerance)]
    assert not len(wrong), wrong.sort_values(ascending=False).head(10)
    return ours


def test_the_number_of_features_of_each_image_type():
    names = radiomics.feature_names()
    counts = radiomics.counts_by_image_type(names).set_index("image_type").n_features
    assert len(names) == len(set(names)) == 1834
    assert counts["shape"] == 14
    assert (counts.drop("shape") == 91).all()
    assert len(counts) == 21


def test_the_names_of_features_come_with_the_package():
    assert '"radiomics/*.csv"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.7, 0.9)])
def test_the_mesh_of_each_kind_of_cube_is_pyradiomics(spacing):
    from radiomics import cShape

    area, volume, _ = _cubes(spacing)
    for kind in range(256):
        cube = np.array([(kind >> bit) & 1 for bit in range(8)], dtype=bool).reshape(2, 2, 2)
        theirs = cShape.calculate_coefficients(cube, np.array(spacing))[:2]
        np.testing.assert_allclose((area[kind], volume[kind] * np.prod(spacing)), theirs, rtol=1e-12, atol=1e-15)


def test_the_mesh_of_any_mask_is_pyradiomics():
    from radiomics import cShape

    # Noise has all kinds of cubes at all places.
    mask, spacing = np.pad(np.random.default_rng(0).random((9, 10, 11)) < 0.4, 1), (2.5, 0.7, 0.9)
    surface, proportion = _mesh(mask, *_cubes(spacing))
    theirs = cShape.calculate_coefficients(mask, np.array(spacing))[:2]
    np.testing.assert_allclose((surface, proportion * np.prod(spacing)), theirs, rtol=1e-12)


def vertebra(shared, ct="lumbar_ct.nii.gz", mask="lumbar_L3_body_mask.nii.gz"):
    """Preprocessed image and mask, with a margin of 60 mm: PyRadiomics filters whole images."""
    folder = shared / "real" / "vertebrae"
    read = images.read_image(folder / ct)
    processed, masks = images.preprocess(read, {"a": images.read_mask(folder / mask, read)}, margin_mm=60)
    return processed, masks["a"]


@pytest.mark.parametrize(
    ("ct", "mask"),
    [
        ("lumbar_ct.nii.gz", "lumbar_L2_body_mask.nii.gz"),
        # PyRadiomics takes its time for each.
        pytest.param("thoracolumbar_ct.nii.gz", "thoracolumbar_T12_mask.nii.gz", marks=pytest.mark.long),
        pytest.param("lumbar_ct.nii.gz", "lumbar_L3_body_mask.nii.gz", marks=pytest.mark.long),
        pytest.param("dicom", "dicom_T12_mask.nii.gz", marks=pytest.mark.long),
    ],
)
def test_real_vertebrae(shared, ct, mask):
    """Cut by the field of view (mask at the border), with metal in the image, whole, and from a DICOM series."""
    features = compare(*vertebra(shared, ct, mask))
    assert len(features) == 1834
    assert np.isfinite(features).all()


def test_anisotropic_ct_as_it_was_scanned(shared):
    folder = shared / "real" / "sarcoma"
    ct = images.read_image(folder / "STS_012_ct.nii.gz")
    compare(ct, images.read_mask(folder / "STS_012_mask.nii.gz", ct))


def test_image_types_that_scale_use_the_whole_image(shared):
    """One bright voxel far away changes them, in PyRadiomics as here."""
    ct, mask = vertebra(shared)
    array = sitk.GetArrayFromImage(ct)
    array[0, 0, 0] = 3071
    bright = sitk.GetImageFromArray(array)
    bright.CopyInformation(ct)
    before, after = radiomics.extract_features(ct, mask), radiomics.extract_features(bright, mask)
    changed = before.index[before != after]
    assert {name.split("_")[0] for name in changed} == {"exponential", "square", "squareroot", "logarithm"}


def thin_line(shape):
    mask = np.zeros(shape, np.uint8)
    mask[12, 4:20, 8] = 1
    mask[12, 10, 8:20] = 1
    return mask


@pytest.mark.parametrize(
    ("name", "ct", "mask"),
    [
        ("sixty voxels", image(texture(seed=1)), image(ball(radius=2) | ball(radius=2, centre=(12, 13, 16)))),
        ("one slice", image(texture(seed=2)), image(ball() * (np.arange(24)[:, None, None] == 12).astype(np.uint8))),
        ("thin lines", image(texture(seed=3)), image(thin_line((24, 26, 28)))),
        (
            "scattered voxels",
            image(texture(seed=4)),
            image(ball() * (np.indices((24, 26, 28)).sum(0) % 3 == 0).astype(np.uint8)),
        ),
        (
            "oblique",
            *(
                image(a, (0.8, 1.1, 2.0), (1, 2, 3), (0.8, -0.6, 0, 0.6, 0.8, 0, 0, 0, 1))
                for a in (texture(seed=5), ball())
            ),
        ),
        ("at the border", image(texture(seed=6)), image(ball(centre=(4, 13, 25)))),
        ("odd sizes", image(texture((23, 25, 27), seed=7)), image(ball((23, 25, 27), centre=(18, 4, 13), radius=6))),
        ("float", image(texture(seed=8).astype(np.float32) + 0.25), image(ball())),
        (
            "float at the border",
            image(texture(seed=14).astype(np.float32) + np.float32(0.37)),
            image(ball(centre=(4, 13, 25))),
        ),
        ("one grey level", image(np.clip(texture(seed=15), 151, 154)), image(ball())),
        ("two values", image(np.where(texture(seed=9) > 150, 100, 50).astype(np.int16)), image(ball())),
        ("partly clipped", image(np.clip(texture(seed=10), 120, 160)), image(ball())),
        ("negative and positive", image(texture(seed=11, sd=100) - np.int16(150)), image(ball())),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_made_cases(name, ct, mask):
    compare(ct, mask)


def test_other_settings():
    compare(image(texture(seed=12)), image(ball()), radiomics.Settings(bin_width=25, log_sigma_mm=(1.5,)))


def test_two_valued_and_constant_rois_are_left_to_pyradiomics():
    ct = image(np.where(texture(seed=9) > 150, 100, 50).astype(np.int16))
    assert radiomics.extract_features(ct, image(ball())).attrs["by_pyradiomics"] == ["all"]
    assert radiomics.extract_features(image(texture()), image(ball())).attrs["by_pyradiomics"] == []


def test_one_grey_level_is_computed_here():
    """Values that differ within one bin: nothing is left to rounding."""
    features = radiomics.extract_features(image(np.clip(texture(seed=15), 151, 154)), image(ball()))
    assert features["original_glcm_JointEntropy"] == pytest.approx(0, abs=1e-15)
    assert not any(name.startswith(("original", "lbp")) for name in features.attrs["by_pyradiomics"])


def test_independent_levels_are_left_to_pyradiomics():
    """Imc2 is the root of what they share, here in one direction nothing but rounding."""
    array = np.where(np.random.default_rng(2).random((9, 9, 9)) < 0.5, 103, 108).astype(np.int16)
    array[4, 4, 4] = 104
    mask = np.zeros(array.shape, np.uint8)
    mask[4:6, 4:7, 4:7] = 1
    features = compare(image(array), image(mask), radiomics.Settings(image_types=("Original",)))
    assert features.attrs["by_pyradiomics"] == ["original"]


def test_kurtosis_that_is_not_defined_is_left_to_pyradiomics():
    """Around voxels in a constant region all samples are equal."""
    array = texture((36, 36, 36), seed=13)
    array[10:26, 10:26, 10:26] = 150
    features = compare(image(array), image(ball((36, 36, 36), radius=9)))
    assert features.attrs["by_pyradiomics"] == ["lbp-3D-k", "lbp-3D-m1", "lbp-3D-m2"]


@pytest.mark.parametrize(("gap", "piece"), [(0, 1000), (64, 16), (7, 48)])
def test_patterns_do_not_depend_on_what_is_handled_together(gap, piece, monkeypatch):
    """An ROI at a face of the image, of two parts with a gap between them."""
    mask = ball((24, 26, 60), centre=[1, 12, 12]) | ball((24, 26, 60), centre=[4, 12, 40])
    ct, chosen = image(texture((24, 26, 60), seed=3)), radiomics.Settings(image_types=("LBP3D",))
    expected = radiomics.extract_features(ct, image(mask), chosen)
    monkeypatch.setattr(lbp3d, "_GAP", gap)
    monkeypatch.setattr(lbp3d, "_PIECE", piece)
    pd.testing.assert_series_equal(radiomics.extract_features(ct, image(mask), chosen), expected, check_exact=True)


def test_paths_give_the_same_as_images(tmp_path):
    ct, mask = image(texture()), image(ball() * 7)
    paths = write(ct, tmp_path / "ct.nii.gz"), write(mask, tmp_path / "mask.nii.gz")
    assert radiomics.extract_features(*paths).equals(radiomics.extract_features(ct, mask))


def test_bad_input_is_named(tmp_path):
    ct = image(texture())
    two = image(ball() + ball(radius=3))
    with pytest.raises(BadInput, match="the mask holds 2 labels: 1, 2 -> "):
        radiomics.extract_features(ct, two)
    assert len(radiomics.extract_features(ct, two, label=2)) == 1834
    with pytest.raises(BadInput, match="label 3 is not in the mask; it holds 1, 2 -> "):
        radiomics.extract_features(ct, two, label=3)
    with pytest.raises(BadInput, match="voxels lie outside the image -> "):
        radiomics.extract_features(ct, image(ball(), origin=(500, 0, 0)))
    with pytest.raises(BadInput, match="not finite"):
        radiomics.extract_features(image(np.where(texture() > 200, np.nan, texture())), image(ball()))
    with pytest.raises(BadInput, match="the mask is empty"):
        radiomics.extract_features(ct, image(ball() * 0))
    with pytest.raises(BadInput, match="do not share a grid"):
        radiomics.extract_features(ct, image(ball(), spacing=(1, 1, 1.2)))
    single = np.zeros((24, 26, 28), np.uint8)
    single[3, 4, 5:9] = 1
    path = write(image(single), tmp_path / "line.nii.gz")
    with pytest.raises(BadInput, match="line.nii.gz: the ROI is a single voxel or line -> "):
        radiomics.extract_features(ct, path)
    with pytest.raises(BadInput, match="too small for LoG"):
        radiomics.extract_features(image(texture((3, 30, 30))), image(ball((3, 30, 30), radius=8)))
    with pytest.raises(BadInput, match="the file is missing"):
        radiomics.extract_features(tmp_path / "none.nii.gz", ct)


@pytest.fixture
def cases(tmp_path):
    rows = []
    for number in range(4):
        names = [tmp_path / f"{number}_{kind}.nii.gz" for kind in ("ct", "mask")]
        write(image(texture(seed=number)), names[0])
        write(image(ball() * (number != 2)), names[1])
        rows.append({"case_id": f"C{number}", "image": str(names[0]), "mask": str(names[1])})
    return pd.DataFrame(rows)


def test_one_bad_case_does_not_lose_the_others(cases, tmp_path):
    features, failures = radiomics.extract_cohort(cases, tmp_path / "cache", cores=1)
    assert features.case_id.tolist() == ["C0", "C1", "C3"]
    assert features.shape == (3, 1835)
    assert failures.case_id.tolist() == ["C2"]
    assert failures.problem[0] == "the mask is empty"
    alone = radiomics.extract_features(cases["image"][1], cases["mask"][1])
    assert features.iloc[1, 1:].astype(float).tolist() == alone.tolist()
    with pytest.raises(BadInput, match="C2"):
        radiomics.stop_on(failures)


def test_workers_and_stored_values_change_nothing(cases, tmp_path, monkeypatch):
    first, _ = radiomics.extract_cohort(cases, tmp_path / "cache", FEW, cores=2)
    stored = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    assert len(stored) == 3
    again, _ = radiomics.extract_cohort(cases, tmp_path / "cache", FEW, cores=1)
    assert again.equals(first)
    assert stored == {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    wider = radiomics.Settings(image_types=("Original",), bin_width=10)
    other, _ = radiomics.extract_cohort(cases, tmp_path / "cache", wider, cores=1)
    assert not other["original_glcm_Contrast"].equals(first["original_glcm_Contrast"])


def test_a_missing_file_is_a_failure_of_its_case(cases, tmp_path):
    gone = cases.assign(image=[*cases["image"][:3], str(tmp_path / "gone.nii.gz")])
    _, failures = radiomics.extract_cohort(gone, tmp_path / "cache", FEW, cores=1)
    assert failures.set_index("case_id").loc["C3", "file"].endswith("gone.nii.gz")


def test_dask_without_a_scheduler_says_so(cases, tmp_path):
    pytest.importorskip("dask.distributed")
    with pytest.raises(VcfnbError, match="scheduler"):
        radiomics.extract_cohort(cases, tmp_path, executor="dask", scheduler="not-an-address")


def test_names_are_there_without_the_engine():
    """A figure needs names, and should not wait for numba."""
    code = "import sys, vcfnb.figures, vcfnb.radiomics as r; r.image_type_of('a_b_c'); sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


def test_the_most_different_features_are_found():
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1], 20)
    table = pd.DataFrame(
        rng.normal(size=(40, 30)),
        columns=[f"original_glcm_F{i}" for i in range(30)],
        index=[f"C{i}" for i in range(40)],
    )
    table["original_glcm_F3"] += 3 * label
    table["original_glcm_F4"] = 2 * table["original_glcm_F3"]
    shown = radiomics.most_different(table, label, n=3)
    assert shown.feature[0] in ("original_glcm_F3", "original_glcm_F4")
    assert not {"original_glcm_F3", "original_glcm_F4"} <= set(shown.feature)
    assert len(shown) == 3 * 40


def test_a_crop_gives_what_a_large_image_gives():
    """Wavelets, LoG, LBP3D and the gradient need no more of the image than is taken around the ROI."""
    shape = (150, 150, 150)
    large, mask = texture(shape), ball(shape, radius=6)
    cut = tuple(slice(13, 140) for _ in range(3))
    whole = radiomics.extract_features(image(large), image(mask))
    part = radiomics.extract_features(image(large[cut]), image(mask[cut]))
    scaled = whole.index.str.startswith(("exponential", "square", "logarithm"))
    deviation = (whole - part).abs() / whole.abs().clip(lower=1e-12)
    assert deviation[~scaled].drop(UNSTABLE).max() < 1e-9


PARAMETERS = """
imageType:
  Original: {}
  LoG:
    sigma: [1.5]
  Square: {}
featureClass:
  shape: [Sphericity]
  glcm: [Contrast, Imc2]
  firstorder: [Mean, Entropy]
setting:
  binWidth: 10
  label: 3
  force2D: false
"""


def pyradiomics_says(path, ct, mask):
    """Values of PyRadiomics' own extractor for a parameter file."""
    from radiomics import featureextractor

    extractor = featureextractor.RadiomicsFeatureExtractor(str(path))
    return pd.Series({k: float(v) for k, v in extractor.execute(ct, mask).items() if not k.startswith("diagnostics")})


@pytest.mark.parametrize(
    ("change", "by_engine"),
    [
        ("", True),
        ("  binCount: 32", True),
        ("  gldm_a: 1", False),
        ("  resampledPixelSpacing: [2, 2, 2]", False),
        ("  distances: [1, 2]", False),
        ("  weightingNorm: euclidean", False),
    ],
)
def test_a_parameter_file_of_pyradiomics(change, by_engine, tmp_path):
    path = tmp_path / "parameters.yaml"
    path.write_text(
        PARAMETERS.replace("  binWidth: 10\n", "") + change if "binCount" in change else PARAMETERS + change
    )
    settings = radiomics.Settings.from_pyradiomics(path)
    assert settings.by_engine is by_engine
    ct, mask = image(texture()), image(ball() * 3)
    ours, theirs = radiomics.extract_features(ct, mask, settings), pyradiomics_says(path, ct, mask)
    assert sorted(ours.index) == sorted(theirs.index)
    np.testing.assert_allclose(ours, theirs[ours.index], rtol=1e-9)
    assert (ours.attrs["by_pyradiomics"] == []) is by_engine


@pytest.mark.parametrize(
    ("text", "by_engine"),
    [
        ("imageType: {Wavelet: {wavelet: db1}}\nfeatureClass: {firstorder: [Mean]}", False),
        ("imageType: {Original: {}}\nfeatureClass: {glcm: [MCC, Contrast]}", False),
        ("imageType: {Original: {}}\nfeatureClass: {ngtdm: }", True),
    ],
)
def test_what_the_engine_lacks_goes_to_pyradiomics(text, by_engine, tmp_path):
    path = tmp_path / "parameters.yaml"
    path.write_text(text)
    settings = radiomics.Settings.from_pyradiomics(path)
    assert settings.by_engine is by_engine
    ct, mask = image(texture()), image(ball())
    ours, theirs = radiomics.extract_features(ct, mask, settings), pyradiomics_says(path, ct, mask)
    np.testing.assert_allclose(ours[theirs.index], theirs, rtol=1e-9)


def test_the_names_that_a_parameter_file_may_hold_are_pyradiomics():
    from radiomics import getFeatureClasses

    theirs = {kind: one.getFeatureNames() for kind, one in getFeatureClasses().items()}
    kept = {kind: {name for name, deprecated in names.items() if not deprecated} for kind, names in theirs.items()}
    old = {kind: {name for name, deprecated in names.items() if deprecated} for kind, names in theirs.items()}
    assert {kind: set(names) for kind, names in _KNOWN.items()} == kept
    assert {kind: set(names) for kind, names in _DEPRECATED.items()} == {
        kind: names for kind, names in old.items() if names
    }


CLASSES = dict.fromkeys(["shape", "firstorder", "glrlm", "glszm", "gldm"]) | {"glcm": [*SETTINGS.features["glcm"]]}
NORMALISED = {"normalize": True, "normalizeScale": 100, "binWidth": 5, "voxelArrayShift": 300, "label": 1}
SPLINE = {"interpolator": "sitkBSpline", "label": 1}
ALL_SHAPES = [*SETTINGS.features["shape"], "Compactness1", "Compactness2", "SphericalDisproportion"]


def filters(*sigma):
    return {"Original": {}, "LoG": {"sigma": list(sigma)}, "Wavelet": {}}


# What PyRadiomics' example files set (examples/exampleSettings of its repository, version 3.1).
EXAMPLES = {
    "Params": (
        {"Original": {}},
        CLASSES | {"firstorder": []},
        SPLINE | {"binWidth": 25, "resampledPixelSpacing": None, "weightingNorm": None},
        True,
    ),
    "exampleCT": (
        filters(1.0, 2.0, 3.0, 4.0, 5.0),
        CLASSES,
        SPLINE | {"resampledPixelSpacing": [1, 1, 1], "padDistance": 10, "binWidth": 25, "voxelArrayShift": 1000},
        False,
    ),
    "exampleMR_3mm": (
        filters(2.0, 3.0, 4.0, 5.0),
        CLASSES,
        SPLINE | NORMALISED | {"resampledPixelSpacing": [2, 2, 2]},
        False,
    ),
    "exampleMR_5mm": (filters(3.0, 5.0), CLASSES, SPLINE | NORMALISED | {"resampledPixelSpacing": [3, 3, 3]}, False),
    "exampleMR_NoResampling": (
        filters(1.0, 3.0, 5.0),
        CLASSES,
        NORMALISED | {"preCrop": True, "force2D": True, "force2Ddimension": 0},
        False,
    ),
    "example_allShape": (None, {"shape": ALL_SHAPES}, SPLINE | {"resampledPixelSpacing": None}, False),
    "exampleVoxel": (
        {"Original": {}},
        {"glcm": ["JointEntropy"]},
        {"binWidth": 25, "force2D": True, "label": 1},
        False,
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_files_of_pyradiomics(name, tmp_path):
    image_types, classes, setting, by_engine = EXAMPLES[name]
    given = {"featureClass": classes, "setting": setting} | ({"imageType": image_types} if image_types else {})
    path = tmp_path / f"{name}.yaml"
    path.write_text(yaml.safe_dump(given))
    settings = radiomics.Settings.from_pyradiomics(path)
    assert settings.by_engine is by_engine
    # Wide enough for voxels of 3 mm and the largest sigma.
    ct, mask = image(texture((40, 40, 40))), image(ball((40, 40, 40), radius=12))
    ours, theirs = radiomics.extract_features(ct, mask, settings), pyradiomics_says(path, ct, mask)
    assert sorted(ours.index) == sorted(theirs.index) and len(ours)
    np.testing.assert_allclose(ours, theirs[ours.index], rtol=1e-9)


def test_pyradiomics_settings_in_a_cohort_are_stored_and_found_again(cases, tmp_path):
    settings = radiomics.Settings(
        image_types=["Original"], features={"gldm": ["DependenceEntropy"]}, others={"gldm_a": 2}
    )
    first, _ = radiomics.extract_cohort(cases, tmp_path / "cache", settings, cores=1)
    again, _ = radiomics.extract_cohort(cases, tmp_path / "cache", settings, cores=1)
    assert first.columns.tolist() == ["case_id", "original_gldm_DependenceEntropy"]
    assert again.equals(first)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("imageType: {Laplace: {}}", "image_types"),
        ("featureClass: {glcm: [Roundness]}", "glcm has no feature 'Roundness'"),
        ("featureClass: {gclm: [Contrast]}", "no feature class 'gclm'"),
        ("settings: {binWidth: 5}", "holds other keys"),
        ("setting: {binWidth: -5}", "bin_width"),
        ("setting: [", "no YAML"),
    ],
)
def test_a_wrong_parameter_file_is_refused(text, message, tmp_path):
    path = tmp_path / "parameters.yaml"
    path.write_text(text)
    with pytest.raises(VcfnbError, match=message):
        radiomics.Settings.from_pyradiomics(path)


def test_a_dask_cluster_gives_the_same(cases, tmp_path):
    distributed = pytest.importorskip("dask.distributed")
    # The nanny would set an allocator option that doubles the CPU time; workers are threads of one process here.
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        features, failures = radiomics.extract_cohort(
            cases, tmp_path / "dask", FEW, executor="dask", scheduler=cluster.scheduler_address
        )
    local, _ = radiomics.extract_cohort(cases, tmp_path / "local", FEW, cores=1)
    assert features.equals(local)
    assert failures.case_id.tolist() == ["C2"]
