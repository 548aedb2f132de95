"""The table of cases: what is accepted, what is refused, who is split where."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from cases import ball, image, texture, write

from vcfnb import cohort
from vcfnb.cohort import table_one
from vcfnb.errors import BadInput, VcfnbError

SHAPE = (24, 26, 28)


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


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_come_with_decimal_commas(tmp_path, separator):
    table = simple(age="63,5", bmd="-2,1", site="A, B")
    read = cohort.read_cohort(written(tmp_path, table, sep=separator))
    assert read.age[0] == 63.5 and read.bmd[0] == -2.1 and read.site[0] == "A, B"


@pytest.mark.parametrize(("n", "width"), [(20, "0.88"), (60, "0.46")])
def test_a_cohort_too_small_for_any_result_says_how_unsure_it_is(n, width):
    found = cohort.check_size(simple(n), test_fraction=0.2).set_index("code")
    assert f"would be about {width} wide" in found.loc["test-set-too-small", "problem"]
    assert "test-set-too-small" not in set(cohort.check_size(simple(200), test_fraction=0.2).code)


def test_columns_without_a_meaning_are_listed(tmp_path):
    read = cohort.read_cohort(written(tmp_path, simple(scanner="A")))
    assert read.attrs["unused"] == ["scanner"]
    assert "scanner" not in read


# What is wrong with single rows: how it comes about, and what is said. Each is said with a remedy.
BAD_ROWS = {
    "label neither 0 nor 1": (
        dict(label=[0, 1, 2, "", "x", 1, 0, 1]),
        ["P2: label is '2'", "P3: label is empty", "P4: label is 'x'"],
    ),
    "label in words": (
        dict(label=["acute", "chronic"] * 4),
        ["4 cases (P0, P2, P4, P6): label is 'acute'", "label is 'chronic'"],
    ),
    "label missing": (dict(label=""), ["8 cases (P0, P1, P2, P3, P4, ...): label is empty"]),
    "one class": (dict(label=1), ["all cases have label 1"]),
    "unsafe id": (
        dict(patient_id=["../x", "<script>", "a b", ".hidden", "-rf", "x" * 101, *"AB"]),
        ["'../x' has characters", "'<script>'", "'a b'", "'.hidden'", "'-rf'", f"'{'x' * 101}'"],
    ),
    "empty id": (dict(patient_id=["", *"ABCDEFG"]), ["row 2: patient_id is empty"]),
    "repeated id": (dict(case_id=["same", "same", *"ABCDEF"]), ["same: case_id is there more than once"]),
    "ids differ in case": (dict(case_id=["P1", "p1", *"ABCDEF"]), ["case_id 'P1' and 'p1' differ in case only"]),
    "several rows without level": (dict(patient_id=["A", "A", *"BCDEFG"]), ["patients with several rows", "A"]),
    "unknown split": (
        dict(split=["train", "test", "Test", "", *["train"] * 4]),
        ["P2: split is 'Test'", "P3: split is empty"],
    ),
    "patient on both sides": (
        dict(patient_id=["A", "A", *"BCDEFG"], level=["L1", "L2", *["L3"] * 6], split=["train", "test"] * 4),
        ["patient A is in train and test"],
    ),
    "age": (dict(age=[63, 630, "63 years", "-1", *[50] * 4]), ["P1: age is '630'", "'63 years'", "'-1'", "0 to 120"]),
    "sex": (dict(sex=["F", "M", "f", "female", *"FFFF"]), ["P3: sex is 'FEMALE'"]),
    "bmd": (
        dict(bmd=[-2.5, "low", "-2,5", 120, *[-1] * 4]),
        ["P1: bmd is 'low'", "P2: bmd is '-2,5'", "P3: bmd is '120'"],
    ),
    "level": (dict(level=["C3", *["L1"] * 7]), ["P0: level is 'C3'", "write T1 to L6"]),
    "mask label": (dict(mask_label=[20, 1.5, -3, *[20] * 5]), ["P1: mask_label is '1.5'", "P2: mask_label is '-3.0'"]),
    "address on the web": (
        dict(image=["https://x.org/0.nii", *[f"{i}.nii" for i in range(1, 8)]]),
        ["P0 https://x.org/0.nii: image is an address, not a file"],
    ),
    "empty path": (dict(image=["", *[f"{i}.nii" for i in range(7)]]), ["P0: image is empty"]),
    "Windows path": (dict(image=["C:\\data\\ct.nii", *[f"{i}.nii" for i in range(7)]]), ["P0 C:", "is a Windows path"]),
    "image and mask twice": (dict(image="same.nii", mask="same_mask.nii"), ["those of another case"]),
    "image of several patients": (
        dict(image=["a.nii", "a.nii", *[f"{i}.nii" for i in range(6)]]),
        ["P0", "P1", "the same image is given for several patients: P0, P1"],
    ),
    "mask of several images": (
        dict(mask=["a.nii", "a.nii", *[f"{i}.nii" for i in range(6)]]),
        ["P0", "P1", "the same mask is given for several images, of cases P0, P1"],
    ),
    "repeat segmentation is the first": (
        dict(mask_reader_b=[f"masks/P{i}.nii.gz" for i in range(8)]),
        ["mask_reader_b is the file of mask"],
    ),
    "repeat segmentations alike": (
        dict(mask_reader_a2="again.nii", mask_reader_b="again.nii"),
        ["mask_reader_b is the file of mask_reader_a2"],
    ),
    "misspelt column": (dict(mask_reader_A2="x.nii"), ["column mask_reader_A2 looks like mask_reader_a2"]),
}


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_everything_wrong_is_said_at_once(tmp_path, kind):
    change, messages = BAD_ROWS[kind]
    with pytest.raises(BadInput) as caught:
        cohort.read_cohort(written(tmp_path, simple(**change)))
    for message in messages:
        assert message in str(caught.value)
    assert caught.value.problems.remedy.str.len().min() > 5


def bad_table(folder, kind):
    path = folder / "cohort.csv"
    if kind == "folder":
        path.mkdir()
    elif kind == "spreadsheet":
        pd.Series([1]).to_csv(path)
        path.write_bytes(b"PK\x03\x04" + path.read_bytes())
    elif kind == "empty":
        path.write_text("")
    elif kind == "longer rows":
        path.write_text("patient_id,image,mask,label\nA,a.nii,b.nii,1,63\nB,c.nii,d.nii,0,70\n")
    elif kind == "one longer row":
        path.write_text("patient_id,image,mask,label\nA,a.nii,b.nii,1\nB,c.nii,d.nii,0,70\n")
    elif kind == "column twice":
        path.write_text("patient_id,image,mask,label,label\nA,a.nii,b.nii,1,0\n")
    elif kind == "mixed separators":
        path.write_text("patient_id;image;mask;label,age\nA;a.nii;b.nii;1,70\n")
    elif kind in ("utf-16", "latin-1"):
        written(folder, simple(site="Köln"), encoding=kind)
    elif kind == "no mask column":
        written(folder, simple().drop(columns="mask"))
    elif kind == "no rows":
        written(folder, simple(0))
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "the file is missing"),
        ("folder", "is a folder"),
        ("spreadsheet", "is a spreadsheet, not CSV"),
        ("empty", "is not a table"),
        ("mixed separators", "commas and semicolons or tabs are mixed"),
        ("utf-16", "is not UTF-8 text"),
        ("latin-1", "is not UTF-8 text"),
        ("no mask column", "column mask is missing"),
        ("column twice", "column label is there twice"),
        ("longer rows", "rows have more cells than the header"),
        ("one longer row", "is not a table"),
        ("no rows", "has no rows"),
    ],
)
def test_files_that_are_no_table(tmp_path, kind, message):
    with pytest.raises(BadInput, match=message) as caught:
        cohort.read_cohort(bad_table(tmp_path, kind))
    assert "cohort.csv" in str(caught.value)


def test_another_label_column_must_be_there(tmp_path):
    with pytest.raises(BadInput, match="set cohort.label_column to one of"):
        cohort.read_cohort(written(tmp_path, simple()), "acute")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(scanner="A"), "columns without a meaning here: scanner"),
        ({}, "no repeat segmentations"),
        (dict(mask_reader_b=["x.nii", *[""] * 7]), "1 cases have one of two repeat segmentations"),
    ],
)
def test_what_deserves_a_look_stops_nothing(tmp_path, change, message):
    table, problems = cohort.check_table(written(tmp_path, simple(**change)))
    assert len(table) == 8
    assert set(problems.severity) == {"warning"}
    assert problems.problem.str.contains(message).any()


def test_rows_that_cannot_be_used_are_excluded_and_unsafe_names_are_not(tmp_path):
    table, problems = cohort.check_table(written(tmp_path, simple(label=[0, "", *[0, 1] * 3], age=[*[50] * 7, 500])))
    kept, exclusions = cohort.apply_exclusions(table, problems, "exclude")
    assert exclusions.reason.tolist() == ["label is empty", "age is '500'"]
    assert kept.label.tolist() == [0, 0, 1, 0, 1, 0]
    assert kept.label.dtype == int
    table, problems = cohort.check_table(written(tmp_path, simple(patient_id=["../x", *"ABCDEFG"])))
    with pytest.raises(BadInput, match="has characters"):
        cohort.apply_exclusions(table, problems, "exclude")


@pytest.mark.parametrize(
    ("n", "columns", "severity", "message"),
    [
        (4, {}, "error", "2 patients with label 1 (acute): too few for training and test"),
        (20, {}, "warning", "about 8 training patients with label 0 (chronic): too few for 10 folds"),
        (40, dict(split=["train"] * 12 + ["test"] * 28), "warning", "about 6 training patients"),
        (40, {}, None, ""),
    ],
)
def test_too_few_cases_for_the_folds(n, columns, severity, message):
    found = cohort.check_size(simple(n, **columns), test_fraction=0.2, folds=10).query("code != 'test-set-too-small'")
    assert set(found.severity) == ({severity} if severity else set())
    assert all(message in problem or "label" in problem for problem in found.problem)
    assert not severity or found.problem.str.contains(message, regex=False).any()


# What later steps need: columns of the table, options, and what is said.
NEEDS = {
    "clinical variable without values": (
        {},
        dict(clinical=("age",)),
        ["fusion.clinical names age, and no case has it"],
    ),
    "clinical variable missing in a case": (
        dict(age=[63, "", *[50] * 6]),
        dict(clinical=("age",)),
        ["P1: fusion.clinical needs age, which is missing"],
    ),
    "harmonisation without sites": ({}, dict(harmonise="combat"), ["is combat, and no case has a site"]),
    "harmonisation, a case without site": (
        dict(site=["A", "", *"AABBBB"]),
        dict(harmonise="combat"),
        ["P1: selection.harmonise needs the site, which is missing"],
    ),
    "harmonisation, a site of one case": (
        dict(site=[*"AAAABBB", "C"]),
        dict(harmonise="combat"),
        ["site C has a single case"],
    ),
    "covariate of the harmonisation missing": (
        dict(site=[*"AAAABBBB"], bmd=[-1, "", *[-2] * 6]),
        dict(harmonise="combat", covariates=("bmd",)),
        ["P1: selection.harmonise_covariates needs bmd, which is missing"],
    ),
}


@pytest.mark.parametrize("kind", NEEDS)
def test_what_parameters_need_is_asked_for_before_the_study(tmp_path, kind):
    columns, options, messages = NEEDS[kind]
    table, _ = cohort.check_table(written(tmp_path, simple(**columns)))
    found = cohort.check_needs(table, **options)
    said = [f"{row.case_id}: {row.problem}".removeprefix(": ") for row in found.itertuples()]
    assert len(said) == len(messages)
    assert all(message in text for message, text in zip(messages, said, strict=True))
    assert found.remedy.str.len().min() > 5


def test_what_is_there_or_not_asked_for_is_no_problem(tmp_path):
    table, _ = cohort.check_table(written(tmp_path, simple(age=[63, "", *[50] * 6], site=[*"AAAABBBB"])))
    assert len(cohort.check_needs(table)) == 0
    assert len(cohort.check_needs(table, clinical=("age",), clinical_missing="median", harmonise="combat")) == 0


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


# What is wrong with files: the image, the mask (array or image, and spacing), and what is said.
BAD_FILES = {
    "one value": (np.full(SHAPE, 40, np.int16), None, "error", "all voxels have the same value"),
    "normalised": (texture() / 1000, None, "error", "are not HU (normalised?)"),
    "picture of 8 bits": (np.clip(texture(), 0, 255), None, "error", "a picture of 8 bits?"),
    "unsigned": ((texture() - 1024).astype(np.uint16), None, "error", "signed read as unsigned?"),
    "rescale missing": (texture() + 1024, None, "error", "values are not HU (rescale missing)"),
    "nothing below 0": (np.abs(texture()) + 100, None, "warning", "no value below 0"),
    "air": (texture() - 900, None, "error", "HU, which is no bone"),
    "cement": (texture() + np.int16(2000) * ball(), None, "warning", "(cement, metal?)"),
    "empty mask": (texture(), ball() * 0, "error", "the mask is empty"),
    "several labels": (texture(), ball() * 20 + ball(radius=3), "error", "the mask holds 2 labels: 20, 21"),
    "mask fills the image": (texture(), np.ones(SHAPE, np.uint8), "error", "the mask fills 100% of the image"),
    "small": (texture(), ball(radius=2), "error", "the ROI is too small: 33 voxels"),
    "at the border": (texture(), ball(centre=(4, 13, 14)), "warning", "the ROI touches the image's border"),
    "in pieces": (
        texture(),
        ball(centre=(12, 13, 7), radius=4) | ball(centre=(12, 13, 21), radius=4),
        "warning",
        "the ROI has several separate pieces",
    ),
    "other grid": (texture(), image(ball(), (1.0, 1.0, 1.2)), "error", "do not share a grid"),
    "larger than the image": (texture(), np.ones((40, 40, 40), np.uint8), "error", "lie outside the image"),
    "elsewhere": (texture(), image(ball(), origin=(200.0, 0, 0)), "error", "lie outside the image"),
    "image and mask exchanged": (ball(), texture(), "error", "are not HU (normalised?)"),
    "image as mask": (texture(), texture(seed=3, sd=300), "error", "which are no labels"),
    "one slice": (texture((1, 26, 28)), ball((1, 26, 28), (0, 13, 14)), "error", "is no volume: 28 x 26 x 1"),
    "huge voxels": (image(texture(), (12.0,) * 3), image(ball(), (12.0,) * 3), "error", "voxel size is implausible"),
    "metres": (image(texture(), (0.06,) * 3), image(ball(), (0.06,) * 3), "error", "extent is implausible"),
    "thick slices": (
        image(texture(), (1.0, 1.0, 6.0)),
        image(ball(), (1.0, 1.0, 6.0)),
        "warning",
        "voxels are up to 6 mm long",
    ),
    "huge ROI": (image(texture(), (5.0,) * 3), image(ball(radius=11), (5.0,) * 3), "warning", "more than a vertebral"),
}


def write_pair(folder, ct, mask):
    """Image and mask, given as arrays or images; without a mask, a ball."""
    mask = ball() if mask is None else mask
    for made, name in ((ct, "ct"), (mask, "mask")):
        write(made if isinstance(made, sitk.Image) else image(made), folder / f"{name}.nii.gz")


@pytest.mark.parametrize("kind", BAD_FILES)
def test_files_that_cannot_be_a_vertebra_are_named(tmp_path, kind):
    ct, mask, severity, message = BAD_FILES[kind]
    write_pair(tmp_path, ct, mask)
    table = simple(1, image=str(tmp_path / "ct.nii.gz"), mask=str(tmp_path / "mask.nii.gz")).assign(case_id="P0")
    problems = cohort.check_files(table, cores=1)
    found = problems[problems.problem.str.contains(message, regex=False)]
    assert found.severity.tolist() == [severity], problems.problem.tolist()
    assert found.case_id.tolist() == ["P0"]
    assert found.file.iloc[0].startswith(str(tmp_path))
    assert found.remedy.str.len().min() > 5
    assert severity == "error" or (problems.severity == "warning").all()


def test_images_and_readings_that_are_there_twice_are_found_by_their_voxels(tmp_path):
    names = ["a.nii.gz", "b.mha", "c.nii.gz", "a_mask.nii.gz", "b_mask.nii.gz", "c_mask.nii.gz", "c_again.nii.gz"]
    a, b, c, a_mask, b_mask, c_mask, c_again = (str(tmp_path / name) for name in names)
    for path, seed in ((a, 1), (b, 1), (c, 2)):
        write(image(texture(seed=seed)), path)
    for path in (a_mask, b_mask, c_mask, c_again):
        write(image(ball()), path)
    table = simple(3, image=[a, b, c], mask=[a_mask, b_mask, c_mask], mask_reader_b=["", "", c_again])
    problems = cohort.check_files(table.assign(case_id=table.patient_id).replace("", np.nan), cores=1)
    assert problems.case_id.tolist() == ["P0", "P1", "P2"]
    assert problems.problem.tolist() == [
        "the image is voxel for voxel that of P1, another patient",
        "the image is voxel for voxel that of P0, another patient",
        "mask_reader_b is voxel for voxel mask",
    ]
    same_patient = table.assign(case_id=list("xyz"), patient_id=["P", "P", "Q"], mask_reader_b=np.nan)
    problems = cohort.check_files(same_patient, cores=1)
    assert problems.problem.tolist() == ["image and mask are voxel for voxel those of x"]


def test_bad_cases_stop_the_study_or_leave_with_a_reason(on_disk):
    problems = cohort.check_files(on_disk, min_voxels=100, cores=1)
    with pytest.raises(BadInput, match="2 problem"):
        cohort.apply_exclusions(on_disk, problems, "stop")
    kept, exclusions = cohort.apply_exclusions(on_disk, problems, "exclude")
    assert kept.case_id.tolist() == ["P0", "P2", "P4", "P5", "P6", "P7"]
    assert exclusions.case_id.tolist() == ["P1", "P3"]
    assert exclusions.columns.tolist() == ["case_id", "reason", "code"]
    split = cohort.split_cohort(kept, 0.5, seed=1)
    flow = cohort.flow(split, exclusions, n_read=8)
    assert flow["exclusions"] == {"mask too small": 1, "file missing": 1}
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


def test_a_single_patient_with_both_labels_is_in_either_set():
    """Alone in a stratum of its own, it was a test patient whatever the seed."""
    table = many()
    table.loc[table.index[:2], "patient_id"] = "both"
    table.loc[table.index[:2], "label"] = [0, 1]
    splits = {cohort.split_cohort(table, 0.3, seed).query("patient_id == 'both'").split.iloc[0] for seed in range(12)}
    assert splits == {"train", "test"}


def test_a_given_split_is_kept_and_must_hold_both_labels():
    table = many(6, 3).assign(label=[1, 0, 1, 0, 1, 0], split=["train"] * 4 + ["test"] * 2)
    assert cohort.split_cohort(table, 0.5, 1).split.tolist() == table.split.tolist()
    with pytest.raises(VcfnbError, match="test set has no case with label 0"):
        cohort.split_cohort(table.assign(label=[1, 0, 1, 0, 1, 1]), 0.5, 1)


def test_second_readings_come_from_training_cases_that_have_both():
    table = many(20, 10).assign(split=["train"] * 15 + ["test"] * 5, mask_reader_a2="x", mask_reader_b="y")
    table.loc[:3, "mask_reader_b"] = np.nan
    chosen = cohort.repeat_segmentations(table, 8, seed=3)
    assert len(chosen) == 8
    assert set(chosen) <= {f"C{i}" for i in range(4, 15)}
    assert chosen == cohort.repeat_segmentations(table, 8, seed=3)
    assert len(cohort.repeat_segmentations(table, 100, seed=3)) == 11
    assert cohort.repeat_segmentations(many(), 30, seed=3) == []


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
