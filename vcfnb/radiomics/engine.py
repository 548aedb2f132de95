"""All features of one case."""

import numpy as np
import pandas as pd
import SimpleITK as sitk

from vcfnb import images
from vcfnb.errors import VcfnbError
from vcfnb.radiomics import textures
from vcfnb.radiomics.firstorder import firstorder
from vcfnb.radiomics.image_types import Box, filtered
from vcfnb.radiomics.reference import extract_with_pyradiomics, features_of_image
from vcfnb.radiomics.settings import CLASSES, SHAPE, Settings, feature_names
from vcfnb.radiomics.shape import shape_features

# Index of PyRadiomics' 14 GLDM features among the 16 that any level-and-size matrix has.
_GLDM = [n for n in range(16) if n not in (3, 9)]


def extract_features(image, mask, settings=None, label=None):
    """All radiomic features of one ROI: PyRadiomics' names and values.

    The image is taken as it is (nothing is resampled or clipped); square, square root, logarithm and exponential
    scale by the largest absolute value of the whole image, as in PyRadiomics.

    Parameters
    ----------
    image, mask : path or SimpleITK.Image
        CT (HU) and ROI. The mask's voxels must be voxels of the image, in any order.
    settings : Settings, optional
        What the engine does not do itself (:attr:`Settings.by_engine`) is computed by PyRadiomics.
    label : int, optional
        Value of the ROI in a mask with several; by default that of the settings.

    Returns
    -------
    pandas.Series
        1834 values with the default settings; index: names. ``attrs["by_pyradiomics"]`` lists image types ("all" for
        the whole case) that were left to PyRadiomics itself, since rounding decides in them.

    Raises
    ------
    BadInput
        A file is missing or unreadable, geometries do not fit, the mask is empty or holds several labels.
    VcfnbError
        The ROI is a single voxel or line, or the image is too small for a filter.

    References
    ----------
    van Griethuysen et al. 2017, Cancer Res 77:e104.
    """
    settings = settings or Settings()
    if not isinstance(image, sitk.Image):
        image = images.read_image(image)
    read = images.on_grid if isinstance(mask, sitk.Image) else images.read_mask
    mask = read(mask, image, settings.label if label is None else label)
    inside = sitk.GetArrayFromImage(mask) != 0
    box = Box(image, inside)
    if sum(n > 1 for n in box.shape) < 2:
        raise VcfnbError("the ROI is a single voxel or line -> draw it over at least two dimensions")
    # Filtered values of constant and two-valued ROIs lie on the edges of bins.
    if not settings.by_engine or len(np.unique(box.crop(0)[0][box.mask])) < 3:
        found = extract_with_pyradiomics(image, mask, settings)
        names = feature_names(settings) if settings.by_engine else list(found)
        return _series([found[name] for name in names], names, ["all"])
    values = []
    if settings.features.get("shape"):
        chosen = [name in settings.features["shape"] for name in SHAPE]
        values.append(shape_features(box.mask, box.spacing[::-1])[chosen])
    chosen = [name in settings.features.get(kind, ()) for kind, names in CLASSES.items() for name in names]
    voxel_volume = float(np.prod(image.GetSpacing()))
    for name, array in filtered(box, settings):
        row = _features(array, box.mask, voxel_volume, settings)
        if row is None:
            row = features_of_image(box, array, settings)
            box.borrowed.add(name)
        values.append(row[chosen])
    return _series(np.concatenate(values), feature_names(settings), sorted(box.borrowed))


def _series(values, names, elsewhere):
    series = pd.Series(values, index=names, dtype=float)
    series.attrs["by_pyradiomics"] = elsewhere
    return series


def _features(array, mask, voxel_volume, settings):
    """The 91 features of one filtered image; None where PyRadiomics has to decide (one grey level, or NaN)."""
    values = array[mask]
    if not np.isfinite(values).all():
        return None
    levels = discretise(values, settings.bin_width, settings.bin_count)
    n_used, top = int(np.count_nonzero(np.bincount(levels))), int(levels.max())
    if n_used < 2:
        return None
    volume = np.zeros(np.array(mask.shape) + 2, dtype=np.int32)
    volume[1:-1, 1:-1, 1:-1][mask] = levels
    offsets = textures.neighbours(volume.shape)
    flat = volume.ravel()
    voxels = np.flatnonzero(flat)
    dependence, tone = textures.gldm_and_ngtdm(flat, voxels, offsets, top)
    parts = {
        "firstorder": firstorder(values.astype(np.float64), levels, voxel_volume),
        "glcm": textures.glcm(flat, voxels, offsets, top, n_used),
        "glrlm": textures.glrlm(flat, voxels, offsets, top, max(mask.shape)),
        "glszm": textures.glszm(flat, voxels, offsets, top),
        "gldm": dependence[_GLDM],
        "ngtdm": tone,
    }
    return np.concatenate([parts[kind] for kind in CLASSES])


def discretise(values, bin_width, bin_count=None):
    """Grey levels, from 1: of fixed width, with edges at multiples of it, or of a fixed number (PyRadiomics)."""
    if bin_count is not None:
        edges = np.histogram(values, bin_count)[1]
        edges[-1] += 1
        return np.digitize(values, edges)
    low, high = values.min(), values.max()
    edges = np.arange(low - (low % bin_width), high + 2 * bin_width, bin_width)
    # numpy.digitize without its search: one division, put right where rounding crossed an edge.
    level = ((values - edges[0]) / bin_width).astype(np.int64).clip(0, len(edges) - 2)
    level -= values < edges[level]
    level += values >= edges[level + 1]
    return level + 1
