"""What all image types of one ROI share: its voxels and their neighbours."""

import numpy as np

# The 13 neighbours that come later in the order of voxels (z, y, x); the other 13 are their opposites.
STEPS = np.array([(z, y, x) for z in (0, 1) for y in (-1, 0, 1) for x in (-1, 0, 1) if (z, y, x) > (0, 0, 0)])


class Roi:
    """An ROI in its bounding box (z, y, x), with a border of zeros, raveled: a neighbour is one addition away.

    `voxels`, and `lines` along x (first voxel of each, and the one behind its last), are indices of that flat box of
    `size` voxels; `offsets` lead from a voxel to its neighbours in the directions of :data:`STEPS`. All are unsigned:
    a signed index may count from the end, which numba asks each time.
    """

    def __init__(self, mask):
        padded = np.pad(mask, 1)
        flat = padded.ravel()
        self.size = flat.size
        self.voxels = np.flatnonzero(flat).astype(np.uint64)
        self.lines = (np.flatnonzero(flat[1:] != flat[:-1]).reshape(-1, 2) + 1).astype(np.uint64)
        offsets = STEPS @ [padded.shape[1] * padded.shape[2], padded.shape[2], 1]
        self.offsets = offsets.astype(np.uint64)
        self.longest = max(mask.shape)
        # Neighbours in the ROI of every voxel of the box.
        self.n_around = np.zeros(self.size, dtype=np.int32)
        # Whether there are two voxels side by side in this direction.
        self.paired = np.zeros(len(STEPS), dtype=bool)
        for number, offset in enumerate(offsets):
            pair = flat[offset:] & flat[:-offset]
            self.paired[number] = pair.any()
            self.n_around[offset:] += pair
            self.n_around[:-offset] += pair
        places = None if self.paired.all() else np.argwhere(mask)
        # Whether a line of this direction meets the ROI twice.
        self.lined = np.array(
            [paired or _line_meets_twice(places, step) for paired, step in zip(self.paired, STEPS, strict=True)]
        )

    def volume(self, values):
        """Values of the ROI's voxels in the raveled box, 0 elsewhere."""
        volume = np.zeros(self.size, dtype=np.uint32)
        volume[self.voxels] = values
        return volume


def _line_meets_twice(places, step):
    """Whether two voxels lie on one line of this direction, with or without others between them."""
    axis = np.flatnonzero(step)[0]
    # Every voxel moves along its line to the plane through the origin.
    feet = places - np.outer(places[:, axis] * step[axis], step)
    return len(np.unique(feet, axis=0)) < len(feet)
