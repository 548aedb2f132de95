"""Features in words: which image, which class, what it measures.

The words lie in ``words.csv``. Meanings are those of PyRadiomics' documentation
(https://pyradiomics.readthedocs.io/en/latest/features.html), said shortly. Axes are the image's own: x along a row, y
along a column, z from slice to slice. In a series of axial slices these run left to right, front to back and feet to
head; in sagittal slices they do not.
"""

import re
from pathlib import Path

import pandas as pd

from vcfnb.cohort import clinical
from vcfnb.radiomics.baseline import PREFIX

_TABLE = pd.read_csv(Path(__file__).with_name("words.csv"))
# By kind (image, class, each class' measures, clinical) and name.
WORDS = {kind: dict(zip(part["name"], part["words"], strict=True)) for kind, part in _TABLE.groupby("kind")}


def describe(feature):
    """A feature in words.

    `feature` is a name as in features.csv: of PyRadiomics, ``dtl_007``, ``clinical_age`` or ``baseline_mean_hu``.
    Words such as "wavelet LHL (fine detail along y, smoothed along x, z); pairs of neighbours (GLCM), Correlation: how
    linearly a grey level depends on its neighbour's" differ for each of the study's features; a measure that is not in
    the study keeps its name.
    """
    feature = str(feature)
    if feature.startswith("dtl_"):
        return (
            f"deep feature {feature.removeprefix('dtl_')}: a dimension of the network's output, without a name in words"
        )
    simple = feature.removeprefix(PREFIX)
    if simple.startswith(clinical.PREFIX):
        return _of_patient(simple)
    if simple in WORDS["baseline"]:
        return WORDS["baseline"][simple]
    image, _, rest = feature.partition("_")
    kind, _, name = rest.partition("_")
    if kind not in WORDS["class"] or not name:
        return feature
    measure = WORDS[kind].get(name)
    said = f"{WORDS['class'][kind]}, {name}" + (f": {measure}" if measure else "")
    return said if kind == "shape" else f"{image_in_words(image)}; {said}"


def image_in_words(image):
    """An image type in words: ``wavelet-LHL``, ``log-sigma-2-0-mm-3D``, ``original``."""
    log = re.fullmatch(r"log-sigma-(\d+)-(\d+)-mm-3D", image)
    if log:
        return f"LoG {float('.'.join(log.groups())):g} mm (edges and spots at this scale)"
    band = re.fullmatch(r"wavelet-([LH]{3})", image)
    if band:
        axes = {
            letter: ", ".join(axis for axis, at in zip("xyz", band[1], strict=True) if at == letter) for letter in "HL"
        }
        parts = [
            f"{what} along {axes[letter]}" for letter, what in (("H", "fine detail"), ("L", "smoothed")) if axes[letter]
        ]
        return f"wavelet {band[1]} ({', '.join(parts)})"
    return WORDS["image"].get(image, image)


def _of_patient(feature):
    for variable, name in clinical.FEATURES.items():
        if feature == name:
            return WORDS["clinical"][variable]
        if feature == clinical.flag(variable):
            return f"{WORDS['clinical'][variable].split(',')[0].split(':')[0]} was not recorded (1)"
    return feature
