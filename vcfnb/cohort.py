"""The cohort: read and check cohort.csv and its files, exclude, split by patient."""

import difflib
import os
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from vcfnb import images, runs
from vcfnb.clinical import RANGES
from vcfnb.errors import BadInput, VcfnbError

REQUIRED = ("patient_id", "image", "mask")
CLINICAL = ("age", "sex", "bmd")
READINGS = ("mask_reader_a2", "mask_reader_b")
OPTIONAL = ("case_id", "split", *CLINICAL, "level", "site", "mask_label", *READINGS)
FILES = ("image", "mask", *READINGS)
# The simulation's sites start with this, so that every later figure can say what it shows.
SIMULATED = "simulated"

_SAFE = r"[A-Za-z0-9._-]+"
_LEVELS = [f"T{n}" for n in range(1, 14)] + [f"L{n}" for n in range(1, 7)]


def read_cohort(csv, label_column="label"):
    """Read the table of cases and check it as a table; files are looked at by :func:`check_files`.

    Parameters
    ----------
    csv : path
        UTF-8, commas, one row a case (one vertebra). Needed: patient_id, image, mask and the label. Optional: case_id
        (by default the patient, with the level where a patient has several), split (train or test), age (years),
        sex (F or M), bmd (T-score), level (T1 to L6), site, mask_label (value of the ROI in a mask with several),
        mask_reader_a2 and mask_reader_b (second readings). Paths are seen from the table's folder.
    label_column : str
        Column with 1 (acute) and 0 (chronic).

    Returns
    -------
    pandas.DataFrame
        patient_id, case_id, image, mask, label, age, sex, bmd, mask_reader_a2, mask_reader_b, and split, level, site,
        mask_label where the table has them; absolute paths; missing values as NaN. ``attrs["unused"]`` lists columns
        that have no meaning here.

    Raises
    ------
    BadInput
        Everything that is wrong with the table, all rows at once.
    """
    csv = Path(csv)
    table = _read_text(csv)
    _check_columns(table, csv, label_column)
    unused = [name for name in table.columns if name not in (*REQUIRED, *OPTIONAL, label_column)]
    table = table.drop(columns=unused)
    if label_column != "label":
        table = table.drop(columns="label", errors="ignore").rename(columns={label_column: "label"})
    problems = []
    _name_cases(table, problems)
    _check_ids(table, problems)
    _check_labels(table, label_column, problems)
    _check_split(table, problems)
    _check_clinical(table, problems)
    _resolve(table, csv.parent, problems)
    if problems:
        # Single cases without files could be excluded; with the table to be mended anyway, they are named with it.
        raise BadInput(problems + _missing_files(table))
    for name in (*CLINICAL, *READINGS):
        if name not in table:
            table[name] = np.nan
    order = ["patient_id", "case_id", "image", "mask", "label", *OPTIONAL[1:]]
    table = table[[name for name in order if name in table]]
    table.attrs["unused"] = unused
    return table


def is_simulated(table):
    """Whether any case of the cohort is simulated (its ``site`` starts with "simulated")."""
    return bool("site" in table and table["site"].astype(str).str.startswith(SIMULATED).any())


def check_files(table, min_voxels=100, cores=None):
    """Open every image and mask once.

    Parameters
    ----------
    table : pandas.DataFrame
        As :func:`read_cohort` gives it.
    min_voxels : int
        Smallest ROI, voxels of the original image.
    cores : int, optional

    Returns
    -------
    pandas.DataFrame
        case_id, file, problem, remedy, severity (``error``: the case cannot be used; ``warning``: have a look).
    """
    work = partial(_check_case, min_voxels=min_voxels)
    rows = table.to_dict("records")
    found = [row for part in runs.parallel_map(work, rows, cores, desc="checking files") for row in part]
    return pd.DataFrame(found, columns=["case_id", "file", "problem", "remedy", "severity"])


def apply_exclusions(table, problems, on_bad_case="stop"):
    """Leave out cases that cannot be used, or stop.

    Parameters
    ----------
    table : pandas.DataFrame
    problems : pandas.DataFrame
        As :func:`check_files` gives it.
    on_bad_case : {"stop", "exclude"}

    Returns
    -------
    table : pandas.DataFrame
        The cases that stay.
    exclusions : pandas.DataFrame
        case_id, reason.

    Raises
    ------
    BadInput
        With ``stop``, all errors.
    """
    errors = problems[problems["severity"] == "error"]
    if len(errors) and on_bad_case == "stop":
        raise BadInput(errors.drop(columns="severity").to_dict("records"))
    reasons = errors.groupby("case_id", sort=False)["problem"].agg("; ".join).rename("reason").reset_index()
    kept = table[~table["case_id"].isin(reasons["case_id"])].reset_index(drop=True)
    return kept, reasons


def split_cohort(table, test_fraction, seed):
    """Keep the split that the table brings, or draw one: stratified by label, patients whole.

    Parameters
    ----------
    table : pandas.DataFrame
    test_fraction : float
        Share of cases aimed at for the test set, within each label.
    seed : int

    Returns
    -------
    pandas.DataFrame
        With ``split`` (train or test), in the table's order.

    Raises
    ------
    VcfnbError
        When one of the two sets would lack one of the labels.
    """
    table = table.copy()
    if "split" not in table:
        table["split"] = _drawn_split(table, test_fraction, np.random.default_rng([seed, 0]))
    counts = table.groupby(["split", "label"]).size().unstack(fill_value=0).reindex(["train", "test"], fill_value=0)
    counts = counts.reindex(columns=[0, 1], fill_value=0)
    if (counts == 0).any(axis=None):
        split, label = next((s, n) for s in counts.index for n in counts.columns if counts.loc[s, n] == 0)
        raise VcfnbError(
            f"split: the {split} set has no case with label {label} ({counts.to_dict('index')}) -> give more cases, "
            "another test_fraction, or a column split"
        )
    order = [name for name in ("patient_id", "case_id", "image", "mask", "label", "split") if name in table]
    return table[order + [name for name in table.columns if name not in order]]


def relative_paths(table, folder):
    """The table with its files as seen from `folder`."""
    table = table.copy()
    for name in FILES:
        if name in table:
            table[name] = [os.path.relpath(path, folder) if isinstance(path, str) else path for path in table[name]]
    return table


def second_readings(table, n, seed):
    """Training cases whose second readings are used, at most n, drawn at random.

    Parameters
    ----------
    table : pandas.DataFrame
        With ``split``.
    n : int
    seed : int

    Returns
    -------
    list of str
        case_id, in the table's order.
    """
    if not all(name in table for name in READINGS):
        return []
    able = table[(table["split"] == "train") & table[list(READINGS)].notna().all(axis=1)]
    chosen = np.random.default_rng([seed, 1]).permutation(len(able))[:n]
    return able["case_id"].iloc[np.sort(chosen)].tolist()


def flow(table, exclusions, n_read):
    """Counts for the flow figure (:func:`vcfnb.plots.patient_flow`).

    Parameters
    ----------
    table : pandas.DataFrame
        Included cases with ``split``.
    exclusions : pandas.DataFrame
        case_id, reason.
    n_read : int
        Cases in cohort.csv.
    """
    counts = {
        "read": n_read,
        "exclusions": exclusions["reason"].str.split(":").str[0].value_counts().to_dict(),
        "included": len(table),
        "patients": int(table["patient_id"].nunique()),
    }
    for split in ("train", "test"):
        label = table.loc[table["split"] == split, "label"]
        counts[split] = {"n": len(label), "acute": int((label == 1).sum()), "chronic": int((label == 0).sum())}
    return counts


def _problem(problem, remedy, case_id="", file=""):
    return {"case_id": case_id, "file": file, "problem": problem, "remedy": remedy}


def _read_text(csv):
    if not csv.is_file():
        raise BadInput([_problem("the file is missing", "check cohort.csv in the params file", file=str(csv))])
    try:
        table = pd.read_csv(csv, dtype=str, encoding="utf-8-sig", skipinitialspace=True)
    except UnicodeDecodeError:
        raise BadInput([_problem("is not UTF-8 text", "save it as CSV UTF-8", file=str(csv))]) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        remedy = "save it as CSV with commas and one header line"
        raise BadInput([_problem(f"is not a table: {error}", remedy, file=str(csv))]) from None
    if len(table.columns) == 1 and (";" in table.columns[0] or "\t" in table.columns[0]):
        raise BadInput([_problem("columns are not parted by commas", "save it as CSV with commas", file=str(csv))])
    if not len(table):
        raise BadInput([_problem("has no rows", "write one row a vertebra", file=str(csv))])
    table.columns = table.columns.str.strip()
    return table.apply(lambda column: column.str.strip()).replace("", np.nan)


def _check_columns(table, csv, label_column):
    problems = []
    for name in table.columns[table.columns.duplicated()]:
        problems.append(_problem(f"column {name} is there twice", "keep one", file=str(csv)))
    wanted = [*REQUIRED, label_column]
    for name in wanted:
        if name not in table:
            remedy = "add it; docs/own-cohort.md lists the columns"
            if name == label_column and name != "label":
                remedy += f", or set cohort.label_column to one of {', '.join(table.columns)}"
            problems.append(_problem(f"column {name} is missing", remedy, file=str(csv)))
    absent = [name for name in (*wanted, *OPTIONAL) if name not in table]
    for name in table.columns:
        close = difflib.get_close_matches(name.lower(), absent, n=1, cutoff=0.8)
        if name not in (*wanted, *OPTIONAL) and close and close[0] not in table:
            remedy = f"rename it to {close[0]} if that is meant, or to something else"
            problems.append(_problem(f"column {name} looks like {close[0]}", remedy, file=str(csv)))
    if problems:
        raise BadInput(problems)


def _name_cases(table, problems):
    if "level" in table:
        table["level"] = table["level"].str.upper()
    if "case_id" in table:
        return
    several = table["patient_id"].duplicated(keep=False)
    if several.any() and "level" not in table:
        names = ", ".join(table.loc[several, "patient_id"].dropna().unique()[:5])
        remedy = "add a column case_id, or level"
        problems.append(_problem(f"patients with several rows, and no case_id or level: {names}", remedy))
    table["case_id"] = table["patient_id"]
    if "level" in table:
        table.loc[several, "case_id"] = table["patient_id"] + "_" + table["level"]


def _check_ids(table, problems):
    for name in ("patient_id", "case_id"):
        for row, value in table[name].items():
            if pd.isna(value):
                problems.append(_problem(f"row {row + 2}: {name} is empty", f"give every row a {name}"))
        unsafe = table.loc[table[name].notna() & ~table[name].str.fullmatch(_SAFE, na=True), name]
        unsafe = [*unsafe, *table.loc[table[name].isin([".", ".."]), name]]
        for value in dict.fromkeys(unsafe):
            remedy = "use letters, digits, '.', '_' and '-'"
            problems.append(_problem(f"{name} {value!r} has characters that file names must not have", remedy, value))
    repeated = table.loc[table["case_id"].duplicated() & table["case_id"].notna(), "case_id"]
    for value in repeated.unique():
        problems.append(_problem("case_id is there more than once", "give each case its own", value))
    same = table.duplicated([name for name in ("image", "mask", "mask_label") if name in table], keep="first")
    for row in table[same & table["image"].notna() & table["mask"].notna()].itertuples():
        problems.append(_problem("image and mask are those of another case", "keep one of them", row.case_id, row.mask))


def _check_labels(table, label_column, problems):
    label = pd.to_numeric(table["label"], errors="coerce")
    for row in table[~label.isin([0, 1])].itertuples():
        shown = "is empty" if pd.isna(row.label) else f"is {row.label!r}"
        problems.append(_problem(f"{label_column} {shown}", "write 1 (acute) or 0 (chronic)", row.case_id))
    if label.isin([0, 1]).all():
        table["label"] = label.astype(int)
        if label.nunique() == 1:
            which = f"all cases have {label_column} {int(label.iloc[0])}"
            problems.append(_problem(which, "the study needs acute and chronic cases"))


def _check_split(table, problems):
    if "split" not in table:
        return
    if table["split"].isna().all():
        table.pop("split")
        return
    for row in table[~table["split"].isin(["train", "test"])].itertuples():
        shown = "is empty" if pd.isna(row.split) else f"is {row.split!r}"
        problems.append(_problem(f"split {shown}", "write train or test in every row, or in none", row.case_id))
    sides = table.groupby("patient_id")["split"].nunique()
    for patient in sides.index[sides > 1]:
        problems.append(_problem(f"patient {patient} is in train and test", "keep all rows of a patient in one set"))


def _check_clinical(table, problems):
    for name, (low, high) in RANGES.items():
        if name in table:
            number = pd.to_numeric(table[name], errors="coerce")
            for row in table[table[name].notna() & ~number.between(low, high)].itertuples():
                shown = f"{name} is {getattr(row, name)!r}"
                remedy = f"write a number from {low} to {high}, or leave it empty"
                problems.append(_problem(shown, remedy, row.case_id))
            table[name] = number
    allowed = {"sex": ["F", "M"], "level": _LEVELS}
    for name, values in allowed.items():
        if name in table:
            table[name] = table[name].str.upper()
            for row in table[table[name].notna() & ~table[name].isin(values)].itertuples():
                known = " or ".join(values) if len(values) < 3 else f"{values[0]} to {values[-1]}"
                shown = f"{name} is {getattr(row, name)!r}"
                problems.append(_problem(shown, f"write {known}, or leave it empty", row.case_id))
    if "mask_label" in table:
        number = pd.to_numeric(table["mask_label"], errors="coerce")
        for row in table[table["mask_label"].notna() & ~((number > 0) & (number % 1 == 0))].itertuples():
            shown = f"mask_label is {row.mask_label!r}"
            problems.append(_problem(shown, "write a whole number above 0, or leave it empty", row.case_id))
        table["mask_label"] = number


def _resolve(table, folder, problems):
    for name in FILES:
        if name not in table:
            continue
        for row, value in table[name].items():
            if pd.isna(value) and name in REQUIRED:
                case = table.loc[row, "case_id"]
                problems.append(_problem(f"{name} is empty", "write the path of a file", case))
        given = table[name].notna()
        table[name] = table[name].astype(object)
        table.loc[given, name] = [str((folder / path).resolve()) for path in table.loc[given, name]]


def _missing_files(table):
    return [
        _problem("the file is missing", "check the path", row["case_id"], row[name])
        for row in table.to_dict("records")
        for name in FILES
        if isinstance(row.get(name), str) and not Path(row[name]).exists()
    ]


def _check_case(case, min_voxels):
    """Problems of one case's files, each with its severity."""
    try:
        image = images.read_image(case["image"])
    except BadInput as error:
        return _named(case, error)
    label = case.get("mask_label")
    label = None if label is None or pd.isna(label) else int(label)
    found = []
    for name in ("mask", *READINGS):
        if not isinstance(case.get(name), str):
            continue
        try:
            mask = images.read_mask(case[name], image, label)
        except BadInput as error:
            found += _named(case, error)
            continue
        found += _check_roi(case["case_id"], case[name], mask, min_voxels)
    return found


def _check_roi(case_id, file, mask, min_voxels):
    import SimpleITK as sitk

    n_voxels = int(np.count_nonzero(sitk.GetArrayViewFromImage(mask)))
    if n_voxels < min_voxels:
        remedy = "check the mask, or lower cohort.min_voxels"
        yield _problem(f"the ROI is too small: {n_voxels} voxels", remedy, case_id, file) | {"severity": "error"}
    warnings = []
    if images.touches_border(mask):
        warnings.append(("the ROI touches the image's border", "is the vertebra whole? If not, leave the case out"))
    if images.pieces(mask) > 1:
        warnings.append(("the ROI has several separate pieces", "look for stray voxels of the pencil"))
    for problem, remedy in warnings:
        yield _problem(problem, remedy, case_id, file) | {"severity": "warning"}


def _named(case, error):
    rows = error.problems.to_dict("records")
    return [{**row, "case_id": case["case_id"], "severity": "error"} for row in rows]


def _drawn_split(table, test_fraction, rng):
    """Patients are drawn within strata (only acute, only chronic, both) until the share of cases is reached."""
    patients = table.groupby("patient_id", sort=True)["label"].agg(["min", "max", "size"])
    test = []
    for _, stratum in patients.groupby(["min", "max"]):
        wanted = max(1, round(test_fraction * stratum["size"].sum()))
        drawn = stratum.iloc[rng.permutation(len(stratum))]
        # Up to the patient with whom the count comes nearest to the aim.
        reached = drawn["size"].cumsum()
        test += drawn.index[: int(np.abs(reached - wanted).to_numpy().argmin()) + 1].tolist()
    return np.where(table["patient_id"].isin(test), "test", "train")
