"""Heights of a vertebral body, as six-point morphometry takes them: in front, in the middle, at the back."""

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy import ndimage

from vcfnb.errors import VcfnbError

_NEAR_MM = 3.0  # distance of the sagittal slices from the body's centre, at most
_TILTS = range(-45, 46)  # degrees


def body_heights(mask):
    """Anterior, middle and posterior height of a vertebral body in its median plane, and how much height is lost.

    In each sagittal slice near the centre the body is the largest connected part (the vertebral canal separates it from
    the arch, should the mask hold that). It is turned into the smallest rectangle around it; then the anterior and the
    posterior third of its depth have the median of their columns of 1 mm, the middle third, where endplates sink in,
    the lowest tenth. The median over slices counts.

    Parameters
    ----------
    mask : SimpleITK.Image
        Not zero inside; oriented by its direction, spacing in mm.

    Returns
    -------
    dict of str to float
        height_anterior_mm, height_middle_mm, height_posterior_mm; height_loss: 1 less the smallest of them divided by
        the largest.

    Raises
    ------
    VcfnbError
        The mask is empty, or less than 3 mm deep.

    Notes
    -----
    Genant et al. 1993, J Bone Miner Res 8:1137 (six points; the loss there is taken against the posterior height, or
    that of a neighbour, which a mask of one vertebra does not show).
    """
    turned = sitk.DICOMOrient(mask, "LPS")
    inside = sitk.GetArrayViewFromImage(turned) > 0
    width, depth, height = turned.GetSpacing()
    slices = np.flatnonzero(inside.any(axis=(0, 1)))
    if not len(slices):
        raise VcfnbError("the mask is empty", "give one that holds a vertebra", code="mask-empty")
    centre = ndimage.center_of_mass(inside)[2]
    near = slices[np.abs(slices - centre) * width <= max(_NEAR_MM, width / 2)]
    found = [_slice_heights(inside[:, :, x], depth, height) for x in near]
    found = [heights for heights in found if heights is not None]
    if not found:
        raise VcfnbError("the mask is too flat to measure heights", "look at the mask", code="mask-too-small")
    front, middle, back = np.median(found, axis=0)
    loss = 1 - min(front, middle, back) / max(front, middle, back)
    names = ("height_anterior_mm", "height_middle_mm", "height_posterior_mm", "height_loss")
    return dict(zip(names, map(float, (front, middle, back, loss)), strict=True))


def _slice_heights(inside, depth, height):
    """Heights (mm) in front, in the middle and at the back of one sagittal slice (z, y); None if it is too small."""
    parts, n = ndimage.label(inside)
    if not n:
        return None
    body = parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])
    # Points finer than the voxels: turned ones fall evenly into columns of 1 mm.
    finer = [int(np.ceil(2 * edge)) for edge in (height, depth)]
    z, y = np.nonzero(np.kron(body, np.ones(finer, dtype=bool)))
    points = np.column_stack([y * depth / finer[1], z * height / finer[0]])
    tilt = min(np.deg2rad(_TILTS), key=lambda tilt: np.prod(_spread(_turned(points, tilt))))
    y, z = _turned(points, tilt)
    ends = pd.Series(z).groupby(np.floor(y)).agg(["min", "max"])
    if len(ends) < 3:
        return None
    front, middle, back = np.array_split(ends["max"].to_numpy() - ends["min"].to_numpy() + height / finer[0], 3)
    return [np.median(front), np.percentile(middle, 10), np.median(back)]


def _turned(points, tilt):
    """Points (y, z) turned back by a tilt (radians): two arrays."""
    return np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]]) @ points.T


def _spread(coordinates):
    """How far apart 95 % of the points lie, along each axis."""
    low, high = np.percentile(coordinates, [2.5, 97.5], axis=1)
    return high - low
