"""The voxel grid that tissues are painted on: regions, partial volume at edges, smooth random fields."""

import numpy as np
from scipy import ndimage

# Field of view around the middle of the body, mm, (z, y, x): below and above, front and back, right and left.
FIELD_MM = ((-39, 39), (-42, 50), (-41, 41))


class Frame:
    """Coordinates of a patient or a vertebra: x to the left, y to the back, z to the head, mm.

    `matrix` turns the grid's (x, y, z) into the frame's, `origin` is the frame's in the grid's coordinates.
    """

    def __init__(self, matrix, origin):
        self.matrix, self.origin = np.asarray(matrix, float), np.asarray(origin, float)

    def at(self, origin, degrees=0.0):
        """Frame whose origin is given in this one, turned about x by `degrees` (positive: the top goes to the back)."""
        angle = np.deg2rad(degrees)
        turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
        return Frame(turn @ self.matrix, self.origin + self.matrix.T @ np.asarray(origin, float))


class Canvas:
    """Densities on the voxel grid, in HU; `spacing` is (z, y, x), mm."""

    def __init__(self, spacing, rng):
        self.spacing, self.rng = spacing, rng
        self.lines = [
            np.arange(low, high, step, dtype=np.float32) for (low, high), step in zip(FIELD_MM, spacing, strict=True)
        ]
        self.shape = tuple(map(len, self.lines))
        self.everything = tuple(slice(0, n) for n in self.shape)
        self.hu = np.zeros(self.shape, dtype=np.float32)

    def region(self, frame, low, high):
        """Slices (z, y, x) around the box from `low` to `high`, (x, y, z) in the frame; None when it is outside."""
        corners = np.array([[(low, high)[(n >> axis) & 1][axis] for axis in range(3)] for n in range(8)])
        corners = corners @ frame.matrix + frame.origin
        slices = []
        for line, step, ends in zip(self.lines, self.spacing, corners.T[::-1], strict=True):
            start = int(np.floor((ends.min() - line[0]) / step))
            stop = int(np.ceil((ends.max() - line[0]) / step)) + 1
            slices.append(slice(max(0, start), min(len(line), stop)))
            if slices[-1].start >= slices[-1].stop:
                return None
        return tuple(slices)

    def coordinates(self, frame, region):
        """x, y, z in the frame, float32 arrays of the region's shape."""
        z, y, x = np.meshgrid(
            *(line[part] for line, part in zip(self.lines, region, strict=True)), indexing="ij", sparse=True
        )
        x, y, z = (line - np.float32(origin) for line, origin in zip((x, y, z), frame.origin, strict=True))
        return tuple(np.float32(a) * x + np.float32(b) * y + np.float32(c) * z for a, b, c in frame.matrix)

    def share(self, distance):
        """How much of each voxel lies inside (`distance`, mm, negative), from 0 to 1: partial volume."""
        return np.clip(0.5 - distance / np.float32(np.mean(self.spacing)), 0, 1)

    def paint(self, distance, value, region=None):
        """Put a tissue of `value` HU where `distance` (mm) is negative."""
        hu = self.hu[region or self.everything]
        hu += self.share(distance) * (value - hu)

    def field(self, size, height=None, region=None):
        """Smooth random field of mean 0 and SD 1; correlation length in mm (in plane, and along z)."""
        shape = self.shape if region is None else tuple(part.stop - part.start for part in region)
        sizes = (height or size, size, size)
        # Coarse fields are made on a coarse grid: same look, a fraction of the time.
        factor = [max(1, int(length / 2 / step)) for length, step in zip(sizes, self.spacing, strict=True)]
        small = [n if f == 1 else -(-n // f) + 1 for n, f in zip(shape, factor, strict=True)]
        noise = self.rng.standard_normal(small, dtype=np.float32)
        sigma = [length / 2 / step / f for length, step, f in zip(sizes, self.spacing, factor, strict=True)]
        smooth = ndimage.gaussian_filter(noise, sigma, mode="wrap", truncate=3)
        # The SD is known; that of one small field would differ from it by chance.
        smooth /= np.sqrt(np.prod([_variance(s) for s in sigma]))
        return smooth if max(factor) == 1 else stretched(smooth, shape, tuple(factor))


def _variance(sigma):
    """Variance of white noise of SD 1 after the Gaussian filter along one axis."""
    radius = int(3 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return np.float32(((weights / weights.sum()) ** 2).sum())


def stretched(values, shape, factor):
    """Trilinear interpolation of a coarse grid, one value every `factor` voxels, to all voxels: axis after axis."""
    for axis in (1, 0, 2):
        if factor[axis] == 1:
            continue
        voxel = np.arange(shape[axis])
        below = voxel // factor[axis]
        above = np.minimum(below + 1, values.shape[axis] - 1)
        share = np.float32(voxel % factor[axis] / factor[axis]).reshape([-1 if axis == n else 1 for n in range(3)])
        low, high = values.take(below, axis), values.take(above, axis)
        values = low + share * (high - low)
    return values
