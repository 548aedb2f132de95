"""Leakage audit: each check on data that is clean and on data that leaks."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from test_nested import FUSION, LASSO, deep_of, study
from threadpoolctl import threadpool_limits

from vcfnb import fusion, leakage, selection
from vcfnb.params import IccParams


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads cost more than they give on tables of this size."""
    with threadpool_limits(1):
        yield


def verdicts(rows):
    """First word of each finding, by check."""
    return {row["check"]: row["finding"].split(":")[0] for row in rows}


def noise(n=54, n_features=200, seed=2):
    """Labels that nothing predicts, one case a patient."""
    rng = np.random.default_rng(seed)
    cases = study(n).cases.assign(patient_id=[f"p{k:02d}" for k in range(n)], label=rng.permutation(np.arange(n) % 2))
    cases["split"] = np.where(np.arange(n) < 36, "train", "test")
    x = pd.DataFrame(rng.normal(size=(n, n_features)), cases.index, [f"f{k:03d}" for k in range(n_features)])
    return fusion.StudyData(cases, x, {}, IccParams(), LASSO, FUSION, 1)


# ---- permuted labels -----------------------------------------------------------------------------------------------


def test_labels_are_permuted_among_patients_of_as_many_cases():
    cases = study().cases
    pairs = cases.groupby("patient_id")["label"].agg(["size", tuple])
    changed = 0
    for seed in range(20):
        found = leakage.permute_labels(cases, np.random.default_rng(seed))
        again = found.groupby("patient_id")["label"].agg(["size", tuple])
        for size in (1, 2):
            assert sorted(again.loc[again["size"] == size, "tuple"]) == sorted(
                pairs.loc[pairs["size"] == size, "tuple"]
            )
        changed += not again["tuple"].equals(pairs["tuple"])
        assert found.drop(columns="label").equals(cases.drop(columns="label"))
    assert changed == 20


@pytest.fixture(scope="module")
def permuted(tmp_path_factory):
    data = study()
    return leakage.permuted_aucs(data, deep_of(data), None, 6, tmp_path_factory.mktemp("permuted"), cores=1)


def test_permuted_labels_leave_chance_and_true_ones_more(permuted):
    assert list(permuted["model"][:3]) == ["radiomics", "dtl", "fusion"] and permuted["run"].nunique() == 7
    real = permuted[permuted["run"] == 0].set_index("model")["auc"]
    rows = leakage.permutation_rows(permuted)
    assert real.min() > 0.75 and verdicts(rows) == {f"permuted training labels, {name}": "pass" for name in real.index}
    part = permuted.query("model == 'dtl' and run > 0")["auc"]
    row = next(row for row in rows if row["check"].endswith("dtl"))
    assert (row["value"], row["low"], row["high"]) == pytest.approx((part.mean(), *np.quantile(part, [0.025, 0.975])))
    p = (1 + (part >= real["dtl"]).sum()) / 7
    assert f"true labels {real['dtl']:.3f}, as high by chance with p = {p:.3f}" in row["finding"]


def test_the_true_labels_give_the_test_auc_of_the_study(permuted):
    data = study()
    train, test = (data.cases[data.cases["split"] == split] for split in ("train", "test"))
    found = selection.select_features(
        data.radiomics.loc[train.index], train["label"], LASSO, train["patient_id"], None, 4
    )
    names = found.selected["feature"]
    model = fusion.fit_logistic(data.radiomics.loc[train.index, names], train["label"], FUSION, train["patient_id"], 4)
    expected = roc_auc_score(test["label"], model.score(data.radiomics.loc[test.index]))
    assert permuted.query("run == 0 and model == 'radiomics'")["auc"].item() == pytest.approx(expected)


def test_a_study_that_knows_the_test_labels_fails_the_permutation_test(permuted):
    leaky = permuted.assign(auc=np.where(permuted["run"] > 0, 0.4 + 0.5 * permuted["auc"] + 0.25, permuted["auc"]))
    assert set(verdicts(leakage.permutation_rows(leaky)).values()) == {"FAIL"}
    assert leakage.permutation_rows(permuted.query("run < 2")) == []


# ---- selection before and after the split --------------------------------------------------------------------------


def test_selection_before_the_split_is_too_good_and_most_of_all_on_noise(tmp_path):
    data = noise()
    table = leakage.selection_order(data, None, 4, tmp_path, cores=1)
    assert table.groupby(["labels", "order"]).size().to_dict() == {
        ("random", "before"): 4,
        ("true", "after"): 4,
        ("true", "before"): 4,
    }
    means = table.groupby(["labels", "order"])["auc"].mean()
    assert means["true", "after"] < 0.65 and means["true", "before"] > 0.75 and means["random", "before"] > 0.75
    optimism, random = leakage.order_rows(table)
    assert optimism["value"] == pytest.approx(means["true", "before"] - means["true", "after"])
    assert random["value"] == pytest.approx(means["random", "before"] - 0.5)
    assert optimism["low"] <= optimism["value"] <= optimism["high"] and optimism["finding"].startswith("measured")
    pd.testing.assert_frame_equal(leakage.selection_order(data, None, 4, tmp_path, cores=1), table)
    empty = leakage.selection_order(data, None, 0, tmp_path)
    assert empty.empty and leakage.order_rows(empty) == []


# ---- deep features -------------------------------------------------------------------------------------------------


def test_in_sample_inflation_is_a_number_with_an_interval():
    rng, rows = np.random.default_rng(0), []
    label = np.arange(60) % 2
    for expansion in (0, 6):
        for mode, gain in (("in_sample", 6), ("out_of_fold", 1)):
            split = np.where(np.arange(60) < 40, "train", "test")
            score = label * np.where(split == "train", gain, 1) + rng.normal(size=60)
            made = pd.DataFrame(
                {"case_id": [f"c{k}" for k in range(60)], "label": label, "split": split, "score": score}
            )
            rows.append(made.assign(expansion=expansion, mode=mode))
    scores = pd.concat(rows)
    patients = pd.Series([f"p{k // 2}" for k in range(60)], [f"c{k}" for k in range(60)])
    inflation, inside, outside = leakage.feature_mode_rows(
        scores.sample(frac=1, random_state=1), patients, n_bootstrap=300
    )
    auc = scores.groupby(["mode", "split", "expansion"]).apply(lambda part: roc_auc_score(part["label"], part["score"]))
    mean = auc.groupby(["mode", "split"]).mean()
    assert inflation["value"] == pytest.approx(mean["in_sample", "train"] - mean["out_of_fold", "train"])
    assert inside["value"] == pytest.approx(mean["in_sample", "train"] - mean["in_sample", "test"])
    assert outside["value"] == pytest.approx(mean["out_of_fold", "train"] - mean["out_of_fold", "test"])
    assert [row["code"] for row in (inflation, inside, outside)] == [
        "training-inflation",
        "gap-in-sample",
        "gap-out-of-fold",
    ]
    assert 0 < inflation["low"] < inflation["value"] < inflation["high"] and outside["low"] < 0 < outside["high"]


# ---- plain checks --------------------------------------------------------------------------------------------------

CASES = pd.DataFrame(
    {"case_id": list("abcd"), "patient_id": ["p", "p", "q", "r"], "split": ["train", "train", "train", "test"]}
)


def test_patients_cases_and_readers_across_the_sets():
    assert set(verdicts(leakage.set_rows(CASES, ["a", "c"])).values()) == {"pass"}
    assert all(list(row)[-3:] == ["finding", "code", "result"] for row in leakage.set_rows(CASES))
    bad = pd.concat([CASES, CASES.tail(1).assign(patient_id="q")])
    rows = {row["check"]: row for row in leakage.set_rows(bad, ["a", "d"])}
    assert rows["patients in both sets"]["finding"] == "FAIL: 1 patient(s) in both sets: q"
    assert rows["case ids that occur twice"]["finding"] == "FAIL: 1 case id(s) twice: d"
    assert rows["repeat segmentations outside the training set"]["value"] == 1


def test_images_that_occur_twice_under_other_names():
    x = pd.DataFrame(np.random.default_rng(0).normal(size=(4, 5)))
    # Two vertebrae of one patient share an image; that is no duplicate.
    assert set(verdicts(leakage.duplicate_rows(CASES, ["i", "i", "j", "k"], x)).values()) == {"pass"}
    images = leakage.duplicate_rows(CASES, ["i", "i", "j", "j"], x)[0]
    assert images["finding"] == "FAIL: 2 case(s) with another's image: c, d"
    x.iloc[3] = x.iloc[0] * (1 + 1e-13)
    assert leakage.duplicate_rows(CASES, list("ijkl"), x)[1]["finding"] == "FAIL: 2 case(s) alike in all features: a, d"


def test_networks_and_the_patients_they_saw():
    folds = CASES.head(3).assign(expansion="expansion_06", repeat=1, fold=[1, 1, 2])
    assert set(verdicts(leakage.network_rows(folds, CASES)).values()) == {"pass"}
    torn = leakage.network_rows(folds.assign(fold=[1, 2, 2]), CASES)[1]
    assert torn["finding"] == "FAIL: 1 patient(s) seen by the network that gave their features: p"
    assert leakage.network_rows(CASES.assign(expansion="e", repeat=1, fold=1), CASES)[0]["value"] == 1


def test_selection_scaling_and_thresholds_are_recomputed_from_training_cases():
    data = study()
    train = data.cases[data.cases["split"] == "train"]
    x = data.radiomics.loc[train.index]
    everybody = selection.select_features(data.radiomics, data.cases["label"], LASSO, data.cases["patient_id"], None, 4)
    honest = selection.select_features(x, train["label"], LASSO, train["patient_id"], None, 4).selected["feature"]
    row = leakage.selection_row("radiomics", honest, x, train, None, LASSO, 4)
    assert (row["value"], row["finding"].split(":")[0]) == (0, "pass")
    other = leakage.selection_row("radiomics", everybody.selected["feature"], x, train, None, LASSO, 4)
    assert other["value"] == len(set(everybody.selected["feature"]) ^ set(honest)) > 0
    assert other["finding"].startswith("FAIL: ")

    model = fusion.fit_logistic(x[["f00", "f01"]], train["label"], FUSION)
    leaky = fusion.fit_logistic(data.radiomics[["f00", "f01"]], data.cases["label"], FUSION)
    assert leakage.scaling_row({"a": model}, x)["finding"].startswith("pass")
    assert leakage.scaling_row({"a": model, "b": leaky}, x)["finding"].startswith("FAIL: a mean or SD is off by 0.")

    from vcfnb.statistics import operating_point

    out_of_fold = data.cases.assign(a=model.score(data.radiomics)).query("split == 'train'")
    for asked in (("youden", 0.9), ("sensitivity", 0.8)):
        threshold = operating_point(out_of_fold["label"], out_of_fold["a"], *asked)
        assert leakage.threshold_row({"a": threshold}, out_of_fold, *asked)["finding"].startswith("pass")
        assert leakage.threshold_row({"a": threshold + 0.01}, out_of_fold, *asked)["value"] == pytest.approx(0.01)
