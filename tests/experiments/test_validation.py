"""What evaluates the simulated cohort, on arrays whose answer is known; and the whole program, small."""

import importlib
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from cases import ball
from scipy import ndimage
from study import ROOT

PROGRAM = ROOT / "experiments" / "phantom" / "plausibility.py"


@pytest.fixture(scope="module")
def validation():
    sys.path.insert(0, str(PROGRAM.parent))
    try:
        yield {name: importlib.import_module(name) for name in ("measures", "plausibility", "samples")}
    finally:
        sys.path.remove(str(PROGRAM.parent))


@pytest.fixture(scope="module")
def measures(validation):
    return validation["measures"]


def white(shape, sd, seed=0):
    return np.random.default_rng(seed).normal(0, sd, shape)


def test_noise_power_of_white_noise_is_flat_and_adds_up_to_its_variance(measures):
    spacing = (0.7, 1.0)
    frequency, power = measures.noise_power(white((400, 20, 14), 30) + 55, spacing)
    area_of_one = 1 / (20 * spacing[0] * 14 * spacing[1])
    assert power.sum() * area_of_one == pytest.approx(30**2, rel=0.01)
    # The plane that is taken out takes power from the lowest frequencies alone.
    rings = measures.radial_mean(frequency, power, np.arange(0.15, 0.8, 0.1))
    assert rings == pytest.approx(30**2 * 0.7 * 1.0, rel=0.05)


def test_noise_power_knows_its_frequencies(measures):
    """A Gaussian of s mm multiplies the power by exp(-(2 pi f s)^2)."""
    spacing, sigma = (0.7, 1.0), 0.8
    noise = ndimage.gaussian_filter(white((200, 40, 40), 30), [0, sigma / 0.7, sigma / 1.0], mode="wrap")
    frequency, power = measures.noise_power(noise, spacing)
    edges = np.arange(0.1, 0.36, 0.02)
    expected = 30**2 * 0.7 * np.exp(-((2 * np.pi * frequency * sigma) ** 2))
    found, wanted = (measures.radial_mean(frequency, values, edges) for values in (power, expected))
    assert found == pytest.approx(wanted, rel=0.1)


def test_radial_mean_leaves_out_frequency_0_and_empty_rings(measures):
    frequency, power = np.array([0, 0.1, 0.15, 0.5]), np.array([1000, 1, 3, 7])
    found = measures.radial_mean(frequency, power, np.array([0, 0.2, 0.4, 0.6]))
    assert np.array_equal(found, [2, np.nan, 7], equal_nan=True)


def test_a_trend_is_no_noise(measures):
    z, y, x = np.indices((6, 7, 8))
    assert measures.detrended(3 * z - 2 * y + x / 2 + 40.0) == pytest.approx(np.zeros((6, 7, 8)), abs=1e-9)


def test_correlation_of_neighbours(measures):
    noise = white((40, 40, 40), 1)
    mixed = noise + np.roll(noise, 1, axis=1)
    found = [measures.neighbour_correlation(mixed, axis) for axis in range(3)]
    assert found == pytest.approx([0, 0.5, 0], abs=0.02)
    assert measures.neighbour_correlation(mixed, 1, lag=2) == pytest.approx(0, abs=0.02)


def test_smoothing_takes_values_from_within_the_mask_only(measures):
    mask = ball((40, 40, 40), radius=14) == 1
    image = np.where(mask, white(mask.shape, 10, seed=1), 1000)
    # White noise of voxels of 1 mm after a Gaussian of s mm: its SD is divided by (2 sqrt(pi) s)^(3/2).
    assert measures.smoothed_sd(image, mask, (1, 1, 1), 0) == pytest.approx(10, rel=0.03)
    wanted = 10 / (2 * np.sqrt(np.pi) * 1.5) ** 1.5
    assert measures.smoothed_sd(image, mask, (1, 1, 1), 1.5) == pytest.approx(wanted, rel=0.15)


def test_quiet_patches_lie_in_even_soft_tissue(measures):
    image = 50 + white((30, 40, 60), 5)
    image[:, :, 30:] += ndimage.gaussian_filter(white((30, 40, 30), 400), 2)
    image[:, :10] = -100
    patches = measures.quiet_patches(image, (1, 1, 1), size_mm=12, n=3)
    assert len(patches) == 3
    for number, (z, y, x) in enumerate(patches):
        assert y.start >= 10 and x.stop <= 36
        for other in patches[:number]:
            assert any(a.stop <= b.start or b.stop <= a.start for a, b in zip((z, y, x), other, strict=True))
    assert measures.quiet_patches(np.full((20, 20, 20), -100.0), (1, 1, 1)) == []


def box(shape, spacing, low, high):
    """Mask of the box between two corners in mm."""
    axes = np.meshgrid(*(np.arange(n) * step for n, step in zip(shape, spacing, strict=True)), indexing="ij")
    return np.logical_and.reduce([(a >= lo) & (a < hi) for a, lo, hi in zip(axes, low, high, strict=True)])


def test_tissues_are_where_they_were_put(measures):
    spacing, shape = (1.0, 0.8, 0.8), (60, 110, 110)
    body = box(shape, spacing, (16, 20, 25), (42, 50, 63))
    image = np.full(shape, -100.0)
    muscle = box(shape, spacing, (0, 60, 0), (60, 88, 88))
    image[muscle] = 55
    image[box(shape, spacing, (0, 50, 33), (60, 60, 55))] = 20
    image[body] = 800
    image[measures.depth(body, spacing) > 1.5] = 150
    found = measures.tissues(image, body, spacing)
    assert set(image[found["interior"]]) == {150.0}
    assert set(image[found["cortex"]]) == {800.0}
    assert set(image[found["canal"]]) == {20.0}
    for tissue, value in (("muscle", 55), ("fat", -100)):
        assert np.median(image[found[tissue]]) == value
        assert (image[found[tissue]] == value).mean() > 0.95
    apart = ndimage.distance_transform_edt(~body, sampling=spacing)
    assert apart[found["region"]].min() > 5
    assert not (found["muscle"] & found["fat"]).any()


def test_where_the_body_was_cut_there_is_no_cortex(measures):
    spacing = (1.0, 1.0, 1.0)
    vertebra = box((40, 60, 50), spacing, (8, 8, 8), (32, 52, 42))
    body = vertebra & (np.arange(60)[None, :, None] < 35)
    cortex = measures.tissues(np.full(body.shape, 100.0), body, spacing, vertebra)["cortex"]
    assert not cortex[15:25, 30:35, 15:35].any()
    assert cortex[15:25, 8, 15:35].all()


def test_the_body_is_what_lies_in_front_of_the_canal(measures):
    spacing, shape = (1.5, 1.0, 1.0), (30, 90, 70)
    body = box(shape, spacing, (9, 10, 15), (36, 42, 55))
    around = box(shape, spacing, (12, 38, 18), (36, 66, 52)) & ~box(shape, spacing, (0, 42, 24), (60, 58, 46))
    spinous = box(shape, spacing, (0, 60, 33), (16, 88, 37))
    found = measures.body_part(body | around | spinous, spacing)
    assert np.array_equal(found, body)
    assert measures.body_part((body | around)[:8], spacing) is None


def test_walls_of_known_thickness(measures):
    """Gaussian walls: 600 HU above 100 HU on both sides, 2 mm wide at half height."""
    spacing = (1.0, 1.0, 1.0)
    body = box((60, 60, 60), spacing, (15, 12, 12), (45, 44, 48))
    depth = measures.depth(body, spacing) - 0.5 - measures.depth(~body, spacing) * ~body
    depth = np.where(body, depth, -measures.depth(~body, spacing) + 0.5)
    image = 100 + 600 * np.exp(-4 * np.log(2) * (depth / 2) ** 2)
    position, profiles = measures.wall_profiles(image, body, spacing)
    assert set(profiles) == set(measures.WALLS)
    for wall, lines in profiles.items():
        found = measures.wall_numbers(position, lines)
        assert found["places"] > 300, wall
        assert found["peak_p50"] == pytest.approx(700 - 600 * (1 - np.exp(-np.log(2) / 4)), rel=0.05), wall
        assert found["inside"] == pytest.approx(100, abs=5) and found["outside"] == pytest.approx(100, abs=5), wall
        assert found["fwhm_mm"] == pytest.approx(2.2, abs=0.3), wall
        assert found["excess"] == pytest.approx(600 * 2 * np.sqrt(np.pi / (4 * np.log(2))), rel=0.1), wall


def test_a_wall_that_is_none_has_no_width(measures):
    position = np.arange(-5, 5.1, 0.25)
    found = measures.wall_numbers(position, np.full((60, len(position)), 100.0) + np.abs(position))
    assert np.isnan(found["fwhm_mm"])


def test_percentiles(measures):
    sample = [1, 2, 3, 4]
    assert [measures.percentile_of(value, sample) for value in (0, 1, 2.5, 4, 9)] == [0, 12.5, 50, 87.5, 100]


def test_comparison_of_real_with_simulated_values(validation):
    plausibility = validation["plausibility"]
    names = plausibility.FEATURES + plausibility.SHAPES
    made = [
        {"name": f"P{n:03d}", "group": "simulated fracture", "voxels": "native"} | dict.fromkeys(names, float(n))
        for n in range(1, 101)
    ]
    real = [
        {"name": name, "group": "real", "voxels": "native"} | dict.fromkeys(names, value)
        for name, value in (("L3", 20.5), ("L2", 1000.0))
    ]
    found = plausibility.compare(pd.DataFrame(made + real))
    inside, beyond = found[found.name == "L3"], found[found.name == "L2"]
    assert list(inside.feature) == names
    assert inside.within.all() and (inside.percentile == 20).all() and (inside.z < 0).all()
    # L2 is cut by its image: its shape says nothing.
    assert list(beyond.feature) == plausibility.FEATURES
    assert not beyond.within.any() and (beyond.percentile == 100).all()


@pytest.mark.long
def test_the_program(shared, tmp_path):
    command = [sys.executable, PROGRAM, "--real", shared / "real" / "vertebrae", "--out", tmp_path]
    command += ["--patients", "4", "--voxels", "1.5", "1.5", "1.5"]
    finished = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"VCFNB_CORES": "1"})
    assert finished.returncode == 0, finished.stderr
    assert "noise SD: real L3" in finished.stdout
    figures = {"side_by_side", "side_by_side_coarse", "signs", "tissues", "noise", "walls", "features"}
    assert {path.stem for path in tmp_path.glob("*.png")} == figures
    tissues = pd.read_csv(tmp_path / "tissues.csv")
    real = tissues[tissues.group == "real"].set_index(["name", "tissue"]).mean_hu
    assert 30 < real["L3", "interior"] < 80 and 80 < real["T12", "interior"] < 140
    assert -120 < real["L3", "fat"] < -60 < 0 < real["L3", "muscle"] < 70
    noise = pd.read_csv(tmp_path / "noise.csv").query("group == 'real'").set_index("name").sd_hu
    assert noise["L3"] > noise["T12"] > noise["T12 DICOM"] > 5
    features = pd.read_csv(tmp_path / "features.csv")
    assert set(features.name) == {"L2", "L3", "L4", "T12", "T12 DICOM"} and np.isfinite(features.percentile).all()
    values = pd.read_csv(tmp_path / "feature_values.csv")
    assert (values.groupby(["group", "voxels"]).size() == [5, 4, 4, 4, 4]).all()


def test_without_real_ct_the_program_says_so(tmp_path):
    command = [sys.executable, PROGRAM, "--real", tmp_path / "nothing", "--out", tmp_path]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 1 and "give their folder with --real" in finished.stderr


def test_plain_numbers_hardly_differ(tmp_path):
    """The page's table (200 patients); the program itself is run on a few."""
    page = pd.read_csv(ROOT / "docs" / "phantom" / "balance.csv", index_col="number")
    assert page.loc["original_firstorder_Mean", "auc"] == pytest.approx(0.5, abs=0.08)
    assert page.auc.drop("true signs").between(0.3, 0.7).all() and page.auc["true signs"] > 0.9
    command = [sys.executable, PROGRAM.with_name("balance.py"), "--patients", "20", "--out", tmp_path]
    finished = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"VCFNB_CORES": "1"})
    assert finished.returncode == 0, finished.stderr
    small = pd.read_csv(tmp_path / "balance.csv", index_col="number")
    assert list(small.index) == list(page.index) and (small.n == 20).all() and small.auc.between(0, 1).all()
