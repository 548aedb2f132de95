"""What logistic regressions say about training cases that they were not fitted on."""

import numpy as np
import pandas as pd

from vcfnb import selection
from vcfnb.fusion.logistic import fit_logistic
from vcfnb.params import FusionParams


def out_of_fold_scores(x, y, settings=None, groups=None, seed=0):
    """Probabilities of training cases, each from a regression fitted without the case's patient.

    The regression's whole grid search is repeated in each fold. Features are taken as they are: if they were selected
    with the help of the held-out cases, as in notebook 05, the probabilities remain somewhat too good.

    Parameters
    ----------
    x : pandas.DataFrame
        Training cases only, one column per feature.
    y : pandas.Series or array of 0 and 1
    settings : vcfnb.params.FusionParams, optional
        Grid of C, number of folds (of both the outer and the inner cross-validation), class weight.
    groups : pandas.Series or array, optional
        Patients, kept together in the folds.
    seed : int

    Returns
    -------
    pandas.Series
        Probability of label 1, by the index of `x`.

    Raises
    ------
    BadInput, VcfnbError
        As :func:`fit_logistic`; also where a fold holds too few cases of a class for its own grid search.
    """
    settings = settings or FusionParams()
    selection.check_features(x)
    y, groups = selection.check_labels(x, y, groups)
    splits, _ = selection.folds(y, groups, settings.grid_folds, seed)
    score = np.empty(len(y))
    for fitted_on, held_out in splits:
        model = fit_logistic(x.iloc[fitted_on], y[fitted_on], settings, groups=groups[fitted_on], seed=seed)
        score[held_out] = model.score(x.iloc[held_out])
    return pd.Series(score, index=x.index, name="score")
