"""First looks at the features."""

import numpy as np
import pandas as pd
from scipy import stats

from vcfnb.radiomics.settings import image_type_of


def counts_by_image_type(names):
    """Table image_type (``shape`` for shape features), n_features of some names, in their order."""
    types = pd.Series([image_type_of(name) for name in names])
    return types.value_counts(sort=False).rename_axis("image_type").rename("n_features").reset_index()


def most_different(features, label, n=6):
    """The n features whose ranks differ most between the classes, no two of them closely correlated.

    Returns case_id, label, feature, value: one row per case (the index of `features`) and feature.
    """
    label = np.asarray(label)
    ranks = pd.DataFrame(stats.rankdata(features, axis=0), columns=features.columns)
    # The AUC of each single feature, from its rank sum.
    n_acute, n_chronic = (label == 1).sum(), (label == 0).sum()
    auc = (ranks[label == 1].sum() - n_acute * (n_acute + 1) / 2) / (n_acute * n_chronic)
    chosen = []
    for name in (auc - 0.5).abs().sort_values(ascending=False, kind="stable").index:
        if all(abs(np.corrcoef(ranks[name], ranks[other])[0, 1]) < 0.8 for other in chosen):
            chosen.append(name)
        if len(chosen) == n:
            break
    wide = features[chosen].assign(label=label).rename_axis("case_id").reset_index()
    return wide.melt(["case_id", "label"], var_name="feature", value_name="value")
