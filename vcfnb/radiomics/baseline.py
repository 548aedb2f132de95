"""The simple measurements of the baseline model: what a reader would ask for before any radiomics."""

from pathlib import Path

import pandas as pd
import SimpleITK as sitk

from vcfnb import runs
from vcfnb.errors import BadInput, VcfnbError
from vcfnb.radiomics.heights import body_heights

PREFIX = "baseline_"
# First-order and shape features among them, by name.
RADIOMIC = {
    "mean_hu": "original_firstorder_Mean",
    "hu_variance": "original_firstorder_Variance",
    "flatness": "original_shape_Flatness",
    "sphericity": "original_shape_Sphericity",
}


def simple_measurements(features, cases, cores=None):
    """Mean HU, variance of the HU, flatness, sphericity, and heights of the vertebral body.

    Parameters
    ----------
    features : pandas.DataFrame
        All radiomic features, with case_id (:func:`vcfnb.radiomics.extract_cohort`).
    cases : pandas.DataFrame
        case_id, mask (path).
    cores : int, optional

    Returns
    -------
    pandas.DataFrame
        case_id; baseline_mean_hu (HU), baseline_hu_variance (HU²), baseline_flatness, baseline_sphericity, and
        baseline_height_... of :func:`vcfnb.radiomics.heights.body_heights`, in the order of `cases`.

    Raises
    ------
    BadInput
        Masks in which no height can be measured, all at once.
    """
    measured = list(runs.parallel_map(_heights, cases.to_dict("records"), cores, desc="heights"))
    problems = [row for found in measured if isinstance(found, list) for row in found]
    if problems:
        raise BadInput(problems)
    known = features.set_index("case_id").loc[cases["case_id"], list(RADIOMIC.values())]
    known = known.set_axis(list(RADIOMIC), axis=1).reset_index()
    table = pd.concat([known, pd.DataFrame(measured)], axis=1)
    return table.rename(columns=lambda name: name if name == "case_id" else PREFIX + name)


def _heights(case):
    try:
        return body_heights(sitk.ReadImage(str(case["mask"])))
    except VcfnbError as error:
        return error.rows(case["case_id"], Path(case["mask"]))
