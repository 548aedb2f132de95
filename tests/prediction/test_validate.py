"""python -m vcfnb validate: a second cohort, scored and evaluated with a frozen model. Slow: dozens of cases scored."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from cases import ball, image, texture, write
from scipy.special import expit
from small_model import TRAINED_ON, small_cohort

from vcfnb import cli, fusion, prediction, statistics

TABLES = [
    "auc",
    "calibration",
    "calibration_curve",
    "decision_curves",
    "dca_differences",
    "operating_points",
    "outside",
]
TABLES += ["recalibration", "uncertain"]


@pytest.fixture(scope="session")
def model(saved):
    return saved[2]


@pytest.fixture(scope="module")
def validated(model, tmp_path_factory):
    """A cohort of twelve and its validation: cohort.csv, results."""
    csv = small_cohort(tmp_path_factory.mktemp("second"))
    out = tmp_path_factory.mktemp("out")
    assert validate(model, csv, "--out", out) == 0
    return csv, out


def validate(model, csv, *more):
    return cli.main(["validate", str(model), str(csv), "--cores", "1", "--bootstrap", "100", *map(str, more)])


@pytest.fixture
def copied(validated, tmp_path):
    """The cohort and its results once more, to be changed."""
    csv, out = validated
    folder = shutil.copytree(csv.parent, tmp_path / "second")
    return folder / csv.name, shutil.copytree(out, tmp_path / "out")


def change(csv, **columns):
    pd.read_csv(csv).assign(**columns).to_csv(csv, index=False)


def test_every_case_has_the_score_that_predict_gives(model, validated):
    csv, out = validated
    scores = pd.read_csv(out / "scores.csv", keep_default_na=False)
    assert scores.case_id.tolist() == [f"C{number:02d}" for number in range(12)]
    for number in (0, 7):
        found = prediction.predict(
            model, csv.parent / f"C{number:02d}.nii.gz", csv.parent / f"C{number:02d}_mask.nii.gz"
        )
        assert scores.loc[number, list(found.probability)].to_dict() == found.probability
        assert bool(scores.outside[number]) == found.outside
        assert scores.different[number] == "; ".join(found.different)


def test_tables_figures_and_the_page(validated, capsys):
    _, out = validated
    for name in TABLES:
        assert len(pd.read_csv(out / f"{name}.csv")), name
    for name in ("roc", "calibration", "decision_curves", "dca_differences", "recalibration", "scores"):
        assert all((out / f"{name}_figure.{kind}").exists() for kind in ("png", "svg"))
    page = (out / "validation.html").read_text()
    assert page.count("<img ") == 6 and not re.search(r"<script|https?:|(src|href)=\"(?!data:)", page)
    for told in ("Research use only. Not for diagnosis.", "12 cases of 12 patients, 6 acute", "Trained on: SIMULATED"):
        assert told in page
    note = json.loads((out / "validation.json").read_text())
    assert (note["n_cases"], note["n_excluded"], note["simulated"]) == (12, 0, False)


@pytest.mark.usefixtures("no_drawing")
def test_a_second_run_scores_nothing_and_a_new_label_is_judged(model, copied, monkeypatch, capsys):
    csv, out = copied
    # The results of other files, even if they are alike, are not taken.
    (out / "cases" / "C11.json").write_text("{")
    calls = []
    extract = prediction.extract_case
    monkeypatch.setattr(
        prediction, "extract_case", lambda *given, **named: calls.append(given[1]) or extract(*given, **named)
    )
    before = pd.read_csv(out / "scores.csv")
    change(csv, label=[1] * 6 + [0] * 6)
    assert validate(model, csv, "--out", out) == 0
    assert [path.rpartition("/")[2] for path in calls] == ["C11.nii.gz"]
    after = pd.read_csv(out / "scores.csv")
    pd.testing.assert_frame_equal(before.drop(columns="label"), after.drop(columns="label"))
    auc = pd.read_csv(out / "auc.csv").query("cases == 'all'").set_index("model")
    expected = statistics.auc_ci(after.label, after.fusion)
    np.testing.assert_allclose(auc.loc["fusion", ["auc", "ci_low", "ci_high"]].astype(float), expected)
    assert f"fusion     AUC {expected[0]:.3f}" in capsys.readouterr().out


@pytest.mark.usefixtures("no_drawing")
def test_an_interrupted_validation_goes_on_and_ends_with_the_same_tables(model, validated, tmp_path, monkeypatch):
    csv, whole = validated
    extract, calls = prediction.extract_case, []

    def interrupted(*given, **named):
        calls.append(given[1])
        if len(calls) == 5:
            raise KeyboardInterrupt
        return extract(*given, **named)

    monkeypatch.setattr(prediction, "extract_case", interrupted)
    assert validate(model, csv, "--out", tmp_path) == 130
    assert not (tmp_path / "scores.csv").exists() and len(list((tmp_path / "cases").glob("*.json"))) == 4
    assert validate(model, csv, "--out", tmp_path) == 0
    assert len(calls) == 5 + 8
    for path in whole.glob("*.csv"):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


@pytest.mark.usefixtures("no_drawing")
def test_another_model_scores_anew(model, copied, tmp_path, monkeypatch):
    csv, out = copied
    other = shutil.copytree(model, tmp_path / "model")
    content = json.loads((other / "model.json").read_text())
    content["about"]["study"] = "another"
    content.pop("sha256")
    from vcfnb import runs

    runs.write_json(content | {"sha256": runs.digest(content)}, other / "model.json")
    calls = []
    extract = prediction.extract_case
    monkeypatch.setattr(
        prediction, "extract_case", lambda *given, **named: calls.append(given[1]) or extract(*given, **named)
    )
    assert validate(other, csv, "--out", out) == 0
    assert len(calls) == 12


@pytest.mark.usefixtures("no_drawing")
def test_training_cases_are_refused_with_all_of_their_patient(model, copied, capsys):
    csv, out = copied
    write(image(texture(seed=TRAINED_ON)), csv.parent / "again.nrrd")
    table = pd.read_csv(csv)
    table.loc[3, "image"] = "again.nrrd"
    table = table.assign(case_id=table.patient_id)
    table.loc[4, "patient_id"] = "C03"
    table.to_csv(csv, index=False)
    assert validate(model, csv, "--out", out) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "again.nrrd: the image was a training case" in said and "--exclude-bad" in said
    assert "another image of a training patient" in " ".join(said.split())
    assert validate(model, csv, "--out", out, "--exclude-bad") == 0
    assert pd.read_csv(out / "exclusions.csv").case_id.tolist() == ["C03", "C04"]
    assert not set(pd.read_csv(out / "scores.csv").case_id) & {"C03", "C04"}
    assert "10 cases of 10 patients, 2 left out" in capsys.readouterr().out


def test_results_that_cannot_be_written_are_found_before_the_images_are_read(
    model, copied, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(prediction, "trained_on", None)
    (tmp_path / "file").touch()
    assert validate(model, copied[0], "--out", tmp_path / "file") == 1
    assert "a file stands where a folder should be" in capsys.readouterr().err


@pytest.mark.usefixtures("no_drawing")
def test_bad_cases_stop_or_leave(model, copied, capsys):
    csv, out = copied
    (csv.parent / "C01_mask.nii.gz").unlink()
    write(image(0 * ball()), csv.parent / "C02_mask.nii.gz")
    change(csv, age=[500, *[60] * 11])
    assert validate(model, csv) == 1
    said = capsys.readouterr().out
    for told in ("age is '500'", "the file is missing", "C02_mask.nii.gz", "3 error(s). Mend them, or leave"):
        assert told in said
    assert not (csv.parent / "validation" / "scores.csv").exists()
    assert validate(model, csv, "--out", out, "--exclude-bad") == 0
    reasons = pd.read_csv(out / "exclusions.csv").set_index("case_id").reason
    assert reasons.index.tolist() == ["C00", "C01", "C02"]
    assert "age is '500'" in reasons["C00"]
    page = (out / "validation.html").read_text()
    assert "9 cases of 9 patients, 5 acute; 3 cases excluded" in page and "the file is missing" in page


@pytest.mark.usefixtures("no_drawing")
def test_a_case_that_only_fails_when_it_is_scored_stops_or_leaves(model, copied, capsys):
    csv, out = copied
    thin = ball(radius=9)
    thin[:12], thin[13:] = 0, 0
    write(image(thin), csv.parent / "C05_mask.nii.gz")
    assert validate(model, csv, "--out", out) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "C05" in said and "single voxel thick" in said and "--exclude-bad" in said
    assert validate(model, csv, "--out", out, "--exclude-bad") == 0
    assert pd.read_csv(out / "exclusions.csv").case_id.tolist() == ["C05"]
    assert len(pd.read_csv(out / "scores.csv")) == 11


@pytest.mark.usefixtures("no_drawing")
def test_what_belongs_to_no_single_case_stops_always(model, copied, tmp_path, capsys):
    csv, out = copied
    change(csv, label=1)
    assert validate(model, csv, "--out", out, "--exclude-bad") == 1
    assert "all cases have label 1" in capsys.readouterr().out
    assert validate(model, tmp_path / "none.csv") == 1
    assert "the file is missing" in capsys.readouterr().err
    assert validate(tmp_path, csv) == 1
    assert "model.json is missing" in capsys.readouterr().err


# ---- evaluating


def made_scores(n=200, seed=0, patients=None):
    """Cases whose fusion probabilities are right, whose deep ones are too extreme, whose radiomic ones too high."""
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(scale=1.5, size=n)
    y = (rng.random(n) < expit(log_odds)).astype(int)
    scores = {"radiomics": expit(log_odds + 2), "dtl": expit(3 * log_odds), "fusion": expit(log_odds)}
    scores["ridge_fusion"] = expit(0.5 * log_odds)
    table = pd.DataFrame({"case_id": [f"c{i}" for i in range(n)], "label": y} | scores)
    table["patient_id"] = table.case_id if patients is None else patients
    return table.assign(outside=np.arange(n) % 10 == 0, different="", beyond="", distance=1.0, notes="")


@pytest.fixture(scope="module")
def evaluated(model):
    scores = made_scores()
    return scores, prediction.evaluate(scores, fusion.load_model(model), n_bootstrap=200)


def test_judging_equals_the_statistics_of_notebook_07(model, evaluated):
    scores, found = evaluated
    auc = found["auc"].set_index(["cases", "model"])
    inside = scores[~scores.outside]
    for name in fusion.SAVED_MODELS:
        for cases, part in (("all", scores), ("within the training data", inside)):
            row = auc.loc[(cases, name)]
            expected = statistics.auc_ci(part.label, part[name])
            np.testing.assert_allclose(row[["auc", "ci_low", "ci_high"]].astype(float), expected)
            assert row.patient_low < row.auc < row.patient_high and row.n == len(part)
        brier, slope, intercept = statistics.calibration(scores.label, scores[name])
        row = found["calibration"].set_index("model").loc[name]
        assert (row.brier, row.slope, row.intercept) == pytest.approx((brier, slope, intercept))
        assert row.slope_low < row.slope < row.slope_high and row.o_e == pytest.approx(row.observed / row.predicted)
    (point,) = found["operating_points"].to_dict("records")
    expected = statistics.operating_metrics(scores.label, scores.fusion, 0.4)
    assert {name: point[name] for name in expected} == pytest.approx(expected)
    ranges = fusion.load_model(model).uncertain
    for row in found["uncertain"].to_dict("records"):
        expected = statistics.uncertain_metrics(scores.label, scores[row["model"]], *ranges[row["model"]])
        assert {name: row[name] for name in expected} == pytest.approx(expected, nan_ok=True)
    assert found["uncertain"]["model"].tolist() == list(ranges) and len(ranges)
    curve = found["decision_curves"].query("model == 'fusion'")
    assert (curve.low <= curve.net_benefit + 1e-9).mean() > 0.9 and curve.threshold.is_monotonic_increasing
    gained = found["dca_differences"].query("model_b == 'treat_none'")
    expected = statistics.decision_curve(scores.label, scores.fusion, gained.threshold)
    np.testing.assert_allclose(gained.difference, expected.net_benefit, atol=1e-12)
    assert (gained.threshold.min(), gained.threshold.max()) == (0.1, 0.6)
    first = found["outside"].iloc[0]
    assert (first.n, first.of, first.share) == (20, 200, 0.1)


def test_recalibration_is_judged_on_patients_it_was_not_fitted_to(evaluated):
    scores, found = evaluated
    table = found["recalibration"].set_index(["model", "method"])
    methods = ["none", "model's own", "intercept", "intercept and slope"]
    assert table.loc["fusion"].index.tolist() == methods
    # Too high by 2, too extreme by the factor 3: what was put in is found, with the sign that takes it away.
    rule = statistics.recalibrate(scores.label, scores.radiomics, "intercept")
    assert table.loc[("radiomics", "intercept"), "added_intercept"] == pytest.approx(rule.intercept)
    assert -2.5 < rule.intercept < -1.5
    assert 0.25 < table.loc[("dtl", "intercept and slope"), "factor"] < 0.45
    for name, method in (("radiomics", "intercept"), ("dtl", "intercept and slope")):
        assert table.loc[(name, method), "brier"] < table.loc[(name, "none"), "brier"]
        whole = statistics.recalibrate(scores.label, scores[name], method).apply(scores[name])
        in_sample = statistics.calibration(scores.label, whole)
        # Fitted and evaluated on the same cases it would look perfect.
        if method == "intercept and slope":
            assert in_sample.slope == pytest.approx(1, abs=1e-6)
        assert table.loc[(name, method), "brier"] > in_sample.brier


def test_order_of_cases_does_not_matter(model, evaluated):
    scores, found = evaluated
    again = prediction.evaluate(scores.sample(frac=1, random_state=3).reset_index(drop=True), fusion.load_model(model))
    columns = ["auc", "ci_low", "ci_high"]
    np.testing.assert_allclose(again["auc"][columns], found["auc"][columns])


def test_too_few_patients_to_recalibrate_are_said(model):
    scores = made_scores(12).assign(label=[1, *[0] * 11])
    found = prediction.evaluate(scores, fusion.load_model(model), n_bootstrap=100)
    assert set(found["recalibration"].method) == {"none", "model's own"}
    none = found["recalibration"].query("method == 'none'")
    assert none.note.str.contains("not recalibrated on the new cohort").all()
    assert found["auc"].query("cases == 'all'").ci_low.isna().all()


def test_a_model_without_fingerprints_warns(model):
    loaded = fusion.load_model(model)
    object.__setattr__(loaded.cohort, "fingerprints", [])
    problems = prediction.trained_on(loaded, pd.DataFrame({"image": [], "case_id": [], "patient_id": []}))
    assert problems.severity.tolist() == ["warning"]
    assert "does not know its training images" in problems.problem[0]
