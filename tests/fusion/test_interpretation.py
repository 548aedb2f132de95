"""What a model weighs: intervals by patient, a nomogram that gives the model's probability, exact SHAP values."""

from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit

from vcfnb import figures, fusion
from vcfnb.params import FusionParams

NAMES = ["original_firstorder_Mean", "wavelet-LHL_glcm_Correlation", "dtl_004", "clinical_sex_female"]
LOOSE = FusionParams(c_min_log10=3, c_max_log10=3, n_c=1)


def made(n=120, seed=0, names=NAMES):
    """Features in odd units; the first two follow the label, the last is 0 or 1."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = rng.normal(size=(n, len(names)))
    x[:, 0] += y
    x[:, 1 % len(names)] -= 0.8 * y
    x = pd.DataFrame(x * rng.uniform(0.01, 500, len(names)) + 7, [f"c{i:03d}" for i in range(n)], names)
    if "clinical_sex_female" in names:
        x["clinical_sex_female"] = (rng.random(n) < 0.5).astype(float)
    return x, pd.Series(y, x.index)


@pytest.fixture(scope="module")
def fitted():
    x, y = made()
    return fusion.fit_logistic(x, y), x, y


def test_intervals_are_those_of_a_bootstrap():
    """Without a penalty worth the name they come near the usual ones, which hold there."""
    x, y = made(600)
    loose = fusion.fit_logistic(x, y, LOOSE)
    found = fusion.coefficient_intervals(loose, x, y, LOOSE, n_bootstrap=400).set_index("feature").loc[NAMES]
    wald = sm.Logit(y.to_numpy(), sm.add_constant(loose.z_scores(x).to_numpy())).fit(disp=0)
    np.testing.assert_allclose(found["coefficient"], wald.params[1:], atol=2e-3)
    np.testing.assert_allclose(found["low"], wald.conf_int()[1:, 0], atol=0.5 * wald.bse[1:].min())
    np.testing.assert_allclose(found["high"], wald.conf_int()[1:, 1], atol=0.5 * wald.bse[1:].min())
    np.testing.assert_allclose(np.log(found[["odds_ratio", "odds_ratio_low"]]), found[["coefficient", "low"]])
    assert found.loc["dtl_004", "in_words"].startswith("deep feature 004")


def test_patients_are_drawn_not_cases():
    """Every case twice, as two vertebrae of one patient, tells nothing new; taken for patients they would."""
    x, y = made(300)
    twice, labels = pd.concat([x, x.rename("{}_2".format)]), np.tile(y, 2)
    loose = fusion.fit_logistic(twice, labels, LOOSE, groups=np.tile(np.arange(300), 2))
    width = {}
    for name, groups in {"patients": np.tile(np.arange(300), 2), "cases": np.arange(600)}.items():
        table = fusion.coefficient_intervals(loose, twice, labels, LOOSE, groups, n_bootstrap=200)
        width[name] = (table["high"] - table["low"]).mean()
    assert width["patients"] / width["cases"] == pytest.approx(np.sqrt(2), rel=0.15)


def test_intervals_repeat_with_the_seed_and_are_sorted_by_size(fitted):
    model, x, y = fitted
    first, again, other = (
        fusion.coefficient_intervals(model, x, y, FusionParams(), n_bootstrap=100, seed=seed) for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(first, again)
    assert (first["low"] != other["low"]).any()
    assert first["coefficient"].abs().is_monotonic_decreasing
    assert (first["low"] < first["high"]).all()


def test_a_draw_of_one_class_says_nothing():
    """Where every patient has an acute and at most one a chronic fracture, some draws hold no chronic one."""
    x, y = made(8)
    y[:] = [1, 0, 1, 1, 1, 0, 1, 1]
    groups = np.array([0, 0, 1, 2, 3, 3, 4, 5])
    model = fusion.fit_logistic(x, y, FusionParams(n_c=1))
    found = fusion.coefficient_intervals(model, x, y, FusionParams(), groups, n_bootstrap=100)
    assert np.isfinite(found[["low", "high"]]).all(axis=None)


def test_points_give_the_model_s_probability(fitted):
    model, x, _ = fitted
    chart = fusion.Nomogram.of(model, x)
    far = x.iloc[:3] + [900, -5, 1e4, 1]
    for cases in (x, far):
        points = chart.points(cases)
        np.testing.assert_allclose(chart.probability(points.sum(axis=1)), model.score(cases), atol=1e-9, rtol=0)
    inside = chart.points(x)
    assert inside.min(axis=None) == pytest.approx(0, abs=1e-9)
    assert inside.max(axis=None) == pytest.approx(100)
    np.testing.assert_allclose(inside.max() - inside.min(), chart.axes.set_index("feature")["range"], atol=1e-9)
    assert chart.axes["range"].is_monotonic_decreasing
    np.testing.assert_allclose(chart.probability(chart.total([0.1, 0.5, 0.99])), [0.1, 0.5, 0.99])


def _rows(figure):
    """Texts of a drawn nomogram by row: [(place, text)]."""
    (axis,) = figure.axes
    names = [label.get_text() for label in axis.get_yticklabels()]
    rows = {name: [] for name in names}
    for text in axis.texts:
        place, height = text.get_position()
        rows[names[int(round(len(names) - 1 - (height - 0.22)))]].append((place, text.get_text()))
    return rows


def test_what_is_drawn_is_what_is_calculated(fitted):
    """A value's tick stands at its points, a probability's at its total; read with a ruler, so to say."""
    model, x, _ = fitted
    chart = fusion.Nomogram.of(model, x)
    rows = _rows(figures.nomogram(chart))
    middle = x.iloc[[0]]
    short = dict(zip(chart.axes["feature"], list(rows)[1:], strict=False))
    for feature in NAMES:
        assert len(rows[short[feature]]) >= 2
        for place, text in rows[short[feature]]:
            expected = chart.points(middle.assign(**{feature: float(text)}))[feature].iloc[0]
            assert place == pytest.approx(expected, abs=0.3)
    totals = np.array([(place, float(text)) for place, text in rows["Total points"]])
    scale = np.polyfit(*totals.T, 1)
    assert len(rows["Probability of acute"]) >= 4
    for place, text in rows["Probability of acute"]:
        assert chart.probability(np.polyval(scale, place)) == pytest.approx(float(text), rel=1e-6)


def test_a_nomogram_of_many_features_shows_the_widest_and_says_so():
    names = [f"dtl_{i:03d}" for i in range(30)]
    x, y = made(90, names=names)
    chart = fusion.Nomogram.of(fusion.fit_logistic(x, y), x)
    rows = _rows(figures.nomogram(chart))
    assert len(rows) == 1 + 12 + 4
    assert "18 more features" in rows
    others = chart.axes["range"].iloc[12:].sum()
    (said,) = [text.get_text() for text in figures.nomogram(chart).axes[0].texts if "together" in text.get_text()]
    assert said == f"0 to {others:.0f} points together, by the table of this figure"


def test_one_feature_a_constant_one_and_none_that_weighs():
    x, y = made(60)
    single = fusion.Nomogram.of(fusion.fit_logistic(x[NAMES[:1]], y), x)
    assert single.axes[["at_low", "at_high", "range"]].to_numpy().tolist() == [[0, 100, 100]]
    assert figures.nomogram(single).axes[0].texts
    flat = x[NAMES[:2]].assign(dtl_009=3.0)
    model = fusion.fit_logistic(flat, y)
    chart = fusion.Nomogram.of(model, flat)
    assert chart.axes["feature"].iloc[-1] == "dtl_009" and chart.axes["range"].iloc[-1] == 0
    np.testing.assert_allclose(chart.probability(chart.points(flat).sum(axis=1)), model.score(flat), atol=1e-9)
    assert "any value" in [text.get_text() for text in figures.nomogram(chart).axes[0].texts]
    constant = flat[["dtl_009"]]
    chart = fusion.Nomogram.of(fusion.fit_logistic(constant, y), constant)
    assert chart.probability(chart.points(constant).sum(axis=1)) == pytest.approx(np.full(60, 0.5))
    assert "0.500" in [text.get_text() for text in figures.nomogram(chart).axes[0].texts]


def _shapley(model, case, background):
    """Shapley's definition: a feature's mean effect over all orders, absent features from the background."""
    names = model.features

    def expected(known):
        mixed = background.copy()
        mixed[list(known)] = case[list(known)].to_numpy()
        return model.contributions(mixed).sum(axis=1).mean()

    values = {}
    for name in names:
        others = [other for other in names if other != name]
        values[name] = sum(
            factorial(size)
            * factorial(len(others) - size)
            / factorial(len(names))
            * (expected({*known, name}) - expected(known))
            for size in range(len(names))
            for known in combinations(others, size)
        )
    return pd.Series(values)


def test_shap_values_are_shapley_s(fitted):
    model, x, _ = fitted
    values = fusion.shap_table(model, x).pivot(index="case_id", columns="feature", values="shap")[NAMES]
    np.testing.assert_allclose(expit(values.sum(axis=1) + model.intercept), model.score(x)[values.index], rtol=1e-9)
    for case in ("c003", "c058"):
        np.testing.assert_allclose(values.loc[case], _shapley(model, x.loc[case], x)[NAMES], atol=1e-9)


def test_the_table_of_shap_values_is_tidy(fitted):
    model, x, _ = fitted
    table = fusion.shap_table(model, x.iloc[:4])
    assert list(table) == ["case_id", "feature", "value", "z", "shap"] and len(table) == 16
    row = table.query("case_id == 'c002' and feature == 'dtl_004'").iloc[0]
    assert row["value"] == x.loc["c002", "dtl_004"]
    assert row["shap"] == pytest.approx(row["z"] * model.coefficients["dtl_004"])


def test_shap_values_equal_the_package_s(fitted):
    import shap

    model, x, _ = fitted
    weights = (model.coefficients / model.sd).to_numpy()
    intercept = model.intercept - float(weights @ model.mean)
    masker = shap.maskers.Independent(x.to_numpy(), max_samples=len(x))
    expected = shap.LinearExplainer((weights, intercept), masker)(x.to_numpy())
    found = fusion.shap_table(model, x)["shap"].to_numpy().reshape(x.shape)
    np.testing.assert_allclose(found, expected.values, atol=1e-9)
    np.testing.assert_allclose(model.intercept, expected.base_values[0], atol=1e-9)
