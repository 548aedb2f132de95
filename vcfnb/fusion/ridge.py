"""The ridge fusion: radiomic and deep features with equal weight, and no selection that saw a label.

Early fusion selects radiomic features by the label before the penalty is chosen: among hundreds of candidates some fit
the training cases by chance, they outweigh the deep features, and the probabilities get too extreme. Here the penalty
alone restrains the coefficients, and each kind of feature has the same total variance, however many features it has.
"""

import pandas as pd

from vcfnb.fusion.logistic import fit_logistic


def fit_ridge_fusion(blocks, y, settings=None, groups=None, seed=0):
    """Logistic regression with L2 penalty on blocks of features, each z-score divided by the root of its block's size.

    Parameters
    ----------
    blocks : list of pandas.DataFrame
        Training cases, one table per kind of feature: radiomic, deep, and clinical ones where there are.
    y, settings, groups, seed
        As for :func:`vcfnb.fusion.fit_logistic`, which this gives back.

    Notes
    -----
    A ridge penalty per block by way of scaling: van de Wiel et al. 2016, Stat Med 35:368 (there the weights are
    estimated; equal ones need no data).
    """
    weights = pd.concat([pd.Series(block.shape[1] ** -0.5, block.columns) for block in blocks])
    return fit_logistic(pd.concat(blocks, axis=1), y, settings, groups, seed, weights)


def block_parts(fitted, x, source):
    """What each kind of feature contributes to a regression's log odds.

    `source` names a feature's kind. A table of block, n_features, sd (of the block's part of the log odds over the
    cases of `x`) and correlation (of that part with the log odds).
    """
    parts = fitted.contributions(x)
    blocks = parts.T.groupby([source(name) for name in fitted.features], sort=False)
    sums, whole = blocks.sum().T, parts.sum(axis=1)
    table = {"n_features": blocks.size(), "sd": sums.std(ddof=0), "correlation": sums.corrwith(whole)}
    return pd.DataFrame(table).loc[list(sums)].rename_axis("block").reset_index()
