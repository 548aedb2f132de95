"""A cohort.csv from a folder of files: names, and references between DICOM files, tell what belongs together."""

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pydicom

from vcfnb.cohort import layouts
from vcfnb.cohort.columns import LEVELS
from vcfnb.errors import BadInput
from vcfnb.images import dicom, files

# Words of names that say what a file is, and not whose.
_MASK_WORDS = {"mask", "masks", "seg", "segs", "segmentation", "segmentations", "label", "labels", "labelmap", "roi"}
_MASK_WORDS |= {"rois", "rtstruct", "rtstructs", "contours", "body"}
_IMAGE_WORDS = {"ct", "cts", "image", "images", "img", "imgs", "imaging", "volume", "volumes", "scan", "scans"}
_IMAGE_WORDS |= {"dicom", "dcm", "series", "nifti", "nii"}
# Repeat segmentations: by the same reader again, and by another reader.
_READINGS = {"a2": "mask_reader_a2", "b": "mask_reader_b"}
_WHO = {"a", "a1", "reader", *_READINGS}

_ORDER = ["patient_id", "case_id", "image", "mask", "label", "age", "sex", "bmd", "level", "site", "mask_label"]
_ORDER += ["mask_scheme", "mask_body", "mask_reader_a2", "mask_reader_b"]


@dataclass
class _Found:
    """A file or series, and what its name says."""

    path: str  # as it stands in the table
    key: tuple  # words that say whose it is
    is_mask: bool
    column: str = "mask"
    scheme: str = ""  # numbering of a tool
    level: str = ""  # of a mask of one vertebra
    is_body: bool = False  # says which part of the vertebrae is body
    series: str = ""  # of a DICOM series, or the one that a DICOM mask refers to
    parts: int = 1  # segments or structures


def template(folder, seen_from=None, levels=()):
    """Pair the images and masks of a folder, one row per vertebra.

    Parameters
    ----------
    folder : path
        Looked through with its sub-folders. Layouts: ``P001.nii.gz`` with ``P001_mask.nii.gz``; ``images/P001.nii.gz``
        with ``masks/P001.nii.gz``; a folder per patient; DICOM series with NIfTI masks, SEG or RTSTRUCT. Several masks
        of one image (``P001_L1_mask``, ``P001_L3_mask``) become several cases, as do the vertebrae of a mask with
        many labels; :mod:`vcfnb.cohort.layouts` has the layouts of tools and public data.
    seen_from : path, optional
        Folder of the table that will be written; by default `folder`.
    levels : sequence of str, optional
        Keep only these vertebrae (T12, L1, ...); by default all.

    Returns
    -------
    table : pandas.DataFrame
        patient_id, case_id, image, mask, label (empty), and columns to be filled in; paths as seen from `seen_from`.
    notes : list of str
        What could not be paired, and what the reader has to decide.
    """
    folder = Path(folder)
    if not folder.is_dir():
        remedy = "give the folder that holds the images and masks"
        raise BadInput.of(folder, "is no folder", remedy, code="not-a-folder")
    found, notes = _look_through(folder)
    images = [item for item in found if not item.is_mask]
    masks = [item for item in found if item.is_mask and not item.is_body]
    bodies, _ = _pair(images, [item for item in found if item.is_body])
    bodies = {image.path: body.path for image, body in bodies}
    pairs, loose = _pair(images, masks)
    pairs = _one_tool_each(pairs, bodies, notes)
    by_path = {item.path: item for item in masks}
    rows = [one for row in _rows(pairs) for one in _by_vertebra(row, by_path[row["mask"]], folder, bodies)]
    if levels:
        rows = [row for row in rows if row.get("level") in levels]
    paired = {id(item) for pair in pairs for item in pair}
    alone = [item for item in images if id(item) not in paired]
    notes += [f"no mask for {item.path}{_nearest(item, masks)}" for item in alone]
    notes += [f"no image for {item.path}{_nearest(item, images)}" for item in loose]
    if any(layouts.is_of_challenge(row["image"]) for row in rows):
        notes.append(
            "names of the VerSe challenge say which series it is, and not whose: some patients have several; "
            "give those one patient_id (the layout by subject, sub-verse004, has it)"
        )
    several = [item for item in masks if item.parts > 1]
    notes += [f"{item.path} holds {item.parts} segments or structures: name one in mask_label" for item in several]
    for row in rows:
        for name in ("image", "mask", "mask_body", *_READINGS.values()):
            if name in row:
                row[name] = os.path.relpath(folder / row[name], seen_from or folder).replace(os.sep, "/")
    table = pd.DataFrame(rows)
    always = (_ORDER[:10] if len(rows) else _ORDER) + (["mask_label"] if several else [])
    return table.reindex(columns=[name for name in _ORDER if name in table or name in always]), notes


def _look_through(folder):
    found, notes = [], []
    for place, below, names in os.walk(folder):
        below.sort()
        place = Path(place)
        headers, others = [], 0
        stems = {name: _stem(name) for name in names if name.lower().endswith(files.SUFFIXES)}
        for name in sorted(names):
            path = place / name
            relative = path.relative_to(folder)
            if name in stems:
                said = layouts.told(relative, stems[name], stems.values())
                if said is None:
                    found.append(_named(relative, stems[name]))
                elif said.role == layouts.OTHER:
                    others += 1
                else:
                    found.append(_of_layout(relative, said))
            elif _readable_dicom(path):
                try:
                    headers.append(dicom.read_header(path))
                except BadInput:
                    notes.append(f"{relative} is a DICOM file that cannot be read")
        if others:
            notes.append(
                f"{others} files of {place.relative_to(folder)} are neither CT nor vertebrae T1 to L6: left out"
            )
        found += _series(place, folder, headers)
        found += [_dicom_mask(header, folder) for header in headers if header.kind in ("segmentation", "contours")]
    return found, notes


def _readable_dicom(path):
    try:
        return path.is_file() and dicom.is_dicom(path)
    except OSError:
        return False


def _stem(name):
    lower = name.lower()
    suffix = max((suffix for suffix in files.SUFFIXES if lower.endswith(suffix)), key=len, default="")
    return name[: len(name) - len(suffix)] if suffix else Path(name).stem


def _words(text):
    return [word for word in re.split(r"[^A-Za-z0-9]+", text) if word]


def _named(relative, stem):
    """What path and name of a file say."""
    folders, own = [word for part in relative.parts[:-1] for word in _words(part)], _words(stem)
    is_mask = any(word.lower() in _MASK_WORDS for word in (*folders, *own))
    column, dropped = "mask", _MASK_WORDS | _IMAGE_WORDS
    if is_mask:
        column = next((_READINGS[word.lower()] for word in own[1:] if word.lower() in _READINGS), "mask")
        own = own[:1] + [word for word in own[1:] if word.lower() not in _WHO]
    key = tuple(word for word in (*folders, *own) if word.lower() not in dropped)
    return _Found(relative.as_posix(), key, is_mask, column)


def _of_layout(relative, said):
    is_mask, is_body = said.role != layouts.IMAGE, said.role == layouts.BODY
    return _Found(relative.as_posix(), said.key, is_mask, scheme=said.scheme, level=said.level, is_body=is_body)


def _one_tool_each(pairs, bodies, notes):
    """Of TotalSegmentator's two ways to a body one: the whole vertebra and its body, or the bodies by number."""
    both, schemes, kept = {"totalsegmentator", "totalsegmentator_body"}, {}, []
    for image, mask in pairs:
        schemes.setdefault(image.path, set()).add(mask.scheme)
    for image, mask in pairs:
        wanted = "totalsegmentator" if image.path in bodies else "totalsegmentator_body"
        if both <= schemes[image.path] and mask.scheme in both and mask.scheme != wanted:
            notes.append(f"{mask.path} left out: another file gives the same vertebrae's bodies")
        else:
            kept.append((image, mask))
    return kept


def _by_vertebra(row, mask, folder, bodies):
    """The rows of the vertebrae that a mask holds; the row itself where nothing says which they are."""
    told = {"mask_scheme": mask.scheme} if mask.scheme else {}
    if bodies.get(row["image"]) and mask.scheme != "totalsegmentator_body":
        told["mask_body"] = bodies[row["image"]]
    case, row = row["patient_id"], row | {"patient_id": layouts.subject(row["image"]) or row["patient_id"]}
    levels = [(mask.level, 1)] if mask.level else layouts.vertebrae(folder / mask.path, mask.scheme)
    if not levels:
        return [row | told]
    rows = []
    for level, label in levels:
        # A tool's numbering gives the label of a level; a mask of one vertebra has 1.
        number = {} if mask.scheme and not mask.level else {"mask_label": label}
        rows.append(row | told | number | {"case_id": f"{case}_{level}", "level": level})
    return rows


def _nearest(item, others):
    """The file whose name is most like an item's, in words."""
    names = {other.path: Path(other.path).name for other in others}
    near = difflib.get_close_matches(Path(item.path).name, names.values(), 1, 0.5)
    return f" (nearest name: {next(path for path, name in names.items() if name == near[0])})" if near else ""


def _series(place, folder, headers):
    series = dicom.series_in(headers)
    relative = place.relative_to(folder)
    found = []
    for number, group in enumerate(series, 1):
        item = _named(relative / "x", "")
        item.path = relative.as_posix() + (f"#{number}" if len(series) > 1 else "")
        item.is_mask, item.column, item.series = False, "mask", group[0].series
        found.append(item)
    return found


def _dicom_mask(header, folder):
    item = _named(header.path.relative_to(folder), _stem(header.path.name))
    item.is_mask = True
    with dicom.silent():
        try:
            data = pydicom.dcmread(header.path, stop_before_pixels=True)
        except Exception:
            return item
        item.parts = max(1, len(data.get("SegmentSequence") or data.get("StructureSetROISequence") or []))
        item.series = _referenced_series(data)
    return item


def _referenced_series(data):
    """UID of the series that a segmentation or a structure set was drawn on; is compared, never shown."""
    for item in data.get("ReferencedSeriesSequence") or []:
        return str(item.get("SeriesInstanceUID", ""))
    for frame in data.get("ReferencedFrameOfReferenceSequence") or []:
        for study in frame.get("RTReferencedStudySequence") or []:
            for series in study.get("RTReferencedSeriesSequence") or []:
                return str(series.get("SeriesInstanceUID", ""))
    return ""


def _pair(images, masks):
    """Each mask with the image it refers to, or whose words its own name begins with; the longest name wins."""
    pairs, loose = [], []
    for mask in masks:
        able = [image for image in images if mask.series and image.series == mask.series]
        if not able:
            able = [image for image in images if mask.key[: len(image.key)] == image.key and (image.key or mask.key)]
            able += [image for image in images if image.key == mask.key == () and image not in able]
            if not able and mask.key:
                # P001/mask.nii.gz with the series in P001/10.
                able = [image for image in images if image.key[: len(mask.key)] == mask.key]
            longest = max((len(image.key) for image in able), default=0)
            able = [image for image in able if len(image.key) == longest]
        if len(able) == 1:
            pairs.append((able[0], mask))
        else:
            loose.append(mask)
    return pairs, loose


def _rows(pairs):
    """One row per vertebra: an image and its first mask, with the segmentations of the same name."""
    rows = {}
    for image, mask in pairs:
        shared = tuple(os.path.commonprefix([image.key, mask.key]))
        extra = mask.key[len(shared) :] if shared == image.key else ()
        told = {"image": image.path, "key": shared or image.key, "extra": extra}
        row = rows.setdefault((image.path, extra), dict(told))
        if mask.column in row:
            # A second mask of the same name and kind is a case of its own.
            row = rows.setdefault((image.path, extra, mask.path), dict(told))
        row[mask.column] = mask.path
    made, taken = [], set()
    for row in rows.values():
        key, extra = row.pop("key"), row.pop("extra")
        if "mask" not in row:
            continue
        patient = _identifier(key) or _identifier(_words(_stem(Path(row["image"]).name))) or "case"
        case = _identifier((patient, *extra))
        number, wanted = 2, case
        while case.lower() in taken:
            case, number = f"{wanted}_{number}", number + 1
        taken.add(case.lower())
        levels = [word.upper() for word in extra if word.upper() in LEVELS]
        made.append({"patient_id": patient, "case_id": case, **row} | ({"level": levels[0]} if levels else {}))
    return made


def _identifier(words):
    return "_".join(words)[:100].strip("._-")
