"""The contact sheet of a cohort: every case, wrong masks first."""

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vcfnb import cli, cohort, phantom
from vcfnb.report import contact


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contact")
    options = {"n_patients": 16, "seed": 5, "acute_fraction": 0.5, "voxel_mm": (1.5, 1.5, 1.5)}
    phantom.simulate_cohort(folder, n_repeat_segmentations=0, cores=1, **options)
    return folder


@pytest.fixture
def table(folder):
    return cohort.check_table(folder / "cohort.csv")[0]


@pytest.mark.parametrize(("first", "second"), [(3, 9), (0, 5), (7, 12)])
def test_exchanged_masks_of_two_patients_stand_first(table, tmp_path, first, second):
    masks = table["mask"].copy()
    table.loc[[first, second], "mask"] = masks[[second, first]].to_numpy()
    sheet = contact.contact_sheet(table, tmp_path / "sheet.html", cores=1)
    assert set(sheet.case_id[:2]) == set(table.case_id[[first, second]])
    assert "contour" in sheet["flags"][0]


def test_every_case_is_pictured_with_its_contour(table, tmp_path):
    sheet = contact.contact_sheet(table, tmp_path / "sheet.html", cores=1, simulated=True)
    page = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert set(sheet.case_id) == set(table.case_id) and all(case in page for case in table.case_id)
    pictures = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page)
    assert len(pictures) == 2 * len(table)
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(pictures[0]))).convert("RGB"))
    assert (picture == contact._COLOUR).all(axis=-1).sum() > 50
    assert "Research use only" in page and "SIMULATED" in page and "<script" not in page
    volume = sheet.set_index("case_id").volume_ml
    assert volume.between(4, 45).all()


def test_many_cases_come_on_several_pages(table, tmp_path, monkeypatch):
    monkeypatch.setattr(contact, "PER_PAGE", 6)
    contact.contact_sheet(table, tmp_path / "sheet.html", cores=1)
    names = ["sheet-2.html", "sheet-3.html", "sheet.html"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert 'href="sheet-2.html"' in (tmp_path / "sheet.html").read_text()


def test_what_cannot_be_read_stands_first_with_its_reason(table, tmp_path):
    table.loc[4, "mask"] = str(tmp_path / "gone.nii.gz")
    problems = pd.DataFrame([{"case_id": table.case_id[6], "problem": "<b>the ROI has several pieces</b>"}])
    sheet = contact.contact_sheet(table, tmp_path / "sheet.html", problems=problems, cores=1)
    assert set(sheet.case_id[:2]) == {table.case_id[4], table.case_id[6]}
    page = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert "the file is missing" in page and "&lt;b&gt;the ROI" in page and "<b>the ROI" not in page


def test_check_writes_it(folder, tmp_path, capsys):
    assert cli.main(["check", str(folder / "cohort.csv"), "--pictures", str(tmp_path / "s.html"), "--cores", "1"]) == 0
    assert "pictures of all in" in capsys.readouterr().out and (tmp_path / "s.html").stat().st_size > 50_000
