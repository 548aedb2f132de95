"""Who is in the study: size of the test set, quality of the images."""

import numpy as np

from vcfnb.errors import VcfnbError
from vcfnb.figures.theme import (
    BLACK,
    CLASSES,
    GREY,
    ONE_COLUMN,
    TWO_COLUMNS,
    VERMILLION,
    canvas,
    class_names,
    finish,
    letters,
    require,
    strips,
)

_QUALITY = {
    "roi_volume_ml_out": "Volume of the ROI (ml)",
    "hu_p50": "Median density of the ROI (HU)",
    "hu_sd": "SD of density in the ROI (HU)",
    "clipped_fraction": "Share of clipped voxels",
}
_PRECISION = {
    "width": "Expected width of the\n95% CI",
    "half_width": "Expected half width of the\n95% CI",
    "power": "Power",
}


def split_power(data, n_test=None, target=None, *, simulated=False):
    """Precision (or power) of an AUC by the size of the test set.

    Parameters
    ----------
    data : pandas.DataFrame
        ``n`` (test cases) and one of ``width``, ``half_width`` (of the AUC's 95% interval) or ``power``;
        :func:`vcfnb.statistics.auc_width_by_size`.
    n_test : int, optional
        Test cases of this study; marked.
    target : float, optional
        The width or power aimed at; the first size that reaches it is marked.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
    """
    require(data, "n", what="precision by size")
    column = next((name for name in _PRECISION if name in data), None)
    if column is None:
        raise VcfnbError(f"precision by size has none of the columns {', '.join(_PRECISION)}", code="column-missing")
    data = data.sort_values("n")
    n, values = data["n"].to_numpy(dtype=float), data[column].to_numpy(dtype=float)
    figure, axis = canvas(ONE_COLUMN, 62)
    axis.plot(n, values, color=BLACK, marker="" if len(n) > 1 else "o")
    if target is not None:
        axis.axhline(target, color=GREY, linestyle="--", linewidth=0.8)
        enough = n[values >= target] if column == "power" else n[values <= target]
        label = f"aim {target:g}: " + (f"{enough[0]:.0f} cases" if len(enough) else f"more than {n[-1]:.0f} cases")
        axis.annotate(label, (n[-1], target), (0, 3), textcoords="offset points", ha="right", fontsize=7, color=GREY)
    if n_test is not None and n[0] <= n_test <= n[-1]:
        here = np.interp(n_test, n, values)
        axis.plot(n_test, here, "o", color=VERMILLION)
        text = f"this study: n = {n_test}, {here:.2f}"
        axis.annotate(text, (n_test, here), (6, 6), textcoords="offset points", fontsize=7, color=VERMILLION)
    axis.set(xlabel="Test cases", ylabel=f"{_PRECISION[column]} of the AUC", xlim=(0, None))
    axis.set_ylim(0, 1.02 if column == "power" else min(1.0, 1.08 * np.nanmax(values)))
    return finish(figure, simulated)


def quality(qc, *, simulated=False):
    """Volume and density of the ROI, case by case, by class.

    Parameters
    ----------
    qc : pandas.DataFrame
        ``label`` and any of ``roi_volume_ml_out`` (ml), ``hu_p50``, ``hu_sd`` (HU), ``clipped_fraction`` (0 to 1).
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
    """
    require(qc, "label", what="the quality table")
    columns = [column for column in _QUALITY if column in qc and qc[column].notna().any()]
    if not columns:
        raise VcfnbError(f"the quality table has none of the columns {', '.join(_QUALITY)}", code="column-missing")
    names = class_names(qc["label"]).to_numpy()
    figure, axes = canvas(min(TWO_COLUMNS, 46 * len(columns) + 15), 60, 1, len(columns), squeeze=False)
    for axis, column in zip(axes[0], columns, strict=True):
        groups = {name: qc.loc[names == name, column] for name in CLASSES if (names == name).any()}
        strips(axis, groups, CLASSES)
        axis.set(ylabel=_QUALITY[column], xlabel="Fracture")
    if len(columns) > 1:
        letters(axes)
    return finish(figure, simulated)
