"""First-order features of the values in an ROI (definitions: PyRadiomics 3)."""

import numpy as np

EPS = np.spacing(1.0)


def firstorder(values, levels, voxel_volume):
    """18 features in the order of settings.CLASSES.

    Parameters
    ----------
    values : array of float64
        Of the ROI's voxels.
    levels : array of int
        Their grey levels.
    voxel_volume : float
        mm3.
    """
    n = len(values)
    p10, p25, p50, p75, p90 = np.percentile(values, [10, 25, 50, 75, 90])
    mean = values.mean()
    centred = values - mean
    squares = centred * centred
    variance = squares.mean()
    energy = float(np.sum(values * values))
    robust = values[(values >= p10) & (values <= p90)]
    p = np.bincount(levels)
    p = p[p > 0] / n
    flat = variance == 0
    return np.array(
        [
            p10,
            p90,
            energy,
            -np.sum(p * np.log2(p + EPS)),
            p75 - p25,
            0.0 if flat else np.mean(squares * squares) / variance**2,
            values.max(),
            np.abs(centred).mean(),
            mean,
            p50,
            values.min(),
            np.ptp(values),
            np.abs(robust - robust.mean()).mean(),
            np.sqrt(energy / n),
            0.0 if flat else np.mean(squares * centred) / variance**1.5,
            energy * voxel_volume,
            np.sum(p * p),
            variance,
        ]
    )
