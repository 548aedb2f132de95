"""DICOM files for tests: series of slices, their segmentations and structure sets; written without vcfnb."""

import contourpy
import highdicom
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid

AXIAL = (1, 0, 0, 0, 1, 0)


def write_series(
    folder, array, spacing=(1.0, 1.0, 2.0), step=None, orientation=AXIAL, number=1, intercept=-1024, **tags
):
    """A CT series of HU (z, y, x), a file per slice.

    Parameters
    ----------
    step : tuple of 3 float, optional
        From slice to slice, mm; by default along the slices' normal.
    tags
        Other header values, for every slice.
    """
    folder.mkdir(parents=True, exist_ok=True)
    normal = np.cross(orientation[:3], orientation[3:])
    step = normal * spacing[2] if step is None else np.array(step)
    uids = [generate_uid() for _ in range(3)]
    for index, picture in enumerate(array):
        slice_ = pydicom.Dataset()
        slice_.file_meta = FileMetaDataset()
        slice_.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        slice_.file_meta.MediaStorageSOPClassUID = slice_.SOPClassUID = CTImageStorage
        slice_.SOPInstanceUID = slice_.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        slice_.StudyInstanceUID, slice_.SeriesInstanceUID, slice_.FrameOfReferenceUID = uids
        slice_.PatientName, slice_.PatientID, slice_.PatientBirthDate, slice_.PatientSex = "", "", "", ""
        slice_.StudyDate = slice_.StudyTime = slice_.AccessionNumber = slice_.ReferringPhysicianName = ""
        slice_.StudyID, slice_.Manufacturer, slice_.PositionReferenceIndicator = "", "", ""
        slice_.Modality, slice_.SeriesNumber, slice_.InstanceNumber = "CT", number, index + 1
        slice_.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        slice_.ImagePositionPatient = [f"{value:.6f}" for value in index * step]
        slice_.ImageOrientationPatient = list(map(float, orientation))
        slice_.PixelSpacing, slice_.SliceThickness = [spacing[1], spacing[0]], spacing[2]
        slice_.Rows, slice_.Columns = picture.shape
        slice_.SamplesPerPixel, slice_.PhotometricInterpretation = 1, "MONOCHROME2"
        slice_.BitsAllocated, slice_.BitsStored, slice_.HighBit, slice_.PixelRepresentation = 16, 16, 15, 0
        slice_.RescaleSlope, slice_.RescaleIntercept, slice_.RescaleType = 1, intercept, "HU"
        slice_.PixelData = (picture.astype(np.int32) - intercept).astype("<u2").tobytes()
        for name, value in tags.items():
            setattr(slice_, name, value)
        slice_.save_as(folder / f"{number}_{index:03d}.dcm", enforce_file_format=True)
    return folder


def slices_of(folder):
    """Datasets of a series in the order of SimpleITK's slices, with the identifiers that tools ask for."""
    found = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    normal = np.cross(found[0].ImageOrientationPatient[:3], found[0].ImageOrientationPatient[3:])
    found.sort(key=lambda slice_: float(np.dot(slice_.ImagePositionPatient, normal)))
    study, series = generate_uid(), generate_uid()
    for slice_ in found:
        slice_.SOPClassUID = slice_.SOPClassUID or CTImageStorage
        slice_.SOPInstanceUID = slice_.SOPInstanceUID or generate_uid()
        slice_.StudyInstanceUID = slice_.StudyInstanceUID or study
        slice_.SeriesInstanceUID = slice_.SeriesInstanceUID or series
    return found


def write_segmentation(path, slices, segments, kind="BINARY"):
    """A DICOM SEG by highdicom.

    Parameters
    ----------
    slices : list of Dataset
        The CT, in the order of the arrays.
    segments : dict of str to array (z, y, x)
        Masks by name; numbered from 1.
    """
    described = [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=name,
            segmented_property_category=codes.SCT.AnatomicalStructure,
            segmented_property_type=codes.SCT.Vertebra,
            algorithm_type="MANUAL",
        )
        for number, name in enumerate(segments, 1)
    ]
    array = np.stack(list(segments.values()), axis=-1)
    made = highdicom.seg.Segmentation(
        source_images=slices,
        pixel_array=array.astype(np.float32) if kind == "FRACTIONAL" else array.astype(np.uint8),
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="test",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
    )
    made.save_as(path)
    return path


def write_structures(path, image, structures, decimals=3, every=1, shift=0.0):
    """An RTSTRUCT whose contours run between voxels (marching squares at 0.5), as drawing programs export them.

    Parameters
    ----------
    image : SimpleITK.Image
        Contours lie in its slices.
    structures : dict of str to array (z, y, x)
        Masks by name; numbered from 1.
    every : int
        Draw on every n-th slice.
    shift : float
        Slices by which contours are off their plane.
    """
    made = pydicom.Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = RTStructureSetStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = generate_uid()
    made.Modality, made.StructureSetLabel, made.SeriesInstanceUID = "RTSTRUCT", "TEST", generate_uid()
    made.StructureSetROISequence, made.ROIContourSequence = [], []
    for number, (name, mask) in enumerate(structures.items(), 1):
        roi, contours = pydicom.Dataset(), pydicom.Dataset()
        roi.ROINumber, roi.ROIName = number, name
        contours.ReferencedROINumber, contours.ContourSequence = number, []
        for z in np.flatnonzero(mask.any(axis=(1, 2)))[::every]:
            lines = contourpy.contour_generator(z=np.pad(mask[z], 1).astype(float)).lines(0.5)
            for line in lines:
                places = [
                    image.TransformContinuousIndexToPhysicalPoint((float(x) - 1, float(y) - 1, float(z) + shift))
                    for x, y in line[:-1]
                ]
                contour = pydicom.Dataset()
                contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", len(places)
                contour.ContourData = [f"{value:.{decimals}f}" for place in places for value in place]
                contours.ContourSequence.append(contour)
        made.StructureSetROISequence.append(roi)
        made.ROIContourSequence.append(contours)
    made.save_as(path, enforce_file_format=True)
    return path


def dice(a, b):
    """Dice coefficient of two SimpleITK masks on one grid."""
    a, b = (sitk.GetArrayFromImage(mask) != 0 for mask in (a, b))
    return 2 * (a & b).sum() / (a.sum() + b.sum())
