"""Errors that name the case, the file, what is wrong and what to do: as fields for code, as a message for people."""

import copyreg

import pandas as pd

COLUMNS = ["case_id", "file", "problem", "remedy", "code"]
# Cases of the same problem that are shown by name.
_NAMED = 5


def message(problem, remedy="", case="", file=""):
    """One problem in one line: ``case file: problem -> remedy``."""
    where = " ".join(str(part) for part in (case, file) if str(part))
    return (f"{where}: " if where else "") + problem + (f" -> {remedy}" if remedy else "")


def folded(problems):
    """Problems in the order in which they first appear, the same one of many cases as one row."""
    rows = []
    same = [problems[name] for name in ("severity", "problem", "remedy", "code") if name in problems]
    for _, alike in problems.groupby([*same, problems["case_id"] == ""], sort=False, dropna=False):
        cases, files = alike["case_id"].unique(), alike["file"].unique()
        if len(cases) > 1:
            names = ", ".join(map(str, cases[:_NAMED])) + (", ..." if len(cases) > _NAMED else "")
            file = files[0] if len(files) == 1 else ""
            alike = alike.head(1).assign(case_id=f"{len(cases)} cases ({names})", file=file)
        rows.append(alike)
    return pd.concat(rows, ignore_index=True) if rows else problems


class VcfnbError(ValueError):
    """Base class of every error that vcfnb raises on purpose; its message is ``case file: problem -> remedy``.

    Parameters
    ----------
    problem, remedy : str
        What is wrong, and what to do.
    code : str
        What kind of problem it is, such as ``file-missing``. It stays when the words change: decide by it.
    case, file : str or path, optional
    """

    def __init__(self, problem, remedy="", *, code, case="", file=""):
        self.problem, self.remedy, self.code, self.case, self.file = problem, remedy, code, str(case), str(file)
        super().__init__(message(problem, remedy, case, file))

    def rows(self, case_id="", file=""):
        """Its problems as dicts with :data:`COLUMNS`; `case_id` replaces theirs, `file` is for those that name none."""
        values = (case_id or self.case, self.file or str(file), self.problem, self.remedy, self.code)
        return [dict(zip(COLUMNS, values, strict=True))]

    def __reduce__(self):
        # Workers send errors through pickle, which would otherwise call the class with the message alone.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__


class CannotWrite(VcfnbError):
    """A result cannot be written: the disk is full, the folder is read-only. It is no fault of a case."""


class BadInput(VcfnbError):
    """One or more inputs cannot be used. ``problems`` has them all, the other fields are those of the first.

    Parameters
    ----------
    problems : list of dict, or pandas.DataFrame
        One per problem with :data:`COLUMNS`; ``case_id`` and ``file`` may be empty.
    """

    def __init__(self, problems):
        self.problems = pd.DataFrame(problems, columns=COLUMNS, dtype=object).fillna("").reset_index(drop=True)
        case, file, problem, remedy, code = self.problems.iloc[0]
        super().__init__(problem, remedy, code=code, case=case, file=file)
        lines = [
            f"  {message(row.problem, row.remedy, row.case_id, row.file)}" for row in folded(self.problems).itertuples()
        ]
        self.args = ("\n".join([f"{len(self.problems)} problem(s) in the input:", *lines]),)

    @classmethod
    def of(cls, file, problem, remedy, *, code):
        """One problem of one file."""
        return cls([{"file": str(file), "problem": problem, "remedy": remedy, "code": code}])

    def rows(self, case_id="", file=""):
        """As :meth:`VcfnbError.rows`, one dict per problem."""
        return [
            row | {"case_id": case_id or row["case_id"], "file": row["file"] or str(file)}
            for row in self.problems.to_dict("records")
        ]
