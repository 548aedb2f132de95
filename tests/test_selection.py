"""Feature selection: each step against its definition, the whole on made data, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_selection import RFE
from sklearn.linear_model import Lasso, LassoCV, LogisticRegression, lasso_path
from sklearn.metrics import roc_auc_score
from statsmodels.discrete.discrete_model import Logit
from statsmodels.stats.outliers_influence import variance_inflation_factor

from vcfnb import selection
from vcfnb.errors import VcfnbError
from vcfnb.selection.wrapper import forward_selection, score_statistics

PLANTED = ["f05", "f11", "f17"]
STEPS = ["all", "z-score", "icc", "correlation", "wrapper", "lasso", "redundancy", "collinearity"]
TABLES = ("selected", "steps", "lasso_path", "lasso_error", "scaler")


def made(n=90, seed=0, strength=1.0):
    """Twenty features, two cases a patient; the label follows three planted features, all others are noise."""
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(rng.normal(size=(n, 20)), [f"c{i:03d}" for i in range(n)], [f"f{i:02d}" for i in range(20)])
    latent = strength * (x["f05"] - x["f11"] + x["f17"]) + 0.5 * rng.normal(size=n)
    x = x * rng.uniform(0.1, 50, 20) + rng.uniform(-100, 100, 20)
    return x, (latent > latent.median()).astype(int), np.arange(n) // 2


def scaled(x):
    return (x - x.mean()) / x.std(ddof=0)


def correlated():
    """a and b correlate at 0.97 (b follows the label better), c stands alone."""
    rng = np.random.default_rng(3)
    y = np.repeat([0, 1], 60)
    b = y + 0.5 * rng.normal(size=120)
    return pd.DataFrame({"a": b + 0.15 * rng.normal(size=120), "b": b, "c": rng.normal(size=120)}), y


def test_z_score_uses_mean_and_sd_of_the_training_cases_and_drops_constants():
    step = selection.ZScore().fit(pd.DataFrame({"a": [1.0, 2.0, 3.0, 6.0], "flat": [0.1 + 0.2, 0.3, 0.3, 0.3]}))
    assert (list(step.get_feature_names_out()), step.note_) == (["a"], "1 constant")
    assert step.transform(pd.DataFrame({"a": [10.0]})).iloc[0, 0] == pytest.approx(7 / np.sqrt(3.5), rel=1e-15)


def test_icc_step_keeps_the_stable_features_and_says_when_it_was_not_applied():
    x = made()[0]
    assert list(selection.StableFeatures(["f03", "f01", "absent"]).fit_transform(x)) == ["f01", "f03"]
    step = selection.StableFeatures(None).fit(x)
    assert step.support_.all() and step.note_.startswith("not applied")
    with pytest.raises(VcfnbError, match="no feature passed StableFeatures.*icc_threshold"):
        selection.StableFeatures(["absent"]).fit(x)


@pytest.mark.parametrize(("keep", "kept"), [("label", ["b", "c"]), ("first", ["a", "c"])])
def test_one_of_a_correlated_pair_stays(keep, kept):
    x, y = correlated()
    assert x.corr().loc["a", "b"] > 0.9
    assert np.corrcoef(x["b"], y)[0, 1] > np.corrcoef(x["a"], y)[0, 1]
    x["a"] *= -1  # a negative correlation counts as much
    assert list(selection.CorrelationFilter(0.9, keep).fit_transform(x, y)) == kept


def test_correlation_filter_removes_no_more_and_no_less_than_needed():
    rng = np.random.default_rng(4)
    x = pd.DataFrame(np.repeat(rng.normal(size=(80, 6)), 5, axis=1) + 0.35 * rng.normal(size=(80, 30)))
    y = rng.integers(0, 2, 80)
    step = selection.CorrelationFilter(0.9).fit(x, y)
    r, kept, gone = x.corr().abs().to_numpy(), np.flatnonzero(step.support_), np.flatnonzero(~step.support_)
    assert 6 <= len(kept) < 30
    assert (r[np.ix_(kept, kept)] - np.eye(len(kept))).max() <= 0.9
    assert (r[np.ix_(gone, kept)] > 0.9).any(axis=1).all()
    assert selection.CorrelationFilter(0.999).fit(x, y).support_.all()


def test_recursive_elimination_equals_scikit_learns():
    x, y, _ = made()
    step = selection.LogisticWrapper("rfe", 6).fit(scaled(x), y.to_numpy())
    expected = RFE(LogisticRegression(max_iter=10_000), n_features_to_select=6, step=1).fit(scaled(x), y)
    np.testing.assert_array_equal(step.support_, expected.support_)
    assert set(PLANTED) <= set(step.get_feature_names_out())
    assert "nothing to remove" in selection.LogisticWrapper("rfe", 64).fit(x, y).note_


def test_forward_selection_enters_by_score_test():
    x, y, _ = made(n=120, strength=0.6)
    z, y = scaled(x).to_numpy(), y.to_numpy()
    chosen, note = forward_selection(z, y, 20)
    assert (set(chosen[:3]), "p < 0.05" in note) == ({5, 11, 17}, True)
    # The third to enter, by score and information of statsmodels' logistic regression.
    included = np.column_stack([np.ones(120), z[:, chosen[:2]]])
    fitted = Logit(y, included).fit(disp=0)
    statistics = score_statistics(z, included, y, fitted.predict())
    assert int(np.argmax(statistics)) == chosen[2]
    at = np.append(fitted.params, 0.0)
    for column in set(range(20)) - set(chosen[:2]):
        larger = Logit(y, np.column_stack([included, z[:, column]]))
        expected = larger.score(at) @ np.linalg.solve(-larger.hessian(at), larger.score(at))
        assert statistics[column] == pytest.approx(expected, abs=1e-6)


def test_lasso_equals_scikit_learns_on_the_papers_grid():
    x, y, patients = made()
    z, grid, exact = scaled(x), np.logspace(-3, 0, 50), {"tol": 1e-10, "max_iter": 100_000}
    step = selection.LassoSelector(seed=7).fit(z, y.to_numpy(), groups=patients)
    path = step.path_.pivot(index="lambda", columns="feature", values="coefficient")[list(z)]
    np.testing.assert_array_equal(path.index, grid)
    coefficients = lasso_path(z, y - y.mean(), alphas=grid, **exact)[1]
    np.testing.assert_allclose(path.to_numpy(), coefficients[:, ::-1].T, atol=1e-5)
    for position in (0, 20, 35):
        np.testing.assert_allclose(path.iloc[position], Lasso(grid[position], **exact).fit(z, y).coef_, atol=1e-5)
    # Error over the penalty, and the penalty with the smallest one.
    splits, _ = selection.folds(y.to_numpy(), patients, 10, 7)
    cv = LassoCV(alphas=grid, cv=splits, **exact).fit(z, y)
    error = step.error_.sort_values("lambda", ascending=False)
    np.testing.assert_allclose(error["mse_mean"], cv.mse_path_.mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose(error["mse_sd"], cv.mse_path_.std(axis=1, ddof=1), rtol=1e-3)
    assert step.lambda_ == cv.alpha_ == error["lambda"].iloc[error["mse_mean"].argmin()]
    assert error.loc[error["chosen"], "lambda"].tolist() == [step.lambda_]
    pd.testing.assert_series_equal(step.coefficients_, path.loc[step.lambda_][lambda b: b != 0], check_names=False)


def test_one_standard_error_rule_takes_the_largest_lambda_within_it():
    x, y, _ = made()
    step = selection.LassoSelector(rule="1se", n_folds=10).fit(scaled(x), y.to_numpy())
    error, best = step.error_, step.error_.loc[step.error_["mse_mean"].idxmin()]
    within = error["mse_mean"] <= best["mse_mean"] + best["mse_sd"] / np.sqrt(10)
    assert step.lambda_ == error.loc[within, "lambda"].max() > best["lambda"]
    # Where that keeps no feature, the largest that keeps any.
    noise = scaled(x[["f00", "f01"]])
    step = selection.LassoSelector([0.9, 0.8, 0.02, 0.01], rule="1se").fit(noise, y.to_numpy())
    assert ("1se rule keeps no feature" in step.note_, step.lambda_) == (True, 0.02)
    with pytest.raises(VcfnbError, match="lambda_min_log10"):
        selection.LassoSelector([0.9, 0.8]).fit(scaled(x), y.to_numpy())


def test_variance_inflation_equals_statsmodels_and_collinear_features_leave():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(50, 6)) @ rng.normal(size=(6, 6)) + 3
    expected = [variance_inflation_factor(np.column_stack([np.ones(50), x]), column) for column in range(1, 7)]
    np.testing.assert_allclose(selection.variance_inflation(x), expected, rtol=1e-8)
    x, y = correlated()
    x["sum"] = x["b"] + x["c"]
    assert selection.variance_inflation(x).tolist()[1:] == [1e8] * 3
    # Of the exactly collinear b, c and sum, the noise c goes; a and b are the next above the limit.
    kept = selection.CollinearityFilter(10).fit_transform(x, y)
    assert ("c" in kept, kept.shape[1], selection.variance_inflation(kept).max() <= 10) == (False, 2, True)


def test_the_planted_features_are_found_and_the_counts_add_up():
    x, y, patients = made()
    x["twin"], x["flat"] = 2 * x["f05"] + 1e-3 * np.arange(len(x)), 4.0
    settings = selection.SelectionSettings(wrapper_features=10, lasso_rule="1se", lasso_folds=5)
    result = selection.select_features(x, y, settings, patients, stable=set(x) - {"f19"}, seed=1)
    selected = result.selected.set_index("feature")["coefficient"]
    assert set(PLANTED) <= set(selected.index.str.replace("twin", "f05"))
    assert selected["f11"] < 0 < selected["f17"]
    assert len(selected) <= 8 and selected.abs().is_monotonic_decreasing
    counts = result.steps.set_index("step")["n_features"]
    assert list(counts.index) == STEPS
    assert [*counts.iloc[:5], counts.iloc[-1]] == [22, 21, 20, 19, 10, len(selected)]
    path = result.lasso_path[result.lasso_path["lambda"] == result.chosen_lambda].set_index("feature")["coefficient"]
    assert path[selected.index].tolist() == selected.tolist()
    scaler = result.scaler.set_index("feature")
    np.testing.assert_allclose(scaler["mean"], x[selected.index].mean())
    np.testing.assert_allclose(scaler["sd"], x[selected.index].std(ddof=0))


def test_training_cases_alone_decide_and_the_order_of_columns_does_not():
    x, y, patients = made()
    train, label, groups = x.iloc[:60], y.iloc[:60], patients[:60]
    first = selection.select_features(train, label, groups=groups)
    again = selection.select_features(train[list(x)[::-1]], label, groups=groups)
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(first, table), getattr(again, table))
    pipeline = selection.selection_pipeline().fit(train, label.to_numpy(), lasso__groups=groups)
    everybody = pd.concat([train, 1000 * x.iloc[60:]])
    found = pipeline.transform(everybody)
    assert sorted(found) == sorted(first.selected["feature"])
    pd.testing.assert_frame_equal(found, ((everybody - train.mean()) / train.std(ddof=0))[list(found)])
    with pytest.raises(VcfnbError, match=f"'{list(found)[0]}' is missing"):
        pipeline.transform(everybody.drop(columns=list(found)[0]))


def test_patients_are_never_split_across_folds():
    rng = np.random.default_rng(8)
    patients = rng.integers(0, 25, 100)
    y = np.isin(patients, rng.permutation(25)[:12]).astype(int)
    splits, note = selection.folds(y, patients, 5, seed=3)
    assert (len(splits), note) == (5, "")
    assert sorted(np.concatenate([test for _, test in splits])) == list(range(100))
    for train, test in splits:
        assert len(train) + len(test) == 100
        assert not set(patients[train]) & set(patients[test])
        assert set(y[test]) == set(y[train]) == {0, 1}
    # Fewer folds with few patients, and an error when even two are too many.
    y, patients, x = np.repeat([1, 0], [6, 14]), np.repeat(range(17), [2] * 3 + [1] * 14), made(20)[0]
    note = selection.select_features(x, y, groups=patients).steps.set_index("step").loc["lasso", "note"]
    assert note.startswith("3 folds instead of 10: the smaller class has 3 patients")
    with pytest.raises(VcfnbError, match="1 patients with acute and 14 with chronic.*two folds.*add patients"):
        selection.select_features(x, y, groups=np.where(y == 1, 0, patients))


BAD = {
    "ndarray has no feature names": lambda x, y: (x.to_numpy(), y),
    "0 cases and 20 features": lambda x, y: (x.iloc[:0], y),
    "feature 'f00' occurs more than once": lambda x, y: (pd.concat([x, x["f00"]], axis=1), y),
    "case 'c000' occurs more than once": lambda x, y: (x.rename({"c001": "c000"}), y),
    "column 'note' holds no numbers": lambda x, y: (x.assign(note="text"), y),
    "c003: no finite value of f01 -> look at": lambda x, y: (x.mask(x == x.iloc[3, 1]), y),
    "12 acute and 0 chronic": lambda x, y: (x, y * 0 + 1),
    "labels: 2 is not allowed": lambda x, y: (x, y * 2),
    "label of case c004 is missing": lambda x, y: (x, y.astype(float).where(y.index != "c004")),
    "5 for 12 cases": lambda x, y: (x, y.to_numpy()[:5]),
    "index is not that of the features": lambda x, y: (x, y[::-1]),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_features_and_labels_are_named(message):
    x, y, _ = made(12)
    with pytest.raises(VcfnbError, match=message):
        selection.select_features(*BAD[message](x, y))


def cross_validated(aucs=((0.7, 0.8), (0.9, 0.9), (0.5, 0.6)), n=40):
    """Scores of the expansions 6, 0, 2: two repeats of four folds, in which a share of the pairs is in order."""
    rng, rows = np.random.default_rng(2), []
    for expansion, repeats in zip((6, 0, 2), aucs, strict=True):
        for repeat, shift in enumerate(repeats, start=1):
            label = np.arange(n) % 2
            case = [f"c{k:02d}" for k in range(n)]
            cases = {"case_id": case, "patient_id": [f"p{k // 2:02d}" for k in range(n)], "label": label}
            score = rng.normal(4 * (shift - 0.5) * label)
            made = pd.DataFrame(cases | {"fold": (np.arange(n) // 2) % 4, "score": score})
            rows.append(made.assign(expansion=expansion, repeat=repeat))
    return pd.concat(rows, ignore_index=True)


def test_best_expansion_ranks_pairs_within_folds():
    scores = cross_validated()
    choice, repeats = selection.best_expansion(scores, n_bootstrap=200)
    for row in repeats.itertuples():
        part = scores.query("expansion == @row.expansion and repeat == @row.repeat")
        folds = [fold for _, fold in part.groupby("fold")]
        pairs = np.array([fold.label.sum() * (1 - fold.label).sum() for fold in folds])
        aucs = np.array([roc_auc_score(fold.label, fold.score) for fold in folds])
        assert row.auc == pytest.approx(aucs @ pairs / pairs.sum())
    table = choice.set_index("expansion")
    assert table["auc_mean"].to_dict() == pytest.approx(repeats.groupby("expansion")["auc"].mean().to_dict())
    assert table.index[table["chosen"]].tolist() == [0] and table["share_best"].idxmax() == 0
    assert (table["ci_low"] < table["auc_mean"]).all() and (table["auc_mean"] < table["ci_high"]).all()
    # Raising all scores of one fold changes no pair within folds.
    moved = scores.assign(score=scores.score + 100 * (scores.fold == 1))
    pd.testing.assert_frame_equal(selection.best_expansion(moved, n_bootstrap=200)[0], choice)


def test_best_expansion_takes_the_smallest_of_equals_and_wants_every_case():
    scores = cross_validated()
    equal = pd.concat([scores[scores.expansion == 6].assign(expansion=n) for n in (6, 2, 4)])
    choice, _ = selection.best_expansion(equal, n_bootstrap=50)
    assert choice.loc[choice.chosen, "expansion"].tolist() == [2] and (choice.share_best == 1).all()
    for bad in (scores.iloc[1:], scores.iloc[:0], scores[(scores.expansion != 2) | (scores.repeat == 1)]):
        with pytest.raises(VcfnbError, match="every expansion needs a score of every case in every repeat"):
            selection.best_expansion(bad)
    alone = scores.assign(fold=scores.groupby(["expansion", "repeat"]).cumcount())
    with pytest.raises(VcfnbError, match="no fold holds cases of both classes"):
        selection.best_expansion(alone)
