"""Nothing of a DICOM header but geometry and voxels reaches a result, a notebook, a log, a model or a message."""

import json
import shutil

import canary
import pandas as pd
import pydicom
import pytest
from cases import ball, image, texture, write
from dicom_files import write_series

from vcfnb import cli, images
from vcfnb.errors import BadInput

SHAPE = (12, 26, 28)


@pytest.mark.parametrize("kind", ["utf-8", "utf-16-le", "utf-16-be", "gzip", "zip", "picture in a notebook"])
@pytest.mark.parametrize("text", [f"x{canary.WORD}y", canary.WORD.lower(), canary.ACCENTED, canary.UID, "1739-11-18"])
def test_the_search_finds_a_canary_wherever_it_hides(tmp_path, text, kind):
    (tmp_path / "quiet").write_text("0.17391118 217391118 a sparrow")
    (tmp_path / "loud").write_bytes(canary.packed(text, kind))
    assert canary.heard_in(tmp_path) == ["loud"]


def test_a_slice_holds_a_canary_in_every_text():
    made = canary.canaries()
    texts = [element for element in made if element.VR in canary._VALUES and element.tag.group != 0x0099]
    assert len(texts) > 700
    assert {"PatientName", "PatientID", "PatientBirthDate", "InstitutionName", "StudyInstanceUID", "ImageComments"} <= {
        element.keyword for element in texts
    }
    assert all(
        canary.sings(str(element.value).encode())
        for element in texts
        if element.VR not in ("TM", "IS") and element.keyword != "SpecificCharacterSet"
    )


@pytest.mark.study
def test_no_file_of_a_study_holds_a_text_of_its_series(uninterrupted):
    """From the series to the report: also in compressed files, in pictures of notebooks, in logs and the model."""
    heard = canary.heard_in(uninterrupted.csv.parent)
    assert sum(name.endswith(".dcm") for name in heard) > 300
    assert canary.heard_in(uninterrupted.folder / "runs") == []
    assert canary.heard_in(uninterrupted.folder / "scratch") == []
    said = uninterrupted.finished
    assert not canary.sings((said.stdout + said.stderr).encode())


@pytest.mark.study
def test_bad_series_left_with_their_reason_and_without_their_name(uninterrupted):
    exclusions = pd.read_csv(uninterrupted.study / "00_cohort" / "exclusions.csv").set_index("case_id")["reason"]
    assert len(exclusions) == 2
    assert exclusions.str.contains("slices are not equally spaced|pixel data of a slice cannot be decoded").all()
    # The masks that came as SEG and RTSTRUCT, whose parts are called after a canary, were read.
    quality = pd.read_csv(uninterrupted.study / "01_preprocessing" / "qc.csv")
    assert (quality["roi_voxels_out"] > 1000).all()
    model = json.loads((uninterrupted.study / "06_fusion" / "model" / "model.json").read_text())
    assert model["models"]


# ---- messages


def damaged(folder, kind):
    """A series with canaries, and what is wrong with it; the image and the mask to read."""
    series = write_series(folder / "ct", texture(SHAPE))
    canary.put_canaries(series)
    paths = sorted(series.iterdir())
    mask = write(image(ball(SHAPE, radius=5), (1, 1, 2)), folder / "mask.nii.gz")
    with pydicom.config.disable_value_validation():
        if kind == "a slice missing":
            paths[5].unlink()
        elif kind == "a slice twice":
            shutil.copy(paths[5], series / "again.dcm")
        elif kind == "voxels cut":
            paths[5].write_bytes(paths[5].read_bytes()[:-600])
        elif kind == "header cut":
            paths[5].write_bytes(paths[5].read_bytes()[:1500])
        elif kind == "header overwritten":
            # A sequence without an end, and texts where its items should be.
            meta = b"\x02\x00\x10\x00UI\x14\x00" + b"\1" * 20
            content = b"\x08\x00\x05\x00SQ\0\0" + b"\xff" * 4 + canary.WORD.encode() * 40
            paths[0].write_bytes(bytes(128) + b"DICM" + meta + content)
        elif kind == "two series":
            canary.put_canaries(write_series(folder / "other", texture(SHAPE), number=2), 7)
            for path in (folder / "other").iterdir():
                path.rename(series / path.name)
        elif kind in ("another modality", "no place", "numbers that are texts"):
            for path in paths:
                slice_ = pydicom.dcmread(path)
                if kind == "another modality":
                    slice_.Modality = "MR"
                elif kind == "no place":
                    del slice_.ImagePositionPatient
                else:
                    for name in ("ImagePositionPatient", "PixelSpacing"):
                        # Six letters for a number; pydicom would not write them itself.
                        slice_[name] = pydicom.DataElement(slice_[name].tag, "LO", canary.WORD)
                slice_.save_as(path)
        elif kind == "one file":
            series = paths[3]
        elif kind == "mask is the series":
            mask = series
        elif kind == "NRRD whose header is cut":
            series = folder / "ct.nrrd"
            series.write_text(f"NRRD0004\n# {canary.WORD}\ntype: {canary.WORD}\n{canary.WORD}:={canary.WORD}\n")
        elif kind == "NIfTI with a description":
            series = write(image(texture(SHAPE)), folder / "ct.nii")
            content = bytearray(series.read_bytes())
            content[148 : 148 + len(canary.WORD)] = canary.WORD.encode()
            series.write_bytes(content[:-10])
    return series, mask


KINDS = [
    *("a slice missing", "a slice twice", "voxels cut", "header cut", "header overwritten", "two series"),
    *("another modality", "no place", "numbers that are texts", "one file", "mask is the series"),
    *("NRRD whose header is cut", "NIfTI with a description"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_messages_about_damaged_files_name_the_path_and_nothing_else(tmp_path, capfd, kind):
    series, mask = damaged(tmp_path, kind)
    with pytest.raises(BadInput) as caught:
        images.read_mask(mask, images.read_image(series))
    assert str(tmp_path) in str(caught.value)
    assert not canary.sings(str(caught.value).encode())
    table = f"patient_id,image,mask,label\nA,{series},{mask},1\nB,{series},{mask},0\n"
    (tmp_path / "cohort.csv").write_text(table)
    assert cli.main(["check", str(tmp_path / "cohort.csv"), "--cores", "1", "--csv", str(tmp_path / "out.csv")]) == 1
    shown = capfd.readouterr()
    assert " -> " in shown.out
    assert not canary.sings((shown.out + shown.err).encode())
    assert not canary.sings((tmp_path / "out.csv").read_bytes())
