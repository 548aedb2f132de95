"""Pictures of cases: slices with mask contours, crops.

Arrays are (z, y, x) in LPS orientation: z runs to the head, y to the back, x to the patient's left. Slices are drawn as
radiologists see them: sagittal with the front at the left, axial and coronal with the patient's right at the left.
"""

from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from vcfnb.errors import VcfnbError
from vcfnb.figures.parts import canvas, finish, require
from vcfnb.figures.theme import CLASSES, REPEATS, TWO_COLUMNS, YELLOW, class_names
from vcfnb.preprocessing.crops import bounding_box

# Axis of the array that each slice is perpendicular to, and the letters at its left and right.
PLANES = {"sagittal": (2, "AP"), "coronal": (1, "RL"), "axial": (0, "RL")}
_MARGIN_MM = 20
_OUTLINE = [withStroke(linewidth=1.5, foreground="black")]


@dataclass(frozen=True)
class Volume:
    """Arrays (z, y, x) in LPS orientation on one grid: image, masks by name, non-negative heatmap; spacing in mm."""

    image: np.ndarray
    masks: dict = field(default_factory=dict)
    spacing: tuple = (1.0, 1.0, 1.0)
    heatmap: np.ndarray | None = None

    @classmethod
    def of(cls, image, masks=None, heatmap=None):
        """From SimpleITK images, brought into LPS orientation (nearest axes), or arrays that are in it, of 1 mm.

        Arrays beside a SimpleITK image lie on its grid. A mask or heatmap of another size is a VcfnbError.
        """
        others = dict(masks or {}) | ({} if heatmap is None else {"heatmap": heatmap})
        spacing = (1.0, 1.0, 1.0)
        if isinstance(image, sitk.Image):
            oriented = sitk.DICOMOrient(image, "LPS")
            spacing = oriented.GetSpacing()[::-1]
            others = {name: _on_grid_of(image, name, other) for name, other in others.items()}
            image = sitk.GetArrayFromImage(oriented)
        image = np.asarray(image)
        others = {name: np.asarray(other) for name, other in others.items()}
        for name, other in others.items():
            _same_size(name, other.shape, image.shape)
        return cls(image, {name: others[name] for name in masks or {}}, spacing, others.get("heatmap"))

    def _box(self):
        """Middle (index) and edges (mm) of the first mask, or of the image where there is none."""
        inside = np.nonzero(next(iter(self.masks.values()))) if self.masks else [()]
        if not len(inside[0]):
            return np.array(self.image.shape) // 2, np.array(self.image.shape) * self.spacing
        middle = np.array([int(np.median(index)) for index in inside])
        return middle, np.array([np.ptp(index) + 1 for index in inside]) * self.spacing

    @property
    def middle(self):
        """Index (z, y, x) of the voxel through which slices are cut: the middle of the first mask."""
        return self._box()[0]

    @property
    def field_of_view(self):
        """Edge in mm of a square that shows the first mask and 20 mm around it."""
        return float(self._box()[1].max()) + 2 * _MARGIN_MM


def _same_size(name, shape, expected):
    if shape != expected:
        problem = f"{name} {shape} and image {expected} differ in size (z, y, x)"
        raise VcfnbError(problem, "put both on one grid", code="grid-mismatch")


def _on_grid_of(image, name, other):
    """Array of a mask or heatmap in LPS orientation."""
    if not isinstance(other, sitk.Image):
        other = np.asarray(other)
        _same_size(name, other.shape, image.GetSize()[::-1])
        other = sitk.GetImageFromArray(other.astype(np.float32))
        other.CopyInformation(image)
    return sitk.GetArrayFromImage(sitk.DICOMOrient(other, "LPS"))


def case_volume(case, mask):
    """The volume of a dict with case_id, image, mask (here called `mask`), and optionally segmentations and heatmap."""
    masks = {mask: case["mask"]} | dict(case.get("segmentations") or {})
    try:
        return Volume.of(case["image"], masks, case.get("heatmap"))
    except VcfnbError as error:
        raise VcfnbError(error.problem, error.remedy, code=error.code, case=case["case_id"], file=error.file) from error


def middle_of(mask):
    """Voxel (z, y, x) in the middle of a mask's box."""
    start, stop = bounding_box(mask)
    return start + (stop - start) // 2


def montage(cases, level=500, width=1200, *, simulated=False):
    """Sagittal and axial slice through the middle of each case's mask, with contours; one scale for all.

    `cases` are dicts: case_id, label (1 acute, 0 chronic), image (HU) and mask (SimpleITK images or arrays), and
    optionally score (probability of acute, for the title) and segmentations by name, drawn over the mask of reader A.
    Contours have the colour of the class, or of the reader where there are several segmentations. `level` and `width`
    of the window are HU.
    """
    if not len(cases):
        raise VcfnbError("no cases", "there is nothing to draw", code="no-cases")
    figure, pairs = _pairs(len(cases), min(60.0, TWO_COLUMNS / min(4, len(cases)) - 2))
    several = any(case.get("segmentations") for case in cases)
    volumes = [case_volume(case, "reader A") for case in cases]
    view = max(volume.field_of_view for volume in volumes)
    for (above, below), case, volume in zip(pairs, cases, volumes, strict=True):
        name = class_names([case["label"]]).iloc[0]
        colors = REPEATS if several else {"reader A": CLASSES[name]}
        draw_plane(above, volume, "sagittal", level, width, colors, view)
        draw_plane(below, volume, "axial", level, width, colors, view)
        score = f"\nprobability {case['score']:.2f}" if "score" in case else ""
        above.set_title(f"{case['case_id']}, {name}{score}", fontsize=7, pad=2)
    scale_bar(pairs[0, 0])
    if several:
        shown = dict.fromkeys(name for volume in volumes for name in volume.masks)
        handles = [Line2D([], [], color=REPEATS.get(name, YELLOW), label=name) for name in shown]
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return finish(figure, simulated)


def _pairs(n, edge, least=1, title=0):
    """Figure and axes (n, 2) with edges in mm, those of a case below each other, in rows of four cases."""
    columns = min(4, n)
    blocks = -(-n // columns)
    size = max(least, columns) * (edge + 2), title + blocks * (2 * edge + 8)
    figure, axes = canvas(*size, 2 * blocks, columns, pad=0.01, squeeze=False)
    pairs = axes.reshape(blocks, 2, columns).swapaxes(1, 2).reshape(-1, 2)
    for axis in pairs[n:].flat:
        axis.set_visible(False)
    return figure, pairs[:n]


def draw_plane(axis, volume, plane, level, width, colors, view=None, middle=None, through=False):
    """Draw one slice through a voxel: window (HU) in grey, contours in colours by the mask's name, heatmap.

    `view` is the edge of the picture in mm around the voxel `middle` (z, y, x; by default the middle of the first
    mask); without it the whole slice is shown. With `through` the heatmap is its mean along the line of sight instead
    of its slice, as a proportion of the largest mean. Returns the heatmap's image, or None.
    """
    across, _ = PLANES[plane]
    middle = volume.middle if middle is None else middle
    index = middle[across]
    rows, columns = (n for n in range(3) if n != across)
    size = np.array(volume.image.shape) * volume.spacing
    # Pixel edges in mm; the axial slice has the front on top, the others the head.
    extent = (0, size[columns], size[rows], 0) if plane == "axial" else (0, size[columns], 0, size[rows])
    look = {"extent": extent, "origin": "upper" if plane == "axial" else "lower", "interpolation": "nearest"}
    low, high = level - width / 2, level + width / 2
    axis.imshow(volume.image.take(index, across), cmap="gray", vmin=low, vmax=high, **look)
    heat = None
    if volume.heatmap is not None:
        part, top, opacity = volume.heatmap.take(index, across), volume.heatmap.max(), 0.6
        if through:
            part = volume.heatmap.mean(across)
            # Means are spread wider than single voxels' values: faint ones are shown too.
            top, opacity = part.max(), 1.5
        part = part / max(float(top), np.finfo(np.float32).tiny)
        heat = axis.imshow(part, cmap="inferno", vmin=0, vmax=1, alpha=np.clip(opacity * part, 0, 0.75), **look)
    x, y = ((np.arange(volume.image.shape[n]) + 0.5) * volume.spacing[n] for n in (columns, rows))
    for name, mask in volume.masks.items():
        part = mask.take(index, across) != 0
        if part.any() and min(part.shape) > 1:
            # A frame of zeros closes the contour of a mask that touches the image's border.
            color = colors.get(name, YELLOW)
            axis.contour(_beyond(x), _beyond(y), np.pad(part, 1), [0.5], colors=[color], linewidths=0.8)
    if view is not None:
        x0, y0 = ((middle[n] + 0.5) * volume.spacing[n] for n in (columns, rows))
        axis.set_xlim(x0 - view / 2, x0 + view / 2)
        axis.set_ylim(*((y0 + view / 2, y0 - view / 2) if plane == "axial" else (y0 - view / 2, y0 + view / 2)))
    axis.set(facecolor="black", xticks=[], yticks=[], aspect="equal")
    return heat


def _beyond(positions):
    step = positions[1] - positions[0]
    return np.concatenate(([positions[0] - step], positions, [positions[-1] + step]))


def scale_bar(axis, length=20):
    """White bar of `length` mm at the lower left."""
    (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    x, y = left + 0.05 * (right - left), bottom + 0.06 * (top - bottom)
    axis.plot([x, x + length], [y, y], color="white", linewidth=2, solid_capstyle="butt", path_effects=_OUTLINE)
    look = {"color": "white", "fontsize": 6, "ha": "center", "path_effects": _OUTLINE}
    axis.text(x + length / 2, y + 0.02 * (top - bottom), f"{length} mm", **look)


def outline(axis, volume, plane, start, stop):
    """Dotted edge of a box of voxels, from `start` to before `stop` (z, y, x)."""
    rows, columns = (n for n in range(3) if n != PLANES[plane][0])
    low, high = start * volume.spacing, stop * volume.spacing
    size = (high - low)[[columns, rows]]
    axis.add_patch(Rectangle((low[columns], low[rows]), *size, fill=False, color="white", linewidth=0.5, linestyle=":"))


def heat_scale(heat, axes, label, shrink=0.8):
    """Colour bar of a heatmap, opaque, beside axes."""
    bar = np.ravel(axes)[0].figure.colorbar(heat, ax=axes, label=label, shrink=shrink)
    bar.solids.set_alpha(1)


def three_planes(volume, level, width, title):
    """Sagittal, coronal and axial slice through the middle of the mask, with its contour and a heatmap."""
    figure, axes = canvas(TWO_COLUMNS, 68, 1, 3)
    colors = {"mask": YELLOW} if len(volume.masks) < 2 else REPEATS
    view = volume.field_of_view if volume.masks else None
    for axis, (plane, (across, ends)) in zip(axes, PLANES.items(), strict=True):
        heat = draw_plane(axis, volume, plane, level, width, colors, view)
        axis.set_title(f"{plane}, slice {volume.middle[across]}")
        look = {"color": "white", "transform": axis.transAxes, "path_effects": _OUTLINE}
        axis.text(0.02, 0.5, ends[0], ha="left", **look)
        axis.text(0.98, 0.5, ends[1], ha="right", **look)
    scale_bar(axes[0])
    if heat is not None:
        heat_scale(heat, axes, "Heatmap (proportion of its maximum)")
    if title:
        figure.suptitle(title)
    return figure


def crops_examples(crops, table, expansion, *, simulated=False):
    """What the network is shown: sagittal and axial middle slices of a few crops, with one grey scale.

    `crops` (n, z, y, x) is the network's input; `table` has a row a crop: case_id, label. `expansion` is in mm.
    """
    crops = np.asarray(crops)
    if not len(crops) or len(crops) != len(table):
        problem = f"{len(crops)} crops and {len(table)} cases"
        raise VcfnbError(problem, "give one row per crop, and at least one", code="length-mismatch")
    require(table, "case_id", "label", what="the table of crops")
    figure, pairs = _pairs(len(crops), TWO_COLUMNS / 4 - 2, least=2, title=6)
    named = zip(pairs, crops, table["case_id"], class_names(table["label"]), strict=True)
    for (sagittal, axial), crop, case_id, name in named:
        middle = np.array(crop.shape) // 2
        look = {"cmap": "gray", "vmin": crops.min(), "vmax": crops.max()}
        sagittal.imshow(crop[:, :, middle[2]], origin="lower", **look)
        axial.imshow(crop[middle[0]], **look)
        sagittal.set_title(f"{case_id}, {name}", fontsize=7, pad=2, color=CLASSES[name])
        sagittal.set_axis_off()
        axial.set_axis_off()
    figure.suptitle(f"Expansion {expansion} mm: sagittal (above) and axial slice", fontsize=8)
    return finish(figure, simulated)
