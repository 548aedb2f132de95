"""Intervals for few cases and for patients with several: against other forms of the equations, by hand, in tables."""

import doctest
from fractions import Fraction
from itertools import product
from math import comb

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vcfnb import statistics
from vcfnb.errors import VcfnbError
from vcfnb.statistics import auc_intervals, comparisons, proportions, roc, subgroups, tables

PAPER = np.repeat([1, 0], [34, 9])


def drawn(seed, n=40, patients=15):
    """Labels, rounded scores (some are tied) and patients with several cases, some of both classes."""
    rng = np.random.default_rng(seed)
    number = np.concatenate([np.arange(patients), rng.integers(patients, size=n - patients)])
    y = (rng.random(n) < 0.6).astype(int)
    return (
        y,
        np.round(y + rng.normal(size=patients)[number] + rng.normal(size=n), 1),
        np.array([f"P{i}" for i in number]),
    )


def test_example_of_the_docstring():
    assert doctest.testmod(auc_intervals) == (0, 1)


# ---- Newcombe's method 5


def roots_of_the_quartic(auc, m, n, z):
    """Newcombe 2006, method 5, multiplied out: the way of R ``auRoc::auc.nonpara.mw(method = "newcombe")``."""
    extra = (m + n) / 2 - 1
    t = np.polynomial.Polynomial([0, 1])
    square = m * n * (t - auc) ** 2 * (2 - t) * (1 + t)
    variance = t * (1 - t) * ((2 - t) * (1 + t) + extra * (1 - t) * (1 + t) + extra * t * (2 - t))
    roots = (square - z**2 * variance).roots()
    roots = np.sort(roots[abs(roots.imag) < 1e-7].real)
    return [root for root in roots if -1e-9 <= root <= 1 + 1e-9]


@pytest.mark.parametrize("alpha", [0.05, 0.1])
@pytest.mark.parametrize(("m", "n"), [(34, 9), (12, 6), (3, 40)])
def test_newcombes_interval_has_the_roots_of_the_quartic(m, n, alpha):
    rng = np.random.default_rng(m)
    y = np.repeat([1, 0], [m, n])
    for shift in (-1, 0, 0.7, 2):
        auc, low, high = statistics.auc_interval(y, shift * y + rng.normal(size=m + n), alpha=alpha)
        expected = roots_of_the_quartic(auc, m, n, stats.norm.ppf(1 - alpha / 2))
        np.testing.assert_allclose((low, high), (expected[0], expected[-1]), rtol=0, atol=1e-9)


def test_the_limits_are_where_the_estimate_is_just_as_far_as_it_may_be():
    """On a fine grid, with the variance in Hanley and McNeil's form: both class sizes are N* + 1."""
    y, score, _ = drawn(3)
    auc, low, high = statistics.auc_interval(y, score)
    m, n = (y == 1).sum(), (y == 0).sum()
    area = np.linspace(1e-6, 1 - 1e-6, 2_000_001)
    q1, q2, extra = area / (2 - area), 2 * area**2 / (1 + area), (m + n) / 2 - 1
    variance = (area * (1 - area) + extra * (q1 - area**2) + extra * (q2 - area**2)) / (m * n)
    inside = area[abs(area - auc) <= stats.norm.ppf(0.975) * np.sqrt(variance)]
    np.testing.assert_allclose((low, high), (inside[0], inside[-1]), rtol=0, atol=1e-6)


def test_perfect_separation_has_an_interval():
    auc, low, high = statistics.auc_interval(PAPER, PAPER)
    assert (auc, high) == (1, 1) and low == pytest.approx(0.8597, abs=5e-5)
    assert statistics.auc_interval(PAPER, -PAPER) == (0, 0, pytest.approx(1 - low, abs=1e-12))


def test_it_is_symmetric_in_the_classes_and_there_with_a_single_case():
    y, score, _ = drawn(1)
    auc, low, high = statistics.auc_interval(y, score)
    assert statistics.auc_interval(1 - y, score) == pytest.approx((1 - auc, 1 - high, 1 - low), abs=1e-9)
    expected = roots_of_the_quartic(0.5, 1, 2, stats.norm.ppf(0.975))
    assert statistics.auc_interval([1, 0, 0], [2, 1, 3])[1:] == pytest.approx(expected, abs=1e-9)


# ---- Several vertebrae per patient


def obuchowski_by_hand(y, score, patients):
    """Obuchowski 1997 with loops over patients, in the sums S10, S01 and S11 of the paper."""
    x, z = score[y == 1], score[y == 0]
    psi = np.sign(x[:, None] - z) / 2 + 0.5
    auc, names = psi.mean(), sorted(set(patients))
    a = [sum(row.mean() - auc for row, who in zip(psi, patients[y == 1], strict=True) if who == name) for name in names]
    b = [
        sum(col.mean() - auc for col, who in zip(psi.T, patients[y == 0], strict=True) if who == name) for name in names
    ]
    i10, i01, i = len(set(patients[y == 1])), len(set(patients[y == 0])), len(names)
    s10 = i10 / ((i10 - 1) * len(x)) * sum(value**2 for value in a)
    s01 = i01 / ((i01 - 1) * len(z)) * sum(value**2 for value in b)
    s11 = i / (i - 1) * sum(p * q for p, q in zip(a, b, strict=True))
    return s10 / len(x) + s01 / len(z) + 2 * s11 / (len(x) * len(z))


@pytest.mark.parametrize("seed", range(5))
def test_obuchowskis_variance(seed):
    y, score, patients = drawn(seed)
    number = np.unique(patients, return_inverse=True)[1]
    components = roc.placements(y == 1, score)
    expected = obuchowski_by_hand(y, score, patients)
    assert roc.obuchowski(y == 1, number, *components) == pytest.approx(expected, rel=1e-12)
    # One case per patient: DeLong's.
    alone = roc.obuchowski(y == 1, np.arange(len(y)), *components)
    assert alone == pytest.approx(roc.variance_of_mean(*components), rel=1e-12)
    # The interval: Newcombe's with its variance so many times larger.
    effect = max(1, expected / roc.variance_of_mean(*components))
    auc, low, high = statistics.auc_interval(y, score, patients)
    limits = roots_of_the_quartic(auc, (y == 1).sum(), (y == 0).sum(), stats.norm.ppf(0.975) * np.sqrt(effect))
    np.testing.assert_allclose((low, high), (limits[0], limits[-1]), rtol=0, atol=1e-9)


def test_one_case_per_patient_changes_nothing_and_order_does_not_matter():
    y, score, patients = drawn(2)
    assert statistics.auc_interval(y, score, np.arange(len(y))) == statistics.auc_interval(y, score)
    order = np.random.default_rng(0).permutation(len(y))
    shuffled = statistics.auc_interval(y[order], score[order], patients[order])
    assert shuffled == pytest.approx(statistics.auc_interval(y, score, patients), abs=1e-12)


def test_where_the_variance_is_unknown_a_patients_cases_count_as_one():
    """No error seen, three cases per patient: as wide as for a third of the evidence."""
    patients = np.arange(43) // 3 + np.where(PAPER, 0, 100)
    _, low, _ = statistics.auc_interval(PAPER, PAPER, patients)
    effect = max(
        (np.bincount(np.unique(p, return_inverse=True)[1]) ** 2).sum() / len(p) for p in (patients[:34], patients[34:])
    )
    assert low == pytest.approx(roots_of_the_quartic(1, 34, 9, stats.norm.ppf(0.975) * np.sqrt(effect))[0], abs=1e-9)
    # A class with one patient: its variance between patients is not known either.
    y, score, _ = drawn(4)
    one = np.where(y == 1, "A", np.arange(len(y)).astype(str))
    assert np.diff(statistics.auc_interval(y, score, one)[1:]) > np.diff(statistics.auc_interval(y, score)[1:])


def test_refused():
    with pytest.raises(VcfnbError, match="1 cases without a patient"):
        statistics.auc_interval([1, 0], [2, 1], ["A", None])
    with pytest.raises(VcfnbError, match="2 labels and 1 patients"):
        statistics.auc_interval([1, 0], [2, 1], ["A"])
    with pytest.raises(VcfnbError, match="alpha"):
        statistics.auc_interval([1, 0], [2, 1], alpha=1)
    with pytest.raises(VcfnbError, match="2 labels and 1 patients"):
        statistics.operating_metrics([1, 0], [2, 1], 1, patients=["A"])


# ---- Rates


@pytest.mark.parametrize("seed", range(5))
def test_design_effect_of_a_proportion(seed):
    """Rao and Scott 1992 with fractions, relative to its own value for one case per patient."""
    y, _, patients = drawn(seed)
    hits = [[int(hit) for hit, who in zip(y, patients, strict=True) if who == name] for name in set(patients)]
    n, m, p = len(y), len(hits), Fraction(int(y.sum()), len(y))

    def variance(clusters):
        k = len(clusters)
        return Fraction(k, k - 1) * sum((sum(part) - len(part) * p) ** 2 for part in clusters) / n**2

    expected = max(1, float(variance(hits) / variance([[hit] for part in hits for hit in part])))
    assert m < n and proportions.design_effect(y, patients) == pytest.approx(expected, rel=1e-12)
    assert proportions.design_effect(y, np.arange(n)) == proportions.design_effect(y) == 1


def test_a_patients_cases_that_are_all_alike_count_as_one():
    hit = np.repeat([1, 0, 1, 1, 0, 1], 2)
    effect = proportions.design_effect(hit, np.repeat(range(6), 2))
    assert effect == pytest.approx(2 * (6 / 5) / (12 / 11))
    assert proportions.design_effect(np.ones(6), [1, 1, 1, 2, 2, 3]) == pytest.approx(14 / 6)
    _, low, high = proportions.wilson(12, 12, effect=2)
    assert (low, high) == pytest.approx(stats.binomtest(6, 6).proportion_ci(method="wilson"))


def test_rates_have_intervals_by_patient():
    y, score, patients = drawn(13)
    plain = statistics.operating_metrics(y, score, 0.5)
    assert statistics.operating_metrics(y, score, 0.5, patients=np.arange(len(y))) == plain
    found = statistics.operating_metrics(y, score, 0.5, patients=patients)
    for rate, of, hit in (("sensitivity", y == 1, score >= 0.5), ("ppv", score >= 0.5, y == 1)):
        effect = proportions.design_effect(hit[of], patients[of])
        n = of.sum() / effect
        assert effect > 1 and found[rate] == plain[rate]
        # Wilson's limits solve (p - share)^2 = z^2 p (1 - p) / n.
        for end in (found[f"{rate}_low"], found[f"{rate}_high"]):
            far = stats.norm.ppf(0.975) ** 2 * end * (1 - end) / n
            assert (end - found[rate]) ** 2 == pytest.approx(far, rel=1e-9)


# ---- ROC band


def test_the_band_of_patients_equals_a_plain_bootstrap_of_them():
    y, score, patients = drawn(8)
    band = statistics.roc_band(y, score, seed=3, n_boot=60, patients=patients)
    top, n_negative = band.iloc[1::2], (y == 0).sum()
    curves = []
    for row in statistics.draw_counts(y, patients, n_boot=60, seed=3):
        again = np.repeat(np.arange(len(y)), row)
        points = statistics.roc_points(y[again], score[again])
        # The highest sensitivity at that rate, on the line where no corner lies.
        best = points.assign(fpr=points["fpr"].round(12)).groupby("fpr")["tpr"].max()
        at = np.round(np.arange(n_negative + 1) / n_negative, 12)
        curves.append([best[x] if x in best.index else np.interp(x, points["fpr"], points["tpr"]) for x in at])
    expected = np.quantile(curves, [0.025, 0.975], axis=0)
    np.testing.assert_allclose(top[["low", "high"]].to_numpy().T, expected, rtol=0, atol=1e-9)
    pd.testing.assert_series_equal(band["tpr"], statistics.roc_band(y, score, seed=3, n_boot=5)["tpr"])


def test_the_band_of_one_case_per_patient_is_the_same_to_the_last_bit():
    y, score, _ = drawn(9)
    alone = statistics.roc_band(y, score, seed=1, n_boot=200, patients=np.arange(len(y)))
    pd.testing.assert_frame_equal(alone, statistics.roc_band(y, score, seed=1, n_boot=200), check_exact=True)


# ---- McNemar's test


@pytest.mark.parametrize("seed", range(4))
def test_mcnemar_by_patient_tries_all_exchanges(seed):
    y, score, patients = drawn(seed, n=14, patients=7)
    a, b = score >= 0.4, np.random.default_rng(seed).random(14) < 0.5
    found = statistics.mcnemar_test(y, a, b, patients)
    better = (a == y) * 1 - (b == y) * 1
    parts = [Fraction(int(better[patients == name].sum()), int((patients == name).sum())) for name in set(patients)]
    sums = [abs(sum(s * part for s, part in zip(signs, parts, strict=True))) for signs in product((1, -1), repeat=7)]
    assert found["p"] == pytest.approx(np.mean([total >= abs(sum(parts)) for total in sums]), abs=1e-12)
    plain = statistics.mcnemar_test(y, a, b)
    assert {**plain, "p": None} == {**found, "p": None}
    assert statistics.mcnemar_test(y, a, b, np.arange(14)) == plain


def test_mcnemar_by_patient_is_mcnemars_where_patients_have_one_discordant_case():
    """And near Durkalski's chi-squared, (sum of d)^2 / sum of d^2, where patients are many."""
    y = np.ones(36, int)
    a = np.r_[[1, 0] * 9, [1, 1] * 9]
    b = np.r_[[0, 0] * 6, [1, 0] * 0, [1, 1] * 3, [1, 1] * 9]
    found = statistics.mcnemar_test(y, a, b, np.arange(36) // 2)
    only_a, only_b = found["a_right"], found["b_right"]
    n, k = only_a + only_b, max(only_a, only_b)
    assert found["p"] == pytest.approx(min(1, 2 * sum(comb(n, i) for i in range(k, n + 1)) / 2**n))
    rng = np.random.default_rng(1)
    y, a, b = np.ones(900, int), rng.random(900) < 0.65, rng.random(900) < 0.6
    patients = np.arange(900) // 3
    d = np.bincount(patients, a * 1 - b) / 3
    p = stats.chi2.sf(d.sum() ** 2 / (d**2).sum(), 1)
    assert statistics.mcnemar_test(y, a, b, patients)["p"] == pytest.approx(p, abs=0.02)


# ---- Tables


@pytest.fixture
def scores():
    y, score, patients = drawn(11, n=80, patients=30)
    table = pd.DataFrame({"case_id": [f"C{i}" for i in range(80)], "patient_id": patients, "label": y})
    table["split"] = np.where(np.unique(patients, return_inverse=True)[1] < 15, "train", "test")
    fusion = 1 / (1 + np.exp(-score))
    return table.assign(fusion=fusion, dtl=np.round(fusion, 1), sex="F")


def test_tables_know_patients(scores):
    table = tables.auc(scores, ["fusion"])
    assert list(table) == ["model", "split", "n", "auc", "ci_low", "ci_high", "newcombe_low", "newcombe_high"]
    test = scores.query("split == 'test'")
    row = table.iloc[1]
    expected = statistics.auc_interval(test.label, test.fusion, test.patient_id)
    assert (row.auc, row.newcombe_low, row.newcombe_high) == expected
    assert row.ci_high == statistics.auc_ci(test.label, test.fusion)[2]
    alone = tables.auc(scores.drop(columns="patient_id"), ["fusion"]).iloc[1]
    assert alone.newcombe_low > row.newcombe_low and alone.ci_low == row.ci_low
    points, plain = (tables.operating(part, ["fusion"]) for part in (scores, scores.drop(columns="patient_id")))
    assert (points["accuracy"] == plain["accuracy"]).all() and (points["accuracy_low"] < plain["accuracy_low"]).any()
    bands, lone = (tables.roc(part, ["fusion"], 1, 200) for part in (scores, scores.drop(columns="patient_id")))
    assert bands["tpr"].equals(lone["tpr"]) and not bands["low"].equals(lone["low"])
    thresholds = {"fusion": 0.5, "dtl": 0.65}
    by_patient, by_case = (
        comparisons.mcnemar(part, ["fusion", "dtl"], "fusion", thresholds)
        for part in (test, test.drop(columns="patient_id"))
    )
    assert by_patient["a_right"].equals(by_case["a_right"]) and not by_patient["p"].equals(by_case["p"])


def test_subgroups_and_expansions_end_with_newcombes_interval(scores):
    table = subgroups.auc_by_subgroup(scores, ["fusion"])
    assert list(table)[-6:] == ["auc", "ci_low", "ci_high", "note", "newcombe_low", "newcombe_high"]
    expected = tables.auc(scores, ["fusion"]).iloc[1]
    assert (table.iloc[0][["newcombe_low", "newcombe_high"]] == expected[["newcombe_low", "newcombe_high"]]).all()
    assert table.loc[table["note"] != "", "newcombe_low"].isna().all()
    long = scores.rename(columns={"fusion": "score"}).assign(expansion=6)
    table = tables.expansions(long, pd.DataFrame({"expansion": [6], "chosen": [True]}))
    assert list(table)[-3:] == ["chosen", "newcombe_low", "newcombe_high"]
    assert table["newcombe_low"].iloc[1] == expected["newcombe_low"]


def test_the_difference_of_independent_proportions_equals_newcombes():
    """56 of 70 minus 48 of 80: 0.0524 to 0.3339 (Newcombe 1998, table II, a, method 10)."""
    a, b = (tuple(map(float, proportions.wilson(*counts))) for counts in ((56, 70), (48, 80)))
    difference, low, high = statistics.independent_difference(a, b)
    assert (difference, round(low, 4), round(high, 4)) == (pytest.approx(0.2), 0.0524, 0.3339)
    assert statistics.independent_difference(b, a) == pytest.approx((-difference, -high, -low))
