"""Read CT images and masks; bring a mask onto its image's voxels, or say why that cannot be done."""

import gzip
import zlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from vcfnb.errors import BadInput

# How far, in voxels, two grids may be apart anywhere in the image and still count as one.
GRID_TOLERANCE = 0.02


def read_image(path):
    """Read a CT image: NIfTI, NRRD, MetaImage, or a folder with one DICOM series.

    Parameters
    ----------
    path : path
        File, or folder with the slices of one series.

    Returns
    -------
    SimpleITK.Image
        Three-dimensional, one value a voxel (HU), finite; of the stored type (whole numbers stay whole). Nothing of
        the file's header but the geometry is kept.

    Raises
    ------
    BadInput
        The file is missing or unreadable, is not one three-dimensional grey image, has values that are not finite,
        or a DICOM series has missing or repeated slices.
    """
    path = Path(path)
    if not path.exists():
        raise _bad(path, "the file is missing", "check the path; those in a cohort.csv are seen from its folder")
    image = _read_series(path) if path.is_dir() else _read_file(path)
    image = _three_dimensional(image, path)
    values = sitk.GetArrayViewFromImage(image)
    if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
        bad = values.size - np.count_nonzero(np.isfinite(values))
        raise _bad(path, f"{bad} voxels are not finite (NaN or infinite)", "export the image again")
    return _without_header(image)


def read_mask(path, image, label=None):
    """Read the mask of an ROI, on the voxels of its image.

    Image and mask meet in physical space: a mask with another order or direction of voxels, or one that covers only a
    part of the image, is brought onto the image's voxels exactly, without interpolation. Any other difference of
    the grids is an error.

    Parameters
    ----------
    path : path
        File, or folder with a DICOM series.
    image : SimpleITK.Image
    label : int, optional
        Value of the ROI in a mask with several; without it the mask must hold one value besides 0.

    Returns
    -------
    SimpleITK.Image
        uint8, 1 inside, on the image's grid.

    Raises
    ------
    BadInput
        The file is missing or unreadable, the grids do not fit, the mask is empty, the label is not in it, or part of
        the ROI lies outside the image.
    """
    return on_grid(read_image(path), image, label, name=path)


def on_grid(mask, image, label=None, name="mask"):
    """Bring a mask onto its image's voxels, as :func:`read_mask` does.

    Parameters
    ----------
    mask, image : SimpleITK.Image
    label : int, optional
    name : path or str
        What errors call the mask.

    Returns
    -------
    SimpleITK.Image
        uint8, 1 inside.

    Raises
    ------
    BadInput
        As :func:`read_mask`.
    """
    inside = _select(sitk.GetArrayFromImage(mask), label, name)
    n_voxels = np.count_nonzero(inside)
    selected = sitk.GetImageFromArray(inside.astype(np.uint8))
    selected.CopyInformation(mask)
    if same_grid(selected, image):
        selected.CopyInformation(image)
        return selected
    if not _voxels_coincide(selected, image):
        raise _bad(
            name,
            f"image and mask do not share a grid: image {_describe(image)}; mask {_describe(selected)}",
            "draw or export the mask on this very image, or resample it to the image's grid with nearest neighbours",
        )
    moved = sitk.Resample(selected, image, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    lost = n_voxels - np.count_nonzero(sitk.GetArrayViewFromImage(moved))
    if lost:
        problem = f"{lost} of the mask's {n_voxels} voxels lie outside the image"
        raise _bad(name, problem, "check that image and mask belong together")
    return moved


def same_grid(a, b):
    """Whether two images have the same voxels: size, and every corner within 0.02 voxel of the other's."""
    return a.GetSize() == b.GetSize() and _deviation(a, b, np.eye(3), np.zeros(3)) <= GRID_TOLERANCE


def _bad(path, problem, remedy):
    return BadInput([{"file": str(path), "problem": problem, "remedy": remedy}])


def _read_file(path):
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        image = reader.Execute()
        if path.name.lower().endswith((".nii", ".nii.gz")):
            _check_whole(path, reader)
        return image
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("sitk::ERROR: ")
        reason = reason.replace(str(path), path.name)
        raise _bad(
            path,
            f"cannot be read: {reason}",
            "give a whole NIfTI, NRRD or MetaImage file, or the folder of a DICOM series",
        ) from None


def _check_whole(path, reader):
    """ITK reads a NIfTI file that ends too early without a word, and fills the rest with zeros."""
    header = int(float(reader.GetMetaData("vox_offset")))
    wanted = header + int(np.prod(reader.GetSize())) * int(reader.GetMetaData("bitpix")) // 8
    found = 0
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else open(path, "rb") as stream:
            while part := stream.read(1 << 22):
                found += len(part)
    except (EOFError, OSError, zlib.error):
        found = 0
    if found < wanted:
        raise _bad(path, "the file ends too early (truncated)", "copy it again from its source")


def _read_series(folder):
    series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if not series:
        raise _bad(folder, "the folder holds no DICOM series", "give the folder that holds the slices themselves")
    if len(series) > 1:
        raise _bad(
            folder, f"the folder holds {len(series)} DICOM series", "put the one to use into a folder of its own"
        )
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series[0])
    _check_slices(folder, names)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(names)
    try:
        return reader.Execute()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("sitk::ERROR: ").replace(str(folder), folder.name)
        raise _bad(folder, f"cannot be read: {reason}", "export the series again, without compression") from None


def _check_slices(folder, names):
    """Slices must be equally spaced along their normal; ITK would only warn, and use one spacing for all."""
    import pydicom

    tags = ["ImagePositionPatient", "ImageOrientationPatient"]
    headers = [pydicom.dcmread(name, stop_before_pixels=True, specific_tags=tags) for name in names]
    if len(headers) < 2 or not all(tag in header for header in headers for tag in tags):
        return
    along = np.array(headers[0].ImageOrientationPatient, dtype=float)
    normal = np.cross(along[:3], along[3:])
    positions = np.sort([np.dot(normal, np.array(header.ImagePositionPatient, dtype=float)) for header in headers])
    steps = np.diff(positions)
    usual = float(np.median(steps))
    repeated = int((steps < 0.01).sum())
    if repeated:
        raise _bad(folder, f"{repeated} slices lie at the place of another", "keep one series in the folder")
    gaps = int((np.abs(steps - usual) > 0.1 * usual).sum())
    if gaps:
        raise _bad(
            folder,
            f"slices are not equally spaced: {steps.min():.2f} to {steps.max():.2f} mm, {gaps} step(s) differ",
            "export the series again with all its slices",
        )


def _three_dimensional(image, path):
    if image.GetNumberOfComponentsPerPixel() > 1:
        raise _bad(path, "the image has several values a voxel (colour?)", "give a CT image of one grey value a voxel")
    size = image.GetSize()
    if image.GetDimension() == 4 and size[3] == 1:
        return sitk.Extract(image, (*size[:3], 0), (0, 0, 0, 0))
    if image.GetDimension() != 3:
        raise _bad(path, f"the image has {image.GetDimension()} dimensions", "give one three-dimensional image")
    return image


def _without_header(image):
    for key in image.GetMetaDataKeys():
        image.EraseMetaData(key)
    return image


_LABEL = "the argument label, or the column mask_label of cohort.csv"


def _select(values, label, path):
    found = np.unique(values)
    found = found[found != 0]
    if not len(found):
        raise _bad(path, "the mask is empty", "draw the ROI, or leave the case out")
    if label is not None:
        if label not in found:
            listed = ", ".join(f"{value:g}" for value in found[:12])
            raise _bad(path, f"label {label} is not in the mask; it holds {listed}", f"give {_LABEL}")
        return values == label
    if len(found) > 1:
        listed = ", ".join(f"{value:g}" for value in found[:12]) + (", ..." if len(found) > 12 else "")
        raise _bad(path, f"the mask holds {len(found)} labels: {listed}", f"give the vertebra's: {_LABEL}")
    return values != 0


def _matrix(image):
    return np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()


def _deviation(a, b, turn, shift):
    """Largest distance, in voxels of b, between b's index and `turn` x a's index + `shift`, over a's corners."""
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in a.GetSize()])).reshape(3, -1)
    places = _matrix(a) @ corners + np.array(a.GetOrigin())[:, None]
    index = np.linalg.solve(_matrix(b), places - np.array(b.GetOrigin())[:, None])
    return float(np.abs(index - (turn @ corners + shift[:, None])).max())


def _voxels_coincide(a, b):
    """Whether the voxels of a are voxels of b's (extended) grid, up to order and direction of axes."""
    turn = np.linalg.solve(_matrix(b), _matrix(a)).round()
    if not np.array_equal(np.abs(turn).sum(axis=0), np.ones(3)) or abs(round(np.linalg.det(turn))) != 1:
        return False
    shift = np.linalg.solve(_matrix(b), np.subtract(a.GetOrigin(), b.GetOrigin())).round()
    return _deviation(a, b, turn, shift) <= GRID_TOLERANCE


def _describe(image):
    spacing = " x ".join(f"{value:.4g}" for value in image.GetSpacing())
    size = " x ".join(map(str, image.GetSize()))
    origin = ", ".join(f"{value:.4g}" for value in image.GetOrigin())
    axes = ", ".join(f"{value:.3g}" for value in image.GetDirection())
    return f"{size} voxels of {spacing} mm from ({origin}), axes ({axes})"
