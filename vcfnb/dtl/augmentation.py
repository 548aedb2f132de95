"""Random changes of training crops that leave an acute fracture acute."""

import numpy as np
import torch
from torch.nn import functional

SHIFT_VOXELS = 2
INTENSITY_FACTOR = 0.1
INTENSITY_OFFSET = 0.1


def augment(batch, kinds, rng):
    """Change each crop of a batch at random.

    ``flip``: left-right, which anatomy survives (the last axis, see :func:`vcfnb.preprocessing.crops.load_crops`);
    ``shift``: up to 2 voxels along each axis, edge values repeated, as another reader's mask would move the box;
    ``intensity``: factor 0.9 to 1.1 and offset -0.1 to 0.1 (of standardised grey values; 27 HU), as another scanner's
    calibration would.

    Parameters
    ----------
    batch : torch.Tensor (n, 1, z, y, x)
    kinds : collection of {"flip", "shift", "intensity"}
    rng : numpy.random.Generator
    """
    n, _, *shape = batch.shape
    # All are drawn whatever is used: switching one off leaves the others' draws as they were.
    flips = rng.random(n) < 0.5
    shifts = rng.integers(0, 2 * SHIFT_VOXELS + 1, size=(n, 3))
    factors = rng.uniform(1 - INTENSITY_FACTOR, 1 + INTENSITY_FACTOR, size=n)
    offsets = rng.uniform(-INTENSITY_OFFSET, INTENSITY_OFFSET, size=n)
    if "flip" in kinds:
        batch = torch.where(_column(flips, batch), batch.flip(-1), batch)
    if "shift" in kinds:
        padded = functional.pad(batch, (SHIFT_VOXELS,) * 6, mode="replicate")
        windows = [[slice(start, start + size) for start, size in zip(row, shape, strict=True)] for row in shifts]
        batch = torch.stack([padded[i, :, *window] for i, window in enumerate(windows)])
    if "intensity" in kinds:
        batch = batch * _column(factors, batch) + _column(offsets, batch)
    return batch


def _column(values, batch):
    """One value per crop, broadcast over its voxels."""
    kind = torch.bool if values.dtype == np.bool_ else batch.dtype
    return torch.as_tensor(values, dtype=kind, device=batch.device).view(-1, 1, 1, 1, 1)
