"""How good a model was in its study, beside its predictions: never of other results than its own."""

import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest
from cases import ball, image, texture

from vcfnb import fusion, prediction, runs
from vcfnb.prediction import achieved, patient_page

PARTS = {"parameters": {"seed": "1"}, "code": {"06_fusion": "a"}, "table": {"label": "b"}, "files": {"P001": "c"}}


@pytest.fixture
def study(saved, tmp_path):
    """A saved model in a study's folder, with the results of notebooks 07 and 08 and what they were made from."""
    shutil.copytree(saved[2], tmp_path / "06_fusion" / "model")
    area = {"model": "fusion", "split": "test", "n": 20, "auc": 0.81, "newcombe_low": 0.7, "newcombe_high": 0.9}
    runs.write_csv(pd.DataFrame([area | {"split": "train"}, area]), tmp_path / "07_statistics" / "auc.csv")
    nested = {"model": "fusion", "repeat": "mean", "n": 100, "auc": 0.75, "ci_low": 0.65, "ci_high": 0.85}
    runs.write_csv(pd.DataFrame([nested | {"repeat": "1"}, nested]), tmp_path / "08_robustness" / "rigorous_auc.csv")
    for step in ("06_fusion", "07_statistics", "08_robustness"):
        runs.write_json({"parts": PARTS | {"parameters": {"seed": "1", step: "own"}}}, tmp_path / step / "made.json")
    return tmp_path


def model_of(study):
    return fusion.load_model(study / "06_fusion" / "model")


def test_out_of_fold_test_and_nested_aucs(study):
    model = model_of(study)
    assert model.primary == "fusion"
    found = achieved.achieved(model)
    assert [row["evaluated"] for row in found] == [achieved.TRAIN, achieved.TEST, achieved.NESTED]
    assert found[1:] == [
        {"evaluated": achieved.TEST, "n": 20, "auc": 0.81, "low": 0.7, "high": 0.9},
        {"evaluated": achieved.NESTED, "n": 100, "auc": 0.75, "low": 0.65, "high": 0.85},
    ]
    assert found[0]["n"] == 80 and found[0]["low"] < found[0]["auc"] < found[0]["high"]
    told = achieved.in_words(found, "fusion", True)
    assert "SIMULATED" in told and "0.81 (0.70 to 0.90; 20 test cases)" in told


def test_a_model_alone_knows_its_out_of_fold_auc(saved):
    assert [row["evaluated"] for row in achieved.achieved(fusion.load_model(saved[2]))] == [achieved.TRAIN]
    assert "not known" in achieved.in_words([], "fusion", False)


@pytest.mark.parametrize("change", ["other code", "unfinished"])
def test_results_of_another_model_are_not_shown(change, study):
    """A model that was fitted again, and statistics that were not opened again for it."""
    if change == "unfinished":
        (study / "06_fusion" / "made.json").unlink()
    else:
        runs.write_json({"parts": PARTS | {"code": {"06_fusion": "b"}}}, study / "06_fusion" / "made.json")
    assert [row["evaluated"] for row in achieved.achieved(model_of(study))] == [achieved.TRAIN]


def test_a_robustness_of_other_parameters_is_not_shown(study):
    runs.write_json({"parts": PARTS | {"parameters": {"seed": "2"}}}, study / "08_robustness" / "made.json")
    assert [row["evaluated"] for row in achieved.achieved(model_of(study))] == [achieved.TRAIN, achieved.TEST]


def test_page_pdf_and_json_say_the_same_and_warnings_come_first(study, tmp_path):
    model = model_of(study)
    extracted = prediction.extract_case(model, image(texture()), image(ball()), heat=True)
    far = replace(extracted, features=extracted.features.assign(dtl_001=1000.0))
    found = prediction.predict_extracted(model, far)
    assert found.outside
    paths = patient_page.write(tmp_path / "out", model, far, found)
    note, page = json.loads(paths["json"].read_text()), paths["html"].read_text()
    assert note["achieved"] == found.achieved and note["achieved_note"] in str(found)
    assert note["achieved_note"] in page
    assert page.index("OUTSIDE the training data") < page.index("probability of acute")
    assert page.index('class="doubtful"') < page.index("probability of acute")
    assert str(found).startswith("OUTSIDE")


def test_models_that_disagree_are_named(study):
    model = model_of(study)
    extracted = prediction.extract_case(model, image(texture()), image(ball()))
    found = prediction.predict_extracted(model, extracted)
    for classes, told in (
        (dict.fromkeys(found.predicted_class, "acute"), False),
        (dict.fromkeys(found.predicted_class, "acute") | {"dtl": "chronic"}, True),
    ):
        found.predicted_class.update(classes)
        assert any("DISAGREE" in warning for warning in found.warnings) is told
    assert "chronic by DTL" in " ".join(found.warnings)
