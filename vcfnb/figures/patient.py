"""One case and what a model makes of it: CT with ROI and heat map, contributions to the log odds."""

import numpy as np
from matplotlib.lines import Line2D

from vcfnb.figures.names import feature_rows
from vcfnb.figures.parts import canvas, finish, require
from vcfnb.figures.pictures import PLANES, Volume, draw_plane, heat_scale, middle_of, scale_bar
from vcfnb.figures.theme import BLACK, CLASSES, GREY, TWO_COLUMNS, VERMILLION, YELLOW

MOST_BARS = 15


def case_views(image, mask, heatmap, level=500, width=1200, *, simulated=False):
    """Three planes through the middle of the ROI: above CT and contour, below the heat along the line of sight.

    SimpleITK images on one grid: HU, ROI, non-negative heat. `level` and `width` of the window are HU.
    """
    figure, axes = canvas(TWO_COLUMNS, 118, 2, 3, pad=0.01)
    figure.get_layout_engine().set(h_pad=0.02)
    heat = draw_case_views(axes, image, mask, heatmap, level, width)
    heat_scale(heat, axes[1], "Mean heat along the view\n(proportion of its maximum)")
    return finish(figure, simulated)


def draw_case_views(axes, image, mask, heatmap, level, width):
    """Draw :func:`case_views` into axes (2, 3); return the heat's image."""
    volume = Volume.of(image, {"mask": mask}, heatmap=heatmap)
    plain = Volume(volume.image, volume.masks, volume.spacing)
    place = {"mask": YELLOW}, volume.field_of_view, middle_of(volume.masks["mask"])
    for column, (plane, (_, ends)) in enumerate(PLANES.items()):
        draw_plane(axes[0, column], plain, plane, level, width, *place)
        heat = draw_plane(axes[1, column], volume, plane, level, width, *place, through=True)
        axes[0, column].set_title(f"{plane} ({ends[0]}–{ends[1]})", fontsize=7, pad=2)
    axes[0, 0].set_ylabel("CT and ROI", fontsize=7)
    axes[1, 0].set_ylabel("Grad-CAM" if volume.heatmap.any() else "Grad-CAM (no heat)", fontsize=7)
    scale_bar(axes[0, 0])
    return heat


def contributions(table, *, simulated=False):
    """What each feature adds to the log odds of the primary model, and where its value lies among training cases.

    `table` (:attr:`vcfnb.prediction.Prediction.contributions`): feature, value, contribution, low, high, beyond, from
    large to small; the first ``MOST_BARS`` are drawn.
    """
    figure, axes = canvas(TWO_COLUMNS, 22 + 5 * min(len(table), MOST_BARS), 1, 2, sharey=True, width_ratios=(3, 2))
    draw_contributions(*axes, table)
    return finish(figure, simulated)


def draw_contributions(left, right, table):
    """Draw :func:`contributions` into two axes: bars, and the value between the ends of the training range."""
    require(table, "feature", "value", "contribution", "low", "high", "beyond", what="the contributions")
    shown = table.head(MOST_BARS)
    positions = feature_rows(left, shown["feature"], margin=0.7, fontsize=7)
    value = shown["contribution"].to_numpy()
    left.barh(positions, value, color=[CLASSES["acute" if each > 0 else "chronic"] for each in value], height=0.7)
    left.axvline(0, color=BLACK, linewidth=0.6)
    left.set_xlabel("Contribution to the log odds of acute\n← chronic     acute →")
    if len(shown) < len(table):
        left.set_title(f"the {len(shown)} largest of {len(table)}", fontsize=7)
    # From the smallest (0) to the largest (1) training value; values far away are drawn at the edge.
    span = (shown["high"] - shown["low"]).where(lambda width: width > 0, 1.0)
    place = ((shown["value"] - shown["low"]) / span).clip(-0.4, 1.4)
    beyond = shown["beyond"].astype(bool).to_numpy()
    right.hlines(positions, 0, 1, color=GREY, linewidth=3, alpha=0.4)
    right.scatter(place, positions, s=14, color=np.where(beyond, VERMILLION, BLACK), zorder=3)
    for position, row in zip(positions, shown.itertuples(), strict=True):
        right.text(1.5, position, f"{row.value:.3g} ({row.low:.3g} to {row.high:.3g})", fontsize=6, va="center")
    right.set(xlim=(-0.5, 3.2), ylim=left.get_ylim(), xlabel="Value, and the range of training cases")
    right.set_xticks([0, 1, 2.3], ["smallest", "largest", "value (range)"])
    right.tick_params(axis="y", left=False, labelleft=False)
    if beyond.any():
        point = Line2D([], [], color=VERMILLION, marker="o", linestyle="", label="beyond training cases")
        right.legend(handles=[point], loc="lower center", bbox_to_anchor=(0.5, 1.0), borderaxespad=0.1)
