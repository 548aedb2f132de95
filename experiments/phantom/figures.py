"""Figures of the comparison of real with simulated vertebrae."""

import measures
import numpy as np
from matplotlib.patheffects import withStroke
from measures import BINS_HU, EDGES, RANGE
from samples import COARSE, CONTROL, FIELD_MM, FRACTURE, REAL

from vcfnb.figures.parts import canvas, finish
from vcfnb.figures.pictures import PLANES, scale_bar
from vcfnb.figures.theme import BLUE, GREY, ORANGE, PURPLE, TWO_COLUMNS, VERMILLION
from vcfnb.phantom.patients import AROUND

COLORS = {"L3": BLUE, "T12": ORANGE, "T12 DICOM": PURPLE}
MARKERS = {"L3": "o", "T12": "s", "T12 DICOM": "D", "L2": "v", "L4": "^"}
LINES = {"L3": "-", "T12": (0, (5, 1.5)), "T12 DICOM": (0, (1, 1))}

WINDOW = (200, 900)  # level and width, HU


def side_by_side(samples):
    """Sagittal, coronal and axial slices through the middle of each body, one field and one window for all."""
    columns = len(samples)
    edge = (TWO_COLUMNS - 6) / columns
    extent = np.diff(FIELD_MM, axis=1).ravel()
    heights = [extent[0] / extent[1], extent[0] / extent[2], extent[1] / extent[2]]
    figure, axes = canvas(
        TWO_COLUMNS, edge * sum(heights) + 14, 3, columns, height_ratios=heights, squeeze=False, pad=0.01
    )
    for column, sample in enumerate(samples):
        for axis, (plane, (_, ends)) in zip(axes[:, column], PLANES.items(), strict=True):
            _slice(axis, sample, sample.arrays()[0], plane, FIELD_MM)
            if column == 0:
                axis.set_ylabel(plane)
                for x, end in zip((0.03, 0.97), ends, strict=True):
                    letter = axis.text(x, 0.5, end, color="white", fontsize=6, transform=axis.transAxes, ha="center")
                    letter.set_path_effects([withStroke(linewidth=1.5, foreground="black")])
        word, color = ("real", BLUE) if sample.group == "real" else ("simulated", VERMILLION)
        axes[0, column].set_title(f"{sample.name}\n{_size(sample)}", fontsize=6, pad=2)
        axes[2, column].set_xlabel(word, color=color, fontweight="bold", labelpad=2)
    scale_bar(axes[0, 0])
    return finish(figure, True)


def _slice(axis, sample, array, plane, field_mm, cmap="gray", window=WINDOW):
    """Draw the slice of `array` through the middle of the sample's body; axes are mm from there."""
    middle = np.array([index.mean() for index in np.nonzero(sample.arrays()[1])])
    across = PLANES[plane][0]
    rows, columns = (n for n in range(3) if n != across)
    left, right, first, last = (
        (index - 0.5 - middle[n]) * sample.spacing[n]
        for n, index in ((columns, 0), (columns, array.shape[columns]), (rows, 0), (rows, array.shape[rows]))
    )
    level, width = window
    shown = axis.imshow(
        np.take(array, round(middle[across]), across),
        cmap=cmap,
        vmin=level - width / 2,
        vmax=level + width / 2,
        extent=(left, right, last, first),
        interpolation="nearest",
    )
    # The head is above, and in axial slices the front.
    upright = field_mm[rows] if rows == 0 else field_mm[rows][::-1]
    axis.set(xlim=field_mm[columns], ylim=upright, xticks=[], yticks=[], facecolor="#D8E6F0")
    for spine in axis.spines.values():
        spine.set_visible(False)
    return shown


def sign_figure(samples):
    """One patient without signs and with one sign at a time, and below what the sign changed."""
    columns = -(-len(samples) // 2)
    figure, axes = canvas(TWO_COLUMNS, 128, 4, columns, pad=0.01)
    for axis in axes.flat:
        axis.set_axis_off()
    without = samples[0].arrays()[0]
    close = ((-22, 22), (-30, 26), (-30, 30))
    for number, sample in enumerate(samples):
        above, below = axes[2 * (number // columns) : 2 * (number // columns) + 2, number % columns]
        # What lies around the bone lies mostly beside it.
        plane = "axial" if sample.name in AROUND else "sagittal"
        array = sample.arrays()[0]
        # All slices go through the middle of the same body.
        _slice(above, samples[0], array, plane, close)
        change = _slice(below, samples[0], array - without, plane, close, "RdBu_r", (0, 400))
        above.set_title(f"{sample.name}\n({plane})", fontsize=7, pad=2)
    figure.colorbar(change, ax=axes, label="change by the sign (HU)", shrink=0.4, aspect=30)
    scale_bar(axes[0, 0], 10)
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


def tissue_figure(measured):
    figure, axes = canvas(TWO_COLUMNS, 50, 1, len(measures.TISSUES))
    x = (BINS_HU[:-1] + BINS_HU[1:]) / 2
    limits = {"interior": (-250, 600), "cortex": (-200, 1200), "muscle": (-200, 300), "fat": (-300, 200)}
    for axis, tissue in zip(axes, measures.TISSUES, strict=True):
        for voxels, color, label in (("native", GREY, "own voxels"), (COARSE, VERMILLION, COARSE)):
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
    for voxels, color, label in (("native", GREY, "own voxels"), (COARSE, VERMILLION, COARSE)):
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
        axis.set(yscale="log", xlabel="smoothing, Gaussian SD (mm)", ylabel="SD (HU)", ylim=(0.5, 150), title=title)
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
        # Beside thoracic vertebrae lies the lung: below the axis.
        axis.set(title=wall, xlabel="mm outside of the wall", ylim=(-200, 700))
    axes[0].set_ylabel("median HU")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=5)
    return finish(figure, True)


def feature_figure(compared, table):
    """Real values in SDs of simulated ones; the grey bar is what 90 % of the simulated ones have."""
    names = [name for name in compared.feature.unique() if "_shape_" not in name]
    figure, axes = canvas(TWO_COLUMNS, 12 + 4.6 * len(names), 1, 2, sharey=True, sharex=True)
    for axis, group in zip(axes, (FRACTURE, CONTROL), strict=True):
        chosen = compared[(compared.compared_with == group) & (compared.voxels == COARSE)]
        values = table[(table.group == group) & (table.voxels == COARSE)][names]
        low, high = (np.percentile(values, RANGE, axis=0) - values.mean().to_numpy()) / values.std().to_numpy()
        y = np.arange(len(names))
        axis.barh(y, high - low, left=low, height=0.75, color=GREY, alpha=0.35, linewidth=0)
        for name, rows in chosen.groupby("name", sort=False):
            z = rows.set_index("feature").loc[names, "z"]
            poor = REAL[name].is_cut or REAL[name].is_rough
            color = COLORS.get(name, BLUE)
            label = f"real {name}" + (" (cut)" if REAL[name].is_cut else " (rough mask)" if poor else "")
            # Values beyond the axis are put on its end.
            axis.plot(
                z.clip(-5.8, 5.8),
                y,
                MARKERS[name],
                color=color,
                markersize=4,
                label=label,
                mfc="none" if poor else color,
            )
        axis.axvline(0, color=GREY, linewidth=0.6)
        axis.set(title=f"{group} (n = {len(values)})", xlim=(-6, 6), xlabel="SDs from the simulated mean")
    axes[0].set_yticks(y, [name.replace("original_", "").replace("-mm-3D", " mm").replace("_", " ") for name in names])
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=5)
    return finish(figure, True)
