"""The page of bad inputs says what is said, and every input of the list is tried."""

import bad_inputs
import pytest

# What issue and documentation promise at least, and where it is tried.
PROMISED = {
    "file missing": ("Image files", "missing"),
    "unreadable": ("Image files", "not an image"),
    "truncated": ("Image files", "truncated"),
    "empty mask": ("What voxels show", "empty mask"),
    "mask outside the image": ("What voxels show", "elsewhere"),
    "mask larger than the image": ("What voxels show", "larger than the image"),
    "geometry mismatch": ("What voxels show", "other grid"),
    "wrong label value": ("Masks", "label that is not in the mask"),
    "more than one piece": ("What voxels show", "in pieces"),
    "ROI under 100 voxels": ("What voxels show", "small"),
    "ROI at the border": ("What voxels show", "at the border"),
    "implausible spacing": ("What voxels show", "huge voxels"),
    "implausible size": ("What voxels show", "metres"),
    "not CT": ("DICOM series", "not CT"),
    "unsigned": ("What voxels show", "unsigned"),
    "rescale missing": ("What voxels show", "rescale missing"),
    "slice gap": ("DICOM series", "missing"),
    "same image twice": ("Its rows", "image of several patients"),
    "patient in train and test": ("Its rows", "patient on both sides"),
    "label missing": ("Its rows", "label missing"),
    "label not 0 or 1": ("Its rows", "label neither 0 nor 1"),
    "one class": ("Its rows", "one class"),
    "age out of range": ("Its rows", "age"),
    "BMD out of range": ("Its rows", "bmd"),
    "sex out of range": ("Its rows", "sex"),
    "duplicated id": ("Its rows", "repeated id"),
    "unsafe id": ("Its rows", "unsafe id"),
    "repeat segmentations missing": ("Its cases as a whole", "repeat segmentations missing"),
    "unknown column": ("Its cases as a whole", "column without a meaning"),
    "wrong encoding": ("The table", "latin-1"),
    "wrong separator": ("The table", "mixed separators"),
    "Windows path": ("Its rows", "Windows path"),
    "too few cases for the folds": ("Its size", "too few patients for ten folds"),
}


@pytest.mark.parametrize("promise", PROMISED)
def test_what_was_promised_is_found_with_a_remedy(promise):
    found = bad_inputs.tried(*PROMISED[promise])
    assert len(found) >= 1
    assert (found.problem.str.len() > 8).all() and (found.remedy.str.len() > 5).all()


def test_the_page_says_what_is_said():
    assert bad_inputs.PAGE.read_text(encoding="utf-8") == bad_inputs.page(), (
        "docs/bad-inputs.md is not what is said now -> .venv/bin/python tests/bad_inputs.py"
    )
