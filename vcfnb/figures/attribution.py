"""What the network looks at: proportions of the regions around the bone, and heat maps over CT."""

import numpy as np
from matplotlib.lines import Line2D
from scipy import stats

from vcfnb.errors import VcfnbError
from vcfnb.figures.parts import canvas, expansion_ticks, finish, panels, require
from vcfnb.figures.pictures import PLANES, case_volume, draw_plane, heat_scale, middle_of, outline, scale_bar
from vcfnb.figures.theme import BLACK, GREY, PURPLE, VERMILLION, YELLOW, class_names, in_order
from vcfnb.preprocessing.crops import expanded_box

_REGIONS = {
    "bone": ("bone (mask)", BLACK, "o"),
    "ring": ("ring, 0 to 6 mm", PURPLE, "s"),
    "beyond": ("beyond 6 mm", GREY, "^"),
}
_WINDOW = 500, 1200  # level and width, HU (the paper's)
_DASHED = {"linewidth": 1.0, "linestyle": (0, (3, 2))}
_METHODS = {"grad_cam": "Grad-CAM", "integrated_gradients": "Integrated gradients"}


def attribution_shares(table, *, simulated=False):
    """Proportion of the attribution in bone, ring of 6 mm and beyond, by ROI expansion; one panel per method.

    Mean over the cases with its 95% t interval; dashed: the region's mean proportion of the volume, where a network
    that looks everywhere alike would lie. Cases without attribution (NaN) are counted in the title. `table`: expansion
    (voxels of 1 mm) and what :func:`vcfnb.dtl.attribution_shares` gives: case_id, method, region, share, volume_share.
    """
    require(table, "expansion", "method", "region", "share", "volume_share", what="the table of shares")
    methods = in_order(table["method"], _METHODS)
    expansions = sorted(table["expansion"].unique())
    figure, axes = panels(len(methods), 74, sharey=True)
    for axis, method in zip(axes, methods, strict=True):
        part = table[table["method"] == method]
        for number, (region, (_, color, marker)) in enumerate(_REGIONS.items()):
            rows = part[part["region"] == region].groupby("expansion")
            share = rows["share"]
            half = stats.t.ppf(0.975, share.count() - 1) * share.sem()
            x = np.arange(len(expansions)) + 0.1 * (number - 1)
            axis.errorbar(x, share.mean(), half, color=color, marker=marker, markersize=4.5, linewidth=1.2)
            axis.plot(x, rows["volume_share"].mean(), color=color, zorder=1, **_DASHED)
        silent = part.groupby(["expansion", "case_id"])["share"].apply(lambda share: share.isna().all()).sum()
        axis.set_title(_METHODS.get(method, method) + (f" ({silent} without attribution)" if silent else ""))
        expansion_ticks(axis, expansions)
        axis.set_xlim(-0.5, len(expansions) - 0.5)
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("Proportion of the attribution (mean, 95% CI)")
    handles = [Line2D([], [], color=color, marker=marker, label=name) for name, color, marker in _REGIONS.values()]
    handles.append(Line2D([], [], color=BLACK, label="proportion of the volume", **_DASHED))
    figure.legend(handles=handles, loc="outside upper center", ncols=4 if len(methods) > 1 else 2)
    return finish(figure, simulated)


def grad_cam_examples(cases, threshold=0.5, *, simulated=False):
    """Heat maps over CT, one row per case: slices through the middle of the mask's box, heat along the line of sight.

    Heat seldom lies in the very slice that shows the vertebra best: drawn is its mean over all slices, so that none is
    missed; each picture's scale ends at its own largest mean. The mask's contour is yellow, the box white. `cases`
    (:func:`vcfnb.dtl.heatmaps`) are dicts: case_id, label (1 acute, 0 chronic), score (probability of acute), image
    (HU), mask, heatmap, and expansion (voxels) of the box. From `threshold` on the network's answer is acute.
    """
    if not len(cases):
        raise VcfnbError("no cases", "there is nothing to draw", code="no-cases")
    volumes = [case_volume(case, "mask") for case in cases]
    view = max(volume.field_of_view for volume in volumes)
    figure, axes = canvas(147, len(cases) * 42 + 8, len(cases), 3, pad=0.01, squeeze=False)
    for row, case, volume in zip(axes, cases, volumes, strict=True):
        middle = middle_of(volume.masks["mask"])
        for axis, plane in zip(row, PLANES, strict=True):
            heat = draw_plane(axis, volume, plane, *_WINDOW, {"mask": YELLOW}, view, middle, through=True)
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
    heat_scale(heat, axes, "Mean heat along the view\n(proportion of its maximum)", min(1, 1.6 / len(cases)))
    return finish(figure, simulated)
