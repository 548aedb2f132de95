"""Images in one file that ITK reads: NIfTI, NRRD, MetaImage."""

import errno
import gzip
import math
import os
import zlib

import SimpleITK as sitk

from vcfnb import runs
from vcfnb.errors import BadInput

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
_FORMATS = "give a whole NIfTI, NRRD or MetaImage file, or the folder of a DICOM series"


def read_file(path):
    """Voxels and geometry of a file, as stored."""
    reader = _reader(path)
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise _unreadable(path, error) from None
    if _is_nifti(path) and _stored_bytes(path) < _expected_bytes(reader):
        # ITK reads a NIfTI file that ends too early without a word, and fills the rest with zeros.
        raise _truncated(path)
    return image


def write_image(image, path):
    """Write a NIfTI file, compressed where its name ends in ``.gz``; whole, or not at all (CannotWrite)."""
    with runs.atomic(path) as temporary:
        sitk.WriteImage(image, str(temporary), temporary.name.endswith(".gz"))
        try:
            look_at_file(temporary)
        except BadInput:
            # ITK writes what fits on a full disk, and says nothing.
            raise runs.cannot_write(path, errno.ENOSPC) from None


def look_at_file(path):
    """Read a file's header only: the reader with its geometry, and findings (severity, problem, remedy, code) on it."""
    reader = _reader(path)
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise _unreadable(path, error) from None
    if not _is_nifti(path):
        return reader, []
    # The last four bytes of a gzip file are the size of what is in it; where they differ, look thoroughly.
    if _announced_bytes(path) != _expected_bytes(reader) % (1 << 32) and _stored_bytes(path) < _expected_bytes(reader):
        raise _truncated(path)
    codes = [int(float(reader.GetMetaData(key))) for key in ("qform_code", "sform_code") if reader.HasMetaDataKey(key)]
    if codes and not any(codes):
        problem = "the NIfTI header says nothing of position and axes (qform and sform codes are 0)"
        remedy = "image and mask meet by their headers: check the montage, or convert from DICOM"
        return reader, [("warning", problem, remedy, "position-missing")]
    return reader, []


def _reader(path):
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    return reader


def _unreadable(path, error):
    # ITK has one exception for everything: its text alone tells a tilted gantry.
    text = str(error)
    if "orthonormal" in text or "direction cosines" in text.lower():
        problem = "its axes are not at right angles (a tilted gantry?), and no rectangular image can hold it"
        remedy = "resample it to a straight grid first (dcm2niix writes one beside a tilted series: *_Tilt), and draw "
        return BadInput.of(path, problem, remedy + "the mask on the result", code="axes-tilted")
    # ITK's own reason may quote the header, and with it what a converter copied from DICOM.
    return BadInput.of(path, "cannot be read: it is damaged, or of another format", _FORMATS, code="file-unreadable")


def _truncated(path):
    problem = "the file ends too early (truncated)"
    return BadInput.of(path, problem, "copy it again from its source", code="file-truncated")


def _is_nifti(path):
    return path.name.lower().endswith((".nii", ".nii.gz"))


def _is_compressed(path):
    with open(path, "rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def _expected_bytes(reader):
    header = int(float(reader.GetMetaData("vox_offset")))
    return header + math.prod(reader.GetSize()) * int(reader.GetMetaData("bitpix")) // 8


def _announced_bytes(path):
    """Size of what a NIfTI file says it holds, modulo 2^32 when compressed."""
    if not _is_compressed(path):
        return path.stat().st_size
    with open(path, "rb") as stream:
        stream.seek(-4, os.SEEK_END)
        return int.from_bytes(stream.read(4), "little")


def _stored_bytes(path):
    """Size of what can really be read, uncompressed."""
    found = 0
    try:
        with gzip.open(path) if _is_compressed(path) else open(path, "rb") as stream:
            while part := stream.read(1 << 22):
                found += len(part)
    except (EOFError, OSError, zlib.error):
        return 0
    return found
