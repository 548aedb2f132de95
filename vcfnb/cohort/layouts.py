"""How segmentation tools and public data sets lay out their files: what a name says, and which vertebrae a mask holds.

Known are VerSe and BIDS (``sub-x_ct``, ``sub-x_seg-vert_msk``, ``sub-x_seg-subreg_msk``), as SPINEPS writes them, too;
the files of the VerSe challenge (``verse004``, ``verse004_seg``; ``verse400_CT-sag``, ``verse400_CT-sag_seg``); nnU-Net
(``imagesTr/x_0000``, ``labelsTr/x``, ``dataset.json``); TotalSegmentator (a folder of structures, or files with many
labels); and 3D Slicer's segmentations (``.seg.nrrd``), whose header names the segments.
"""

import json
import re
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from vcfnb import images
from vcfnb.cohort.columns import LEVELS
from vcfnb.errors import BadInput

IMAGE, MASK, BODY, OTHER = "image", "mask", "body", "other"
_STRUCTURE = re.compile(r"vertebrae_([CTLS]\d+)", re.IGNORECASE)
_CHALLENGE = re.compile(r"(verse\d{3}(?:_CT-[A-Za-z]+)?)(_seg)?", re.IGNORECASE)
_NNUNET = {"imagestr": IMAGE, "imagests": IMAGE, "labelstr": MASK, "labelsts": MASK}
# Files of TotalSegmentator with many labels: what they are, and their numbering.
_TOTAL = {
    "vertebrae_body": (BODY, "totalsegmentator"),
    "vertebrae_pp_refined": (MASK, "totalsegmentator_body"),
    "total_multilabel": (MASK, "totalsegmentator"),
    "total": (MASK, "totalsegmentator"),
}


class Told(NamedTuple):
    """What path and name of a file say: its role, the words that say whose it is, its numbering, its one level."""

    role: str
    key: tuple
    scheme: str = ""
    level: str = ""


def told(relative, stem, neighbours=()):
    """What the name of a file says in one of the known layouts; None where it follows none of them.

    `relative` is its path, `stem` its name without suffix, `neighbours` the stems of the other files of its folder.
    """
    folders = relative.parts[:-1]
    if re.match(r"sub-[A-Za-z0-9]+_", stem):
        return _bids(stem)
    if found := _CHALLENGE.fullmatch(stem):
        return Told(MASK, (found[1],), "verse") if found[2] else Told(IMAGE, (found[1],))
    if folders and folders[-1].lower() in _NNUNET:
        role = _NNUNET[folders[-1].lower()]
        name = re.sub(r"_\d{4}$", "", stem) if role == IMAGE else stem
        return Told(role, (*folders[:-1], name))
    has_structures = any(_STRUCTURE.fullmatch(name) for name in neighbours)
    key = folders[:-1] if folders and folders[-1].lower() == "segmentations" else folders
    if stem.lower() in _TOTAL:
        role, scheme = _TOTAL[stem.lower()]
        return Told(role, key, scheme)
    if has_structures and stem.lower() not in ("ct", "image"):
        found = _STRUCTURE.fullmatch(stem)
        level = found[1].upper() if found else ""
        return Told(MASK if level in LEVELS else OTHER, key, "totalsegmentator", level)
    return None


def subject(path):
    """The patient of a BIDS name, such as sub-verse004, whatever the session or series; empty for other names."""
    found = re.match(r"(sub-[A-Za-z0-9]+)_", path.rpartition("/")[2])
    return found[1] if found else ""


def is_of_challenge(path):
    """Whether a path is of the VerSe challenge, whose names say which series of images it is, and not whose."""
    return bool(_CHALLENGE.fullmatch(path.rpartition("/")[2].partition(".")[0]))


def _bids(stem):
    """Entities of a BIDS name; those that say how a mask was made do not say whose it is."""
    *entities, suffix = stem.split("_")
    seg = next((entity.split("-", 1)[1] for entity in entities if entity.startswith("seg-")), "")
    key = tuple(entity for entity in entities if entity.split("-")[0] not in ("seg", "desc", "space", "res"))
    if suffix.lower() == "ct":
        return Told(IMAGE, key)
    if suffix.lower() not in ("msk", "mask", "dseg", "seg"):
        return Told(OTHER, key)
    return Told(BODY if seg == "subreg" else MASK, key, "verse" if seg in ("vert", "subreg") else "")


def vertebrae(path, scheme):
    """The vertebrae that a mask holds: level and label of each, from the head downwards.

    By the tool's numbering; without one by the names of segments in the file's header, or those of nnU-Net's
    ``dataset.json`` beside or above it. Empty where nothing says which label is which.
    """
    if not scheme:
        names = _segment_names(path) or _dataset_names(path)
        found = {re.sub("^VERTEBRAE?[_ ]", "", name.upper()): value for name, value in names.items()}
        by_level = {level: value for level, value in found.items() if level in LEVELS}
    else:
        by_level = images.SCHEMES[scheme]
    if not by_level:
        return []
    try:
        there = set(np.unique(sitk.GetArrayFromImage(images.read_image(path))).tolist())
    except BadInput:
        return []
    held = [(level, int(value)) for level, value in by_level.items() if value in there]
    return sorted(held, key=lambda pair: LEVELS.index(pair[0]))


def _segment_names(path):
    """Label value by segment's name, of a segmentation of 3D Slicer."""
    if not str(path).lower().endswith(".seg.nrrd"):
        return {}
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return {}
    header = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}
    numbers = [found[1] for key in header if (found := re.fullmatch(r"Segment(\d+)_Name", key))]
    return {header[f"Segment{n}_Name"].strip(): int(header.get(f"Segment{n}_LabelValue", 1)) for n in numbers}


def _dataset_names(path):
    """Label value by name, of nnU-Net's dataset.json, in either of its two notations."""
    for folder in (path.parent, path.parent.parent):
        try:
            labels = json.loads((folder / "dataset.json").read_text(encoding="utf-8")).get("labels", {})
        except (OSError, ValueError):
            continue
        if all(str(key).isdigit() for key in labels):
            return {str(name): int(value) for value, name in labels.items()}
        return {name: value for name, value in labels.items() if isinstance(value, int)}
    return {}
