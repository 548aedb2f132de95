"""Small images and masks for tests."""

import numpy as np
import SimpleITK as sitk


def image(array, spacing=(1.0, 1.0, 1.0), origin=(0.0, 0.0, 0.0), direction=None):
    """SimpleITK image of an array (z, y, x); spacing and origin are x, y, z in mm."""
    made = sitk.GetImageFromArray(np.ascontiguousarray(array))
    made.SetSpacing(spacing)
    made.SetOrigin(origin)
    if direction is not None:
        made.SetDirection(direction)
    return made


def ball(shape=(24, 26, 28), centre=None, radius=7):
    """Mask (z, y, x) of a ball."""
    centre = centre or [n // 2 for n in shape]
    grid = np.ogrid[tuple(slice(n) for n in shape)]
    return (sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) <= radius**2).astype(np.uint8)


def texture(shape=(24, 26, 28), seed=0, sd=60):
    """Whole HU with some correlation between neighbours."""
    noise = np.random.default_rng(seed).normal(size=shape)
    smooth = sum(np.roll(noise, step, axis) for axis in range(3) for step in (-1, 0, 1))
    return np.rint(150 + sd * smooth / smooth.std()).astype(np.int16)


def write(made, path):
    sitk.WriteImage(made, str(path))
    return path
