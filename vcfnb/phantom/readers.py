"""Contours that people draw: the true outline, moved by errors that are smooth along the surface."""

import numpy as np
from scipy import ndimage

from vcfnb.images.grids import bounding_box

# Mean shift (outwards, mm) and SD (mm) of the contour: reader A, A a week later, and B, who draws a little larger.
READERS = {"a": (0.0, 0.42), "a2": (0.05, 0.42), "b": (0.3, 0.5)}
# Of a reader's deviation this share (of variance) comes back when the same reader draws again.
_HABIT = 0.5
_CORRELATION_MM = 7.0


def draw_masks(body, spacing, rng, repeat=True):
    """Masks by reader (uint8) from the signed distance of the vertebral body (mm), (z, y, x); `repeat`: all three."""
    start, stop = bounding_box(body < 0)
    pad = np.ceil(4 / np.array(spacing)).astype(int)
    box = tuple(map(slice, np.maximum(0, start - pad), stop + pad))
    distance = body[box]
    habit = _field(distance.shape, spacing, rng)
    masks = {}
    for reader, (shift, sd) in list(READERS.items())[: None if repeat else 1]:
        own = _field(distance.shape, spacing, rng)
        error = np.sqrt(_HABIT) * habit + np.sqrt(1 - _HABIT) * own if reader != "b" else own
        mask = np.zeros(body.shape, dtype=np.uint8)
        mask[box] = ndimage.binary_fill_holes(_largest_piece(distance < shift + sd * error))
        masks[reader] = mask
    return masks


def _field(shape, spacing, rng):
    noise = rng.standard_normal(shape, dtype=np.float32)
    smooth = ndimage.gaussian_filter(noise, [_CORRELATION_MM / 2 / step for step in spacing], mode="wrap")
    return smooth / smooth.std()


def _largest_piece(inside):
    labels, n = ndimage.label(inside)
    return labels == 1 + np.argmax(np.bincount(labels.ravel())[1:]) if n else inside
