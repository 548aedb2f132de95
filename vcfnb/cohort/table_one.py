"""Table 1: training against test set, as the paper describes both."""

import pandas as pd

from vcfnb import statistics

_MEASURES = {"age": "Age, years", "bmd": "BMD, T-score"}
_COUNTS = {"sex": ("Female / male", ("F", "M")), "label": ("Acute / chronic", (1, 0))}
_NOT_RECORDED = "not recorded"


def table_one(table):
    """Describe both sets and compare them.

    Parameters
    ----------
    table : pandas.DataFrame
        split (train, test), label, and optionally age (years), bmd (T-score), sex (F, M).

    Returns
    -------
    pandas.DataFrame
        characteristic, train, test (mean +- SD, or counts; with the number of known values where some are missing),
        comparison (the test used), p, p_holm (adjusted for all tests of this table). A column that is missing or empty
        is "not recorded".
        Shapiro-Wilk decides between Welch's t test and Mann-Whitney's U; counts are compared by chi-square with Yates'
        correction, or by Fisher's exact test where an expected count is below 5.
    """
    sets = {name: table[table["split"] == name] for name in ("train", "test")}
    rows = [{"characteristic": "Cases", "train": f"{len(sets['train'])}", "test": f"{len(sets['test'])}"}]
    rows += [_measure(sets, column, name) for column, name in _MEASURES.items()]
    rows += [_count(sets, column, name, values) for column, (name, values) in _COUNTS.items()]
    described = pd.DataFrame(rows, columns=["characteristic", "train", "test", "comparison", "p"])
    return described.assign(p_holm=statistics.holm(described["p"]))


def _not_recorded(name):
    return {"characteristic": name, "train": _NOT_RECORDED, "test": _NOT_RECORDED}


def _measure(sets, column, name):
    known = {split: part[column].dropna() if column in part else [] for split, part in sets.items()}
    if not all(len(values) for values in known.values()):
        return _not_recorded(name)
    row = {"characteristic": name}
    for split, values in known.items():
        row[split] = f"{values.mean():.2f} ± {values.std():.2f}" + _of(values, sets[split])
    compared = statistics.compare_groups(known["train"], known["test"])
    return row | {"comparison": compared["test"], "p": compared["p"]}


def _count(sets, column, name, values):
    known = {split: part[column].dropna() if column in part else [] for split, part in sets.items()}
    if not all(len(found) for found in known.values()):
        return _not_recorded(name)
    counts = {split: [int((found == value).sum()) for value in values] for split, found in known.items()}
    row = {"characteristic": name}
    for split, found in counts.items():
        row[split] = " / ".join(map(str, found)) + _of(known[split], sets[split])
    present = [pair for pair in zip(*counts.values(), strict=True) if sum(pair)]
    if len(present) < 2:
        return row
    compared = statistics.compare_counts(list(zip(*present, strict=True)))
    exact = compared["smallest_expected"] < 5
    p = compared["fisher_p"] if exact else compared["p"]
    return row | {"comparison": "Fisher exact" if exact else "chi-square (Yates)", "p": p}


def _of(known, part):
    return "" if len(known) == len(part) else f" (n = {len(known)})"
