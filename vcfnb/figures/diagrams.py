"""Figures drawn by code: patient flow, workflow, units of ShuffleNet. Coordinates are mm on the page."""

import textwrap

from matplotlib.colors import to_rgb
from matplotlib.patches import FancyBboxPatch

from vcfnb.figures.parts import canvas, finish
from vcfnb.figures.theme import BLACK, BLUE, GREEN, GREY, MODELS, ORANGE, PURPLE, TWO_COLUMNS

_LINE_MM = 3.4  # height of a line of 7 pt text
_CHARACTER_MM = 1.5  # mean width of a character of 7 pt text


def _page(width, height):
    figure, axis = canvas(width, height, pad=0)
    axis.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axis.set_axis_off()
    return figure, axis


class _Box:
    """A box with text, by its centre; its sides are where arrows begin and end."""

    def __init__(self, axis, x, y, width, height, text, color=BLACK, fill="white", size=7):
        self.x, self.y, self.width, self.height = x, y, width, height
        look = {"boxstyle": "round,pad=0,rounding_size=1.2", "facecolor": fill, "edgecolor": color, "lw": 0.8}
        axis.add_patch(FancyBboxPatch((x - width / 2, y - height / 2), width, height, **look))
        axis.text(x, y, text, ha="center", va="center", fontsize=size, color=BLACK, linespacing=1.25)

    left = property(lambda self: (self.x - self.width / 2, self.y))
    right = property(lambda self: (self.x + self.width / 2, self.y))
    top = property(lambda self: (self.x, self.y + self.height / 2))
    bottom = property(lambda self: (self.x, self.y - self.height / 2))


def _arrow(axis, *points):
    """Arrow through points (x, y), with straight pieces."""
    *start, end = points
    for a, b in zip(start, start[1:], strict=False):
        axis.plot(*zip(a, b, strict=True), color=BLACK, linewidth=0.8, solid_capstyle="round")
    look = {"arrowstyle": "-|>", "linewidth": 0.8, "color": BLACK, "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", end, start[-1], arrowprops=look)


def _tint(color, share=0.12):
    """The colour thinned with white."""
    return tuple(1 - share * (1 - part) for part in to_rgb(color))


def patient_flow(counts, *, simulated=False):
    """Figure 1: cases read, excluded with reasons, included, and split.

    `counts` (:func:`vcfnb.cohort.flow`): read, exclusions (reason -> number), included, patients, and for train and
    test n, acute, chronic.
    """
    wide = 62
    lines = [f"Excluded: {sum(counts['exclusions'].values())}"]
    for reason, number in counts["exclusions"].items():
        text, letters = f"{reason}: {number}", int(wide / _CHARACTER_MM) - 3
        lines += textwrap.wrap(text, letters, initial_indent="- ", subsequent_indent="  ")
    side = _LINE_MM * len(lines) + 5
    gap = max(side + 6, 16)
    height = 14 + gap + 14 + 14 + 20 + 4
    figure, axis = _page(130, height)
    top = height - 9
    read = _Box(axis, 36, top, 58, 12, f"Cases read\nn = {counts['read']}")
    text = f"Cases included of {counts['patients']} patients\nn = {counts['included']}"
    included = _Box(axis, 36, top - 12 - gap, 58, 12, text, fill=_tint(BLUE))
    _arrow(axis, read.bottom, included.top)
    middle = (read.bottom[1] + included.top[1]) / 2
    box = _Box(axis, 97, middle, wide, side, "", color=GREY)
    axis.text(box.left[0] + 2, middle, "\n".join(lines), va="center", fontsize=7, linespacing=1.25)
    _arrow(axis, (36, middle), box.left)
    for x, name, split in ((36, "Training set", "train"), (97, "Test set", "test")):
        part = counts[split]
        text = f"{name}\nn = {part['n']}\n{part['acute']} acute, {part['chronic']} chronic"
        below = _Box(axis, x, included.bottom[1] - 20, 52, 16, text)
        bend = included.bottom[1] - 6
        _arrow(axis, included.bottom, (36, bend), (x, bend), below.top)
    return finish(figure, simulated)


def workflow(*, simulated=False):
    """Figure 2: the steps of the study, with the notebook that does each."""
    figure, axis = _page(TWO_COLUMNS, 74)
    neutral = _tint(GREY, 0.15)
    top, middle, low = 58, 37, 16

    def box(x, y, width, number, title, text, color=GREY, height=17):
        made = _Box(axis, x, y, width, height, "", color=color, fill=_tint(color) if color != GREY else neutral)
        axis.text(x, y + height / 2 - 3.2, title, ha="center", va="center", fontsize=7, fontweight="bold")
        axis.text(x, y - 1.8, text, ha="center", va="center", fontsize=6, linespacing=1.2)
        axis.text(x - width / 2 + 0.5, y + height / 2 + 0.6, number, ha="left", va="bottom", fontsize=6, color=GREY)
        return made

    cohort = box(13.5, middle, 26, "00", "Cohort", "CT, masks,\nMRI label;\nsplit by patient", height=19)
    images = box(44.5, middle, 27, "01", "Preprocessing", "1 mm voxels,\nbone window", height=19)
    icc = box(77, top, 27, "02", "ICC", "2 readers, ICC > 0.8\nboth ways", MODELS["radiomics"])
    radiomics = box(77, middle, 27, "03", "Radiomics", "1834 features\nper vertebra", MODELS["radiomics"])
    deep = box(77, low, 27, "04", "DTL", "crops +0, 2, ... 10 mm,\n6 ShuffleNets, 3D", MODELS["dtl"])
    text = "correlation, wrapper,\nLASSO; expansion\nby training cases"
    chosen = box(110, middle, 28, "05", "Selection", text, PURPLE, height=19)
    fusion = box(141, middle, 23, "06", "Fusion", "LASSO, logistic\nregression", MODELS["fusion"], height=19)
    statistics = box(169, middle, 26, "07", "Statistics", "AUC, DeLong test,\ncalibration,\ndecision curves", height=19)
    _arrow(axis, cohort.right, images.left)
    _arrow(axis, images.right, radiomics.left)
    for branch, side in ((icc, chosen.top), (deep, chosen.bottom)):
        _arrow(axis, images.right, (60.5, middle), (60.5, branch.y), branch.left)
        _arrow(axis, branch.right, (110, branch.y), side)
    _arrow(axis, radiomics.right, chosen.left)
    _arrow(axis, chosen.right, fusion.left)
    _arrow(axis, fusion.right, statistics.left)
    others = box(169, top, 26, "08, 09", "Robustness", "other splits;\nleakage audit")
    predict = box(169, low, 26, "10", "Predict", "the next patient")
    for branch, start in ((others, fusion.top), (predict, fusion.bottom)):
        _arrow(axis, start, (141, branch.y), branch.left)
    axis.plot([154.3, 154.3], [5, 70], color=GREY, linewidth=0.8, linestyle=":")
    note = {"va": "center", "fontsize": 6, "color": GREY, "fontstyle": "italic"}
    axis.text(153.3, 71.5, "training cases only", ha="right", **note)
    axis.text(155.3, 71.5, "test cases opened", ha="left", **note)
    return finish(figure, simulated)


_POINTWISE, _DEPTHWISE, _MIX, _PLAIN = _tint(BLUE, 0.2), _tint(ORANGE, 0.35), _tint(GREEN, 0.25), "white"
_GROUPED = ("1×1×1\ngrouped conv\nBN, ReLU", _POINTWISE)
_LAST_GROUPED = ("1×1×1\ngrouped conv\nBN", _POINTWISE)
_CONV = ("1×1×1 conv\nBN, ReLU", _POINTWISE)
_SHUFFLE = ("channel shuffle", _MIX)
_SPLIT, _RELU = ("channel split", _PLAIN), ("ReLU", _PLAIN)
_POOL = ("3×3×3\naverage pool\nstride 2", _PLAIN)
_DEPTHWISE_1 = ("3×3×3\ndepthwise conv\nBN", _DEPTHWISE)
_DEPTHWISE_2 = ("3×3×3 depth-\nwise conv, BN\nstride 2", _DEPTHWISE)


def shufflenet_unit(*, simulated=False):
    """Figure 4: the units of ShuffleNet v1 (a) and v2 (b), each with stride 1 and 2, with 3D kernels.

    After Zhang et al. 2018 (arXiv 1707.01083, figure 2) and Ma et al. 2018 (arXiv 1807.11164, figure 3).
    """
    figure, axis = _page(TWO_COLUMNS, 104)
    v1 = [_GROUPED, _SHUFFLE]
    _unit(axis, 22, "stride 1", [], v1 + [_DEPTHWISE_1, _LAST_GROUPED], "add", _RELU)
    _unit(axis, 68, "stride 2", [_POOL], v1 + [_DEPTHWISE_2, _LAST_GROUPED], "concat", _RELU)
    _unit(axis, 115, "stride 1", [], [_CONV, _DEPTHWISE_1, _CONV], "concat", _SHUFFLE, first=_SPLIT)
    _unit(axis, 161, "stride 2", [_DEPTHWISE_2, _CONV], [_CONV, _DEPTHWISE_2, _CONV], "concat", _SHUFFLE)
    axis.plot([91.5, 91.5], [2, 102], color=GREY, linewidth=0.6, linestyle=":")
    for x, letter, name in ((1, "a", "ShuffleNet v1 in 3D"), (94, "b", "ShuffleNet v2 in 3D")):
        axis.text(x, 101, letter, fontsize=9, fontweight="bold", va="center")
        axis.text(x + 4, 101, name, fontsize=8, va="center")
    return finish(figure, simulated)


def _unit(axis, x, title, shortcut, main, meeting, last, first=None):
    """One unit, from top to bottom: input, shortcut at the left and convolutions at the right, meeting, output."""
    left, right, width = x - 11.5, x + 11.5, 20.5
    axis.text(x, 95.5, title, ha="center", va="center", fontsize=7, fontstyle="italic")
    start = (x, 90)
    _arrow(axis, (x, 93.5), start)
    if first:
        start = _stacked(axis, x, 90, width, [first])
    end = _stacked(axis, right, start[1] - 5, width, main, enter=start)
    if shortcut:
        middle = (start[1] - 5 + end[1]) / 2
        height = sum(_height(text) for text, _ in shortcut) + 4 * (len(shortcut) - 1)
        other = _stacked(axis, left, middle + height / 2, width, shortcut, enter=start)
    else:
        other = (left, start[1] - 2)
        axis.plot([x, left], [other[1]] * 2, color=BLACK, linewidth=0.8)
    node = _Box(axis, x, 20, 13, 5, meeting, size=6)
    _arrow(axis, end, (end[0], 20), node.right)
    _arrow(axis, other, (left, 20), node.left)
    out = _stacked(axis, x, 13.5, width, [last], enter=node.bottom)
    _arrow(axis, out, (x, out[1] - 4))


def _height(text):
    return 2.9 * (text.count("\n") + 1) + 2


def _stacked(axis, x, top, width, parts, enter=None):
    """Boxes below each other, joined by arrows; returns the point under the last one."""
    for text, fill in parts:
        box = _Box(axis, x, top - _height(text) / 2, width, _height(text), text, fill=fill, size=6)
        if enter:
            bend = enter[1] - 2
            _arrow(axis, *dict.fromkeys((enter, (enter[0], bend), (x, bend), box.top)))
        enter, top = box.bottom, box.bottom[1] - 4
    return enter
