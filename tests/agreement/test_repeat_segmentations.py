"""Features of repeat segmentations: from notebook 02's table to notebook 07, bit for bit, and nothing is written."""

import numpy as np
import pandas as pd
import pytest

from vcfnb import fusion, runs
from vcfnb.params import FusionParams, IccParams, SelectionParams


@pytest.fixture
def run(tmp_path):
    run = runs.Run("x", tmp_path)
    cohort = {"patient_id": list("pqrs"), "case_id": ["01", "02", "03", "04"], "label": [0, 1, 0, 1], "split": "train"}
    runs.write_csv(pd.DataFrame(cohort), run.path("cohort", "cohort.csv"))
    for name in ("features", "baseline"):
        runs.write_csv(pd.DataFrame({"case_id": cohort["case_id"], "f": 1.0}), run.path("radiomics", f"{name}.csv"))
    for step, params in (("icc", IccParams()), ("selection", SelectionParams()), ("fusion", FusionParams())):
        run.settings(step, params.model_dump(mode="json"))
    return run


def test_readings_are_read_as_they_were_computed(run):
    rng = np.random.default_rng(0)
    made = {}
    for name in ("a", "a2", "b"):
        values = rng.normal(size=(2, 200)) * 10.0 ** rng.integers(-30, 30, 200)
        made[name] = pd.DataFrame(values, columns=[f"f{k}" for k in range(200)])
        made[name].insert(0, "case_id", ["03", "01"])
    runs.write_csv(pd.concat(made, names=["reading"]).reset_index("reading"), run.path("icc", "features.csv"))
    before = sorted(run.folder.rglob("*"))
    found = fusion.read_study(run, 1).segmentations
    assert list(found) == list(made)
    for name, table in made.items():
        pd.testing.assert_frame_equal(found[name], table, check_exact=True)
    assert sorted(run.folder.rglob("*")) == before


def test_without_second_readings_there_are_none(run):
    runs.write_csv(pd.DataFrame(columns=["reading"]), run.path("icc", "features.csv"))
    assert fusion.read_study(run, 1).segmentations == {}
