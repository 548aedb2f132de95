"""The ridge fusion and the baseline: equal weight of blocks, features that no label chose, simple measurements."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from vcfnb import fusion, selection, statistics
from vcfnb.figures.names import short_name, source
from vcfnb.fusion.words import describe
from vcfnb.params import FusionParams, SelectionParams

ONE_C = FusionParams(c_min_log10=0, c_max_log10=0, n_c=1, grid_folds=3)


def blocks(n=60, wide=200, narrow=4, seed=0):
    """Labels; many features of which one tells a little, and few of which one tells more."""
    rng = np.random.default_rng(seed)
    y = pd.Series(rng.permutation(np.arange(n) % 2), [f"c{k}" for k in range(n)])
    many = pd.DataFrame(rng.normal(size=(n, wide)) * 30, y.index, [f"original_glcm_F{k}" for k in range(wide)])
    few = pd.DataFrame(rng.normal(size=(n, narrow)), y.index, [f"dtl_{k:03d}" for k in range(narrow)])
    many.iloc[:, 0] += 30 * y
    few.iloc[:, 0] += 1.5 * y
    return [many, few], y


def test_it_is_a_ridge_regression_on_blocks_of_equal_variance():
    (many, few), y = blocks()
    fitted = fusion.fit_ridge_fusion([many, few], y, ONE_C)
    z = [StandardScaler().fit_transform(block) / np.sqrt(block.shape[1]) for block in (many, few)]
    assert [part.var(axis=0).sum() for part in z] == pytest.approx([1, 1])
    expected = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(np.hstack(z), y)
    score = fitted.score(pd.concat([few, many], axis=1))
    np.testing.assert_allclose(score, expected.predict_proba(np.hstack(z))[:, 1], atol=1e-5)
    # Coefficients are per SD of the feature: they and the z-scores give the log odds.
    assert fitted.contributions(pd.concat([many, few], axis=1)).shape == (60, 204)


def test_one_block_alone_is_the_plain_regression_with_another_c():
    (_, few), y = blocks()
    weighted = fusion.fit_ridge_fusion([few], y, ONE_C)
    four_times_less = FusionParams(c_min_log10=np.log10(1 / 4), c_max_log10=np.log10(1 / 4), n_c=1, grid_folds=3)
    plain = fusion.fit_logistic(few, y, four_times_less)
    np.testing.assert_allclose(weighted.coefficients, plain.coefficients, rtol=1e-6)


def test_few_features_keep_their_say_among_many():
    """In most draws the ridge fusion is better on new cases than one penalty for all features."""
    gains = []
    for seed in range(6):
        both, y = blocks(n=260, seed=seed)
        train, test = slice(0, 60), slice(60, None)
        x = pd.concat(both, axis=1)
        ridge = fusion.fit_ridge_fusion([block[train] for block in both], y[train])
        plain = fusion.fit_logistic(x[train], y[train])
        gains.append(statistics.auc(y[test], ridge.score(x[test])) - statistics.auc(y[test], plain.score(x[test])))
        parts = fusion.block_parts(ridge, x[train], source).set_index("block")
        assert parts["n_features"].to_dict() == {"radiomic": 200, "DTL": 4}
    assert np.mean(gains) > 0.05


def test_parts_of_the_blocks_add_up_to_the_log_odds():
    both, y = blocks()
    x = pd.concat(both, axis=1)
    fitted = fusion.fit_ridge_fusion(both, y, ONE_C)
    parts = fusion.block_parts(fitted, x, source).set_index("block")
    whole = fitted.contributions(x)
    for name, kind in (("radiomic", "original"), ("DTL", "dtl")):
        part = whole.filter(like=kind).sum(axis=1)
        assert parts.loc[name, "sd"] == pytest.approx(part.std(ddof=0))
        assert parts.loc[name, "correlation"] == pytest.approx(np.corrcoef(part, whole.sum(axis=1))[0, 1])


def test_uncorrelated_features_see_no_label_and_no_order_of_columns():
    (many, _), _ = blocks(wide=20)
    x = many.assign(copy=many["original_glcm_F3"] * 2 + 1, flat=1.0)
    names = selection.uncorrelated_features(x, SelectionParams())
    assert set(names) == set(many.columns) - {"original_glcm_F3"} | {"copy"}
    assert names == selection.uncorrelated_features(x[x.columns[::-1]], SelectionParams())
    stable = {"original_glcm_F1", "original_glcm_F2"}
    assert set(selection.uncorrelated_features(x, SelectionParams(), stable)) == stable


def measured(n=12):
    cases = pd.DataFrame({"label": np.arange(n) % 2, "split": "train"}, [f"c{k}" for k in range(n)])
    cases["baseline_mean_hu"] = 200.0 + np.arange(n)
    cases["age"], cases["sex"], cases["bmd"] = 60.0 + np.arange(n), ["F", None] * (n // 2), np.nan
    return cases


def test_the_baseline_has_what_is_known_of_the_patients():
    cases = measured()
    encoder = fusion.fit_baseline_encoder(cases)
    x = fusion.baseline_features(cases, encoder)
    names = ["baseline_mean_hu", "baseline_clinical_age", "baseline_clinical_sex_female"]
    assert list(x) == [*names, "baseline_clinical_sex_missing"] and x.notna().all(axis=None)
    # Of a later case without an age: the training median.
    later = fusion.baseline_features(cases.iloc[:1].assign(age=np.nan), encoder)
    assert later["baseline_clinical_age"].item() == cases["age"].median()
    alone = cases[["label", "baseline_mean_hu"]]
    assert list(fusion.baseline_features(alone, fusion.fit_baseline_encoder(alone))) == ["baseline_mean_hu"]


def test_the_baselines_features_have_names_and_words():
    assert [short_name(name) for name in ("baseline_mean_hu", "baseline_height_loss", "baseline_clinical_age")] == [
        "mean HU",
        "height loss",
        "age",
    ]
    assert source("baseline_clinical_age") == source("baseline_flatness") == "baseline"
    assert describe("baseline_height_anterior_mm") == "anterior height of the vertebral body (mm)"
    assert describe("baseline_clinical_age") == describe("clinical_age")
