"""From hundreds of channels to 18 dimensions, and from one network's channels to another's dimensions."""

from dataclasses import dataclass

import numpy as np

from vcfnb.errors import VcfnbError


@dataclass(frozen=True)
class Reduction:
    """An affine map from a layer's channels to a few dimensions: ``(features - mean) @ components.T``.

    Attributes
    ----------
    mean : numpy.ndarray (channels,)
    components : numpy.ndarray (dimensions, channels)
    method : str
    """

    mean: np.ndarray
    components: np.ndarray
    method: str

    def transform(self, features):
        """Reduce features (n, channels) to (n, dimensions), float64."""
        return (np.asarray(features, dtype=np.float64) - self.mean) @ self.components.T

    def to_dict(self):
        """Plain lists and strings, for JSON."""
        return {"method": self.method, "mean": self.mean.tolist(), "components": self.components.tolist()}

    @classmethod
    def from_dict(cls, values):
        """Inverse of :meth:`to_dict`; exact."""
        return cls(np.array(values["mean"]), np.array(values["components"]), values["method"])


def reduce_features(features_train, n_components=18, method="pca", labels=None):
    """Fit the reduction of deep features, on training cases only.

    Parameters
    ----------
    features_train : array (n, channels)
    n_components : int
        The paper reduces to 18 and does not say how.
    method : {"pca", "lasso"}
        ``pca``: principal components, unscaled (all channels come from one layer and share a scale).
        ``lasso``: the channels that enter first along the LASSO path of the labels, standardised.
    labels : array (n,), optional
        For ``lasso``.

    Returns
    -------
    Reduction

    Raises
    ------
    VcfnbError
        When there are too few cases or channels for that many dimensions.
    """
    features = np.asarray(features_train, dtype=np.float64)
    limit = min(len(features) - 1, features.shape[1])
    if n_components > limit:
        raise VcfnbError(
            f"n_dimensions: {len(features)} training cases and {features.shape[1]} channels give {limit} dimensions "
            f"at most, not {n_components}",
            "lower n_dimensions",
            code="too-many-dimensions",
        )
    if method == "pca":
        return _principal_components(features, n_components)
    if method == "lasso":
        return _first_of_the_lasso_path(features, n_components, labels)
    raise VcfnbError(f"reduction method {method!r} is not known", "choose pca or lasso", code="unknown-choice")


def _principal_components(features, n_components):
    from sklearn.decomposition import PCA

    fitted = PCA(n_components, svd_solver="full").fit(features)
    return Reduction(fitted.mean_, fitted.components_, "pca")


def _first_of_the_lasso_path(features, n_components, labels):
    from sklearn.linear_model import lars_path

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
