"""The columns of cohort.csv, and the rows of a table of problems."""

import pandas as pd

from vcfnb.errors import COLUMNS

REQUIRED = ("patient_id", "image", "mask")
CLINICAL = ("age", "sex", "bmd")
REPEATS = ("mask_reader_a2", "mask_reader_b")
# Segmentations that must differ.
PAIRS = (("mask", REPEATS[0]), ("mask", REPEATS[1]), REPEATS)
OPTIONAL = ("case_id", "split", *CLINICAL, "level", "site", "mask_label", "mask_scheme", "mask_body", *REPEATS)
FILES = ("image", "mask", "mask_body", *REPEATS)
LEVELS = [f"T{n}" for n in range(1, 14)] + [f"L{n}" for n in range(1, 7)]


def problem(problem, remedy, case_id="", file="", severity="error", *, code):
    """One row of a table of problems. Without a case_id it concerns the whole cohort."""
    return {
        "case_id": "" if pd.isna(case_id) else case_id,
        "file": str(file),
        "problem": problem,
        "remedy": remedy,
        "severity": severity,
        "code": code,
    }


def problem_table(rows):
    """Problems as a table: case_id, file, problem, remedy, severity (``error`` unless a row says ``warning``), code."""
    rows = [{"severity": "error"} | row for row in rows]
    return pd.DataFrame(rows, columns=[*COLUMNS[:-1], "severity", "code"], dtype=object).fillna("")
