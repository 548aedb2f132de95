"""What a CT scanner makes of a scene: blur, edge enhancement of a bone kernel, noise of its texture, whole HU."""

import numpy as np
from scipy import ndimage


def scan(hu, spacing, rng):
    """Simulate one acquisition and reconstruction.

    Parameters
    ----------
    hu : array of float32 (z, y, x)
    spacing : tuple of 3 float
        mm, (z, y, x).
    rng : numpy.random.Generator
        Draws kernel sharpness and dose, which have nothing to do with the label.

    Returns
    -------
    array of int16 (z, y, x)
    """
    blur, sharpening, noise_sd = rng.uniform(0.42, 0.6), rng.uniform(0.1, 0.45), rng.uniform(12, 30)
    image = ndimage.gaussian_filter(hu, [blur / step for step in spacing])
    image += sharpening * (image - ndimage.gaussian_filter(image, [1.1 / step for step in spacing]))
    image += noise_sd * _noise(hu.shape, spacing, rng)
    return np.rint(np.clip(image, -1024, 3071)).astype(np.int16)


def _noise(shape, spacing, rng):
    """Noise of SD 1 that is correlated over neighbouring voxels and poor in low frequencies, as after filtered
    back projection."""
    white = rng.standard_normal(shape, dtype=np.float32)
    fine = ndimage.gaussian_filter(white, [0.4 / step for step in spacing], mode="wrap")
    coarse = ndimage.gaussian_filter(fine, [1.4 / step for step in spacing], mode="wrap")
    band = fine - 0.8 * coarse
    return band / band.std()
