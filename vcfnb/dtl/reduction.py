"""From hundreds of channels to 18 dimensions, and from one network's channels to another's dimensions."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.linalg import orthogonal_procrustes
from sklearn.decomposition import PCA
from sklearn.linear_model import lars_path

from vcfnb.errors import VcfnbError


@dataclass(frozen=True)
class Reduction:
    """An affine map from a layer's channels to a few dimensions: ``(features - mean) @ components.T``.

    `mean` has shape (channels,), `components` (dimensions, channels).
    """

    mean: np.ndarray
    components: np.ndarray
    method: str

    def transform(self, features):
        """Reduce features (n, channels) to (n, dimensions), float64."""
        return (np.asarray(features, dtype=np.float64) - self.mean) @ self.components.T


def check_limit(n_dimensions, n_cases, n_channels):
    """Raise VcfnbError where training cases or channels are too few for that many dimensions."""
    limit = min(n_cases - 1, n_channels)
    if n_dimensions > limit:
        raise VcfnbError(
            f"n_dimensions: {n_cases} training cases and {n_channels} channels give {limit} dimensions at most, not "
            f"{n_dimensions}",
            "lower n_dimensions",
            code="too-many-dimensions",
        )


def reduce_features(features_train, n_components=18, method="pca", labels=None):
    """Fit the :class:`Reduction` of deep features (n, channels), on training cases only.

    ``pca``: principal components, unscaled (all channels come from one layer and share a scale). ``lasso``: the
    channels that enter first along the LASSO path of the labels, standardised. The paper reduces to 18 dimensions and
    does not say how. Raises VcfnbError when there are too few cases or channels.
    """
    features = np.asarray(features_train, dtype=np.float64)
    check_limit(n_components, *features.shape)
    if method == "pca":
        return _principal_components(features, n_components)
    if method == "lasso":
        return _first_of_the_lasso_path(features, n_components, labels)
    raise VcfnbError(f"reduction method {method!r} is not known", "choose pca or lasso", code="unknown-choice")


def _principal_components(features, n_components):
    fitted = PCA(n_components, svd_solver="full").fit(features)
    return Reduction(fitted.mean_, fitted.components_, "pca")


def _first_of_the_lasso_path(features, n_components, labels):
    mean, sd = features.mean(0), features.std(0)
    sd[sd == 0] = np.inf
    labels = np.asarray(labels, dtype=np.float64)
    coefficients = lars_path((features - mean) / sd, labels - labels.mean(), method="lasso")[2] != 0
    entered = np.flatnonzero(coefficients.any(1))
    if len(entered) < n_components:
        raise VcfnbError(
            f"n_dimensions: only {len(entered)} channels enter the LASSO path, not {n_components}",
            "lower n_dimensions",
            code="too-many-dimensions",
        )
    chosen = entered[np.argsort(coefficients[entered].argmax(1), kind="stable")][:n_components]
    components = np.zeros((n_components, features.shape[1]))
    components[np.arange(n_components), chosen] = 1 / sd[chosen]
    return Reduction(mean, components, "lasso")


def align(features, seen, target, reduction):
    """Turn one network's features (n, channels) into another network's reduced space `target` (n, dimensions).

    Two networks fine-tuned from the same start on different cases need not agree on what their channels mean, nor on
    the order of their principal components. `seen` are the cases on which both networks were trained.

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
    """
    own, centre = _own_space(features, seen, target, reduction), target[seen].mean(0)
    if reduction.method == "lasso":
        sd = own[seen].std(0)
        scale = np.divide(target[seen].std(0), sd, out=np.zeros_like(sd), where=sd > 0)
        return (own - own[seen].mean(0)) * scale + centre
    rotation, _ = orthogonal_procrustes(own[seen], target[seen] - centre)
    return own @ rotation + centre


def _own_space(features, seen, target, reduction):
    """One network's features in its own dimensions: its principal components of the seen cases, or its channels."""
    if reduction.method == "lasso":
        return reduction.transform(features)
    n_components = min(target.shape[1], len(seen) - 1, features.shape[1])
    reduced = reduce_features(features[seen], n_components).transform(features)
    # Fewer cases than dimensions: the missing ones are zero, and a rotation leaves them at the centre.
    return np.pad(reduced, ((0, 0), (0, target.shape[1] - n_components)))


def agreement(features, seen, target, reduction, evaluated):
    """How far one network's features agree with the final network's, before and after :func:`align`.

    Returns dimension, before, after: Pearson correlation over the evaluated cases (that neither network was trained on;
    two at least) of the final network's dimension with the fold network's own (its principal component of the same
    number, or its channel) and with the aligned one.
    """
    own = _own_space(features, seen, target, reduction)
    aligned = align(features, seen, target, reduction)
    rows = [
        (
            k,
            _correlation(own[evaluated, k], target[evaluated, k]),
            _correlation(aligned[evaluated, k], target[evaluated, k]),
        )
        for k in range(target.shape[1])
    ]
    return pd.DataFrame(rows, columns=["dimension", "before", "after"])


def _correlation(a, b):
    """NaN where one of them is constant."""
    return np.corrcoef(a, b)[0, 1] if np.ptp(a) > 0 and np.ptp(b) > 0 else np.nan
