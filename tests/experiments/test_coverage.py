"""The coverage of intervals: what is drawn, that the intervals are the package's, a tiny run that is resumed."""

import numpy as np
import pandas as pd
import pytest
from study import script

from vcfnb import statistics


@pytest.fixture(scope="module")
def coverage():
    return script("experiments/coverage", "coverage")


@pytest.mark.parametrize("mixed", [False, True])
def test_test_sets_have_the_auc_and_the_correlation_that_they_should(coverage, mixed):
    y, score, patients = coverage.draw((3000, 1500), 3, mixed, 0.87, np.random.default_rng(1))
    assert (y.sum(), len(y), np.bincount(patients).max()) == (3000, 4500, 3)
    assert statistics.auc_ci(y, score)[0] == pytest.approx(0.87, abs=0.02)
    rest = pd.Series(score - np.where(y == 1, score[y == 1].mean(), score[y == 0].mean()))
    first, last = (rest.groupby(patients).agg(name) for name in ("first", "last"))
    assert np.corrcoef(first, last)[0, 1] == pytest.approx(0.7, abs=0.05)
    assert pd.Series(y).groupby(patients).nunique().max() == 1 + mixed


@pytest.mark.parametrize("seed", range(3))
def test_intervals_are_those_of_the_package(coverage, seed):
    y, score, patients = coverage.draw((12, 6), 2, seed == 0, 0.95, np.random.default_rng(seed))
    found = coverage.intervals(y, score, patients)
    assert tuple(found["delong"]) == pytest.approx(statistics.auc_ci(y, score)[1:], abs=1e-12)
    assert found["newcombe"] == statistics.auc_interval(y, score)[1:]
    assert found["newcombe_by_patient"] == statistics.auc_interval(y, score, patients)[1:]


def test_tiny_run_goes_on_where_it_was(coverage, tmp_path, capsys):
    arguments = ["--quick", "--out", str(tmp_path)]
    coverage.main(arguments)
    said, whole = capsys.readouterr().out, (tmp_path / "coverage.csv").read_bytes()
    assert said.count("12 6") == 15 and "DeLong: " in said
    table = pd.read_csv(tmp_path / "coverage.csv")
    assert len(table) == 60 and table["coverage"].between(0, 1).all()
    np.testing.assert_allclose(table["coverage"] + table["too_high"] + table["too_low"], 1, atol=1e-12)
    assert (table["holds"] == table["coverage"].between(0.92, 0.98)).all()
    table.iloc[:-4].to_csv(tmp_path / "coverage.csv", index=False)
    coverage.main(arguments)
    assert capsys.readouterr().out.count("12 6") == 1
    assert (tmp_path / "coverage.csv").read_bytes() == whole and (tmp_path / "coverage.png").exists()
