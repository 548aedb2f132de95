"""Bringing the features of networks that were trained on parts of the cases into one space."""

import numpy as np
import pandas as pd
from scipy.linalg import orthogonal_procrustes

from vcfnb.dtl.reduction import reduce_features


def align(features, seen, target, reduction):
    """Turn one network's features into another network's reduced space.

    Two networks fine-tuned from the same start on different cases need not agree on what their channels mean, nor on
    the order of their principal components.

    ``pca``: the features are reduced to as many principal components as the target has (fitted on `seen`), and these
    are rotated onto the target by the orthogonal Procrustes solution, fitted on the same cases; finally the target's
    mean over these cases is added.

    - The rotation is fitted on cases that *both* networks were trained on, never on the cases whose features are
      wanted. Trained cases lie further apart than new ones in both spaces alike, so one map serves both kinds.
    - A rotation keeps distances: a held-out case arrives as far from the centre as its network put it, which is how
      far the final network puts a test case. A regression (ridge) from the channels minimises the error on trained
      cases, which overfit, and shrinks held-out cases: their scale no longer fits the test cases'.

    ``lasso``: a dimension is one channel. Networks from one start keep their channels' meaning, so the same channels
    are taken, each with the target's mean and SD over `seen`.

    Labels enter nowhere. How well it works can be seen on test cases, which neither network was trained on:
    :func:`agreement`.

    Parameters
    ----------
    features : array (n, channels)
        Of one fold's network, for all cases.
    seen : array of int
        Cases on which this network and the final one were trained.
    target : array (n, dimensions)
        Reduced features of the final network, for all cases; used at `seen` only.
    reduction : Reduction
        What made the target.

    Returns
    -------
    numpy.ndarray of float64, shape (n, dimensions)
    """
    features = np.asarray(features, dtype=np.float64)
    if reduction.method == "lasso":
        own = reduction.transform(features)
        sd = own[seen].std(0)
        scale = np.divide(target[seen].std(0), sd, out=np.zeros_like(sd), where=sd > 0)
        return (own - own[seen].mean(0)) * scale + target[seen].mean(0)
    n_components = min(target.shape[1], len(seen) - 1, features.shape[1])
    reduced = reduce_features(features[seen], n_components).transform(features)
    centre = target[seen].mean(0)
    # Fewer cases than dimensions: the missing ones are zero, and the rotation leaves them at the centre.
    reduced = np.pad(reduced, ((0, 0), (0, target.shape[1] - n_components)))
    rotation, _ = orthogonal_procrustes(reduced[seen], target[seen] - centre)
    return reduced @ rotation + centre


def agreement(features, seen, target, reduction, judged):
    """How far one network's features agree with the final network's, before and after :func:`align`.

    Parameters
    ----------
    features, seen, target, reduction
        As of :func:`align`.
    judged : array of int
        Cases that neither network was trained on; two at least.

    Returns
    -------
    pandas.DataFrame
        dimension, before, after: Pearson correlation over the judged cases of the final network's dimension with the
        fold network's own (its principal component of the same number, or its channel) and with the aligned one.
    """
    own = reduction.transform(features)
    if reduction.method == "pca":
        n_components = min(target.shape[1], len(seen) - 1)
        own = reduce_features(features[seen], n_components).transform(features)
        own = np.pad(own, ((0, 0), (0, target.shape[1] - n_components)))
    aligned = align(features, seen, target, reduction)
    rows = [
        (k, _correlation(own[judged, k], target[judged, k]), _correlation(aligned[judged, k], target[judged, k]))
        for k in range(target.shape[1])
    ]
    return pd.DataFrame(rows, columns=["dimension", "before", "after"])


def _correlation(a, b):
    """NaN where one of them is constant."""
    return np.corrcoef(a, b)[0, 1] if np.ptp(a) > 0 and np.ptp(b) > 0 else np.nan
