"""cohort.csv as a table: read it, and say everything that is wrong with it at once."""

import difflib
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from vcfnb import images
from vcfnb.cohort.clinical import RANGES
from vcfnb.cohort.columns import CLINICAL, FILES, LEVELS, OPTIONAL, READINGS, REQUIRED, problem, problem_table
from vcfnb.errors import BadInput

# The simulation's sites start with this, so that every later figure can say what it shows.
SIMULATED = "simulated"

# A leading dot hides a file, a leading dash reads as an option; longer names end where file systems end.
_SAFE = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}"
_LIST = "docs/own-cohort.md lists the columns"


def read_cohort(csv, label_column="label"):
    """Read the table of cases and check it as a table; files are looked at by :func:`check_files`.

    Parameters
    ----------
    csv : path
        UTF-8, commas, one row per case (one vertebra). Needed: patient_id, image, mask and the label. Optional: case_id
        (by default the patient, with the level where a patient has several), split (train or test), age (years),
        sex (F or M), bmd (T-score), level (T1 to L6), site, mask_label (value of the ROI in a mask with several, or
        number or name of a DICOM segment or structure), mask_reader_a2 and mask_reader_b (repeat segmentations). Paths
        are seen from the table's folder.
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
    table, problems = check_table(csv, label_column)
    errors = problems[problems["severity"] == "error"]
    if len(errors):
        # Single cases without files could be excluded; with the table to be fixed anyway, they are named with it.
        raise BadInput([*errors.to_dict("records"), *_missing_files(table)])
    return table


def check_table(csv, label_column="label"):
    """Read the table of cases as :func:`read_cohort` does, and collect what is wrong with single rows.

    Parameters
    ----------
    csv, label_column
        As for :func:`read_cohort`.

    Returns
    -------
    table : pandas.DataFrame
        All rows; a label that is neither 0 nor 1 is NaN.
    problems : pandas.DataFrame
        case_id, file, problem, remedy, severity, code. Those without a case_id concern the whole table.

    Raises
    ------
    BadInput
        It cannot be read as a table, or columns are missing.
    """
    csv = Path(csv)
    table = _read_text(csv)
    _check_columns(table, csv, label_column)
    problems = []
    unused = [name for name in table.columns if name not in (*REQUIRED, *OPTIONAL, label_column)]
    if unused:
        told = f"columns without a meaning here: {', '.join(unused)}"
        problems.append(
            problem(
                told, f"nothing to do if they are yours; {_LIST}", file=csv, severity="warning", code="unused-columns"
            )
        )
    table = table.drop(columns=unused)
    if label_column != "label":
        table = table.drop(columns="label", errors="ignore").rename(columns={label_column: "label"})
    _name_cases(table, problems)
    _check_ids(table, problems)
    _check_labels(table, label_column, problems)
    _check_split(table, problems)
    _check_clinical(table, problems)
    _resolve(table, csv.parent, problems)
    _check_repeats(table, problems)
    for name in (*CLINICAL, *READINGS):
        if name not in table:
            table[name] = np.nan
    _check_readings(table, problems)
    order = ["patient_id", "case_id", "image", "mask", "label", *OPTIONAL[1:]]
    table = table[[name for name in order if name in table]]
    table.attrs["unused"] = unused
    return table, problem_table(problems)


def is_simulated(table):
    """Whether any case of the cohort is simulated (its ``site`` starts with "simulated")."""
    return bool("site" in table and table["site"].astype(str).str.startswith(SIMULATED).any())


def _read_text(csv):
    if csv.is_dir():
        raise BadInput.of(
            csv, "is a folder", "give the table; python -m vcfnb template FOLDER writes one", code="not-a-table"
        )
    if not csv.is_file():
        raise BadInput.of(
            csv, "the file is missing", "check the path (in a params file: cohort.csv)", code="file-missing"
        )
    with open(csv, "rb") as stream:
        if stream.read(2) == b"PK":
            raise BadInput.of(csv, "is a spreadsheet, not CSV", "save it as CSV UTF-8", code="not-a-table")
    try:
        with warnings.catch_warnings():
            # Rows longer than the header: pandas would drop what is over, and only warn.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(csv, dtype=str, encoding="utf-8-sig", skipinitialspace=True, index_col=False)
    except (UnicodeDecodeError, UnicodeError):
        raise BadInput.of(csv, "is not UTF-8 text", "save it as CSV UTF-8", code="wrong-encoding") from None
    except pd.errors.ParserWarning:
        remedy = "put texts with commas into quotes, and take trailing commas away"
        raise BadInput.of(csv, "rows have more cells than the header", remedy, code="not-a-table") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise BadInput.of(
            csv, f"is not a table: {error}", "save it as CSV with commas and one header line", code="not-a-table"
        ) from None
    if "\0" in "".join(table.columns):
        raise BadInput.of(csv, "is not UTF-8 text", "save it as CSV UTF-8", code="wrong-encoding")
    if len(table.columns) == 1 and (";" in table.columns[0] or "\t" in table.columns[0]):
        raise BadInput.of(
            csv, "columns are not separated by commas", "save it as CSV with commas", code="wrong-separator"
        )
    if not len(table):
        raise BadInput.of(csv, "has no rows", "write one row per vertebra", code="empty-table")
    table.columns = table.columns.str.strip()
    return table.apply(lambda column: column.str.strip()).replace("", np.nan)


def _check_columns(table, csv, label_column):
    problems = []
    # pandas calls the second of two equal columns "name.1".
    for name in table.columns:
        first, _, number = name.rpartition(".")
        if number.isdigit() and first in table.columns:
            problems.append(problem(f"column {first} is there twice", "keep one", file=csv, code="name-repeated"))
    wanted = [*REQUIRED, label_column]
    for name in wanted:
        if name not in table:
            remedy = f"add it; {_LIST}"
            if name == label_column and name != "label":
                remedy += f", or set cohort.label_column to one of {', '.join(table.columns)}"
            problems.append(problem(f"column {name} is missing", remedy, file=csv, code="column-missing"))
    absent = [name for name in (*wanted, *OPTIONAL) if name not in table]
    for name in table.columns:
        close = difflib.get_close_matches(name.lower(), absent, n=1, cutoff=0.8)
        if name not in (*wanted, *OPTIONAL) and close and close[0] not in table:
            remedy = f"rename it to {close[0]} if that is meant, or to something else"
            problems.append(problem(f"column {name} looks like {close[0]}", remedy, file=csv, code="column-misspelt"))
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
        problems.append(
            problem(f"patients with several rows, and no case_id or level: {names}", remedy, code="id-missing")
        )
    table["case_id"] = table["patient_id"]
    if "level" in table:
        table.loc[several, "case_id"] = table["patient_id"] + "_" + table["level"]


def _check_ids(table, problems):
    """Ids become names of files: what is unsafe concerns the whole table, and is never excluded case by case."""
    for name in ("patient_id", "case_id"):
        for row in np.flatnonzero(table[name].isna()):
            problems.append(problem(f"row {row + 2}: {name} is empty", f"give every row a {name}", code="id-missing"))
        given = table[name].dropna()
        for value in dict.fromkeys(given[~given.str.fullmatch(_SAFE)]):
            remedy = "use at most 100 letters, digits, '.', '_' and '-', not starting with '.' or '-'"
            problems.append(
                problem(f"{name} {value!r} has characters that file names must not have", remedy, code="unsafe-name")
            )
    ids = table["case_id"].dropna()
    for value in ids[ids.duplicated()].unique():
        problems.append(
            problem("case_id is there more than once", "give each case its own", value, code="name-repeated")
        )
    for _, alike in ids.groupby(ids.str.lower()):
        if alike.nunique() > 1:
            told = f"case_id {' and '.join(map(repr, alike.unique()))} differ in case only"
            problems.append(
                problem(told, "rename one: many file systems take them for the same name", code="name-repeated")
            )


def _check_labels(table, label_column, problems):
    label = pd.to_numeric(table["label"], errors="coerce")
    for row in table[~label.isin([0, 1])].itertuples():
        shown = "is empty" if pd.isna(row.label) else f"is {row.label!r}"
        problems.append(
            problem(f"{label_column} {shown}", "write 1 (acute) or 0 (chronic)", row.case_id, code="invalid-label")
        )
    table["label"] = label.where(label.isin([0, 1]))
    if table["label"].notna().all():
        table["label"] = table["label"].astype(int)
    known = table["label"].dropna()
    if len(known) and known.nunique() == 1:
        which = f"all cases have {label_column} {int(known.iloc[0])}"
        problems.append(problem(which, "the study needs acute and chronic cases", code="one-class"))


def _check_split(table, problems):
    if "split" not in table:
        return
    if table["split"].isna().all():
        table.pop("split")
        return
    for row in table[~table["split"].isin(["train", "test"])].itertuples():
        shown = "is empty" if pd.isna(row.split) else f"is {row.split!r}"
        problems.append(
            problem(f"split {shown}", "write train or test in every row, or in none", row.case_id, code="invalid-value")
        )
    sides = table.groupby("patient_id")["split"].nunique()
    for patient in sides.index[sides > 1]:
        problems.append(
            problem(
                f"patient {patient} is in train and test",
                "keep all rows of a patient in one set",
                code="patient-in-both-sets",
            )
        )


def _check_clinical(table, problems):
    for name, (low, high) in RANGES.items():
        if name in table:
            number = pd.to_numeric(table[name], errors="coerce")
            for row in table[table[name].notna() & ~number.between(low, high)].itertuples():
                shown = f"{name} is {getattr(row, name)!r}"
                remedy = f"write a number from {low} to {high}, or leave it empty"
                problems.append(problem(shown, remedy, row.case_id, code="invalid-value"))
            table[name] = number
    allowed = {"sex": ["F", "M"], "level": LEVELS}
    for name, values in allowed.items():
        if name in table:
            table[name] = table[name].str.upper()
            for row in table[table[name].notna() & ~table[name].isin(values)].itertuples():
                known = " or ".join(values) if len(values) < 3 else f"{values[0]} to {values[-1]}"
                shown = f"{name} is {getattr(row, name)!r}"
                problems.append(problem(shown, f"write {known}, or leave it empty", row.case_id, code="invalid-value"))
    if "mask_label" in table:
        number = pd.to_numeric(table["mask_label"], errors="coerce")
        for row in table[number.notna() & ~((number > 0) & (number % 1 == 0))].itertuples():
            shown = f"mask_label is {row.mask_label!r}"
            remedy = "write a whole number above 0, the name of a DICOM segment or structure, or leave it empty"
            problems.append(problem(shown, remedy, row.case_id, code="invalid-value"))
        if number.notna().sum() == table["mask_label"].notna().sum():
            table["mask_label"] = number


def _resolve(table, folder, problems):
    for name in FILES:
        if name not in table:
            continue
        for row in table[table[name].isna()].itertuples() if name in REQUIRED else ():
            problems.append(problem(f"{name} is empty", "write the path of a file", row.case_id, code="file-not-given"))
        table[name] = table[name].astype(object)
        for row, value in table[name].dropna().items():
            if "://" in value:
                told = f"{name} is an address, not a file"
                problems.append(
                    problem(
                        told, "download it, and write its path", table.loc[row, "case_id"], value, code="unusable-path"
                    )
                )
                table.loc[row, name] = np.nan
                continue
            if "\\" in value and os.sep != "\\":
                remedy = "write it with /, as seen from the table's folder"
                problems.append(
                    problem(f"{name} is a Windows path", remedy, table.loc[row, "case_id"], value, code="unusable-path")
                )
            table.loc[row, name] = str((folder / Path(value).expanduser()).resolve())


def _check_repeats(table, problems):
    """One image in two patients, one mask in two cases, a repeat segmentation that is the first."""
    whole = table["image"].notna() & table["mask"].notna()
    same = table.duplicated([name for name in ("image", "mask", "mask_label") if name in table], keep="first")
    for row in table[same & whole].itertuples():
        problems.append(
            problem(
                "image and mask are those of another case",
                "keep one of them",
                row.case_id,
                row.mask,
                code="case-repeated",
            )
        )
    for image, cases in table[table["image"].notna()].groupby("image", sort=False):
        if cases["patient_id"].nunique() > 1:
            patients = ", ".join(cases["patient_id"].dropna().unique()[:5])
            for case in cases["case_id"]:
                told = f"the same image is given for several patients: {patients}"
                problems.append(
                    problem(told, "give each patient's own, or one patient_id", case, image, code="image-shared")
                )
    for mask, cases in table[whole].groupby("mask", sort=False):
        if cases["image"].nunique() > 1:
            told = f"the same mask is given for several images, of cases {', '.join(cases['case_id'][:5])}"
            for case in cases["case_id"]:
                problems.append(
                    problem(told, "give each image the mask that was drawn on it", case, mask, code="mask-shared")
                )
    for first, second in (("mask", READINGS[0]), ("mask", READINGS[1]), READINGS):
        if first in table and second in table:
            for row in table[table[first].notna() & (table[first] == table[second])].itertuples():
                told = f"{second} is the file of {first}"
                remedy = "give a mask that was really segmented again, or leave it empty"
                problems.append(problem(told, remedy, row.case_id, getattr(row, second), code="readings-identical"))


def _check_readings(table, problems):
    given = table[list(READINGS)].notna()
    n_both, n_one = int(given.all(axis=1).sum()), int((given.any(axis=1) & ~given.all(axis=1)).sum())
    remedy = "draw about 30 cases again (mask_reader_a2 by the same reader, mask_reader_b by another), or go on without"
    if not given.any(axis=None):
        told = "no repeat segmentations: which features survive another contour is not judged"
        problems.append(problem(told, remedy, severity="warning", code="readings-missing"))
    elif n_one:
        told = f"{n_one} cases have one of two repeat segmentations and are not used for agreement; {n_both} have both"
        problems.append(problem(told, remedy, severity="warning", code="readings-missing"))


def _missing_files(table):
    return [
        problem("the file is missing", "check the path", row["case_id"], row[name], code="file-missing")
        for row in table.to_dict("records")
        for name in FILES
        if isinstance(row.get(name), str) and not images.location(row[name])[0].exists()
    ]
