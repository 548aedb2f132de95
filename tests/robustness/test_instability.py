"""Instability of single predictions over repeats, against numpy and by hand."""

import numpy as np
import pandas as pd
import pytest

from vcfnb import robustness
from vcfnb.statistics import sentences


def repeats(values, model="radiomics"):
    """Scores of an array (repeats, cases), in a random order of rows."""
    n_repeats, n = values.shape
    repeat, case = np.divmod(np.arange(values.size), n)
    ids = [f"c{k:02d}" for k in case]
    table = pd.DataFrame({"model": model, "repeat": repeat + 1, "case_id": ids, "patient_id": ids, "label": case % 2})
    return table.assign(score=values.ravel()).sample(frac=1, random_state=n_repeats)


def test_each_case_equals_numpy():
    values = np.random.default_rng(2).random((5, 30))
    found = robustness.instability(repeats(values)).sort_values("case_id")
    positive = (values >= 0.5).sum(axis=0)
    expected = {
        "repeats": np.full(30, 5),
        "mean": values.mean(axis=0),
        "range": np.ptp(values, axis=0),
        "sd": values.std(axis=0, ddof=1),
        "mean_difference": np.abs(values - values.mean(axis=0)).mean(axis=0),
        "flips": np.minimum(positive, 5 - positive) / 5,
    }
    assert list(found) == ["model", "case_id", "patient_id", "label", *expected]
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-12, err_msg=name)
    assert (found["label"] == np.arange(30) % 2).all()


def test_flips_by_hand():
    values = np.array([[0.9, 0.4, 0.5, 0.1], [0.8, 0.6, 0.6, 0.9], [0.7, 0.3, 0.7, 0.2], [0.9, 0.2, 0.9, 0.6]])
    found = robustness.instability(repeats(values)).set_index("case_id")["flips"]
    assert found.sort_index().tolist() == [0, 0.25, 0, 0.5]


def test_a_model_with_one_repeat_is_left_out_and_named():
    several, single = repeats(np.array([[0.2, 0.6], [0.6, 0.7]])), repeats(np.array([[0.1, 0.9]]), "dtl")
    scores = pd.concat([several, single])
    table = robustness.instability(scores)
    summary = robustness.instability_summary(scores, table)
    assert set(table["model"]) == {"radiomics"} and list(summary["model"]) == ["radiomics", "dtl"]
    assert summary.loc[0, ["repeats", "n", "n_flips"]].tolist() == [2, 2, 1]
    assert summary.loc[0, "range_median"] == pytest.approx(0.25) and summary.loc[0, "range_max"] == pytest.approx(0.4)
    assert summary.loc[1, "repeats"] == 1 and summary.loc[1].isna()["n"]
    said = sentences.instability(summary)
    assert "Radiomics: median range 0.25, the predicted class at 0.5 changes in 1 of 2 cases" in said
    assert said.endswith("one repeat only, left out: DTL.")
    nothing = robustness.instability(single)
    assert nothing.empty
    assert sentences.instability(robustness.instability_summary(single, nothing)) == "One repeat only, left out: DTL."
