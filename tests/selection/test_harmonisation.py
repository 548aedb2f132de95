"""ComBat: equal to sva's, learned on training cases only, and strict about sites."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vcfnb import runs, selection
from vcfnb.errors import BadInput, VcfnbError
from vcfnb.selection import harmonisation
from vcfnb.selection.harmonisation import ComBat, fit_combat

REFERENCE = Path(__file__).parents[1] / "reference"


def two_sites(n=80, seed=0):
    """Features of two sites; the second shifts and stretches them. Every fourth case is a test case."""
    rng = np.random.default_rng(seed)
    names = [f"c{i:03d}" for i in range(n)]
    table = pd.DataFrame({"site": np.where(np.arange(n) % 2, "B", "A"), "label": rng.integers(0, 2, n)}, names)
    table["split"] = np.where(np.arange(n) // 2 % 4, "train", "test")
    table["age"] = rng.normal(60, 10, n)
    x = rng.normal(size=(n, 30)) + 0.8 * np.outer(table["label"], np.arange(30) < 10)
    there = (table["site"] == "B").to_numpy()
    x[there] = x[there] * rng.uniform(0.6, 1.8, 30) + rng.normal(0, 1.5, 30)
    return pd.DataFrame(x * 10 + 50, names, [f"f{i}" for i in range(30)]), table


def site_gap(x, site):
    """Mean absolute difference of the two sites' means, in pooled SDs."""
    a, b = x[site == "A"], x[site == "B"]
    return float((a.mean() - b.mean()).abs().div(np.sqrt((a.var() + b.var()) / 2)).mean())


@pytest.mark.parametrize(("covariate", "covariates"), [("none", ()), ("age", ("age",))])
def test_values_equal_sva_of_r(covariate, covariates):
    given = pd.read_csv(REFERENCE / "combat.csv")
    x = given.pivot(index="case", columns="feature", values="value")
    table = given.drop_duplicates("case").set_index("case")[["site", "age"]]
    expected = pd.read_csv(REFERENCE / "sva_ComBat.csv").query("covariate == @covariate")
    expected = expected.pivot(index="case", columns="feature", values="value")
    fitted = fit_combat(x, table, covariates)
    found = fitted.transform(x, table)
    assert np.abs(found / expected - 1).max(axis=None) < 1e-9
    assert fitted.unchanged == ["constant_at_C"]
    assert (found["both"] != x["both"]).all()


def test_the_sites_move_together_in_test_cases_too():
    x, table = two_sites()
    train = table["split"] == "train"
    fitted = fit_combat(x[train], table[train])
    found = fitted.transform(x, table)
    for part, limit in ((train, 0.15), (~train, 0.6)):
        before, after = (site_gap(values[part], table.loc[part, "site"]) for values in (x, found))
        assert before > 1 and after < limit
    assert "30 features harmonised between A (30 training cases), B (30 training cases)" in fitted.note


def test_test_cases_change_nothing_that_is_learned():
    x, table = two_sites()
    train = table["split"] == "train"
    other, relabelled = x.copy(), table.copy()
    other[~train] = -1e6
    relabelled.loc[:, "label"] = 1 - table["label"]
    expected = fit_combat(x[train], table[train]).to_dict()
    assert fit_combat(other[train], relabelled[train]).to_dict() == expected
    # And a case is transformed the same way alone as among others.
    fitted = ComBat.from_dict(expected)
    alone = fitted.transform(x.iloc[[5]], table.iloc[[5]])
    assert np.allclose(alone, fitted.transform(x, table).iloc[[5]], rtol=1e-14)


def test_selection_no_longer_takes_the_site_for_the_label():
    """Where acute fractures come from one site mostly, features of the site alone look like the label's."""
    rng = np.random.default_rng(1)
    n = 120
    y = pd.Series(np.arange(n) % 2)
    table = pd.DataFrame({"site": np.where(rng.random(n) < np.where(y == 1, 0.85, 0.15), "A", "B")})
    x = pd.DataFrame(rng.normal(size=(n, 12)), columns=[f"site_{i}" for i in range(10)] + ["label_0", "label_1"])
    x.iloc[:, :10] += 3.0 * (table[["site"]] == "B").to_numpy()
    x.iloc[:, 10:] += 0.8 * y.to_numpy()[:, None]
    harmonised = fit_combat(x, table).transform(x, table)
    weights = []
    for values in (x, harmonised):
        found = selection.select_features(values, y, seed=1).selected.set_index("feature")["coefficient"].abs()
        weights.append(found[found.index.str.startswith("site_")].sum() / found.sum())
    assert weights[0] > 0.4 and weights[1] < 0.2


def test_covariates_stay_in_the_features():
    x, table = two_sites(200, seed=3)
    table["age"] += 25 * (table["site"] == "B")
    x = x.add(2.0 * table["age"], axis=0)
    slopes = [
        np.polyfit(table["age"], fit_combat(x, table, names).transform(x, table).mean(axis=1), 1)[0]
        for names in ((), ("age",))
    ]
    assert slopes[0] < 1.4 and slopes[1] == pytest.approx(2, abs=0.15)


def test_one_site_says_so_and_changes_nothing():
    x, table = two_sites()
    table["site"] = "A"
    fitted = fit_combat(x, table)
    assert fitted.note == "one site (A): nothing to harmonise"
    pd.testing.assert_frame_equal(fitted.transform(x, table), x)


def test_sites_that_cannot_be_harmonised_are_refused():
    x, table = two_sites()
    train = table["split"] == "train"
    fitted = fit_combat(x[train], table[train])
    with pytest.raises(BadInput, match="c001: site C has no training case -> .*training sites .A, B.*harmonise: none"):
        fitted.transform(x, table.assign(site=table["site"].where(table.index != "c001", "C")))
    harmonisation.check_sites(table)
    elsewhere = table["site"].where(table["split"] == "train", "C")
    with pytest.raises(BadInput, match=r"20 problem.*\n  20 cases \(c000, .*\): site C has no .*training sites .A, B"):
        harmonisation.check_sites(table.assign(site=elsewhere))
    with pytest.raises(BadInput, match="c001: site is empty -> write where it was scanned"):
        fit_combat(x, table.assign(site=table["site"].where(table.index != "c001")))
    with pytest.raises(VcfnbError, match="no column site -> add it, or set harmonise: none"):
        fit_combat(x, table.drop(columns="site"))
    with pytest.raises(VcfnbError, match="site C has a single training case"):
        fit_combat(x, table.assign(site=table["site"].where(table.index != "c001", "C")))
    with pytest.raises(VcfnbError, match="the sites fix clinical_sex_female"):
        fit_combat(x, table.assign(sex=table["site"].map({"A": "F", "B": "M"})), ["sex"])
    with pytest.raises(BadInput, match="c004: no value of age"):
        fit_combat(x, table.assign(age=table["age"].where(table.index != "c004")), ["age"])


def test_few_or_equal_features_are_not_shrunken():
    x, table = two_sites()
    for few in (x[["f0"]], pd.concat([x["f0"], x["f0"].rename("again")], axis=1)):
        fitted = fit_combat(few, table)
        z = (few - fitted.mean) / fitted.sd
        for site in ("A", "B"):
            assert np.allclose(fitted.gamma.loc[site], z[table["site"] == site].mean())
            assert np.allclose(fitted.delta.loc[site], z[table["site"] == site].var())
    assert "fewer than 20 training cases make it uncertain at A, B" in fit_combat(x[:30], table[:30]).note


def test_it_travels_as_json_with_the_same_bits_and_in_part(tmp_path):
    x, table = two_sites()
    fitted = fit_combat(x.assign(flat=1.0), table, ["age"])
    again = ComBat.from_dict(json.loads(json.dumps(fitted.to_dict(), sort_keys=True)))
    expected = fitted.transform(x, table)
    assert again.unchanged == ["flat"]
    pd.testing.assert_frame_equal(again.transform(x, table), expected, check_exact=True)
    part = ComBat.from_dict(json.loads(json.dumps(fitted.only(["f3", "dtl_000"]).to_dict())))
    pd.testing.assert_frame_equal(part.transform(x[["f3"]], table), expected[["f3"]], check_exact=True)


def test_a_study_reads_features_as_its_selection_saw_them(tmp_path):
    x, table = two_sites()
    run = runs.Run("made", tmp_path)
    runs.write_csv(table.rename_axis("case_id").reset_index(), run.path("cohort", "cohort.csv"))
    runs.write_csv(x.rename_axis("case_id").reset_index(), run.path("radiomics", "features.csv"))
    runs.write_csv(pd.DataFrame({"feature": ["f7", "f1"]}), run.path("selection", "radiomics_selected.csv"))
    train = table["split"] == "train"
    fitted = fit_combat(x[train], table[train])
    harmonisation.write_combat(fitted, run, "radiomics")
    for method, expected in (("none", x), ("combat", fitted.transform(x, table))):
        run.settings("selection", {"harmonise": method})
        found = harmonisation.harmonised_features(run, "radiomics", table, selected=True)
        np.testing.assert_array_equal(found, expected[["f7", "f1"]])
