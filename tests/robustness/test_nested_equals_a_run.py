"""An outer fold of the rigorous evaluation is what notebooks 02 to 06 do on its split. Slow: both are run."""

import numpy as np
import pandas as pd
import pytest
from study import run_all

from vcfnb import fusion
from vcfnb.cohort import REPEATS
from vcfnb.runs import Run

# Two studies, one of them with the nested evaluation.
pytestmark = [pytest.mark.study, pytest.mark.long]

SEED = 1
# Few epochs and voxels; every step of the study is there. All repeat segmentations are used.
_SHORT = (
    *("expansions=[6]", "cohort.voxel_mm=[2.5,2.5,2.5]", "icc.icc_cases=1000"),
    *("radiomics.log_sigma_mm=[3.0]", "dtl.epochs=1", "fusion.coefficient_bootstrap=100"),
    *("statistics.n_bootstrap=100", "robustness.outer_folds=2", "robustness.outer_repeats=1"),
    *("robustness.network_repeats=1", "robustness.network_expansion=6", "leakage.audit_runs=0"),
)


def call(*values):
    return "params/smoke.yaml", *(part for value in (*_SHORT, *values) for part in ("--set", value))


def cohort_of(fold, run, path):
    """The study's cohort with the split of an outer fold, and repeat segmentations where the study used them."""
    table = run.cohort()
    used = table["split"] == "train"
    table.loc[~used, list(REPEATS)] = np.nan
    table["split"] = "test"
    table.loc[table.index[fold.train], "split"] = "train"
    table.to_csv(path, index=False)


def test_an_outer_fold_scores_its_held_out_cases_as_a_run_on_its_split_does(tmp_path):
    run_all(tmp_path, *call("study=whole", f"seed={SEED}"), "--until", "robustness")
    whole, again = Run("whole", tmp_path), Run("again", tmp_path)
    cases = whole.cohort()
    fold = fusion.outer_folds(cases["label"], cases["patient_id"], 2, 1, SEED)[0][0]
    cohort_of(fold, whole, tmp_path / "cohort.csv")
    run_all(
        tmp_path,
        *call("study=again", f"seed={fold.seed}", f"cohort.csv={tmp_path / 'cohort.csv'}"),
        *("--until", "fusion"),
    )
    text = {"case_id": str, "patient_id": str}
    nested = pd.read_csv(whole.needs("robustness", "rigorous_scores.csv"), dtype=text).query(
        "repeat == 1 and fold == 1"
    )
    nested = nested.pivot(index="case_id", columns="model", values="score")
    scores = pd.read_csv(again.needs("fusion", "scores.csv"), dtype=text).query("split == 'test'").set_index("case_id")
    assert set(scores.index) == set(nested.index) == set(cases["case_id"].iloc[fold.test])
    chosen = pd.read_csv(whole.needs("robustness", "rigorous_selected.csv")).query("repeat == 1 and fold == 1")
    for model, file in (
        ("radiomics", ("selection", "radiomics_selected.csv")),
        ("dtl", ("selection", "dtl_06_selected.csv")),
        ("fusion", ("fusion", "fusion_selected.csv")),
    ):
        selected = list(pd.read_csv(again.needs(*file))["feature"])
        assert selected == list(chosen.loc[chosen["model"] == model, "feature"]), model
        # Scores that say something: the comparison would hold between two constants.
        assert selected and scores[model].nunique() > len(scores) // 2
    # To the bit: the same networks on one thread, and tables that read back to the same numbers.
    for model in fusion.MODELS:
        assert scores[model].to_dict() == nested[model].to_dict(), model
