"""The items of METRICS and CLEAR: numbers, groups and weights are theirs, the wording of the questions is ours."""

from functools import cache
from importlib import resources

import pandas as pd

CHECKLISTS = ("metrics", "clear")
TITLES = {
    "metrics": "METRICS, METhodological RadiomICs Score",
    "clear": "CLEAR, CheckList for EvaluAtion of Radiomics research",
}
CITATIONS = {
    "metrics": (
        "Kocak B, Akinci D'Antonoli T, Mercaldo N, et al. METhodological RadiomICs Score (METRICS). "
        "Insights Imaging 2024;15:8.",
        "https://doi.org/10.1186/s13244-023-01572-w",
    ),
    "clear": (
        "Kocak B, Baessler B, Bakas S, et al. CheckList for EvaluAtion of Radiomics research (CLEAR). "
        "Insights Imaging 2023;14:75.",
        "https://doi.org/10.1186/s13244-023-01415-8",
    ),
}
# What of the item tables was compared with what.
CHECKED = {
    "metrics": (
        "Items and weights 1 to 23 were compared with Table 1 of the article. The weights of items 24 to 30 were not "
        "read in the article: they agree with the three decimals that the authors' online calculator uses, and all "
        "thirty add up to 1.0000. The conditions (segmentation: 8 to 10; fully automatic: 9; hand-crafted features: "
        "12; tabular data: 14 to 16; end-to-end network: 17) are the calculator's. It adds rounded weights, so its "
        "score can differ in the first decimal."
    ),
    "clear": (
        "The 58 items were compared with the authors' online checklist, version 1.0. CLEAR has no weights and no score."
    ),
}


@cache
def _read(name):
    with resources.files("vcfnb.report.checklists").joinpath(f"{name}.csv").open(encoding="utf-8") as stream:
        return pd.read_csv(stream, keep_default_na=False)


def items(name):
    """The items of one checklist.

    Parameters
    ----------
    name : {"metrics", "clear"}

    Returns
    -------
    pandas.DataFrame
        item (1, 2, ...), group, name (short), question, simulated (the answer where patients are simulated, or empty),
        needs_you (what is asked of the authors where the run cannot tell, or empty), source; and for METRICS weight,
        weight_read_in (article, or calculator: see :data:`CHECKED`) and condition (when the item applies; empty:
        always), for CLEAR essential (yes, no).

    References
    ----------
    Kocak et al. 2024, Insights Imaging 15:8 (METRICS); Kocak et al. 2023, Insights Imaging 14:75 (CLEAR).
    """
    return _read(name).copy()
