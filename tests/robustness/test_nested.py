"""Rigorous evaluation: nested folds that leak nothing, AUCs with intervals, stability, learning curve, imbalance."""

from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, roc_auc_score
from statsmodels.stats.inter_rater import fleiss_kappa
from study import ROOT
from threadpoolctl import threadpool_limits

from vcfnb import fusion, robustness, runs, selection, statistics
from vcfnb.errors import BadInput, VcfnbError
from vcfnb.params import DtlParams, FusionParams, IccParams, SelectionParams
from vcfnb.robustness import networks
from vcfnb.runs.cache import cached
from vcfnb.statistics import sentences

REFERENCE = Path(__file__).parents[1] / "reference"
LASSO = SelectionParams(lasso_folds=3, wrapper_features=8, n_lambdas=12)
FUSION = FusionParams(n_c=3, grid_folds=3)


def study(n=48, signal=1.5, seed=0, segmentations=True):
    """Cases of which some patients have two; twelve radiomic features, two of which follow the label."""
    rng = np.random.default_rng(seed)
    case = [f"c{k:02d}" for k in range(n)]
    patient = [f"p{max(k, 6) if k > 5 else k // 2:02d}" for k in range(n)]
    label = rng.permutation(np.arange(n) % 3 > 0).astype(int)
    label[:6] = np.repeat([1, 0, 1], 2)
    cases = pd.DataFrame({"patient_id": patient, "label": label, "split": "train"}, pd.Index(case, name="case_id"))
    cases.loc[case[-n // 3 :], "split"] = "test"
    cases["site"], cases["age"], cases["sex"] = np.where(np.arange(n) % 2, "A", "B"), 50.0 + np.arange(n) % 30, "F"
    measured = np.random.default_rng([seed, 1]).normal(size=(n, 2)) + signal * label[:, None]
    cases[["baseline_mean_hu", "baseline_flatness"]] = measured * [40, 0.1] + [200, 0.5]
    x = rng.normal(size=(n, 12))
    x[:, :2] += signal * label[:, None]
    x = pd.DataFrame(x * rng.uniform(0.5, 30, 12), case, [f"f{k:02d}" for k in range(12)])
    drawn = {}
    if segmentations:
        noise = np.r_[np.full(10, 0.05), 5, 5] * x.std().to_numpy()
        for name in ("a", "a2", "b"):
            table = x.iloc[:18] + rng.normal(size=(18, 12)) * noise
            drawn[name] = table.rename_axis("case_id").reset_index()
    return fusion.StudyData(cases, x, drawn, IccParams(), LASSO, FUSION, 4)


def deep_of(data, seed=1):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(len(data.cases), 3)) + data.cases["label"].to_numpy()[:, None] * [1.2, 0, 0]
    return pd.DataFrame(values, data.cases.index, ["dtl_000", "dtl_001", "dtl_002"])


@pytest.fixture(scope="module")
def nested(tmp_path_factory):
    data = study()
    folds, note = fusion.outer_folds(data.cases["label"], data.cases["patient_id"], 3, 2, data.seed)
    assert note == ""
    deep = {fold.name: deep_of(data, fold.seed) for fold in folds if fold.repeat == 1}
    folder = tmp_path_factory.mktemp("nested")
    return data, folds, deep, folder, robustness.nested_cross_validation(data, folds, folder, deep, cores=1)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads cost more than they give on tables of this size."""
    with threadpool_limits(1):
        yield


# ---- folds ---------------------------------------------------------------------------------------------------------


def test_outer_folds_keep_patients_together_and_differ_between_repeats(nested):
    data, folds, *_ = nested
    patient, label = data.cases["patient_id"].to_numpy(), data.cases["label"].to_numpy()
    assert [fold.name for fold in folds[:2]] == ["repeat_01_fold_01", "repeat_01_fold_02"] and len(folds) == 6
    for repeat in (1, 2):
        mine = [fold for fold in folds if fold.repeat == repeat]
        assert sorted(np.concatenate([fold.test for fold in mine])) == list(range(len(label)))
        for fold in mine:
            assert not set(patient[fold.train]) & set(patient[fold.test])
            assert {0, 1} == set(label[fold.train]) == set(label[fold.test])
    assert any(set(a.test) != set(b.test) for a, b in zip(folds[:3], folds[3:], strict=True))
    assert len({fold.seed for fold in folds}) == 6


def test_fewer_patients_than_folds_and_a_class_that_cannot_be_dealt():
    label, patient = np.array([1] * 9 + [0] * 3), np.arange(12)
    folds, note = fusion.outer_folds(label, patient, 5, 1, 0)
    assert len(folds) == 3 and note == "3 folds instead of 5: the smaller class has 3 patients"
    with pytest.raises(VcfnbError, match="9 patients with acute and 1 with chronic .*-> add patients"):
        fusion.outer_folds(label, np.where(label == 0, 9, patient), 5, 1, 0)


# ---- the tabular part ----------------------------------------------------------------------------------------------


def test_the_tabular_part_is_what_the_notebooks_do(tmp_path):
    """Selection as notebook 05 calls it, and notebook 06's own cells of the fusion and of the regressions."""
    data = study()
    train = data.cases[data.cases["split"] == "train"]
    y, groups, deep = train["label"], train["patient_id"], deep_of(data)
    stable = set(data.radiomics) - {"f05"}
    x, d = data.radiomics.loc[train.index], deep.loc[train.index]
    radiomics = selection.select_features(x, y, LASSO, groups=groups, stable=stable, seed=4).selected["feature"]
    chosen = selection.select_features(d, y, LASSO, groups=groups, seed=4).selected["feature"]
    notebook = nbformat.read(ROOT / "notebooks" / "06_fusion.ipynb", as_version=4)
    cells = {cell.id: cell.source for cell in notebook.cells}
    run = runs.Run("made", tmp_path)
    run.stable_features = lambda: stable
    run.features = {"baseline": data.cases.filter(like="baseline_")}.get
    table = data.cases.drop(columns=["baseline_mean_hu", "baseline_flatness"])
    names = {"pd": pd, "selection": selection, "fusion": fusion, "run": run, "best": 6, "primary": "ridge_fusion"}
    names |= {"all_radiomics": data.radiomics, "all_deep": deep}
    names |= {"table": table, "is_train": data.cases["split"] == "train", "expansions": [6], "seed": 4}
    names |= {"radiomics": data.radiomics[radiomics], "deep": {6: deep_of(data)[chosen]}, "lasso": LASSO}
    names |= {"patient": pd.DataFrame(index=data.cases.index), "settings": FUSION}
    names |= {"display": lambda shown: None, "Markdown": str, "sentences": sentences}
    for cell in ("c05", "ridge", "baseline", "c10"):
        exec(cells[cell], names)
    fused, fitted = names["fused"], names["fitted"]
    found = fusion.fit_models(x, d, train, stable, LASSO, FUSION, seed=4)
    assert found.models["radiomics"].features == list(radiomics) and found.models["dtl"].features == list(chosen)
    assert found.models["fusion"].features == list(fused.selected["feature"])
    scores = found.score(data.radiomics, deep, data.cases)
    assert list(scores) == list(fusion.MODELS)
    for model in fusion.MODELS:
        assert scores[model].equals(fitted[model].score(names["inputs"][model]).rename(model)), model
    assert set(fusion.fit_models(x, None, train, stable, LASSO, FUSION, 4).models) == {"radiomics", "baseline"}


def test_harmonisation_and_clinical_variables_are_learned_from_the_training_cases():
    data = study()
    settings = LASSO.model_copy(update={"harmonise": "combat"}), FUSION.model_copy(update={"clinical": ("age",)})
    train = data.cases[data.cases["split"] == "train"]
    x = data.radiomics + 40 * (data.cases["site"] == "A").to_numpy()[:, None]
    spoilt = x.copy()
    spoilt[data.cases["split"] == "test"] *= 100
    fitted = [
        fusion.fit_models(v.loc[train.index], deep_of(data).loc[train.index], train, None, *settings, 4)
        for v in (x, spoilt)
    ]
    scores = [each.score(x, deep_of(data), data.cases) for each in fitted]
    pd.testing.assert_frame_equal(*scores)
    assert len(fitted[0].harmonisers) == 2 and fitted[0].encoder.features == ["clinical_age"]
    # The sites' shift of 40 is gone: without it nearly the same scores.
    plain = fusion.fit_models(
        data.radiomics.loc[train.index], deep_of(data).loc[train.index], train, None, *settings, 4
    ).score(data.radiomics, deep_of(data), data.cases)
    assert scores[0].corrwith(plain).min() > 0.99


def test_the_icc_step_looks_at_the_re_drawn_cases_among_the_training_cases_alone():
    data = study()
    stable, note = fusion.stable_features(data.segmentations, data.cases.index[:18])
    assert note == "" and stable == {f"f{k:02d}" for k in range(10)}
    spoilt = {name: table.copy() for name, table in data.segmentations.items()}
    spoilt["b"].iloc[9:, 1:] = 1e6
    assert fusion.stable_features(spoilt, data.cases.index[:9]) == fusion.stable_features(
        data.segmentations, data.cases.index[:9]
    )
    assert fusion.stable_features(spoilt, data.cases.index[:18]) != (stable, "")
    assert fusion.stable_features({}, data.cases.index) == (None, "")
    assert fusion.stable_features(data.segmentations, data.cases.index[16:]) == (
        None,
        "ICC step not applied: 2 repeat segmentations among the training cases",
    )


def test_no_feature_left_gives_the_share_of_acute_cases_and_a_note():
    data = study()
    train, d = data.cases.iloc[:30], deep_of(data)
    found = fusion.fit_models(data.radiomics.iloc[:30], d.iloc[:30], train, {"absent"}, LASSO, FUSION)
    assert found.models["radiomics"].note.startswith(
        "no feature: the proportion of acute cases for all (selection: no feature"
    )
    scores = found.score(data.radiomics, d, data.cases)
    assert (scores["radiomics"] == train["label"].mean()).all() and scores["dtl"].nunique() > 20
    # The fusion goes on with the deep features alone; without any it has the proportion of acute cases as well.
    assert set(found.models["fusion"].features) <= set(d) and found.models["fusion"].features
    nothing = LASSO.model_copy(update={"lambda_min_log10": -0.1})
    flat = fusion.fit_models(data.radiomics.iloc[:30], d.iloc[:30], train, None, nothing, FUSION)
    assert "neither radiomic nor deep features" in flat.models["fusion"].note
    assert (flat.score(data.radiomics, d, data.cases)[["radiomics", "dtl", "fusion"]] == train["label"].mean()).all(
        axis=None
    )
    # The ridge fusion selects nothing by the label: without a stable radiomic feature it has the deep ones.
    assert (
        found.models["ridge_fusion"].features == list(d) and "no radiomic feature" in found.models["ridge_fusion"].note
    )


def test_missing_values_and_a_missing_class_are_errors_not_fallbacks():
    data = study()
    train = data.cases.iloc[:20]
    holed = data.radiomics.iloc[:20].mask(data.radiomics.iloc[:20] == data.radiomics.iloc[3, 2])
    with pytest.raises(BadInput, match="c03: no finite value of f02"):
        fusion.fit_models(holed, None, train, None, LASSO, FUSION)
    with pytest.raises(VcfnbError, match="20 acute and 0 chronic training cases"):
        fusion.fit_models(data.radiomics.iloc[:20], None, train.assign(label=1), None, LASSO, FUSION)


# ---- nested cross-validation ---------------------------------------------------------------------------------------


def test_every_case_is_scored_once_a_model_and_repeat(nested):
    data, folds, _, _, found = nested
    counts = found.scores.groupby(["model", "repeat"])["case_id"].agg(["size", "nunique"])
    assert (counts == len(data.cases)).all(axis=None)
    assert set(counts.index) == {(name, repeat) for name in ("radiomics", "baseline") for repeat in (1, 2)} | {
        (name, 1) for name in ("dtl", "fusion", "ridge_fusion")
    }
    scored = found.scores.query("model == 'radiomics'").set_index("case_id")
    assert (scored["label"] == data.cases["label"].loc[scored.index]).all()
    assert roc_auc_score(scored["label"], scored["score"]) > 0.8
    assert not set(found.selected.query("model == 'radiomics'")["feature"]) & {"f10", "f11"}  # not stable


def test_held_out_cases_change_nothing_that_is_fitted_in_their_fold(nested, tmp_path):
    """Labels and segmentations of the held-out cases are spoilt: selection, models and thresholds stay as they were."""
    data, folds, deep, _, found = nested
    fold = folds[0]
    out = data.cases.index[fold.test]
    cases, x = data.cases.copy(), data.radiomics.copy()
    cases.loc[out, "label"] = 1 - cases.loc[out, "label"]
    segmentations = {name: table.copy() for name, table in data.segmentations.items()}
    segmentations["b"].loc[segmentations["b"]["case_id"].isin(out), x.columns] = -1e6
    spoilt = fusion.StudyData(cases, x, segmentations, data.icc, data.lasso, data.fusion, data.seed)
    again = robustness.nested_cross_validation(spoilt, [fold], tmp_path, deep, cores=1)
    inside = found.scores.query("repeat == 1 and fold == 1")
    assert again.scores["score"].tolist() == inside["score"].tolist()
    assert again.selected["feature"].tolist() == found.selected.query("repeat == 1 and fold == 1")["feature"].tolist()
    assert again.weighting["youden"].tolist() == found.weighting.query("repeat == 1 and fold == 1")["youden"].tolist()
    # Their own values move their own scores and nothing else.
    x.loc[out] = x.loc[out] + 50 * x.std()
    spoilt = fusion.StudyData(cases, x, segmentations, data.icc, data.lasso, data.fusion, data.seed)
    moved = robustness.nested_cross_validation(spoilt, [fold], tmp_path, deep, cores=1)
    assert moved.selected.equals(again.selected) and moved.weighting["youden"].equals(again.weighting["youden"])
    assert moved.scores["score"].tolist() != again.scores["score"].tolist()


def test_the_same_on_two_cores_and_from_the_files(nested, tmp_path, monkeypatch):
    data, folds, deep, folder, found = nested
    again = robustness.nested_cross_validation(data, folds, tmp_path, deep, cores=2)
    pd.testing.assert_frame_equal(again.scores, found.scores)
    pd.testing.assert_frame_equal(again.weighting, found.weighting)
    monkeypatch.setattr(robustness.nested, "fit_on", None)  # what is there is not computed again
    stored = robustness.nested_cross_validation(data, folds, folder, deep, cores=1)
    pd.testing.assert_frame_equal(stored.scores, found.scores)
    pd.testing.assert_frame_equal(stored.selected, found.selected)


def test_noise_stays_at_chance_where_selection_before_the_folds_does_not(tmp_path):
    """Of labels that nothing predicts nested cross-validation learns nothing; choosing features first does."""
    rng = np.random.default_rng(3)
    n = 60
    cases = study(n).cases.assign(patient_id=[f"p{k}" for k in range(n)], label=rng.permutation(np.arange(n) % 2))
    x = pd.DataFrame(rng.normal(size=(n, 300)), cases.index, [f"f{k:03d}" for k in range(300)])
    data = fusion.StudyData(cases, x, {}, IccParams(), LASSO, FUSION, 1)
    folds, _ = fusion.outer_folds(cases["label"], cases["patient_id"], 4, 2, 1)
    honest = robustness.nested_cross_validation(data, folds, tmp_path, cores=1).scores
    first = fusion.fit_models(x, None, cases, None, LASSO, FUSION, 1).models["radiomics"].features
    leaky = []
    for fold in folds:
        train, test = cases.iloc[fold.train], cases.iloc[fold.test]
        fitted = fusion.fit_logistic(x.loc[train.index, first], train["label"], FUSION, seed=1)
        leaky.append(
            test.reset_index().assign(
                model="leaky", score=fitted.score(x.loc[test.index]).to_numpy(), repeat=fold.repeat, fold=fold.fold
            )
        )
    table = robustness.BootstrappedAreas(pd.concat([honest, *leaky]), n_bootstrap=200).table().query("repeat == 'mean'")
    table = table.set_index("model")
    assert table.loc["radiomics", "ci_low"] < 0.5 < table.loc["radiomics", "ci_high"]
    assert table.loc["leaky", "ci_low"] > 0.65


def test_interrupted_or_damaged_results_are_made_again(tmp_path):
    path, calls = tmp_path / "job.json", []

    def work():
        calls.append(1)
        return {"value": [0.1 + 0.2]}

    first, again = (cached(path, "vcfnb.selection", ["a"], work) for _ in range(2))
    assert first == again == {"value": [0.1 + 0.2]} and len(calls) == 1
    cached(path, "vcfnb.selection", ["b"], work)
    path.write_text(path.read_text()[:20])
    cached(path, "vcfnb.selection", ["b"], work)
    assert len(calls) == 3


def test_networks_of_a_fold_never_see_its_held_out_labels(nested, tmp_path, monkeypatch):
    data, folds, *_ = nested
    seen = []

    def run_expansion(crops, labels, split, settings, groups, checkpoints, cores):
        seen.append((labels.copy(), split.copy(), settings))
        Path(checkpoints).mkdir(parents=True)
        return type("Result", (), {"features": np.outer(np.arange(len(labels)), [1.0, settings.seed])})

    monkeypatch.setattr("vcfnb.dtl.run_expansion", run_expansion)
    crops, dtl = np.zeros((len(data.cases), 1, 4, 4, 4)), DtlParams(n_folds=30, n_dimensions=40)
    found = networks.nested_networks(data, crops, dtl, folds[:2], tmp_path, cores=1)
    for (labels, split, settings), fold in zip(seen, folds, strict=False):
        assert (labels[fold.test] == -1).all() and (split[fold.test] == "test").all()
        assert (labels[fold.train] == data.cases["label"].to_numpy()[fold.train]).all()
        patients = data.cases.iloc[fold.train].groupby("label")["patient_id"].nunique()
        assert (settings.n_folds, settings.n_dimensions) == (patients.min(), len(fold.train) - 1)
        assert (settings.seed, settings.n_repeats) == (fold.seed, 1)
        assert list(found[fold.name]) == ["dtl_000", "dtl_001"] and not (tmp_path / f"{fold.name}_networks").exists()
    networks.nested_networks(data, crops, dtl, folds[:2], tmp_path, cores=1)
    assert len(seen) == 2
    networks.nested_networks(data, crops + 1, dtl.model_copy(update={"feature_mode": "in_sample"}), folds[:1], tmp_path)
    assert (seen[2][2].feature_mode, seen[2][2].n_repeats) == ("in_sample", 0)


# ---- AUCs ----------------------------------------------------------------------------------------------------------


def cross_validated(n=40, repeats=3, seed=2):
    rng, rows = np.random.default_rng(seed), []
    label = np.arange(n) % 2
    for model, shift, many in (("radiomics", 1.0, repeats), ("fusion", 1.6, 2)):
        for repeat in range(1, many + 1):
            made = pd.DataFrame(
                {"case_id": [f"c{k:02d}" for k in range(n)], "patient_id": [f"p{k // 2}" for k in range(n)]}
            )
            made = made.assign(
                label=label, fold=rng.permutation(np.arange(n) // 2 % 4), score=rng.normal(shift * label)
            )
            rows.append(made.assign(model=model, repeat=repeat))
    return pd.concat(rows, ignore_index=True)


def test_areas_pooled_and_within_folds():
    scores = cross_validated()
    table = robustness.BootstrappedAreas(scores.sample(frac=1, random_state=0), n_bootstrap=300).table()
    assert set(zip(table["model"], table["repeat"], strict=True)) == {
        *(("radiomics", r) for r in ("1", "2", "3", "mean")),
        *(("fusion", r) for r in ("1", "2", "mean")),
    }
    for row in table[table["repeat"] != "mean"].itertuples():
        part = scores[(scores["model"] == row.model) & (scores["repeat"] == int(row.repeat))]
        assert row.auc == pytest.approx(roc_auc_score(part["label"], part["score"]))
        folds = [f for _, f in part.groupby("fold") if f["label"].nunique() == 2]
        pairs = np.array([f["label"].sum() * (1 - f["label"]).sum() for f in folds])
        areas = np.array([roc_auc_score(f["label"], f["score"]) for f in folds])
        assert row.auc_within == pytest.approx(areas @ pairs / pairs.sum())
    means = table[table["repeat"] == "mean"].set_index("model")
    single = table[table["repeat"] != "mean"].groupby("model")[["auc", "auc_within"]].mean()
    pd.testing.assert_frame_equal(means[["auc", "auc_within"]].sort_index(), single, check_names=False)
    assert (table["ci_low"] < table["auc"]).all() and (table["auc"] < table["ci_high"]).all()
    # The same seed gives the same table, and the number of bootstrap samples hardly moves the interval.
    more = robustness.BootstrappedAreas(scores, n_bootstrap=3000).table().query("repeat == 'mean'").set_index("model")
    assert (more["ci_low"] - means["ci_low"]).abs().max() < 0.06


def test_an_interval_of_cases_that_are_patients_is_near_delongs():
    scores = cross_validated(120, 1).query("model == 'radiomics'")
    scores = scores.assign(patient_id=scores["case_id"])
    row = robustness.BootstrappedAreas(scores, n_bootstrap=4000).table().iloc[0]
    auc, low, high = statistics.auc_ci(scores["label"], scores["score"])
    assert (row["auc"], row["ci_low"], row["ci_high"]) == pytest.approx((auc, low, high), abs=0.015)


def test_differences_are_paired_over_the_repeats_that_both_have():
    scores = cross_validated()
    areas = robustness.BootstrappedAreas(scores, n_bootstrap=500)
    (row,) = areas.differences("fusion").to_dict("records")
    table = areas.table().set_index(["model", "repeat"])["auc"]
    expected = np.mean([table["fusion", r] - table["radiomics", r] for r in ("1", "2")])
    assert (row["model_a"], row["model_b"], row["repeats"]) == ("fusion", "radiomics", 2)
    assert row["difference"] == pytest.approx(expected)
    assert row["ci_low"] < row["difference"] < row["ci_high"]
    same = scores[scores["model"] == "fusion"]
    (row,) = (
        robustness.BootstrappedAreas(pd.concat([same, same.assign(model="again")]), n_bootstrap=100)
        .differences("fusion")
        .to_dict("records")
    )
    assert (row["difference"], row["ci_low"], row["ci_high"], row["p"]) == (0, 0, 0, 1)


def test_perfect_separation_and_a_case_without_a_score():
    scores = cross_validated().query("model == 'radiomics'")
    perfect = robustness.BootstrappedAreas(scores.assign(score=scores["label"]), n_bootstrap=100).table()
    assert (perfect[["auc", "ci_low", "ci_high", "auc_within"]] == 1).all(axis=None)
    with pytest.raises(VcfnbError, match="radiomics, repeat 1 has 39 scores of 40 cases -> give one of every case"):
        robustness.BootstrappedAreas(scores.drop(scores.index[0]))
    alone = scores.assign(fold=np.arange(len(scores)))
    assert robustness.BootstrappedAreas(alone, n_bootstrap=100).table()["auc_within"].isna().all()


# ---- stability -----------------------------------------------------------------------------------------------------


def test_nogueira_equals_the_authors_values():
    """tests/reference/nogueira.csv: the index, variance and interval of the authors' own program (JMLR 18(174))."""
    matrices = pd.read_csv(REFERENCE / "nogueira_runs.csv")
    expected = pd.read_csv(REFERENCE / "nogueira.csv").set_index("set")
    assert len(expected) >= 4
    for name, part in matrices.groupby("set"):
        chosen = np.array([[int(digit) for digit in row.removeprefix("r")] for row in part["chosen"]])
        found, reference = robustness.nogueira(chosen), expected.loc[name]
        assert found.index == pytest.approx(reference["stability"], abs=1e-12)
        assert found.variance == pytest.approx(reference["variance"], abs=1e-12)
        assert found.low == pytest.approx(reference["lower"], abs=1e-9)
        assert found.high == pytest.approx(min(1, reference["upper"]), abs=1e-9)


def test_nogueira_is_fleiss_kappa_and_its_interval_shrinks_with_the_runs():
    rng = np.random.default_rng(0)
    chosen = (rng.random((12, 50)) < np.r_[np.full(5, 0.8), np.full(45, 0.1)]).astype(int)
    times = chosen.sum(axis=0)
    kappa = fleiss_kappa(np.column_stack([times, 12 - times]))
    found = robustness.nogueira(chosen)
    assert found.index == pytest.approx(kappa, abs=1e-12)
    assert found.low == pytest.approx(found.index - norm.ppf(0.975) * np.sqrt(found.variance))
    # The variance is that of a jackknife over the runs, once there are many.
    many = (rng.random((120, 50)) < np.r_[np.full(5, 0.8), np.full(45, 0.1)]).astype(int)
    index, _, _, variance = robustness.nogueira(many)
    jackknife = [120 * index - 119 * robustness.nogueira(np.delete(many, k, axis=0)).index for k in range(120)]
    assert np.var(jackknife, ddof=1) / 120 == pytest.approx(variance, rel=0.15)
    assert variance < found.variance


def test_nogueira_at_its_ends():
    same = np.tile([1, 1, 0, 0, 0], (4, 1))
    assert robustness.nogueira(same)[:3] == (1, 1, 1)
    rng = np.random.default_rng(1)
    random = np.array([rng.permutation(np.r_[np.ones(10), np.zeros(90)]) for _ in range(200)])
    assert abs(robustness.nogueira(random).index) < 0.01
    assert (
        np.isnan(robustness.nogueira(np.zeros((3, 4)))).all() and np.isnan(robustness.nogueira(np.ones((3, 4)))).all()
    )
    for bad, message in ((same[:1], "at least two runs"), (same * 2, "other than 0 and 1")):
        with pytest.raises(VcfnbError, match=message):
            robustness.nogueira(bad)


def test_frequencies_count_runs_that_chose_nothing():
    runs = pd.DataFrame({"model": "radiomics", "repeat": [1, 1, 2, 2], "fold": [1, 2, 1, 2]})
    chosen = pd.DataFrame({"model": "radiomics", "repeat": [1, 1, 1], "fold": [1, 1, 2], "feature": ["a", "b", "a"]})
    frequency, index = robustness.selection_stability(chosen, pd.concat([runs, runs]), {"radiomics": list("abcd")})
    assert frequency[["feature", "n_chosen", "n_runs", "share"]].values.tolist() == [
        ["a", 2, 4, 0.5],
        ["b", 1, 4, 0.25],
    ]
    matrix = [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    row = index.iloc[0]
    assert (row["n_runs"], row["n_universe"], row["n_selected_mean"]) == (4, 4, 0.75)
    assert row["index"] == pytest.approx(robustness.nogueira(matrix).index)
    with pytest.raises(VcfnbError, match="not among those given"):
        robustness.selection_stability(chosen, runs, {"radiomics": ["a"]})
    assert robustness.selection_stability(chosen[:1], runs[:1], {"radiomics": list("abcd")})[1].empty


# ---- learning curve ------------------------------------------------------------------------------------------------


def test_shares_of_patients_are_stratified_nested_and_whole():
    data = study()
    y, groups = data.cases["label"].to_numpy(), data.cases["patient_id"].to_numpy()
    parts = [robustness.share_of_patients(y, groups, share, np.random.default_rng(5)) for share in (0.3, 0.6, 1.0)]
    assert set(parts[0]) < set(parts[1]) < set(parts[2]) == set(range(len(y)))
    for part in parts:
        assert all(np.isin(np.flatnonzero(groups == patient), part).all() for patient in set(groups[part]))
        assert y[part].mean() == pytest.approx(y.mean(), abs=0.1)
    few = robustness.share_of_patients(y, groups, 0.01, np.random.default_rng(5))
    assert np.bincount(y[few]).min() >= 2


def test_learning_curve_rises_with_the_cases(nested, tmp_path):
    data, folds, _, _, found = nested
    scores = robustness.learning_scores(data, folds, [0.3], tmp_path, cores=1)
    assert (scores.groupby("repeat")["case_id"].nunique() == len(data.cases)).all()
    sizes = pd.DataFrame([(f.repeat, f.fold, len(f.train)) for f in folds], columns=["repeat", "fold", "n_train"])
    whole = found.scores.query("model == 'radiomics'").merge(sizes).assign(share=1.0)
    curve = robustness.learning_curve(pd.concat([scores, whole[scores.columns]]), n_bootstrap=100)
    assert curve["share"].tolist() == [0.3, 1.0] and curve["n_train"].is_monotonic_increasing
    assert curve["n_train"].iloc[1] == pytest.approx(32) and (curve["repeats"] == 2).all()
    part = whole[whole["repeat"] == 1]
    other = whole[whole["repeat"] == 2]
    expected = np.mean([roc_auc_score(p["label"], p["score"]) for p in (part, other)])
    assert curve["auc"].iloc[1] == pytest.approx(expected)
    assert (curve["ci_low"] <= curve["auc"]).all() and (curve["auc"] <= curve["ci_high"]).all()
    with pytest.raises(VcfnbError, match="no scores -> give learning_shares"):
        robustness.learning_curve(robustness.learning_scores(data, folds, [], tmp_path))


# ---- imbalance -----------------------------------------------------------------------------------------------------


def test_imbalance_options(nested):
    found = nested[-1]
    table = robustness.imbalance_options(found.weighting).set_index("option")
    plain = found.weighting.query("weights == 'none'")
    repeats = [part for _, part in plain.groupby("repeat")]
    called = {
        "nothing": 0.5,
        "threshold at the proportion of acute training cases": "share",
        "threshold by Youden on training cases": "youden",
    }
    for option, threshold in called.items():
        expected = np.mean(
            [
                balanced_accuracy_score(p["label"], p["score"] >= (threshold if threshold == 0.5 else p[threshold]))
                for p in repeats
            ]
        )
        assert table.loc[option, "balanced_accuracy"] == pytest.approx(expected)
    assert table.loc["nothing", "brier"] == pytest.approx(
        np.mean([brier_score_loss(p["label"], p["score"]) for p in repeats])
    )
    # A moved threshold leaves the probabilities alone; weights pull them to a population half of which is acute.
    same = ["auc", "brier", "slope", "intercept", "predicted"]
    pd.testing.assert_series_equal(
        table.loc["nothing", same], table.loc["threshold by Youden on training cases", same], check_names=False
    )
    assert abs(table.loc["nothing", "predicted"] - table.loc["nothing", "observed"]) < 0.05
    assert table.loc["class weights", "predicted"] < table.loc["nothing", "predicted"] - 0.03
    assert table.loc["class weights", "specificity"] >= table.loc["nothing", "specificity"]


def test_imbalance_without_calibration_has_nan_and_no_warning(recwarn):
    y = np.arange(20) % 2
    made = pd.DataFrame({"repeat": 1, "fold": 1, "label": y, "score": y * 0.8 + 0.1, "youden": 0.5, "share": 0.5})
    table = robustness.imbalance_options(pd.concat([made.assign(weights=w) for w in ("none", "balanced")]))
    assert table["slope"].isna().all() and (table["auc"] == 1).all() and not recwarn.list
