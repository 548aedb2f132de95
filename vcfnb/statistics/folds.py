"""Cross-validation folds that keep patients together."""

import numpy as np


def stratified_folds(y, groups, n_folds, seed):
    """Positions (train, test) of the cases of each fold, stratified by label, with the cases of a patient together."""
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(y)), y, groups))
