"""Out-of-fold probabilities of training cases: what a case's own label cannot reach."""

import numpy as np
import pandas as pd
import pytest
from test_nested import deep_of, study

from vcfnb import fusion, selection, statistics
from vcfnb.errors import VcfnbError
from vcfnb.fusion import out_of_fold as module
from vcfnb.params import FusionParams, SelectionParams

SETTINGS = FusionParams(n_c=4, grid_folds=3)
MODELS = list(fusion.MODELS)
UNREGULARISED = FusionParams(c_min_log10=2, c_max_log10=2, n_c=1, grid_folds=3)


def cases(n=60, columns=4, effect=1.0, seed=0):
    rng = np.random.default_rng(seed)
    y = pd.Series(np.arange(n) % 2, [f"C{i}" for i in range(n)])
    x = pd.DataFrame(rng.normal(size=(n, columns)), y.index, [f"f{i}" for i in range(columns)])
    return x.add(effect * y, axis=0), y


def test_they_are_those_of_models_fitted_without_the_case():
    x, y = cases()
    found = fusion.cross_validated_scores(x, y, SETTINGS, seed=2)
    assert found.index.equals(x.index)
    assert found.between(0, 1).all()
    # Turning one label round changes models of other folds, never the fold that holds the case out.
    splits, _ = selection.folds(y.to_numpy(), np.arange(len(y)), 3, 2)
    fitted_on, held_out = splits[0]
    model = fusion.fit_logistic(x.iloc[fitted_on], y.iloc[fitted_on], SETTINGS, seed=2, groups=fitted_on)
    pd.testing.assert_series_equal(found.iloc[held_out], model.score(x.iloc[held_out]))


def test_noise_stays_noise():
    x, y = cases(effect=0, columns=30)
    in_sample = fusion.fit_logistic(x, y, UNREGULARISED).score(x)
    out_of_fold = fusion.cross_validated_scores(x, y, UNREGULARISED)
    assert statistics.auc_ci(y, in_sample)[0] > 0.95
    assert statistics.auc_ci(y, out_of_fold)[0] < 0.7


def test_the_cases_of_a_patient_are_held_out_together():
    x, y = cases(effect=0, columns=30)
    twice, labels = (pd.concat([part, part.rename(lambda name: f"{name}b")]) for part in (x, y))
    patients = [name.rstrip("b") for name in twice.index]
    together = fusion.cross_validated_scores(twice, labels, UNREGULARISED, groups=patients)
    apart = fusion.cross_validated_scores(twice, labels, UNREGULARISED)
    assert statistics.auc_ci(labels, together)[0] < 0.7
    assert statistics.auc_ci(labels, apart)[0] > 0.8


def test_too_few_cases_of_a_class_are_an_error():
    x, y = cases(6)
    with pytest.raises(VcfnbError, match="at least two of each"):
        fusion.cross_validated_scores(x.iloc[[0, 1, 2, 4]], y.iloc[[0, 1, 2, 4]], SETTINGS)


# ---- the whole chain


def networks_of(data, deep):
    """Cross-validated scores of one network per expansion: its first deep feature."""
    train = data.cases[data.cases["split"] == "train"]
    parts = [
        train.reset_index()[["case_id", "patient_id", "label"]].assign(
            expansion=n, repeat=1, fold=1, score=features.loc[train.index].iloc[:, 0].to_numpy()
        )
        for n, features in deep.items()
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    data = study()
    deep = {0: deep_of(data, 2), 6: deep_of(data, 3)}
    networks, folder = networks_of(data, deep), tmp_path_factory.mktemp("out_of_fold")
    return data, deep, networks, folder, fusion.out_of_fold_scores(data, deep, networks, 3, folder, cores=1)


def test_every_training_case_is_scored_once_by_every_model(whole):
    data, _, _, _, found = whole
    train = data.cases[data.cases["split"] == "train"]
    assert list(found.scores) == ["case_id", "label", *MODELS, "dtl_00", "dtl_06"]
    assert list(found.scores["case_id"]) == list(train.index)
    assert found.scores[MODELS].notna().all(axis=None)
    assert (found.scores["label"].to_numpy() == train["label"].to_numpy()).all()
    assert len(found.folds) == 3 * 7 and set(found.folds["expansion"].dropna()) <= {0, 6}


def test_a_held_out_case_changes_nothing_that_scores_it(whole):
    """Its label, its network's score (which chooses the expansion) and its repeat segmentations are spoilt."""
    data, deep, networks, _, _ = whole
    train = data.cases[data.cases["split"] == "train"]
    fold = fusion.outer_folds(train["label"], train["patient_id"], 3, 1, data.seed)[0][0]
    before = module._run(data, train, deep, networks, fold)
    held_out = train.index[fold.test]
    spoilt = train.assign(label=train["label"].where(~train.index.isin(held_out), 1 - train["label"]))
    other = networks.assign(score=networks["score"].where(~networks["case_id"].isin(held_out), 99.0))
    drawn = {
        name: table.set_index("case_id").mul(np.where(table["case_id"].isin(held_out), 7, 1), axis=0).reset_index()
        for name, table in data.segmentations.items()
    }
    after = module._run(module_data(data, drawn), spoilt, deep, other, fold)
    assert before == after


def module_data(data, drawn):
    return fusion.StudyData(data.cases, data.radiomics, drawn, data.icc, data.lasso, data.fusion, data.seed)


def test_test_cases_play_no_part(whole, tmp_path):
    data, deep, networks, _, found = whole
    test = data.cases["split"] == "test"
    cases = data.cases.assign(label=data.cases["label"].where(~test, 1 - data.cases["label"]))
    spoilt = fusion.StudyData(
        cases,
        data.radiomics.mul(1 + 9 * test, axis=0),
        data.segmentations,
        data.icc,
        data.lasso,
        data.fusion,
        data.seed,
    )
    again = fusion.out_of_fold_scores(spoilt, deep, networks, 3, tmp_path, cores=1)
    pd.testing.assert_frame_equal(again.scores, found.scores)


def test_what_is_finished_is_not_computed_again(whole, monkeypatch):
    data, deep, networks, folder, found = whole
    monkeypatch.setattr(module, "_run", lambda *given: pytest.fail("computed again"))
    pd.testing.assert_frame_equal(
        fusion.out_of_fold_scores(data, deep, networks, 3, folder, cores=1).scores, found.scores
    )


def test_with_permuted_labels_the_mean_auc_is_one_half(tmp_path):
    """A few times only (experiments/permuted: 20 times). It is not where the held-out labels selected the features."""
    honest, leaky = [], []
    settings = SelectionParams(lasso_folds=2, wrapper="none", correlation_threshold=0.99, n_lambdas=8)
    quick = FusionParams(n_c=2, grid_folds=2)
    for number in range(8):
        rng = np.random.default_rng(number)
        y = rng.permutation(np.arange(60) % 2)
        cases = pd.DataFrame({"patient_id": [f"p{k}" for k in range(60)], "label": y, "split": "train"})
        cases.index = pd.Index(cases["patient_id"], name="case_id")
        x = pd.DataFrame(rng.normal(size=(60, 50)), cases.index, [f"f{k}" for k in range(50)])
        data = fusion.StudyData(cases, x, {}, study().icc, settings, quick, number)
        deep = {6: pd.DataFrame(rng.normal(size=(60, 3)), cases.index, ["dtl_000", "dtl_001", "dtl_002"])}
        found = fusion.out_of_fold_scores(
            data, deep, networks_of(data, deep), 3, tmp_path / str(number), cores=1
        ).scores
        honest.append([statistics.auc(y, found[name]) for name in MODELS if name != "baseline"])
        chosen = selection.select_features(x, cases["label"], settings, seed=number).selected["feature"]
        leaky.append(statistics.auc(y, fusion.cross_validated_scores(x[chosen], cases["label"], quick, seed=number)))
    assert np.abs(np.mean(honest, axis=0) - 0.5).max() < 0.08
    assert np.mean(leaky) > 0.65
