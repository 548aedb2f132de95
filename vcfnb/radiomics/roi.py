"""What all image types of one ROI share: its voxels and their neighbours."""

import numpy as np

# The 13 neighbours that come later in the order of voxels (z, y, x); the other 13 are their opposites.
STEPS = np.array([(z, y, x) for z in (0, 1) for y in (-1, 0, 1) for x in (-1, 0, 1) if (z, y, x) > (0, 0, 0)])


class Roi:
    """An ROI in its bounding box, with a border of zeros, raveled: a neighbour is one addition away.

    Parameters
    ----------
    mask : array of bool (z, y, x)

    Attributes
    ----------
    size : int
        Voxels of the box with its border.
    voxels : array of int
        Flat index of every voxel of the ROI.
    lines : array of int, shape (n, 2)
        Flat index of the first voxel of every line along x, and of the one behind its last.
    offsets : array of int, shape (13,)
        From a voxel to its neighbours in the directions of :data:`STEPS`.
    n_around : array of int
        Neighbours in the ROI of every voxel of the box.
    paired : array of bool, shape (13,)
        Whether there are two voxels side by side in this direction.
    lined : array of bool, shape (13,)
        Whether a line of this direction meets the ROI twice.
    longest : int
        Longest edge of the box, voxels.
    """

    def __init__(self, mask):
        padded = np.pad(mask, 1)
        flat = padded.ravel()
        self.size = flat.size
        self.voxels = np.flatnonzero(flat)
        self.lines = np.flatnonzero(flat[1:] != flat[:-1]).reshape(-1, 2) + 1
        self.offsets = STEPS @ [padded.shape[1] * padded.shape[2], padded.shape[2], 1]
        self.longest = max(mask.shape)
        self.n_around = np.zeros(self.size, dtype=np.int32)
        self.paired = np.zeros(len(STEPS), dtype=bool)
        for number, offset in enumerate(self.offsets):
            pair = flat[offset:] & flat[:-offset]
            self.paired[number] = pair.any()
            self.n_around[offset:] += pair
            self.n_around[:-offset] += pair
        places = None if self.paired.all() else np.argwhere(mask)
        self.lined = np.array(
            [paired or _line_meets_twice(places, step) for paired, step in zip(self.paired, STEPS, strict=True)]
        )

    def volume(self, values):
        """Values of the ROI's voxels in the raveled box, 0 elsewhere."""
        volume = np.zeros(self.size, dtype=np.int32)
        volume[self.voxels] = values
        return volume


def _line_meets_twice(places, step):
    """Whether two voxels lie on one line of this direction, with or without others between them."""
    axis = np.flatnonzero(step)[0]
    # Every voxel moves along its line to the plane through the origin.
    feet = places - np.outer(places[:, axis] * step[axis], step)
    return len(np.unique(feet, axis=0)) < len(feet)
