"""What lies in a DICOM file or folder: kind, geometry, series. Nothing else of a header is kept or shown.

Errors here never quote a header or a library's message, which could hold the name of a patient.
"""

import contextlib
import logging
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom import config, uid
from pydicom.misc import is_dicom

from vcfnb.errors import BadInput

_KINDS = {
    uid.SegmentationStorage: "segmentation",
    "1.2.840.10008.5.1.4.1.1.66.7": "segmentation",  # label map segmentation
    uid.RTStructureSetStorage: "contours",
    uid.EnhancedCTImageStorage: "multi-frame",
    uid.LegacyConvertedEnhancedCTImageStorage: "multi-frame",
}
# Kinds of files that hold masks.
MASKS = ("segmentation", "contours")
# Modalities that are surely no CT. A missing or unknown one is left to the check of the voxels.
_NOT_CT = {"MR", "PT", "NM", "US", "CR", "DX", "XA", "RF", "MG", "PX", "SC", "OT"}

_TAGS = [
    *("SOPClassUID", "Modality", "SeriesInstanceUID", "SeriesNumber", "InstanceNumber"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns", "NumberOfFrames"),
    *("RescaleIntercept", "RescaleSlope", "LossyImageCompression"),
]


@dataclass(frozen=True)
class Header:
    """What is used of one DICOM file."""

    path: Path
    kind: str  # "slice", "multi-frame", "segmentation", "contours", or "other"
    series: str  # series UID: groups files, is never shown
    order: tuple
    size: tuple  # columns, rows
    spacing: tuple | None  # mm between columns, between rows
    position: np.ndarray | None = field(repr=False)
    orientation: np.ndarray | None = field(repr=False)  # direction of a row (x), then of a column (y)
    is_ct: bool
    rescaled: bool
    lossy: bool


@contextlib.contextmanager
def parsing(path, problem, remedy="export it again"):
    """Turn whatever a damaged file makes of a parser into one error: the parser's message may quote the header."""
    with silent():
        try:
            yield
        except BadInput:
            raise
        except Exception:
            raise BadInput.of(path, problem, remedy, code="file-unreadable") from None


@contextlib.contextmanager
def silent():
    """Let no library print what it reads: warnings of pydicom and ITK quote values and file names."""
    talkers = [logging.getLogger(name) for name in ("pydicom", "highdicom")]
    levels = [talker.level for talker in talkers]
    for talker in talkers:
        talker.setLevel(logging.CRITICAL + 1)
    mode = config.settings.reading_validation_mode
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    config.settings.reading_validation_mode = config.IGNORE
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for talker, level in zip(talkers, levels, strict=True):
            talker.setLevel(level)
        config.settings.reading_validation_mode = mode
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)


def read_header(path):
    """Header of one DICOM file."""
    with parsing(path, "its DICOM header cannot be read"):
        return _header(Path(path), pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_TAGS))


def _header(path, data):
    kind_uid = data.get("SOPClassUID") or data.file_meta.get("MediaStorageSOPClassUID", "")
    position, orientation = (_numbers(data, name) for name in ("ImagePositionPatient", "ImageOrientationPatient"))
    spacing = _numbers(data, "PixelSpacing")
    number = [_whole(data, name) for name in ("SeriesNumber", "InstanceNumber")]
    return Header(
        path=path,
        kind=_kind(kind_uid, data),
        series=str(data.get("SeriesInstanceUID") or ""),
        order=(*number, path.name),
        size=(int(data.get("Columns") or 0), int(data.get("Rows") or 0)),
        spacing=None if spacing is None else (spacing[1], spacing[0]),
        position=position,
        orientation=orientation,
        is_ct=data.get("Modality") not in _NOT_CT,
        rescaled="RescaleIntercept" in data and "RescaleSlope" in data,
        lossy=data.get("LossyImageCompression") == "01",
    )


def _kind(kind_uid, data):
    if kind_uid in _KINDS:
        return _KINDS[kind_uid]
    if int(data.get("NumberOfFrames") or 1) > 1:
        return "multi-frame"
    return "slice" if data.get("Rows") else "other"


def _numbers(data, name):
    value = data.get(name)
    return None if value is None or isinstance(value, str) or not len(value) else np.array(value, dtype=float)


def _whole(data, name):
    try:
        return int(data.get(name))
    except (TypeError, ValueError):
        return 1 << 31


def headers_in(folder):
    """Headers of all DICOM files that lie in a folder itself, by name."""
    try:
        return [read_header(path) for path in sorted(folder.iterdir()) if path.is_file() and is_dicom(path)]
    except BadInput:
        problem = "the header of one of its DICOM files cannot be read"
        raise BadInput.of(folder, problem, "export the series again", code="file-unreadable") from None
    except OSError as error:
        problem = f"cannot be opened ({error.strerror})"
        raise BadInput.of(folder, problem, "check the rights of its files", code="no-access") from None


def series_in(headers):
    """Slices divided into series, by series UID and by what slices of one stack must share, in the order of numbers."""
    groups = {}
    for header in headers:
        if header.kind in ("slice", "multi-frame"):
            groups.setdefault(_stack(header), []).append(header)
    return sorted(
        groups.values(), key=lambda group: min((header.order[0], header.series, *header.order[1:]) for header in group)
    )


def _stack(header):
    axes = None if header.orientation is None else tuple(header.orientation.round(3) + 0.0)
    # Each file with several frames is a series of its own.
    alone = header.path.name if header.kind == "multi-frame" else None
    return header.series, header.size, header.spacing, axes, alone


def describe(group):
    """A series in words, from its geometry alone."""
    first = group[0]
    if first.kind == "multi-frame":
        return f"one file of several frames, {first.size[0]} x {first.size[1]}"
    spacing = "unknown spacing" if first.spacing is None else " x ".join(f"{v:.4g}" for v in first.spacing) + " mm"
    told = f"{len(group)} slice{'s' * (len(group) > 1)} of {first.size[0]} x {first.size[1]}, {spacing}"
    if first.orientation is None or len(group) < 2 or any(header.position is None for header in group):
        return told
    normal = np.cross(first.orientation[:3], first.orientation[3:])
    plane = ("sagittal", "coronal", "axial")[int(np.abs(normal).argmax())]
    steps = np.diff(np.sort([header.position @ normal for header in group]))
    return f"{told}, {plane}, {np.median(steps):.3g} mm apart"
