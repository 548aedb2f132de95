"""The baseline model's features: simple measurements of the image, and age, sex and bone density where they are known.

A study of radiomics has to be better than these; the baseline sees the same training cases in the same folds.
"""

import pandas as pd

from vcfnb.cohort.clinical import FEATURES, ClinicalEncoder
from vcfnb.radiomics.baseline import PREFIX


def fit_baseline_encoder(cases):
    """Encoder of the clinical variables that any training case has; missing values get the median and a flag."""
    known = [name for name in FEATURES if name in cases and cases[name].notna().any()]
    return ClinicalEncoder.fit(cases, known, "median")


def baseline_features(cases, encoder):
    """Features of any cases, from a table that has the simple measurements (``baseline_...``) as columns."""
    simple = cases[[name for name in cases if name.startswith(PREFIX)]]
    return pd.concat([simple, encoder.transform(cases).add_prefix(PREFIX)], axis=1)
