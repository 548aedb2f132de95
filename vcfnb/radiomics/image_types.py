"""The twenty image types: filtered versions of the image, in the ROI's box.

Every filter sees as much of the image around the box as it needs to give what it would give on the whole image
(wavelet and point transforms bit by bit; LoG and LBP3D to rounding), so filtering costs what the ROI costs, however
large the scan.
"""

import math

import numpy as np
import pywt
import SimpleITK as sitk

from vcfnb.errors import BadInput
from vcfnb.radiomics.filters import laplacian_of_gaussian
from vcfnb.radiomics.lbp3d import PAD as LBP_PAD
from vcfnb.radiomics.lbp3d import lbp3d
from vcfnb.radiomics.reference import lbp_images
from vcfnb.radiomics.settings import LBP, WAVELETS, log_name

# Bit-equal to the whole image from 18 sigma on.
_LOG_PAD_SIGMAS = 18


class Box:
    """The ROI's bounding box in an image; errors call the image by its `name`.

    Raises BadInput where the image has values that are not finite.
    """

    def __init__(self, image, mask, name="image"):
        self.image = image
        self.name = name
        self.array = sitk.GetArrayViewFromImage(image)
        if np.issubdtype(self.array.dtype, np.floating) and not np.isfinite(self.array).all():
            raise self.unusable(
                "it has values that are not finite (NaN or infinite)", "make the image again", "not-finite"
            )
        spans = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
        self.start = np.array([span[0] for span in spans])
        self.stop = np.array([span[-1] + 1 for span in spans])
        self.mask = mask[tuple(map(slice, self.start, self.stop))].copy()
        self.spacing = image.GetSpacing()
        # Image types that PyRadiomics itself had to filter.
        self.borrowed = set()

    def unusable(self, problem, remedy, code):
        """The error that says so."""
        return BadInput.of(self.name, problem, remedy, code=code)

    @property
    def shape(self):
        return self.mask.shape

    def padded(self, pads):
        """Start and stop of the box grown by `pads` voxels (z, y, x), as far as the image goes."""
        pads = np.asarray(pads, dtype=int)
        return np.maximum(self.start - pads, 0), np.minimum(self.stop + pads, self.array.shape)

    def crop(self, pads):
        """Array of the padded box, and the slices of the box in it."""
        low, high = self.padded(pads)
        return self.array[tuple(map(slice, low, high))], tuple(map(slice, self.start - low, self.stop - low))


def filtered(box, settings):
    """Yield (name, array over the box) for every image type, in the order of the features.

    Raises BadInput when the image is too small for a filter, or has only zeros.
    """
    chosen = settings.image_types
    original, _ = box.crop(0)
    if "Original" in chosen:
        yield "original", original
    for sigma in settings.log_sigma_mm if "LoG" in chosen else ():
        yield log_name(sigma), _log(box, sigma)
    if "Wavelet" in chosen:
        yield from _wavelets(box)
    if "LBP3D" in chosen:
        yield from _lbp(box)
    yield from _point_transforms(box, original.astype(np.float64), chosen)
    if "Gradient" in chosen:
        yield "gradient", _gradient(box)


def _log(box, sigma):
    size = np.array(box.array.shape)
    spacing = np.array(box.spacing)[::-1]
    if size.min() < 4 or (size < np.ceil(sigma / spacing) + 1).any():
        raise box.unusable(
            f"the image ({' x '.join(map(str, size[::-1]))} voxels) is too small for LoG with sigma {sigma:g} mm",
            "give more image around the ROI, or leave that sigma out",
            "image-too-small",
        )
    array, inner = box.crop(np.ceil(_LOG_PAD_SIGMAS * sigma / spacing))
    return laplacian_of_gaussian(array, sigma, spacing, inner)


def _wavelets(box):
    """Stationary wavelet transform, coif1, one level, periodic, odd axes lengthened by their first value."""
    # The transform of a float32 image is float32: there the order of summation shows, which is another at the array's
    # ends than inside, so both have to stay what they are in the whole image.
    single = box.array.dtype == np.float32
    margin = 8 if single else 4
    index, inner = [], []
    for start, stop, n in zip(box.start, box.stop, box.array.shape, strict=True):
        even = n + n % 2
        at_end = single and (start < margin or stop > n - margin)
        if at_end or stop - start + 2 * margin >= even:
            reach, first = np.arange(even), start
        else:
            reach, first = np.arange(start - margin, stop + margin + (stop - start) % 2), margin
        position = reach % even
        index.append(np.where(position == n, 0, position))
        inner.append(slice(first, first + stop - start))
    part = box.array[np.ix_(*index)]
    bands = pywt.swtn(part, pywt.Wavelet("coif1"), level=1, start_level=0, axes=(2, 1, 0))[0]
    for band in WAVELETS:
        name = band.replace("L", "a").replace("H", "d")
        yield f"wavelet-{band}", bands[name][tuple(inner)]


def _lbp(box):
    values = _own_lbp(box) if np.issubdtype(box.array.dtype, np.signedinteger) else None
    # On floats, and around constant regions (where the kurtosis is not defined), rounding decides: PyRadiomics' own.
    if values is None or not np.isfinite(values[2]).all():
        for name, image in lbp_images(box):
            box.borrowed.add(name)
            yield name, image
        return
    for name, found in zip(LBP, values, strict=True):
        image = np.zeros(box.shape)
        image[box.mask] = found
        yield f"lbp-3D-{name}", image


def _own_lbp(box):
    part, inner = box.crop(LBP_PAD)
    low, high = box.padded(LBP_PAD)
    faces = [(a == 0, b == n) for a, b, n in zip(low, high, box.array.shape, strict=True)]
    voxels = tuple(index + cut.start for index, cut in zip(np.nonzero(box.mask), inner, strict=True))
    return lbp3d(part, voxels, faces)


def _point_transforms(box, x, chosen):
    if not {"Exponential", "Square", "SquareRoot", "Logarithm"} & set(chosen):
        return
    largest = float(max(abs(float(box.array.max())), abs(float(box.array.min()))))
    if largest == 0:
        raise box.unusable("the image has only zeros", "check that it is the right file", "implausible-values")
    transforms = {
        "Exponential": lambda: np.exp(math.log(largest) / largest * x),
        "Square": lambda: (1 / np.sqrt(largest) * x) ** 2,
        "SquareRoot": lambda: np.sign(x) * np.sqrt(np.abs(x) * largest),
        "Logarithm": lambda: np.sign(x) * np.log(np.abs(x) + 1) * (largest / np.log(largest + 1)),
    }
    for name, transformed in transforms.items():
        if name in chosen:
            yield name.lower(), transformed()


def _gradient(box):
    part, inner = box.crop(1)
    image = sitk.GetImageFromArray(part)
    image.SetSpacing(box.spacing)
    return sitk.GetArrayFromImage(sitk.GradientMagnitude(image, useImageSpacing=True))[inner]
