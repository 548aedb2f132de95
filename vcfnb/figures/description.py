"""Who is in the study: size of the test set, quality of the images."""

import numpy as np

from vcfnb.errors import VcfnbError
from vcfnb.figures.parts import by_class, canvas, finish, panels, require
from vcfnb.figures.theme import BLACK, GREY, ONE_COLUMN, VERMILLION

_QUALITY = {
    "roi_volume_ml_out": "Volume of the ROI (ml)",
    "hu_p50": "Median density of the ROI (HU)",
    "hu_sd": "SD of density in the ROI (HU)",
    "clipped_fraction": "Proportion of clipped voxels",
}


def split_power(data, n_test, target, *, simulated=False):
    """Precision of an AUC by the size of the test set.

    `data` (:func:`vcfnb.statistics.auc_width_by_size`): n (test cases), width (of the AUC's 95% interval). Marked are
    `n_test`, the cases of this study, and the first size that reaches the width `target`.
    """
    require(data, "n", "width", what="precision by size")
    data = data.sort_values("n")
    n, values = data["n"].to_numpy(dtype=float), data["width"].to_numpy(dtype=float)
    figure, axis = canvas(ONE_COLUMN, 62)
    axis.plot(n, values, color=BLACK)
    axis.axhline(target, color=GREY, linestyle="--", linewidth=0.8)
    enough = n[values <= target]
    label = f"aim {target:g}: " + (f"{enough[0]:.0f} cases" if len(enough) else f"more than {n[-1]:.0f} cases")
    axis.annotate(label, (n[-1], target), (0, 3), textcoords="offset points", ha="right", fontsize=7, color=GREY)
    if n[0] <= n_test <= n[-1]:
        here = np.interp(n_test, n, values)
        axis.plot(n_test, here, "o", color=VERMILLION)
        text = f"this study: n = {n_test}, {here:.2f}"
        axis.annotate(text, (n_test, here), (6, 6), textcoords="offset points", fontsize=7, color=VERMILLION)
    axis.set(xlabel="Test cases", ylabel="Expected width of the\n95% CI of the AUC", xlim=(0, None))
    axis.set_ylim(0, min(1.0, 1.08 * np.nanmax(values)))
    return finish(figure, simulated)


def quality(qc, *, simulated=False):
    """Volume and density of the ROI, case by case, by class.

    `qc`: label and any of roi_volume_ml_out (ml), hu_p50, hu_sd (HU), clipped_fraction (0 to 1).
    """
    require(qc, "label", what="the quality table")
    columns = [column for column in _QUALITY if column in qc and qc[column].notna().any()]
    if not columns:
        raise VcfnbError(f"the quality table has none of the columns {', '.join(_QUALITY)}", code="column-missing")
    figure, axes = panels(len(columns), 60, 46 * len(columns) + 15)
    for axis, column in zip(axes, columns, strict=True):
        by_class(axis, qc["label"], qc[column])
        axis.set_ylabel(_QUALITY[column])
    return finish(figure, simulated)
