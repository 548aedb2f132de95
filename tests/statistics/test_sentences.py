"""Sentences about results say what the numbers say, and change when the numbers do."""

import pandas as pd
import pytest

from vcfnb.errors import VcfnbError
from vcfnb.statistics import sentences


def auc(low, high, model="fusion"):
    # DeLong's interval would decide otherwise.
    row = {"model": model, "split": "test", "n": 18, "auc": (low + high) / 2, "ci_low": 0.1, "ci_high": 0.45}
    row |= {"newcombe_low": low, "newcombe_high": high}
    # The best of all, which nobody named beforehand.
    best = row | {"model": "dtl", "auc": 0.99, "newcombe_low": 0.9, "newcombe_high": 1.0}
    return pd.DataFrame([row, row | {"split": "train", "n": 42, "auc": 1.0}, best])


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.6, 0.9, "lies above 0.5: better than chance"),
        (0.4, 0.9, "holds 0.5: these cases do not show that it is better than chance"),
        (0.1, 0.4, "lies below 0.5: worse than chance"),
    ],
)
def test_the_verdict_is_that_of_the_primary_model(low, high, told):
    said = sentences.verdict(auc(low, high), "fusion")
    assert told in said and f"an AUC of {(low + high) / 2:.3f} (Newcombe's interval {low:.3f} to {high:.3f})" in said
    assert "18 test cases" in said and "0.99" not in said


def test_no_row_no_verdict():
    with pytest.raises(VcfnbError, match="no AUC of fusion on test cases"):
        sentences.verdict(auc(0.6, 0.9, "radiomics"), "fusion")


def difference(low, high, split="test"):
    names = {"model_a": "fusion", "model_b": "dtl", "split": split}
    return names | {"difference": (low + high) / 2, "ci_low": low, "ci_high": high}


def test_which_intervals_hold_zero():
    said = sentences.differences(pd.DataFrame([difference(-0.1, 0.2), difference(0.2, 0.3, "train")]))
    assert said.startswith("Of 1 differences none has an interval beyond zero")
    said = sentences.differences(pd.DataFrame([difference(-0.1, 0.2), difference(0.02, 0.2), difference(-0.4, -0.2)]))
    assert "early fusion minus DTL +0.110 (+0.020 to +0.200) and early fusion minus DTL -0.300" in said
    assert said.startswith("Intervals beyond zero, of 3 differences: ")
    assert sentences.differences(pd.DataFrame([difference(float("nan"), 0.2)])) == "No difference has an interval."


def test_whether_what_is_hot_counts():
    table = pd.DataFrame({"hot": [0.3, 0.5, 0.4, float("nan")], "random": [0.1, 0.1, 0.1, float("nan")]})
    said = sentences.deletion(table)
    assert "takes +0.300 (+0.052 to +0.548) more" in said and "3 cases; what is hot counts more" in said
    assert "do not show that what is hot counts more" in sentences.deletion(
        table.assign(random=table["hot"] + [1, -1, 0, 0])
    )
    assert "cannot be tested" in sentences.deletion(table[2:])


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.1, 0.3, "+0.200 (+0.100 to +0.300); it beats the simple measurements"),
        (-0.3, -0.1, "the simple measurements beat it"),
        (-0.1, 0.3, "these cases do not show that it beats the simple measurements"),
        (float("nan"), 0.3, "was not compared with the baseline: no interval"),
    ],
)
def test_whether_it_beats_the_baseline(low, high, told):
    row = difference(low, high) | {"model_b": "baseline"}
    table = pd.DataFrame([difference(0.4, 0.5), row | {"split": "train", "ci_low": 0.4}, row])
    assert told in sentences.against_baseline(table, "fusion")
    assert "no interval" in sentences.against_baseline(table[:2], "fusion")


def test_slopes_below_one_are_too_extreme():
    table = pd.DataFrame({"model": ["radiomics", "dtl"], "split": "test", "slope": [0.4, 1.2]})
    table = table.assign(slope_low=[0.2, 0.7], slope_high=[0.9, float("inf")])
    assert sentences.slopes(table) == (
        "Slopes on test cases are radiomics 0.40 (0.20 to 0.90) and DTL 1.20 (0.70 to no limit). The interval lies "
        "below 1 (too extreme probabilities) for radiomics and includes 1 for DTL."
    )
    assert sentences.slopes(table.assign(slope_low=1.1, slope_high=2)).endswith(
        "above 1 (not extreme enough) for radiomics and DTL."
    )
    assert sentences.slopes(table.assign(slope=float("nan"))).startswith("No calibration slope")


def test_the_in_sample_gap_is_larger_only_where_it_is():
    modes = [("in_sample", "train", 1.0), ("in_sample", "test", 0.7), ("out_of_fold", "train", 0.8)]
    table = pd.DataFrame([*modes, ("out_of_fold", "test", 0.7)], columns=["mode", "split", "auc"])
    assert "+0.300 in-sample**, **+0.100 out-of-fold**. The in-sample gap is larger." in sentences.gap(table)
    table["auc"] = [0.8, 0.7, 1.0, 0.7]
    assert "The in-sample gap is not larger." in sentences.gap(table)


def frame(columns, *rows):
    return pd.DataFrame(rows, columns=columns.split())


def test_which_characteristics_differ():
    table = frame("characteristic p_holm", ("Cases", None), ("Age", 0.2), ("Sex", 0.01))
    assert sentences.balance(table) == "2 tests, adjusted p below 0.05 for Sex."
    assert sentences.balance(table.assign(p_holm=0.2)) == "3 tests, no adjusted p is below 0.05."
    assert sentences.balance(table.tail(1)) == "1 test, adjusted p below 0.05 for Sex."
    assert sentences.balance(table.head(1)).startswith("Nothing was tested")


def test_image_types_by_stable_features():
    icc = frame("feature stable", ("original_a_b", True), ("original_c_d", True), ("lbp_a_b", True), ("lbp_c_d", False))
    assert sentences.reproducibility(icc) == "Most stable features: original (2 of 2); fewest: lbp (1 of 2)."


def test_the_epoch_that_is_kept_and_what_came_after():
    columns = "network epoch val_loss kept"
    history = frame(columns, ("final", 1, 0.5, False), ("final", 2, 0.4, True), ("final", 3, 0.7, False))
    history = pd.concat([history, frame(columns, ("fold_1_1", 1, 0.1, True))])
    assert sentences.early_stopping(history).endswith(
        "epoch 2 of 3; by its last epoch the validation loss was 0.300 higher than there."
    )
    assert "no case was held out" in sentences.early_stopping(history.assign(val_loss=float("nan")))


def test_regions_beyond_their_size():
    table = frame("method region share volume_share", ("grad_cam", "bone", 0.6, 0.5), ("grad_cam", "ring", 0.4, 0.5))
    assert sentences.regions(table) == "More of the attribution than their size: bone by grad cam (0.60, size 0.50)."
    assert sentences.regions(table.assign(share=0.1)) == "No region gets more than its size."


def test_the_step_that_removes_most():
    steps = frame("step n_features", ("all", 100), ("z-score", 98), ("correlation", 30), ("lasso", 4))
    assert sentences.largest_step(steps) == "correlation removes most: 98 features before it, 30 after."


def test_a_value_at_the_edge_of_its_grid_is_said():
    grid = [0.001, 0.01, 0.1]
    assert sentences.edge("C", 0.01, grid) == "C = 0.01 lies inside its grid."
    assert "C = 0.1 lies at the upper edge" in sentences.edge("C", 0.1, grid)
    assert "λ = 0.001 lies at the lower edge" in sentences.edge("λ", 0.001, grid)


def test_expansions_that_cannot_be_distinguished():
    columns = "expansion auc_mean ci_low ci_high chosen"
    choice = frame(columns, (0, 0.7, 0.6, 0.75, False), (2, 0.78, 0.7, 0.9, False), (6, 0.8, 0.7, 0.9, True))
    assert sentences.expansions(choice) == "The intervals of 1 of the 2 other expansions include the chosen one's AUC."


def test_odds_ratios_without_one():
    weights = frame("model odds_ratio_low odds_ratio_high", ("fusion", 1.1, 2), ("fusion", 0.5, 2), ("dtl", 3, 4))
    assert (
        sentences.coefficients(weights, "fusion")
        == "1 of the 2 odds ratios of early fusion have an interval without 1."
    )


def test_optimism_is_training_minus_test():
    table = frame(
        "model split auc", ("dtl", "train", 0.9), ("dtl", "test", 0.7), ("a", "train", 0.8), ("a", "test", 0.85)
    )
    assert sentences.optimism(table) == "Out-of-fold AUC of training cases minus test AUC: DTL +0.200 and a -0.050."


def test_thresholds_with_a_benefit():
    lows = {"treat_all": (0.0, 0.1), "treat_none": (0.1, 0.1), "dtl": (-0.1, -0.1)}
    rows = [("fusion", other, t, low) for other, low in lows.items() for t, low in zip((0.1, 0.6), low, strict=True)]
    assert sentences.benefit(frame("model_a model_b threshold low", *rows)) == (
        "Of 2 thresholds from 0.10 to 0.60, the interval of the net benefit of early fusion minus the other's lies "
        "above zero at 1 against treat all, 2 against treat none, 1 against both and 0 against DTL."
    )


def test_brier_before_and_after():
    table = frame("model method brier", ("fusion", "none", 0.2), ("fusion", "intercept", 0.18), ("dtl", "none", 0.3))
    assert sentences.recalibrated(table, "fusion") == (
        "The Brier score of early fusion is 0.200 before, and 0.180 (intercept) after recalibration."
    )


def test_how_many_tests_are_below_alpha():
    table = pd.DataFrame({"p_holm": [0.01, 0.04, 1.0]})
    assert sentences.adjusted_p(table) == "2 of 3 adjusted p are below 0.05."
    assert sentences.adjusted_p(table.assign(p_holm=1.0)) == "None of 3 adjusted p is below 0.05."


def test_stability_in_words():
    row = {"index": 0.3, "ci_low": 0.1, "ci_high": 0.5}
    assert sentences.stability(row) == "The index is 0.30 (0.10 to 0.50): poor."
    assert sentences.stability(row | {"index": 0.8}).endswith("excellent.")
    assert sentences.stability(row | {"index": 0.5}).endswith("intermediate.")
    assert sentences.stability(row | {"index": float("nan")}).startswith("The index is not defined")


def test_what_the_last_patients_added():
    curve = frame("n_train auc ci_low ci_high", (20, 0.6, 0.5, 0.7), (40, 0.8, 0.71, 0.9), (30, 0.7, 0.6, 0.75))
    said = "From 30 to 40 training cases the AUC changes by +0.100; the intervals overlap."
    assert sentences.learning(curve) == said
    assert sentences.learning(curve[curve["n_train"] != 30]).endswith("the intervals are apart.")
    assert sentences.learning(curve.head(1)) == "One size only: there is no curve."


def test_findings_of_the_audit():
    rows = frame("check result", ("a", "pass"), ("b", "FAIL"), ("c", "measured"))
    assert sentences.audit(rows) == "1 checks passed, failed: b."
    assert sentences.audit(rows[rows["check"] != "b"]) == "1 checks passed, none failed."


def test_signs_that_differ_are_named():
    weights = pd.DataFrame({"model": "fusion", "feature": ["a", "b", "c"], "coefficient": [1.0, -1.0, 0.5]})
    lasso = pd.DataFrame({"feature": ["a", "b", "c"], "coefficient": [0.1, 0.2, 0.3]})
    assert sentences.signs(weights, lasso, "fusion").startswith("1 of the 3 features of early fusion (b) have one sign")
    assert sentences.signs(weights.iloc[[0]], lasso, "fusion").startswith("No feature of early fusion")


def test_how_many_are_uncertain():
    row = {"model": "fusion", "split": "test", "low": 0.25, "high": 0.75, "n": 18, "n_uncertain": 10}
    row |= {"sensitivity": 0.8, "sensitivity_low": 0.4, "sensitivity_high": 0.95}
    table = pd.DataFrame([row | {"specificity": float("nan")}])
    said = sentences.uncertain(table, "fusion", 0.9)
    assert said == (
        "From 0.250 to 0.750 early fusion is uncertain: 10 of 18 test cases; of the others: sensitivity 0.80 (0.40 to "
        "0.95)."
    )
    assert sentences.uncertain(table.assign(sensitivity=float("nan")), "fusion", 0.9).endswith("no other is left.")
    assert "90% of both classes" in sentences.uncertain(table.assign(high=0.25), "fusion", 0.9)


def test_how_many_are_missed_by_all():
    table = pd.DataFrame({"label": [1, 0, 1], "n_wrong": [3, 1, 2]})
    assert sentences.misses(table, "dtl", 3) == (
        "DTL classifies 2 acute and 1 chronic test cases wrongly; all 3 models are wrong in 1 of these."
    )
    assert "every test case correctly" in sentences.misses(table.iloc[:0], "dtl", 3)


def test_which_subgroups_differ():
    row = {"subgroup_a": "female", "subgroup_b": "male", "model": "dtl", "difference": 0.1, "low": -0.1, "high": 0.4}
    table = pd.DataFrame([row, row | {"model": "fusion", "difference": 0.3, "low": 0.1}])
    assert sentences.subgroups(table) == (
        "Intervals beyond zero, of 2 differences: early fusion female minus male +0.300 (+0.100 to +0.400). "
        "Their median width is 0.40."
    )
    assert ": none. " in sentences.subgroups(table.iloc[:1])
    assert "no difference can be computed" in sentences.subgroups(table.iloc[:0])
