"""How segmentation tools number vertebrae, and which part of a vertebra they draw.

Numberings: VerSe (Sekuboyina et al. 2021, doi 10.1016/j.media.2021.102166), which SPINEPS uses, too; TotalSegmentator's
tasks ``total`` and ``vertebrae_pp_refined``. The paper's ROI is the vertebral body. Tools that draw the whole vertebra
say in another file which part of it is body, and that file alone decides.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk

from vcfnb.errors import BadInput
from vcfnb.images.grids import Grid, on_grid
from vcfnb.images.reading import as_label, read_image, read_mask

_LABELS = pd.read_csv(Path(__file__).with_name("schemes.csv"), index_col="level")
# By numbering: label by level.
SCHEMES = {name: _LABELS[name].dropna().astype(int).to_dict() for name in _LABELS}
# Labels of the vertebral body in the file beside that of the whole vertebrae; none where vertebrae are bodies already.
BODY = {"verse": (49, 50), "spineps": (49, 50), "totalsegmentator": (1,), "totalsegmentator_body": ()}


def label_of(scheme, level):
    """The label of a vertebra (T1 to L6) in a numbering of :data:`SCHEMES`; None where it has none."""
    return SCHEMES.get(scheme, {}).get(level)


def is_whole_vertebra(case):
    """Whether a cohort's row says that its mask is of a whole vertebra, and names no file of bodies."""
    return bool(BODY.get(case.get("mask_scheme"), ())) and not isinstance(case.get("mask_body"), str)


def read_roi(case, image, column="mask"):
    """Read the ROI of a cohort's row (dict), on the voxels of its image: uint8, 1 inside.

    Of ``mask`` or a repeat segmentation (`column`), with its ``mask_label`` where there is one; where the row names a
    ``mask_body``, the part of it that is vertebral body by the row's ``mask_scheme``.

    Raises
    ------
    BadInput
        As :func:`read_mask`; and where the file of bodies knows no body within the vertebra.
    """
    mask = read_mask(case[column], image, as_label(case.get("mask_label")))
    path = case.get("mask_body")
    if not isinstance(path, str):
        return mask
    labels = BODY.get(case.get("mask_scheme"), ())
    bodies = read_image(path)
    inside = np.isin(sitk.GetArrayViewFromImage(bodies), labels)
    if not inside.any():
        problem = f"holds no vertebral body (label {' or '.join(map(str, labels)) or 'unknown'})"
        raise BadInput.of(path, problem, "check mask_body and mask_scheme", code="body-missing")
    body = mask * on_grid(Grid.of(bodies).placed(inside.astype(np.uint8)), image, name=path)
    if not sitk.GetArrayViewFromImage(body).any():
        problem = "knows no body within the mask's vertebra"
        remedy = "check that mask, mask_label and mask_body belong together"
        raise BadInput.of(path, problem, remedy, code="body-missing")
    return body
