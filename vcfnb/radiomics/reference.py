"""PyRadiomics itself: for ROIs on which rounding decides, and to check the engine against."""

import contextlib
import logging
import sys
import types

import numpy as np
import SimpleITK as sitk

from vcfnb.errors import VcfnbError
from vcfnb.radiomics.settings import CLASSES, LBP


@contextlib.contextmanager
def _old_scipy_names():
    """Names that PyRadiomics' LBP3D imports and newer SciPy lacks.

    Without them it logs one line and silently yields no LBP3D image.
    """
    import scipy.ndimage
    import scipy.special

    is_new = not hasattr(scipy.special, "sph_harm")
    if is_new:
        # The old function's angles had their names the other way round.
        scipy.special.sph_harm = lambda m, n, theta, phi: scipy.special.sph_harm_y(n, m, phi, theta)
    name = "scipy.ndimage.interpolation"
    before = sys.modules.get(name)
    sys.modules[name] = types.SimpleNamespace(map_coordinates=scipy.ndimage.map_coordinates)
    try:
        yield
    finally:
        if is_new:
            del scipy.special.sph_harm
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before


def _pyradiomics():
    """The package, without its messages; VcfnbError where it is not installed."""
    try:
        import radiomics
        from radiomics import featureextractor, imageoperations  # noqa: F401 (as attributes of the package)
    except ImportError:
        problem = (
            "PyRadiomics is not installed; the engine leaves to it settings and features that it lacks, ROIs of one or "
            "two values, and LBP3D of images that are not of integers or are constant around a voxel"
        )
        remedy = "pip install 'vcfnb[pyradiomics]' (needs a C compiler), or leave these out"
        raise VcfnbError(problem, remedy, code="package-missing") from None
    logging.getLogger("radiomics").setLevel(logging.ERROR)
    return radiomics


def extract_with_pyradiomics(image, mask, settings):
    """All features by PyRadiomics' own extractor, by name; image and mask (1 inside) lie on one grid."""
    extractor = _pyradiomics().featureextractor.RadiomicsFeatureExtractor(
        **_bins(settings), additionalInfo=False, **settings.others
    )
    extractor.disableAllImageTypes()
    for name in settings.image_types:
        sigma = {"sigma": list(settings.log_sigma_mm)} if name == "LoG" else {}
        extractor.enableImageTypeByName(name, customArgs=sigma | settings.image_others.get(name, {}))
    extractor.disableAllFeatures()
    extractor.enableFeaturesByName(**{kind: list(names) for kind, names in settings.features.items()})
    with _old_scipy_names(), np.errstate(all="ignore"):
        return {name: float(value) for name, value in extractor.execute(image, mask).items()}


def _bins(settings):
    if settings.bin_count is not None:
        return {"binCount": settings.bin_count}
    return {"binWidth": settings.bin_width}


def features_of_image(box, array, settings):
    """The 91 features of one filtered image by PyRadiomics' classes, in the order of settings.CLASSES."""
    classes = _pyradiomics().getFeatureClasses()
    image, mask = map(sitk.GetImageFromArray, (np.ascontiguousarray(array), box.mask.astype(np.uint8)))
    for part in (image, mask):
        part.SetSpacing(box.spacing)
    found = []
    with np.errstate(all="ignore"):
        for kind, features in CLASSES.items():
            extractor = classes[kind](image, mask, **_bins(settings))
            for name in features:
                extractor.enableFeatureByName(name)
            values = extractor.execute()
            found += [float(values[name]) for name in features]
    return np.array(found)


def lbp_images(box):
    """PyRadiomics' LBP3D images over the box, for images that are not of a signed integer type."""
    get_lbp = _pyradiomics().imageoperations.getLBP3DImage
    inner = tuple(map(slice, box.start, box.stop))
    mask = np.zeros(box.array.shape, dtype=np.uint8)
    mask[inner] = box.mask
    mask = sitk.GetImageFromArray(mask)
    mask.CopyInformation(box.image)
    with _old_scipy_names(), np.errstate(all="ignore"):
        for level, (image, name, _) in zip(LBP, get_lbp(box.image, mask), strict=True):
            assert name == f"lbp-3D-{level}", name
            array = sitk.GetArrayFromImage(image)[inner]
            # PyRadiomics leaves whatever was in memory outside the ROI.
            yield name, np.where(box.mask, array, 0.0)
