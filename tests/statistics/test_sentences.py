"""Sentences about results say what the numbers say, and change when the numbers do."""

import pandas as pd
import pytest

from vcfnb.errors import VcfnbError
from vcfnb.statistics import sentences


def auc(low, high, model="fusion"):
    row = {"model": model, "split": "test", "n": 18, "auc": (low + high) / 2, "ci_low": low, "ci_high": high}
    # The best of all, which nobody named beforehand.
    best = {"model": "dtl", "split": "test", "n": 18, "auc": 0.99, "ci_low": 0.9, "ci_high": 1.0}
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
    said = sentences.verdict(auc(low, high))
    assert told in said and f"an AUC of {(low + high) / 2:.3f} ({low:.3f} to {high:.3f})" in said
    assert "18 test cases" in said and "0.99" not in said


def test_no_row_no_verdict():
    with pytest.raises(VcfnbError, match="no AUC of fusion on test cases"):
        sentences.verdict(auc(0.6, 0.9, "radiomics"))


def difference(low, high, split="test"):
    names = {"model_a": "fusion", "model_b": "dtl", "split": split}
    return names | {"difference": (low + high) / 2, "ci_low": low, "ci_high": high}


def test_which_intervals_hold_zero():
    said = sentences.differences(pd.DataFrame([difference(-0.1, 0.2), difference(0.2, 0.3, "train")]))
    assert said.startswith("Of 1 differences none has an interval beyond zero")
    said = sentences.differences(pd.DataFrame([difference(-0.1, 0.2), difference(0.02, 0.2), difference(-0.4, -0.2)]))
    assert "fusion minus dtl +0.110 (+0.020 to +0.200) and fusion minus dtl -0.300" in said
    assert said.startswith("Intervals beyond zero, of 3 differences: ")
    assert sentences.differences(pd.DataFrame([difference(float("nan"), 0.2)])) == "No difference has an interval."


def test_slopes_below_one_are_too_extreme():
    table = pd.DataFrame({"model": ["radiomics", "dtl"], "split": "test", "slope": [0.4, 1.2]})
    said = sentences.slopes(table)
    assert "radiomics 0.40 and dtl 1.20" in said and "too extreme for radiomics." in said
    assert "not too extreme for any model" in sentences.slopes(table.assign(slope=1.1))
    assert sentences.slopes(table.assign(slope=float("nan"))).startswith("No calibration slope")


def test_the_in_sample_gap_is_larger_only_where_it_is():
    modes = [("in_sample", "train", 1.0), ("in_sample", "test", 0.7), ("out_of_fold", "train", 0.8)]
    table = pd.DataFrame([*modes, ("out_of_fold", "test", 0.7)], columns=["mode", "split", "auc"])
    assert "+0.300 in-sample**, **+0.100 out-of-fold**. The in-sample gap is larger." in sentences.gap(table)
    table["auc"] = [0.8, 0.7, 1.0, 0.7]
    assert "The in-sample gap is not larger." in sentences.gap(table)
