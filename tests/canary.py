"""A cohort of DICOM series whose every text holds a canary, and a search for canaries in whatever a run wrote.

Canaries are of three kinds, as the standard's types of text allow: a word, a word with letters outside ASCII, and
digits for UIDs, dates and numbers. None of them occurs by chance.
"""

import base64
import gzip
import io
import re
import shutil
import tarfile
import zipfile
import zlib

import pydicom
import SimpleITK as sitk
from dicom_files import slices_of, write_segmentation, write_structures
from highdicom.legacy import LegacyConvertedEnhancedCTImage
from pydicom.datadict import DicomDictionary
from pydicom.sequence import Sequence

from vcfnb import images, phantom

WORD, ACCENTED, DIGITS = "ZWITSCHERLAUT", "KANARIENVÖGEL", "739184650273"
UID = f"1.2.826.{DIGITS}"
HOSTILE = "<img src=x onerror=alert(1)>"
_DATE_TIME = "17391118040651.739184"
_VALUES = {
    **dict.fromkeys(("LO", "LT", "SH", "ST", "UC", "UT", "CS", "AE"), WORD),
    **{
        "PN": f"{ACCENTED}^{WORD}",
        "UI": UID,
        "DT": _DATE_TIME,
        "UR": f"http://{WORD}/",
        "DS": DIGITS,
        "IS": "739184650",
    },
    **{"TM": "040651.739184", "DA": "17391118", "AS": "973Y"},
}
# What decides how the image is read, or of which type it is.
_KEPT = {
    *("SOPClassUID", "Modality", "ImageType", "PhotometricInterpretation", "PixelSpacing", "RescaleIntercept"),
    *("RescaleSlope", "RescaleType", "ImagePositionPatient", "ImageOrientationPatient", "SpecificCharacterSet"),
    *("InstanceNumber", "SeriesNumber", "LossyImageCompression", "NumberOfFrames", "SliceThickness"),
    *("SpacingBetweenSlices", "PixelAspectRatio", "LUTExplanation", "PixelDataProviderURL"),
}
_GROUPS = (0x0008, 0x0010, 0x0012, 0x0018, 0x0020, 0x0032, 0x0038, 0x0040, 0x4008)
# UIDs of one study and series are shared by its slices; each slice has one of its own.
_OWN = ("SOPInstanceUID",)


def canaries(number=0):
    """A Dataset with every text of the standard in the groups of patient, study, series, equipment and image."""
    made = pydicom.Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    for tag, (kind, _, _, retired, name) in sorted(DicomDictionary.items()):
        if tag >> 16 in _GROUPS and kind in _VALUES and name and not retired and name not in _KEPT:
            setattr(made, name, f"{UID}.{number}" if name in _OWN else _VALUES[kind])
    block = made.private_block(0x0099, WORD, create=True)
    block.add_new(0x01, "LO", WORD)
    block.add_new(0x02, "UN", WORD.encode("utf-16-le"))
    other = pydicom.Dataset()
    other.PatientID, other.TypeOfPatientID = WORD, WORD
    made.OtherPatientIDsSequence = Sequence([other])
    return made


def put_canaries(folder, series=0):
    """Write canaries into every slice of a series; all of the standard's into two of them, the others' into all."""
    everything = canaries()
    few = ("PatientName", "PatientID", "PatientBirthDate", "InstitutionName", "ImageComments", "StudyDescription")
    few += ("SeriesDescription", "AccessionNumber", "ReferringPhysicianName", "StudyInstanceUID", "FrameOfReferenceUID")
    paths = sorted(folder.iterdir())
    with pydicom.config.disable_value_validation():
        for number, path in enumerate(paths):
            slice_ = pydicom.dcmread(path)
            if number in (0, len(paths) // 2):
                slice_.update(everything)
            else:
                slice_.SpecificCharacterSet = "ISO_IR 192"
                slice_.update({everything[name].tag: everything[name] for name in few})
                block = slice_.private_block(0x0099, WORD, create=True)
                block.add_new(0x01, "LO", WORD)
            slice_.SeriesInstanceUID = f"{UID}.{series}"
            slice_.SOPInstanceUID = slice_.file_meta.MediaStorageSOPInstanceUID = f"{UID}.{series}.{number}"
            slice_.save_as(path)


def cohort(folder, n_patients):
    """Simulated patients as DICOM series full of canaries; the first ones in every other form of input; two are bad.

    Parameters
    ----------
    folder : path
    n_patients : int
        That can be used; two more have a series with a missing slice, and one with damaged voxels.

    Returns
    -------
    pathlib.Path
        cohort.csv.
    """
    table = phantom.simulate_cohort(
        folder, n_patients + 2, acute_fraction=0.5, voxel_mm=(3, 3, 3), image_format="dicom", cores=2
    )
    frames = folder / "images" / "frames.dcm"
    uids = [pydicom.uid.generate_uid() for _ in range(2)]
    LegacyConvertedEnhancedCTImage(slices_of(folder / table.loc[6, "image"]), uids[0], 1, uids[1], 1).save_as(frames)
    for number, name in enumerate(table["image"]):
        put_canaries(folder / name, number)
    # Of the last patients, so that all others have whole series.
    missing, damaged = (sorted((folder / name).iterdir()) for name in table["image"][-2:])
    missing[len(missing) // 2].unlink()
    damaged[3].write_bytes(damaged[3].read_bytes()[:-400])
    table["mask_label"] = None
    for number, form in enumerate(FORMS):
        columns = ["image", "mask", "mask_label"]
        table.loc[number, columns] = _in_form(form, folder, *table.loc[number, ["image", "mask"]], frames)
        if table.loc[number, "mask_label"] is not None:
            # The label is that of all masks of a case, and these are of one value.
            table.loc[number, ["mask_reader_a2", "mask_reader_b"]] = None
    # The other series of the folder with two.
    for path in (folder / table.loc[8, "image"]).iterdir():
        shutil.copy(path, (folder / table.loc[5, "image"]).with_name(f"{table.loc[5, 'case_id']}") / f"b_{path.name}")
    # What a browser would run, where the checks let any text through.
    table["site"] = [f"{site} {HOSTILE}" if number % 2 else site for number, site in enumerate(table["site"])]
    table[HOSTILE] = "a column of the user's own"
    table["age"] = table["age"].astype(object)
    table.loc[len(table) - 1, "age"] = "<script>alert(1)</script>"
    table.to_csv(folder / "cohort.csv", index=False)
    return folder / "cohort.csv"


FORMS = ("SEG", "RTSTRUCT", "NIfTI", "NRRD", "MetaImage", "folder#2", "frames", "labels")


def _in_form(form, folder, image, mask, frames):
    """Image, mask and label of a case for the table, after they were written anew in a form."""
    series, label = folder / image, None
    ct = images.read_image(series)
    drawn = images.read_mask(folder / mask, ct)
    array = sitk.GetArrayFromImage(drawn)
    other = array * 0 + (array.cumsum().reshape(array.shape) == 1)
    if form in ("SEG", "RTSTRUCT"):
        mask, label = f"masks/{form}.dcm", "body"
        parts = {"body": array, ACCENTED: other}
        if form == "SEG":
            write_segmentation(folder / mask, slices_of(series), parts)
        else:
            write_structures(folder / mask, ct, parts)
        _rename(folder / mask)
    elif form == "frames":
        _rename(frames)
        image = f"images/{frames.name}"
    elif form == "labels":
        several = sitk.GetImageFromArray((2 * array + other * 5).clip(max=5).astype("uint8"))
        several.CopyInformation(drawn)
        sitk.WriteImage(several, str(folder / mask))
        label = 2
    elif form == "folder#2":
        # Series are numbered by their number: this one comes second.
        with pydicom.config.disable_value_validation():
            for path in series.iterdir():
                slice_ = pydicom.dcmread(path)
                slice_.SeriesNumber = 2
                slice_.save_as(path)
        image = f"{image}#2"
    else:
        suffix = {"NIfTI": ".nii.gz", "NRRD": ".nrrd", "MetaImage": ".mha"}[form]
        image, mask = f"images/{form}{suffix}", f"masks/{form}{suffix}"
        sitk.WriteImage(ct, str(folder / image))
        sitk.WriteImage(drawn, str(folder / mask))
    return image, mask, label


def _rename(path):
    """Canaries in the header of a segmentation or structure set, whose references to slices stay."""
    with pydicom.config.disable_value_validation():
        made = pydicom.dcmread(path)
        made.SpecificCharacterSet = "ISO_IR 192"
        for name in ("PatientName", "PatientID", "InstitutionName", "SeriesDescription", "StationName"):
            setattr(made, name, f"{ACCENTED}{WORD}")
        made.save_as(path)


# ---- the search

_LETTERS = [word for canary in (WORD, ACCENTED, "NARIENV") for word in (canary, canary.lower())]
_PATTERNS = {
    *(
        word.encode(coding)
        for word in _LETTERS
        for coding in ("utf-8", "latin-1", "utf-16-le", "utf-16-be", "utf-32-le")
    ),
    *(
        text.encode(coding)
        for text in (DIGITS, "739184650", _DATE_TIME[:14], "1739-11-18")
        for coding in ("ascii", "utf-16-le", "utf-16-be")
    ),
}
_CANARY = re.compile(
    b"|".join(re.escape(pattern) for pattern in sorted(_PATTERNS, key=len, reverse=True))
    # Dates and ages are short: only where no other digit stands beside them.
    + rb"|(?<![\d.])17391118(?!\d)|\b973Y\b"
)
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{64,}={0,2}")


def _inside(content):
    """What is packed in some bytes: archives, compressed files, texts of PNG, pictures in notebooks and pages."""
    if content[:2] == b"\x1f\x8b":
        # As far as it goes: a cut file hides nothing.
        yield zlib.decompressobj(31).decompress(content)
    elif content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield from (archive.read(name) for name in archive.namelist())
            yield " ".join(archive.namelist()).encode()
    elif content[:8] == b"\x89PNG\r\n\x1a\n":
        for chunk in re.finditer(rb"(zTXt|iTXt|iCCP)", content):
            tail = content[chunk.end() :]
            for start in range(min(120, len(tail))):
                try:
                    yield zlib.decompressobj().decompress(tail[start:])
                    break
                except zlib.error:
                    continue
    elif content[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            yield from (archive.extractfile(part).read() for part in archive if part.isfile())
    else:
        for text in (content, content.replace(b"\\n", b""), content.replace(b"\n", b"")):
            for found in _BASE64.finditer(text):
                run = found.group().rstrip(b"=")
                yield base64.b64decode(run + b"=" * (-len(run) % 4) if len(run) % 4 != 1 else run[:-1])


def sings(content, depth=4):
    """Whether some bytes, or what is packed in them, hold a canary."""
    if _CANARY.search(content):
        return True
    return depth > 0 and any(sings(part, depth - 1) for part in _inside(content))


def heard_in(folder):
    """Files below a folder that hold a canary, in their content or their name."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [
        str(path.relative_to(folder))
        for path in files
        if sings(path.read_bytes()) or _CANARY.search(str(path.relative_to(folder)).encode())
    ]


def packed(text, kind):
    """A text as it could hide in a file of this kind; for testing the search."""
    content = text.encode()
    if kind == "gzip":
        return gzip.compress(content)
    if kind == "zip":
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", content)
        return stream.getvalue()
    if kind == "picture in a notebook":
        head = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0zTXtComment\0\0" + zlib.compress(content)
        return b'{"image/png": "' + base64.b64encode(head + bytes(60)) + b'"}'
    return text.encode(kind)
