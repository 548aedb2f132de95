"""The commands of python -m vcfnb, and the guide for one's own patients that is made of them."""

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cases import ball, image, texture, write
from dicom_files import slices_of, write_segmentation, write_series, write_structures
from pages import commands
from study import ROOT

from vcfnb import cli, cohort, images
from vcfnb.cli.output import problems_text
from vcfnb.cohort.template import template

GUIDE = ROOT / "docs" / "own-cohort.md"


@pytest.fixture
def folder(tmp_path):
    """Twelve usable cases: images/P00.nii.gz and masks/P00.nii.gz, without a table."""
    for number in range(12):
        for name, made in (("images", texture(seed=number)), ("masks", ball())):
            (tmp_path / name).mkdir(exist_ok=True)
            write(image(made), tmp_path / name / f"P{number:02d}.nii.gz")
    return tmp_path


def labelled(folder, **columns):
    table, _ = template(folder)
    table = table.assign(label=np.arange(len(table)) % 2, **columns)
    table.to_csv(folder / "cohort.csv", index=False)
    return folder / "cohort.csv"


def test_help_lists_the_commands_and_says_what_it_is_not():
    call = [sys.executable, "-m", "vcfnb", "--help"]
    said = " ".join(subprocess.run(call, capture_output=True, text=True, cwd=ROOT).stdout.split())
    assert all(name in said for name in cli.COMMANDS)
    assert "Research use only" in said
    for name in cli.COMMANDS:
        said = subprocess.run([*call[:3], name, "--help"], capture_output=True, text=True, cwd=ROOT).stdout
        assert "Research use only" in " ".join(said.split())


def test_wrong_usage_is_2():
    for given in ([], ["nonsense"], ["check"], ["check", "x.csv", "--no-such-option"]):
        with pytest.raises(SystemExit) as caught:
            cli.main(given)
        assert caught.value.code == 2


@pytest.mark.parametrize("more", [[], ["--quick"]])
def test_a_usable_cohort_gives_0(folder, capsys, more):
    assert cli.main(["check", str(labelled(folder)), "--cores", "1", *more]) == 0
    said = capsys.readouterr().out
    assert "12 cases of 12 patients, 12 can be used (6 acute, 6 chronic)" in said
    assert "0 error(s), 4 warning(s)" in said
    assert "no repeat segmentations" in said
    assert ("voxels were not looked at" in said) == bool(more)


def test_a_bad_cohort_gives_1_and_one_table(folder, capsys):
    csv = labelled(folder, age=[500, *[60] * 11])
    (folder / "masks" / "P01.nii.gz").unlink()
    write(image(ball(radius=2)), folder / "masks" / "P02.nii.gz")
    out = folder / "problems.csv"
    assert cli.main(["check", str(csv), "--cores", "1", "--csv", str(out)]) == 1
    said = capsys.readouterr()
    errors = [line for line in said.out.splitlines() if line.startswith("error")]
    assert [line.split()[1].rstrip(":") for line in errors] == ["P00", "P01", "P02"]
    for told in ("age is '500'", "masks/P01.nii.gz", "the ROI is too small", "on_bad_case: exclude"):
        assert told in said.out
    assert "9 can be used" in said.out
    # What table and headers show is said before voxels are read.
    assert "P01" in said.err and "P02" not in said.err
    written = pd.read_csv(out)
    assert written.columns.tolist() == ["case_id", "file", "problem", "remedy", "severity", "code"]
    assert (written.severity == "error").sum() == 3
    assert cli.main(["check", str(csv), "--quick", "--cores", "1"]) == 1
    assert "the ROI is too small" not in capsys.readouterr().out
    assert cli.main(["check", str(csv), "--min-voxels", "20", "--cores", "1"]) == 1
    assert "the ROI is too small" not in capsys.readouterr().out


def test_a_table_that_is_none_gives_1(tmp_path, capsys):
    assert cli.main(["check", str(tmp_path / "none.csv")]) == 1
    assert "the file is missing" in capsys.readouterr().out
    (tmp_path / "cohort.csv").write_text("patient_id;image;mask;label,age\nA;a.nii;b.nii;1,70\n")
    assert cli.main(["check", str(tmp_path / "cohort.csv")]) == 1
    assert "commas and semicolons or tabs are mixed" in capsys.readouterr().out


# ---- problems on the console


def test_the_same_problem_of_many_cases_is_one_line():
    cases = pd.DataFrame({"case_id": [f"P{number:03d}" for number in range(218)]})
    table = cases.assign(file="ct/" + cases.case_id, problem="is gone", remedy="look", code="gone", severity="error")
    said = problems_text(table, width=500)
    assert said == "error    218 cases (P000, P001, P002, P003, P004, ...): is gone -> look"


@pytest.mark.parametrize("width", [1, 20, 40, 60, 80, 100, 140, 1000])
@pytest.mark.parametrize("folder", [None, "/data", "/else/where"])
def test_no_terminal_breaks_a_path(width, folder):
    path = "/data/spine-study  2024/a folder-of-CT/a-very-long-name of P1_" + "x" * 60 + ".nii.gz"
    part = Path(path).parts[2]
    told = f"slices of {path} say nothing of where they lie, and no rectangular image can hold them"
    remedy = f"put the number behind the folder's name, such as {part}#1"
    row = {"severity": "error", "case_id": "P001", "file": path, "problem": told, "remedy": remedy, "code": "tilted"}
    lines = problems_text(pd.DataFrame([row]), folder, width).splitlines()
    shown = path.removeprefix("/data/") if folder == "/data" else path
    assert sum(f"P001 {shown}:" in line or line.strip() == f"{shown}:" for line in lines) == 1
    assert any(path in line for line in lines) and any(f"{part}#1" in line for line in lines)
    # Other words are wrapped, and none is lost.
    assert " ".join(" ".join(lines).split()) == " ".join(f"error P001 {shown}: {told} -> {remedy}".split())
    for line in lines:
        rest = line.replace(path, "").replace(shown, "").replace(part, "")
        assert len(rest) <= max(width, 30)


# ---- template


def pairs(table):
    return sorted(zip(table.case_id, table.image, table["mask"], strict=True))


def test_a_template_is_a_cohort_without_labels(folder, capsys):
    assert cli.main(["template", str(folder)]) == 0
    assert "12 cases of 12 patients" in capsys.readouterr().out
    table = pd.read_csv(folder / "cohort.csv")
    assert table.label.isna().all()
    assert pairs(table)[1] == ("P01", "images/P01.nii.gz", "masks/P01.nii.gz")
    # A table that somebody may have filled in is never written over.
    assert cli.main(["template", str(folder)]) == 1
    assert "is there already" in capsys.readouterr().err
    (folder / "tables").mkdir()
    out = folder / "tables" / "other.csv"
    assert cli.main(["template", str(folder), "--out", str(out)]) == 0
    assert pd.read_csv(out).image[0] == "../images/P00.nii.gz"
    table.assign(label=[0, 1] * 6).to_csv(out := folder / "filled.csv", index=False)
    assert len(cohort.check_files(cohort.read_cohort(out), cores=1)) == 0


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["P1.nii.gz", "P1_mask.nii.gz"], [("P1", "P1.nii.gz", "P1_mask.nii.gz")]),
        (["P1_ct.nrrd", "P1-seg.nii"], [("P1", "P1_ct.nrrd", "P1-seg.nii")]),
        (["P1/ct.mha", "P1/mask.mha"], [("P1", "P1/ct.mha", "P1/mask.mha")]),
        (["ct/P1.nii", "labels/P1.nii"], [("P1", "ct/P1.nii", "labels/P1.nii")]),
        (["a/P1.nii", "a/P1_mask.nii"], [("a_P1", "a/P1.nii", "a/P1_mask.nii")]),
        # P1 is the beginning of P10's name, and not its patient.
        (["P1.nii", "P10.nii", "P10_mask.nii"], [("P10", "P10.nii", "P10_mask.nii")]),
        (
            ["P1.nii", "P1_L1_mask.nii", "P1_L3_mask.nii"],
            [("P1_L1", "P1.nii", "P1_L1_mask.nii"), ("P1_L3", "P1.nii", "P1_L3_mask.nii")],
        ),
    ],
)
def test_what_belongs_together_is_told_by_names(tmp_path, names, expected):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    table, _ = template(tmp_path)
    assert pairs(table) == expected


def test_levels_and_second_readings_are_found(tmp_path):
    for name in ("P1_L1.nii", "P1_L1_mask_a.nii", "P1_L1_mask_a2.nii", "P1_L1_mask_b.nii", "P2.nii", "P2_T12_mask.nii"):
        (tmp_path / name).touch()
    table, notes = template(tmp_path)
    first, second = table.to_dict("records")
    assert (first["mask"], first["mask_reader_a2"]) == ("P1_L1_mask_a.nii", "P1_L1_mask_a2.nii")
    assert first["mask_reader_b"] == "P1_L1_mask_b.nii"
    assert second["level"] == "T12"
    assert notes == []


def test_what_cannot_be_paired_is_said(tmp_path, capsys):
    for name in ("P1.nii", "P2.nii", "P2_mask.nii", "P3_mask.nii"):
        (tmp_path / name).touch()
    table, notes = template(tmp_path)
    assert table.case_id.tolist() == ["P2"]
    near = [" (nearest name: P3_mask.nii)", " (nearest name: P2.nii)"]
    assert notes == [f"no mask for P1.nii{near[0]}", f"no image for P3_mask.nii{near[1]}"]
    (tmp_path / "empty").mkdir()
    assert cli.main(["template", str(tmp_path / "empty")]) == 1
    assert "no image with a mask was found" in capsys.readouterr().err
    assert cli.main(["template", str(tmp_path / "none")]) == 1
    assert "is no folder" in capsys.readouterr().err


def test_dicom_series_meet_their_masks_by_reference(tmp_path, capsys):
    """An export as a PACS writes it: folders by number, of which one holds two series; nothing of a name is shown."""
    shape = (12, 26, 28)
    for patient in ("0001", "0002"):
        series = write_series(tmp_path / patient / "10", texture(shape), PatientName="CANARY")
        ct = images.read_image(series)
        slices = slices_of(series)
        if patient == "0001":
            masks = tmp_path / patient / "77"
            masks.mkdir()
            write_segmentation(masks / "x.dcm", slices, {"L1": ball(shape, radius=5), "CANARY": ball(shape, radius=4)})
            write_series(series, texture((5, 20, 20)), number=2)
        else:
            write(image(ball(shape, radius=5), (1, 1, 2)), tmp_path / patient / "mask.nii.gz")
            write_structures(tmp_path / "unknown_rt.dcm", ct, {"L1": ball(shape, radius=5)})
    assert cli.main(["template", str(tmp_path)]) == 0
    said = capsys.readouterr()
    table = pd.read_csv(tmp_path / "cohort.csv", dtype=str)
    assert pairs(table) == [("0001", "0001/10#1", "0001/77/x.dcm"), ("0002", "0002/10", "0002/mask.nii.gz")]
    assert table.mask_label.isna().all()
    assert "0001/77/x.dcm holds 2 segments or structures: name one in mask_label" in said.err
    assert "no image for unknown_rt.dcm" in said.err
    assert "CANARY" not in said.out + said.err + (tmp_path / "cohort.csv").read_text()


# ---- the guide


def test_the_guide_has_ten_steps_and_its_commands_work(folder, monkeypatch, capsys):
    """Each command of this package in docs/own-cohort.md, in order, in a folder of files as the guide describes it."""
    text = GUIDE.read_text()
    assert [f"\n{number}. **" in text for number in range(1, 12)] == [True] * 10 + [False]
    own = [command for command in commands(GUIDE) if command.startswith("./vcfnb.sh")]
    assert [shlex.split(command)[1] for command in own] == ["template", *["check"] * 4]
    (folder / "fractures").mkdir()
    for name in ("images", "masks"):
        (folder / name).rename(folder / "fractures" / name)
    monkeypatch.chdir(folder)
    for command in own:
        arguments = [argument.replace("../fractures", "fractures") for argument in shlex.split(command)[1:]]
        assert cli.main([*arguments, *(["--cores", "1"] if arguments[0] == "check" else [])]) == 0, command
        if arguments[0] == "template":
            labelled(folder / "fractures", oedema=[0, 1] * 6)
    assert (folder / "fractures" / "problems.csv").exists()
