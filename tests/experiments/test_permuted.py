"""The experiment with permuted labels: true labels give the study's own numbers, and results are resumed."""

import numpy as np
import pandas as pd
import pytest
from study import script
from test_nested import deep_of, study
from test_out_of_fold import networks_of

from vcfnb import fusion, statistics


@pytest.fixture(scope="module")
def permuted():
    return script("experiments/permuted", "permuted")


def test_the_true_labels_give_the_studys_own_aucs(permuted, tmp_path, monkeypatch):
    data = study()
    deep = {6: deep_of(data)}
    given = (data, deep, networks_of(data, deep), 2)
    rows = permuted.permuted(*given, tmp_path, 0)
    scores = fusion.out_of_fold_scores(*given, tmp_path / "own", cores=1).scores
    pooled = {model: area for _, model, area, _ in rows}
    assert {name: pooled[name] for name in fusion.MODELS} == {
        name: statistics.auc(scores["label"], scores[name]) for name in fusion.MODELS
    }
    assert all(0 <= own <= 1 and own != area for _, model, area, own in rows if model in fusion.MODELS)
    assert permuted.permuted(*given, tmp_path, 1) != rows
    monkeypatch.setattr("vcfnb.fusion.out_of_fold._run", lambda *given: pytest.fail("computed again"))
    pd.testing.assert_frame_equal(*map(pd.DataFrame, (permuted.permuted(*given, tmp_path, 0), rows)))


def test_the_summary_leaves_the_true_labels_out_of_the_mean(permuted):
    rows = [(k, model, value, value / 2) for k, value in enumerate((0.9, 0.4, 0.6)) for model in permuted.MODELS]
    found = permuted.summary(pd.DataFrame(rows, columns=["permutation", "model", "pooled", "within"])).iloc[0]
    assert (found["n"], found["pooled_mean"], found["pooled_true_labels"]) == (2, 0.5, 0.9)
    assert (found["within_mean"], found["within_true_labels"]) == (0.25, 0.45)


def test_within_folds_other_pairs_do_not_count(permuted):
    label, fold = np.array([1, 0, 1, 0, 0, 1]), np.array([0, 0, 1, 1, 1, 2])
    score = np.array([0.9, 0.8, 0.2, 0.1, 0.3, 0.0])
    # One of one pair, and one of two.
    assert permuted.auc_within(label, score, fold) == pytest.approx(2 / 3)
    assert np.isnan(permuted.auc_within(label[1:3], score[1:3], fold[1:3]))
