"""What the network looks at: shares of the regions around the bone, and heat maps over CT."""

import numpy as np
from matplotlib.lines import Line2D
from scipy import stats

from vcfnb.errors import VcfnbError
from vcfnb.figures.pictures import PLANES, Volume, draw_plane, outline, scale_bar
from vcfnb.figures.theme import (
    BLACK,
    GREY,
    ONE_COLUMN,
    PURPLE,
    TWO_COLUMNS,
    VERMILLION,
    YELLOW,
    canvas,
    class_names,
    finish,
    letters,
    require,
)
from vcfnb.preprocessing.crops import bounding_box, expanded_box

_REGIONS = {
    "bone": ("bone (mask)", BLACK, "o"),
    "ring": ("ring, 0 to 6 mm", PURPLE, "s"),
    "beyond": ("beyond 6 mm", GREY, "^"),
}
_METHODS = {"grad_cam": "Grad-CAM", "integrated_gradients": "Integrated gradients"}


def attribution_shares(table, *, simulated=False):
    """Share of the attribution in the bone, in the ring of 6 mm and beyond, by ROI expansion; one panel per method.

    Parameters
    ----------
    table : pandas.DataFrame
        case_id, method, region, share, volume_share (:func:`vcfnb.dtl.attribution_shares`) and expansion (voxels
        of 1 mm).
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
        Mean over the cases with its 95% t interval; dashed: the region's mean share of the volume, where a network
        that looks everywhere alike would lie. Cases without attribution (NaN) are left out, and counted in the title.
    """
    require(table, "expansion", "method", "region", "share", "volume_share", what="the table of shares")
    methods = [name for name in _METHODS if name in set(table["method"])]
    methods += [name for name in table["method"].unique() if name not in methods]
    expansions = sorted(table["expansion"].unique())
    width = TWO_COLUMNS if len(methods) > 1 else ONE_COLUMN
    figure, axes = canvas(width, 74, 1, len(methods), squeeze=False, sharey=True)
    for axis, method in zip(axes[0], methods, strict=True):
        part = table[table["method"] == method]
        for number, (region, (_, color, marker)) in enumerate(_REGIONS.items()):
            rows = [part[(part["region"] == region) & (part["expansion"] == expansion)] for expansion in expansions]
            means, halves = zip(*(_mean_and_half(row["share"].dropna()) for row in rows), strict=True)
            x = np.arange(len(expansions)) + 0.1 * (number - 1)
            axis.errorbar(x, means, halves, color=color, marker=marker, markersize=4.5, linewidth=1.2)
            sizes = [row["volume_share"].mean() for row in rows]
            axis.plot(x, sizes, color=color, linewidth=1.0, linestyle=(0, (3, 2)), zorder=1)
        silent = part.groupby(["expansion", "case_id"])["share"].apply(lambda share: share.isna().all()).sum()
        axis.set_title(_METHODS.get(method, method) + (f" ({silent} without attribution)" if silent else ""))
        axis.set_xticks(range(len(expansions)), [f"{expansion:g}" for expansion in expansions])
        axis.set(xlabel="ROI expansion (mm)", xlim=(-0.5, len(expansions) - 0.5))
    axes[0, 0].set_ylim(bottom=0)
    axes[0, 0].set_ylabel("Share of the attribution (mean, 95% CI)")
    handles = [Line2D([], [], color=color, marker=marker, label=name) for name, color, marker in _REGIONS.values()]
    handles.append(Line2D([], [], color=BLACK, linewidth=1.0, linestyle=(0, (3, 2)), label="share of the volume"))
    figure.legend(handles=handles, loc="outside upper center", ncols=4 if len(methods) > 1 else 2)
    if len(methods) > 1:
        letters(axes)
    return finish(figure, simulated)


def _mean_and_half(values):
    """Mean and half of its 95% t interval."""
    if len(values) < 2:
        return values.mean(), np.nan
    return values.mean(), stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))


def grad_cam_examples(cases, level=500, width=1200, threshold=0.5, *, simulated=False):
    """Heat maps over CT, one row per case: slices through the middle of the mask's box, heat along the line of sight.

    Heat seldom lies in the very slice that shows the vertebra best: drawn is its mean over all slices, so that none is
    missed.

    Parameters
    ----------
    cases : sequence of dict
        case_id, label (1 acute, 0 chronic), score (probability of acute), image (HU), mask and heatmap
        (:func:`vcfnb.dtl.heatmap_image`): SimpleITK images on one grid, or arrays (z, y, x) in LPS orientation
        with ``spacing`` (mm, z y x; 1 without). With ``expansion`` (voxels), the box that the network saw is drawn.
    level, width : float
        Window, HU (paper: 500, 1200).
    threshold : float
        Score from which on the network's answer is acute.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
        Each picture's scale ends at its own largest mean. The mask's contour is yellow, the box white.

    Raises
    ------
    VcfnbError
        When there is no case, or a mask or heat map has another size than its image.
    """
    if not len(cases):
        raise VcfnbError("no cases", "there is nothing to draw", code="no-cases")
    volumes = [_volume(case) for case in cases]
    view = max(volume.field_of_view for volume in volumes)
    edge = 41
    figure, axes = canvas(3 * edge + 24, len(cases) * (edge + 1) + 8, len(cases), 3, squeeze=False)
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0.01, hspace=0.01)
    for row, case, volume in zip(axes, cases, volumes, strict=True):
        start, stop = bounding_box(volume.masks["mask"])
        middle = start + (stop - start) // 2
        for axis, plane in zip(row, PLANES, strict=True):
            heat = draw_plane(axis, volume, plane, level, width, {"mask": YELLOW}, view, middle, through=True)
            if "expansion" in case:
                outline(axis, volume, plane, *expanded_box(volume.masks["mask"], case["expansion"]))
        name = class_names([case["label"]]).iloc[0]
        right = (case["score"] >= threshold) == (name == "acute")
        text = f"{case['case_id']}: {name}\nscore {case['score']:.2f}, {'correct' if right else 'wrong'}"
        text += "" if volume.heatmap.any() else "\n(no heat)"
        row[0].set_ylabel(text, fontsize=7, color=BLACK if right else VERMILLION)
    for axis, (plane, (_, ends)) in zip(axes[0], PLANES.items(), strict=True):
        axis.set_title(f"{plane} ({ends[0]}–{ends[1]})")
    scale_bar(axes[0, 0])
    bar = figure.colorbar(
        heat,
        ax=axes,
        label="Mean heat along the view\n(share of its maximum)",
        shrink=min(1, 1.6 / len(cases)),
    )
    bar.solids.set_alpha(1)
    return finish(figure, simulated)


def _volume(case):
    try:
        return Volume.of(
            case["image"], {"mask": case["mask"]}, case.get("spacing", (1.0, 1.0, 1.0)), heatmap=case["heatmap"]
        )
    except VcfnbError as error:
        raise VcfnbError(error.problem, error.remedy, code=error.code, case=case["case_id"], file=error.file) from error
