"""Logistic regression, fusion, the saved model, and what it says about a new case."""

import json
import re
import shutil
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import torch
from cases import ball, image, texture
from scipy.special import expit, logit
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from small_model import DEEP, RADIOMIC, made, training_table

from vcfnb import cli, dtl, fusion, prediction, runs, selection, statistics
from vcfnb.cohort.clinical import ClinicalEncoder
from vcfnb.errors import BadInput, VcfnbError
from vcfnb.fusion.logistic import separable
from vcfnb.params import FusionParams
from vcfnb.prediction.patient import predict_features
from vcfnb.selection import harmonisation


@pytest.fixture
def study(saved):
    """A run folder with what the earlier notebooks leave, and its saved model."""
    return saved


def test_regression_equals_scikit_learns_on_z_scores():
    x, y, patients = made()
    fitted = fusion.fit_logistic(x, y, groups=patients)
    z = (x - x.mean()) / x.std(ddof=0)
    expected = LogisticRegression(C=fitted.chosen_c, tol=1e-10, max_iter=100_000).fit(z, y)
    np.testing.assert_allclose(fitted.coefficients, expected.coef_[0], atol=1e-5)
    assert fitted.intercept == pytest.approx(expected.intercept_[0], abs=1e-5)
    np.testing.assert_allclose(fitted.score(x), expected.predict_proba(z)[:, 1], atol=1e-5)
    assert (fitted.features, fitted.n_cases, fitted.n_positive, fitted.note) == (list(x), 80, 40, "")


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_the_grid_is_judged_by_log_loss_with_patients_kept_together(class_weight):
    x, y, patients = made(seed=2)
    y.iloc[:20:2] = y.iloc[1:20:2] = 0
    settings = FusionParams(n_c=4, grid_folds=3, class_weight=class_weight)
    fitted = fusion.fit_logistic(x, y, settings, patients, seed=5)
    splits, _ = selection.folds(y.to_numpy(), patients, 3, 5)
    loss = []
    for c in np.logspace(-3, 2, 4):
        lost = []
        for train, test in splits:
            assert not set(patients[train]) & set(patients[test])
            z = (x - x.iloc[train].mean()) / x.iloc[train].std(ddof=0)
            model = LogisticRegression(C=c, class_weight=class_weight, tol=1e-8).fit(z.iloc[train], y.iloc[train])
            probability = model.predict_proba(z.iloc[test])[:, 1]
            lost.append(log_loss(y.iloc[test], probability))
        loss.append(np.mean(lost))
    np.testing.assert_allclose(fitted.grid["C"], np.logspace(-3, 2, 4))
    assert fitted.grid.loc[fitted.grid["chosen"], "C"].tolist() == [fitted.chosen_c]
    np.testing.assert_allclose(fitted.grid["log_loss_mean"], loss, atol=1e-6)
    assert fitted.chosen_c == np.logspace(-3, 2, 4)[np.argmin(loss)]


def test_of_equal_auc_the_lowest_log_loss_decides():
    """The classes are apart: any C ranks the held-out cases without an error."""
    y = np.arange(40) % 2
    x = pd.DataFrame({"a": y + 0.01 * np.sin(np.arange(40))})
    grid = fusion.fit_logistic(x, y).grid
    assert grid["chosen"].idxmax() == grid["log_loss_mean"].idxmin() == 10


def test_contributions_and_intercept_add_up_to_the_log_odds():
    x, y, _ = made()
    fitted = fusion.fit_logistic(x, y)
    log_odds = fitted.contributions(x).sum(axis=1) + fitted.intercept
    np.testing.assert_allclose(expit(log_odds), fitted.score(x), rtol=1e-12)
    assert 0.001 < fitted.score(x).min() < 0.4 < 0.6 < fitted.score(x).max()
    # One case alone, with its columns in another order, gets the same bits.
    assert fitted.score(x.iloc[[7], ::-1].assign(more="text")).item() == fitted.score(x).iloc[7]
    assert fitted.contributions(x.iloc[:0].reindex(["mean"]).fillna(x.mean())).abs().max(axis=None) < 1e-12


def test_a_case_that_cannot_be_scored_is_named():
    x, y, _ = made()
    fitted = fusion.fit_logistic(x, y)
    with pytest.raises(VcfnbError, match="'dtl_001' is missing .1 of 5."):
        fitted.score(x.drop(columns="dtl_001"))
    with pytest.raises(BadInput, match="c04: no finite value of dtl_000"):
        fitted.score(x.mask(x == x.loc["c04", "dtl_000"]))


def test_few_patients_mean_fewer_folds_and_a_note():
    x, y, _ = made(12)
    fitted = fusion.fit_logistic(x, y, groups=np.repeat(range(6), 2))
    assert fitted.note.startswith("3 folds instead of 5: the smaller class has 3 patients")


def test_perfect_separation_is_noted_and_the_penalty_keeps_coefficients_finite():
    x, y, _ = made(40)
    parted = x.assign(dtl_001=y * 2.0 - 1)
    fitted = fusion.fit_logistic(parted, y)
    assert fitted.note == "the classes can be separated perfectly: the penalty sets the coefficients"
    assert np.isfinite(fitted.coefficients).all() and fitted.coefficients["dtl_001"] == fitted.coefficients.max()
    assert fusion.fit_logistic(x, y).note == ""
    # Two features that separate only together; and points of the two classes that lie inside each other.
    assert separable([[0, 1], [1, 2], [0, 0], [1, 1]], [1, 1, 0, 0])
    assert not separable([[0], [1], [2]], [0, 1, 0])
    assert separable(np.eye(5), [1, 0, 1, 1, 0])


def test_a_constant_feature_weighs_nothing():
    x, y, patients = made()
    fitted = fusion.fit_logistic(x.assign(flat=0.1), y, groups=patients)
    without = fusion.fit_logistic(x, y, groups=patients)
    assert fitted.sd["flat"] == 1 and abs(fitted.coefficients["flat"]) < 1e-12
    np.testing.assert_allclose(fitted.score(x.assign(flat=0.1)), without.score(x), atol=1e-6)


def test_a_single_feature_is_enough_and_none_is_refused():
    x, y, patients = made()
    single = fusion.fit_logistic(x[["dtl_000"]], y, groups=patients)
    assert single.coefficients["dtl_000"] > 0.3
    training = fusion.TrainingRange.of(x[["dtl_000"]])
    assert training.distance(x.iloc[:1].assign(dtl_000=1e3))[0] > training.reference > 0
    with pytest.raises(VcfnbError, match="80 cases and 0 features -> give at least one"):
        fusion.fit_logistic(x[[]], y, groups=patients)


def test_the_saved_model_reads_back_with_the_same_bits(study):
    run, fitted, folder = study
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "network.safetensors"]
    text = (folder / "model.json").read_text()
    assert str(run.folder) not in text
    assert json.loads(text)["notice"] == "Research use only. Not for diagnosis."
    model = fusion.load_model(folder)
    x = made(seed=9)[0]
    for name, before in fitted.items():
        after = model.models[name]
        assert after.to_dict() == before.to_dict()
        pd.testing.assert_frame_equal(after.grid, before.grid, check_like=True)
        assert (after.score(x) == before.score(x)).all()
    assert (model.expansion, model.thresholds) == (2, {"fusion": 0.4})
    assert (model.about["study"], model.about["simulated"]) == ("made", True)
    assert model.settings["dtl"] == run.settings("dtl")
    assert model.network.read_bytes() == run.needs("dtl", "expansion_02", "model.safetensors").read_bytes()


def test_heat_maps_explain_the_regression_on_the_networks_features(study):
    """The network with the DTL regression in place of its classifier gives the model's log odds."""
    run, fitted, folder = study
    saved = dtl.load_model(fusion.load_model(folder).network)
    crops = np.random.default_rng(1).normal(size=(3, 1, 32, 32, 32)).astype(np.float32)
    deep = pd.DataFrame(saved.features_and_scores(crops)[0], columns=DEEP)
    explained = saved.answering_as(fitted["dtl"])
    with torch.no_grad():
        log_odds = explained(torch.tensor(crops)).squeeze(1).numpy()
    np.testing.assert_allclose(log_odds, logit(fitted["dtl"].score(deep)), rtol=1e-3, atol=1e-4)
    assert np.ptp(log_odds) > 0
    # The network itself is as it was, and is what is explained where nothing else can be.
    assert not torch.equal(saved.network.fc.weight, explained.fc.weight)
    assert saved.answering_as(None) is saved.network
    assert replace(saved, layer="stage2").answering_as(fitted["dtl"]) is saved.network


def test_saving_needs_all_models_and_the_network(study):
    run, fitted, _ = study
    with pytest.raises(VcfnbError, match="run notebook 04_dtl"):
        fusion.save_study_model(run, fitted, "fusion", 4, made()[0])
    two = {name: fitted[name] for name in ("radiomics", "dtl")}
    with pytest.raises(VcfnbError, match="'fusion' is missing"):
        fusion.save_study_model(run, two, "fusion", 2, made()[0])


def _edit(**changes):
    return lambda text: json.dumps(json.loads(text) | changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: len(text) // 2], "model.json is truncated or no vcfnb model"),
        (lambda text: "[]", "model.json is truncated or no vcfnb model"),
        (lambda text: "{}", "model.json is truncated or no vcfnb model"),
        (_edit(expansion=4), "model.json was changed after it was written"),
        (
            _edit(format_version=99),
            "version 99, this vcfnb reads .* -> run notebook 06_fusion again, or use the vcfnb that wrote it",
        ),
        (_edit(format="other"), "format 'other'"),
    ],
)
def test_a_damaged_model_is_refused(study, tmp_path, change, message):
    folder = shutil.copytree(study[2], tmp_path / "model")
    (folder / "model.json").write_text(change((folder / "model.json").read_text()))
    with pytest.raises(VcfnbError, match=message):
        fusion.load_model(folder)


@pytest.mark.parametrize("name", ["model.json", "network.safetensors"])
def test_a_missing_or_cut_file_is_named(study, tmp_path, name):
    folder = shutil.copytree(study[2], tmp_path / "model")
    (folder / name).write_bytes((folder / name).read_bytes()[:-100])
    with pytest.raises(VcfnbError, match=f"{name} is truncated.*run notebook 06_fusion"):
        fusion.load_model(folder)
    (folder / name).unlink()
    with pytest.raises(VcfnbError, match=f"{name} is missing -> copy the model folder again"):
        fusion.load_model(folder)


def test_distance_is_mahalanobis_from_the_training_cases():
    x = made()[0]
    training = fusion.TrainingRange.of(x)
    z = ((x - x.mean()) / x.std(ddof=0)).to_numpy()
    np.testing.assert_allclose(training.distance(x) ** 2, LedoitWolf().fit(z).mahalanobis(z), rtol=1e-10)
    left_out = [LedoitWolf().fit(np.delete(z, i, 0)).mahalanobis(z[[i]])[0] for i in range(len(z))]
    assert training.reference == pytest.approx(np.quantile(np.sqrt(left_out), 0.99))
    beyond = training.beyond(x.iloc[:2] + np.array([[0] * 5, [0, 0, 0, 1e6, -1e6]]))
    assert beyond.to_numpy().tolist() == [[False] * 5, [False, False, False, True, True]]
    again = fusion.TrainingRange(**json.loads(json.dumps(asdict(training))))
    assert (again.distance(x) == training.distance(x)).all()


def test_a_case_like_the_training_cases_is_inside(study):
    x = made()[0]
    model = fusion.load_model(study[2])
    found = predict_features(model, x.iloc[[3]])
    assert found.probability == {name: fitted.score(x).iloc[3] for name, fitted in study[1].items()}
    assert list(found.probability) == ["radiomics", "dtl", "fusion", "ridge_fusion"]
    assert found.predicted_class == {"fusion": "acute" if found.probability["fusion"] >= 0.4 else "chronic"}
    assert (found.outside, found.contributions["beyond"].any()) == (False, False)
    assert found.contributions["contribution"].abs().is_monotonic_decreasing
    log_odds = found.contributions["contribution"].sum() + model.models["fusion"].intercept
    assert expit(log_odds) == pytest.approx(found.probability["fusion"])
    parts = [found.contributions.query(f"feature.str.startswith('{kind}')") for kind in ("dtl_", "original_")]
    told = [f"{part['contribution'].sum():+.2f} of {len(part)}" for part in parts]
    assert f"together (log odds): {told[0]} DTL, {told[1]} radiomic." in str(found)
    assert "within the training data" in str(found)
    assert "Research use only. Not for diagnosis." in str(found)


def test_the_nomogram_on_paper_gives_what_predict_gives(study):
    x = made()[0]
    model = fusion.load_model(study[2])
    chart = fusion.Nomogram.of(model.models["fusion"], x)
    for case in x.index[:20]:
        total = chart.points(x.loc[[case]]).iloc[0].sum()
        assert chart.probability(total) == pytest.approx(
            predict_features(model, x.loc[[case]]).probability["fusion"], abs=1e-9
        )


def test_a_case_far_from_the_training_cases_is_marked(study):
    x = made()[0]
    far = x.iloc[[3]].assign(dtl_001=1000.0)
    found = predict_features(fusion.load_model(study[2]), far, ["a note"])
    assert found.outside and found.distance > found.reference
    assert found.calibration_note().startswith("Calibration: that of the training cases says nothing of this case")
    assert "OUTSIDE the training data" in str(found)
    assert "Far beyond the range of the training cases: dtl_001." in str(found)
    assert str(found).startswith("OUTSIDE") and str(found).endswith("Research use only. Not for diagnosis.")
    assert "a note" in found.warnings
    assert found.to_dict()["contributions"][0]["feature"] == "dtl_001"
    assert json.loads(json.dumps(found.to_dict(), default=bool))["notice"] == found.notice
    # A little beyond, in one feature, is nothing unusual.
    near = x.iloc[[3]].assign(dtl_001=x["dtl_001"].max() + 0.01)
    found = predict_features(fusion.load_model(study[2]), near)
    assert found.contributions["beyond"].sum() == 1 and not found.beyond and "beyond the range" not in str(found)


@pytest.fixture(scope="module")
def sited(saved, tmp_path_factory):
    """A model with age, sex (where not known: the median) and two sites, ComBat with bmd; and its training cases."""
    x, y, patients = made()
    table = pd.DataFrame({"site": np.where(np.arange(80) % 3, "A", "B"), "bmd": -2.0 + np.sin(np.arange(80))}, x.index)
    table["age"] = 60 + 15 * y + np.cos(np.arange(80)) * 20
    table["sex"] = np.where(np.arange(80) % 5 == 0, None, np.where(np.arange(80) % 2, "F", "M"))
    x[x.columns[:3]] *= np.where(table["site"] == "B", 1.5, 1)[:, None]
    combat = harmonisation.fit_combat(x, table, ["bmd"])
    encoder = ClinicalEncoder.fit(table, ["age", "sex"], "median")
    whole = combat.transform(x, table).assign(**encoder.transform(table))
    names = {"radiomics": RADIOMIC, "dtl": DEEP[:1], "fusion": [RADIOMIC[0], "clinical_age", "clinical_sex_missing"]}
    fitted = {name: fusion.fit_logistic(whole[features], y, groups=patients) for name, features in names.items()}
    fitted["ridge_fusion"] = fusion.fit_ridge_fusion([whole[RADIOMIC], whole[DEEP[:1]]], y, groups=patients)
    run = runs.Run("sited", tmp_path_factory.mktemp("sited"))
    shutil.copytree(saved[0].folder, run.folder)
    fusion.save_study_model(run, fitted, "fusion", 2, whole, clinical=encoder, harmonisation=[combat, None])
    return run.step("fusion") / "model", fitted, x, table, whole


def test_a_new_patient_is_harmonised_and_brings_the_clinical_values(sited):
    folder, fitted, x, table, whole = sited
    model = fusion.load_model(folder)
    assert (model.sites, model.variables, model.clinical.flagged) == (["A", "B"], ["age", "sex", "bmd"], ["sex"])
    assert list(model.harmonisation[0].gamma) == [*RADIOMIC, "dtl_000"]
    for case in ("c03", "c05", "c07"):
        given = table.loc[case, ["age", "sex", "bmd"]].to_dict()
        found = predict_features(model, x.loc[[case]], clinical=given, site=table.loc[case, "site"])
        for name, model_ in fitted.items():
            assert found.probability[name] == pytest.approx(model_.score(whole)[case], abs=1e-12)
    assert set(found.contributions["feature"]) == {RADIOMIC[0], "clinical_age", "clinical_sex_missing"}


def test_what_the_model_must_know_is_asked_for_before_anything_is_computed(sited):
    folder, _, x, _, _ = sited
    whole = {"age": 70, "sex": "F", "bmd": -1.0}
    for clinical, site, message in (
        (whole, None, "harmonised by site, and no site is given -> give site as one of A, B"),
        (whole, "C", "site 'C' has no training case -> give site as one of A, B; for other sites fit a model"),
        ({"age": 70}, "A", "the model needs bmd of the patient -> give clinical={'bmd': ...}"),
        ({"bmd": -1}, "A", "the model needs age, sex of the patient -> give clinical={'age': ..., 'sex': ...} (None"),
        (whole | {"age": 700}, "A", "age is 700 -> give a number from 0 to 120"),
        (whole | {"bmd": None}, "A", "no value of bmd"),
    ):
        with pytest.raises(VcfnbError, match=re.escape(message)):
            prediction.predict(folder, "no/image.nii.gz", "no/mask.nii.gz", clinical=clinical, site=site)
    assert predict_features(
        fusion.load_model(folder), x.iloc[[0]], clinical=whole | {"sex": None}, site="A"
    ).probability


def test_the_command_asks_for_what_the_model_needs(sited, capsys):
    """In the words of the command line, before any file is looked at."""
    for given, message in (
        ("", "the model needs age, sex, bmd of the patient -> give --age, --sex, --bmd"),
        ("--age 70 --sex F --site A", "the model needs bmd of the patient -> give --bmd"),
        ("--age 70 --sex F --bmd -1.5", "no site is given -> give site as one of A, B"),
        ("--age 70 --sex F --bmd -1.5 --site C", "site 'C' has no training case"),
        ("--age 700 --sex F --bmd -1.5 --site A", "age is 700"),
        ("--age 70 --sex F --bmd unknown --site A", "no value of bmd"),
        ("--age 70 --sex unknown --bmd -1.5 --site A", "the file is missing"),
    ):
        assert cli.main(["predict", str(sited[0]), "no.nii.gz", "no.nii.gz", *given.split()]) == 1
        assert message in " ".join(capsys.readouterr().err.split()), given


def test_a_cohort_that_lacks_what_the_model_needs_is_named_case_by_case(sited):
    model = fusion.load_model(sited[0])
    table = pd.DataFrame({"case_id": ["a", "b", "c"], "site": ["A", "C", "B"], "sex": "F", "bmd": [-1, -1, -1.0]})
    problems = prediction.case_problems(model, table.assign(age=[70, 70, None]))
    assert problems.case_id.tolist() == ["b"]
    problems = prediction.case_problems(model, table.assign(age=[700, 70, 60], bmd=[-1, -1, np.nan]))
    assert problems.case_id.tolist() == ["a", "b", "c"]
    assert "age is 700" in problems.problem[0] and "'C' has no training case" in problems.problem[1]


def test_a_model_without_sites_and_clinical_variables_asks_for_nothing(study):
    content = json.loads((study[2] / "model.json").read_text())
    assert (content["clinical"]["variables"], content["harmonisation"]) == ([], [])


def test_an_image_goes_the_way_of_the_study(study):
    """Radiomics and the network of the saved model, from image and mask alone."""
    mask = ball(radius=6)
    found = prediction.predict(study[2], image(texture()), image(mask))
    again = prediction.predict(study[2], image(texture()), image(7 * mask), mask_label=7)
    assert found.to_dict() | {"contributions": 0} == again.to_dict() | {"contributions": 0}
    value = found.contributions.set_index("feature")["value"][RADIOMIC[0]]
    assert value == pytest.approx(texture()[mask == 1].mean(), rel=1e-6)
    assert found.notes == ["Quality: the ROI has 0.925 ml, unusual for a vertebral body"]
    assert found.different == [] and len(found.image) == 6
    with pytest.raises(BadInput, match="mask"):
        prediction.predict(study[2], image(texture()), image(0 * mask))


def test_an_image_unlike_those_of_training_is_named(study):
    thick = prediction.predict(study[2], image(texture(), (1, 1, 1.6)), image(ball(radius=6), (1, 1, 1.6)))
    assert thick.different == ["longest voxel edge 1.6 mm, training cases 1 to 1"]
    assert "DIFFERENT from the training images: longest voxel edge 1.6 mm" in str(thick)
    bright = prediction.predict(study[2], image(texture() + 500), image(ball(radius=6)))
    assert [line.split(" in the ROI")[0] for line in bright.different] == [
        "5th percentile",
        "median",
        "95th percentile",
    ]
    assert any("no value below 0" in note for note in bright.notes)


@pytest.mark.parametrize(("value", "different"), [(1.6, False), (1.66, False), (1.7, True), (0.8, True), (0.84, False)])
def test_ends_are_moved_out_a_little(study, value, different):
    """A tenth of the distance between them (0.9 to 1.6: 0.07), or 5 % of the end: whichever is more."""
    cohort = fusion.load_model(study[2]).cohort
    row = {"spacing_in": "1 x 1 x 1", "roi_volume_ml_out": value, "hu_p5": 50, "hu_p50": 150, "hu_p95": 250}
    assert cohort.compare(row).set_index("measure").different["roi_volume_ml"] == different


def test_a_training_image_is_known_again_in_any_form(study):
    import SimpleITK as sitk

    model = fusion.load_model(study[2])
    given = image(texture(seed=1000))
    turned = sitk.Flip(sitk.Cast(given, sitk.sitkFloat32), (True, False, True))
    for known in (given, turned):
        assert fusion.fingerprint(known) in model.cohort.fingerprints
    assert fusion.fingerprint(image(texture(seed=1001))) not in model.cohort.fingerprints
    assert fusion.fingerprint(image(texture(seed=1000), (1, 1, 1.1))) not in model.cohort.fingerprints
    found = prediction.predict(study[2], given, image(ball(radius=6)))
    assert "This image was a training case" in str(found)


def test_the_summary_of_training_cases_holds_no_single_patient(study):
    cohort = fusion.load_model(study[2]).cohort
    table = training_table(study[0].folder)
    assert str(cohort).startswith("80 training cases of 40 patients, 40 acute; age 62.9 years (SD 2.0); 80 of 80 women")
    assert cohort.patients["bmd"] == {"n": 0, "mean": None, "sd": None}
    text = (study[2] / "model.json").read_text()
    assert not any(f'"{name}"' in text for name in [*table.patient_id, *table.index])
    assert "trained_on.nii.gz" not in text
    known = cohort.calibration["fusion"]
    assert sum(point["n"] for point in known["points"]) == 80 and len(known["points"]) == 5
    assert min(point["n"] for point in known["points"]) >= 8


def test_the_calibration_note_is_that_of_the_nearest_training_cases(study):
    x, y, patients = made()
    model = fusion.load_model(study[2])
    score = study[1]["fusion"].score(x)
    points = statistics.calibration_curve_points(y, score, bins=5, patients=patients)
    for case in ("c00", "c03", "c50"):
        expected = points.loc[(points.predicted - score[case]).abs().idxmin()]
        found = predict_features(model, x.loc[[case]])
        known = found.calibration["fusion"]
        assert known["observed"] == pytest.approx(expected.observed) and known["n"] == expected.n
        assert (known["low"], known["high"]) == pytest.approx((expected.low, expected.high))
        rule = statistics.recalibrate(y, score)
        assert known["recalibrated"] == pytest.approx(rule.apply([score[case]])[0])
        assert f"{expected.observed:.0%} were acute" in found.calibration_note()
    assert known["prevalence"] == 0.5


def test_thresholds_are_chosen_out_of_fold(study):
    run, fitted, _ = study
    x, y, _ = made()
    other = runs.Run("other", run.folder.parent)
    shutil.copytree(run.folder, other.folder)
    table = training_table(run.folder)
    fusion.save_study_model(other, fitted, "fusion", 2, x, table=table)
    model = fusion.load_model(other.step("fusion") / "model")
    assert model.thresholds == {}
    assert predict_features(model, x.iloc[[0]]).calibration_note().startswith("Calibration: not known")
    # Resubstituted scores of separated classes would give another one.
    honest = {name: fitted[name].score(x).sample(frac=1, random_state=1).set_axis(x.index) for name in fitted}
    for method, said in (("youden", "Youden"), ("sensitivity", "sensitivity 0.8")):
        fusion.save_study_model(
            other, fitted, "fusion", 2, x, table=table, out_of_fold=honest, method=method, target=0.8
        )
        model = fusion.load_model(other.step("fusion") / "model")
        assert model.operating_point == said
        assert model.thresholds == {name: statistics.operating_point(y, honest[name], method, 0.8) for name in fitted}
        ranges = {name: list(statistics.uncertain_range(y, honest[name], 0.9)) for name in fitted}
        assert (model.uncertain, model.certain_rate) == (ranges, 0.9)


def test_an_uncertain_case_is_called_so(study):
    model = fusion.load_model(study[2])
    x = made()[0]
    sure = predict_features(replace(model, uncertain={}), x.iloc[[0]])
    assert not sure.is_uncertain("fusion") and "UNCERTAIN" not in str(sure)
    p = sure.probability["fusion"]
    for low, high, uncertain in ((p, p + 0.1, True), (p - 0.1, p, False), (p - 0.2, p - 0.1, False)):
        found = predict_features(replace(model, uncertain={"fusion": [low, high]}), x.iloc[[0]])
        assert found.is_uncertain("fusion") == uncertain and not found.is_uncertain("dtl")
        assert any(warning.startswith("UNCERTAIN: 90% of the acute") for warning in found.warnings) == uncertain
        assert (f"{found.predicted_class['fusion']}, but uncertain (acute from" in str(found)) == uncertain
