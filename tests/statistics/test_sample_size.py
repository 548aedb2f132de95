"""Riley's minimum sample sizes against pmsampsize and pmvalsampsize (tests/reference), and against simulation."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score
from statsmodels.api import Logit, add_constant

from vcfnb import statistics
from vcfnb.errors import VcfnbError
from vcfnb.statistics import sentences

REFERENCE = Path(__file__).parents[1] / "reference"


def rows(name):
    return list(pd.read_csv(REFERENCE / f"{name}.csv").itertuples(index=False))


def test_development_equals_pmsampsize():
    for row in rows("pmsampsize"):
        found = statistics.development_sample_size(row.predictors, row.prevalence, row.r2)
        assert list(found.values()) == [row.shrinkage, row.optimism, row.overall_risk], row
        assert max(found.values()) == row.needed
        statistics.development_sample_size(1, row.prevalence, row.max_r2 - 1e-9)
        with pytest.raises(VcfnbError, match="lies between"):
            statistics.development_sample_size(1, row.prevalence, row.max_r2 + 1e-9)


def test_r2_of_an_auc_is_what_pmsampsize_simulates():
    # It rounds to four digits what it finds in one simulated sample.
    for row in rows("pmsampsize_r2"):
        assert statistics.cox_snell_r2(row.auc, row.prevalence) == pytest.approx(row.r2, abs=0.001), row


def test_validation_equals_pmvalsampsize():
    for row in rows("pmvalsampsize"):
        found = statistics.validation_sample_size(row.auc, row.prevalence)
        assert (found["observed / expected"], found["AUC"]) == (row.oe, row.c), row
        # The distribution of the log odds is simulated there.
        assert found["calibration slope"] == pytest.approx(row.slope, rel=0.005), row


def test_r2_and_slope_by_simulation():
    """Written differently: a large cohort with two normal classes, and statsmodels' regression of it."""
    rng, auc, share, n = np.random.default_rng(3), 0.87, 0.78, 200_000
    y = (np.arange(n) < share * n).astype(float)
    x = rng.normal(size=n) + np.sqrt(2) * stats.norm.ppf(auc) * y
    assert roc_auc_score(y, x) == pytest.approx(auc, abs=0.003)
    fit = Logit(y, add_constant(x)).fit(disp=False)
    r2 = 1 - np.exp(2 * (fit.llnull - fit.llf) / n)
    assert statistics.cox_snell_r2(auc, share) == pytest.approx(r2, abs=0.004)
    log_odds = fit.fittedvalues
    slope_error = Logit(y, add_constant(log_odds)).fit(disp=False).bse[1]
    needed = n * (2 * 1.96 * slope_error / 0.2) ** 2
    assert statistics.validation_sample_size(auc, share)["calibration slope"] == pytest.approx(needed, rel=0.03)


def test_the_papers_28_predictors_need_some_710_patients():
    r2 = statistics.cox_snell_r2(0.87, 0.78)
    assert statistics.development_sample_size(28, 0.78, r2) == {"shrinkage": 702, "optimism": 710, "overall risk": 264}


def test_sizes_that_cannot_be_computed_say_why():
    with pytest.raises(VcfnbError, match="lies between 0 and 0.651"):
        statistics.development_sample_size(28, 0.78, 0.7)
    with pytest.raises(VcfnbError, match="proportion of positive cases is 1"):
        statistics.validation_sample_size(0.9, 1)


def test_the_sentence_takes_the_criterion_that_needs_most():
    table = statistics.sample_sizes(0.87, 0.78, 300, 43, (28, 5))
    said = sentences.sample_sizes(table)
    assert "710 for 28 predictors (optimism; here 300), 264 for 5 predictors (overall risk; here 300, enough)" in said
    assert said.endswith("and 1966 for validation (calibration slope; here 43).")
