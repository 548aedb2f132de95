"""One small study whose cohort has every form of input at once: to its report, and through predict and validate."""

import canary
import numpy as np
import pandas as pd
import pytest

from vcfnb import cli, fusion, images, prediction
from vcfnb.cohort import check_table

pytestmark = pytest.mark.study


@pytest.fixture(scope="module")
def cases(uninterrupted):
    """The cases of the first forms, as the user's table has them, with absolute paths."""
    table, _ = check_table(uninterrupted.csv)
    return table.iloc[: len(canary.FORMS)].assign(form=canary.FORMS)


def test_the_study_ends_with_its_report(uninterrupted, cases):
    study = uninterrupted.study
    features = pd.read_csv(study / "03_radiomics" / "features.csv")
    assert set(cases["case_id"]) <= set(features["case_id"])
    assert (study / "report" / "index.html").exists()
    assert {"frames.dcm", "RTSTRUCT.dcm", "NRRD.nrrd"} <= {path.name for path in uninterrupted.csv.parent.rglob("*.*")}


def test_predict_gives_every_form_the_features_of_the_study(uninterrupted, cases):
    """Radiomics to the bit: image and mask were read as the study read them."""
    scores = pd.read_csv(uninterrupted.study / "06_fusion" / "scores.csv").set_index("case_id")["radiomics"]
    model = fusion.load_model(uninterrupted.study / "06_fusion" / "model")
    for case in cases.itertuples():
        extracted = prediction.extract_case(model, case.image, case.mask, images.as_label(case.mask_label))
        found = prediction.predict_extracted(model, extracted)
        assert found.probability["radiomics"] == scores[case.case_id], case.form


@pytest.mark.usefixtures("no_drawing")
def test_validate_scores_every_form(uninterrupted, cases, tmp_path, capsys):
    model, out = fusion.load_model(uninterrupted.study / "06_fusion" / "model"), tmp_path / "out"
    call = [
        "validate",
        str(model.folder),
        str(uninterrupted.csv),
        "--out",
        str(out),
        "--bootstrap",
        "100",
        "--cores",
        "1",
    ]
    assert cli.main([*call, "--exclude-bad"]) == 0, capsys.readouterr()
    scores, problems = prediction.score_cohort(model, cases, out, cores=1)
    assert problems.empty
    study = pd.read_csv(uninterrupted.study / "06_fusion" / "scores.csv").set_index("case_id")["radiomics"]
    assert np.array_equal(scores["radiomics"], study[scores["case_id"]])
    # A folder's series whose number is another is another image: it is scored anew, and nobody else.
    kept = {path: path.stat().st_mtime_ns for path in (out / "cases").iterdir()}
    other = cases.copy()
    other.loc[other["form"] == "folder#2", "image"] = other["image"].str.replace("#2", "#1")
    again, _ = prediction.score_cohort(model, other, out, cores=1)
    changed = {path.stem for path, when in kept.items() if path.stat().st_mtime_ns != when}
    assert changed == set(other.loc[other["form"] == "folder#2", "case_id"])
    assert (again["radiomics"] != scores["radiomics"]).sum() == 1
