"""Table 1: training against test set, as the paper describes both."""

import pandas as pd

from vcfnb import statistics

_ROWS = {"age": "Age, years", "bmd": "BMD, T-score", "sex": "Female / male", "label": "Acute / chronic"}
_COUNTED = {"sex": ("F", "M"), "label": (1, 0)}


def table_one(table):
    """Describe both sets and compare them, by split, label, and where they are recorded age, bmd and sex.

    A table of characteristic, train, test (mean +- SD, or counts; with the number of known values where some are
    missing), comparison (the test used), p, p_holm (adjusted for all tests of this table). Shapiro-Wilk decides between
    Welch's t test and Mann-Whitney's U; counts are compared by chi-square with Yates' correction, or by Fisher's exact
    test where an expected count is below 5.
    """
    sets = {name: table[table["split"] == name] for name in ("train", "test")}
    rows = [{"characteristic": "Cases"} | {name: f"{len(part)}" for name, part in sets.items()}]
    rows += [_row(sets, column, name) for column, name in _ROWS.items()]
    described = pd.DataFrame(rows, columns=["characteristic", "train", "test", "comparison", "p"])
    return described.assign(p_holm=statistics.holm(described["p"]))


def _row(sets, column, name):
    known = {split: part[column].dropna() if column in part else [] for split, part in sets.items()}
    if not all(len(values) for values in known.values()):
        return {"characteristic": name} | dict.fromkeys(sets, "not recorded")
    texts, compared = _counts(known, _COUNTED[column]) if column in _COUNTED else _measure(known)
    for split, values in known.items():
        if len(values) < len(sets[split]):
            texts[split] += f" (n = {len(values)})"
    return {"characteristic": name} | texts | compared


def _measure(known):
    texts = {split: f"{values.mean():.2f} ± {values.std():.2f}" for split, values in known.items()}
    compared = statistics.compare_groups(known["train"], known["test"])
    return texts, {"comparison": compared["test"], "p": compared["p"]}


def _counts(known, values):
    counts = {split: [int((found == value).sum()) for value in values] for split, found in known.items()}
    texts = {split: " / ".join(map(str, found)) for split, found in counts.items()}
    present = [pair for pair in zip(*counts.values(), strict=True) if sum(pair)]
    if len(present) < 2:
        return texts, {}
    compared = statistics.compare_counts(list(zip(*present, strict=True)))
    exact = compared["smallest_expected"] < 5
    p = compared["fisher_p"] if exact else compared["p"]
    return texts, {"comparison": "Fisher exact" if exact else "chi-square (Yates)", "p": p}
