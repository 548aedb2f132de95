"""Short names of features and image types, so that PyRadiomics' long ones stay readable on an axis."""

import re

import numpy as np

from vcfnb.cohort import clinical
from vcfnb.figures.theme import BLUE, GREEN, GREY, MODELS, ORANGE, PURPLE, SKY, VERMILLION
from vcfnb.radiomics.baseline import PREFIX

# Image types by family: twenty colours could not be distinguished.
FAMILIES = {
    "shape": VERMILLION,
    "original": GREY,
    "LoG": BLUE,
    "wavelet": SKY,
    "LBP3D": GREEN,
    "gradient": PURPLE,
    "intensity": ORANGE,
}
_SHORTER = {
    "GrayLevel": "GL",
    "Normalized": "Norm.",
    "Emphasis": "Emph.",
    "NonUniformity": "NonUnif.",
    "Deviation": "Dev.",
    "Percentile": "Pctl.",
    "Dependence": "Dep.",
    "Maximum": "Max.",
    "Minimum": "Min.",
    "Correlation": "Corr.",
    "Difference": "Diff.",
    "MeanAbsolute": "MeanAbs.",
    "Variance": "Var.",
}

_CLINICAL = {clinical.FEATURES[name]: short for name, short in (("age", "age"), ("sex", "woman"), ("bmd", "BMD"))}
_CLINICAL |= {clinical.flag(name): f"{name} unknown" for name in clinical.FEATURES}


def short_image_type(name):
    """``log-sigma-2-0-mm-3D`` -> ``LoG 2 mm``, ``lbp-3D-m1`` -> ``LBP3D m1``, ``wavelet-LLH`` -> ``wavelet LLH``."""
    log = re.fullmatch(r"log-sigma-(\d+)-(\d+)-mm-3D", name)
    if log:
        return f"LoG {float('.'.join(log.groups())):g} mm"
    return name.replace("lbp-3D", "LBP3D").replace("squareroot", "square root").replace("-", " ")


def family(name):
    """Family of an image type, a key of ``FAMILIES``."""
    for start, result in (("log-", "LoG"), ("wavelet", "wavelet"), ("lbp", "LBP3D")):
        if name.startswith(start):
            return result
    return name if name in FAMILIES else "intensity"


def short_name(feature):
    """A feature's name for an axis: ``LoG 3 mm GLSZM LargeAreaEmph.``, ``DTL 07``."""
    feature = str(feature)
    deep = re.fullmatch(r"dtl_(\d+)", feature)
    if deep:
        return f"DTL {int(deep[1]):02d}"
    simple = feature.removeprefix(PREFIX)
    if simple in _CLINICAL:
        return _CLINICAL[simple]
    if simple != feature:
        return simple.removesuffix("_mm").replace("_", " ").replace("hu", "HU")
    parts = feature.split("_", 2)
    if len(parts) < 3:
        return feature
    kind, group, name = parts
    for long, short in _SHORTER.items():
        name = name.replace(long, short)
    group = {"firstorder": "first order", "shape": "shape"}.get(group, group.upper())
    return f"{short_image_type(kind)} {group} {name}"


def feature_rows(axis, features, margin=0.6, least=1, **label):
    """Name rows after features, the first on top, with room for at least so many; returns their positions."""
    positions = np.arange(len(features))[::-1]
    axis.set_yticks(positions, [short_name(name) for name in features], fontsize=6)
    axis.set_ylim(-margin, max(len(features), least) - 1 + margin)
    axis.set_ylabel("Feature", **label)
    return positions


def source(feature):
    """``radiomic``, ``DTL``, ``clinical`` or ``baseline``."""
    if str(feature).startswith("dtl_"):
        return "DTL"
    if str(feature).startswith(PREFIX):
        return "baseline"
    return "clinical" if str(feature).startswith(clinical.PREFIX) else "radiomic"


def source_color(feature):
    """Colour of a feature by its source."""
    colors = {"radiomic": MODELS["radiomics"], "DTL": MODELS["dtl"], "clinical": PURPLE}
    return colors.get(source(feature), MODELS["baseline"])


def image_type_order(names):
    """Image types sorted by family, then by name."""
    order = list(FAMILIES)
    return sorted(set(names), key=lambda name: (order.index(family(name)), name))
