"""Clinical variables (age, sex, BMD) as numbers that a model or a harmonisation can use."""

from dataclasses import dataclass, field

import pandas as pd

from vcfnb.cohort.columns import problem
from vcfnb.errors import BadInput, VcfnbError

PREFIX = "clinical_"
# Name of each variable's feature; sex becomes 1 for women and 0 for men.
FEATURES = {"age": f"{PREFIX}age", "sex": f"{PREFIX}sex_female", "bmd": f"{PREFIX}bmd"}
_SEX = {"F": 1.0, "M": 0.0}
# Plausible values: years, and T-score of bone mineral density.
RANGES = {"age": (0, 120), "bmd": (-10, 10)}


@dataclass(frozen=True)
class ClinicalEncoder:
    """How clinical columns become features, learned from training cases."""

    variables: list  # of age (years), sex (F or M), bmd (T-score), in this order
    missing: str = "error"  # what a missing value gets: error, or median
    medians: dict = field(default_factory=dict)  # with median: of the training cases, by variable
    # Variables that some training case lacks: each gets a second feature, 1 where the value was missing. A flag that no
    # training case has would be constant, and nothing could be learned from it.
    flagged: list = field(default_factory=list)

    @classmethod
    def fit(cls, table, variables, missing="error"):
        """Learn from training cases: a table indexed by case_id, with the columns of cohort.csv.

        With ``error``, training cases without a value are refused; a variable that none of them has always is.
        """
        unknown = [name for name in variables if name not in FEATURES]
        if unknown:
            raise VcfnbError(
                f"clinical: {unknown[0]!r} is not known", f"use {', '.join(FEATURES)}", code="unknown-choice"
            )
        if missing not in ("error", "median"):
            raise VcfnbError(
                f"clinical_missing: {missing!r} is not known", "use error or median", code="unknown-choice"
            )
        encoder = cls([name for name in FEATURES if name in variables], missing)
        numbers = encoder._numbers(table)
        empty = [name for name in encoder.variables if numbers[name].isna().all()]
        if empty:
            raise VcfnbError(
                f"clinical: no training case has {empty[0]}",
                "fill the column in cohort.csv, or leave the variable out",
                code="clinical-missing",
            )
        if missing == "error":
            return encoder
        lacking = numbers.isna().any()
        return cls(encoder.variables, missing, numbers.median().to_dict(), lacking.index[lacking].tolist())

    @property
    def features(self):
        """Names of the features, in their order."""
        return [FEATURES[name] for name in self.variables] + [flag(name) for name in self.flagged]

    def transform(self, table):
        """Features of any cases in the table's order: years, 1 for women and 0 for men, T-score, flags.

        A value that cannot be read is refused; with ``error`` also every case without a value.
        """
        numbers = self._numbers(table)
        values = numbers.fillna(self.medians).rename(columns=FEATURES)
        flags = numbers[self.flagged].isna().astype(float).rename(columns=flag)
        return pd.concat([values, flags], axis=1)

    def only(self, features):
        """The encoder for a model that uses some of its features: variables that no feature needs are left out."""
        needed = [name for name in self.variables if {FEATURES[name], flag(name)} & set(features)]
        medians = {name: value for name, value in self.medians.items() if name in needed}
        return ClinicalEncoder(needed, self.missing, medians, [name for name in self.flagged if name in needed])

    def of_one(self, given):
        """Features of one new case (one row), from such as ``{"age": 63, "sex": "F", "bmd": -2.1}``.

        Every variable must be named; None for a value says that it is not known.
        """
        given = given or {}
        asked = [name for name in self.variables if name not in given]
        if asked:
            unknown = " (None where it is not known)" if self.missing == "median" else ""
            raise VcfnbError(
                f"clinical: the model needs {', '.join(asked)} of the patient",
                f"give clinical={{{', '.join(f'{name!r}: ...' for name in asked)}}}{unknown}",
                code="clinical-missing",
            )
        values = self.transform(pd.DataFrame({name: [given[name]] for name in self.variables}, index=["the case"]))
        for name in [name for name in self.variables if name in RANGES and given[name] is not None]:
            low, high = RANGES[name]
            if not low <= values[FEATURES[name]].iloc[0] <= high:
                told, remedy = f"{name} is {given[name]!r}", f"give a number from {low} to {high}"
                raise BadInput([problem(told, remedy, "the case", code="invalid-value")])
        return values

    def _numbers(self, table):
        """The variables as numbers, missing ones as NaN."""
        absent = [name for name in self.variables if name not in table]
        if absent:
            raise VcfnbError(
                f"clinical: cohort.csv has no column {absent[0]}",
                f"add it, or leave {absent[0]} out of clinical",
                code="column-missing",
            )
        numbers = pd.DataFrame({name: _number(table[name], name) for name in self.variables}, index=table.index)
        problems = []
        for name in self.variables:
            remedy = "write F or M" if name == "sex" else "write a number"
            for case, value in table.loc[numbers[name].isna() & table[name].notna(), name].items():
                problems.append(problem(f"{name} is {value!r}", remedy, case, code="invalid-value"))
        if self.missing == "error":
            remedy = "fill it in, or leave the variable out (in the fusions, clinical_missing: median fills it)"
            lacking = numbers[numbers.isna().any(axis=1)].drop([row["case_id"] for row in problems], errors="ignore")
            for case, values in lacking.iterrows():
                told = f"no value of {', '.join(values.index[values.isna()])}"
                problems.append(problem(told, remedy, case, code="clinical-missing"))
        if problems:
            raise BadInput(problems)
        return numbers


def flag(name):
    """Name of the feature that says whether a variable was missing."""
    return f"{PREFIX}{name}_missing"


def _number(column, name):
    if name == "sex":
        return column.map(_SEX).astype(float)
    return pd.to_numeric(column, errors="coerce").astype(float)
