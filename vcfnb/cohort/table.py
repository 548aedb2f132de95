"""cohort.csv as a table: read it, and say everything that is wrong with it at once."""

import difflib
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from vcfnb import images
from vcfnb.cohort.clinical import RANGES
from vcfnb.cohort.columns import CLINICAL, FILES, LEVELS, OPTIONAL, PAIRS, REPEATS, REQUIRED, problem, problem_table
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
        number or name of a DICOM segment or structure), mask_scheme (a tool's numbering, which gives a level its label;
        :data:`vcfnb.images.SCHEMES`), mask_body (the tool's file that says what is body), mask_reader_a2 and
        mask_reader_b (repeat segmentations). Paths are seen from the table's folder.
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

    What cannot be read as a table, or lacks columns, is an error.

    Returns
    -------
    table : pandas.DataFrame
        All rows; a label that is neither 0 nor 1 is NaN.
    problems : pandas.DataFrame
        case_id, file, problem, remedy, severity, code. Those without a case_id concern the whole table.
    """
    csv = Path(csv)
    table = _read_text(csv)
    _check_columns(table, csv, label_column)
    problems = []
    unused = [name for name in table.columns if name not in (*REQUIRED, *OPTIONAL, label_column)]
    if unused:
        told = f"columns without a meaning here: {', '.join(unused)}"
        remedy = f"nothing to do if they are yours; {_LIST}"
        problems.append(problem(told, remedy, file=csv, severity="warning", code="unused-columns"))
    table = table.drop(columns=unused)
    if label_column != "label":
        table = table.drop(columns="label", errors="ignore").rename(columns={label_column: "label"})
    _name_cases(table, problems)
    _check_ids(table, problems)
    _check_labels(table, label_column, problems)
    _check_split(table, problems)
    _check_clinical(table, problems)
    _check_scheme(table, problems)
    _resolve(table, csv.parent, problems)
    _check_repeats(table, problems)
    for name in (*CLINICAL, *REPEATS):
        if name not in table:
            table[name] = np.nan
    _check_segmentations(table, problems)
    order = ["patient_id", "case_id", "image", "mask", "label", *OPTIONAL[1:]]
    table = table[[name for name in order if name in table]]
    table.attrs["unused"] = unused
    return table, problem_table(problems)


def is_simulated(table):
    """Whether any case of the cohort is simulated (its ``site`` starts with "simulated")."""
    return bool("site" in table and table["site"].astype(str).str.startswith(SIMULATED).any())


def _read_text(csv):
    """The cells as text, without blanks around them; empty ones as NaN."""

    def refused(told, remedy, code="not-a-table"):
        return BadInput.of(csv, told, remedy, code=code)

    if csv.is_dir():
        raise refused("is a folder", "give the table; the command template writes one")
    if not csv.is_file():
        raise refused("the file is missing", "check the path (in a params file: cohort.csv)", "file-missing")
    with open(csv, "rb") as stream:
        if stream.read(2) == b"PK":
            raise refused("is a spreadsheet, not CSV", "save it as CSV UTF-8")
    try:
        with warnings.catch_warnings():
            # Rows longer than the header: pandas would drop what is over, and only warn.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            separator = _separator(csv)
            table = pd.read_csv(
                csv, sep=separator, dtype=str, encoding="utf-8-sig", skipinitialspace=True, index_col=False
            )
    except UnicodeError:
        raise refused("is not UTF-8 text", "save it as CSV UTF-8", "wrong-encoding") from None
    except pd.errors.ParserWarning:
        remedy = "put texts with commas into quotes, and take trailing commas away"
        raise refused("rows have more cells than the header", remedy) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise refused(f"is not a table: {error}", "save it as CSV with commas and one header line") from None
    if "\0" in "".join(table.columns):
        raise refused("is not UTF-8 text", "save it as CSV UTF-8", "wrong-encoding")
    if not {*REQUIRED} & {*table.columns.str.strip()} and table.columns.str.contains("[;\t]").any():
        told, remedy = "commas and semicolons or tabs are mixed in the header", "save it as CSV with commas alone"
        raise refused(told, remedy, "wrong-separator")
    if not len(table):
        raise refused("has no rows", "write one row per vertebra", "empty-table")
    table.columns = table.columns.str.strip()
    table = table.apply(lambda column: column.str.strip()).replace("", np.nan)
    if separator != ",":
        # Where commas do not separate cells, one within a number is a decimal comma.
        table = table.replace(r"^(-?\d+),(\d+)$", r"\1.\2", regex=True)
    return table


def _separator(csv):
    """What separates the columns: commas, or semicolons or tabs where the header has one of them alone."""
    with open(csv, encoding="utf-8-sig") as stream:
        header = stream.readline()
    found = [mark for mark in (",", ";", "\t") if mark in header]
    return found[0] if len(found) == 1 else ","


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


def _unusable(rows, name, remedy, code="invalid-value", shown=None):
    """A problem for each of the rows: what the column holds there, and what to do."""
    said = rows[name].map(lambda value: "is empty" if pd.isna(value) else f"is {value!r}")
    return [
        problem(f"{shown or name} {told}", remedy, case, code=code)
        for case, told in zip(rows["case_id"], said, strict=True)
    ]


def _name_cases(table, problems):
    if "level" in table:
        table["level"] = table["level"].str.upper()
    if "case_id" in table:
        return
    several = table["patient_id"].duplicated(keep=False)
    if several.any() and "level" not in table:
        told = f"patients with several rows, and no case_id or level: {_first_names(table.loc[several, 'patient_id'])}"
        problems.append(problem(told, "add a column case_id, or level", code="id-missing"))
    table["case_id"] = table["patient_id"]
    if "level" in table:
        table.loc[several, "case_id"] = table["patient_id"] + "_" + table["level"]


def _check_ids(table, problems):
    """Ids become names of files: what is unsafe concerns the whole table, and is never excluded case by case."""
    for name in ("patient_id", "case_id"):
        for row in np.flatnonzero(table[name].isna()):
            problems.append(problem(f"row {row + 2}: {name} is empty", f"give every row a {name}", code="id-missing"))
        given = table[name].dropna()
        remedy = "use at most 100 letters, digits, '.', '_' and '-', not starting with '.' or '-'"
        for value in given[~given.str.fullmatch(_SAFE)].unique():
            told = f"{name} {value!r} has characters that file names must not have"
            problems.append(problem(told, remedy, code="unsafe-name"))
    ids = table["case_id"].dropna()
    told, remedy = "case_id is there more than once", "give each case its own"
    problems += [problem(told, remedy, case, code="name-repeated") for case in ids[ids.duplicated()].unique()]
    remedy = "rename one: many file systems take them for the same name"
    for _, alike in ids.groupby(ids.str.lower()):
        if alike.nunique() > 1:
            told = f"case_id {' and '.join(map(repr, alike.unique()))} differ in case only"
            problems.append(problem(told, remedy, code="name-repeated"))


def _check_labels(table, label_column, problems):
    label = pd.to_numeric(table["label"], errors="coerce")
    usable = label.isin([0, 1])
    problems += _unusable(
        table[~usable], "label", "write 1 (acute) or 0 (chronic)", code="invalid-label", shown=label_column
    )
    table["label"] = label.astype(int) if usable.all() else label.where(usable)
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
    wrong = ~table["split"].isin(["train", "test"])
    problems += _unusable(table[wrong], "split", "write train or test in every row, or in none")
    sides = table.groupby("patient_id")["split"].nunique()
    remedy = "keep all rows of a patient in one set"
    for patient in sides.index[sides > 1]:
        problems.append(problem(f"patient {patient} is in train and test", remedy, code="patient-in-both-sets"))


def _check_clinical(table, problems):
    for name, (low, high) in RANGES.items():
        if name in table:
            number = pd.to_numeric(table[name], errors="coerce")
            wrong = table[name].notna() & ~number.between(low, high)
            problems += _unusable(table[wrong], name, f"write a number from {low} to {high}, or leave it empty")
            table[name] = number
    allowed = {"sex": (["F", "M"], "F or M"), "level": (LEVELS, f"{LEVELS[0]} to {LEVELS[-1]}")}
    for name, (values, known) in allowed.items():
        if name in table:
            table[name] = table[name].str.upper()
            wrong = table[name].notna() & ~table[name].isin(values)
            problems += _unusable(table[wrong], name, f"write {known}, or leave it empty")
    if "mask_label" in table:
        number = pd.to_numeric(table["mask_label"], errors="coerce")
        wrong = number.notna() & ~((number > 0) & (number % 1 == 0))
        remedy = "write a whole number above 0, the name of a DICOM segment or structure, or leave it empty"
        problems += _unusable(table[wrong], "mask_label", remedy)
        if number.notna().sum() == table["mask_label"].notna().sum():
            table["mask_label"] = number


def _check_scheme(table, problems):
    """A numbering and a level are a label; where a label is given, it stays."""
    if "mask_scheme" not in table:
        return
    table["mask_scheme"] = table["mask_scheme"].str.lower()
    told = table["mask_scheme"].notna()
    known = table["mask_scheme"].isin(images.SCHEMES)
    remedy = f"write {', '.join(images.SCHEMES)}, or leave it empty and give mask_label"
    problems += _unusable(table[told & ~known], "mask_scheme", remedy)
    level = table["level"] if "level" in table else pd.Series(np.nan, table.index)
    label = map(images.label_of, table["mask_scheme"], level)
    label = pd.Series(list(label), table.index, dtype=float)
    given = table["mask_label"].notna() if "mask_label" in table else pd.Series(False, table.index)
    remedy = "write the level of the vertebra (T1 to L6) in the column level, or its label in mask_label"
    for case in table.loc[known & ~given & label.isna(), "case_id"]:
        problems.append(problem("mask_scheme needs a level that it numbers", remedy, case, code="invalid-value"))
    table["mask_label"] = table["mask_label"].where(given, label) if "mask_label" in table else label


def _resolve(table, folder, problems):
    for name in FILES:
        if name not in table:
            continue
        if name in REQUIRED:
            problems += _unusable(table[table[name].isna()], name, "write the path of a file", code="file-not-given")
        table[name] = table[name].astype(object)
        for row, value in table[name].dropna().items():
            case = table.loc[row, "case_id"]
            if "://" in value:
                told, remedy = f"{name} is an address, not a file", "download it, and write its path"
                problems.append(problem(told, remedy, case, value, code="unusable-path"))
                table.loc[row, name] = np.nan
                continue
            if "\\" in value and os.sep != "\\":
                told, remedy = f"{name} is a Windows path", "write it with /, as seen from the table's folder"
                problems.append(problem(told, remedy, case, value, code="unusable-path"))
            table.loc[row, name] = str((folder / Path(value).expanduser()).resolve())


def _check_repeats(table, problems):
    """One image in two patients, one mask in two cases, a repeat segmentation that is the first."""
    whole = table["image"].notna() & table["mask"].notna()
    same = table.duplicated([name for name in ("image", "mask", "mask_label") if name in table], keep="first")
    told, remedy = "image and mask are those of another case", "keep one of them"
    for row in table[same & whole].itertuples():
        problems.append(problem(told, remedy, row.case_id, row.mask, code="case-repeated"))
    for image, cases in table.groupby("image", sort=False):
        if cases["patient_id"].nunique() > 1:
            told = f"the same image is given for several patients: {_first_names(cases['patient_id'])}"
            remedy = "give each patient's own, or one patient_id"
            problems += [problem(told, remedy, case, image, code="image-shared") for case in cases["case_id"]]
    for mask, cases in table[whole].groupby("mask", sort=False):
        if cases["image"].nunique() > 1:
            told = f"the same mask is given for several images, of cases {_first_names(cases['case_id'])}"
            remedy = "give each image the mask that was drawn on it"
            problems += [problem(told, remedy, case, mask, code="mask-shared") for case in cases["case_id"]]
    remedy = "give a mask that was really segmented again, or leave it empty"
    for first, second in PAIRS:
        if first in table and second in table:
            for row in table[table[first].notna() & (table[first] == table[second])].itertuples():
                told = f"{second} is the file of {first}"
                problems.append(
                    problem(told, remedy, row.case_id, getattr(row, second), code="segmentations-identical")
                )


def _first_names(column):
    return ", ".join(column.dropna().unique()[:5])


def _check_segmentations(table, problems):
    given = table[list(REPEATS)].notna()
    n_both, n_one = int(given.all(axis=1).sum()), int((given.any(axis=1) & ~given.all(axis=1)).sum())
    remedy = "draw about 30 cases again (mask_reader_a2 by the same reader, mask_reader_b by another), or go on without"
    told = ""
    if not given.any(axis=None):
        told = "no repeat segmentations: which features survive another contour is not evaluated"
    elif n_one:
        told = f"{n_one} cases have one of two repeat segmentations and are not used for agreement; {n_both} have both"
    if told:
        problems.append(problem(told, remedy, severity="warning", code="segmentations-missing"))


def _missing_files(table):
    return [
        problem("the file is missing", "check the path", row["case_id"], row[name], code="file-missing")
        for row in table.to_dict("records")
        for name in FILES
        if isinstance(row.get(name), str) and not images.location(row[name])[0].exists()
    ]
