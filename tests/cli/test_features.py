"""python -m vcfnb features: features alone, of one ROI or of a table, with PyRadiomics' parameter files."""

import numpy as np
import pandas as pd
import pytest
from cases import ball, image, texture, write

from vcfnb import cli, radiomics

FEW = "imageType: {Original: {}}\nfeatureClass: {firstorder: [], glcm: [Contrast]}\nsetting: {binWidth: 10}\n"


@pytest.fixture
def folder(tmp_path):
    """A CT, a mask of one ROI, and one of two; a parameter file."""
    write(image(texture()), tmp_path / "ct.nii.gz")
    whole = ball()
    write(image(whole), tmp_path / "mask.nii.gz")
    two = whole.copy()
    two[: two.shape[0] // 2] *= 2
    write(image(two), tmp_path / "two.nii.gz")
    (tmp_path / "few.yaml").write_text(FEW)
    return tmp_path


def features(*arguments):
    return cli.main(["features", *map(str, arguments)])


def test_one_roi_has_the_values_of_the_function(folder, capsys):
    given = folder / "ct.nii.gz", folder / "mask.nii.gz"
    assert features(*given, "--params", folder / "few.yaml", "--out", folder / "out" / "f.csv") == 0
    assert "wrote" in (said := capsys.readouterr().out) and "19 features of 1 ROIs, 0 failed" in said
    found = pd.read_csv(folder / "out" / "f.csv")
    expected = radiomics.extract_features(*given, radiomics.Settings.from_pyradiomics(folder / "few.yaml"))
    assert found.columns.tolist() == ["Image", "Mask", *expected.index]
    np.testing.assert_allclose(found.loc[0, expected.index].astype(float), expected)


def test_a_table_goes_row_by_row_and_on_where_it_was(folder, monkeypatch, capsys):
    rows = [
        ("ct.nii.gz", "two.nii.gz", 1, "P1"),
        ("ct.nii.gz", "none.nii.gz", 1, "P2"),
        ("ct.nii.gz", "two.nii.gz", 2, "P3"),
    ]
    table = pd.DataFrame(rows, columns=["Image", "Mask", "Label", "Patient"])
    table.to_csv(folder / "cases.csv", index=False)
    options = "--params", folder / "few.yaml", "--standard", "ibsi", "--out", folder / "f.csv", "--cores", 1
    assert features(folder / "cases.csv", *options) == 1
    said = capsys.readouterr()
    assert "none.nii.gz: the file is missing" in said.err and "2 ROIs, 1 failed" in said.out
    found = pd.read_csv(folder / "f.csv")
    assert found["Patient"].tolist() == ["P1", "P3"] and found["Label"].tolist() == [1, 2]
    settings = radiomics.Settings.from_pyradiomics(folder / "few.yaml").model_copy(update={"standard": "ibsi"})
    for number, label in enumerate((1, 2)):
        expected = radiomics.extract_features(folder / "ct.nii.gz", folder / "two.nii.gz", settings, label)
        np.testing.assert_allclose(found.loc[number, expected.index].astype(float), expected)
    write(image(ball()), folder / "none.nii.gz")
    computed = []
    real = radiomics.extraction.extract_features
    monkeypatch.setattr(
        "vcfnb.radiomics.extraction.extract_features", lambda *given: computed.append(given) or real(*given)
    )
    assert features(folder / "cases.csv", *options) == 0
    assert len(computed) == 1 and pd.read_csv(folder / "f.csv")["Patient"].tolist() == ["P1", "P2", "P3"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cases.csv: cannot be read"),
        ("image,mask\na,b\n", "the column Image is missing (it has image, mask) -> name it so"),
    ],
)
def test_a_table_that_cannot_be_used(text, message, tmp_path, capsys):
    if text:
        (tmp_path / "cases.csv").write_text(text)
    assert features(tmp_path / "cases.csv") == 1
    assert message in capsys.readouterr().err


def test_an_image_without_its_mask_is_said(folder, capsys):
    assert features(folder / "ct.nii.gz") == 1
    assert "give image and mask, or a table" in capsys.readouterr().err


def test_what_the_engine_does_not_do_has_no_ibsi_standard(folder, capsys):
    (folder / "few.yaml").write_text("featureClass: {glcm: [MCC]}\n")
    given = folder / "ct.nii.gz", folder / "mask.nii.gz", "--params", folder / "few.yaml", "--standard", "ibsi"
    assert features(*given) == 1
    assert "standard ibsi is the engine's alone" in capsys.readouterr().err


def test_where_nothing_could_be_computed_the_table_is_empty(folder, capsys):
    assert features(folder / "none.nii.gz", folder / "mask.nii.gz", "--out", folder / "f.csv") == 1
    said = capsys.readouterr()
    assert "none.nii.gz: the file is missing" in said.err and "1834 features of 0 ROIs, 1 failed" in said.out
    assert pd.read_csv(folder / "f.csv").shape == (0, 1836)


def test_a_label_that_is_needed_says_where_it_stands(folder, capsys):
    assert features(folder / "ct.nii.gz", folder / "two.nii.gz", "--out", folder / "f.csv") == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "the mask holds 2 labels: 1, 2" in said and "in the column Label, or is given by --mask-label" in said
