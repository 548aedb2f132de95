"""What figures are made of: pages with panels, tables with the columns they need, points with intervals."""

import matplotlib.pyplot as plt
import numpy as np

from vcfnb.errors import VcfnbError
from vcfnb.figures.theme import BLACK, CLASSES, GREY, ONE_COLUMN, SIMULATED, TWO_COLUMNS, class_names


def canvas(width_mm, height_mm, rows=1, columns=1, pad=None, **options):
    """Figure and axes of a size in mm, laid out without overlaps with `pad` inches around axes.

    It is closed to pyplot: a notebook's cell does not show it a second time at its end.
    """
    size = width_mm / 25.4, height_mm / 25.4
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", **options)
    plt.close(figure)
    if pad is not None:
        figure.get_layout_engine().set(w_pad=pad, h_pad=pad, wspace=pad, hspace=pad)
    return figure, axes


def panels(count, height_mm, width_mm=None, lettered=True, **options):
    """Figure and axes, with letters where there are several: a row, or rows of three; the height is that of a row."""
    width_mm = width_mm or (ONE_COLUMN if count == 1 else TWO_COLUMNS)
    columns = count if count <= 4 else 3
    rows = -(-count // columns)
    figure, axes = canvas(min(width_mm, TWO_COLUMNS), rows * height_mm, rows, columns, squeeze=False, **options)
    for axis in axes.flat[count:]:
        axis.set_visible(False)
    if count > 1 and lettered:
        letters(axes.flat[:count])
    return figure, axes.ravel()[:count]


def label_rows(axes, label):
    """Name the y axis of the first panel of each row."""
    for axis in axes:
        if axis.get_subplotspec().is_first_col():
            axis.set_ylabel(label)


def merged(axes):
    """One axis in place of a row or column of axes."""
    figure = axes[0].figure
    first, last = axes[0].get_subplotspec(), axes[-1].get_subplotspec()
    for axis in axes:
        axis.remove()
    rows = slice(first.rowspan.start, last.rowspan.stop)
    columns = slice(first.colspan.start, last.colspan.stop)
    return figure.add_subplot(first.get_gridspec()[rows, columns])


def finish(figure, simulated):
    """Put the note on figures of simulated patients (room is made for it), and return the figure."""
    if simulated:
        figure.supxlabel(SIMULATED, x=0.998, ha="right", fontsize=6, color=GREY, fontstyle="italic")
    return figure


def letters(axes):
    """Name panels a, b, c... at their upper left."""
    for letter, axis in zip("abcdefghijklmnop", np.ravel(axes), strict=False):
        axis.set_title(letter, loc="left", fontweight="bold")


def require(table, *columns, what="the table"):
    """Refuse a table without rows or without the columns that a figure needs."""
    missing = [column for column in columns if column not in table]
    if missing:
        raise VcfnbError(
            f"{what} has no column {', '.join(missing)}", f"it has {', '.join(map(str, table))}", code="column-missing"
        )
    if not len(table):
        raise VcfnbError(f"{what} has no rows", "there is nothing to draw", code="empty-table")


def intervals(axis, positions, table, value="auc", ends=("ci_low", "ci_high"), across=False, **look):
    """Values with their intervals over `positions`, or beside them where they lie across."""
    errors = table[list(ends)].sub(table[value], axis=0).abs().to_numpy().T
    look = {"marker": "o", "linewidth": 0.9} | look
    if across:
        axis.errorbar(table[value], positions, xerr=errors, **look)
    else:
        axis.errorbar(positions, table[value], errors, **look)


def expansion_ticks(axis, expansions):
    axis.set_xticks(range(len(expansions)), [f"{expansion:g}" for expansion in expansions])
    axis.set_xlabel("ROI expansion (mm)")


def spread(n):
    """Offsets from -0.5 to 0.5: multiples of the golden ratio fill the width evenly, neighbours lie far apart."""
    return (np.arange(n) * 0.6180339887 + 0.5) % 1 - 0.5


def strips(axis, groups, colors):
    """Points of each group (values and colours by name) beside each other, with median and quartiles."""
    for position, (name, values) in enumerate(groups.items()):
        values = np.asarray(values, dtype=float)
        values = np.sort(values[np.isfinite(values)])
        axis.scatter(
            position + 0.64 * spread(len(values)),
            values,
            s=9,
            color=colors[name],
            alpha=0.75,
            linewidths=0,
            rasterized=len(values) > 500,
        )
        if len(values) > 1:
            low, middle, high = np.percentile(values, (25, 50, 75))
            axis.plot([position, position], [low, high], color=BLACK, linewidth=1, zorder=3)
            axis.plot([position - 0.18, position + 0.18], [middle] * 2, color=BLACK, linewidth=1.6, zorder=3)
    axis.set_xlim(-0.6, len(groups) - 0.4)
    axis.set_xticks(range(len(groups)), [f"{name}\n(n = {len(values)})" for name, values in groups.items()])


def by_class(axis, labels, values):
    """:func:`strips` of acute and chronic fractures."""
    names = class_names(labels).to_numpy()
    strips(axis, {name: values[names == name] for name in CLASSES if (names == name).any()}, CLASSES)
    axis.set_xlabel("Fracture")
