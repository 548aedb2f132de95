"""The experiment that compares ways of fusing: the study's own models among them, and no look at held-out labels."""

import pytest
from study import script
from test_nested import FUSION, LASSO, deep_of, study

from vcfnb import fusion
from vcfnb.fusion.study_data import stable_in


@pytest.fixture(scope="module")
def fusions():
    return script("experiments/fusions", "fusions")


def test_every_way_scores_the_held_out_cases_and_the_studys_own_are_among_them(fusions):
    data = study()
    deep, train = deep_of(data), data.cases[data.cases["split"] == "train"]
    folds, _ = fusion.outer_folds(train["label"], train["patient_id"], 2, 1, 4)
    found = fusions.compared(data, deep, folds[0], train)
    inside, outside = train.iloc[folds[0].train], train.iloc[folds[0].test]
    stable, _ = stable_in(data, inside)
    x, d = data.radiomics.loc[inside.index], deep.loc[inside.index]
    own = fusion.fit_models(x, d, inside, stable, LASSO, FUSION, folds[0].seed).score(data.radiomics, deep, outside)
    for name in fusion.MODELS:
        assert found["scores"][f"{name} | paper.yaml"] == own[name].tolist()
    assert {way.split(" | ")[1] for way in found["scores"]} == set(fusions.READINGS)
    assert all(len(score) == len(outside) for score in found["scores"].values())
    spoilt = train.assign(label=train["label"].where(train.index.isin(inside.index), 1 - train["label"]))
    assert fusions.compared(data, deep, folds[0], spoilt) == found
