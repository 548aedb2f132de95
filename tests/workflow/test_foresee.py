"""What parameters and table tell is told before the first notebook, all at once, by the later steps' own checks."""

import re
import sys

import numpy as np
import pandas as pd
import pytest
from study import ROOT

from vcfnb.errors import BadInput, VcfnbError
from vcfnb.params import load_params
from vcfnb.runs import Run


@pytest.fixture(scope="module")
def foresee():
    sys.path.insert(0, str(ROOT / "workflow"))
    try:
        import foresee
    finally:
        sys.path.pop(0)
    return foresee


def told(foresee, *assignments, csv=None):
    """Problems of the smoke study with other parameters, and with a table of one's own."""
    own = [] if csv is None else [f"cohort.csv={csv}"]
    study = load_params(ROOT / "params" / "smoke.yaml", [*own, *assignments])
    try:
        foresee.check_study(study)
    except BadInput as error:
        assert error.problems["remedy"].str.len().min() > 5
        return error.problems["problem"].tolist()
    return []


def table(folder, chronic=8, acute=12, **columns):
    n = chronic + acute
    made = {"patient_id": [f"P{k:02d}" for k in range(n)]}
    made |= {kind: [f"{kind}_{k}.nii" for k in range(n)] for kind in ("image", "mask")}
    for name in made["image"] + made["mask"]:
        # Nothing is read here.
        (folder / name).touch()
    made |= {"label": [0] * chronic + [1] * acute} | columns
    pd.DataFrame(made).to_csv(folder / "cohort.csv", index=False)
    return folder / "cohort.csv"


def test_what_passed_is_not_checked_again_until_parameters_or_table_change(foresee, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "workflow"))
    import run

    checked, csv = [], table(tmp_path)
    monkeypatch.setitem(sys.modules, "foresee", foresee)
    monkeypatch.setattr(foresee, "check_study", lambda study: checked.append(study.seed))
    for seed in (1, 1, 2, 2):
        study = load_params(ROOT / "params" / "smoke.yaml", [f"cohort.csv={csv}", f"seed={seed}"])
        run.check_once(Run("smoke", tmp_path / "runs"), study)
    assert checked == [1, 2]
    table(tmp_path, chronic=9)
    run.check_once(Run("smoke", tmp_path / "runs"), study)
    assert checked == [1, 2, 2]
    sys.modules.pop("run")


@pytest.mark.parametrize("name", ["demo", "smoke", "paper"])
def test_the_shipped_parameters_have_no_problem(foresee, name):
    foresee.check_study(load_params(ROOT / "params" / f"{name}.yaml", ["dtl.weights=random"]))


@pytest.mark.parametrize(
    ("assignments", "problem"),
    [
        ("dtl.n_dimensions=18", "dtl.n_dimensions: 14 training cases and 1024 channels give 13 dimensions at most"),
        ("dtl.n_dimensions=2000 cohort.n_patients=3000", "2100 training cases and 1024 channels give 1024 dim"),
        ("dtl.n_folds=9", "dtl.n_folds: 9 folds need as many patients of each class; there are 7 with label 1"),
        ("dtl.layer=layer9", "dtl.layer 'layer9' is not in ShuffleNetV2"),
        ("icc.icc_cases=1", "icc.icc_cases: 1 asked for, 1 training case has repeat segmentations"),
        ("cohort.acute_fraction=0.05", "cohort: 1 acute of 20 patients"),
        ("cohort.acute_fraction=0.1", "2 patients with label 1 (acute): too few for training and test"),
    ],
)
def test_simulated_cohorts(foresee, assignments, problem):
    (found,) = told(foresee, *assignments.split())
    assert problem in found


def test_every_problem_is_told_at_once(foresee):
    found = told(foresee, "dtl.n_dimensions=18", "dtl.n_folds=9", "dtl.layer=layer9", "icc.icc_cases=1")
    assert [text.split()[0].rstrip(":") for text in found] == [
        *("dtl.layer", "dtl.n_dimensions", "dtl.n_folds", "icc.icc_cases"),
    ]


def test_a_split_that_lacks_a_class(foresee, tmp_path):
    csv = table(tmp_path, split=["train"] * 8 + ["test"] * 6 + ["train"] * 6)
    (found,) = told(foresee, csv=csv)
    assert found.startswith("cohort: split: the test set has no case with label 0")


def test_a_class_with_one_training_patient(foresee, tmp_path):
    csv = table(tmp_path, 3, 12, split=["train", "test", "test"] + ["train"] * 8 + ["test"] * 4)
    found = told(foresee, csv=csv)
    assert any(text.startswith("dtl.n_folds: 2 folds need") for text in found)
    assert any(text.startswith("selection.lasso_folds, fusion.grid_folds: cross-validation: 8 pat") for text in found)


def test_outer_folds_that_leave_too_few_patients_to_train_networks(foresee, tmp_path):
    csv = table(tmp_path, 3, 12)
    asked = ("robustness.outer_folds=2", "dtl.n_folds=2", "selection.lasso_folds=2", "dtl.n_dimensions=2")
    found = told(foresee, *asked, "cohort.test_fraction=0.3", csv=csv)
    assert [text[:60] for text in found] == ["robustness.outer_folds: in repeat 1, fold 2: n_folds: 2 fold"]
    assert told(foresee, *asked, "robustness.network_repeats=0", csv=csv) == []
    assert told(foresee, *asked, "robustness.evaluation=paper", csv=csv) == []


def test_sites_that_cannot_be_harmonised_in_the_parts_that_are_trained_on(foresee, tmp_path):
    combat = ("selection.harmonise=combat", "dtl.n_dimensions=2")
    paper = "robustness.evaluation=paper"
    split = np.where(np.arange(20) % 4 == 0, "test", "train")
    # Two cases of site C: one to train on, and one to test.
    site = np.array(["A", "B"] * 10)
    site[[4, 5]] = "C"
    csv = table(tmp_path, split=split, site=site)
    assert told(foresee, paper, *combat, csv=csv) == [
        "harmonise: site C has a single training case, which has no spread"
    ]
    site[[4, 5]] = "B"
    site[[0, 4]] = "C"
    csv = table(tmp_path, split=split, site=site)
    assert "site C has no training case" in told(foresee, paper, *combat, csv=csv)[0]
    # Three to train on, which are in outer folds of their own.
    site[[0, 4, 1, 2, 3]] = [*"AACCC"]
    csv = table(tmp_path, split=split, site=site)
    assert told(foresee, paper, *combat, csv=csv) == []
    # Two folds of the out-of-fold chain leave one of the three in one of them.
    found = told(foresee, paper, "fusion.out_of_fold_folds=2", *combat, csv=csv)
    assert len(found) == 1 and re.match(r"fusion.out_of_fold_folds: in fold \d: harmonise: site C", found[0])
    found = told(foresee, "robustness.outer_repeats=5", *combat, csv=csv)
    assert found and all("robustness." in text and "harmonise: site C" in text for text in found)


def test_covariates_that_the_sites_fix(foresee, tmp_path):
    csv = table(tmp_path, site=["A", "B"] * 10, sex=["F", "M"] * 10)
    combat = ("selection.harmonise=combat", "selection.harmonise_covariates=[sex]", "robustness.evaluation=paper")
    (found,) = told(foresee, *combat, csv=csv)
    assert "the sites fix" in found


def test_a_clinical_variable_that_no_training_case_has(foresee, tmp_path):
    split = np.where(np.arange(20) % 4 == 0, "test", "train")
    csv = table(tmp_path, split=split, age=[60 if part == "test" else None for part in split])
    asked = ("fusion.clinical=[age]", "fusion.clinical_missing=median", "robustness.evaluation=paper")
    (found,) = told(foresee, *asked, "dtl.n_dimensions=2", csv=csv)
    assert found == "clinical: no training case has age"


def test_a_table_that_notebook_00_refuses_is_left_to_it(foresee, tmp_path):
    csv = table(tmp_path, label=[7, *[0] * 9, *[1] * 10])
    assert told(foresee, "dtl.n_dimensions=99", csv=csv) == []
    assert len(told(foresee, "dtl.n_dimensions=99", "cohort.on_bad_case=exclude", csv=csv)) == 1


def test_weights_that_cannot_be_had(foresee, tmp_path):
    (tmp_path / "w.pth").write_bytes(b"nothing")
    study = load_params(ROOT / "params" / "smoke.yaml", [f"dtl.weights={tmp_path / 'w.pth'}"])
    with pytest.raises(VcfnbError, match="w.pth"):
        foresee.check_study(study)


def test_the_simulated_cases_are_those_that_will_be_written(foresee, tmp_path):
    from vcfnb import phantom

    study = load_params(ROOT / "params" / "smoke.yaml", ["cohort.n_patients=12", "cohort.several_vertebrae=0.5"])
    cases, _ = foresee._cases(study)
    options = {"acute_fraction": 0.5, "difficulty": 1.5, "several_vertebrae": 0.5, "voxel_mm": (4, 4, 4)}
    written = phantom.simulate_cohort(tmp_path, 12, study.seed, cores=1, **options)
    for column in ("patient_id", "case_id", "label", "age", "site"):
        assert cases[column].tolist() == written[column].tolist()
