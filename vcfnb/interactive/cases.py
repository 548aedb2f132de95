"""Single cases: slices with mask and expansions, the image that a feature is measured on, what a network looks at."""

import numpy as np
import SimpleITK as sitk

from vcfnb import preprocessing
from vcfnb.errors import VcfnbError
from vcfnb.figures.names import short_image_type, short_name
from vcfnb.figures.parts import by_class, canvas, finish
from vcfnb.figures.pictures import PLANES, Volume, draw_plane, heat_scale, outline, scale_bar
from vcfnb.figures.theme import CLASSES, TWO_COLUMNS, YELLOW, class_names
from vcfnb.preprocessing.crops import expanded_box, oriented
from vcfnb.radiomics import image_types
from vcfnb.radiomics.settings import image_type_of

PERCENT = range(0, 101, 5)


def _row(table, case_id):
    found = table[table["case_id"] == case_id]
    if found.empty:
        remedy = f"take one of {', '.join(table['case_id'].head())} ..."
        raise VcfnbError(f"case {case_id} is not in the table", remedy, code="unknown-case")
    return found.iloc[0]


def _read(run, case_id):
    """Preprocessed image and mask."""
    files = preprocessing.cases(run.step("preprocessing"), [case_id]).iloc[0]
    return sitk.ReadImage(files["image"]), sitk.ReadImage(files["mask"])


def _at(start, stop, plane, percent):
    """Voxel (z, y, x) in the middle of a box, but along the plane's axis so far through it."""
    point = start + (stop - start) // 2
    across = PLANES[plane][0]
    point[across] = start[across] + round(percent / 100 * (stop[across] - 1 - start[across]))
    return point


def slices(run, table, expansions, case_id, plane, position, expansion):
    """One slice through a preprocessed case, with its mask and expansions, and the part that a network would see.

    `run`'s notebook 01 has run; `table`: case_id, label. `expansions` (voxels of 1 mm) are dotted boxes, `expansion` is
    shown by itself. `position`: percent of the way through the largest box, from the feet (axial), the front (coronal)
    or the patient's right.
    """
    settings = run.settings("preprocessing")
    name = class_names([_row(table, case_id)["label"]]).iloc[0]
    image, mask = _read(run, case_id)
    volume = Volume.of(image, {"mask": mask})
    mask = volume.masks["mask"]
    window = settings["window_level"], settings["window_width"]
    voxel = _at(*expanded_box(mask, max(expansions)), plane, position)
    voxel = np.clip(voxel, 0, np.array(volume.image.shape) - 1)
    figure, (whole, box) = canvas(TWO_COLUMNS, 88, 1, 2)
    for axis in (whole, box):
        draw_plane(axis, volume, plane, *window, {"mask": CLASSES[name]}, middle=voxel)
    for size in expansions:
        outline(whole, volume, plane, *expanded_box(mask, size))
    start, stop = expanded_box(mask, expansion)
    across, _ = PLANES[plane]
    rows, columns = (n for n in range(3) if n != across)
    edges = np.array([start, stop]) * volume.spacing
    box.set_xlim(*edges[:, columns])
    box.set_ylim(*(edges[::-1, rows] if plane == "axial" else edges[:, rows]))
    scale_bar(whole)
    whole.set_title(f"{case_id}, {name}: {plane}, slice {voxel[across]}")
    inside = start[across] <= voxel[across] < stop[across]
    box.set_title(f"expansion {expansion} mm" + ("" if inside else ": this slice lies outside its box"))
    return finish(figure, run.simulated)


def feature(run, features, table, settings, feature, case_id):
    """One feature: its values by class, and the filtered image that it is measured on, in one case.

    `features` are indexed by case_id, `table` (case_id, label) has the training cases, `settings` are those of
    extraction. The image is the middle slice of the ROI's box, over which filters work; its scale holds 98 % of values.
    """
    row = _row(table, case_id)
    values = features.loc[table["case_id"], feature]
    figure, (left, right) = canvas(TWO_COLUMNS, 78, 1, 2, width_ratios=(1, 1.25))
    by_class(left, table["label"], values)
    left.axhline(values[case_id], color=YELLOW, linewidth=1, zorder=0)
    left.annotate(case_id, (-0.58, values[case_id]), (0, 2), textcoords="offset points", fontsize=6)
    left.set_ylabel("Feature value")
    left.ticklabel_format(axis="y", scilimits=(-3, 4))
    left.set_title(short_name(feature), fontsize=7)
    kind = image_type_of(feature)
    image, mask, spacing = _filtered(run, row, settings, kind)
    volume = Volume(image, {"mask": mask}, spacing)
    low, high = np.percentile(image, (1, 99))
    draw_plane(right, volume, "sagittal", (low + high) / 2, max(high - low, 1e-9), {"mask": YELLOW})
    shown = "original" if kind == "shape" else short_image_type(kind)
    right.set_title(f"{case_id}, {class_names([row['label']]).iloc[0]}: {shown} image, sagittal")
    return finish(figure, run.simulated)


def _filtered(run, row, settings, kind):
    """The filtered image over the ROI's box, the mask there, and the spacing."""
    image, mask = map(oriented, _read(run, row["case_id"]))
    mask = sitk.GetArrayFromImage(mask) != 0
    wanted = "original" if kind == "shape" else kind
    box = image_types.Box(image, mask)
    for name, array in image_types.filtered(box, settings):
        if name == wanted:
            return np.asarray(array, dtype=float), box.mask.astype(np.uint8), image.GetSpacing()[::-1]
    problem = f"there is no image type {wanted} with these settings"
    raise VcfnbError(problem, "choose a feature that was computed", code="unknown-choice")


def network_input(network, x, case_ids, run, case_id, plane, position):
    """One slice of a network's input, and Grad-CAM over it.

    `x` (n, 1, z, y, x) are the crops of `case_ids`; `position`: percent of the way through the crop.
    """
    from vcfnb import dtl

    number = list(case_ids).index(case_id)
    crop = x[number : number + 1]
    heat = dtl.grad_cam(network, crop)[0]
    volume = Volume(crop[0, 0], {}, heatmap=heat)
    voxel = _at(np.zeros(3, dtype=int), np.array(heat.shape), plane, position)
    low, high = float(crop.min()), float(crop.max())
    figure, (plain, hot) = canvas(TWO_COLUMNS, 82, 1, 2)
    window = (low + high) / 2, max(high - low, 1e-9)
    draw_plane(plain, Volume(crop[0, 0]), plane, *window, {}, middle=voxel)
    drawn = draw_plane(hot, volume, plane, *window, {}, middle=voxel)
    plain.set_title(f"{case_id}: {plane}, {position} % through the crop")
    hot.set_title("Grad-CAM" + ("" if heat.any() else ": no cell speaks for the answer"))
    heat_scale(drawn, (plain, hot), "Heat (proportion of its maximum)")
    return finish(figure, run.simulated)
