"""The network's input: the box around a mask, expanded by n voxels, resized to a cube.

Arrays are (z, y, x), as SimpleITK gives them; voxels are those of the preprocessed image (1 mm).
"""

from contextlib import contextmanager
from functools import partial

import numpy as np
import SimpleITK as sitk

from vcfnb import runs
from vcfnb.errors import BadInput, VcfnbError
from vcfnb.images.grids import bounding_box
from vcfnb.images.resampling import window

# Grey value of the natural images that pretrained networks saw, on a scale of 0 to 1: the mean over red, green
# and blue of ImageNet's means and standard deviations. A crop standardised with the same two numbers has the
# scale that the first convolution expects, and no number is fitted on the cohort.
GREY_MEAN, GREY_SD = 0.449, 0.226
# A crop of which less than this share lies in the image shows repeated edge values more than a patient.
MIN_REAL_SHARE = 0.5
_AXES = ("z (head to feet)", "y (front to back)", "x (left to right)")


def expanded_box(mask, expansion):
    """:func:`bounding_box`, grown by `expansion` voxels on every side; it may leave the image."""
    start, stop = bounding_box(mask)
    return start - expansion, stop + expansion


def crop(image, mask, expansion):
    """Cut the mask's bounding box, grown by `expansion` voxels on every side, out of an image; arrays are (z, y, x).

    Beyond the image the value at its edge is repeated (the study's definition of an expansion: the paper,
    section on deep transfer learning, gives 2, 4, 6, 8 and 10 voxels of 1 mm).

    Returns
    -------
    array : numpy.ndarray (z, y, x)
    outside : int
        By how many voxels the box leaves the image, on the side where it does most; 0 when it lies inside.
    """
    image = np.asarray(image)
    if image.shape != np.shape(mask):
        problem = f"image {image.shape} and mask {np.shape(mask)} differ in size"
        raise VcfnbError(problem, "put both on one grid", code="grid-mismatch")
    if expansion < 0:
        raise VcfnbError(f"expansion {expansion} is negative", "give 0 or more voxels", code="out-of-range")
    start, stop = expanded_box(mask, expansion)
    inside = tuple(np.clip(np.arange(a, b), 0, n - 1) for a, b, n in zip(start, stop, image.shape, strict=True))
    return image[np.ix_(*inside)], int(max(0, -start.min(), (stop - image.shape).max()))


def check_box(mask, expansion):
    """Refuse an ROI that is one voxel thick (a stray mark, or one drawn slice), or a crop that is mostly no image."""
    start, stop = bounding_box(mask)
    extent = " x ".join(map(str, stop - start))
    thin = [name for name, length in zip(_AXES, stop - start, strict=True) if length == 1]
    if thin:
        problem = f"the ROI is a single voxel thick along {', '.join(thin)}: its box is {extent} voxels (z, y, x)"
        raise VcfnbError(problem, "draw the whole vertebra, on all of its slices", code="mask-too-thin")
    start, stop = expanded_box(mask, expansion)
    inside = np.minimum(stop, np.shape(mask)) - np.maximum(start, 0)
    real = float(np.prod(inside / (stop - start)))
    if real < MIN_REAL_SHARE:
        crop_size, image_size = (" x ".join(map(str, size)) for size in (stop - start, np.shape(mask)))
        where = f"it is {crop_size} voxels (z, y, x) with an expansion of {expansion}, the image {image_size}"
        remedy = "choose a smaller expansion, or an image that shows more around the vertebra"
        problem = f"only {real:.0%} of the crop lies in the image: {where}"
        raise VcfnbError(problem, remedy, code="crop-outside-image")


def resize(array, size):
    """Resize an array (z, y, x) to a cube or box of float32: trilinear, per axis, anti-aliased along axes that shrink.

    Voxel centres are mapped as on a grid of cells (``align_corners=False``); along an axis that shrinks, the
    interpolating triangle is widened by the same factor, so that no voxel is skipped.
    """
    import torch
    from torch.nn.functional import interpolate

    linear = partial(interpolate, mode="bilinear", antialias=True, align_corners=False)
    depth, *plane = map(int, np.broadcast_to(size, 3))
    volume = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))[:, None]
    # The filter is separable and torch has it for two axes only: y and x first, then z against all of (y, x).
    volume = linear(volume, size=plane)
    in_plane = plane[0] * plane[1]
    volume = linear(volume.reshape(1, 1, -1, in_plane), size=(depth, in_plane))
    return volume.reshape(depth, *plane).numpy()


def scale(array, level, width):
    """Window HU to 0..1, then standardise with the grey mean and SD of the images that networks are pretrained on."""
    low, _ = window(level, width)
    return ((np.clip((array - low) / width, 0, 1) - GREY_MEAN) / GREY_SD).astype(np.float32)


def read(image):
    """A SimpleITK image as it is, or from a preprocessed file."""
    if isinstance(image, sitk.Image):
        return image
    try:
        return sitk.ReadImage(str(image))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise VcfnbError(f"cannot be read: {reason}", "run the preprocessing", code="file-unreadable") from None


def oriented(image):
    """Bring a SimpleITK image into the orientation of the network's input, LPS.

    The array's z runs to the head, y to the back, x to the patient's left; nearest axes, nothing is interpolated.
    """
    return sitk.DICOMOrient(image, "LPS")


def load_crops(cases, expansion, size, level, width, cores=None):
    """Read preprocessed cases and make the network's input of them: float32 of shape (n, 1, size, size, size).

    Image and mask are brought into one orientation first (:func:`oriented`), so that sagittal and axial series
    look alike to a network and left-right is always the last axis.

    Parameters
    ----------
    cases : pandas.DataFrame
        Columns case_id, image, mask: paths of images (HU, 1 mm) and masks on the same grid.
    expansion, size : int
        Voxels, see :func:`crop` and :func:`resize`.
    level, width : float
        Of the bone window, HU.

    Raises
    ------
    BadInput
        After all cases were tried: every case whose files or mask make no usable crop.
    """
    work = partial(_load_crop, expansion=expansion, size=size, level=level, width=width)
    rows = cases[["case_id", "image", "mask"]].to_dict("records")
    crops = np.empty((len(rows), 1, size, size, size), dtype=np.float32)
    problems = []
    for index, result in enumerate(runs.parallel_map(work, rows, cores, desc="crops")):
        if isinstance(result, list):
            problems += result
        else:
            crops[index, 0] = result
    if problems:
        raise BadInput(problems)
    return crops


@contextmanager
def naming(case, kind):
    """Turn an error in the block into one (BadInput) that names the case and its file; `kind`: "image" or "mask"."""
    try:
        yield
    except VcfnbError as error:
        raise BadInput(error.rows(case["case_id"], case[kind])) from None


def _load_crop(case, expansion, size, level, width):
    """One case's cube, or a list of its problems."""
    arrays = {}
    try:
        for kind in ("image", "mask"):
            with naming(case, kind):
                arrays[kind] = sitk.GetArrayFromImage(oriented(read(case[kind])))
        with naming(case, "mask"):
            array, _ = crop(**arrays, expansion=expansion)
            check_box(arrays["mask"], expansion)
        bad = np.size(array) - np.count_nonzero(np.isfinite(array))
        with naming(case, "image"):
            if bad:
                raise VcfnbError(f"{bad} voxels of the crop are not finite", "fix the image", code="not-finite")
    except BadInput as error:
        return error.rows()
    return resize(scale(array, level, width), size)
