"""Out-of-fold probabilities of training cases: what a case's own label cannot reach."""

import numpy as np
import pandas as pd
import pytest

from vcfnb import fusion, selection, statistics
from vcfnb.errors import VcfnbError
from vcfnb.params import FusionParams

SETTINGS = FusionParams(n_c=4, grid_folds=3)
UNREGULARISED = FusionParams(c_min_log10=2, c_max_log10=2, n_c=1, grid_folds=3)


def cases(n=60, columns=4, effect=1.0, seed=0):
    rng = np.random.default_rng(seed)
    y = pd.Series(np.arange(n) % 2, [f"C{i}" for i in range(n)])
    x = pd.DataFrame(rng.normal(size=(n, columns)), y.index, [f"f{i}" for i in range(columns)])
    return x.add(effect * y, axis=0), y


def test_they_are_those_of_models_fitted_without_the_case():
    x, y = cases()
    found = fusion.out_of_fold_scores(x, y, SETTINGS, seed=2)
    assert found.index.equals(x.index)
    assert found.between(0, 1).all()
    # Turning one label round changes models of other folds, never the fold that holds the case out.
    splits, _ = selection.folds(y.to_numpy(), np.arange(len(y)), 3, 2)
    fitted_on, held_out = splits[0]
    model = fusion.fit_logistic(x.iloc[fitted_on], y.iloc[fitted_on], SETTINGS, seed=2, groups=fitted_on)
    pd.testing.assert_series_equal(found.iloc[held_out], model.score(x.iloc[held_out]))


def test_noise_stays_noise():
    x, y = cases(effect=0, columns=30)
    in_sample = fusion.fit_logistic(x, y, UNREGULARISED).score(x)
    out_of_fold = fusion.out_of_fold_scores(x, y, UNREGULARISED)
    assert statistics.auc_ci(y, in_sample)[0] > 0.95
    assert statistics.auc_ci(y, out_of_fold)[0] < 0.7


def test_the_cases_of_a_patient_are_held_out_together():
    x, y = cases(effect=0, columns=30)
    twice, labels = (pd.concat([part, part.rename(lambda name: f"{name}b")]) for part in (x, y))
    patients = [name.rstrip("b") for name in twice.index]
    together = fusion.out_of_fold_scores(twice, labels, UNREGULARISED, groups=patients)
    apart = fusion.out_of_fold_scores(twice, labels, UNREGULARISED)
    assert statistics.auc_ci(labels, together)[0] < 0.7
    assert statistics.auc_ci(labels, apart)[0] > 0.8


def test_too_few_cases_of_a_class_are_an_error():
    x, y = cases(6)
    with pytest.raises(VcfnbError, match="at least two of each"):
        fusion.out_of_fold_scores(x.iloc[[0, 1, 2, 4]], y.iloc[[0, 1, 2, 4]], SETTINGS)
