"""Two models on the same cases, subgroups, several tests at once: against R, plain loops, simulation and by hand."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score
from test_evaluation import PROBABILITIES, REFERENCE, SCORES, rows

from vcfnb import statistics
from vcfnb.errors import VcfnbError
from vcfnb.statistics import comparisons, subgroups, tables

MODELS = ["radiomics", "dtl", "fusion"]


@pytest.fixture
def scores():
    """90 cases of 60 patients; some have two, a few of them an acute and a chronic one."""
    rng = np.random.default_rng(5)
    label = np.tile([1, 1, 0], 30)
    table = pd.DataFrame({"case_id": [f"C{i}" for i in range(90)], "label": label})
    table["patient_id"] = [f"P{i // 3 * 2 + (i % 3 > 0)}" for i in range(90)]
    table["split"] = np.where(np.arange(90) < 45, "train", "test")
    for strength, model in zip((0.5, 1.0, 1.5), MODELS, strict=True):
        table[model] = expit(strength * (2 * label - 1) + rng.normal(size=90))
    return table.assign(
        sex=np.where(np.arange(90) % 2, "F", "M"),
        age=rng.integers(40, 90, 90).astype(float),
        bmd=rng.normal(-2.3, 1.2, 90).round(1),
        level=rng.choice(["T10", "T12", "L1", "L3"], 90),
    )


# ---- Bootstrap by patient


@pytest.mark.parametrize("name", ["test_34_9_ties", "train_137_38", "worse_than_chance", "two_and_two"])
def test_resampled_auc_equals_a_loop_over_the_samples(name):
    part = SCORES[name]
    counts = statistics.draw_counts(part["y"], n_boot=25, seed=3)
    found = statistics.resampled_auc(part["y"], part["score_a"], counts)
    expected = [roc_auc_score(part["y"], part["score_a"], sample_weight=drawn) for drawn in counts]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    # The same samples written out, case by case.
    written = part.loc[part.index.repeat(counts[0])]
    assert found[0] == pytest.approx(statistics.auc_ci(written["y"], written["score_a"])[0], abs=1e-12)


def test_resampled_auc_in_blocks_is_the_same(monkeypatch):
    part = SCORES["test_34_9"]
    counts = statistics.draw_counts(part["y"], n_boot=50, seed=3)
    whole = statistics.resampled_auc(part["y"], part["score_a"], counts)
    monkeypatch.setattr("vcfnb.statistics.bootstrap._BLOCK", 7 * len(part))
    np.testing.assert_array_equal(statistics.resampled_auc(part["y"], part["score_a"], counts), whole)


def test_a_sample_without_a_class_has_no_auc():
    assert np.isnan(statistics.resampled_auc([1, 0], [0.3, 0.2], np.array([[2, 0], [1, 1]]))).tolist() == [True, False]


def test_patients_are_drawn_whole_and_each_class_keeps_its_patients(scores):
    counts = statistics.draw_counts(scores["label"], scores["patient_id"], n_boot=300, seed=1)
    assert counts.shape == (300, 90)
    for _, at in scores.groupby("patient_id").indices.items():
        assert (counts[:, at] == counts[:, at[:1]]).all()
    labels = scores.groupby("patient_id")["label"].agg(["min", "max"])
    first = scores.drop_duplicates("patient_id").set_index("patient_id").index
    number = {patient: index for index, patient in enumerate(scores["patient_id"])}
    for kind in ((1, 1), (0, 0), (0, 1)):
        alike = [number[patient] for patient in first if tuple(labels.loc[patient]) == kind]
        assert (counts[:, alike].sum(axis=1) == len(alike)).all()
    assert counts.mean() == pytest.approx(1, abs=0.02)
    assert counts.var() == pytest.approx(1, abs=0.1)  # multinomial


def test_draws_depend_on_the_seed_and_the_names_alone(scores):
    counts = statistics.draw_counts(scores["label"], scores["patient_id"], n_boot=20, seed=1)
    again = scores.sample(frac=1, random_state=0)
    shuffled = statistics.draw_counts(again["label"], again["patient_id"], n_boot=20, seed=1)
    np.testing.assert_array_equal(shuffled, counts[:, again.index])
    assert (statistics.draw_counts(scores["label"], scores["patient_id"], n_boot=20, seed=2) != counts).any()


def test_draw_counts_refuses(scores):
    for arguments, message in (
        ({"patients": ["a"]}, "90 labels and 1 patients"),
        ({"patients": [None, *scores["patient_id"][1:]]}, "1 cases without a patient"),
        ({"n_boot": 0}, "0 bootstrap samples"),
    ):
        with pytest.raises(VcfnbError, match=message):
            statistics.draw_counts(scores["label"], **{"n_boot": 2, "seed": 0} | arguments)


# ---- Differences of AUC


@rows("pROC_roc_test_bootstrap")
def test_bootstrap_of_the_difference_agrees_with_pROC(row):
    """pROC draws other random numbers, 10000 as here, and takes the p of a normal distribution."""
    part = SCORES[row.set]
    counts = statistics.draw_counts(part["y"], n_boot=10_000, seed=1)
    drawn = statistics.resampled_auc(part["y"], part["score_a"], counts)
    drawn = drawn - statistics.resampled_auc(part["y"], part["score_b"], counts)
    found = statistics.auc_difference(part["y"], part["score_a"], part["score_b"], seed=1, n_boot=10_000)
    assert found["difference"] / drawn.std() == pytest.approx(row.d, rel=0.05)
    assert found["p"] == pytest.approx(row.p, abs=0.06)
    assert (found["low"], found["high"]) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))
    # A difference is significant where its interval leaves zero out.
    assert (found["p"] < 0.05) == (found["low"] > 0 or found["high"] < 0)


def test_difference_is_that_of_the_aucs_and_turns_round():
    part = SCORES["test_34_9"]
    found = statistics.auc_difference(part["y"], part["score_a"], part["score_b"], seed=1)
    areas = [statistics.auc_ci(part["y"], part[score])[0] for score in ("score_a", "score_b")]
    assert found["difference"] == pytest.approx(areas[0] - areas[1], abs=1e-15)
    other = statistics.auc_difference(part["y"], part["score_b"], part["score_a"], seed=1)
    expected = (-found["difference"], -found["high"], -found["low"], found["p"])
    assert tuple(other.values()) == pytest.approx(expected, abs=1e-12)


def test_interval_of_the_difference_covers_the_truth():
    rng, covered = np.random.default_rng(8), []
    y = np.repeat([1, 0], [60, 40])
    true = stats.norm.cdf(1.5 / np.sqrt(2 * 2)) - stats.norm.cdf(1 / np.sqrt(2 * 2))
    for seed in range(300):
        common = rng.normal(size=100)
        a, b = (effect * y + common + rng.normal(size=100) for effect in (1.5, 1.0))
        found = statistics.auc_difference(y, a, b, seed=seed, n_boot=400)
        covered.append(found["low"] <= true <= found["high"])
    assert np.mean(covered) == pytest.approx(0.95, abs=0.035)


def test_repeated_cases_of_a_patient_do_not_narrow_the_interval():
    part = SCORES["train_137_38"]
    y, a, b, patients = (np.tile(part[column], 3) for column in ("y", "score_a", "score_b", "set"))
    patients = np.tile(np.arange(len(part)), 3)
    widths = [
        np.ptp([found["low"], found["high"]])
        for found in (
            statistics.auc_difference(part["y"], part["score_a"], part["score_b"], seed=1, n_boot=1000),
            statistics.auc_difference(y, a, b, patients, seed=1, n_boot=1000),
            statistics.auc_difference(y, a, b, seed=1, n_boot=1000),
        )
    ]
    assert widths[1] == pytest.approx(widths[0], rel=0.1)
    assert widths[2] == pytest.approx(widths[0] / np.sqrt(3), rel=0.1)


def test_scores_that_do_not_differ():
    y, score = np.repeat([1, 0], [34, 9]), np.random.default_rng(0).normal(size=43)
    nothing = {"difference": 0, "low": 0, "high": 0, "p": 1}
    assert statistics.auc_difference(y, score, np.exp(score), seed=1) == nothing  # the same ranking
    assert statistics.auc_difference(y, np.ones(43), np.zeros(43), seed=1) == nothing  # constant scores
    assert statistics.auc_difference(y, y, 2 * y, seed=1) == nothing  # both separate the classes
    perfect = statistics.auc_difference(y, y, -y, seed=1, n_boot=999)
    assert perfect == {"difference": 1, "low": 1, "high": 1, "p": 0.002}


def test_delong_is_conservative_for_a_worthless_addition_fitted_on_the_same_cases():
    """Demler et al. 2012: the sentence that notebook 07 shows beside the table."""
    from sklearn.linear_model import LogisticRegression

    rng, p = np.random.default_rng(2), []
    for _ in range(150):
        y = np.repeat([1, 0], [60, 60])
        x = np.column_stack([1.2 * y + rng.normal(size=120), rng.normal(size=120)])
        fits = [LogisticRegression(C=1e6).fit(x[:, :k], y).decision_function(x[:, :k]) for k in (1, 2)]
        p.append(statistics.delong_test(y, *fits)[1])
    assert np.mean(np.array(p) < 0.1) < 0.05


# ---- Several tests


def test_holm_equals_p_adjust():
    for family, part in pd.read_csv(REFERENCE / "p_adjust_holm.csv").groupby("family"):
        np.testing.assert_allclose(statistics.holm(part["p"]), part["holm"], atol=1e-15, err_msg=family)


def test_holm_of_nothing_and_of_no_p():
    assert statistics.holm([]).tolist() == []
    assert np.isnan(statistics.holm([np.nan, np.nan])).all()
    with pytest.raises(VcfnbError, match="outside"):
        statistics.holm([0.2, 1.2])


def test_families_are_the_pairs_of_one_split(scores):
    for table in (
        comparisons.delong(scores, MODELS, "fusion"),
        comparisons.auc_differences(scores, MODELS, "fusion", seed=1, n_bootstrap=200),
    ):
        test = table[table["split"] == "test"]
        assert len(test) == 3
        assert test["p_holm"].tolist() == statistics.holm(test["p"]).tolist()
        assert table.loc[table["split"] != "test", ["p", "p_holm"]].isna().all(axis=None)


# ---- McNemar's test


@rows("binom_test_mcnemar")
def test_mcnemar_equals_binom_test(row):
    part = SCORES[row.set]
    found = statistics.mcnemar_test(part["y"], part["score_a"] >= 0.5, part["score_b"] >= 0.4)
    assert (found["n"], found["a_right"], found["b_right"]) == (len(part), row.a_right, row.b_right)
    assert found["p"] == pytest.approx(row.p, rel=1e-9)


def test_mcnemar_by_hand():
    # Five cases that only a calls right, none that only b does: 2 / 2^5.
    assert statistics.mcnemar_test([1] * 8, [1] * 8, [1] * 3 + [0] * 5)["p"] == pytest.approx(0.0625)
    assert statistics.mcnemar_test([1, 0, 1], [0, 0, 1], [0, 0, 1]) == {"n": 3, "a_right": 0, "b_right": 0, "p": 1}


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([1, 0], [1, 0], [1]), "2 labels, 2 and 1 predicted classes"),
        (([], [], []), "no cases"),
        (([1, 0], [0.3, 0], [1, 0]), "classes: 0.3 is neither 0 nor 1"),
        (([1, 2], [1, 0], [1, 0]), "labels: 2 is neither 0 nor 1"),
        (([1, 0], [np.nan, 0], [1, 0]), "1 of 2 classes are not finite"),
    ],
)
def test_mcnemar_refuses(arguments, message):
    with pytest.raises(VcfnbError, match=message):
        statistics.mcnemar_test(*arguments)


def test_mcnemar_table_splits_into_sensitivity_and_specificity(scores):
    test, thresholds = scores.query("split == 'test'"), dict.fromkeys(MODELS, 0.5)
    table = comparisons.mcnemar(test, MODELS, "fusion", thresholds)
    assert len(table) == 9
    assert table["p_holm"].tolist() == statistics.holm(table["p"]).tolist()
    for _, pair in table.groupby(["model_a", "model_b"]):
        parts = pair.set_index("cases")[["n", "a_right", "b_right"]]
        assert (parts.loc["acute"] + parts.loc["chronic"]).equals(parts.loc["all"])
        row = pair.query("cases == 'acute'").iloc[0]
        sensitivity = [((test[m] >= 0.5) & (test.label == 1)).sum() for m in (row.model_a, row.model_b)]
        assert row.a_right - row.b_right == sensitivity[0] - sensitivity[1]


# ---- Reclassification


@rows("Hmisc_improveProb")
def test_reclassification_equals_improveProb(row):
    part = SCORES[row.set]
    found = statistics.reclassification(part["y"], part["score_a"], part["score_b"], 0.5, 0.4, seed=1, n_boot=3000)
    names = [f"nri_{kind}{part}" for kind in ("categorical", "continuous") for part in ("", "_acute", "_chronic")]
    for name in (*names, "idi"):
        assert found[name][0] == pytest.approx(getattr(row, name), abs=1e-12)
        assert found[name][1] <= found[name][0] <= found[name][2]
    if len(part) > 100:
        # Half the interval against improveProb's standard error.
        assert np.ptp(found["idi"][1:]) / 2 == pytest.approx(stats.norm.ppf(0.975) * row.idi_se, rel=0.06)


def test_reclassification_by_hand():
    # Acute: one up over the threshold, one down within its category. Chronic: one down below it, one unchanged.
    y, old, new = [1, 1, 0, 0], [0.4, 0.9, 0.6, 0.2], [0.6, 0.8, 0.3, 0.2]
    found = statistics.reclassification(y, old, new, 0.5, 0.5, seed=1, n_boot=10)
    first = {name: values[0] for name, values in found.items()}
    assert first == pytest.approx(
        {
            "nri_categorical": 1.0,
            "nri_categorical_acute": 0.5,
            "nri_categorical_chronic": 0.5,
            "nri_continuous": 0.5,
            "nri_continuous_acute": 0.0,
            "nri_continuous_chronic": 0.5,
            "idi": (0.2 - 0.1) / 2 - (-0.3 + 0.0) / 2,
        }
    )


def test_categorical_nri_is_the_change_of_sensitivity_and_specificity():
    part = SCORES["train_137_38"]
    found = statistics.reclassification(part["y"], part["score_a"], part["score_b"], 0.5, 0.4, seed=1, n_boot=10)
    old = statistics.operating_metrics(part["y"], part["score_a"], 0.5)
    new = statistics.operating_metrics(part["y"], part["score_b"], 0.4)
    change = [new[name] - old[name] for name in ("sensitivity", "specificity")]
    assert (found["nri_categorical_acute"][0], found["nri_categorical_chronic"][0]) == pytest.approx(tuple(change))


def test_idi_and_nri_rise_by_miscalibration_alone():
    """Hilden and Gerds 2014: the weakness that the docstring and notebook 07 name. The ranking is the same."""
    part = PROBABILITIES["calibrated"]
    extreme = expit(2 * logit(part["p"]))
    found = statistics.reclassification(part["y"], part["p"], extreme, 0.5, 0.5, seed=1, n_boot=500)
    assert found["idi"][1] > 0
    assert found["nri_continuous"][1] > 0
    assert statistics.auc_difference(part["y"], part["p"], extreme, seed=1)["p"] == 1
    assert statistics.calibration(part["y"], extreme).brier > statistics.calibration(part["y"], part["p"]).brier


def test_nothing_reclassified_is_zero():
    part = PROBABILITIES["test_43"]
    found = statistics.reclassification(part["y"], part["p"], part["p"], 0.5, 0.5, seed=1, n_boot=50)
    assert set(found.values()) == {(0.0, 0.0, 0.0)}
    with pytest.raises(VcfnbError, match="threshold is NaN"):
        statistics.reclassification(part["y"], part["p"], part["p"], np.nan, 0.5, seed=1)


# ---- Tables


def test_the_primary_model_is_compared_with_every_other_and_the_papers_three_with_each_other():
    five = [*MODELS, "another", "baseline"]
    paper = [("radiomics", "dtl"), ("radiomics", "fusion"), ("dtl", "fusion")]
    assert comparisons.pairs(five, "another") == [*paper, *(("another", name) for name in (*MODELS, "baseline"))]
    assert comparisons.pairs(five, "fusion")[1:] == [
        ("fusion", name) for name in ("radiomics", "dtl", "another", "baseline")
    ]
    assert comparisons.pairs(["radiomics", "baseline"], "fusion") == [("radiomics", "baseline")]
    found = {pair: comparisons.nested(*pair) for pair in comparisons.pairs(five, "another")}
    assert [pair for pair in found if found[pair]] == [*paper[1:], ("another", "radiomics"), ("another", "dtl")]


def test_differences_name_nested_pairs_and_use_patients(scores):
    table = comparisons.auc_differences(scores, MODELS, "fusion", seed=1, n_bootstrap=300)
    assert table["nested"].tolist() == [False, True, True] * 2
    row, test = table.iloc[-1], scores.query("split == 'test'")
    expected = statistics.auc_difference(
        test["label"], test["fusion"], test["dtl"], test["patient_id"], seed=1, n_boot=300
    )
    assert (row.difference, row.ci_low, row.ci_high, row.p) == tuple(expected.values())
    alone = comparisons.auc_differences(scores.drop(columns="patient_id"), MODELS, "fusion", seed=1, n_bootstrap=300)
    assert not alone["ci_low"].equals(table["ci_low"])
    shuffled = scores.sample(frac=1, random_state=2)
    pd.testing.assert_frame_equal(
        comparisons.auc_differences(shuffled, MODELS, "fusion", seed=1, n_bootstrap=300), table
    )


def test_reclassification_table(scores):
    test = scores.query("split == 'test'")
    table = comparisons.reclassification(test, MODELS, "fusion", dict.fromkeys(MODELS, 0.5), seed=1, n_bootstrap=100)
    assert len(table) == 2 * 7 and set(table["new"]) == {"fusion"}
    assert (table["ci_low"] <= table["ci_high"]).all()


def test_recalibration_is_fitted_on_training_cases_alone(scores):
    training = scores.query("split == 'train'")
    before, probabilities = tables.recalibration(scores, MODELS, training)
    assert before["method"].tolist() == list(statistics.RECALIBRATIONS) * 3
    assert len(probabilities) == 3 * 45
    none = before.query("method == 'none'").set_index("model")
    test = tables.calibration(scores, MODELS, seed=1, n_bootstrap=50).query("split == 'test'").set_index("model")
    assert none["slope"].to_dict() == pytest.approx(test["slope"].to_dict())
    changed = scores.copy()
    changed.loc[changed["split"] == "test", "label"] = 1 - changed["label"]
    after, _ = tables.recalibration(changed, MODELS, training)
    assert after[["added_intercept", "factor"]].equals(before[["added_intercept", "factor"]])
    assert not after["brier"].equals(before["brier"])


def test_recalibration_of_a_model_that_separates_the_training_cases_says_so(scores):
    training = scores.query("split == 'train'").assign(fusion=lambda t: 0.1 + 0.8 * t["label"])
    scores = scores.assign(dtl=0.7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table, _ = tables.recalibration(scores, ["dtl", "fusion"], training)
    row = table.query("model == 'fusion' and method == 'intercept and slope'").iloc[0]
    assert row.done == "intercept"
    assert "separate the classes" in row.note
    assert table.query("model == 'dtl'")["note"].str.contains("all probabilities are equal").all()
    assert table.query("model == 'dtl'")["slope"].isna().all()


def test_decision_bands_belong_to_their_model(scores):
    test = scores.query("split == 'test'")
    band = tables.dca_bands(test, MODELS, [0.2, 0.6], seed=1, n_bootstrap=200)
    curve = tables.dca(test, MODELS, [0.2, 0.6]).merge(band, on=["model", "threshold"], validate="1:1")
    assert len(curve) == 6
    assert (curve["low"] <= curve["net_benefit"]).all()
    assert (curve["net_benefit"] <= curve["high"]).all()


def test_both_operating_points_come_with_intervals_for_reading(scores):
    points = tables.operating(scores, MODELS)
    assert points.groupby("method").size().to_dict() == {"youden": 6, "sensitivity": 6}
    reached = points.query("method == 'sensitivity' and split == 'train'")["sensitivity"]
    assert (reached >= 0.9).all()
    shown = tables.readable_rates(points)
    row, point = shown.iloc[0], points.iloc[0]
    expected = f"{point.sensitivity:.2f} ({point.sensitivity_low:.2f} to {point.sensitivity_high:.2f})"
    assert row["sensitivity"] == expected
    nobody = points.assign(ppv=np.nan, ppv_low=np.nan, ppv_high=np.nan)
    assert (tables.readable_rates(nobody)["ppv"] == "no such prediction").all()


# ---- Subgroups


def test_subgroups_are_what_they_are_called(scores):
    table = subgroups.auc_by_subgroup(scores, MODELS)
    test = scores.query("split == 'test'")
    cut = scores.query("split == 'train'")["age"].median()
    expected = {
        "all cases": test,
        "female": test[test["sex"] == "F"],
        "male": test[test["sex"] == "M"],
        f"below {cut:g} years": test[test["age"] < cut],
        f"{cut:g} years or older": test[test["age"] >= cut],
        "T-score -2.5 or below": test[test["bmd"] <= -2.5],
        "T-score above -2.5": test[test["bmd"] > -2.5],
        "thoracic": test[test["level"].isin(["T10", "T12"])],
        "lumbar": test[test["level"].isin(["L1", "L3"])],
    }
    assert table["subgroup"].unique().tolist() == list(expected)
    for name, part in expected.items():
        row = table[(table["subgroup"] == name) & (table["model"] == "fusion")].iloc[0]
        assert (row.n, row.n_acute, row.n_chronic) == (len(part), part.label.sum(), (part.label == 0).sum())
        assert (row.auc, row.ci_low, row.ci_high) == statistics.auc_ci(part["label"], part["fusion"])


def test_small_subgroups_say_so_instead_of_a_number(scores):
    rare = scores.assign(sex=np.where(np.arange(90) > 80, "F", "M"))
    table = subgroups.auc_by_subgroup(rare, MODELS).query("subgroup == 'female'")
    assert table["auc"].isna().all()
    assert (table["note"] == "too few: 6 acute, 3 chronic (at least 5 of each)").all()
    assert subgroups.auc_by_subgroup(rare, MODELS, min_cases=3).query("subgroup == 'female'")["auc"].notna().all()
    with pytest.raises(VcfnbError, match="min_cases is 1"):
        subgroups.auc_by_subgroup(scores, MODELS, min_cases=1)


def test_subgroups_without_clinical_columns_are_not_recorded(scores):
    bare = scores.drop(columns=["sex", "age"]).assign(bmd=np.nan, level=None)
    table = subgroups.auc_by_subgroup(bare, ["dtl"])
    assert table["variable"].tolist() == ["all", "sex", "age", "bmd", "level"]
    assert table["note"].tolist() == ["", *(f"{name} is not recorded" for name in ("sex", "age", "bmd", "level"))]
    ages_of_test_only = scores.assign(age=scores["age"].where(scores["split"] == "test"))
    table = subgroups.auc_by_subgroup(ages_of_test_only, ["dtl"]).query("variable == 'age'")
    assert table["note"].tolist() == ["age is not recorded"]


def test_a_case_with_a_missing_value_is_in_no_subgroup(scores):
    scores = scores.assign(level=scores["level"].where(np.arange(90) % 5 > 0, None))
    scores.loc[89, ["sex", "bmd", "age"]] = np.nan
    table = subgroups.auc_by_subgroup(scores, ["dtl"]).groupby("variable")["n"].sum()
    assert table.to_dict() == {"all": 45, "sex": 44, "age": 44, "bmd": 44, "level": 36}


def test_differences_between_subgroups_are_of_those_that_have_an_auc(scores):
    table = subgroups.auc_by_subgroup(scores, ["fusion", "dtl"], min_cases=3)
    found = subgroups.auc_differences(table)
    known = table.dropna(subset="auc").query("variable != 'all'").groupby(["variable", "model"]).size()
    assert len(found) == (known == 2).sum() > 0
    row = found.iloc[0]
    both = table.set_index(["subgroup", "model"])["auc"]
    assert row.difference == both[row.subgroup_a, row.model] - both[row.subgroup_b, row.model]
    assert row.low < row.difference < row.high
    nobody = table.assign(auc=float("nan"))
    assert list(subgroups.auc_differences(nobody)) == list(found) and not len(subgroups.auc_differences(nobody))


# ---- Scores that say nothing, or all


def test_constant_scores_give_chance_and_no_warning():
    y, constant = np.repeat([1, 0], [34, 9]), np.full(43, 0.6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert statistics.delong_test(y, constant, constant) == (0, 1)
        band = statistics.roc_band(y, constant, seed=1, n_boot=50)
        assert np.trapezoid(band["tpr"], band["fpr"]) == pytest.approx(0.5)
        threshold = statistics.operating_point(y, constant)
        assert statistics.operating_metrics(y, constant, threshold)["sensitivity"] == 1
        curve = statistics.decision_curve(y, constant, [0.5, 0.7])
        assert curve["net_benefit"].tolist() == [curve["treat_all"][0], 0]
        flat = statistics.decision_curve_band(y, constant, [0.7], seed=1, n_boot=50)
        assert flat[["low", "high"]].to_numpy().tolist() == [[0, 0]]
        assert len(statistics.calibration_curve_points(y, constant)) == 1


def test_perfect_separation_gives_limits_and_no_warning():
    y = np.repeat([1, 0], [34, 9])
    p = np.where(y == 1, 0.9, 0.2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert statistics.auc_ci(y, p) == (1, 1, 1)
        threshold = statistics.operating_point(y, p)
        assert threshold == pytest.approx(0.55)
        found = statistics.reclassification(y, np.full(43, 0.5), p, 0.5, threshold, seed=1, n_boot=50)
        assert found["nri_continuous"] == (2, 2, 2)
        assert found["nri_categorical"] == (1, 1, 1)
        test = statistics.mcnemar_test(y, np.ones(43), p >= threshold)
        assert (test["a_right"], test["b_right"]) == (0, 9)
