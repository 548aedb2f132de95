"""Clinical variables as features: learned from training cases, missing values named or filled and flagged."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from vcfnb.cohort import CLINICAL
from vcfnb.cohort.clinical import FEATURES, ClinicalEncoder
from vcfnb.errors import BadInput, VcfnbError
from vcfnb.params import ClinicalVariable


def table(**columns):
    whole = {"age": [40.0, 60, 80, 71], "sex": ["F", "M", "F", "F"], "bmd": [-1.0, -2, -3, 0.5]} | columns
    return pd.DataFrame(whole, index=["c1", "c2", "c3", "c4"])


def test_the_variables_are_those_of_the_cohort_and_of_the_parameters():
    assert tuple(FEATURES) == CLINICAL == ClinicalVariable.__args__


def test_values_become_numbers_in_a_fixed_order():
    encoder = ClinicalEncoder.fit(table(), ["bmd", "sex", "age"])
    found = encoder.transform(table().iloc[[1, 0]])
    assert list(found) == encoder.features == ["clinical_age", "clinical_sex_female", "clinical_bmd"]
    assert found.to_numpy().tolist() == [[60, 0, -2], [40, 1, -1]]
    assert list(found.index) == ["c2", "c1"]


@pytest.mark.parametrize("missing", ["error", "median"])
def test_no_variables_make_no_features(missing):
    found = ClinicalEncoder.fit(table(age=np.nan), [], missing).transform(table())
    assert found.shape == (4, 0) and list(found.index) == list(table().index)


def test_missing_values_are_named_by_case_with_the_remedy():
    lacking = table(age=[40, np.nan, 80, 71], bmd=[-1, np.nan, -3, np.nan])
    with pytest.raises(BadInput, match="2 problem") as error:
        ClinicalEncoder.fit(lacking, ["age", "bmd"])
    assert "c2: no value of age, bmd -> fill it in" in str(error.value)
    assert "c4: no value of bmd -> fill it in, or leave the variable out" in str(error.value)
    encoder = ClinicalEncoder.fit(table(), ["age"])
    with pytest.raises(BadInput, match="c2: no value of age"):
        encoder.transform(lacking)


def test_the_median_and_the_flag_are_those_of_the_training_cases():
    train = table(age=[40, np.nan, 80, 50], sex=["F", "M", "M", None])
    encoder = ClinicalEncoder.fit(train, ["age", "sex", "bmd"], "median")
    assert encoder.features[3:] == ["clinical_age_missing", "clinical_sex_missing"]
    test = table(age=[np.nan, 1, 1, 1], bmd=[np.nan, 1, 1, 1])
    found = encoder.transform(test)
    # 50 and -1.5 are the training medians; bmd has no flag, as no training case lacked it.
    assert found.loc["c1"].tolist() == [50, 1, -1.5, 1, 0]
    assert found["clinical_age_missing"].tolist() == [1, 0, 0, 0]
    # Other test cases change nothing of this.
    assert encoder.transform(test.assign(age=[np.nan, 99, 99, 99])).loc["c1"].tolist() == [50, 1, -1.5, 1, 0]


def test_errors_say_what_to_do():
    with pytest.raises(VcfnbError, match="'weight' is not known -> use age, sex, bmd"):
        ClinicalEncoder.fit(table(), ["weight"])
    with pytest.raises(VcfnbError, match="'zero' is not known -> use error or median"):
        ClinicalEncoder.fit(table(), ["age"], "zero")
    with pytest.raises(VcfnbError, match="no column bmd -> add it"):
        ClinicalEncoder.fit(table().drop(columns="bmd"), ["bmd"])
    with pytest.raises(VcfnbError, match="no training case has bmd"):
        ClinicalEncoder.fit(table(bmd=np.nan), ["bmd"], "median")
    with pytest.raises(BadInput, match="c3: sex is 'female' -> write F or M"):
        ClinicalEncoder.fit(table(sex=["F", "M", "female", "F"]), ["sex"])


def test_one_case_must_name_every_variable_that_is_needed():
    whole = ClinicalEncoder.fit(table(bmd=[-1, -2, np.nan, -2]), ["age", "sex", "bmd"], "median")
    encoder = whole.only(["clinical_bmd_missing", "clinical_age", "dtl_000"])
    assert (encoder.variables, encoder.flagged, encoder.medians) == (["age", "bmd"], ["bmd"], {"age": 65.5, "bmd": -2})
    with pytest.raises(VcfnbError, match="needs age, bmd .* give clinical={'age': ..., 'bmd': ...} .None where"):
        encoder.of_one(None)
    assert encoder.of_one({"age": 70, "bmd": None}).to_numpy().tolist() == [[70, -2, 1]]
    strict = ClinicalEncoder.fit(table(), ["age"])
    with pytest.raises(BadInput, match="the case: no value of age"):
        strict.of_one({"age": None})
    with pytest.raises(BadInput, match="the case: age is 'old' -> write a number"):
        strict.of_one({"age": "old"})
    assert strict.only(["dtl_000"]).of_one(None).shape == (1, 0)


def test_it_travels_as_json():
    encoder = ClinicalEncoder.fit(table(bmd=[-1.1, np.nan, 0.1, 2]), ["sex", "bmd"], "median")
    assert ClinicalEncoder(**json.loads(json.dumps(asdict(encoder)))) == encoder
