"""Read CT images and masks of every format; bring a mask onto its image's voxels, or say why that cannot be done."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from vcfnb.errors import BadInput
from vcfnb.images import dicom, files, series
from vcfnb.images.grids import Grid, check_fit, on_grid

_MISSING = "check the path; those in a cohort.csv are seen from its folder"


def read_image(path):
    """Read a CT image: NIfTI, NRRD, MetaImage, a folder with a DICOM series, or a file of enhanced (multi-frame) CT.

    Parameters
    ----------
    path : path
        File, or folder with the slices of one series; of several series in a folder, one is named by its number
        behind the folder's name (``exported/P001#2``).

    Returns
    -------
    SimpleITK.Image
        Three-dimensional, one value per voxel (HU), finite; of the stored type (whole numbers stay whole). Nothing of
        the file's header but the geometry is kept.

    Raises
    ------
    BadInput
        What is wrong with the file, and what to do.
    """
    return _finished(_open_image(path), path)


def read_mask(path, image, label=None):
    """Read the mask of an ROI, on the voxels of its image: a SimpleITK image of uint8, 1 inside.

    Image and mask meet in physical space: a mask with another order or direction of voxels, or one that covers only a
    part of the image, is brought onto the image's voxels exactly, without interpolation. Any other difference of
    the grids is an error (BadInput).

    Parameters
    ----------
    path : path
        As for :func:`read_image`; or a DICOM segmentation (SEG) or structure set (RTSTRUCT), or a folder with one.
    image : SimpleITK.Image
    label : int or str, optional
        Value of the ROI in a mask with several; number or name of a segment or structure. Without it the mask must
        hold one.
    """
    source, label = _open(path), as_label(label)
    if source.kind == "contours":
        from vcfnb.images.contours import read_contours

        return read_contours(source.file, image, label)
    if source.kind == "segmentation":
        from vcfnb.images.multiframe import read_segment

        return on_grid(read_segment(source.file, label), image, name=path)
    return on_grid(_finished(source, path), image, label, name=path)


def look(path):
    """Grid and findings (severity, problem, remedy, code) of an image, from its header alone; errors as read_image's.

    The grid is None for a file of many frames, whose geometry is read with its voxels.
    """
    return _look(_open_image(path), path)


def look_at_mask(path, grid):
    """Raise the errors of a mask that its header shows, as :func:`read_mask` would; `grid`: its image's, or None."""
    source = _open(path)
    found = None if source.kind in dicom.MASKS else _look(source, path)[0]
    if found is not None and grid is not None:
        check_fit(found, grid, path)


def location(path):
    """The file or folder on disk, and the number of a series or None: ``exported/P001#2`` is the folder's second.

    A file or folder that is really called so wins.
    """
    path = Path(path)
    found = re.fullmatch(r"(.+)#(\d+)", path.name)
    if found is None or path.exists():
        return path, None
    return path.with_name(found[1]), int(found[2])


def as_label(value):
    """A label as it stands in a table: None where there is none, a whole number where it is one, else a name."""
    if value is None or value != value or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = float(value)
    except ValueError:
        return str(value).strip()
    return int(number) if number.is_integer() else str(value).strip()


class _Source(NamedTuple):
    """A path looked at once: its kind, and the file or DICOM headers to read."""

    kind: str
    file: Path | None = None
    group: list | None = None


def _open(path):
    folder, number = location(path)
    if not folder.exists():
        raise BadInput.of(path, "the file is missing", _MISSING, code="file-missing")
    if folder.is_dir():
        return _open_folder(folder, number)
    if number is not None:
        problem = "a number behind # names a series in a folder, and this is a file"
        raise BadInput.of(path, problem, "leave it out", code="series-unknown")
    try:
        if not dicom.is_dicom(folder):
            return _Source("file", folder)
    except OSError as error:
        problem = f"cannot be opened ({error.strerror})"
        raise BadInput.of(path, problem, "check the rights of file and folder", code="no-access") from None
    kind = dicom.read_header(folder).kind
    if kind in ("slice", "other"):
        raise _no_image(path, kind)
    return _Source(kind, folder)


def _open_image(path):
    source = _open(path)
    if source.kind in dicom.MASKS:
        raise _no_image(path, source.kind)
    return source


def _open_folder(folder, number):
    """A series; or the only segmentation or structure set where there is no series."""
    headers = dicom.headers_in(folder)
    masks = [header for header in headers if header.kind in dicom.MASKS]
    if number is None and len(masks) == 1 and not dicom.series_in(headers):
        return _Source(masks[0].kind, masks[0].path)
    group = series.choose(folder, headers, number)
    if not all(header.is_ct for header in group):
        problem = "is not CT: its DICOM modality is another"
        raise BadInput.of(folder, problem, "give the CT series", code="other-modality")
    if group[0].kind == "multi-frame":
        return _Source("multi-frame", group[0].path)
    return _Source("series", group=group)


def _no_image(path, kind):
    exchanged = "give the CT; are image and mask exchanged?"
    problem, remedy, code = {
        "slice": ("is one slice of a DICOM series", "give the folder that holds all its slices", "not-a-volume"),
        "other": ("is a DICOM file without an image", "give the folder of the CT series", "not-an-image"),
        "segmentation": ("is a DICOM segmentation, not an image", exchanged, "not-an-image"),
        "contours": ("is a DICOM structure set, not an image", exchanged, "not-an-image"),
    }[kind]
    return BadInput.of(path, problem, remedy, code=code)


def _look(source, path):
    if source.kind == "multi-frame":
        return None, []
    if source.kind == "series":
        _, grid = series.stack(source.group, path)
        return grid, series.warnings(source.group)
    reader, warnings = files.look_at_file(source.file)
    _check_grey(reader, path)
    # A fourth axis of one is taken off when the image is read.
    return (Grid.of(reader) if reader.GetDimension() == 3 else None), warnings


def _finished(source, path):
    """Voxels of a source: three-dimensional, grey, finite, without a header."""
    if source.kind == "series":
        image = series.read_stack(source.group, path)
    elif source.kind == "multi-frame":
        from vcfnb.images.multiframe import read_enhanced

        image = read_enhanced(source.file)
    else:
        image = files.read_file(source.file)
    _check_grey(image, path)
    if image.GetDimension() == 4:
        image = sitk.Extract(image, (*image.GetSize()[:3], 0), (0, 0, 0, 0))
    values = sitk.GetArrayViewFromImage(image)
    if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
        problem = f"{np.count_nonzero(~np.isfinite(values))} voxels are not finite (NaN or infinite)"
        raise BadInput.of(path, problem, "export the image again", code="not-finite")
    for key in image.GetMetaDataKeys():
        image.EraseMetaData(key)
    return image


def _check_grey(source, path):
    """One value per voxel, three axes (a fourth of one is let pass); of an image or of a reader with its header."""
    components = source.GetNumberOfComponents() if isinstance(source, sitk.ImageFileReader) else None
    if (components or source.GetNumberOfComponentsPerPixel()) > 1:
        problem = "the image has several values a voxel (colour?)"
        raise BadInput.of(path, problem, "give a CT image of one grey value a voxel", code="not-grey")
    size = source.GetSize()
    if source.GetDimension() not in (3, 4) or (source.GetDimension() == 4 and size[3] != 1):
        problem = f"the image has {source.GetDimension()} dimensions"
        raise BadInput.of(path, problem, "give one three-dimensional image", code="not-a-volume")
