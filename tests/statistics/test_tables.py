"""The tables of notebook 07, made from scores."""

import numpy as np
import pandas as pd
import pytest

from vcfnb import statistics
from vcfnb.leakage import paper
from vcfnb.statistics import comparisons, tables

MODELS = ["radiomics", "dtl", "fusion"]


@pytest.fixture
def scores():
    rng = np.random.default_rng(5)
    label = np.tile([1, 1, 0], 30)
    table = pd.DataFrame({"case_id": [f"P{i}" for i in range(90)], "label": label})
    table["split"] = np.where(np.arange(90) < 60, "train", "test")
    for strength, model in zip((0.5, 1.0, 1.5), MODELS, strict=True):
        table[model] = 1 / (1 + np.exp(-(strength * (2 * label - 1) + rng.normal(size=90))))
    return table


def test_auc_matches_the_single_function(scores):
    table = tables.auc(scores, MODELS)
    assert list(zip(table.model, table.split, strict=True)) == [(m, s) for m in MODELS for s in ("train", "test")]
    test = scores.query("split == 'test'")
    row = table.query("model == 'dtl' and split == 'test'").iloc[0]
    assert (row.auc, row.ci_low, row.ci_high) == statistics.auc_ci(test.label, test.dtl)
    assert row.n == 30


def test_row_order_does_not_matter(scores):
    shuffled = scores.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(tables.auc(scores, MODELS), tables.auc(shuffled, MODELS))
    pd.testing.assert_frame_equal(tables.operating(scores, MODELS), tables.operating(shuffled, MODELS))


def test_training_rows_become_out_of_fold(scores):
    train = scores[scores.split == "train"]
    honest = train[["case_id", "label"]].assign(**{name: 0.25 for name in MODELS}).sample(frac=1, random_state=0)
    found = tables.with_out_of_fold(scores, honest)
    assert (found.loc[found.split == "train", MODELS] == 0.25).all(axis=None)
    for split, was in (("resubstitution", "train"), ("test", "test")):
        left = found[found.split == split].sort_values("case_id")[MODELS]
        right = scores[scores.split == was].sort_values("case_id")[MODELS]
        assert (left.to_numpy() == right.to_numpy()).all()
    assert list(tables.auc(found, MODELS).query("model == 'dtl'").split) == ["resubstitution", "train", "test"]
    assert set(tables.operating(found, MODELS).split) == {"train", "test"}


def test_delong_compares_every_pair_on_test_cases(scores):
    table = comparisons.delong(scores, MODELS, "fusion")
    assert len(table) == 3 and set(table.split) == {"test"}
    assert table.p.between(0, 1).all()
    assert (np.sign(table.z) == np.sign(table.auc_a - table.auc_b)).all()


def test_thresholds_come_from_training_cases(scores):
    before = tables.operating(scores, MODELS)
    changed = scores.copy()
    test = changed.split == "test"
    changed.loc[test, "label"] = 1 - changed.loc[test, "label"]
    changed.loc[test, MODELS] = 1 - changed.loc[test, MODELS] ** 2
    after = tables.operating(changed, MODELS)
    assert before.threshold.equals(after.threshold)
    assert not before.tp.equals(after.tp)


def test_expansions_mark_the_choice(scores):
    long = pd.concat([scores[["case_id", "label", "split"]].assign(expansion=n, score=scores.dtl) for n in (0, 6)])
    choice = pd.DataFrame({"expansion": [0, 6], "chosen": [False, True]})
    table = tables.expansions(long, choice)
    assert table.groupby("expansion").chosen.all().to_dict() == {0: False, 6: True}
    assert table.auc.nunique() == 2  # one a split: both expansions were given the same scores


def test_decision_curves_and_calibration_have_every_model(scores):
    test = scores.query("split == 'test'")
    assert tables.dca(test, MODELS, [0.1, 0.5]).groupby("model").size().to_dict() == dict.fromkeys(MODELS, 2)
    assert set(tables.calibration_points(test, MODELS).model) == set(MODELS)
    found = tables.calibration(scores, MODELS, seed=1, n_bootstrap=50)
    assert found.columns[:6].tolist() == ["model", "split", "n", "brier", "slope", "intercept"] and len(found) == 6
    row = found.query("model == 'dtl' and split == 'test'").iloc[0]
    assert row.o_e == pytest.approx(test.label.mean() / test.dtl.mean())
    assert row.slope_low < row.slope < row.slope_high


@pytest.mark.parametrize(("n", "points"), [(9, 0), (18, 1), (43, 4), (90, 5)])
def test_grouped_points_hold_ten_cases(scores, n, points):
    part = scores.iloc[:n].assign(patient_id=np.arange(n) // 2)
    table = tables.calibration_points(part, ["dtl"], seed=1, n_bootstrap=20)
    grouped, smooth, case = (table.query("kind == @kind") for kind in ("grouped", "smooth", "case"))
    assert len(grouped) == points and grouped.n.min() >= 10 if points else grouped.empty
    assert len(case) == n and case.observed.sum() == part.label.sum()
    assert len(smooth) == 101 and smooth.low.le(smooth.high + 1e-12).sum() > 50
    # Equal probabilities stay together: fewer points rather than small ones.
    assert tables.calibration_points(part.assign(dtl=part.dtl.round(1)), ["dtl"]).n.min() >= 10 or n < 10


def test_differences_of_net_benefit_are_those_of_the_primary_model(scores):
    test, thresholds = scores.query("split == 'test'").assign(patient_id=np.arange(30) // 2), [0.2, 0.5]
    table = tables.dca_differences(test, MODELS, "fusion", thresholds, seed=1, n_bootstrap=100)
    assert table.columns.tolist() == ["threshold", "model_a", "model_b", "difference", "low", "high"]
    curves = tables.dca(test, MODELS, thresholds).pivot(index="threshold", columns="model", values="net_benefit")
    rules = tables.dca(test, ["fusion"], thresholds).set_index("threshold")[["treat_all", "treat_none"]]
    found = table.pivot(index="threshold", columns="model_b", values="difference")
    assert list(pd.unique(table.model_b)) == ["treat_all", "treat_none", "radiomics", "dtl"]
    for other, benefit in (curves.drop(columns="fusion").join(rules)).items():
        np.testing.assert_allclose(found[other], curves["fusion"] - benefit, atol=1e-12)


def test_comparison_puts_the_papers_numbers_beside_ours(scores):
    both = tables.with_out_of_fold(scores, scores[scores.split == "train"].assign(dtl=0.5))
    table = tables.comparison(
        paper.reported(), tables.auc(both, MODELS), dict.fromkeys(MODELS, 7), dict.fromkeys(MODELS, 0.01)
    )
    rows = table.set_index(["model", "quantity"])
    assert rows.loc[("fusion", "features"), "paper"] == "33"
    assert rows.loc[("dtl", "AUC test (95% CI)"), "paper"] == "0.941 (0.873-1.000)"
    assert rows.loc[("fusion", "features"), "this_run"] == "7"


def test_the_papers_test_aucs_are_counts_of_pairs():
    """34 acute and 9 chronic test cases make 306 pairs; each reported AUC is a whole number of them."""
    for auc in paper.reported().auc_test:
        assert round(round(auc * 306) / 306, 3) == auc


def test_feature_modes_are_judged_one_by_one(scores):
    long = [scores.assign(expansion=n, mode=m, score=scores[m]) for n in (0, 6) for m in ("radiomics", "dtl")]
    table = tables.feature_modes(pd.concat(long))
    assert table[["mode", "expansion", "split"]].drop_duplicates().shape[0] == len(table) == 8
    expected = tables.auc(scores, ["dtl"]).drop(columns="model")
    found = table.query("mode == 'dtl' and expansion == 6")[expected.columns]
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected)


def test_examples_are_the_surest_right_and_the_surest_wrong():
    rows = [("a", 1, 0.9), ("b", 1, 0.6), ("c", 1, 0.2), ("d", 0, 0.4), ("e", 0, 0.1), ("f", 1, 0.3)]
    scores = pd.DataFrame(rows, columns=["case_id", "label", "score"])
    assert tables.examples(scores).case_id.tolist() == ["a", "e", "c"]


def test_misses_are_the_primary_models_the_worst_first():
    rows = [("a", 1, 0.3, 0.9), ("b", 0, 0.8, 0.7), ("c", 1, 0.9, 0.1), ("d", 0, 0.2, 0.2), ("e", 0, 0.6, 0.4)]
    scores = pd.DataFrame(rows, columns=["case_id", "label", "fusion", "dtl"])
    found = tables.misses(scores, "fusion", {"fusion": 0.5, "dtl": 0.5})
    assert found.case_id.tolist() == ["b", "a", "e"] and found.predicted.tolist() == ["acute", "chronic", "acute"]
    assert found.n_wrong.tolist() == [2, 1, 1]
    # From the threshold on the class is acute.
    assert tables.misses(scores, "fusion", {"fusion": 0.6, "dtl": 0.5}).case_id.tolist() == ["b", "a", "e"]
    assert tables.misses(scores, "fusion", {"fusion": 0.61, "dtl": 0.5}).case_id.tolist() == ["b", "a"]
    assert tables.misses(scores.iloc[[2, 3]], "fusion", {"fusion": 0.5, "dtl": 0.5}).empty


def test_the_uncertain_range_is_that_of_training_cases(scores):
    found = tables.uncertain(scores, ["fusion"], 0.7)
    train = scores.query("split == 'train'")
    assert found["split"].tolist() == ["train", "test"]
    expected = list(statistics.uncertain_range(train["label"], train["fusion"], 0.7))
    assert (found[["low", "high"]] == expected).all(axis=None)
    spoilt = scores.assign(fusion=scores["fusion"].where(scores["split"] == "train", 0.01))
    assert (tables.uncertain(spoilt, ["fusion"], 0.7)[["low", "high"]] == expected).all(axis=None)
