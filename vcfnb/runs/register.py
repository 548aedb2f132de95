"""How often the test set of a study was opened with other parameters: one line each in ``test_set_register.csv``.

It lies in the run folder itself, outside of every notebook's: no step deletes it, and none is older for its lack.
"""

import fcntl
from datetime import UTC, datetime

import pandas as pd

from vcfnb.runs.files import write_csv, writing
from vcfnb.runs.provenance import digest

NAME = "test_set_register.csv"
_KEY = ["parameters", "cases", "scores"]
# Where something is computed, not what.
_WITHOUT = ("03_radiomics.executor", "03_radiomics.scheduler", "02_icc.executor", "02_icc.scheduler")


def opened(run):
    """The register (when, and digests of parameters, cases, code and scores); None where there is none."""
    path = run.folder / NAME
    return pd.read_csv(path, dtype=str) if path.exists() else None


def open_test_set(run):
    """Add a line, unless the same parameters gave the same scores of the same cases before; the whole register.

    Parameters of notebook 00 count by the table of cases that it made. `run` is that of notebook 07
    (:func:`vcfnb.runs.steps.begin`).
    """
    parts = run.made["parts"]
    parameters = {name: value for name, value in parts["parameters"].items() if name not in _WITHOUT}
    line = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "parameters": digest(parameters),
        "cases": digest(parts["table"]),
        "code": digest(parts["code"]),
        "scores": digest(run.needs("fusion", "scores.csv")),
    }
    path = run.folder / NAME
    with writing(path), open(run.folder / f".{NAME}.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process at a time reads and replaces it
        table = pd.concat([opened(run), pd.DataFrame([line])], ignore_index=True)
        if table.duplicated(_KEY).iloc[-1]:
            return table.iloc[:-1]
        write_csv(table, path)
    return table
