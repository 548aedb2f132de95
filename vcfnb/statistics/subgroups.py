"""Does a model work as well in women as in men, in the old, in osteoporosis, at every level of the spine?"""

from itertools import combinations

import pandas as pd

from vcfnb import statistics
from vcfnb.errors import VcfnbError
from vcfnb.statistics.tables import AREA, area

OSTEOPOROSIS = -2.5  # T-score at or below which the WHO speaks of osteoporosis


def _members(table, age_cut):
    """Which cases belong to which subgroup, all cases first: (variable, subgroup, Series of bool).

    None where the column is missing or empty; a case whose value is missing belongs to no subgroup.
    """
    level = table["level"].astype("string").str.upper() if "level" in table else None
    rules = {
        "sex": lambda sex: {"female": sex == "F", "male": sex == "M"},
        "age": lambda age: {f"below {age_cut:g} years": age < age_cut, f"{age_cut:g} years or older": age >= age_cut},
        "bmd": lambda bmd: {
            f"T-score {OSTEOPOROSIS:g} or below": bmd <= OSTEOPOROSIS,
            f"T-score above {OSTEOPOROSIS:g}": bmd > OSTEOPOROSIS,
        },
        "level": lambda _: {"thoracic": level.str.startswith("T"), "lumbar": level.str.startswith("L")},
    }
    found = [("all", "all cases", pd.Series(True, index=table.index))]
    for variable, rule in rules.items():
        known = variable in table and table[variable].notna().any() and not (variable == "age" and pd.isna(age_cut))
        if not known:
            found.append((variable, "not recorded", None))
            continue
        found += [(variable, name, mask.fillna(False).astype(bool)) for name, mask in rule(table[variable]).items()]
    return found


def auc_by_subgroup(scores, models, min_cases=5, alpha=0.05):
    """AUC with DeLong's and Newcombe's interval of each model in each subgroup of the test cases.

    `scores` may hold sex (F, M), age (years), bmd (T-score) and level (T1 to L6); the median age of training cases
    divides young and old.

    variable (all, sex, age, bmd, level), subgroup, model, n, n_acute, n_chronic, auc, ci_low, ci_high, note: why there
    is no number, where a class has fewer than `min_cases` (at least 2) cases; newcombe_low, newcombe_high.
    """
    if min_cases < 2:
        raise VcfnbError(
            f"min_cases is {min_cases}: an interval needs at least 2 cases of each class", code="out-of-range"
        )
    train, test = (scores[scores["split"] == split] for split in ("train", "test"))
    age_cut = float(pd.to_numeric(train["age"]).median()) if "age" in train else float("nan")
    rows = []
    for variable, name, mask in _members(test, age_cut):
        part = test.iloc[:0] if mask is None else test[mask]
        acute = int((part["label"] == 1).sum())
        counts = {"n": len(part), "n_acute": acute, "n_chronic": len(part) - acute}
        note = "" if mask is not None else f"{variable} is not recorded"
        if not note and min(acute, len(part) - acute) < min_cases:
            note = f"too few: {acute} acute, {len(part) - acute} chronic (at least {min_cases} of each)"
        for model in models:
            nothing = dict.fromkeys(AREA, float("nan"))
            found = nothing if note else area(part["label"], part[model], part.get("patient_id"), alpha)
            rows.append({"variable": variable, "subgroup": name, "model": model} | counts | found | {"note": note})
    return pd.DataFrame(rows)[["variable", "subgroup", "model", *counts, *AREA[:3], "note", *AREA[3:]]]


def auc_differences(table):
    """Difference of AUC between the subgroups of a variable, for each model, with an interval; no test.

    `table` is that of :func:`auc_by_subgroup`. The interval is made of both subgroups' Newcombe intervals, as if no
    patient were in both (:func:`vcfnb.statistics.independent_difference`): a patient with fractures at thoracic and
    lumbar levels makes it too wide rather than too narrow.

    variable, subgroup_a, subgroup_b, model, difference (a minus b), low, high: only where both have an AUC.
    """
    rows = []
    area = ["auc", "newcombe_low", "newcombe_high"]
    for (variable, model), part in table.dropna(subset="auc").groupby(["variable", "model"], sort=False):
        for (_, a), (_, b) in combinations(part.iterrows(), 2):
            found = statistics.independent_difference(a[area].to_list(), b[area].to_list())
            rows.append((variable, a["subgroup"], b["subgroup"], model, *found))
    return pd.DataFrame(rows, columns=["variable", "subgroup_a", "subgroup_b", "model", "difference", "low", "high"])
