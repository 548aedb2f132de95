"""Radiomics: PyRadiomics' 1834 values of the paper, computed faster.

The definitions are PyRadiomics' (van Griethuysen et al. 2017, Cancer Res 77:e104; https://pyradiomics.readthedocs.io),
and so are the names. The tests compare every value with PyRadiomics itself.
"""

from vcfnb.radiomics.engine import extract_features
from vcfnb.radiomics.extraction import extract_cohort, stop_on
from vcfnb.radiomics.settings import Settings, feature_names
from vcfnb.radiomics.summary import counts_by_image_type, image_type_of, most_different

__all__ = [
    "Settings",
    "counts_by_image_type",
    "extract_cohort",
    "extract_features",
    "feature_names",
    "image_type_of",
    "most_different",
    "stop_on",
]
