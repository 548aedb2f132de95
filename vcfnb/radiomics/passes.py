"""Filters that run along the lines of a volume."""

import numpy as np


def filter_along(function, volume, axis, cut, *arguments):
    """Filter along one axis, and keep a part of it.

    Parameters
    ----------
    function : callable
        Takes an array (lines, length, columns), the `arguments`, start and stop; filters along the middle axis.
        Columns are neighbours in memory, so it handles all of a line side by side.
    volume : array (z, y, x)
    axis : int
    cut : slice
        What to keep along the axis.
    """
    if axis == 2:
        # Along the last axis no two lines would lie side by side: turned plane by plane, which stays in the cache.
        planes = [
            function(np.ascontiguousarray(plane.T)[None], *arguments, cut.start, cut.stop)[0].T for plane in volume
        ]
        return np.stack(planes)
    shape = volume.shape
    lines, columns = int(np.prod(shape[:axis])), int(np.prod(shape[axis + 1 :]))
    filtered = function(volume.reshape(lines, shape[axis], columns), *arguments, cut.start, cut.stop)
    return filtered.reshape(*shape[:axis], cut.stop - cut.start, *shape[axis + 1 :])
