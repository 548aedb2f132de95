"""The table of cases: what is accepted, what is refused, who is split where."""

import numpy as np
import pandas as pd
import pytest
from cases import ball, image, texture, write

from vcfnb import cohort, table_one
from vcfnb.errors import BadInput, VcfnbError


def written(tmp_path, table, **options):
    path = tmp_path / "cohort.csv"
    table.to_csv(path, index=False, **options)
    return path


def simple(n=8, **columns):
    table = pd.DataFrame({"patient_id": [f"P{i}" for i in range(n)]})
    table["image"] = [f"ct/{name}.nii.gz" for name in table.patient_id]
    table["mask"] = [f"masks/{name}.nii.gz" for name in table.patient_id]
    table["label"] = np.arange(n) % 2
    return table.assign(**columns)


def test_a_plain_table_is_completed(tmp_path):
    table = cohort.read_cohort(written(tmp_path, simple()))
    assert table.case_id.tolist() == table.patient_id.tolist()
    assert table.image[0] == str(tmp_path / "ct" / "P0.nii.gz")
    assert table.age.isna().all()
    assert table.mask_reader_b.isna().all()
    assert table.label.dtype == int
    assert not cohort.is_simulated(table)


def test_ids_stay_text_and_another_label_column_can_be_named(tmp_path):
    table = simple().drop(columns="label").assign(patient_id=[f"00{i}" for i in range(8)], oedema=[0, 1] * 4)
    read = cohort.read_cohort(written(tmp_path, table), "oedema")
    assert read.patient_id[3] == "003"
    assert read.label.tolist() == [0, 1] * 4


def test_several_vertebrae_of_a_patient_are_named_by_level(tmp_path):
    table = simple(patient_id=["A", "A", *"BCDEFG"], level=["L1", "l2", *["T12"] * 6])
    read = cohort.read_cohort(written(tmp_path, table))
    assert read.case_id.tolist()[:3] == ["A_L1", "A_L2", "B"]


def test_columns_without_a_meaning_are_listed(tmp_path):
    read = cohort.read_cohort(written(tmp_path, simple(scanner="A")))
    assert read.attrs["unused"] == ["scanner"]
    assert "scanner" not in read


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        (dict(label=[0, 1, 2, "", "x", 1, 0, 1]), ["P2: label is '2'", "P3: label is empty", "P4: label is 'x'"]),
        (dict(label=1), ["all cases have label 1"]),
        (dict(patient_id=["../x", "<b>", "a b", *"ABCDE"]), ["'../x' has characters", "'<b>'", "'a b'"]),
        (dict(case_id=["same", "same", *"ABCDEF"]), ["same: case_id is there more than once"]),
        (dict(patient_id=["A", "A", *"BCDEFG"]), ["patients with several rows", "A"]),
        (dict(split=["train", "test", "Test", "", *["train"] * 4]), ["P2: split is 'Test'", "P3: split is empty"]),
        (
            dict(patient_id=["A", "A", *"BCDEFG"], level=["L1", "L2", *["L3"] * 6], split=["train", "test"] * 4),
            ["patient A is in train and test"],
        ),
        (dict(age=[63, 630, *[50] * 6]), ["P1: age is '630'", "0 to 120"]),
        (dict(sex=["F", "M", "f", "female", *"FFFF"]), ["P3: sex is 'FEMALE'"]),
        (dict(bmd=[-2.5, "low", *[-1] * 6]), ["P1: bmd is 'low'"]),
        (dict(mask_label=[20, 1.5, *[20] * 6]), ["P1: mask_label is '1.5'"]),
        (dict(image=["", *[f"{i}.nii" for i in range(7)]]), ["P0: image is empty"]),
        (dict(image="same.nii", mask="same_mask.nii"), ["those of another case"]),
        (dict(mask_reader_A2="x.nii"), ["column mask_reader_A2 looks like mask_reader_a2"]),
    ],
)
def test_everything_wrong_is_said_at_once(tmp_path, change, messages):
    with pytest.raises(BadInput) as caught:
        cohort.read_cohort(written(tmp_path, simple(**change)))
    for message in messages:
        assert message in str(caught.value)
    assert caught.value.problems.remedy.str.len().min() > 5


def test_files_that_are_no_table(tmp_path):
    with pytest.raises(BadInput, match="the file is missing"):
        cohort.read_cohort(tmp_path / "none.csv")
    with pytest.raises(BadInput, match="not parted by commas"):
        cohort.read_cohort(written(tmp_path, simple(), sep=";"))
    with pytest.raises(BadInput, match="is not UTF-8"):
        cohort.read_cohort(written(tmp_path, simple(site="Köln"), encoding="utf-16"))
    with pytest.raises(BadInput, match="column mask is missing"):
        cohort.read_cohort(written(tmp_path, simple().drop(columns="mask")))
    with pytest.raises(BadInput, match="has no rows"):
        cohort.read_cohort(written(tmp_path, simple(0)))
    with pytest.raises(BadInput, match="set cohort.label_column to one of"):
        cohort.read_cohort(written(tmp_path, simple()), "acute")


@pytest.fixture
def on_disk(tmp_path):
    """Eight cases with files, of which two cannot be used and one deserves a look."""
    table = simple(8)
    for name in ("ct", "masks"):
        (tmp_path / name).mkdir()
    for number, row in enumerate(table.itertuples()):
        write(image(texture(seed=number)), tmp_path / row.image)
        mask = ball(radius=2 if number == 1 else 6, centre=(4, 13, 14) if number == 2 else None)
        write(image(mask), tmp_path / row.mask)
    (tmp_path / table["mask"][3]).unlink()
    return cohort.read_cohort(written(tmp_path, table))


def test_files_are_checked_all_at_once(on_disk):
    problems = cohort.check_files(on_disk, min_voxels=100, cores=1)
    assert problems.case_id.tolist() == ["P1", "P2", "P3"]
    assert problems.severity.tolist() == ["error", "warning", "error"]
    assert problems.problem[0] == "the ROI is too small: 33 voxels"
    assert problems.problem[2] == "the file is missing"
    assert problems.file[2].endswith("masks/P3.nii.gz")


def test_bad_cases_stop_the_study_or_leave_with_a_reason(on_disk):
    problems = cohort.check_files(on_disk, min_voxels=100, cores=1)
    with pytest.raises(BadInput, match="2 problem"):
        cohort.apply_exclusions(on_disk, problems, "stop")
    kept, exclusions = cohort.apply_exclusions(on_disk, problems, "exclude")
    assert kept.case_id.tolist() == ["P0", "P2", "P4", "P5", "P6", "P7"]
    assert exclusions.case_id.tolist() == ["P1", "P3"]
    split = cohort.split_cohort(kept, 0.5, seed=1)
    flow = cohort.flow(split, exclusions, n_read=8)
    assert flow["exclusions"] == {"the ROI is too small": 1, "the file is missing": 1}
    assert flow["train"]["n"] + flow["test"]["n"] == flow["included"] == 6


def many(n=218, acute=171, per_patient=1, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.permutation(np.r_[np.ones(acute, int), np.zeros(n - acute, int)])
    patient = np.arange(n) // per_patient
    return pd.DataFrame(
        {"patient_id": [f"P{p}" for p in patient], "case_id": [f"C{i}" for i in range(n)], "label": label}
    )


def test_the_paper_s_split_sizes_come_out():
    split = cohort.split_cohort(many(), 43 / 218, seed=1)
    counts = split.groupby(["split", "label"]).size()
    assert counts["train", 1] == 137
    assert counts["train", 0] == 38
    assert counts["test", 1] == 34
    assert counts["test", 0] == 9


@pytest.mark.parametrize("seed", range(5))
def test_patients_stay_whole_and_labels_in_proportion(seed):
    split = cohort.split_cohort(many(150, 90, per_patient=3, seed=seed), 0.3, seed)
    assert split.groupby("patient_id").split.nunique().max() == 1
    assert (split.split == "test").mean() == pytest.approx(0.3, abs=0.05)


def test_the_split_depends_on_the_seed_only():
    one, again, other = (cohort.split_cohort(many(), 0.3, seed).split.tolist() for seed in (1, 1, 2))
    assert one == again != other


def test_a_given_split_is_kept_and_must_hold_both_labels():
    table = many(6, 3).assign(label=[1, 0, 1, 0, 1, 0], split=["train"] * 4 + ["test"] * 2)
    assert cohort.split_cohort(table, 0.5, 1).split.tolist() == table.split.tolist()
    with pytest.raises(VcfnbError, match="test set has no case with label 0"):
        cohort.split_cohort(table.assign(label=[1, 0, 1, 0, 1, 1]), 0.5, 1)


def test_second_readings_come_from_training_cases_that_have_both():
    table = many(20, 10).assign(split=["train"] * 15 + ["test"] * 5, mask_reader_a2="x", mask_reader_b="y")
    table.loc[:3, "mask_reader_b"] = np.nan
    chosen = cohort.second_readings(table, 8, seed=3)
    assert len(chosen) == 8
    assert set(chosen) <= {f"C{i}" for i in range(4, 15)}
    assert chosen == cohort.second_readings(table, 8, seed=3)
    assert len(cohort.second_readings(table, 100, seed=3)) == 11
    assert cohort.second_readings(many(), 30, seed=3) == []


def test_table_one_compares_the_sets():
    """Counts of the paper's Table 1: p = 0.99 for sex is chi-square with Yates' correction (R: 0.9920)."""
    table = pd.DataFrame(
        {
            "split": ["train"] * 175 + ["test"] * 43,
            "sex": ["F"] * 95 + ["M"] * 80 + ["F"] * 24 + ["M"] * 19,
            "label": [1] * 137 + [0] * 38 + [1] * 34 + [0] * 9,
            "age": np.random.default_rng(1).normal(63, 15, 218),
        }
    )
    found = table_one.table_one(table).set_index("characteristic")
    assert found.loc["Female / male", "train"] == "95 / 80"
    assert found.loc["Female / male", "p"] == pytest.approx(0.992, abs=5e-4)
    assert found.loc["Acute / chronic", "p"] == pytest.approx(1.0, abs=5e-3)
    assert found.loc["Age, years", "comparison"] == "Welch t"
    assert found.loc["BMD, T-score", "train"] == "not recorded"
    # Three tests were done; the row without one does not count.
    assert found["p_holm"].notna().tolist() == [False, True, False, True, True]
    table["age"] += np.where(table["split"] == "test", 7, 0)
    found = table_one.table_one(table).set_index("characteristic")
    assert found.loc["Age, years", "p"] < 0.1
    assert found.loc["Age, years", "p_holm"] == pytest.approx(3 * found.loc["Age, years", "p"])


def test_table_one_counts_the_known_values():
    table = pd.DataFrame(
        {"split": ["train"] * 6 + ["test"] * 4, "label": [1, 0] * 5, "age": [60.0, np.nan, *range(50, 58)]}
    )
    found = table_one.table_one(table).set_index("characteristic")
    assert found.loc["Age, years", "train"].endswith("(n = 5)")
    assert found.loc["Acute / chronic", "comparison"] == "Fisher exact"
