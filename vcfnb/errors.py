"""Errors whose message names the case, the file, what is wrong and what to do."""

import pandas as pd

COLUMNS = ["case_id", "file", "problem", "remedy"]


class VcfnbError(ValueError):
    """Base class of every error that vcfnb raises on purpose."""


class CannotWrite(VcfnbError):
    """A result cannot be written: the disk is full, the folder is read-only. It is no fault of a case."""


class BadInput(VcfnbError):
    """One or more inputs cannot be used.

    Parameters
    ----------
    problems : list of dict, or pandas.DataFrame
        One entry a problem with the keys ``case_id``, ``file``, ``problem``, ``remedy``;
        ``case_id`` and ``file`` may be empty.
    """

    def __init__(self, problems):
        self.problems = pd.DataFrame(problems, columns=COLUMNS, dtype=object).fillna("")
        lines = [f"{len(self.problems)} problem(s) in the input:"]
        for row in self.problems.itertuples():
            where = " ".join(str(part) for part in (row.case_id, row.file) if str(part))
            lines.append(f"  {where + ': ' if where else ''}{row.problem} -> {row.remedy}")
        super().__init__("\n".join(lines))

    @classmethod
    def of(cls, file, problem, remedy):
        """One problem of one file."""
        return cls([{"file": str(file), "problem": problem, "remedy": remedy}])

    def __reduce__(self):
        # Workers send exceptions through pickle, which would otherwise pass the message as `problems`.
        return type(self), (self.problems.to_dict("records"),)
