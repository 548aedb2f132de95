"""The network's input: the box around a mask, expanded by n voxels, resized to a cube.

Arrays are (z, y, x), as SimpleITK gives them; voxels are those of the preprocessed image (1 mm).
"""

from functools import partial

import numpy as np

from vcfnb import runs
from vcfnb.errors import BadInput, VcfnbError

# Grey value of the natural images that pretrained networks saw, on a scale of 0 to 1: the mean over red, green
# and blue of ImageNet's means and standard deviations. A crop standardised with the same two numbers has the
# scale that the first convolution expects, and no number is fitted on the cohort.
GREY_MEAN, GREY_SD = 0.449, 0.226


def bounding_box(mask):
    """Smallest box that holds all voxels of a mask.

    Parameters
    ----------
    mask : array (z, y, x)
        Non-zero inside the ROI.

    Returns
    -------
    start, stop : numpy.ndarray of int, shape (3,)
        First index inside and first index behind the ROI, per axis (z, y, x).

    Raises
    ------
    VcfnbError
        When the mask is empty.
    """
    mask = np.asarray(mask) != 0
    if not mask.any():
        raise VcfnbError("the mask is empty -> draw the ROI, or check its label value")
    spans = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    return np.array([span[0] for span in spans]), np.array([span[-1] + 1 for span in spans])


def crop(image, mask, expansion):
    """Cut the mask's bounding box, grown by `expansion` voxels on every side, out of an image.

    Beyond the image the value at its edge is repeated (the study's definition of an expansion: the paper,
    section on deep transfer learning, gives 2, 4, 6, 8 and 10 voxels of 1 mm).

    Parameters
    ----------
    image, mask : array (z, y, x)
        On the same grid.
    expansion : int
        Voxels, 0 or more.

    Returns
    -------
    array : numpy.ndarray (z, y, x)
        The crop, of the image's type.
    outside : int
        By how many voxels the box leaves the image, on the side where it does most; 0 when it lies inside.

    Raises
    ------
    VcfnbError
        When the mask is empty, the grids differ, or the expansion is negative.
    """
    image = np.asarray(image)
    if image.shape != np.shape(mask):
        raise VcfnbError(f"image {image.shape} and mask {np.shape(mask)} differ in size -> put both on one grid")
    if expansion < 0:
        raise VcfnbError(f"expansion {expansion} is negative -> give 0 or more voxels")
    start, stop = bounding_box(mask)
    start, stop = start - expansion, stop + expansion
    inside = tuple(np.clip(np.arange(a, b), 0, n - 1) for a, b, n in zip(start, stop, image.shape, strict=True))
    return image[np.ix_(*inside)], int(max(0, -start.min(), (stop - image.shape).max()))


def resize(array, size):
    """Resize to a cube with trilinear interpolation, per axis, anti-aliased along axes that shrink.

    Voxel centres are mapped as on a grid of cells (``align_corners=False``); along an axis that shrinks, the
    interpolating triangle is widened by the same factor, so that no voxel is skipped.

    Parameters
    ----------
    array : array (z, y, x)
    size : int
        Edge of the cube.

    Returns
    -------
    numpy.ndarray of float32, shape (size, size, size)
    """
    import torch
    from torch.nn.functional import interpolate

    linear = partial(interpolate, mode="bilinear", antialias=True, align_corners=False)
    volume = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))[:, None]
    # The filter is separable and torch has it for two axes only: y and x first, then z against all of (y, x).
    volume = linear(volume, size=(size, size))
    volume = linear(volume.reshape(1, 1, -1, size * size), size=(size, size * size))
    return volume.reshape(size, size, size).numpy()


def scale(array, level, width):
    """Window HU to 0..1, then standardise with the grey mean and SD of the images that networks are pretrained on.

    Parameters
    ----------
    array : array
        HU.
    level, width : float
        Of the window, HU. Values beyond it are set to its ends.
    """
    return ((np.clip((array - (level - width / 2)) / width, 0, 1) - GREY_MEAN) / GREY_SD).astype(np.float32)


def load_crops(cases, expansion, size, level, width, cores=None):
    """Read preprocessed cases and make the network's input of them.

    Image and mask are brought into one orientation first (LPS: the array's z runs to the head, y to the back, x to
    the patient's left; nearest axes, nothing is interpolated), so that sagittal and axial series look alike to a
    network and left-right is always the last axis.

    Parameters
    ----------
    cases : pandas.DataFrame
        Columns case_id, image, mask: paths of images (HU, 1 mm) and masks on the same grid.
    expansion : int
        Voxels, see :func:`crop`.
    size : int
        Edge of the cube, see :func:`resize`.
    level, width : float
        Of the bone window, HU, see :func:`scale`.
    cores : int, optional
        Worker processes; all usable cores by default.

    Returns
    -------
    numpy.ndarray of float32, shape (n, 1, size, size, size)
        In the order of `cases`.

    Raises
    ------
    BadInput
        After all cases were tried: every case whose files are missing or unreadable, whose grids differ, whose mask
        is empty, or whose crop holds values that are not finite.
    """
    work = partial(_load_crop, expansion=expansion, size=size, level=level, width=width)
    rows = cases[["case_id", "image", "mask"]].to_dict("records")
    crops = np.empty((len(rows), 1, size, size, size), dtype=np.float32)
    problems = []
    for index, result in enumerate(runs.parallel_map(work, rows, cores, desc="crops")):
        if isinstance(result, dict):
            problems.append(result)
        else:
            crops[index, 0] = result
    if problems:
        raise BadInput(problems)
    return crops


def _load_crop(case, expansion, size, level, width):
    """One case's cube, or a dict that says what is wrong with it."""
    import SimpleITK as sitk

    problem = {"case_id": case["case_id"], "file": case["image"]}
    arrays = []
    for kind in ("image", "mask"):
        try:
            arrays.append(sitk.GetArrayFromImage(sitk.DICOMOrient(sitk.ReadImage(case[kind]), "LPS")))
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            return problem | {
                "file": case[kind],
                "problem": f"cannot be read: {reason}",
                "remedy": "run the preprocessing",
            }
    try:
        array, _ = crop(*arrays, expansion)
    except VcfnbError as error:
        text, _, remedy = str(error).partition(" -> ")
        return problem | {"file": case["mask"], "problem": text, "remedy": remedy}
    bad = np.size(array) - np.count_nonzero(np.isfinite(array))
    if bad:
        return problem | {"problem": f"{bad} voxels of the crop are not finite", "remedy": "mend the image"}
    return resize(scale(array, level, width), size)
