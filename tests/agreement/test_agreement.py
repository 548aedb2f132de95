"""ICC against R psych::ICC and the papers' own examples, Dice against counting."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from vcfnb.agreement import icc, icc_of_segmentations
from vcfnb.errors import VcfnbError
from vcfnb.images import dice

REFERENCE = Path(__file__).parents[1] / "reference"
RATINGS = pd.read_csv(REFERENCE / "ratings.csv")
PSYCH = pd.read_csv(REFERENCE / "psych_ICC.csv")


def ratings_of(feature):
    part = RATINGS[RATINGS["feature"] == feature]
    return part.pivot_table(index="subject", columns="rater", values="value").to_numpy()


@pytest.mark.parametrize("row", list(PSYCH.itertuples()), ids=lambda row: f"{row.feature}-{row.form}-{row.alpha:g}")
def test_icc_equals_psych(row):
    found = icc(ratings_of(row.feature), row.form, alpha=row.alpha)
    assert list(found.columns) == ["icc", "low", "high"]
    np.testing.assert_allclose(found.iloc[0], [row.icc, row.low, row.high], rtol=0, atol=1e-9)


def test_icc_equals_what_shrout_and_fleiss_print():
    # Table 4 of the 1979 paper: .29 and .71.
    assert icc(ratings_of("shrout_fleiss"), "ICC(2,1)")["icc"][0] == pytest.approx(0.29, abs=0.005)
    assert icc(ratings_of("shrout_fleiss"), "ICC(3,1)")["icc"][0] == pytest.approx(0.71, abs=0.005)


def test_icc_of_many_features_is_the_icc_of_each_and_fast():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(30, 1, 1834)) * np.logspace(-8, 12, 1834) + rng.normal(size=(30, 2, 1834))
    for form in ("ICC(2,1)", "ICC(3,1)"):
        start = time.process_time()
        table = icc(values, form)
        assert time.process_time() - start < 1
        assert len(table) == 1834
        for index in (0, 700, 1833):
            # Identical up to the order in which sums are taken.
            np.testing.assert_allclose(table.loc[index], icc(values[:, :, index], form).loc[0], rtol=1e-9)


@pytest.mark.parametrize("form", ["ICC(2,1)", "ICC(3,1)"])
@pytest.mark.parametrize("factor, shift", [(1e200, 0), (1e-200, 0), (-3.0, 0), (1.0, 1000.0)])
def test_icc_does_not_depend_on_units(form, factor, shift):
    values = ratings_of("moderate")
    np.testing.assert_allclose(icc(values * factor + shift, form), icc(values, form), atol=1e-9)


@pytest.mark.parametrize("form", ["ICC(2,1)", "ICC(3,1)"])
def test_constant_features_have_no_icc(form):
    rounding = 0.1 + 1e-17 * np.arange(60).reshape(30, 2) + np.spacing(0.1) * (np.arange(60).reshape(30, 2) % 2)
    values = np.stack([np.zeros((30, 2)), np.full((30, 2), 7.3), rounding, ratings_of("excellent")], axis=2)
    found = icc(values, form)
    assert found.iloc[:3].isna().all(axis=None)
    assert found["icc"][3] > 0.99


def test_no_disagreement_is_one_and_a_constant_difference_only_counts_as_absolute():
    subject = np.arange(10.0)[:, np.newaxis]
    same, shifted = subject + [0, 0], subject + [0, 2]
    for form in ("ICC(2,1)", "ICC(3,1)"):
        assert icc(same, form).to_numpy().tolist() == [[1, 1, 1]]
    assert icc(shifted, "ICC(3,1)").to_numpy().tolist() == [[1, 1, 1]]
    # By hand: mean squares 55/3 between subjects, 20 between raters, 0 residual.
    absolute = icc(shifted, "ICC(2,1)").loc[0]
    assert absolute["icc"] == pytest.approx((55 / 3) / (55 / 3 + 2 * 20 / 10))
    assert absolute["low"] < absolute["icc"] < absolute["high"] < 1


def test_raters_who_differ_while_subjects_do_not():
    values = np.tile([1.1, 2.3], (12, 1))
    assert icc(values, "ICC(2,1)")["icc"][0] == 0
    assert np.isnan(icc(values, "ICC(3,1)")["icc"][0])


def test_icc_covers_its_true_value():
    # Variances 4 (subjects), 0.25 (raters), 1 (residual): ICC(3,1) = 4 / 5.
    rng = np.random.default_rng(5)
    n = 4000
    values = 2 * rng.normal(size=(30, 1, n)) + 0.5 * rng.normal(size=(1, 2, n)) + rng.normal(size=(30, 2, n))
    found = icc(values, "ICC(3,1)")
    assert ((found["low"] < 0.8) & (found["high"] > 0.8)).mean() == pytest.approx(0.95, abs=0.011)


@pytest.mark.parametrize(
    "values, form, message",
    [
        (np.ones((5, 2)), "ICC(1,1)", r"unknown ICC form 'ICC\(1,1\)': use one of ICC\(2,1\), ICC\(3,1\)"),
        (np.ones((1, 2)), "ICC(2,1)", "1 subject"),
        (np.ones((5, 1)), "ICC(2,1)", "1 rater"),
        (np.ones(5), "ICC(2,1)", "1 dimensions"),
        (np.array([[[1, 2, 3.0]] * 2, [[1, np.nan, 3]] * 2, [[1, 2, np.inf]] * 2]), "ICC(2,1)", "index 1, 2"),
    ],
)
def test_icc_refuses(values, form, message):
    with pytest.raises(VcfnbError, match=message):
        icc(values, form)


@pytest.mark.parametrize("alpha", [0, 1, -0.1])
def test_icc_refuses_alpha(alpha):
    with pytest.raises(VcfnbError, match="alpha"):
        icc(np.ones((5, 2)), alpha=alpha)


@pytest.fixture
def segmentations():
    """Three segmentations of 20 cases: one feature stable, one not for reader B, one constant."""
    rng = np.random.default_rng(0)
    cases = [f"case{i:02d}" for i in range(20)]
    truth = rng.normal(size=20)

    def reading(noise):
        return pd.DataFrame(
            {"case_id": cases, "stable": truth + rng.normal(0, 0.01, 20), "unstable": truth + noise, "constant": 1.0}
        )

    return {"a": reading(0.0), "a2": reading(0.0), "b": reading(rng.normal(size=20))}


def test_icc_of_segmentations(segmentations):
    found = icc_of_segmentations(segmentations).set_index("feature")
    assert found["stable"].to_dict() == {"stable": True, "unstable": False, "constant": False}
    assert found["stable"].dtype == bool
    pair = np.column_stack([segmentations["a"]["unstable"], segmentations["b"]["unstable"]])
    columns = ["icc_inter", "icc_inter_low", "icc_inter_high"]
    np.testing.assert_allclose(found.loc["unstable", columns].astype(float), icc(pair).loc[0], rtol=1e-12)
    assert found.loc["unstable", "icc_intra"] == 1
    assert found.loc["constant"].drop("stable").isna().all()


def test_icc_of_segmentations_matches_cases_and_features_by_name(segmentations):
    expected = icc_of_segmentations(segmentations)
    segmentations["b"] = segmentations["b"].sample(frac=1, random_state=0)[
        ["constant", "case_id", "unstable", "stable"]
    ]
    pd.testing.assert_frame_equal(icc_of_segmentations(segmentations), expected)


def test_the_lower_limit_is_the_stricter_criterion(segmentations):
    row = icc_of_segmentations(segmentations).set_index("feature").loc["stable"]
    between = (row[["icc_intra_low", "icc_inter_low"]].min() + row[["icc_intra", "icc_inter"]].min()) / 2
    for criterion, stable in (("estimate", True), ("lower_limit", False)):
        found = icc_of_segmentations(segmentations, threshold=between, criterion=criterion).set_index("feature")
        assert found.loc["stable", "stable"] == stable
    assert icc_of_segmentations(segmentations, criterion="lower_limit")["stable"].any()


def test_icc_without_segmentations_is_an_empty_table(segmentations):
    assert list(icc_of_segmentations({}).columns) == list(icc_of_segmentations(segmentations).columns)
    assert len(icc_of_segmentations({})) == 0


def test_icc_of_segmentations_refuses(segmentations):
    a, b = segmentations["a"], segmentations["b"]
    with pytest.raises(VcfnbError, match="no features of reading a2, b"):
        icc_of_segmentations({"a": a})
    with pytest.raises(VcfnbError, match="a and b differ in cases: case03"):
        icc_of_segmentations(segmentations | {"b": b.drop(index=3)})
    with pytest.raises(VcfnbError, match="a and b differ in features: unstable"):
        icc_of_segmentations(segmentations | {"b": b.drop(columns="unstable")})
    with pytest.raises(VcfnbError, match="reading b has cases twice: case00"):
        icc_of_segmentations(segmentations | {"b": pd.concat([b, b.head(1)])})
    with pytest.raises(VcfnbError, match="case case04, reading b: unstable is not finite"):
        icc_of_segmentations(segmentations | {"b": b.assign(unstable=b["unstable"].where(b.index != 4))})


def test_dice_by_counting():
    a, b = np.zeros((4, 5, 6)), np.zeros((4, 5, 6))
    a[1:3, 1:3, 1:3], b[1:3, 1:3, 2:5] = 1, 255  # 8 and 12 voxels, 4 shared; any label counts
    assert dice(a, b) == 2 * 4 / 20
    assert dice(a, a) == 1
    assert dice(a, 1 - (a > 0)) == 0
    assert dice(a, np.zeros_like(a)) == 0
    assert np.isnan(dice(np.zeros_like(a), np.zeros_like(a)))


def test_dice_of_images():
    a, b = np.zeros((4, 5, 6), np.uint8), np.zeros((4, 5, 6), np.uint8)
    a[1:3, 1:3, 1:3], b[1:3, 1:3, 2:5] = 1, 1
    first, second = sitk.GetImageFromArray(a), sitk.GetImageFromArray(b)
    assert dice(first, second) == dice(a, b) == dice(first, b)
    second.SetOrigin((0, 0, 1))
    with pytest.raises(VcfnbError, match="masks lie on different grids"):
        dice(first, second)
    with pytest.raises(VcfnbError, match=r"shape \(4, 5, 6\) and \(4, 5, 5\)"):
        dice(a, b[:, :, 1:])
