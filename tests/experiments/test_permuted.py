"""The experiment with permuted labels: true labels give the study's own numbers, and results are resumed."""

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
    areas = permuted.permuted(*given, tmp_path, 0)
    scores = fusion.out_of_fold_scores(*given, tmp_path / "own", cores=1).scores
    assert {name: areas[name] for name in fusion.MODELS} == {
        name: statistics.auc(scores["label"], scores[name]) for name in fusion.MODELS
    }
    assert permuted.permuted(*given, tmp_path, 1) != areas
    monkeypatch.setattr("vcfnb.fusion.out_of_fold._run", lambda *given: pytest.fail("computed again"))
    assert permuted.permuted(*given, tmp_path, 0) == areas


def test_the_summary_leaves_the_true_labels_out_of_the_mean(permuted):
    table = pd.DataFrame(
        [{"permutation": k} | dict.fromkeys(permuted.MODELS, value) for k, value in enumerate((0.9, 0.4, 0.6))]
    )
    found = permuted.summary(table).iloc[0]
    assert (found["n"], found["mean"], found["true_labels"]) == (2, 0.5, 0.9)
