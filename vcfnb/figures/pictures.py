"""Pictures of cases: slices with mask contours, crops.

Arrays are (z, y, x) in LPS orientation: z runs to the head, y to the back, x to the patient's left. SimpleITK images
are brought into it first (nearest axes, nothing is interpolated). Slices are drawn as radiologists see them:
sagittal with the front at the left, axial and coronal with the patient's right at the left.
"""

from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from vcfnb.errors import VcfnbError
from vcfnb.figures.theme import CLASSES, READINGS, TWO_COLUMNS, YELLOW, canvas, class_names, finish, require

# Axis of the array that each slice is perpendicular to, and the letters at its left and right.
PLANES = {"sagittal": (2, "AP"), "coronal": (1, "RL"), "axial": (0, "RL")}
_MARGIN_MM = 20
_OUTLINE = [withStroke(linewidth=1.5, foreground="black")]


@dataclass(frozen=True)
class Volume:
    """An image with masks on the same grid.

    Attributes
    ----------
    image : array (z, y, x)
        LPS orientation.
    masks : dict of str to array
        Non-zero inside.
    spacing : tuple of 3 float
        mm, (z, y, x).
    heatmap : array, optional
        Non-negative.
    """

    image: np.ndarray
    masks: dict = field(default_factory=dict)
    spacing: tuple = (1.0, 1.0, 1.0)
    heatmap: np.ndarray | None = None

    @classmethod
    def of(cls, image, masks=None, spacing=(1.0, 1.0, 1.0), heatmap=None):
        """Put SimpleITK images, or arrays that are in LPS orientation already, together.

        Arrays beside a SimpleITK image are taken to lie on its grid; `spacing` is that of arrays only.

        Raises
        ------
        VcfnbError
            When a mask or the heatmap has another size than the image.
        """
        masks = dict(masks or {})
        others = masks | ({} if heatmap is None else {"heatmap": heatmap})
        if isinstance(image, sitk.Image):
            oriented = sitk.DICOMOrient(image, "LPS")
            spacing = oriented.GetSpacing()[::-1]
            others = {name: _on_grid_of(image, name, other) for name, other in others.items()}
            image = sitk.GetArrayFromImage(oriented)
        image = np.asarray(image)
        others = {name: np.asarray(other) for name, other in others.items()}
        for name, other in others.items():
            if other.shape != image.shape:
                raise _other_size(name, other.shape, image.shape)
        return cls(image, {name: others[name] for name in masks}, tuple(map(float, spacing)), others.get("heatmap"))

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


def _other_size(name, shape, expected):
    problem = f"{name} {shape} and image {expected} differ in size (z, y, x)"
    return VcfnbError(problem, "put both on one grid", code="grid-mismatch")


def _on_grid_of(image, name, other):
    """Array of a mask or heatmap in LPS orientation."""
    if not isinstance(other, sitk.Image):
        other = np.asarray(other)
        if other.shape != image.GetSize()[::-1]:
            raise _other_size(name, other.shape, image.GetSize()[::-1])
        other = sitk.GetImageFromArray(other.astype(np.float32))
        other.CopyInformation(image)
    return sitk.GetArrayFromImage(sitk.DICOMOrient(other, "LPS"))


def montage(cases, level=500, width=1200, *, simulated=False):
    """Sagittal and axial slice through the middle of each case's mask, with contours; one scale for all.

    Parameters
    ----------
    cases : sequence of dict
        case_id, label (1 acute, 0 chronic), image (HU) and mask: SimpleITK images, or arrays (z, y, x) in LPS
        orientation with ``spacing`` (mm, z y x; 1 without); optionally ``readings``: dict of name to mask, such as
        ``{"reader A again": ..., "reader B": ...}``, drawn over the mask of reader A.
    level, width : float
        Window, HU (paper: 500, 1200).
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
        Contours have the colour of the class, or of the reader where there are several readings.

    Raises
    ------
    VcfnbError
        When there is no case, or a mask has another size than its image.
    """
    if not len(cases):
        raise VcfnbError("no cases", "there is nothing to draw", code="no-cases")
    columns = min(4, len(cases))
    blocks = -(-len(cases) // columns)
    edge = min(60.0, TWO_COLUMNS / columns - 2)
    figure, axes = canvas(columns * (edge + 2), blocks * (2 * edge + 8), 2 * blocks, columns, squeeze=False)
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0.01, hspace=0.01)
    several = any(case.get("readings") for case in cases)
    volumes = [_case_volume(case) for case in cases]
    view = max(volume.field_of_view for volume in volumes)
    for axis in axes.flat:
        axis.set_visible(False)
    for number, (case, volume) in enumerate(zip(cases, volumes, strict=True)):
        block, column = divmod(number, columns)
        name = class_names([case["label"]]).iloc[0]
        colors = READINGS if several else {"reader A": CLASSES[name]}
        for row, plane in enumerate(("sagittal", "axial")):
            axis = axes[2 * block + row, column]
            axis.set_visible(True)
            draw_plane(axis, volume, plane, level, width, colors, view)
        axes[2 * block, column].set_title(f"{case['case_id']}, {name}", fontsize=7, pad=2)
    scale_bar(axes[0, 0])
    if several:
        shown = dict.fromkeys(name for volume in volumes for name in volume.masks)
        handles = [Line2D([], [], color=READINGS.get(name, YELLOW), label=name) for name in shown]
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return finish(figure, simulated)


def _case_volume(case):
    masks = {"reader A": case["mask"]} | dict(case.get("readings") or {})
    try:
        return Volume.of(case["image"], masks, case.get("spacing", (1.0, 1.0, 1.0)))
    except VcfnbError as error:
        raise VcfnbError(error.problem, error.remedy, code=error.code, case=case["case_id"], file=error.file) from error


def draw_plane(axis, volume, plane, level, width, colors, view=None, middle=None, through=False):
    """Draw one slice through a voxel: window in grey, contours, heatmap.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    volume : Volume
    plane : {"sagittal", "coronal", "axial"}
    level, width : float
        Window, HU.
    colors : dict of str to color
        Of the contours, by name of the mask.
    view : float, optional
        Edge of the picture, mm, around `middle`; the whole slice when left out.
    middle : array (3,) of int, optional
        Voxel (z, y, x) through which to cut; the middle of the first mask by default.
    through : bool
        Show the heatmap's mean along the line of sight instead of its slice, as a share of the largest mean.

    Returns
    -------
    matplotlib.image.AxesImage or None
        The heatmap's.
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
            axis.contour(
                _beyond(x), _beyond(y), np.pad(part, 1), [0.5], colors=[colors.get(name, YELLOW)], linewidths=0.8
            )
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
    text = axis.text(x + length / 2, y + 0.02 * (top - bottom), f"{length} mm", color="white", fontsize=6, ha="center")
    text.set_path_effects(_OUTLINE)


def outline(axis, volume, plane, start, stop):
    """Dotted edge of a box of voxels, from `start` to before `stop` (z, y, x)."""
    rows, columns = (n for n in range(3) if n != PLANES[plane][0])
    low, high = start * volume.spacing, stop * volume.spacing
    size = (high - low)[[columns, rows]]
    axis.add_patch(Rectangle((low[columns], low[rows]), *size, fill=False, color="white", linewidth=0.5, linestyle=":"))


def three_planes(volume, level=500, width=1200, title=""):
    """Sagittal, coronal and axial slice through the middle of the mask, with its contour and a heatmap.

    Parameters
    ----------
    volume : Volume
    level, width : float
        Window, HU.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = canvas(TWO_COLUMNS, 68, 1, 3)
    colors = {"mask": YELLOW} if len(volume.masks) < 2 else READINGS
    view = volume.field_of_view if volume.masks else None
    for axis, (plane, (across, ends)) in zip(axes, PLANES.items(), strict=True):
        heat = draw_plane(axis, volume, plane, level, width, colors, view)
        axis.set_title(f"{plane}, slice {volume.middle[across]}")
        for x, end in zip((0.02, 0.98), ends, strict=True):
            letter = axis.text(x, 0.5, end, color="white", ha="left" if x < 0.5 else "right", transform=axis.transAxes)
            letter.set_path_effects(_OUTLINE)
    scale_bar(axes[0])
    if heat is not None:
        figure.colorbar(heat, ax=axes, label="Heatmap (share of its maximum)", shrink=0.8, alpha=1)
    if title:
        figure.suptitle(title)
    return figure


def crops_examples(crops, table, expansion, *, simulated=False):
    """What the network is shown: sagittal and axial middle slices of a few crops.

    Parameters
    ----------
    crops : array (n, z, y, x)
        The network's input, LPS orientation.
    table : pandas.DataFrame
        case_id and label, a row a crop in the same order.
    expansion : int
        Voxels of 1 mm around the mask's box.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
        One grey scale for all crops.
    """
    crops = np.asarray(crops)
    if not len(crops) or len(crops) != len(table):
        raise VcfnbError(
            f"{len(crops)} crops and {len(table)} cases",
            "give one row per crop, and at least one",
            code="length-mismatch",
        )
    require(table, "case_id", "label", what="the table of crops")
    columns = min(4, len(crops))
    blocks = -(-len(crops) // columns)
    edge = TWO_COLUMNS / 4 - 2
    figure, axes = canvas(max(2, columns) * (edge + 2), 6 + blocks * (2 * edge + 8), 2 * blocks, columns, squeeze=False)
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0.01, hspace=0.01)
    low, high = float(crops.min()), float(crops.max())
    for axis in axes.flat:
        axis.set_axis_off()
    for number, (crop, case_id, name) in enumerate(
        zip(crops, table["case_id"], class_names(table["label"]), strict=True)
    ):
        block, column = divmod(number, columns)
        middle = np.array(crop.shape) // 2
        sagittal, axial = axes[2 * block : 2 * block + 2, column]
        sagittal.imshow(crop[:, :, middle[2]], cmap="gray", origin="lower", vmin=low, vmax=high)
        axial.imshow(crop[middle[0]], cmap="gray", vmin=low, vmax=high)
        sagittal.set_title(f"{case_id}, {name}", fontsize=7, pad=2, color=CLASSES[name])
    figure.suptitle(f"Expansion {expansion} mm: sagittal (above) and axial slice", fontsize=8)
    return finish(figure, simulated)
