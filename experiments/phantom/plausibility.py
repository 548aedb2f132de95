"""Does the simulated cohort look like CT? The same measurements on real vertebrae and on simulated ones.

    .venv/bin/python experiments/phantom/plausibility.py [--real ../shared/real/vertebrae] [--patients 24]
        [--out docs/phantom]

Pictures at one window; HU of tissues; noise and its spectrum; the walls of the body; first-order and texture features.
Simulated images are measured as they are and at 1.5 mm, the voxel size of two of the real ones (resampled as the
study does it, by cubic B-splines). Writes tables and figures to --out, and says what it found. A few real vertebrae can
show that the phantom is wrong; they are too few to show that it is right.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import figures  # noqa: E402
import measures  # noqa: E402
import samples  # noqa: E402
from measures import BINS_HU, EDGES, RANGE, SIGMAS_MM  # noqa: E402
from samples import COARSE, COARSE_MM, CONTROL, FRACTURE, NO_SIGNS, REAL  # noqa: E402

from vcfnb import images, runs  # noqa: E402
from vcfnb.figures import style  # noqa: E402
from vcfnb.phantom.patients import draw_patients  # noqa: E402
from vcfnb.radiomics import Settings, extract_features  # noqa: E402

# The interior lies deeper in a body whose outline is rough.
ROUGH_MM = 8
FEATURES = {
    "original_firstorder": ("Mean", "10Percentile", "90Percentile", "Variance", "Skewness", "Kurtosis", "Entropy"),
    "original_glcm": ("Contrast", "Correlation", "JointEntropy", "Idm"),
    "original_glrlm": ("ShortRunEmphasis", "GrayLevelNonUniformityNormalized"),
    "original_glszm": ("ZonePercentage", "SmallAreaEmphasis"),
    "original_gldm": ("DependenceEntropy",),
    "original_ngtdm": ("Busyness", "Strength"),
    "log-sigma-1-0-mm-3D_firstorder": ("Variance", "Kurtosis"),
    "log-sigma-2-0-mm-3D_firstorder": ("Variance",),
    "log-sigma-3-0-mm-3D_firstorder": ("Variance",),
}
FEATURES = [f"{group}_{name}" for group, names in FEATURES.items() for name in names]
SHAPES = [f"original_shape_{name}" for name in ("MeshVolume", "Sphericity", "Elongation", "Flatness")]


def measure(sample):
    """Everything that is measured on one sample.

    Returns
    -------
    dict
        tissues: rows; densities: dict of tissue to array, 1/HU over BINS_HU; noise: row; spectrum: array over EDGES,
        HU^2 mm^2; smoothing: rows; walls: rows; profiles: dict of wall to array; position: mm.
    """
    image, body, vertebra = sample.arrays()
    spacing = sample.spacing
    name = {"name": sample.name, "group": sample.group, "voxels": sample.voxels}
    rough = sample.group == "real" and REAL[sample.name].is_rough
    places = measures.tissues(image, body, spacing, vertebra)
    if rough:
        places["interior"] = measures.depth(body, spacing) > ROUGH_MM
    rows, densities = [], {}
    for tissue in measures.TISSUES:
        values = image[places[tissue]]
        if len(values) < 50 or (rough and tissue == "cortex"):
            continue
        share = places[tissue].sum() / places["region"].sum() if tissue in ("muscle", "fat") else np.nan
        percentiles = np.percentile(values, (5, 25, 50, 75, 95))
        row = {"tissue": tissue, "n_voxels": len(values), "share_of_region": share}
        row |= {"mean_hu": values.mean(), "sd_hu": values.std()}
        rows.append(name | row | dict(zip(("p5", "p25", "p50", "p75", "p95"), percentiles, strict=True)))
        densities[tissue] = np.histogram(values, BINS_HU)[0] / len(values) / np.diff(BINS_HU)
    found = {"name": name, "tissues": rows, "densities": densities}
    found |= _noise(sample, image, places["interior"], name)
    if rough:
        return found | {"walls": [], "profiles": {}}
    position, profiles = measures.wall_profiles(image, body, spacing)
    profiles = {wall: lines for wall, lines in profiles.items() if len(lines) >= 50}
    found["walls"] = [
        name | {"wall": wall} | measures.wall_numbers(position, lines) for wall, lines in profiles.items()
    ]
    found["profiles"] = {wall: np.median(lines, axis=0) for wall, lines in profiles.items()}
    return found | {"position": position}


def _noise(sample, image, interior, name):
    spacing = sample.spacing
    wide = sitk.GetArrayFromImage(sample.wide).astype(np.float32)
    cubes = [wide[patch] for patch in measures.quiet_patches(wide, spacing)]
    if not cubes:
        return {"noise": [], "spectrum": None, "smoothing": []}
    spectra = [measures.noise_power(cube, spacing[1:]) for cube in cubes]
    spectrum = np.mean([measures.radial_mean(*spectrum, EDGES) for spectrum in spectra], axis=0)
    sds = [measures.detrended(cube).std() for cube in cubes]
    row = name | {"patches": len(cubes), "mean_hu": np.mean(cubes), "sd_hu": np.mean(sds)}
    for axis, label in enumerate(measures.AXES):
        row[f"correlation_{label}"] = np.mean([measures.neighbour_correlation(cube, axis) for cube in cubes])
    smoothing = []
    for sigma in SIGMAS_MM:
        flat = [measures.detrended(cube) for cube in cubes]
        quiet = np.mean([measures.smoothed_sd(cube, np.ones_like(cube, bool), spacing, sigma) for cube in flat])
        bone = measures.smoothed_sd(image, interior, spacing, sigma)
        smoothing.append(name | {"sigma_mm": sigma, "quiet_sd_hu": quiet, "interior_sd_hu": bone})
    return {"noise": [row], "spectrum": spectrum, "smoothing": smoothing}


def features(sample):
    """Radiomic features of the body as the study takes them (1 mm, window), original and LoG images."""
    image, masks = images.preprocess(sample.image, {"a": sample.body})
    settings = Settings(image_types=("Original", "LoG"))
    values = extract_features(image, masks["a"], settings)
    return {"name": sample.name, "group": sample.group, "voxels": sample.voxels} | values[FEATURES + SHAPES].to_dict()


def _simulate_and_measure(numbered, spacing):
    """Measurements and features of one simulated patient and of the same one without fracture, at both voxel sizes."""
    number, patient = numbered
    measured, rows = [], []
    for group, changes in ((FRACTURE, {}), (CONTROL, NO_SIGNS)):
        native, dice = samples.simulated(patient | changes, number, patient["patient_id"], group, spacing)
        readers = {"name": native.name, "group": group} | dice
        for sample in (native, native.at(COARSE_MM)):
            rows.append(features(sample))
            measured.append(measure(sample) | {"readers": [readers] if sample is native else []})
    return measured, rows


def compare(table):
    """Where each real value lies among the simulated ones of each group and voxel size.

    Parameters
    ----------
    table : pandas.DataFrame
        name, group, voxels and one column per feature.

    Returns
    -------
    pandas.DataFrame
        name, feature, value, compared_with (group), voxels, percentile, z (difference from the mean in SDs), low, high
        (RANGE of the simulated values), within.
    """
    rows = []
    made = table[table.group != "real"]
    for real in table[table.group == "real"].to_dict("records"):
        source = REAL[real["name"]]
        compared = FEATURES + ([] if source.is_cut or source.is_rough else SHAPES)
        for (group, voxels), others in made.groupby(["group", "voxels"], sort=False):
            for feature in compared:
                values = others[feature]
                low, high = np.percentile(values, RANGE)
                row = {"name": real["name"], "feature": feature, "value": real[feature], "compared_with": group}
                row |= {"voxels": voxels, "percentile": measures.percentile_of(real[feature], values)}
                row |= {"z": (real[feature] - values.mean()) / values.std(), "low": low, "high": high}
                rows.append(row | {"within": low <= real[feature] <= high})
    return pd.DataFrame(rows)


def sentences(tissues, noise, walls, readers, compared):
    """What was found, in one line each; simulated values are those of fractured bodies at the coarse voxels."""

    def against(table, column, unit, what):
        made = table[(table.group == FRACTURE) & (table.voxels == COARSE)]
        low, middle, high = map(_short, np.percentile(made[column], (RANGE[0], 50, RANGE[1])))
        real = table[table.group == "real"]
        listed = ", ".join(f"{name} {_short(value)}" for name, value in zip(real["name"], real[column], strict=True))
        return f"{what}: real {listed}; simulated {middle} ({low} to {high}) {unit}".rstrip()

    for tissue, chosen in tissues.groupby("tissue", sort=False):
        for column, what in (("mean_hu", "mean"), ("sd_hu", "SD")):
            yield against(chosen, column, "HU", f"{tissue}, {what}")
        if tissue in ("muscle", "fat"):
            yield against(chosen, "share_of_region", "", f"{tissue}, proportion of the surroundings")
    yield against(noise, "sd_hu", "HU", "noise SD")
    for axis in measures.AXES:
        yield against(noise, f"correlation_{axis}", "", f"noise, correlation of neighbours {axis}")
    for wall, chosen in walls.groupby("wall", sort=False):
        for column, unit in (("peak_p50", "HU"), ("fwhm_mm", "mm"), ("excess", "HU mm"), ("outside", "HU")):
            yield against(chosen, column, unit, f"{wall}, {column}")
    for other, who in (("a2", "A again"), ("b", "B")):
        found = readers[readers.group == FRACTURE][f"dice_{other}"]
        yield f"Dice of reader A with {who}, simulated: mean {found.mean():.3f}, lowest {found.min():.3f}"
    scored = compared[compared.feature.isin(FEATURES) & (compared.voxels == COARSE)]
    for name, rows in scored.groupby("name", sort=False):
        counts = ", ".join(f"{part.within.sum()} of {group}s" for group, part in rows.groupby("compared_with"))
        yield f"{name}: of {len(FEATURES)} features lie within {RANGE[0]} to {RANGE[1]} %: {counts}"


def _short(value):
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--real", type=Path, default=ROOT.parent / "shared" / "real" / "vertebrae")
    parser.add_argument("--patients", type=int, default=24, help="simulated, each with and without its fracture")
    parser.add_argument("--voxels", type=float, nargs=3, default=samples.SPACING, metavar="MM", help="simulated, z y x")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "phantom")
    arguments = parser.parse_args()
    if not arguments.real.is_dir():
        sys.exit(f"no real vertebrae in {arguments.real} -> give their folder with --real")
    table = draw_patients(arguments.patients, 0.5, 1.0, np.random.default_rng(7))
    real = samples.real_samples(arguments.real)
    rows = [features(sample) for sample in real.values()]
    measured = [measure(real[name]) | {"readers": []} for name in samples.MEASURED if name in real]
    spacing = tuple(arguments.voxels)
    work = list(enumerate(table.to_dict("records")))
    for found, values in runs.parallel_map(
        partial(_simulate_and_measure, spacing=spacing), work, desc="simulated patients"
    ):
        measured += found
        rows += values
    write(arguments.out, real, table, spacing, measured, pd.DataFrame(rows))


def write(out, real, table, spacing, measured, values):
    """Tables and figures to `out`; the findings to the screen."""
    style()
    tissues, noise, smoothing, walls, readers = (
        pd.DataFrame([row for found in measured for row in found[kind]])
        for kind in ("tissues", "noise", "smoothing", "walls", "readers")
    )
    compared = compare(values)
    runs.save_figure(figures.tissue_figure(measured), out / "tissues", tissues)
    runs.save_figure(figures.noise_figure(measured, smoothing), out / "noise", noise)
    runs.write_csv(smoothing, out / "smoothing.csv")
    runs.save_figure(figures.wall_figure(measured), out / "walls", walls)
    runs.save_figure(figures.feature_figure(compared, values), out / "features", compared)
    runs.write_csv(values, out / "feature_values.csv")
    runs.write_csv(readers, out / "readers.csv")
    pictured = [real[name] for name in samples.MEASURED if name in real]
    shown = samples.shown_samples(table, spacing)
    coarse = [sample for sample in pictured if max(sample.spacing) == COARSE_MM]
    for name, chosen in (
        ("side_by_side", pictured + shown),
        ("side_by_side_coarse", coarse + [sample.at(COARSE_MM) for sample in shown]),
    ):
        runs.save_figure(figures.side_by_side(chosen), out / name)
    runs.save_figure(figures.sign_figure(samples.sign_samples(table, spacing)), out / "signs")
    print(*sentences(tissues, noise, walls, readers, compared), sep="\n")


if __name__ == "__main__":
    main()
