"""Outputs of segmentation tools and public layouts: template, numberings of vertebrae, bodies."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from pages import blocks
from study import ROOT

from vcfnb import cli, cohort, images
from vcfnb.cohort.template import template
from vcfnb.errors import BadInput

BOXES = {1: slice(2, 7), 2: slice(9, 14), 3: slice(16, 21)}


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.GetImageFromArray(array), str(path))


def ct(path):
    write(path, np.random.default_rng(0).normal(100, 40, (24, 20, 20)).astype(np.int16))


def vertebrae(labels, part=slice(3, 17)):
    """Three boxes, one below the other, with the given labels."""
    array = np.zeros((24, 20, 20), np.uint8)
    for label, box in zip(labels, BOXES.values(), strict=False):
        array[box, part, 3:17] = label
    return array


def filled(folder, **options):
    """The template of a folder as cohort.csv with labels, read again; and the notes."""
    table, notes = template(folder, **options)
    table["label"] = np.arange(len(table)) % 2
    table.to_csv(folder / "cohort.csv", index=False)
    return cohort.check_table(folder / "cohort.csv"), notes


def roi(case):
    return sitk.GetArrayFromImage(images.read_roi(case, images.read_image(case["image"])))


def test_verse_and_spineps(tmp_path):
    for patient in ("verse004", "verse005"):
        ct(tmp_path / "rawdata" / f"sub-{patient}" / f"sub-{patient}_ct.nii.gz")
        made = tmp_path / "derivatives" / f"sub-{patient}" / f"sub-{patient}"
        write(made.with_name(made.name + "_seg-vert_msk.nii.gz"), vertebrae([28, 20, 21]))
        (made.parent / f"sub-{patient}_seg-subreg_ctd.json").write_text("[]")
    sub = tmp_path / "derivatives" / "sub-verse005" / "sub-verse005_seg-subreg_msk.nii.gz"
    write(sub, vertebrae([49, 50, 50], slice(3, 10)) + vertebrae([41, 41, 41], slice(10, 17)))
    (table, problems), notes = filled(tmp_path)
    assert list(table.case_id) == [f"sub-verse00{n}_{level}" for n in (4, 5) for level in ("T13", "L1", "L2")]
    assert not notes and not len(problems[problems.severity == "error"].query("case_id != ''"))
    assert list(table.mask_label[:3]) == [28, 20, 21]
    assert table.mask_body.notna().tolist() == [False] * 3 + [True] * 3
    whole, body = roi(table.to_dict("records")[1]), roi(table.to_dict("records")[4])
    assert body.sum() == whole.sum() / 2 and not body[:, 10:].any()
    # Bodies are never guessed: a whole vertebra is said to be one.
    told = cohort.check_files(table, min_voxels=10, cores=1).query("code == 'mask-whole-vertebra'")
    assert list(told.case_id) == list(table.case_id[:3]) and "its body" in told.problem.iloc[0]


def test_files_of_the_verse_challenge(tmp_path):
    """One name for image and mask of a series; that a patient may have several series is said, and not guessed."""
    for stem in ("verse004", "verse400_CT-sag", "verse400_CT-ax"):
        ct(tmp_path / f"{stem}.nii.gz")
        write(tmp_path / f"{stem}_seg.nii.gz", vertebrae([19, 20, 21]))
        (tmp_path / f"{stem}_ctd.json").write_text("[]")
    (table, problems), notes = filled(tmp_path, levels=["L1"])
    assert list(table.patient_id) == ["verse004", "verse400_CT-ax", "verse400_CT-sag"]
    assert list(table.case_id) == [f"{patient}_L1" for patient in table.patient_id]
    assert set(table.mask_scheme) == {"verse"} and set(table.mask_label) == {20}
    assert len(notes) == 1 and "some patients have several" in notes[0]
    assert not len(problems[problems.severity == "error"].query("case_id != ''"))


@pytest.mark.parametrize(
    "notation", [{"background": 0, "L1": 1, "L2": 2, "liver": 3}, {"0": "b", "1": "L1", "2": "L2"}]
)
def test_nnunet(tmp_path, notation):
    ct(tmp_path / "imagesTr" / "spine_001_0000.nii.gz")
    write(tmp_path / "labelsTr" / "spine_001.nii.gz", vertebrae([1, 2, 3]))
    ct(tmp_path / "imagesTs" / "spine_002_0000.nii.gz")
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": notation}))
    (table, _), notes = filled(tmp_path)
    assert list(table.case_id) == ["spine_001_L1", "spine_001_L2"] and list(table.mask_label) == [1, 2]
    assert list(table.level) == ["L1", "L2"]
    assert any("no mask for imagesTs/spine_002_0000.nii.gz (nearest name: labelsTr/spine_001" in note for note in notes)


def test_totalsegmentator_s_folder_has_vertebrae_and_no_liver(tmp_path):
    ct(tmp_path / "P001" / "ct.nii.gz")
    for name, label in {"vertebrae_L1": [1], "vertebrae_T12": [0, 1], "vertebrae_C7": [0, 0, 1], "liver": [1]}.items():
        write(tmp_path / "P001" / "segmentations" / f"{name}.nii.gz", vertebrae(label))
    write(tmp_path / "P001" / "segmentations" / "vertebrae_body.nii.gz", vertebrae([1, 1, 1], slice(3, 10)))
    (table, _), notes = filled(tmp_path)
    assert sorted(table.case_id) == ["P001_L1", "P001_T12"] and (table.mask_label == 1).all()
    assert not any("liver" in str(mask) for mask in table["mask"])
    assert any(note.startswith("2 files of P001/segmentations are neither CT nor") for note in notes)
    assert all(roi(case)[:, 10:].sum() == 0 for case in table.to_dict("records"))


def test_names_of_slicer_s_segments(tmp_path):
    ct(tmp_path / "P001.nrrd")
    mask = sitk.GetImageFromArray(vertebrae([3, 1, 2]))
    for number, (name, value) in enumerate({"L1": 3, "vertebra L2": 1, "disc": 2}.items()):
        mask.SetMetaData(f"Segment{number}_Name", name)
        mask.SetMetaData(f"Segment{number}_LabelValue", str(value))
    sitk.WriteImage(mask, str(tmp_path / "P001_segmentation.seg.nrrd"))
    (table, _), _ = filled(tmp_path)
    assert dict(zip(table.level, table.mask_label, strict=True)) == {"L1": 3, "L2": 1}


def test_sessions_of_a_patient_are_one_patient(tmp_path):
    """Otherwise one patient could be in training and test."""
    for session in ("ses-1", "ses-2"):
        ct(tmp_path / f"sub-a_{session}_ct.nii.gz")
        write(tmp_path / f"sub-a_{session}_seg-vert_msk.nii.gz", vertebrae([20]))
    table, _ = template(tmp_path)
    assert list(table.patient_id) == ["sub-a"] * 2
    assert sorted(table.case_id) == ["sub-a_ses-1_L1", "sub-a_ses-2_L1"]


def test_only_the_levels_that_are_asked_for(tmp_path, capsys):
    ct(tmp_path / "sub-a_ct.nii.gz")
    write(tmp_path / "sub-a_seg-vert_msk.nii.gz", vertebrae([19, 20, 21]))
    assert list(template(tmp_path, levels=["L1", "T12"])[0].level) == ["T12", "L1"]
    assert cli.main(["template", str(tmp_path), "--levels", "T3"]) == 1
    assert "no vertebra T3 was found -> leave --levels out" in capsys.readouterr().err


def cohort_csv(folder, **columns):
    ct(folder / "a.nii.gz")
    write(folder / "m.nii.gz", vertebrae([19, 20, 21]))
    write(folder / "b.nii.gz", vertebrae([7, 7, 7]))
    row = {"patient_id": "P1", "image": "a.nii.gz", "mask": "m.nii.gz", "label": 1, "level": "L1"}
    pd.DataFrame([row | columns]).to_csv(folder / "cohort.csv", index=False)
    return cohort.check_table(folder / "cohort.csv")


def test_a_numbering_and_a_level_are_a_label(tmp_path):
    table, problems = cohort_csv(tmp_path, mask_scheme="VerSe")
    assert table.mask_label[0] == 20 and roi(table.iloc[0].to_dict()).any()
    assert not len(problems.query("case_id != ''"))
    table, _ = cohort_csv(tmp_path, mask_scheme="verse", mask_label=21)
    assert table.mask_label[0] == 21


@pytest.mark.parametrize(
    "columns, message",
    [
        ({"mask_scheme": "verze"}, "mask_scheme is 'verze'"),
        ({"mask_scheme": "verse", "level": ""}, "mask_scheme needs a level that it numbers"),
        ({"mask_scheme": "totalsegmentator", "level": "L6"}, "mask_scheme needs a level that it numbers"),
    ],
)
def test_what_cannot_be_a_numbering_is_said(tmp_path, columns, message):
    _, problems = cohort_csv(tmp_path, **columns)
    assert problems.query("case_id == 'P1'").problem.str.contains(message).any()


def test_a_file_of_bodies_without_bodies_is_refused(tmp_path):
    table, _ = cohort_csv(tmp_path, mask_scheme="verse", mask_body="b.nii.gz")
    with pytest.raises(BadInput, match="holds no vertebral body"):
        roi(table.iloc[0].to_dict())
    write(tmp_path / "b.nii.gz", vertebrae([50]))
    with pytest.raises(BadInput, match="no body within the mask's vertebra"):
        roi(table.iloc[0].to_dict())


def test_labels_that_were_exchanged_are_found(tmp_path):
    """SimpleITK's third axis runs to the head: the first box is the lowest."""
    ct(tmp_path / "sub-a_ct.nii.gz")
    write(tmp_path / "sub-a_seg-vert_msk.nii.gz", vertebrae([20, 21, 19]))
    (table, _), _ = filled(tmp_path)
    found = cohort.check_files(table, min_voxels=10, cores=1).query("code == 'levels-out-of-order'")
    assert list(found.problem) == ["L2 does not lie below L1 of the same image (sub-a_L1)"]
    write(tmp_path / "sub-a_seg-vert_msk.nii.gz", vertebrae([21, 20, 19]))
    assert "levels-out-of-order" not in set(cohort.check_files(table, min_voxels=10, cores=1).code)


def test_a_level_that_is_none_is_refused(tmp_path, capsys):
    assert cli.main(["template", str(tmp_path), "--levels", "L1,Q7"]) == 1
    assert "--levels names Q7 -> write T1 to L6" in capsys.readouterr().err


@pytest.fixture
def real(shared, tmp_path):
    shutil.copytree(shared / "real" / "segmentations", tmp_path / "made")
    return tmp_path / "made"


def test_real_outputs_of_totalsegmentator(real):
    """Bodies of L1 to L5 against the tool's own report, which measures its refined bodies (ml)."""
    (table, problems), notes = filled(real / "totalsegmentator", levels=["L1", "L2", "L3", "L4", "L5"])
    assert list(table.level) == ["L1", "L2", "L3", "L4", "L5"] and table.mask_body.notna().all()
    assert any(note.startswith("vertebrae_pp_refined.nii.gz left out") for note in notes)
    report = json.loads((real / "totalsegmentator" / "spine_report.json").read_text())["results"]
    for case in table.to_dict("records"):
        voxel = np.prod(images.read_image(case["image"]).GetSpacing()) / 1000
        assert roi(case).sum() * voxel == pytest.approx(report[f"vertebrae_{case['level']}_volume_ml"], rel=0.25)


def test_real_outputs_in_verse_s_layout(real):
    (table, _), _ = filled(real / "verse")
    assert list(table.level) == ["L2", "L3", "L4"] and list(table.mask_label) == [21, 22, 23]
    sizes = [roi(case).sum() for case in table.to_dict("records")]
    assert sizes[1] == max(sizes) and min(sizes) > 3000


def test_the_verse_page(tmp_path, monkeypatch):
    """From a folder in VerSe's layout and a table of grades to a cohort that can be read, by the page's own lines."""
    (lines,) = blocks(ROOT / "docs" / "verse.md", "py")
    grades = []
    for number in range(8):
        name = f"sub-verse{number:03d}"
        image = np.random.default_rng(number).normal(100, 40, (24, 20, 20)).astype(np.int16)
        write(tmp_path / "training" / "rawdata" / name / f"{name}_ct.nii.gz", image)
        write(tmp_path / "training" / "derivatives" / name / f"{name}_seg-vert_msk.nii.gz", vertebrae([19, 20, 21]))
        grades += [(name, level, grade) for level, grade in zip(("T12", "L1", "L2"), (0, number % 4, 0), strict=True)]
    pd.DataFrame(grades, columns=["patient_id", "level", "genant"]).to_csv(tmp_path / "grades.csv", index=False)
    template(tmp_path, levels=["T12", "L1", "L2"])[0].to_csv(tmp_path / "cohort.csv", index=False)
    monkeypatch.chdir(tmp_path)
    exec(lines, {})
    table = cohort.read_cohort(tmp_path / "genant.csv", "genant_2_3")
    assert table.label.sum() == 4 and (table.label == 0).sum() >= 8
    assert set(table.level[table.label == 1]) == {"L1"} and table.mask_label.isin([19, 20, 21]).all()
