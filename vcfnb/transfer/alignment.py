"""Bringing the features of networks that were trained on parts of the cases into one space."""

import numpy as np
from scipy.linalg import orthogonal_procrustes

from vcfnb.transfer.reduction import reduce_features


def align(features, seen, target):
    """Turn one network's features into another network's reduced space.

    Two networks fine-tuned from the same start on different cases need not agree on what their channels mean, nor on
    the order of their principal components. So the features are reduced to as many principal components as the target
    has (fitted on `seen`), and these are rotated onto the target by the orthogonal Procrustes solution, fitted on the
    same cases; finally the target's mean over these cases is added.

    Why these choices:

    - The rotation is fitted on cases that *both* networks were trained on, never on the cases whose features are
      wanted. Trained cases lie further apart than new ones in both spaces alike, so one map serves both kinds.
    - A rotation keeps distances: a held-out case arrives as far from the centre as its network put it, which is how
      far the final network puts a test case. A regression (ridge) from the channels minimises the error on trained
      cases, which overfit, and shrinks held-out cases: their scale no longer fits the test cases'.
    - Labels enter nowhere.

    Parameters
    ----------
    features : array (n, channels)
        Of one fold's network, for all cases.
    seen : array of int
        Cases on which this network and the final one were trained.
    target : array (n, dimensions)
        Reduced features of the final network, for all cases; used at `seen` only.

    Returns
    -------
    numpy.ndarray of float64, shape (n, dimensions)
    """
    features = np.asarray(features, dtype=np.float64)
    n_components = min(target.shape[1], len(seen) - 1, features.shape[1])
    reduced = reduce_features(features[seen], n_components).transform(features)
    centre = target[seen].mean(0)
    # Fewer cases than dimensions: the missing ones are zero, and the rotation leaves them at the centre.
    reduced = np.pad(reduced, ((0, 0), (0, target.shape[1] - n_components)))
    rotation, _ = orthogonal_procrustes(reduced[seen], target[seen] - centre)
    return reduced @ rotation + centre
