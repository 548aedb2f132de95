"""Does a model work as well in women as in men, in the old, in osteoporosis, at every level of the spine?"""

import pandas as pd

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
    divides young and old. Whether two subgroups differ is not tested: with few cases such a test would miss all but the
    largest differences, and the tests of several variables would find one by chance. Intervals are to be read.

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
