"""Does a new case lie among the training cases?"""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from sklearn.covariance import LedoitWolf

# A new case is called outside when it lies farther away than this share of the training cases did.
QUANTILE = 0.99


@dataclass(frozen=True)
class TrainingRange:
    """What the features of the training cases looked like.

    Attributes
    ----------
    features : list of str
    mean, sd, low, high : list of float
        Of each feature, in its own units; low and high are the smallest and largest training values.
    precision : list of list of float
        Inverse covariance of the z-scores, shrunken (Ledoit and Wolf 2004): with about as many features as cases the
        plain covariance cannot be inverted.
    reference : float
        Quantile `quantile` of the training cases' Mahalanobis distances, each measured from the other cases.
    quantile : float
    """

    features: list
    mean: list
    sd: list
    low: list
    high: list
    precision: list
    reference: float
    quantile: float = QUANTILE

    @classmethod
    def of(cls, x):
        """Describe training cases.

        Parameters
        ----------
        x : pandas.DataFrame
            One row per training case, one column per feature.
        """
        values = x.to_numpy(dtype=float)
        mean, sd = values.mean(axis=0), values.std(axis=0)
        sd = np.where(sd > 0, sd, 1.0)
        z = (values - mean) / sd
        distances = [_distances(z[i : i + 1], *_shape(np.delete(z, i, axis=0)))[0] for i in range(len(z))]
        return cls(
            features=list(x.columns),
            mean=mean.tolist(),
            sd=sd.tolist(),
            low=values.min(axis=0).tolist(),
            high=values.max(axis=0).tolist(),
            precision=_shape(z)[1].tolist(),
            reference=float(np.quantile(distances, QUANTILE)),
        )

    def distance(self, x):
        """Mahalanobis distance of each case from the training cases, in shrunken z-scores; shape (n,)."""
        z = (x[self.features].to_numpy(dtype=float) - self.mean) / self.sd
        return _distances(z, np.zeros(len(self.features)), np.array(self.precision))

    def beyond(self, x):
        """Whether each value lies below the smallest or above the largest training value: DataFrame as `x`."""
        values = x[self.features]
        return (values < pd.Series(self.low, self.features)) | (values > pd.Series(self.high, self.features))

    def to_dict(self):
        """Plain lists and numbers, for JSON."""
        return asdict(self)


def _shape(z):
    fitted = LedoitWolf().fit(z)
    return fitted.location_, fitted.precision_


def _distances(z, centre, precision):
    off = z - centre
    return np.sqrt(np.einsum("ij,jk,ik->i", off, precision, off))
