"""A simulated image as a DICOM series of sagittal slices, as a PACS would export a CT's bone reconstruction."""

import contextlib
import json
import os
import shutil
import tempfile
import uuid
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from vcfnb import runs
from vcfnb.errors import VcfnbError

# Stored values are HU + 1024 in 12 bits, as on scanners.
_INTERCEPT, _BITS = -1024, 12
# What all series say. Attributes that must be there and may be empty are null: a simulation has no dates and no names
# of people. Images are derived, as scanners write it: a sagittal stack is reformatted from the slices of a scan.
_HEADER = json.loads(Path(__file__).with_name("dicom_header.json").read_text(encoding="utf-8"))


def write_series(hu, spacing, origin, folder, patient, key):
    """Write one CT series, a file per slice; the same arguments give the same bytes.

    Slices are sagittal and numbered from the patient's right to the left; rows run from head to feet, columns from
    front to back. `hu` (z, y, x; -1024 to 3071) has x to the patient's left, y to the back, z to the head, `origin` is
    the middle of its first voxel. There is a whole series or none. UIDs come from `key`: what decides the image.
    """
    stored = hu.astype(np.int32) - _INTERCEPT
    if stored.min() < 0 or stored.max() >= 1 << _BITS:
        problem, remedy = f"HU {hu.min()} to {hu.max()}", "DICOM takes -1024 to 3071, clip first"
        raise VcfnbError(problem, remedy, code="out-of-range", case=patient["case_id"])
    series = _series(stored.shape, spacing, patient, key)
    dz, dy, dx = map(float, spacing)
    z0, y0, x0 = map(float, origin)
    with _aside(Path(folder)) as temporary:
        for index in range(stored.shape[2]):
            number = index + 1
            series.SOPInstanceUID = series.file_meta.MediaStorageSOPInstanceUID = _uid(key, "slice", number)
            series.InstanceNumber = number
            place = x0 + index * dx
            top = z0 + (stored.shape[0] - 1) * dz
            series.ImagePositionPatient = [_decimal(value) for value in (place, y0, top)]
            series.SliceLocation = _decimal(place)
            series.PixelData = np.ascontiguousarray(stored[::-1, :, index]).astype("<u2").tobytes()
            series.save_as(temporary / f"{number:04d}.dcm", enforce_file_format=True)


def _series(shape, spacing, patient, key):
    """What all slices share: the modules of the CT Image IOD (DICOM PS3.3, A.3), as far as they are not optional."""
    dz, dy, dx = spacing
    shared = pydicom.Dataset()
    shared.file_meta = FileMetaDataset()
    shared.file_meta.MediaStorageSOPClassUID = shared.SOPClassUID = CTImageStorage
    shared.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    shared.PatientName = f"SIMULATED^{patient['patient_id']}"
    shared.PatientID = patient["patient_id"]
    shared.PatientSex = patient["sex"]
    shared.PatientAge = f"{patient['age']:03d}Y"
    for name, value in _HEADER.items():
        setattr(shared, name, value)
    shared.StudyInstanceUID = _uid(key, "study")
    shared.SeriesInstanceUID = _uid(key, "series")
    shared.FrameOfReferenceUID = _uid(key, "frame")
    shared.SeriesDescription = f"SIMULATED {patient['case_id']}, sagittal, bone"
    shared.PixelSpacing = [_decimal(dz), _decimal(dy)]
    shared.SliceThickness = shared.SpacingBetweenSlices = _decimal(dx)
    shared.Rows, shared.Columns = shape[:2]
    shared.BitsStored, shared.HighBit = _BITS, _BITS - 1
    shared.RescaleIntercept = _INTERCEPT
    return shared


def _uid(*parts):
    """UID made from a UUID (DICOM PS3.5, B.2), the same for the same parts."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, ' '.join(map(str, parts))).int}"


def _decimal(value):
    """Number for a decimal string, which holds 16 characters."""
    return pydicom.valuerep.DSfloat(round(float(value), 6), auto_format=True)


@contextlib.contextmanager
def _aside(folder):
    """A temporary folder that takes the place of `folder` when the block ends without an error."""
    runs.make_folder(folder.parent)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=runs.aside_prefix()))
    try:
        made = temporary / folder.name
        made.mkdir()
        yield made
        if folder.exists():
            os.replace(folder, temporary / "before")
        os.replace(made, folder)
    finally:
        shutil.rmtree(temporary)
