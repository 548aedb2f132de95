"""All features of one case."""

import numpy as np
import pandas as pd
import SimpleITK as sitk

from vcfnb import images
from vcfnb.errors import BadInput
from vcfnb.radiomics import ibsi
from vcfnb.radiomics.firstorder import discretise, firstorder
from vcfnb.radiomics.glcm import glcm
from vcfnb.radiomics.image_types import Box, filtered
from vcfnb.radiomics.reference import extract_with_pyradiomics, features_of_image
from vcfnb.radiomics.roi import Roi
from vcfnb.radiomics.settings import CLASSES, SHAPE, Settings, feature_names
from vcfnb.radiomics.shape import shape_features
from vcfnb.radiomics.sizes import glrlm_glszm_gldm_ngtdm

# Index of PyRadiomics' 14 GLDM features among the 16 that any level-and-size matrix has.
_GLDM = [n for n in range(16) if n not in (3, 9)]


def extract_features(image, mask, settings=None, label=None):
    """All radiomic features of one ROI: PyRadiomics' names and values, or IBSI's (`settings.standard`).

    The image is taken as it is (nothing is resampled or clipped); square, square root, logarithm and exponential
    scale by the largest absolute value of the whole image, as in PyRadiomics. With the standard ``ibsi`` it is first
    interpolated and the ROI re-segmented, where the settings ask for it.

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
        A file is missing or unreadable, geometries do not fit, the mask is empty or holds several labels, the ROI is a
        single voxel or line, the image has values that are not finite or is too small for a filter.

    References
    ----------
    van Griethuysen et al. 2017, Cancer Res 77:e104. Zwanenburg et al. 2020, Radiology 295:328 (IBSI).
    """
    settings = settings or Settings()
    files = {
        kind: kind if isinstance(given, sitk.Image) else given for kind, given in (("image", image), ("mask", mask))
    }
    if not isinstance(image, sitk.Image):
        image = images.read_image(image)
    read = images.on_grid if isinstance(mask, sitk.Image) else images.read_mask
    mask = read(mask, image, settings.label if label is None else label)
    by_ibsi = settings.standard == "ibsi"
    if by_ibsi and settings.spacing_mm:
        image, mask = ibsi.interpolated(image, mask, settings.spacing_mm, settings.interpolator)
    # Its voxels are 0 and 1: nothing is copied.
    box = Box(image, sitk.GetArrayViewFromImage(mask).view(bool), files["image"])
    if sum(n > 1 for n in box.shape) < 2:
        problem, remedy = "the ROI is a single voxel or line", "draw it over at least two dimensions"
        raise BadInput.of(files["mask"], problem, remedy, code="mask-too-thin")
    # Filtered values of constant and two-valued ROIs lie on the edges of bins.
    if not by_ibsi and (not settings.by_engine or len(np.unique(box.crop(0)[0][box.mask])) < 3):
        found = extract_with_pyradiomics(image, mask, settings)
        names = feature_names(settings) if settings.by_engine else list(found)
        return _series([found[name] for name in names], names, ["all"])
    values = []
    if settings.features.get("shape"):
        chosen = [name in settings.features["shape"] for name in SHAPE]
        values.append(shape_features(box.mask, box.spacing[::-1], ddof=int(by_ibsi))[chosen])
    chosen = [name in settings.features.get(kind, ()) for kind, names in CLASSES.items() for name in names]
    voxel_volume = float(np.prod(image.GetSpacing()))
    counted = box.mask
    if by_ibsi:
        limits = settings.resegment_range, settings.outlier_sigma
        counted = ibsi.resegmented(box.crop(0)[0], box.mask, *limits, files["image"])
    roi = Roi(counted)
    for name, array in filtered(box, settings):
        row = _features(array, counted, roi, voxel_volume, settings, name == "original")
        if row is None and by_ibsi:
            told = f"the image type {name} has values that are not finite"
            raise box.unusable(told, "leave that image type out", "not-finite")
        if row is None:
            row = features_of_image(box, array, settings)
            box.borrowed.add(name)
        values.append(row[chosen])
    return _series(np.concatenate(values), feature_names(settings), sorted(box.borrowed))


def _series(values, names, elsewhere):
    series = pd.Series(values, index=names, dtype=float)
    series.attrs["by_pyradiomics"] = elsewhere
    return series


def _features(array, mask, roi, voxel_volume, settings, is_original):
    """The 91 features of one image; None where PyRadiomics has to decide (NaN, or nothing but rounding)."""
    by_ibsi, values = settings.standard == "ibsi", array[mask]
    if not np.isfinite(values).all():
        return None
    first = None
    if by_ibsi:
        # Only the values of the image itself lie in the range.
        first = settings.resegment_range[0] if settings.resegment_range and is_original else values.min()
    levels = discretise(values, settings.bin_width, settings.bin_count, first)
    volume, n_levels = roi.volume(levels), int(levels.max())
    cooccurrence = glcm(volume, roi, n_levels)
    if np.isnan(cooccurrence).any() and roi.paired.any():
        if not by_ibsi:
            return None
        # Independent levels: without the rounding that PyRadiomics shows, they share no information.
        cooccurrence = np.nan_to_num(cooccurrence)
    lengths, zones, dependence, tone = glrlm_glszm_gldm_ngtdm(volume, roi, n_levels)
    parts = {
        "firstorder": firstorder(values.astype(np.float64), levels, voxel_volume, 3 if by_ibsi else 0),
        "glcm": cooccurrence,
        "glrlm": lengths,
        "glszm": zones,
        "gldm": dependence[_GLDM],
        "ngtdm": tone,
    }
    return np.concatenate([parts[kind] for kind in CLASSES])
