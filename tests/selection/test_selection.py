"""Feature selection: each step against its definition, the whole on made data, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_selection import RFE
from sklearn.linear_model import Lasso, LassoCV, LogisticRegression, lasso_path
from sklearn.metrics import roc_auc_score
from statsmodels.discrete.discrete_model import Logit
from statsmodels.stats.outliers_influence import variance_inflation_factor

from vcfnb import fusion, selection, statistics
from vcfnb.errors import VcfnbError
from vcfnb.params import FusionParams, SelectionParams
from vcfnb.selection.wrapper import forward_selection, recursive_elimination, ridge_logistic, score_statistics, wald_p

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


@pytest.mark.parametrize(("keep", "kept"), [("label", ["b", "c"]), ("first", ["a", "c"]), ("mean", ["b", "c"])])
def test_one_of_a_correlated_pair_stays(keep, kept):
    x, y = correlated()
    assert x.corr().loc["a", "b"] > 0.9
    assert np.corrcoef(x["b"], y)[0, 1] > np.corrcoef(x["a"], y)[0, 1]
    assert abs(x.corr().loc["b", "c"]) < abs(x.corr().loc["a", "c"])
    x["a"] *= -1  # a negative correlation counts as much
    assert list(selection.CorrelationFilter(0.9, keep).fit_transform(x, y)) == kept


def test_unknown_ways_are_refused():
    x, y = correlated()
    for step, message in (
        (selection.CorrelationFilter(0.9, "best"), "correlation_keep: 'best' is not known -> use label, mean or first"),
        (selection.LogisticWrapper("best"), "wrapper: 'best' is not known -> use rfe, forward or none"),
        (selection.LassoSelector(rule="best"), "lasso_rule: 'best' is not known -> use min or 1se"),
    ):
        with pytest.raises(VcfnbError, match=message):
            step.fit(x, y)


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


@pytest.mark.parametrize(("n", "p", "c"), [(40, 150, 1.0), (120, 8, 1.0), (40, 60, 100.0), (25, 3, 0.01)])
def test_regression_in_the_dual_equals_scikit_learns(n, p, c):
    rng = np.random.default_rng(p)
    x = rng.normal(size=(n, p))
    y = (x[:, 0] + rng.normal(size=n) > 0.4).astype(int)
    expected = LogisticRegression(C=c, tol=1e-12, max_iter=100_000).fit(x, y).coef_[0]
    dual = ridge_logistic(x @ x.T, y, c)
    np.testing.assert_allclose(x.T @ dual, expected, atol=1e-5)
    # From another start the same model.
    np.testing.assert_allclose(ridge_logistic(x @ x.T, y, c, start=0.3 * np.ones(n)), dual, atol=1e-7)


def test_elimination_of_many_features_equals_that_with_scikit_learns_regression():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(40, 160))
    y = (x[:, :3].sum(axis=1) + rng.normal(size=40) > 0).astype(int)
    kept = np.arange(160)
    while len(kept) > 20:
        size = np.abs(LogisticRegression(tol=1e-9, max_iter=100_000).fit(x[:, kept], y).coef_[0])
        kept = np.delete(kept, np.argsort(size)[: min(max(1, len(kept) // 50), len(kept) - 20)])
    np.testing.assert_array_equal(recursive_elimination(x, y, 20), kept)


def test_backward_elimination_by_wald_s_test():
    x, y, _ = made(n=120, strength=0.5)
    z = scaled(x)[["f05", "f11", "f00", "f01", "f02"]]
    fitted = Logit(y.to_numpy(), np.column_stack([np.ones(120), z])).fit(disp=0)
    np.testing.assert_allclose(wald_p(z.to_numpy(), y), fitted.pvalues[1:], atol=1e-6)
    kept = list(z)
    while (p := Logit(y.to_numpy(), np.column_stack([np.ones(120), z[kept]])).fit(disp=0).pvalues[1:]).max() > 0.05:
        kept.pop(int(np.argmax(p)))
    step = selection.BackwardElimination(0.05).fit(z, y)
    assert (list(step.get_feature_names_out()), step.note_) == (kept, "")
    assert {"f05", "f11"} <= set(kept) and len(kept) < 5
    # The last one stays even when it says nothing.
    assert selection.BackwardElimination(0.001).fit(z[["f00", "f01"]], y).support_.sum() == 1


def test_backward_elimination_stops_where_there_is_no_p():
    x, y, _ = made(n=40)
    z = scaled(x).assign(exact=2.0 * y - 1)
    step = selection.BackwardElimination().fit(z[["f00", "exact"]], y)
    assert step.support_.all() and "classes are separated" in step.note_
    # As many features as cases, and two that are the same.
    assert wald_p(np.random.default_rng(0).normal(size=(12, 11)), np.arange(12) % 2) is None
    assert wald_p(z[["f00", "f00"]].to_numpy(), y) is None


@pytest.mark.parametrize(("last", "note"), [("vif", ""), ("backward", ""), ("none", "not applied")])
def test_the_last_step_is_a_parameter(last, note):
    x, y, patients = made(strength=0.4)
    settings = SelectionParams(last_step=last, lasso_folds=5, vif_limit=1.05)
    steps = selection.select_features(x, y, settings, patients).steps.set_index("step")
    before, after = steps.loc["redundancy", "n_features"], steps.loc["collinearity", "n_features"]
    assert (before == after) == (last == "none") and steps.loc["collinearity", "note"] == note


def test_forward_selection_enters_by_score_test():
    x, y, _ = made(n=120, strength=0.6)
    z, y = scaled(x).to_numpy(), y.to_numpy()
    chosen, note = forward_selection(z, y, 20)
    assert (set(chosen[:3]), "p < 0.05" in note) == ({5, 11, 17}, True)
    # The third to enter, by score and information of statsmodels' logistic regression.
    included = np.column_stack([np.ones(120), z[:, chosen[:2]]])
    fitted = Logit(y, included).fit(disp=0)
    scored = score_statistics(z, included, y, fitted.predict())
    assert int(np.argmax(scored)) == chosen[2]
    at = np.append(fitted.params, 0.0)
    for column in set(range(20)) - set(chosen[:2]):
        larger = Logit(y, np.column_stack([included, z[:, column]]))
        expected = larger.score(at) @ np.linalg.solve(-larger.hessian(at), larger.score(at))
        assert scored[column] == pytest.approx(expected, abs=1e-6)


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
    settings = SelectionParams(wrapper_features=10, lasso_rule="1se", lasso_folds=5)
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


def test_constant_and_identical_features_and_perfect_separation_give_a_result():
    """Constants leave, of two identical features one stays, a feature that separates the classes is found."""
    x, y, patients = made(60, strength=0.5)
    x["flat"], x["f05_again"], x["exact"] = 3.0, x["f05"], y + 0.01 * np.sin(np.arange(60))
    found = selection.select_features(x, y, groups=patients).selected["feature"]
    assert "exact" in set(found) and "flat" not in set(found)
    assert not {"f05", "f05_again"} <= set(found)
    # In the LASSO alone, which the fusion uses, identical features share one coefficient; a constant has none.
    once = selection.lasso_again(x[["f05", "f11"]], y, groups=patients).selected.set_index("feature")["coefficient"]
    twice = selection.lasso_again(x[["f05", "f05_again", "f11", "flat"]], y, groups=patients).selected
    twice = twice.set_index("feature")["coefficient"].rename({"f05_again": "f05"}).groupby(level=0).sum()
    pd.testing.assert_series_equal(once.sort_index(), twice.sort_index(), atol=1e-4)
    # Where a constant reaches the correlation filter, it correlates with nothing.
    kept = selection.CorrelationFilter(0.9).fit(x[["flat", "f05", "f05_again"]], y)
    assert list(kept.get_feature_names_out()) == ["flat", "f05"]
    with pytest.raises(VcfnbError, match="no feature passed ZScore -> all features are constant"):
        selection.select_features(x[["flat"]], y)


def test_noise_that_keeps_no_feature_says_what_to_loosen():
    x, y, _ = made(60)
    settings = SelectionParams(lambda_min_log10=-0.1, lambda_max_log10=0)
    with pytest.raises(VcfnbError, match="no feature passed LassoSelector -> .*lower lambda_min_log10"):
        selection.select_features(x, y, settings)


def test_fewer_cases_than_folds():
    """Ten folds asked of six cases: three, and the table says so; of a class with one case, none."""
    x, y, _ = made(6, strength=3)
    note = selection.select_features(x, y).steps.set_index("step").loc["lasso", "note"]
    assert note.startswith("3 folds instead of 10: the smaller class has 3 patients")
    with pytest.raises(VcfnbError, match="5 acute and 1 chronic training cases -> at least two of each"):
        selection.select_features(x, np.array([1, 1, 1, 1, 1, 0]))


def test_test_labels_and_test_values_change_nothing_that_is_selected_or_fitted():
    """Selection, fusion, the three regressions and their thresholds, before and after the test cases were spoilt."""
    x, y, patients = made(90, strength=0.7)
    train, grid = pd.Series(np.arange(90) < 60, x.index), FusionParams(n_c=3, grid_folds=3)

    def fitted(x, y):
        names = list(x)
        parts = {"a": names[:12], "b": names[12:]}
        found = {
            key: selection.select_features(x[train][part], y[train], groups=patients[:60], seed=3)
            for key, part in parts.items()
        }
        both = x[train][[name for key in "ab" for name in found[key].selected["feature"]]]
        fused = selection.lasso_again(both, y[train], groups=patients[:60], seed=3)
        kept = both[fused.selected["feature"]]
        model = fusion.fit_logistic(kept, y[train], grid, groups=patients[:60], seed=3)
        threshold = statistics.operating_point(y[train], model.score(x[train]))
        tables = [getattr(result, table) for result in (*found.values(), fused) for table in TABLES]
        return tables, model.to_dict(), threshold, model.score(x[~train])

    spoilt_x, spoilt_y = x.copy(), y.copy()
    spoilt_x[~train] = np.random.default_rng(0).normal(1e6, 1e5, (30, x.shape[1]))
    spoilt_y[~train] = 1 - spoilt_y[~train]
    tables, model, threshold, scores = fitted(x, y)
    for values, labels, same_scores in ((x, spoilt_y, True), (spoilt_x, y, False), (spoilt_x, spoilt_y, False)):
        again = fitted(values, labels)
        for one, other in zip(tables, again[0], strict=True):
            pd.testing.assert_frame_equal(one, other)
        assert model == again[1] and threshold == again[2]
        assert scores.equals(again[3]) == same_scores
    # The comparison can fail: one training label, or one training value.
    flipped, moved = y.copy(), x.copy()
    flipped.iloc[0], moved.iloc[0, 5] = 1 - y.iloc[0], x.iloc[0, 5] + x["f05"].std()
    assert fitted(x, flipped)[1] != model and fitted(moved, y)[1] != model


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
    """Scores of the expansions 6, 0, 2: two repeats of four folds, in which a proportion of the pairs is in order."""
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


def test_the_chosen_expansions_auc_is_corrected_for_the_choice():
    """Six expansions of noise: the highest AUC is too high, the corrected one is one half on average."""
    rng, found = np.random.default_rng(1), []
    for seed in range(25):
        label = rng.permutation(np.arange(42) % 2)
        case = [f"c{k:02d}" for k in range(42)]
        rows = [
            pd.DataFrame({"case_id": case, "patient_id": case, "label": label, "fold": np.arange(42) % 3}).assign(
                score=rng.normal(size=42), expansion=expansion, repeat=1
            )
            for expansion in range(6)
        ]
        choice, _ = selection.best_expansion(pd.concat(rows), n_bootstrap=60, seed=seed)
        chosen = choice[choice["chosen"]].iloc[0]
        assert chosen["corrected_low"] <= chosen["corrected"] <= chosen["corrected_high"]
        assert choice.loc[~choice["chosen"], "corrected"].isna().all()
        found.append((chosen["auc_mean"], chosen["corrected"]))
    naive, corrected = np.mean(found, axis=0)
    assert naive > 0.58 and abs(corrected - 0.5) < 0.03


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
