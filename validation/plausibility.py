"""Does the simulated cohort look like CT? The same measurements on real vertebrae and on simulated ones.

    .venv/bin/python validation/plausibility.py [--real ../shared/real/vertebrae] [--patients 24] [--out docs/phantom]

Pictures at one window; HU of tissues; noise and its spectrum; the walls of the body; first-order and texture features.
Simulated images are measured as they are and at 1.5 mm, the voxel size of two of the real ones (resampled as the
study does it, by cubic B-splines). Writes tables and figures to --out, and says what it found. A few real vertebrae can
show that the phantom is wrong; they are too few to show that it is right.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from matplotlib.patheffects import withStroke

ROOT = Path(__file__).resolve().parents[1]
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import measures  # noqa: E402

from vcfnb import images, phantom, plots, runs  # noqa: E402
from vcfnb.phantom.folder import simulate_case  # noqa: E402
from vcfnb.phantom.patients import draw_patients  # noqa: E402
from vcfnb.plots.pictures import PLANES, scale_bar  # noqa: E402
from vcfnb.plots.theme import BLUE, GREY, ORANGE, PURPLE, TWO_COLUMNS, VERMILLION, canvas, finish  # noqa: E402
from vcfnb.radiomics import Settings, extract_features  # noqa: E402


@dataclass(frozen=True)
class Source:
    """A real vertebra's files, and what its mask is."""

    image: str
    mask: str
    is_vertebra: bool = False  # of the whole vertebra, from which the body has to be cut
    is_cut: bool = False  # by the image's border
    is_rough: bool = False  # the outline does not follow the cortex


REAL = {
    "L3": Source("lumbar_ct.nii.gz", "lumbar_L3_body_mask.nii.gz"),
    "L2": Source("lumbar_ct.nii.gz", "lumbar_L2_body_mask.nii.gz", is_cut=True),
    "L4": Source("lumbar_ct.nii.gz", "lumbar_L4_body_mask.nii.gz", is_cut=True),
    "T12": Source("thoracolumbar_ct.nii.gz", "thoracolumbar_T12_mask.nii.gz", is_vertebra=True),
    "T12 DICOM": Source("dicom", "dicom_T12_mask.nii.gz", is_vertebra=True, is_rough=True),
}
# L2 and L4 lie in L3's image: of them, features only.
MEASURED = ("L3", "T12", "T12 DICOM")
COLORS = {"L3": BLUE, "T12": ORANGE, "T12 DICOM": PURPLE}
MARKERS = {"L3": "o", "T12": "s", "T12 DICOM": "D", "L2": "v", "L4": "^"}
LINES = {"L3": "-", "T12": (0, (5, 1.5)), "T12 DICOM": (0, (1, 1))}

SPACING = (0.7, 0.7, 1.0)  # mm (z, y, x), as the demonstration simulates
COARSE_MM = 1.5
WINDOW = (200, 900)  # level and width, HU
# All images are cut to the phantom's field of view, mm around the middle of the body (z, y, x).
FIELD_MM = ((-39, 39), (-40, 50), (-41, 41))
# Noise is looked for further away where there is more image: in the liver, for one.
WIDE_MM = ((-90, 90), (-90, 90), (-90, 90))
SIGMAS_MM = (0, 0.5, 1, 1.5, 2, 3)
BINS_HU = np.arange(-300, 1201, 20)
EDGES = np.arange(0, 0.8, 0.08)  # rings of the noise power spectrum, 1/mm
RANGE = (5, 95)  # percentiles of simulated values that count as the phantom's range

NO_SIGNS = dict.fromkeys(phantom.SIGNS, 0.0) | {"loss": 0.0, "kind": "wedge"}
# What is pictured: class (None: a vertebra without fracture), changes to a drawn patient.
SHOWN = {
    "L3, acute,\nsharp kernel": (1, {"level": "L3", "sharpness": 0.95, "dose": 0.3}),
    "L3, chronic,\nsmooth kernel": (0, {"level": "L3", "sharpness": 0.05, "dose": 0.8}),
    "T12, acute,\nsmooth kernel": (1, {"level": "T12", "sharpness": 0.05, "dose": 0.8}),
    "T12, no fracture,\nsharp kernel": (None, {"level": "T12", "sharpness": 0.95, "dose": 0.3}),
}
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


@dataclass(frozen=True)
class Sample:
    """One vertebra, cut to the field of view.

    Attributes
    ----------
    name, group : str
        Group: "real", "simulated fracture" or "simulated control".
    image, body, vertebra : SimpleITK.Image
        LPS orientation, on one grid. The vertebra's mask is the body's where only that is drawn.
    wide : SimpleITK.Image
        More of the image where there is more.
    voxels : str
        "native" or "1.5 mm".
    """

    name: str
    group: str
    image: sitk.Image
    body: sitk.Image
    vertebra: sitk.Image
    wide: sitk.Image
    voxels: str = "native"

    @property
    def spacing(self):
        return self.image.GetSpacing()[::-1]

    def arrays(self):
        """Image (float32, HU), body and vertebra (bool)."""
        masks = (sitk.GetArrayFromImage(mask) != 0 for mask in (self.body, self.vertebra))
        return sitk.GetArrayFromImage(self.image).astype(np.float32), *masks

    def at(self, spacing_mm):
        """The same at another voxel size."""
        image, masks = images.preprocess(
            self.image, {"body": self.body, "vertebra": self.vertebra}, spacing_mm=spacing_mm, clip=False
        )
        return replace(self, image=image, **masks, wide=image, voxels=f"{spacing_mm:g} mm")


def real_samples(folder):
    """The real vertebrae whose body can be told apart, by name."""
    samples = {}
    for name, source in REAL.items():
        image = images.read_image(folder / source.image)
        mask = images.read_mask(folder / source.mask, image)
        image, mask = sitk.DICOMOrient(image, "LPS"), sitk.DICOMOrient(mask, "LPS")
        body = mask
        if source.is_vertebra:
            found = measures.body_part(sitk.GetArrayFromImage(mask) != 0, mask.GetSpacing()[::-1])
            if found is None:
                print(f"{name}: the end of the body is not seen in the mask; left out")
                continue
            body = sitk.GetImageFromArray(found.astype(np.uint8))
            body.CopyInformation(mask)
        parts = _cut(body, FIELD_MM, image, body, mask)
        samples[name] = Sample(name, "real", *parts, *_cut(body, WIDE_MM, image))
    return samples


def _cut(body, field_mm, *parts):
    """Cut images to a field around the middle of the body, as far as they reach."""
    middle = [index.mean() for index in np.nonzero(sitk.GetArrayViewFromImage(body))]
    start, size = [], []
    for centre, step, n, (low, high) in zip(
        middle, body.GetSpacing()[::-1], body.GetSize()[::-1], field_mm, strict=True
    ):
        first, last = max(0, round(centre + low / step)), min(n, round(centre + high / step) + 1)
        start.insert(0, int(first))
        size.insert(0, int(last - first))
    return [sitk.RegionOfInterest(part, size, start) for part in parts]


def simulated(patient, number, name, group, seed=1):
    """One simulated patient as a sample."""
    array, masks = simulate_case(patient, SPACING, [seed, 1, number])
    image, body = sitk.GetImageFromArray(array), sitk.GetImageFromArray(masks["a"])
    for made in (image, body):
        made.SetSpacing(SPACING[::-1])
    image, body = _cut(body, FIELD_MM, image, body)
    return Sample(name, group, image, body, body, image)


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
    places = measures.tissues(image, body, spacing, vertebra)
    rows, densities = [], {}
    for tissue in measures.TISSUES:
        values = image[places[tissue]]
        if len(values) < 50:
            continue
        share = places[tissue].sum() / places["region"].sum() if tissue in ("muscle", "fat") else np.nan
        percentiles = np.percentile(values, (5, 25, 50, 75, 95))
        row = {"tissue": tissue, "n_voxels": len(values), "share_of_region": share}
        row |= {"mean_hu": values.mean(), "sd_hu": values.std()}
        rows.append(name | row | dict(zip(("p5", "p25", "p50", "p75", "p95"), percentiles, strict=True)))
        densities[tissue] = np.histogram(values, BINS_HU)[0] / len(values) / np.diff(BINS_HU)
    found = {"name": name, "tissues": rows, "densities": densities}
    found |= _noise(sample, image, places["interior"], name)
    if REAL.get(sample.name, Source("", "")).is_rough:
        found["tissues"] = [row for row in rows if row["tissue"] != "cortex"]
        del densities["cortex"]
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


def _simulate_and_measure(numbered):
    """Measurements and features of one simulated patient and of the same one without fracture, at both voxel sizes."""
    number, patient = numbered
    measured, rows = [], []
    for group, changes in (("simulated fracture", {}), ("simulated control", NO_SIGNS)):
        native = simulated(patient | changes, number, f"{patient['patient_id']}", group)
        for sample in (native, native.at(COARSE_MM)):
            rows.append(features(sample))
            measured.append(measure(sample))
    return measured, rows


def compare(table):
    """Where each real value lies among the simulated ones of each group and voxel size.

    Parameters
    ----------
    table : pandas.DataFrame
        name, group, voxels and one column a feature.

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


def side_by_side(samples, captions):
    """Sagittal, coronal and axial slices through the middle of each body, one field and one window for all."""
    columns = len(samples)
    edge = (TWO_COLUMNS - 6) / columns
    extent = np.diff(FIELD_MM, axis=1).ravel()
    heights = [extent[0] / extent[1], extent[0] / extent[2], extent[1] / extent[2]]
    figure, axes = canvas(TWO_COLUMNS, edge * sum(heights) + 14, 3, columns, height_ratios=heights, squeeze=False)
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0.01, hspace=0.01)
    level, width = WINDOW
    for column, (sample, caption) in enumerate(zip(samples, captions, strict=True)):
        array, body, _ = sample.arrays()
        middle = np.array([index.mean() for index in np.nonzero(body)])
        for axis, (plane, (across, ends)) in zip(axes[:, column], PLANES.items(), strict=True):
            rows, other = (n for n in range(3) if n != across)
            section = np.take(array, int(round(middle[across])), across)
            # Edges of the slice in mm from the middle of the body.
            left, right, first, last = (
                (index - 0.5 - middle[n]) * sample.spacing[n]
                for n, index in ((other, 0), (other, array.shape[other]), (rows, 0), (rows, array.shape[rows]))
            )
            axis.imshow(
                section,
                cmap="gray",
                vmin=level - width / 2,
                vmax=level + width / 2,
                extent=(left, right, last, first),
                interpolation="nearest",
            )
            # The head is above, and in axial slices the front.
            ends_y = FIELD_MM[rows] if rows == 0 else FIELD_MM[rows][::-1]
            axis.set(xlim=FIELD_MM[other], ylim=ends_y, xticks=[], yticks=[], facecolor="#D8E6F0")
            if column == 0:
                axis.set_ylabel(plane)
                for x, end in zip((0.03, 0.97), ends, strict=True):
                    letter = axis.text(x, 0.5, end, color="white", fontsize=6, transform=axis.transAxes, ha="center")
                    letter.set_path_effects([withStroke(linewidth=1.5, foreground="black")])
            for spine in axis.spines.values():
                spine.set_visible(False)
        word, color = ("real", BLUE) if sample.group == "real" else ("simulated", VERMILLION)
        axes[0, column].set_title(f"{caption}\n{_size(sample)}", fontsize=6, pad=2)
        axes[2, column].set_xlabel(word, color=color, fontweight="bold", labelpad=2)
    scale_bar(axes[0, 0])
    return finish(figure, True)


def _size(sample):
    return " x ".join(f"{step:.2g}" for step in sample.spacing[::-1]) + " mm"


def _band(axis, x, lines, color=GREY, label="", median=True):
    """Range of simulated lines (5 to 95 %), and their median."""
    low, middle, high = np.percentile(np.array(lines), (RANGE[0], 50, RANGE[1]), axis=0)
    axis.fill_between(x, low, high, color=color, alpha=0.3, linewidth=0, label=label)
    if median:
        axis.plot(x, middle, color=color, linewidth=1)


def _of(measured, group, voxels):
    return [found for found in measured if (found["name"]["group"], found["name"]["voxels"]) == (group, voxels)]


def _real(measured):
    return {found["name"]["name"]: found for found in measured if found["name"]["group"] == "real"}


def _line(name):
    return {"color": COLORS[name], "linestyle": LINES[name], "linewidth": 1.1, "label": f"real {name}"}


COARSE = f"{COARSE_MM:g} mm"
FRACTURE, CONTROL = "simulated fracture", "simulated control"


def tissue_figure(measured):
    figure, axes = canvas(TWO_COLUMNS, 50, 1, len(measures.TISSUES))
    x = (BINS_HU[:-1] + BINS_HU[1:]) / 2
    limits = {"interior": (-250, 600), "cortex": (-200, 1200), "muscle": (-200, 300), "fat": (-300, 200)}
    for axis, tissue in zip(axes, measures.TISSUES, strict=True):
        for voxels, color, label in (("native", GREY, "0.7 x 0.7 x 1 mm"), (COARSE, VERMILLION, COARSE)):
            lines = [found["densities"][tissue] for found in _of(measured, FRACTURE, voxels)]
            _band(axis, x, 100 * np.array(lines), color, f"simulated, {label}")
        for name, found in _real(measured).items():
            if tissue in found["densities"]:
                axis.plot(x, 100 * found["densities"][tissue], **_line(name))
        axis.set(title=tissue, xlabel="HU", xlim=limits.get(tissue, (-300, 300)), ylim=(0, None))
    axes[0].set_ylabel("voxels (% per HU)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=5)
    return finish(figure, True)


def noise_figure(measured, smoothing):
    figure, axes = canvas(TWO_COLUMNS, 62, 1, 4)
    x = (EDGES[:-1] + EDGES[1:]) / 2
    absolute, unit, soft, bone = axes
    for voxels, color, label in (("native", GREY, "0.7 x 0.7 x 1 mm"), (COARSE, VERMILLION, COARSE)):
        spectra = np.array([f["spectrum"] for f in _of(measured, FRACTURE, voxels) if f["spectrum"] is not None])
        _band(absolute, x, spectra, color, f"simulated, {label}")
        _band(unit, x, [_unit_area(spectrum) for spectrum in spectra], color)
        chosen = smoothing[(smoothing.group == FRACTURE) & (smoothing.voxels == voxels)]
        for axis, column in ((soft, "quiet_sd_hu"), (bone, "interior_sd_hu")):
            lines = chosen.pivot(index="name", columns="sigma_mm", values=column)
            _band(axis, lines.columns.to_numpy(), lines, color)
    for name, found in _real(measured).items():
        absolute.plot(x, found["spectrum"], **_line(name))
        unit.plot(x, _unit_area(found["spectrum"]), **_line(name))
        chosen = smoothing[(smoothing.group == "real") & (smoothing.name == name)]
        soft.plot(chosen.sigma_mm, chosen.quiet_sd_hu, marker=MARKERS[name], **_line(name))
        bone.plot(chosen.sigma_mm, chosen.interior_sd_hu, marker=MARKERS[name], **_line(name))
    frequency = "spatial frequency (1/mm)"
    absolute.set(yscale="log", xlabel=frequency, ylabel="noise power (HU$^2$ mm$^2$)", title="quiet soft tissue")
    unit.set(xlabel=frequency, ylabel="power, area 1 (mm)", ylim=(0, None), title="the same, unit area")
    for axis, title in ((soft, "quiet soft tissue"), (bone, "interior of the body")):
        axis.set(yscale="log", xlabel="smoothing, Gaussian SD (mm)", ylabel="SD (HU)", ylim=(0.5, 120), title=title)
    handles, labels = absolute.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=5)
    return finish(figure, True)


def _unit_area(spectrum):
    use = np.isfinite(spectrum)
    return spectrum / (spectrum[use].sum() * (EDGES[1] - EDGES[0]))


def wall_figure(measured):
    figure, axes = canvas(TWO_COLUMNS, 55, 1, len(measures.WALLS), sharey=True)
    x = _of(measured, FRACTURE, COARSE)[0]["position"]
    for axis, wall in zip(axes, measures.WALLS, strict=True):
        for group, color in ((FRACTURE, VERMILLION), (CONTROL, GREY)):
            lines = [f["profiles"][wall] for f in _of(measured, group, COARSE) if wall in f["profiles"]]
            _band(axis, x, lines, color, f"{group}, {COARSE}")
        for name, found in _real(measured).items():
            if wall in found["profiles"]:
                axis.plot(x, found["profiles"][wall], **_line(name))
        axis.set(title=wall, xlabel="mm from the wall (outside: +)")
    axes[0].set_ylabel("median HU")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=5)
    return finish(figure, True)


def feature_figure(compared, table):
    """Real values in SDs of simulated ones; the grey bar is what 90 % of the simulated ones have."""
    names = FEATURES
    figure, axes = canvas(TWO_COLUMNS, 12 + 4.6 * len(names), 1, 2, sharey=True, sharex=True)
    for axis, group in zip(axes, (FRACTURE, CONTROL), strict=True):
        chosen = compared[(compared.compared_with == group) & (compared.voxels == COARSE)]
        values = table[(table.group == group) & (table.voxels == COARSE)][names]
        low, high = (np.percentile(values, RANGE, axis=0) - values.mean().to_numpy()) / values.std().to_numpy()
        y = np.arange(len(names))
        axis.barh(y, high - low, left=low, height=0.75, color=GREY, alpha=0.35, linewidth=0)
        for name, rows in chosen.groupby("name", sort=False):
            z = rows.set_index("feature").loc[names, "z"]
            cut = REAL[name].is_cut
            color = COLORS.get(name, BLUE)
            label = f"real {name}" + (" (cut by the image)" if cut else "")
            # Values beyond the axis are put on its end.
            axis.plot(
                z.clip(-5.8, 5.8),
                y,
                MARKERS[name],
                color=color,
                markersize=4,
                label=label,
                mfc="none" if cut else color,
            )
        axis.axvline(0, color=GREY, linewidth=0.6)
        axis.set(title=f"{group} (n = {len(values)})", xlim=(-6, 6), xlabel="SDs from the simulated mean")
    axes[0].set_yticks(y, [name.replace("original_", "").replace("-mm-3D", " mm").replace("_", " ") for name in names])
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=5)
    return finish(figure, True)


def shown_samples(table):
    """The simulated vertebrae of the pictures: the first drawn patient of the class, with another level and scanner."""
    samples = []
    for number, (caption, (label, changes)) in enumerate(SHOWN.items()):
        patient = table[table.label == (0 if label is None else label)].iloc[number % 2].to_dict() | changes
        if label is None:
            patient |= NO_SIGNS
        samples.append(simulated(patient, 1000 + number, caption, CONTROL if label is None else FRACTURE))
    return samples


def sentences(tissues, noise, walls, compared):
    """What was found, in one line each."""

    def against(table, column, unit, what):
        real = table[table.group == "real"]
        made = table[(table.group == FRACTURE) & (table.voxels == COARSE)]
        low, middle, high = np.percentile(made[column], (RANGE[0], 50, RANGE[1]))
        listed = ", ".join(
            f"{row.name} {value:.3g}" for row, value in zip(real.itertuples(), real[column], strict=True)
        )
        return f"{what}: real {listed}; simulated {middle:.3g} ({low:.3g} to {high:.3g}) {unit}"

    for tissue in measures.TISSUES:
        chosen = tissues[tissues.tissue == tissue]
        for column, what in (("mean_hu", "mean"), ("sd_hu", "SD")):
            yield against(chosen, column, "HU", f"{tissue}, {what}")
    for tissue in ("muscle", "fat"):
        yield against(tissues[tissues.tissue == tissue], "share_of_region", "", f"{tissue}, share of the surroundings")
    yield against(noise, "sd_hu", "HU", "noise SD")
    for axis in measures.AXES:
        yield against(noise, f"correlation_{axis}", "", f"noise, correlation of neighbours {axis}")
    for wall in measures.WALLS:
        for column, unit in (("peak_p50", "HU"), ("fwhm_mm", "mm"), ("excess", "HU mm"), ("outside", "HU")):
            yield against(walls[walls.wall == wall], column, unit, f"{wall}, {column}")
    scored = compared[compared.feature.isin(FEATURES)]
    for (name, group, voxels), rows in scored.groupby(["name", "compared_with", "voxels"], sort=False):
        yield f"{name}: {rows.within.sum()} of {len(rows)} features within 5 to 95 % of {group}s, {voxels} voxels"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--real", type=Path, default=ROOT.parent / "shared" / "real" / "vertebrae")
    parser.add_argument("--patients", type=int, default=24, help="simulated, each with and without its fracture")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "phantom")
    arguments = parser.parse_args()
    if not arguments.real.is_dir():
        sys.exit(f"no real vertebrae in {arguments.real} -> give their folder with --real")
    table = draw_patients(arguments.patients, 0.5, 1.0, np.random.default_rng(7))
    real = real_samples(arguments.real)
    rows = [features(sample) for sample in real.values()]
    measured = [measure(real[name]) for name in MEASURED if name in real]
    work = list(enumerate(table.to_dict("records")))
    for found, values in runs.parallel_map(_simulate_and_measure, work, desc="simulated patients"):
        measured += found
        rows += values
    write(arguments.out, real, table, measured, pd.DataFrame(rows))


def write(out, real, table, measured, values):
    plots.style()
    tissues, noise, smoothing, walls = (
        pd.DataFrame([row for found in measured for row in found[kind]])
        for kind in ("tissues", "noise", "smoothing", "walls")
    )
    compared = compare(values)
    runs.save_figure(tissue_figure(measured), out / "tissues", tissues)
    runs.save_figure(noise_figure(measured, smoothing), out / "noise", noise)
    runs.write_csv(smoothing, out / "smoothing.csv")
    runs.save_figure(wall_figure(measured), out / "walls", walls)
    runs.save_figure(feature_figure(compared, values), out / "features", compared)
    runs.write_csv(values, out / "feature_values.csv")
    shown = shown_samples(table)
    pictured = [real[name] for name in MEASURED if name in real]
    coarse = [sample for sample in pictured if max(sample.spacing) == COARSE_MM]
    for name, samples in (
        ("side_by_side", pictured + shown),
        ("side_by_side_coarse", coarse + [sample.at(COARSE_MM) for sample in shown]),
    ):
        runs.save_figure(side_by_side(samples, [sample.name for sample in samples]), out / name)
    print(*sentences(tissues, noise, walls, compared), sep="\n")


if __name__ == "__main__":
    main()
