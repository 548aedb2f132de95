"""A finished run, as the checklists look at it: files that are there or not, never an error for one that is missing."""

import json
from functools import cached_property
from pathlib import Path

import pandas as pd

from vcfnb.errors import VcfnbError


class RunFolder:
    """Read-only view of one study's results.

    Parameters
    ----------
    folder : path
        ``runs/<study>``.

    Raises
    ------
    VcfnbError
        When the folder does not say whether its patients are simulated.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        about = self.json("00_cohort/about.json")
        if about is None:
            raise VcfnbError(
                f"{self.folder / '00_cohort/about.json'} is missing",
                "run notebook 00_cohort first",
                code="result-missing",
            )
        self.simulated = bool(about["simulated"])

    def find(self, pattern):
        """Relative path of the first file that a name or pattern (``*``) stands for, or None."""
        found = sorted(path for path in self.folder.glob(pattern) if path.is_file())
        return found[0].relative_to(self.folder).as_posix() if found else None

    def present(self, *patterns):
        """Relative paths of those that exist, in order."""
        return tuple(found for found in map(self.find, patterns) if found)

    def table(self, name):
        """A CSV table, or None where it is missing, unreadable or has no rows."""
        try:
            table = pd.read_csv(self.folder / name, dtype={"case_id": str, "patient_id": str})
        except (OSError, ValueError):
            return None
        return table if len(table) else None

    def json(self, name):
        """A JSON object, or None where it is missing or unreadable."""
        try:
            return json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def settings(self, step):
        """Settings that a notebook wrote down; an empty dict where there are none."""
        return self.json(f"{step}/settings.json") or {}

    @cached_property
    def cohort(self):
        """The cohort, or None."""
        return self.table("00_cohort/cohort.csv")

    @cached_property
    def versions(self):
        """Versions of packages, from provenance.json; an empty dict without it."""
        return (self.json("provenance.json") or {}).get("versions", {})

    @cached_property
    def steps(self):
        """Number of radiomic features after each selection step: a Series by step, empty without the table."""
        table = self.table("05_selection/radiomics_steps.csv")
        return pd.Series(dtype=int) if table is None else table.set_index("step")["n_features"]
