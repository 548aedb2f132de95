"""Statistics against R (tests/reference), published examples, simulation and counting by hand."""

import doctest
import itertools
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from sklearn.metrics import f1_score, roc_auc_score, roc_curve

from vcfnb import statistics
from vcfnb.agreement import intraclass
from vcfnb.errors import VcfnbError
from vcfnb.statistics import groups, multiplicity, net_benefit, recalibration, roc

REFERENCE = Path(__file__).parents[1] / "reference"


def reference(name, by="set"):
    return {key: part for key, part in pd.read_csv(REFERENCE / f"{name}.csv").groupby(by, sort=False)}


SCORES, PROBABILITIES, GROUPS = reference("scores"), reference("probabilities"), reference("groups")


def rows(name):
    table = pd.read_csv(REFERENCE / f"{name}.csv")
    return pytest.mark.parametrize(
        "row", list(table.itertuples()), ids=["-".join(map(str, row[:3])) for row in table.to_numpy()]
    )


# Hanley and McNeil 1982, table I: ratings 1 to 5 of 58 normal and 51 abnormal CT images.
HANLEY_Y = np.repeat([0, 1], [58, 51])
HANLEY_RATING = np.repeat([1, 2, 3, 4, 5, 1, 2, 3, 4, 5], [33, 6, 6, 11, 2, 3, 2, 2, 11, 33])


EXAMPLES = [intraclass, groups, multiplicity, net_benefit, recalibration, roc]


@pytest.mark.parametrize("module", EXAMPLES, ids=lambda module: module.__name__)
def test_examples_of_the_docstrings(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


# ---- AUC and DeLong


@rows("pROC_ci_auc")
def test_auc_ci_equals_pROC(row):
    part = SCORES[row.set]
    found = statistics.auc_ci(part["y"], part[row.score], alpha=row.alpha)
    np.testing.assert_allclose(found, (row.auc, row.low, row.high), rtol=0, atol=1e-12)


@rows("pROC_roc_test")
def test_delong_test_equals_pROC(row):
    part = SCORES[row.set]
    z, p = statistics.delong_test(part["y"], part["score_a"], part["score_b"])
    np.testing.assert_allclose((z, p), (row.z, row.p), rtol=1e-9, atol=1e-12)
    assert statistics.delong_test(part["y"], part["score_b"], part["score_a"]) == (-z, p)


def test_delong_test_takes_the_patient_as_the_unit():
    part = SCORES["train_137_38"]
    given = [part[name].to_numpy() for name in ("y", "score_a", "score_b")]
    alone = statistics.delong_test(*given)
    assert statistics.delong_test(*given, patients=np.arange(len(part))) == alone
    # Every case twice tells nothing new.
    twice = [np.tile(values, 2) for values in given]
    np.testing.assert_allclose(statistics.delong_test(*twice, patients=np.tile(np.arange(len(part)), 2)), alone)
    assert statistics.delong_test(*twice)[1] < alone[1]


def test_delong_test_by_patient_is_right_as_often_as_it_says():
    """Two equally good scores of patients with three correlated cases: without patients it rejects far too often."""
    rng, rejected = np.random.default_rng(3), {"by patient": 0, "by case": 0}
    for _ in range(400):
        patients = np.repeat(np.arange(40), 3)
        y = np.repeat(np.arange(40) % 2, 3)
        own = rng.normal(size=(2, 40)).repeat(3, axis=1) + 0.3 * rng.normal(size=(2, 120)) + y
        rejected["by patient"] += statistics.delong_test(y, *own, patients)[1] < 0.05
        rejected["by case"] += statistics.delong_test(y, *own)[1] < 0.05
    assert 0.02 < rejected["by patient"] / 400 < 0.09 and rejected["by case"] / 400 > 0.15


def test_auc_of_hanley_and_mcneils_readings():
    assert statistics.auc_ci(HANLEY_Y, HANLEY_RATING)[0] == pytest.approx(0.893, abs=0.0005)


def test_auc_is_the_share_of_ordered_pairs():
    part = SCORES["test_34_9_ties"]
    positive, negative = (part.loc[part["y"] == label, "score_a"].to_numpy() for label in (1, 0))
    pairs = np.sign(positive[:, np.newaxis] - negative)
    assert statistics.auc_ci(part["y"], part["score_a"])[0] == pytest.approx((pairs.mean() + 1) / 2, abs=1e-15)


def test_auc_ci_has_pythons_floats_and_takes_lists_booleans_and_series():
    y, score = [True, False, True, False, False], [3, 1, 2, 2, 0]
    expected = statistics.auc_ci(np.array(y, int), np.array(score, float))
    assert statistics.auc_ci(y, score) == statistics.auc_ci(pd.Series(y, index=list("abcde")), score) == expected
    assert [type(value) for value in expected] == [float] * 3


def test_auc_interval_covers_the_true_auc():
    rng, covered, true = np.random.default_rng(3), [], stats.norm.cdf(1 / np.sqrt(2))
    y = np.repeat([1, 0], [60, 40])
    for _ in range(1500):
        _, low, high = statistics.auc_ci(y, y + rng.normal(size=100))
        covered.append(low < true < high)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


def test_delong_p_is_uniform_for_equally_good_scores():
    rng, p = np.random.default_rng(4), []
    y = np.repeat([1, 0], [50, 30])
    for _ in range(800):
        common = y + rng.normal(size=80)
        p.append(statistics.delong_test(y, common + rng.normal(size=80), common + rng.normal(size=80))[1])
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_perfect_and_identical_scores():
    y = np.repeat([1, 0], [34, 9])
    score = np.random.default_rng(0).normal(size=43)
    assert statistics.auc_ci(y, y) == (1, 1, 1)
    assert statistics.auc_ci(y, -y) == (0, 0, 0)
    assert statistics.auc_ci(y, np.ones(43)) == (0.5, 0.5, 0.5)
    assert statistics.delong_test(y, score, score) == (0, 1)
    assert statistics.delong_test(y, score, np.exp(score)) == (0, 1)  # the same ranking
    assert statistics.delong_test(y, y, -y) == (np.inf, 0)


def test_a_single_case_of_a_class_has_no_interval():
    with pytest.warns(RuntimeWarning, match="one class has a single case"):
        auc, low, high = statistics.auc_ci([1, 0, 0], [2, 1, 3])
    assert auc == 0.5
    assert np.isnan([low, high]).all()
    with pytest.warns(RuntimeWarning, match="one class has a single case"):
        assert np.isnan(statistics.delong_test([1, 0, 0], [2, 1, 3], [2, 1, 1])).all()


# ---- Curve and band


@pytest.mark.parametrize("name", SCORES)
def test_roc_points_are_rates_at_their_thresholds(name):
    part = SCORES[name]
    y, score = part["y"].to_numpy(), part["score_a"].to_numpy()
    points = statistics.roc_points(y, score)
    for fpr, tpr, threshold in points.itertuples(index=False):
        assert tpr == pytest.approx((score[y == 1] >= threshold).mean(), abs=1e-15)
        assert fpr == pytest.approx((score[y == 0] >= threshold).mean(), abs=1e-15)
    assert np.trapezoid(points["tpr"], points["fpr"]) == pytest.approx(roc_auc_score(y, score), abs=1e-12)


@pytest.mark.parametrize("name", ["test_34_9", "test_34_9_ties", "train_137_38_ties"])
def test_roc_band_rows_trace_the_exact_curve(name):
    part = SCORES[name]
    band = statistics.roc_band(part["y"], part["score_a"], seed=1, n_boot=200)
    assert list(band.columns) == ["fpr", "tpr", "low", "high"]
    assert band.iloc[0].tolist() == [0, 0, 0, 0]
    assert band.iloc[-1].tolist() == [1, 1, 1, 1]
    assert (np.diff(band, axis=0) >= 0).all()
    assert ((band["low"] <= band["tpr"]) & (band["tpr"] <= band["high"])).mean() > 0.95
    auc = statistics.auc_ci(part["y"], part["score_a"])[0]
    assert np.trapezoid(band["tpr"], band["fpr"]) == pytest.approx(auc, abs=1e-12)


@pytest.mark.parametrize("name", ["test_34_9", "train_137_38"])
def test_roc_band_is_flat_between_steps_without_ties(name):
    part = SCORES[name]
    band = statistics.roc_band(part["y"], part["score_a"], seed=1, n_boot=100)
    top, next_foot = band.iloc[1:-1:2], band.iloc[2::2]
    np.testing.assert_array_equal(top[["tpr", "low", "high"]], next_foot[["tpr", "low", "high"]])


def test_roc_band_equals_a_plain_bootstrap():
    part = SCORES["test_34_9"]
    y, score = part["y"].to_numpy(), part["score_b"].to_numpy()
    band = statistics.roc_band(y, score, seed=1, n_boot=3000, alpha=0.1).iloc[1::2]
    rng, drawn = np.random.default_rng(9), []
    for _ in range(3000):
        sample = np.concatenate([rng.choice(np.flatnonzero(y == label), (y == label).sum()) for label in (1, 0)])
        fpr, tpr, _ = roc_curve(y[sample], score[sample], drop_intermediate=False)
        drawn.append([tpr[fpr <= limit + 1e-9].max() for limit in band["fpr"]])
    low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
    # Both are multiples of 1/34, found from different random numbers.
    np.testing.assert_allclose(band["low"], low, atol=1.01 / 34)
    np.testing.assert_allclose(band["high"], high, atol=1.01 / 34)


def test_roc_band_depends_on_the_seed_alone():
    part = SCORES["test_34_9_ties"]
    first = statistics.roc_band(part["y"], part["score_a"], seed=7, n_boot=100)
    pd.testing.assert_frame_equal(first, statistics.roc_band(part["y"], part["score_a"], seed=7, n_boot=100))
    assert not first.equals(statistics.roc_band(part["y"], part["score_a"], seed=8, n_boot=100))
    shuffled = part.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(first, statistics.roc_band(shuffled["y"], shuffled["score_a"], seed=7, n_boot=100))


def test_roc_band_of_a_large_set_has_a_fixed_number_of_rows():
    rng = np.random.default_rng(0)
    y = np.repeat([1, 0], [300, 900])
    band = statistics.roc_band(y, y + rng.normal(size=1200), seed=1, n_boot=50)
    assert len(band) == 402
    assert np.trapezoid(band["tpr"], band["fpr"]) == pytest.approx(
        statistics.auc_ci(y, y + np.random.default_rng(0).normal(size=1200))[0], abs=0.002
    )


# ---- Decision curve


@pytest.mark.parametrize("name", PROBABILITIES)
def test_decision_curve_equals_its_definition_in_r(name):
    part, expected = PROBABILITIES[name], reference("decision_curve")[name]
    found = statistics.decision_curve(part["y"], part["p"], expected["threshold"])
    assert list(found.columns) == ["threshold", "net_benefit", "treat_all", "treat_none"]
    for column in ("threshold", "net_benefit", "treat_all"):
        np.testing.assert_allclose(found[column], expected[column], rtol=1e-12, atol=1e-12)
    assert (found["treat_none"] == 0).all()


def test_decision_curve_equals_dcurves_on_its_published_example():
    """The example of R dcurves, 750 simulated patients, and the net benefits that it gives for them."""
    patients, expected = (pd.read_csv(REFERENCE / f"{name}.csv") for name in ("dcurves_df_binary", "dcurves_dca"))
    found = statistics.decision_curve(patients["cancer"], patients["cancerpredmarker"], expected["threshold"])
    np.testing.assert_allclose(found["net_benefit"], expected["net_benefit"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found["treat_all"], expected["treat_all"], rtol=0, atol=1e-12)


def test_decision_curve_by_hand():
    # At 0.25 two of three positives and one of two negatives are treated: 2/5 - 1/5 * 1/3. At 0.5 exactly, 0.5 counts.
    found = statistics.decision_curve([1, 1, 1, 0, 0], [0.9, 0.5, 0.1, 0.3, 0.2], [0.25, 0.5])
    np.testing.assert_allclose(found["net_benefit"], [2 / 5 - 1 / 15, 2 / 5])
    np.testing.assert_allclose(found["treat_all"], [3 / 5 - 2 / 5 / 3, 3 / 5 - 2 / 5])


@pytest.mark.parametrize("thresholds", [[0.5, 1.0], [-0.1], []])
def test_decision_curve_refuses_thresholds(thresholds):
    with pytest.raises(VcfnbError, match="thresholds must be"):
        statistics.decision_curve([1, 0], [0.9, 0.1], thresholds)


def test_decision_curve_band_equals_a_plain_bootstrap():
    part, thresholds = PROBABILITIES["test_43"], [0.2, 0.5, 0.8]
    band = statistics.decision_curve_band(part["y"], part["p"], thresholds, seed=1, n_boot=4000, alpha=0.1)
    assert band.columns.tolist() == ["threshold", "low", "high"]
    rng, drawn = np.random.default_rng(9), []
    for _ in range(1500):
        sample = part.iloc[rng.integers(len(part), size=len(part))]
        drawn.append(statistics.decision_curve(sample["y"], sample["p"], thresholds)["net_benefit"])
    np.testing.assert_allclose(band[["low", "high"]].T, np.quantile(drawn, [0.05, 0.95], axis=0), atol=0.03)


def test_decision_curve_band_holds_the_curve_and_widens_with_clustered_cases():
    part, thresholds = PROBABILITIES["calibrated"], np.linspace(0.05, 0.95, 19)
    curve = statistics.decision_curve(part["y"], part["p"], thresholds)["net_benefit"]
    single = statistics.decision_curve_band(part["y"], part["p"], thresholds, seed=1, n_boot=500)
    assert single["low"].le(curve).all()
    assert single["high"].ge(curve).all()
    # Each case four times is four times the cases, but no more patients.
    y, p, patients = (np.tile(values, 4) for values in (part["y"], part["p"], np.arange(len(part))))
    clustered = statistics.decision_curve_band(y, p, thresholds, patients, seed=1, n_boot=500)
    pretended = statistics.decision_curve_band(y, p, thresholds, seed=1, n_boot=500)
    np.testing.assert_allclose(clustered, single, atol=1e-12)
    assert (pretended["high"] - pretended["low"]).mean() < 0.6 * (single["high"] - single["low"]).mean()


@pytest.mark.parametrize("name", SCORES)
def test_net_benefit_differences_equal_dcurves(name):
    """Python dcurves 1.1.7 on the scores, each strategy against each."""
    part, expected = SCORES[name], reference("dcurves_dca_scores")[name]
    benefit = expected.pivot(index="threshold", columns="model", values="net_benefit")
    treated = {"score_a": part["score_a"], "score_b": part["score_b"], "all": part["y"] * 0 + 1, "none": part["y"] * 0}
    for a, b in itertools.permutations(treated, 2):
        found = statistics.net_benefit_difference(part["y"], treated[a], treated[b], benefit.index, seed=1, n_boot=9)
        np.testing.assert_allclose(found["difference"], benefit[a] - benefit[b], rtol=0, atol=1e-12)


def test_net_benefit_differences_are_paired_and_keep_patients_together():
    part, thresholds = SCORES["train_137_38"], [0.2, 0.5]
    given = part["y"], part["score_a"], part["score_b"], thresholds
    found = statistics.net_benefit_difference(*given, seed=1, n_boot=4000)
    rng, drawn = np.random.default_rng(9), []
    for _ in range(600):
        sample = part.iloc[rng.integers(len(part), size=len(part))]
        curves = [statistics.decision_curve(sample["y"], sample[score], thresholds) for score in ("score_a", "score_b")]
        drawn.append(curves[0]["net_benefit"] - curves[1]["net_benefit"])
    np.testing.assert_allclose(found[["low", "high"]].T, np.quantile(drawn, [0.025, 0.975], axis=0), atol=0.02)
    same = statistics.net_benefit_difference(*given[:2], part["score_a"], thresholds, seed=1, n_boot=20)
    assert (same[["difference", "low", "high"]] == 0).all(axis=None)
    y, a, b, patients = (np.tile(values, 4) for values in (*given[:3], np.arange(len(part))))
    clustered = statistics.net_benefit_difference(y, a, b, thresholds, patients, seed=1, n_boot=4000)
    np.testing.assert_allclose(clustered, found, atol=1e-12)


# ---- Calibration


@rows("rms_val_prob")
def test_calibration_equals_val_prob(row):
    part = PROBABILITIES[row.set]
    found = statistics.calibration(part["y"], part["p"])
    assert found._fields == ("brier", "slope", "intercept")
    assert found.brier == pytest.approx(row.brier, abs=1e-12)
    np.testing.assert_allclose(found[1:], (row.slope, row.intercept), atol=1e-6)
    np.testing.assert_allclose(found[1:], (row.glm_slope, row.glm_intercept), rtol=1e-9)


def test_calibration_undoes_a_distortion():
    part = PROBABILITIES["calibrated"]
    plain = statistics.calibration(part["y"], part["p"])
    logit = np.log(part["p"] / (1 - part["p"]))
    distorted = statistics.calibration(part["y"], 1 / (1 + np.exp(-(2.5 * logit + 0.7))))
    assert distorted.slope == pytest.approx(plain.slope / 2.5, rel=1e-9)
    assert distorted.intercept == pytest.approx(plain.intercept - 0.7 * plain.slope / 2.5, rel=1e-9)


@pytest.mark.parametrize(
    "probability, reason",
    [
        ([0.1, 0.2, 0.8, 0.9], "separate the classes"),
        ([0.9, 0.8, 0.2, 0.1], "separate the classes"),
        ([0.1, 0.5, 0.5, 0.9], "separate the classes"),
        ([0.4, 0.4, 0.4, 0.4], "all probabilities are equal"),
        ([0.0, 0.6, 0.5, 1.0], "2 probabilities are exactly 0 or 1"),
    ],
)
def test_calibration_without_a_solution_says_why(probability, reason):
    y = np.array([0, 0, 1, 1])
    with pytest.warns(RuntimeWarning, match=reason):
        found = statistics.calibration(y, probability)
    assert found.brier == pytest.approx(np.mean((np.array(probability) - y) ** 2))
    assert np.isnan(found[1:]).all()


@pytest.mark.parametrize("smallest", [1e-300, 1e-12])
def test_calibration_of_extreme_probabilities_converges(smallest):
    y = np.array([0, 0, 1, 0, 1, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = statistics.calibration(y, [smallest, 0.2, 0.1, 0.6, 0.7, 1 - 1e-12])
    assert np.isfinite(found).all()
    assert found.slope > 0


@rows("glm_recalibration")
def test_recalibration_equals_glm(row):
    part = PROBABILITIES[row.set]
    found = statistics.recalibrate(part["y"], part["p"], row.method)
    assert found.method == row.method
    np.testing.assert_allclose((found.intercept, found.slope), (row.intercept, row.slope), rtol=1e-8, atol=1e-10)
    assert bool(found.note) == (row.slope < 0)


@pytest.mark.parametrize("name", ["calibrated", "overconfident", "test_43", "test_43_ties"])
def test_recalibrated_cases_are_calibrated(name):
    part = PROBABILITIES[name]
    shifted = statistics.recalibrate(part["y"], part["p"], "intercept").apply(part["p"])
    assert shifted.mean() == pytest.approx(part["y"].mean(), abs=1e-12)
    both = statistics.recalibrate(part["y"], part["p"]).apply(part["p"])
    found = statistics.calibration(part["y"], both)
    np.testing.assert_allclose(found[1:], (1, 0), atol=1e-8)
    brier = [statistics.calibration(part["y"], p).brier for p in (part["p"], both)]
    assert brier[1] < brier[0]
    assert statistics.auc_ci(part["y"], both) == statistics.auc_ci(part["y"], part["p"])  # the ranking stays


def test_recalibration_undoes_a_distortion_of_other_cases():
    rng = np.random.default_rng(12)
    x = rng.normal(1, 1.5, size=20_000)
    y, distorted = rng.random(20_000) < 1 / (1 + np.exp(-x)), 1 / (1 + np.exp(-(2 * x - 1)))
    rule = statistics.recalibrate(y[:10_000], distorted[:10_000])
    assert (rule.intercept, rule.slope) == pytest.approx((0.5, 0.5), abs=0.05)
    found = statistics.calibration(y[10_000:], rule.apply(distorted[10_000:]))
    assert found[1:] == pytest.approx((1, 0), abs=0.08)


def test_recalibration_of_nothing_changes_nothing():
    p = np.array([0, 0.2, 1])
    assert statistics.recalibrate([0, 1, 1], p, "none").apply(p).tolist() == p.tolist()


@pytest.mark.parametrize(
    "probability, asked, done, note",
    [
        ([0.1, 0.2, 0.8, 0.9], "intercept and slope", "intercept", "intercept only: the probabilities separate"),
        ([0.9, 0.8, 0.2, 0.1], "intercept and slope", "intercept", "intercept only: the probabilities separate"),
        ([0.4, 0.4, 0.4, 0.4], "intercept and slope", "intercept", "intercept only: all probabilities are equal"),
        ([0.0, 0.6, 0.5, 1.0], "intercept and slope", "none", "not recalibrated: 2 probabilities are exactly 0 or 1"),
        ([0.0, 0.6, 0.5, 1.0], "intercept", "none", "not recalibrated: 2 probabilities are exactly 0 or 1"),
    ],
)
def test_recalibration_without_a_solution_does_less_and_says_why(probability, asked, done, note):
    found = statistics.recalibrate([0, 0, 1, 1], probability, asked)
    assert found.method == done
    assert found.note.startswith(note)
    new = found.apply(probability)
    assert np.isfinite(new).all()
    if done == "intercept":
        assert new.mean() == pytest.approx(0.5, abs=1e-12)
    else:
        assert new.tolist() == probability


def test_recalibration_keeps_certainty_and_refuses():
    rule = statistics.recalibrate(PROBABILITIES["test_43"]["y"], PROBABILITIES["test_43"]["p"])
    assert rule.apply([0.0, 1.0]).tolist() == [0, 1]
    with pytest.raises(VcfnbError, match="unknown method 'isotonic'"):
        statistics.recalibrate([0, 1], [0.1, 0.2], "isotonic")
    with pytest.raises(VcfnbError, match="1 probabilities outside"):
        rule.apply([0.1, 1.5])
    with pytest.raises(VcfnbError, match="1 of 2 probabilities are not finite"):
        rule.apply([0.1, np.nan])


@rows("rms_calibration_errors")
def test_calibration_errors_equal_val_prob(row):
    found = statistics.calibration_measures(*PROBABILITIES[row.set][["y", "p"]].to_numpy().T, seed=1, n_boot=9)
    np.testing.assert_allclose(
        [found[name] for name in ("ici", "e50", "e90")], [row.ici, row.e50, row.e90], rtol=0, atol=1e-9
    )


@rows("glm_recalibration")
def test_calibration_in_the_large_equals_glm_with_an_offset(row):
    part = PROBABILITIES[row.set]
    found = statistics.calibration_measures(part["y"], part["p"], seed=1, n_boot=9)
    if row.method == "intercept":
        assert found["in_the_large"] == pytest.approx(row.intercept, rel=1e-9)
    assert found["o_e"] == pytest.approx(part["y"].sum() / part["p"].sum(), rel=1e-12)


@pytest.mark.parametrize("name", ["test_43", "overconfident", "reversed"])
def test_intervals_of_calibration_equal_a_fit_of_every_sample(name):
    """The same samples, fitted one by one by statsmodels' GLM: its algorithm is another one."""
    part, patients = PROBABILITIES[name], np.arange(len(PROBABILITIES[name])) // 2
    found = statistics.calibration_measures(part["y"], part["p"], patients, seed=4, n_boot=101, alpha=0.2)
    x, values = np.log(part["p"] / (1 - part["p"])).to_numpy(), []
    for counts in statistics.draw_counts(part["y"], patients, n_boot=101, seed=4, stratify=False):
        sample = np.repeat(np.arange(len(part)), counts)
        y, odds = part["y"].to_numpy()[sample], x[sample]
        options = {"maxiter": 100, "tol": 1e-14}
        slope = sm.GLM(y, sm.add_constant(odds), sm.families.Binomial()).fit(**options).params[1]
        level = sm.GLM(y, np.ones(len(y)), sm.families.Binomial(), offset=odds).fit(**options).params[0]
        values.append((slope, level, y.sum() / part["p"].to_numpy()[sample].sum()))
    low, high = np.sort(values, axis=0)[[10, 90]]  # of 101 samples, the 11th and the 91st
    for name, *ends in zip(("slope", "in_the_large", "o_e"), low, high, strict=True):
        np.testing.assert_allclose([found[f"{name}_low"], found[f"{name}_high"]], ends, rtol=1e-7, atol=1e-8)


def test_calibration_intervals_widen_with_clustered_cases():
    part = PROBABILITIES["calibrated"]
    y, p, patients = (np.tile(values, 4) for values in (part["y"], part["p"], np.arange(len(part))))
    single, clustered, pretended = (
        statistics.calibration_measures(*given, seed=1, n_boot=500)
        for given in ((part["y"], part["p"]), (y, p, patients), (y, p))
    )
    for name in ("slope", "in_the_large", "o_e"):
        widths = [found[f"{name}_high"] - found[f"{name}_low"] for found in (single, clustered, pretended)]
        assert widths[0] == pytest.approx(widths[1], rel=1e-6) and widths[2] < 0.6 * widths[0]


def test_a_slope_whose_samples_are_separated_has_no_upper_limit():
    y, p = [0, 0, 0, 1, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.45, 0.5, 0.6, 0.8, 0.9]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = statistics.calibration_measures(y, p, seed=1, n_boot=300)
        certain = statistics.calibration_measures(y, [0, *p[1:]], seed=1, n_boot=20)
        apart = statistics.calibration_measures([0, 0, 0, 0, 1, 1, 1, 1], p, seed=1, n_boot=20)
        equal = statistics.calibration_measures(y, [0.4] * 8, seed=1, n_boot=20)
        two = statistics.calibration_measures([0, 1], [1e-300, 0.9], seed=1, n_boot=20)
    assert 0 < found["slope_low"] < np.inf and found["slope_high"] == np.inf
    assert np.isnan([certain["in_the_large"], certain["slope_low"]]).all() and np.isfinite(certain["o_e_low"])
    assert np.isnan([apart["slope_low"], equal["slope_low"], equal["ici"], two["ici"]]).all()
    assert np.isfinite([apart["in_the_large_low"], equal["in_the_large"], two["in_the_large"]]).all()


def test_the_smooth_curve_is_a_local_line():
    """Cleveland's lowess, written plainly: tricube weights of the nearest two thirds, a line through them."""
    part = PROBABILITIES["test_43"].sort_values("p")
    x, y = part["p"].to_numpy(), part["y"].to_numpy()
    expected = []
    for at in x:
        distance = np.abs(x - at)
        weight = np.clip(1 - (distance / np.sort(distance)[int(2 / 3 * len(x)) - 1]) ** 3, 0, None) ** 3
        expected.append(np.polyval(np.polyfit(x, y, 1, w=np.sqrt(weight)), at))
    curve = statistics.smooth_calibration(y, x)
    # In steps of one hundredth of the range, straight between, as R's default is.
    np.testing.assert_allclose(curve["observed"], np.interp(curve["predicted"], x, expected), atol=0.005)
    assert curve[["low", "high"]].isna().all(axis=None) and len(curve) == 101
    banded = statistics.smooth_calibration(y, x, seed=1, n_boot=200)
    inside = banded["observed"].between(banded["low"], banded["high"])
    assert inside.mean() > 0.95


def test_calibration_points():
    part = PROBABILITIES["test_43"]
    points = statistics.calibration_curve_points(part["y"], part["p"], bins=5)
    assert list(points.columns) == ["bin", "n", "predicted", "observed", "low", "high"]
    assert points["n"].sum() == len(part)
    assert points["n"].between(8, 9).all()
    assert points["predicted"].is_monotonic_increasing
    lowest = part.nsmallest(int(points["n"][0]), "p")
    assert points["predicted"][0] == pytest.approx(lowest["p"].mean())
    assert points["observed"][0] == pytest.approx(lowest["y"].mean())
    assert (points["low"] <= points["observed"]).all()
    assert (points["observed"] <= points["high"]).all()
    with pytest.raises(VcfnbError, match="0 bins"):
        statistics.calibration_curve_points(part["y"], part["p"], bins=0)


def test_calibration_points_of_patients_with_several_cases_have_wider_intervals():
    part = PROBABILITIES["test_43"]
    alone = statistics.calibration_curve_points(part["y"], part["p"], bins=3)
    pd.testing.assert_frame_equal(
        statistics.calibration_curve_points(part["y"], part["p"], bins=3, patients=np.arange(43)), alone
    )
    # Every case twice tells nothing new; without patients it would.
    twice, patients = pd.concat([part, part]), np.tile(np.arange(43), 2)
    found = statistics.calibration_curve_points(twice["y"], twice["p"], bins=3, patients=patients)
    np.testing.assert_allclose(found[["low", "high"]], alone[["low", "high"]], atol=0.02)
    narrow = statistics.calibration_curve_points(twice["y"], twice["p"], bins=3)
    assert ((found["high"] - found["low"]) > 1.15 * (narrow["high"] - narrow["low"])).all()


def test_calibration_points_keep_equal_probabilities_together():
    part = PROBABILITIES["test_43_ties"]
    points = statistics.calibration_curve_points(part["y"], part["p"], bins=10)
    shuffled = part.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(points, statistics.calibration_curve_points(shuffled["y"], shuffled["p"], bins=10))
    assert len(statistics.calibration_curve_points([0, 1, 1], [0.5, 0.5, 0.5], bins=5)) == 1


# ---- Operating points


@rows("pROC_coords_youden")
def test_youden_threshold_equals_pROC(row):
    part = SCORES[row.set]
    threshold = statistics.operating_point(part["y"], part["score_a"])
    if np.isfinite(row.threshold):
        assert threshold == pytest.approx(row.threshold, abs=1e-12)
    found = statistics.operating_metrics(part["y"], part["score_a"], threshold)
    assert found["sensitivity"] == pytest.approx(row.sensitivity)
    assert found["specificity"] == pytest.approx(row.specificity)


@pytest.mark.parametrize("target", [0.5, 0.9, 31 / 34, 1.0])
def test_target_sensitivity_is_reached_by_the_highest_threshold(target):
    part = SCORES["test_34_9"]
    y, score = part["y"], part["score_b"]
    threshold = statistics.operating_point(y, score, "sensitivity", target)
    assert statistics.operating_metrics(y, score, threshold)["sensitivity"] >= target
    higher = score[score > threshold].min() + 1e-9
    assert statistics.operating_metrics(y, score, higher)["sensitivity"] < target


@rows("pROC_coords_sensitivity")
def test_fixed_sensitivity_equals_coords(row):
    part = SCORES[row.set]
    threshold = statistics.operating_point(part["y"], part["score_a"], "sensitivity", row.target)
    if np.isfinite(row.threshold):
        assert threshold == pytest.approx(row.threshold, abs=1e-12)
    found = statistics.operating_metrics(part["y"], part["score_a"], threshold)
    assert (found["sensitivity"], found["specificity"]) == pytest.approx((row.sensitivity, row.specificity), abs=1e-12)


def test_operating_points_at_the_edges():
    assert statistics.operating_point([0, 0, 1, 1], [1, 2, 5, 6]) == 3.5
    assert statistics.operating_point([1, 0], [0.1, 0.9], "sensitivity", 1.0) == 0.1  # no score below
    next_number = np.nextafter(0.5, 1)
    assert statistics.operating_point([0, 1], [0.5, next_number]) == next_number  # no number between
    # Two equally good thresholds: the more sensitive one.
    assert statistics.operating_point([0, 1, 0, 1], [1, 2, 3, 4]) == 1.5


def test_the_uncertain_range_ends_where_either_class_is_recognised():
    part = SCORES["test_34_9"]
    y, score = np.asarray(part["y"]), np.asarray(part["score_b"])
    low, high = statistics.uncertain_range(y, score, 0.9)
    assert low == statistics.operating_point(y, score, "sensitivity", 0.9) < high
    # The mirror image: chronic cases become the ones to detect.
    assert high == pytest.approx(-statistics.operating_point(1 - y, -score, "sensitivity", 0.9), abs=1e-12)
    found = statistics.uncertain_metrics(y, score, low, high)
    between = (score >= low) & (score < high)
    assert found["n_uncertain"] == between.sum() > 0 and found["n"] == 43
    rest = y[~between], score[~between]
    assert found["sensitivity"] == ((rest[1] >= high) & (rest[0] == 1)).sum() / (rest[0] == 1).sum()
    assert found["specificity"] == ((rest[1] < low) & (rest[0] == 0)).sum() / (rest[0] == 0).sum()
    right = int(((rest[1] < low) & (rest[0] == 0)).sum())
    expected = stats.binomtest(right, int((rest[0] == 0).sum())).proportion_ci(method="wilson")
    assert (found["specificity_low"], found["specificity_high"]) == pytest.approx(expected)


def test_the_uncertain_range_at_the_edges():
    # One threshold is right about everybody.
    assert statistics.uncertain_range([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]) == (0.5, 0.5)
    assert statistics.uncertain_metrics([0, 1], [0.2, 0.5], 0.5, 0.5)["n_uncertain"] == 0
    # The highest score is a chronic one's: nothing is certainly acute, nor certainly chronic.
    low, high = statistics.uncertain_range([1, 0, 1, 0], [0.1, 0.2, 0.8, 0.9])
    assert low == 0.1 and 0.9 < high < 0.9 + 1e-9
    found = statistics.uncertain_metrics([1, 0], [0.3, 0.9], low, high)
    assert found["n_uncertain"] == 2 and np.isnan([found["sensitivity"], found["specificity_low"]]).all()


def test_operating_point_refuses():
    with pytest.raises(VcfnbError, match="unknown method 'best'"):
        statistics.operating_point([0, 1], [0, 1], "best")
    for target in (0, 1.1):
        with pytest.raises(VcfnbError, match="target sensitivity"):
            statistics.operating_point([0, 1], [0, 1], "sensitivity", target)


def test_operating_metrics_by_hand():
    y = [1] * 34 + [0] * 9
    score = [1] * 31 + [0] * 3 + [1] * 4 + [0] * 5
    found = statistics.operating_metrics(y, score, 0.5)
    assert [found[name] for name in ("n", "tp", "fp", "tn", "fn")] == [43, 31, 4, 5, 3]
    rates = {"sensitivity": 31 / 34, "specificity": 5 / 9, "ppv": 31 / 35, "npv": 5 / 8, "accuracy": 36 / 43}
    for name, value in rates.items():
        assert found[name] == pytest.approx(value)
        assert found[f"{name}_low"] < value < found[f"{name}_high"]
    assert found["f1"] == pytest.approx(f1_score(y, score))
    assert found["f1_low"] < found["f1"] < found["f1_high"]
    assert len(found) == 5 + 3 * 6


@rows("prop_test_wilson")
def test_intervals_are_wilsons(row):
    y = [1] * int(row.total) + [0]
    score = [1] * int(row.hits) + [0] * int(row.total - row.hits) + [0]
    found = statistics.operating_metrics(y, score, 0.5)
    assert found["sensitivity"] == pytest.approx(row.hits / row.total)
    np.testing.assert_allclose((found["sensitivity_low"], found["sensitivity_high"]), (row.low, row.high), atol=1e-12)


def test_operating_metrics_refuses_a_threshold_that_is_nan():
    with pytest.raises(VcfnbError, match="threshold is NaN"):
        statistics.operating_metrics([1, 0], [0.2, 0.1], float("nan"))


def test_rates_without_cases_are_nan():
    found = statistics.operating_metrics([1, 0], [0.2, 0.1], 0.5)
    assert np.isnan([found["ppv"], found["ppv_low"], found["ppv_high"]]).all()
    assert found["f1"] == 0


def test_f1_interval_covers():
    rng, covered = np.random.default_rng(2), []
    y = np.repeat([1, 0], [60, 40])
    chance = np.where(y == 1, 0.8, 0.3)
    true = 2 * 48 / (2 * 48 + 12 + 12)
    for _ in range(1500):
        found = statistics.operating_metrics(y, rng.random(100) < chance, 0.5)
        covered.append(found["f1_low"] <= true <= found["f1_high"])
    assert np.mean(covered) > 0.93


# ---- Size of the test set


@pytest.mark.parametrize("auc, n_positive, n_negative", [(0.893, 51, 58), (0.9, 34, 9), (0.7, 12, 60)])
def test_standard_error_is_exact_for_exponential_scores(auc, n_positive, n_negative):
    # Hanley and McNeil's Q1 and Q2 hold exactly where both classes' scores are exponential.
    rng = np.random.default_rng(6)
    positive = rng.exponential(auc / (1 - auc), size=(8000, n_positive, 1))
    negative = rng.exponential(1, size=(8000, 1, n_negative))
    areas = (positive > negative).mean(axis=(1, 2))
    assert areas.mean() == pytest.approx(auc, abs=0.005)
    assert statistics.auc_standard_error(auc, n_positive, n_negative) == pytest.approx(areas.std(), rel=0.03)


@pytest.mark.parametrize("auc, n_positive, n_negative", [(0.75, 34, 9), (0.65, 40, 40), (0.5, 30, 20)])
def test_power_by_simulation(auc, n_positive, n_negative):
    rng = np.random.default_rng(7)
    shift = np.sqrt(2) * stats.norm.ppf(auc)
    positive = rng.normal(shift, size=(4000, n_positive, 1))
    areas = (positive > rng.normal(size=(4000, 1, n_negative))).mean(axis=(1, 2))
    error = statistics.auc_standard_error(0.5, n_positive, n_negative)
    rejected = np.mean(np.abs(areas - 0.5) / error > stats.norm.ppf(0.975))
    assert statistics.auc_power(auc, n_positive, n_negative) == pytest.approx(rejected, abs=0.03)


def test_power_properties():
    assert statistics.auc_power(0.5, 50, 50) == pytest.approx(0.05)
    assert statistics.auc_power(0.8, 30, 30, null=0.6) < statistics.auc_power(0.8, 60, 60, null=0.6)
    assert statistics.auc_power(0.3, 30, 20) == pytest.approx(statistics.auc_power(0.7, 20, 30))  # classes swapped
    assert statistics.auc_power(0.8, np.array([10, 20]), 30).shape == (2,)


@pytest.mark.parametrize(
    "aim", [{"width": 0.1}, {"width": 0.2, "alpha": 0.1}, {"power": 0.8}, {"power": 0.9, "null": 0.8}]
)
@pytest.mark.parametrize("share", [0.5, 0.784])
def test_sample_size_is_the_smallest_that_meets_the_aim(aim, share):
    n = statistics.auc_sample_size(0.9, share, **aim)
    assert isinstance(n, int)

    def met(n):
        if "width" in aim:
            return statistics.auc_width_by_size(0.9, share, [n], aim.get("alpha", 0.05))["width"][0] <= aim["width"]
        return statistics.auc_power(0.9, n * share, n * (1 - share), null=aim.get("null", 0.5)) >= aim["power"]

    assert met(n)
    assert not met(n - 1)


def test_width_by_size_on_the_papers_test_set():
    table = statistics.auc_width_by_size(0.9, 34 / 43, range(1, 100))
    assert table["n"].min() == 5  # below, less than one chronic case is expected
    assert (np.diff(table["width"]) < 0).all()
    row = table.set_index("n").loc[43]
    assert (row["n_positive"], row["n_negative"]) == pytest.approx((34, 9))
    assert row["width"] == pytest.approx(2 * stats.norm.ppf(0.975) * statistics.auc_standard_error(0.9, 34, 9))


def test_sample_size_refuses():
    with pytest.raises(VcfnbError, match="either the width"):
        statistics.auc_sample_size(0.9, 0.5)
    with pytest.raises(VcfnbError, match="either the width"):
        statistics.auc_sample_size(0.9, 0.5, width=0.1, power=0.8)
    with pytest.raises(VcfnbError, match="no number of cases tells them apart"):
        statistics.auc_sample_size(0.5, 0.5, power=0.8)
    with pytest.raises(VcfnbError, match="more than 10 million"):
        statistics.auc_sample_size(0.9, 0.5, width=1e-5)
    with pytest.raises(VcfnbError, match="proportion of positive cases is 1"):
        statistics.auc_sample_size(0.9, 1, width=0.1)
    with pytest.raises(VcfnbError, match="fewer than one case"):
        statistics.auc_power(0.9, 0, 10)


# ---- Baseline tests


@rows("shapiro_t_wilcox")
def test_compare_groups_equals_r(row):
    part = GROUPS[row.set]
    a, b = (part.loc[part["group"] == group, "value"] for group in "ab")
    found, student = statistics.compare_groups(a, b), statistics.compare_groups(a, b, equal_variance=True)
    assert found["shapiro_p_a"] == pytest.approx(row.shapiro_p_a, rel=1e-6)
    assert found["shapiro_p_b"] == pytest.approx(row.shapiro_p_b, rel=1e-6)
    if min(row.shapiro_p_a, row.shapiro_p_b) > 0.05:
        expected, expected_student = ("Welch t", row.welch_t, row.welch_p), ("Student t", row.student_t, row.student_p)
    else:
        expected = expected_student = ("Mann-Whitney U", row.u, row.u_p)
    for result, (test, statistic, p) in ((found, expected), (student, expected_student)):
        assert result["test"] == test
        assert (result["statistic"], result["p"]) == pytest.approx((statistic, p), rel=1e-9)


def test_compare_groups_without_shapiro():
    for a, b in (([1.0, 2.0], [3.0, 4.0, 9.0]), ([5.0, 5.0, 5.0], [1.0, 2.0, 3.0])):
        found = statistics.compare_groups(a, b)
        assert found["test"] == "Mann-Whitney U"
        assert np.isnan(found["shapiro_p_a"])
    assert statistics.compare_groups([2, 2, 2], [2, 2])["p"] == 1


@rows("chisq_fisher")
def test_compare_counts_equals_r(row):
    table = [[row.n11, row.n12], [row.n21, row.n22]]
    yates, plain = statistics.compare_counts(table), statistics.compare_counts(table, correction=False)
    assert (yates["statistic"], yates["p"]) == pytest.approx((row.yates, row.yates_p), rel=1e-9, abs=1e-12)
    assert (plain["statistic"], plain["p"]) == pytest.approx((row.plain, row.plain_p), rel=1e-9)
    assert yates["fisher_p"] == plain["fisher_p"] == pytest.approx(row.fisher_p, rel=1e-9)


def test_the_papers_table_1():
    """Sex is chi-square with Yates' correction; acute against chronic, printed as 0.87, is no such test."""
    sex, label = [[95, 80], [24, 19]], [[137, 38], [34, 9]]
    assert round(statistics.compare_counts(sex)["p"], 3) == 0.992
    yates, plain = statistics.compare_counts(label), statistics.compare_counts(label, correction=False)
    assert [round(p, 2) for p in (yates["p"], plain["p"], yates["fisher_p"])] == [1.00, 0.91, 1.00]


def test_larger_tables_have_no_correction_and_no_fisher():
    table = np.array([[10, 12, 5], [4, 9, 11]])
    found = statistics.compare_counts(table)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    assert found["statistic"] == pytest.approx(((table - expected) ** 2 / expected).sum())
    assert found["dof"] == 2
    assert found["smallest_expected"] == pytest.approx(expected.min())
    assert np.isnan(found["fisher_p"])


@pytest.mark.parametrize(
    "table, message",
    [
        ([1, 2], "shape"),
        ([[1, 2]], "shape"),
        ([[1, 2], [3, -1]], "counts"),
        ([[1, 2], [3, 0.5]], "counts"),
        ([[1, 2], [3, np.nan]], "counts"),
        ([["a", "b"], ["c", "d"]], "counts"),
        ([[0, 0], [3, 4]], "no cases"),
        ([[0, 3], [0, 4]], "no cases"),
    ],
)
def test_compare_counts_refuses(table, message):
    with pytest.raises(VcfnbError, match=message):
        statistics.compare_counts(table)


def test_compare_groups_refuses():
    with pytest.raises(VcfnbError, match="groups of 0 and 2"):
        statistics.compare_groups([], [1, 2])
    with pytest.raises(VcfnbError, match="1 of 2 values of group b are not finite"):
        statistics.compare_groups([1, 2, 3], [1, np.nan])


# ---- What all of them refuse

STATISTICS = {
    "auc_ci": statistics.auc_ci,
    "auc_interval": statistics.auc_interval,
    "delong_test": lambda y, score: statistics.delong_test(y, score, score),
    "roc_points": statistics.roc_points,
    "roc_band": lambda y, score: statistics.roc_band(y, score, seed=0, n_boot=2),
    "draw_counts": lambda y, score: statistics.resampled_auc(y, score, statistics.draw_counts(y, n_boot=2, seed=0)),
    "auc_difference": lambda y, score: statistics.auc_difference(y, score, score, seed=0, n_boot=2),
    "reclassification": lambda y, score: statistics.reclassification(y, score, score, 0.5, 0.5, seed=0, n_boot=2),
    "decision_curve": lambda y, score: statistics.decision_curve(y, score, [0.5]),
    "net_benefit_difference": lambda y, p: statistics.net_benefit_difference(y, p, p, [0.5], seed=0, n_boot=2),
    "calibration_measures": lambda y, score: statistics.calibration_measures(y, score, seed=0, n_boot=2),
    "smooth_calibration": statistics.smooth_calibration,
    "decision_curve_band": lambda y, score: statistics.decision_curve_band(y, score, [0.5], seed=0, n_boot=2),
    "recalibrate": statistics.recalibrate,
    "calibration": statistics.calibration,
    "calibration_curve_points": statistics.calibration_curve_points,
    "operating_point": statistics.operating_point,
    "operating_metrics": lambda y, score: statistics.operating_metrics(y, score, 0.5),
}


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize(
    "y, score, message",
    [
        ([1, 1, 1], [0.1, 0.2, 0.3], "3 positive and 0 negative cases: at least one case of each class"),
        ([0, 0, 0], [0.1, 0.2, 0.3], "0 positive and 3 negative"),
        ([0, 1, 1], [0.1, 0.2], "3 labels and 2 scores"),
        ([0, 1, 2], [0.1, 0.2, 0.3], "label 2: labels must be 1"),
        ([0, 1, np.nan], [0.1, 0.2, 0.3], r"1 of 3 labels are not finite \(first at index 2\)"),
        ([0, 1, 1], [0.1, np.nan, np.inf], r"2 of 3 scores are not finite \(first at index 1\)"),
        (["acute", "chronic"], [0.1, 0.2], "labels are not all numbers"),
        ([[0, 1]], [[0.1, 0.2]], r"labels have shape \(1, 2\)"),
    ],
)
def test_bad_input(name, y, score, message):
    with pytest.raises(VcfnbError, match=message):
        STATISTICS[name](y, score)


OF_PROBABILITIES = ["decision_curve", "decision_curve_band", "calibration", "calibration_curve_points"]
OF_PROBABILITIES += ["net_benefit_difference", "calibration_measures", "smooth_calibration"]


@pytest.mark.parametrize("name", [*OF_PROBABILITIES, "recalibrate", "reclassification"])
def test_probabilities_must_be_probabilities(name):
    with pytest.raises(VcfnbError, match=r"1 probabilities outside \[0, 1\] \(first 1.2 at index 1\)"):
        STATISTICS[name]([0, 1], [0.1, 1.2])


@pytest.mark.parametrize("alpha", [0, 1, 5])
def test_alpha_must_be_a_level(alpha):
    with pytest.raises(VcfnbError, match="alpha"):
        statistics.auc_ci([0, 1], [0.1, 1.2], alpha=alpha)


def test_a_missing_label_of_pandas_is_named():
    with pytest.raises(VcfnbError, match="labels"):
        statistics.auc_ci(pd.Series([0, 1, pd.NA], dtype="Int64"), [0.1, 0.2, 0.3])
